# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of words in a cell of ports that name a protocol."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .port_atoms import ANY, NUMBER, PROTOCOL, Atom
from .port_errors import without_ports
from .port_grammar import BINDS, INSIDE_WORDS, SERVICE_AHEAD, WHOLE_PHRASE
from .protocols import LISTED, LONGEST, protocols_of
from .words import NAMED_PORTS, PLAIN, PURPOSES, TRANSPORTS, VERSION, words_of

_CARRIED = re.compile(r"\b(?:over|via)\b", re.IGNORECASE)
_IN_SERVICES = TRANSPORTS.keys() | {"port", "ports", "and", "or", "to", "through", "thru", "v"}


def phrase_atom(text: str, outside: str, where: str) -> Atom:
    """Return a protocol of a cell; C{outside}: its text without brackets. Raises ValueError for no protocol."""
    protocols = transports_of(text, where)
    bare = [protocol for protocol in protocols if not has_ports(protocol)]
    if bare:
        raise ValueError(f"{where}: {without_ports(bare[0])}")
    listed = bool(LISTED.search(re.sub(VERSION, "", outside, flags=re.IGNORECASE)))
    words = {word.lower() for word in INSIDE_WORDS.findall(outside)}
    names = {port for word in words for port in NAMED_PORTS.get(word, ())}
    kept = sorted(names) if listed or words.isdisjoint(PLAIN) else []
    atom = Atom(PROTOCOL, text, protocols=protocols, names=tuple(kept), listed=listed)
    atom.pure = words <= {*NAMED_PORTS, "and", "or", "plus"}
    atom.plain = words <= {*PLAIN, "ip", "and", "or", "plus"}
    return atom


def transports_of(text: str, where: str) -> tuple[str, ...]:
    """Return the protocols of words; raises ValueError, beginning with C{where}, for words without one reading."""
    if LISTED.search(text) and len(_CARRIED.findall(text)) > 1:
        raise ValueError(
            f"{where}: {quoted(text)} can be read in two ways, as one list or as protocols with ports of their own: "
            "write TCP or UDP in front of the ports of each"
        )
    if len(text) > LONGEST:
        raise ValueError(f"{where}: {quoted(text)}: write a protocol with at most {LONGEST} characters")
    try:
        return tuple(protocols_of(text, where))
    except ValueError:
        raise ValueError(
            f"{where}: {quoted(text)} has no single reading as a protocol: write TCP or UDP, as it is on the "
            "wire, in front of the ports"
        ) from None


def is_said_again(before: Atom, text: str, where: str) -> bool:
    """Whether words in brackets name the transport that the protocol before them has: C{UDP (QUIC)}."""
    named = not TRANSPORTS.keys().isdisjoint(words_of(text))
    if before.kind != PROTOCOL or not named or not WHOLE_PHRASE.fullmatch(text):
        return False
    return transports_of(f"{before.text} ({text})", where) == before.protocols


def has_transports(text: str, inside: str) -> bool:
    """Whether brackets hold the transports of the last item of a list of words: C{TCP, RTP (UDP)}, C{HTTPS (TCP)}."""
    words, named = words_of(LISTED.split(text)[-1]), words_of(inside)
    if PURPOSES.issuperset(words):
        return not TRANSPORTS.keys().isdisjoint(named)
    return PLAIN.keys().isdisjoint(words) and not PLAIN.keys().isdisjoint(named)


def has_port(atoms: list[Atom]) -> bool:
    """Whether the last atom, a protocol, is bound to a port before it."""
    bound = len(atoms) > 1 and atoms[-2].kind in (NUMBER, ANY)
    return bound and bool(BINDS.fullmatch(atoms[-1].gap))


def service_ahead(text: str, position: int) -> int:
    """Return where the inside of brackets with protocols and their ports begins, C{(UDP 5060)}; 0 where none are."""
    ahead = SERVICE_AHEAD.match(text, position)
    words = set(re.findall(r"[a-z]+", ahead["inside"].lower())) if ahead else set()
    plainly = not words.isdisjoint(PLAIN) and words <= _IN_SERVICES
    return ahead.start("inside") if ahead and plainly and re.search(r"[0-9]{2}", ahead["inside"]) else 0


def udp_in_front(atoms: list[Atom]) -> bool:
    """Whether the line begins with a protocol, and the last one before its end is UDP: C{UDP 443 (QUIC)}."""
    begin = next((index for index in range(len(atoms) - 1, 0, -1) if "\n" in atoms[index].gap), 0)
    named = [atom.protocols for atom in atoms[begin:] if atom.kind == PROTOCOL]
    return atoms[begin].kind == PROTOCOL and named[-1] == ("udp",)


def phrase_alone(text: str) -> str:
    """Return a text that names TCP or UDP and nothing else, '' for any other."""
    words = set(words_of(text))
    return text.strip() if words and words <= PLAIN.keys() else ""


def touches(before: Atom, atom: Atom) -> bool:
    """Whether two atoms may stand without a gap: C{443tcp}, of three digits or more."""
    if {before.kind, atom.kind} != {NUMBER, PROTOCOL}:
        return False
    return len(before.text if before.kind == NUMBER else atom.text) > 2
