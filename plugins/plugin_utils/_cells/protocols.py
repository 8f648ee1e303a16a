# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol cells of vendors' tables: what travels over tcp, what over udp."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .ip_protocols import IP_PROTOCOLS, read_list
from .text import DASHES, clean

# A word of a protocol cell -> the transport that a packet filter sees.
_TRANSPORTS = {
    "tcp": "tcp",
    "udp": "udp",
    "tls": "tcp",
    "ssl": "tcp",
    "http": "tcp",
    "https": "tcp",
    "http(s)": "tcp",
    "ws": "tcp",
    "wss": "tcp",
}
# What may stand in parentheses: what the traffic is for. Anything else there ("not UDP") might change the meaning.
_MEDIA = {"ice", "media", "rtp", "sip", "srtp", "stun", "turn", "webrtc", "allocated"}
REMARKS = frozenset({*_MEDIA, "dtls", "secure", "http", "https", "ssl", "tls", "wss", "xmpp"})
# What a remark says of the transport: each of these needs the one that it is mapped to.
_IMPLIED = {"dtls": "udp", **dict.fromkeys(("http", "https", "ssl", "tls", "ws", "wss", "xmpp"), "tcp")}
_USUAL = {"rtp": "udp", "srtp": "udp"}  # where the row does not say the protocol
_WORD = re.compile(r"http\(s\)|[a-z][a-z0-9]*", re.IGNORECASE)
# Gaps are one space or line break by then, and no pattern has two optional ones in a row: it would try all ways to
# share a long gap between them.
_GAP = re.compile(r"[ \n]+")
_BETWEEN = re.compile(rf"[ \n]?(?:([{DASHES}/,;&+])[ \n]?)?(and[ \n])?", re.IGNORECASE)
_TLS_VERSION = re.compile(r"[ \n]?v?1\.[0-3]\+?", re.IGNORECASE)
_REMARK = re.compile(r"[ \n]?\(([^()]*)\)")
_LONGEST = 200  # characters of a cell
_ACCEPTED = (
    "accepted are TCP, UDP, TLS, SSL, HTTP, HTTPS, WS, WSS, several of them (TCP/UDP), or nothing for TCP, and other "
    f"{IP_PROTOCOLS}"
)


def expand_protocols(cell: str | int | None) -> list[str]:
    """Return the protocols that a cell names, C{["tcp"]}, C{["tcp", "udp"]}, C{["esp"]}, C{["icmp/echo-request"]}.

    TLS, WSS and the like are tcp on the wire; an empty cell is tcp. A remark in parentheses (C{TCP (TURN TLS)})
    and the version of TLS do not change the transport. Raises ValueError that quotes the cell.
    """
    if cell is None:
        return ["tcp"]
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) < 10**6:
        cell = str(cell)
    if not isinstance(cell, str):
        raise ValueError(f"protocol {shown(cell)} is not text: {_ACCEPTED}")
    where = f"protocol {quoted(cell)}"
    if len(cell) > _LONGEST:
        raise ValueError(f"{where}: the cell has {len(cell):,} characters: write at most {_LONGEST:,}: {_ACCEPTED}")
    text = _GAP.sub(lambda gap: "\n" if "\n" in gap.group() else " ", clean(cell, f"{where}: the cell")).strip()
    if not text:
        return ["tcp"]
    text = text.removesuffix(":").rstrip()
    found_there, rest = read_list(text, where) if text.lower() not in _TRANSPORTS else ([], [])
    if found_there:
        both = {*found_there, *(transport for part in rest for transport in _transports(part, where))}
        return sorted(both, key=lambda protocol: (protocol not in ("tcp", "udp"), protocol))
    return _transports(text, where)


def _transports(text: str, where: str) -> list[str]:
    """Return the transports that a text names, C{["tcp"]}, C{["udp"]} or C{["tcp", "udp"]}."""
    found: dict[str, str] = {}
    stacks: list[tuple[str, str]] = []
    before = joint = ""
    position = 0
    while position < len(text) or not found:
        match = _WORD.match(text, position)
        word = match.group() if match else text[position:]
        transport = _TRANSPORTS.get(word.lower()) if match else None
        if not match or not transport:
            raise ValueError(f"{where}: {quoted(word)} is not a known protocol: {_ACCEPTED}")
        if transport != found.get(before.lower(), transport) and (not joint or joint in f"/{DASHES}"):
            stacks.append((before, word))
        found[word.lower()] = transport
        position = match.end()
        if word.lower() in ("tls", "ssl") and (version := _TLS_VERSION.match(text, position)):
            position = version.end()
        if remark := _REMARK.match(text, position):
            check_remark(where, remark.group(1))
            check_agreement(where, remark.group(1), [transport])
            position = remark.end()
        between = _BETWEEN.match(text, position)
        if between and between.end() == len(text) and (between.group(1) or between.group(2)):
            raise ValueError(f"{where}: a protocol is missing at the end: {_ACCEPTED}")
        position = between.end() if between else position
        before, joint = word, between.group().strip() if between else ""
    if stacks and "tcp" not in found:
        # TLS on UDP, or a list: only a comma and the like tell. Where TCP stands too, both are the same.
        one, other = stacks[0]
        raise ValueError(
            f"{where} can be read in two ways, as a list or as one protocol: write '{one}, {other}' for UDP and TCP, "
            f"or '{one}' or '{other}' alone"
        )
    return [transport for transport in ("tcp", "udp") if transport in found.values()]


def check_remark(where: str, remark: str) -> None:
    """Raise ValueError, beginning with C{where}, unless a remark in parentheses says only what traffic is for."""
    if not REMARKS.issuperset(_words(remark)):
        raise ValueError(
            f"{where}: the remark {quoted(f'({remark})')} may change what is meant: move it to a note; "
            f"in parentheses only these words are accepted: {', '.join(sorted(REMARKS))}"
        )


def check_agreement(where: str, remark: str, protocols: list[str], *, printed: bool = True) -> None:
    """Raise ValueError, beginning with C{where}, if a remark speaks of a transport that is not among C{protocols}.

    C{printed}: the row says its protocol; where it does not, tcp is what an empty cell stands for, and media are as
    often on udp.
    """
    words = _words(remark)
    implied = _IMPLIED if printed else {**_IMPLIED, **_USUAL}
    for word in words:
        if (transport := implied.get(word)) and transport not in protocols:
            raise ValueError(
                f"{where}: {word.upper()} travels over {transport.upper()}, and the protocol is "
                f"{' and '.join(map(str.upper, protocols))}: write the one that is meant, or the cell without "
                f"{quoted(f'({remark})')}"
            )
    if not printed and not _MEDIA.isdisjoint(words) and not any(word in _IMPLIED for word in words):
        raise ValueError(
            f"{where} can be read in two ways: {quoted(f'({remark})')} may be on UDP or TCP, and the row says neither: "
            "write TCP or UDP, or both, in the protocol cell"
        )


def _words(remark: str) -> list[str]:
    return re.split(r"[\s/,]+", remark.strip().lower())
