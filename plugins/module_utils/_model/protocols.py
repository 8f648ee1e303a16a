# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols and the types of ICMP: one spelling for each, by name or by number.

A protocol has ports (tcp), types (icmp) or neither (esp). The names are those of IANA in lower case, of what firewalls
meet today: names that stand for something else in most documents (RDP, L2TP, PTP) are left to their numbers.
"""

from __future__ import annotations

import socket

NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ipv4": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "eigrp": 88,
    "ospf": 89,
    "etherip": 97,
    "pim": 103,
    "ipcomp": 108,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
    "mpls-in-ip": 137,
    "hip": 139,
}
# Other spellings: of IANA, of /etc/protocols and of clouds.
ALIASES = {
    "ipv6-icmp": "icmpv6",
    "icmp6": "icmpv6",
    "icmp-v6": "icmpv6",
    "icmpv4": "icmp",
    "ospfigp": "ospf",
    "udp-lite": "udplite",
    "ipencap": "ipv4",
    "ip-in-ip": "ipv4",
    "ipv6-encap": "ipv6",
    "comp": "ipcomp",
}
PORTED = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
# Protocols of one IP version only; a destination of the other cannot be reached by them.
VERSIONS = {"icmp": 4, "icmpv6": 6}
# Numbers of what is a part of IPv6's own header: what follows it is the protocol. Linux and clouds take 0 for any.
_HEADERS = {0: "hop-by-hop options", 43: "a routing header", 44: "a fragment header", 60: "destination options"}

TYPES = {
    "icmp": {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "info-request": 15,
        "info-reply": 16,
        "address-mask-request": 17,
        "address-mask-reply": 18,
    },
    "icmpv6": {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "mld-listener-done": 132,
        "router-solicitation": 133,
        "router-advertisement": 134,
        "neighbor-solicitation": 135,
        "neighbor-advertisement": 136,
        "redirect": 137,
        "router-renumbering": 138,
        "inverse-neighbor-solicitation": 141,
        "inverse-neighbor-advertisement": 142,
        "mld2-listener-report": 143,
    },
}
_TYPE_ALIASES = {
    "echo": "echo-request",
    "ping": "echo-request",
    "pong": "echo-reply",
    "unreachable": "destination-unreachable",
    "timestamp": "timestamp-request",
    "ttl-exceeded": "time-exceeded",
    "neighbour-solicitation": "neighbor-solicitation",
    "neighbour-advertisement": "neighbor-advertisement",
    "nd-neighbor-solicit": "neighbor-solicitation",
    "nd-neighbor-advert": "neighbor-advertisement",
    "nd-router-solicit": "router-solicitation",
    "nd-router-advert": "router-advertisement",
    "nd-redirect": "redirect",
    "ind-neighbor-solicit": "inverse-neighbor-solicitation",
    "ind-neighbor-advert": "inverse-neighbor-advertisement",
    "mld-listener-reduction": "mld-listener-done",
}
_NAMES = {number: name for name, number in NUMBERS.items()}
_TYPE_NAMES = {protocol: {number: name for name, number in types.items()} for protocol, types in TYPES.items()}


def canonical(text: str) -> str:
    """Return the one spelling of a protocol's name or number: C{esp} of C{ESP} and C{50}, C{253} of C{253}.

    Raises ValueError that says why it is none, '' where it is only unknown.
    """
    word = text.strip().lower()
    if not (word.isascii() and word.isdigit()):
        word = ALIASES.get(word, word)
        if word not in NUMBERS:
            raise ValueError("")
        return word
    if len(word) > 3 or int(word) > 255:
        raise ValueError("a protocol's number is at most 255")
    if word != str(int(word)):
        raise ValueError(f"a number with a leading zero: write {int(word)}")
    if int(word) in _HEADERS:
        header = _HEADERS[int(word)]
        raise ValueError(f"{word} is {header} of IPv6 and no protocol of its own: write the protocol that follows it")
    return _NAMES.get(int(word), word)


def number(protocol: str) -> int:
    """Return the number of a protocol in its one spelling."""
    return NUMBERS[protocol] if protocol in NUMBERS else int(protocol)


def printed(text: str) -> str:
    """Return the one spelling of what a tool prints: names of /etc/protocols that are not in the table become numbers.

    What is neither is returned as it is.
    """
    for spelling in (text, _looked_up(text)):
        try:
            return canonical(spelling)
        except ValueError:
            continue
    return text


def _looked_up(name: str) -> str:
    try:
        return str(socket.getprotobyname(name))
    except OSError:
        return name


def service(protocol: str, text: str = "") -> str:
    """Return a service in words: C{tcp/443}, C{icmp/echo-request}, C{esp}."""
    return f"{protocol}/{text}" if text else protocol


def canonical_type(protocol: str, text: str) -> str:
    """Return the one spelling of a type of C{icmp} or C{icmpv6}, by name or number: C{echo-request} of C{8}.

    Raises ValueError that says what is accepted.
    """
    word = "-".join(text.lower().replace("_", " ").split())
    if word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255 and word == str(int(word)):
        return type_name(protocol, int(word))
    word = _TYPE_ALIASES.get(word, word)
    if word not in TYPES[protocol]:
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise ValueError(
            f"'{shown}' is no type of {protocol}: accepted are numbers from 0 to 255 and {', '.join(TYPES[protocol])}"
        )
    return word


def type_name(protocol: str, value: int) -> str:
    """Return a type's name, its number as text where it has none."""
    return _TYPE_NAMES[protocol].get(value, str(value))


def type_number(protocol: str, name: str) -> int:
    """Return the number of a type in its one spelling."""
    return TYPES[protocol][name] if name in TYPES[protocol] else int(name)
