# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in brackets behind ports."""

from __future__ import annotations

from tests.support.second_port_reader.protocols import LISTS, NEEDS, PURPOSES, Protocols, is_list, purposes, read_run
from tests.support.second_port_reader.shapes import Ports, Protocol
from tests.support.second_port_reader.tokens import NUMBER, WORD, Refused, Token

TRANSPORTS = {"tcp", "udp", "quic", "sctp", "http/2", "http/3", "via"}
LETTERS = {"u": "udp", "t": "tcp"}


def mark(content: list[Token]) -> str:
    """Return a mark of one digit or letter, '' for anything else."""
    text = content[0].text if len(content) == 1 and not content[0].marked else ""
    return text if len(text) == 1 and text in "123456789abcdefghut" else ""


def check_protocol_mark(text: str, protocols: Protocols, *, alone: bool) -> None:
    """Raise Refused for a mark behind a protocol that may be more than one; C{alone}: no port stands before it."""
    if text.isdigit() and alone:
        raise Refused("a port, a mark, or the number of a protocol")
    if text in LETTERS and protocols != {LETTERS[text]}:
        raise Refused("a mark or a protocol")


def annotate(ports: Ports, content: list[Token]) -> Protocol | None:
    """Add a mark or a purpose to ports; return a protocol where that is what stands there."""
    if text := mark(content):
        ports.letters += [LETTERS[text]] if text in LETTERS else []
        return None
    words = {token.text for token in content if token.kind == WORD}
    if any(token.sign(";|") for token in content):
        raise Refused("a list in brackets")
    if any(token.marked for token in content):
        raise Refused("a mark in brackets")
    if words & TRANSPORTS:
        if any(token.kind == NUMBER for token in content):
            raise Refused("a number with a protocol in brackets")
        plain = words <= {"tcp", "udp", *LISTS[1]}
        return Protocol(read_run(content), content, plain=plain, inside=True, listed=any(map(is_list, content)))
    if ports.worded and words & set(NEEDS):
        raise Refused("any port, or all of a kind of traffic")
    ports.purposes.append(
        [*words] if words in ({"dns"}, {"ntp"}) and len(content) == 1 else purposes(content, PURPOSES)
    )
    return None
