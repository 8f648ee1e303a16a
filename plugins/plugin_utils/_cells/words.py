# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of protocol cells: what each is on the wire, what it says of its traffic, and the ports of names."""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase

from .text import DASHES

# A word -> the transport that a packet filter sees. TLS over UDP is DTLS, HTTP over UDP is HTTP/3.
TRANSPORTS = {
    "tcp": "tcp",
    "udp": "udp",
    "tcp/ip": "tcp",
    "udp/ip": "udp",
    **dict.fromkeys(("tls", "mtls", "ssl", "http", "https", "http(s)", "ws", "wss", "websocket", "websockets"), "tcp"),
    **dict.fromkeys(("http/1.0", "http/1.1", "http/2", "http/2.0"), "tcp"),
    **dict.fromkeys(("dtls", "quic", "http/3"), "udp"),
}
# Those that name the transport itself.
PLAIN = {"tcp": "tcp", "udp": "udp", "tcp/ip": "tcp", "udp/ip": "udp"}
# What traffic is for, and what is carried by TCP or UDP alike.
MEDIA = frozenset({
    "allocated", "dns", "ice", "media", "rtcp", "rtp", "sip", "srtcp", "srtp", "stun", "turn", "webrtc",
})  # fmt: skip
PURPOSES = MEDIA | {"ntp", "secure", "xmpp"}
# What may stand in parentheses. Anything else there ("not UDP") might change the meaning.
REMARKS = PURPOSES | {"dtls", "http", "http(s)", "https", "ssl", "tls", "websocket", "websockets", "ws", "wss"}
# What a remark says of the transport: each of these needs the one that it is mapped to.
IMPLIED = {
    "dtls": "udp",
    "ntp": "udp",
    "quic": "udp",
    **dict.fromkeys(
        ("http", "http(s)", "https", "ssl", "tls", "websocket", "websockets", "ws", "wss", "xmpp"),
        "tcp",
    ),
}
USUAL = dict.fromkeys(("rtp", "rtcp", "srtp", "srtcp"), "udp")  # where the row does not say the protocol

# Names that stand for ports beyond doubt, and purposes that have one port.
NAMED_PORTS = {"http": (80,), "https": (443,), "http(s)": (80, 443)}
OWN_PORTS = {"dns": 53, "ntp": 123}
# The ports that a purpose beside a number, without colon or brackets, may have: it is no other port of a list then.
USUAL_PORTS = {"dns": (53,), "ntp": (123,), "sip": (5060, 5061), "stun": (3478,), "turn": (3478,), "xmpp": (5222,)}
# Names that are no ports, with the numbers to write.
_HTTPS = "443"
WRITE_INSTEAD = {
    **dict.fromkeys(("wss", "tls", "ssl", "mtls", "quic", "dtls"), _HTTPS),
    **dict.fromkeys(("sip", "sips"), "5060, 5061"),
    **dict.fromkeys(("stun", "turn"), "3478"),
    **dict.fromkeys(("stuns", "turns"), "5349"),
    "dns": "53", "ntp": "123", "ws": "80", "xmpp": "5222", "ssh": "22", "ftp": "21", "smtp": "25", "ldap": "389",
    "ldaps": "636", "rtmp": "1935", "rtmps": "443", "snmp": "161", "rdp": "3389", "http(s)": "80, 443",
}  # fmt: skip
EPHEMERAL = frozenset({"ephemeral", "dynamic", "high", "highports", "highport", "random", "registered"})
REQUIREMENTS = {"required": "required", "mandatory": "required", "recommended": "recommended", "optional": "optional"}

_HIGHER = r"(?:and|or)[ ](?:above|greater|higher|later|newer|up)(?![a-z])"
VERSION = (
    r"(?:[ ]{0,3}v?1\.[0-3](?![0-9.])|[ ]{0,3}v?[23]\.0(?![0-9.])|[ ]{0,3}v[1-3](?![0-9.]))"
    r"(?:(?:[ ]?[/,&+][ ]?|[ ](?:and|or)[ ])v?1\.[0-3](?![0-9.]))*"
    rf"(?:\+(?=[^0-9a-z]|$)|[ ]{_HIGHER})?"
)
# What goes on with a version behind its first number.
VERSION_GOES_ON = rf"[ ]*(?:[/,&+][ ]*|(?:and|or)[ ]+)v?1\.[0-3]|[ ]+{_HIGHER}"
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
# A word, with the version of TLS that may stand behind it: groups word and version.
WORD = re.compile(
    rf"(?P<word>http\(s\)|http/(?:1\.[01]|2(?:\.0)?|3)(?![0-9.])|(?:tcp|udp)/ip(?![a-z0-9])"
    rf"|(?:m?tls|dtls|ssl)(?=v[1-3])|[a-z]+)"
    rf"(?P<version>(?<=tls){VERSION}|(?<=ssl){VERSION})?",
    re.IGNORECASE | re.ASCII,
)
# One separator between two words; of two, what is left is no word.
_REMARK_GAP = re.compile(rf" ?(?:[{DASHES},&+]|/(?![0-9]|ip\b)) ?| (?:and/or|and|or|over) | ")
_REMARK_VERSION = re.compile(rf"(?<=tls){VERSION}|(?<=ssl){VERSION}", re.IGNORECASE)


def words_of(remark: str) -> list[str]:
    """Return the words of a remark in parentheses, in small letters and without versions; C{[""]} for none.

    What joins none of them, like the second of two separators, is a word that stands in no list.
    """
    text = " ".join(remark.split())
    text = _REMARK_VERSION.sub("", text.translate(_SMALL))
    return _REMARK_GAP.split(text)
