# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of a cell of ports: numbers, words and signs, one pattern for each kind of token.

Gaps inside phrases have at most three spaces, and no pattern tries more than one way to share a long gap: the time that
a cell takes grows with its length and no faster.
"""

from __future__ import annotations

import re

from .marks import MARK
from .text import DASHES
from .words import PURPOSES, TRANSPORTS, VERSION

_PORTED = ("sctp", "dccp", "udp-lite", "udplite")
_VOCABULARY = "|".join(sorted(map(re.escape, {*TRANSPORTS, *PURPOSES, *_PORTED}), key=len, reverse=True))
_WORD = rf"(?:{_VOCABULARY})(?:(?<=tls){VERSION}|(?<=ssl){VERSION}|(?![a-z])(?<![0-9])|(?<=[0-9])(?![0-9.a-z]))"
_JOIN = (
    rf"(?:[ ]{{0,9}}[{DASHES}/,&+][ ]{{0,9}}(?:(?:and|or)[ ]+)?"
    r"|[ ]{1,9}(?:(?:and/or|and|or|plus|over|via)[ ]{1,9})?)"
)
_PHRASE = rf"{_WORD}(?:{_JOIN}{_WORD})*"
_ABOVE, _BELOW = "above|over|(?:greater|higher|more)[ ]{1,3}than", "below|under|(?:less|lower)[ ]{1,3}than"
_UP, _DOWN = "above|upwards?|up|higher|greater|more|beyond", "below|lower|under|less|down(?:wards?)?"
_NO_MORE = r"(?![a-z]|[ ]+(?:to|than|[0-9]))"
_OVER = r"over(?=[ ]*(?:$|[\n,;|)]))"  # with a word behind it, it says what is carried
_PORT = r"ports?(?:\(s\)|(?![a-z]))(?:[ ]+(?:ranges?|numbers?|nos?\.)(?![a-z]))?(?:[ ]*[#])?"
TOKEN = re.compile(
    rf"""(?P<number>[0-9]+)
    | (?P<mark>{MARK.pattern})
    | \((?P<inside>(?:http\(s\)|[^()\n])*)\)
    | (?P<close>\))
    | [ ]*(?P<upward>(?<=[ ])(?:(?:and|or)[ ]+(?:(?:{_UP}|{_DOWN}){_NO_MORE}|{_OVER})|(?:up|upwards?){_NO_MORE}))
    | (?P<relation>>=|≥|<=|≤|>|<
        |(?:{_ABOVE}|{_BELOW}|greater[ ]than[ ]or[ ]equal[ ]to|at[ ]{{1,3}}(?:least|most)|up[ ]{{1,3}}to|from)(?=[ ])
        (?:[ ]+ports?(?=[ ]))?)[ ]*(?=[0-9])
    | (?P<separator>[ ]+|[{DASHES}\n,;/&|:~.+]|(?<=[ \n])(?:and/or|and|or|plus|to|through|thru)(?=[ \n]))
    | (?P<port>{_PORT}
        (?P<colon>[ ]*:[ ]*+(?!:))?)
    | (?P<pair>(?<![0-9a-z])(?:both|either)[ ]+(?=[0-9]|(?:{_VOCABULARY})(?![a-z])))
    | (?P<any>(?:any|all)(?![a-z]))
    | (?P<phrase>{_PHRASE})""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
WHOLE_PHRASE = re.compile(_PHRASE.replace(r"\ ", "[ ]"), re.IGNORECASE | re.ASCII)
BRACKETED = re.compile(rf"[ ]?\((?P<inside>{_PHRASE})\)", re.IGNORECASE | re.ASCII)
BETWEEN = re.compile(
    r"(?<![a-z0-9])between +((?:ports? +)?(?:[0-9]{1,5}|[0-9]{1,2}[ ,.][0-9]{3})) +and +(?=[0-9])", re.IGNORECASE
)
UP_ENDS = re.compile(r"[ ]*(?:$|[,;|&)]|(?<=[ ])(?:and/or|and|or|plus)[ ])")
# Ports that are more than one, behind C{all ports}.
LIMITS = re.compile(
    rf"(?:[0-9]{{1,5}}|[0-9]{{1,2}}[ ,.][0-9]{{3}})(?:[ ]*[{DASHES}~][ ]*(?=[0-9])"
    rf"|[ ]+(?:up[ ]+to|to|through|thru)[ ]+(?=[0-9])|:(?=[0-9])|\+"
    rf"|[ ]+(?:(?:and|or)[ ]+(?:{_UP}|{_DOWN})|up|upwards?){_NO_MORE})",
    re.IGNORECASE,
)
MARK_ENDS = re.compile(
    rf"[ ]*(?:$|[{DASHES}\n,;:/|&+~()\[]|(?:and/or|and|or|plus|to|through|thru)[ ]|{MARK.pattern})", re.IGNORECASE
)
# What joins a protocol to the port before it.
BINDS = re.compile(rf"[ ]*[{DASHES}/:]?[ ]*")
# What joins a purpose to the ports behind it: a colon, brackets, or a gap.
PORT_WORD = r"ports?(?:[ ]+(?:ranges?|numbers?))?:?[ ]+"  # in brackets
PORTS_AHEAD = re.compile(
    rf"[ ]*:[ ]*|[ ]{_PORT}(?:[ ]*:[ ]*|[ ]*(?!\n))"
    rf"|(?P<opened>[ ]*\([ ]*(?![0-9][ ]*\))(?=(?:[0-9]|from[ ]|{PORT_WORD}[0-9])[^()\n]*\)))"
    r"|(?P<beside>[ ]{1,3}|/)(?=[0-9])",
    re.IGNORECASE,
)
# What makes words before TCP or UDP a purpose: C{HTTPS: TCP 443}.
LABEL_AHEAD = re.compile(r"[ ]*:[ ]*(?=(?:tcp|udp)(?![a-z]))", re.IGNORECASE)
# What may be protocols with their ports in brackets, behind what these are for: C{SIP (UDP 5060)}, C{HTTPS (443/TCP)}.
SERVICE_AHEAD = re.compile(
    rf"[ ]?\((?P<inside>(?=[a-z]|[0-9]{{2}})[{DASHES}0-9a-z ,.;/&+~:]*[0-9a-z])\)", re.IGNORECASE
)
INSIDE_WORDS = re.compile(r"[a-z]+(?:\(s\)|/[0-9.]+)?", re.IGNORECASE)
RELATIONS = {
    **dict.fromkeys(("above", "over", "greater than", "higher than", "more than"), ">"),
    **dict.fromkeys(("below", "under", "less than", "lower than"), "<"),
    **dict.fromkeys(("≥", "at least", "greater than or equal to"), ">="),
    **dict.fromkeys(("≤", "up to", "at most"), "<="),
}
COMPARISONS = (">", "<", ">=", "<=")
DOWNWARD = {"below", "lower", "under", "less", "down", "downward", "downwards"}
