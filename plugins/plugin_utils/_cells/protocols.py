# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol cells of vendors' tables: what travels over tcp, what over udp."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .ip_protocols import IP_PROTOCOLS, read_list
from .marks import without_marks
from .text import DASHES, clean, joined, plain, unbulleted
from .words import IMPLIED, MEDIA, PLAIN, PURPOSES, REMARKS, TRANSPORTS, USUAL, WORD, words_of

_SPACES = re.compile(r" {2,}")
# Gaps are one space or line break by then, and no pattern has two optional ones in a row: it would try all ways to
# share a long gap between them.
_GAP = re.compile(r"[ \n]+")
LISTED = re.compile(
    r"[ \n]?(?:[,;][ \n](?:and|or|plus)[ \n]|[,;&+|][ \n]?|(?<=[ \n])(?:and/or|and|or|plus)[ \n])", re.IGNORECASE
)
_OVER = re.compile(r"[ \n]?(?<=[ \n])(?:over|via)[ \n]", re.IGNORECASE)
_JOIN = re.compile(rf"[ \n]?[{DASHES}/][ \n]?|[ \n]")
_JOINTS = {LISTED: ",", _OVER: ">"}
_OVER_BREAKS = re.compile(r"\n(?=(?:over|via)[ \n])|(?<=[ \n]over)\n|(?<=[ \n]via)\n", re.IGNORECASE)
_VERSION_BREAKS = re.compile(r"\n(?=v?1\.[0-3])", re.IGNORECASE)
_REMARK = re.compile(r"[ \n]?\(((?:http\(s\)|[^()])*)\)", re.IGNORECASE)
_NOISE = re.compile(r"\Aprotocols?[ \n]?:[ \n]?(?=[a-z])|[ \n](?:only|protocols?)\Z", re.IGNORECASE)
_PAIR = re.compile(r"\A(?:both|either) (?=[a-z])(?!both|either)", re.IGNORECASE)
_BOTH = re.compile(r"both(?:[ \n]?\((?P<inside>[^()]*)\))?", re.IGNORECASE)
_ANY = re.compile(r"(?:any|all|ip|\*)(?:[ \n](?:ip[ \n])?protocols?)?", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")
_WHOLE = re.compile(r"\A([a-z][a-z0-9]*).*\Z", re.IGNORECASE | re.DOTALL)
_KNOWN = TRANSPORTS.keys() | PURPOSES
LONGEST = 200  # characters of a cell
_ACCEPTED = (
    "accepted are TCP, UDP, TLS, SSL, HTTP, HTTPS, WS, WSS, several of them (TCP/UDP), or nothing for TCP, and other "
    f"{IP_PROTOCOLS}"
)


class _Element(NamedTuple):
    """A word of a cell: how it joins the word before (C{,} as a list, C{>} over it, else as printed), what it is."""

    joint: str
    word: str
    transports: frozenset[str]
    bracketed: bool = False


def expand_protocols(cell: str | int | None) -> list[str]:
    """Return the protocols that a cell names, C{["tcp"]}, C{["tcp", "udp"]}, C{["esp"]}, C{["icmp/echo-request"]}.

    TLS, WSS and the like are tcp on the wire; an empty cell is tcp. A remark in parentheses (C{TCP (TURN TLS)})
    and the version of TLS do not change the transport. Raises ValueError that quotes the cell.
    """
    return read_protocols(cell)[0]


def read_protocols(cell: str | int | None) -> tuple[list[str], list[str]]:
    """Return C{(protocols, marks)} of a cell: what C{expand_protocols} returns, and its footnote marks."""
    if cell is None:
        return ["tcp"], []
    if isinstance(cell, int) and not isinstance(cell, bool) and abs(cell) < 10**6:
        cell = str(cell)
    if not isinstance(cell, str):
        raise ValueError(f"protocol {shown(cell)} is not text: {_ACCEPTED}")
    where = f"protocol {quoted(cell)}"
    if len(cell) > LONGEST:
        raise ValueError(f"{where}: the cell has {len(cell):,} characters: write at most {LONGEST:,}: {_ACCEPTED}")
    text = plain(clean(cell, f"{where}: the cell"), f"{where}: the cell").strip()
    if not text:
        return ["tcp"], []
    text = unbulleted(text, f"{where}: this", lambda way: protocols_of(way, where))
    text, marks = without_marks(_SPACES.sub(" ", text))
    text = _VERSION_BREAKS.sub("; ", _OVER_BREAKS.sub(" ", joined(text))).replace("\n", ", ")
    return protocols_of(text.strip().removesuffix(":"), where), marks


def protocols_of(text: str, where: str) -> list[str]:
    """Return the protocols of words without marks; raises ValueError that begins with C{where}."""
    text = _GAP.sub(lambda gap: "\n" if "\n" in gap.group() else " ", text).strip()
    if _ANY.fullmatch(text):
        raise ValueError(
            f"{where}: {quoted(text)} is not a known protocol: {_ACCEPTED}; it may be TCP and UDP, or every protocol: "
            "write 'TCP/UDP', or a row for each protocol"
        )
    if both := _BOTH.fullmatch(text):
        if both["inside"] is not None and protocols_of(both["inside"], where) != ["tcp", "udp"]:
            raise ValueError(f"{where}: {quoted(text)} names other protocols than two: write 'TCP/UDP', or one of them")
        return ["tcp", "udp"]
    text = _NOISE.sub("", _NOISE.sub("", text))
    if pair := _PAIR.match(text):
        if len(named := protocols_of(text[pair.end() :], where)) > 1:
            return named
        raise ValueError(
            f"{where}: {quoted(pair.group().strip())} is read before two protocols: write 'TCP/UDP', or one"
        )
    found, rest = read_list(text, where) if text.lower() not in TRANSPORTS else ([], [])
    if found:
        both_kinds = {*found, *(_transports(", ".join(rest), where) if rest else ())}
        return sorted(both_kinds, key=lambda protocol: (protocol not in ("tcp", "udp"), protocol))
    return _transports(text, where)


def _transports(text: str, where: str) -> list[str]:
    """Return the transports that a text names, C{["tcp"]}, C{["udp"]} or C{["tcp", "udp"]}."""
    elements = _elements(text, where)
    plainly = {PLAIN[element.word.lower()] for element in elements if element.word.lower() in PLAIN}
    plainly.update(*(element.transports for element in elements if len(element.transports) > 1))
    found: set[str] = set()
    start = 0
    for end in range(1, len(elements) + 1):
        if end == len(elements) or elements[end].joint == ",":
            found |= _stacked(elements[start:end], plainly, where)
            start = end
    return [transport for transport in ("tcp", "udp") if transport in found]


def _elements(text: str, where: str) -> list[_Element]:
    """Return the words of a text, with the transports that stand in parentheses behind a purpose."""
    elements: list[_Element] = []
    joint, position = ",", 0
    while position < len(text) or not elements:
        match = WORD.match(text, position)
        if not match or _DIGIT.match(text, match.end()) or match["word"].lower() not in _KNOWN:
            word = _WHOLE.sub(r"\1", text[position:], count=1)
            raise ValueError(f"{where}: {quoted(word)} is not a known protocol: {_ACCEPTED}")
        word = match["word"]
        transports = frozenset([TRANSPORTS[word.lower()]] if word.lower() in TRANSPORTS else [])
        elements.append(_Element(joint, word, transports))
        position = match.end()
        while remark := _REMARK.match(text, position):
            _bracketed(elements, remark.group(1), where)
            elements[-1] = elements[-1]._replace(bracketed=True)
            position = remark.end()
        gap = LISTED.match(text, position) or _OVER.match(text, position) or _JOIN.match(text, position)
        if gap:
            joint, position = _JOINTS.get(gap.re) or gap.group().strip() or " ", gap.end()
        if gap and position == len(text):
            raise ValueError(f"{where}: a protocol is missing at the end: {_ACCEPTED}")
        if not gap and position < len(text):
            raise ValueError(f"{where}: {quoted(text[position:])} is not a known protocol: {_ACCEPTED}")
    return elements


def _bracketed(elements: list[_Element], remark: str, where: str) -> None:
    """Check what stands in parentheses behind the last element; where that is a purpose, it may be its transport."""
    last = elements[-1]
    words = words_of(remark)
    named = [word for word in words if word in TRANSPORTS] if _KNOWN.issuperset(words) else []
    item = _item_of(elements)
    if not item and named:
        elements[-1] = last._replace(transports=frozenset(protocols_of(remark, where)))
    elif item and named and (not last.transports or not REMARKS.issuperset(named)):
        if item != {*protocols_of(remark, where)}:
            if last.word.lower() in PLAIN:
                check_remark(where, remark)
            raise ValueError(
                f"{where}: {quoted(f'({remark})')} may be for {last.word} alone: write a comma between the protocols, "
                "or TCP or UDP, as it is on the wire"
            )
        elements[-1] = last._replace(transports=last.transports or frozenset(item))
    else:
        check_remark(where, remark)
        if last.transports:
            check_agreement(where, remark, sorted(last.transports))


def _item_of(elements: list[_Element]) -> set[str]:
    """Return the transports of the last item of a list so far, from behind what has parentheses of its own."""
    found: set[str] = set()
    for element in reversed(elements):
        if element.bracketed and element is not elements[-1]:
            break
        found |= element.transports
        if element.joint == ",":
            break
    return found


def _stacked(elements: list[_Element], plainly: set[str], where: str) -> set[str]:
    """Return the transports of one item of a list; C{plainly}: those that the cell names as TCP and UDP."""
    over = [index for index, element in enumerate(elements) if element.joint == ">"]
    if over:
        _check_over(elements[: over[0]], elements[over[0] :], where)
        elements = elements[over[0] :]
    found = {transport for element in elements for transport in element.transports}
    needed = {element.word: IMPLIED[element.word.lower()] for element in elements if element.word.lower() in IMPLIED}
    for word, transport in needed.items():
        if transport not in found:
            raise ValueError(
                f"{where}: {word} travels over {transport.upper()}: write '{transport.upper()}', or the other protocol "
                f"without {word}"
            )
    if not found:
        word = elements[-1].word
        raise ValueError(
            f"{where}: {quoted(word)} is not a known protocol by itself: it may travel over TCP or UDP: write "
            f"'{word}/UDP', '{word}/TCP' or '{word}/TCP/UDP'"
        )
    if len(found) > 1 and not found <= plainly:
        # TLS on UDP, or a list: only a comma and the like tell. Where TCP and UDP stand too, both are the same.
        one, other = _differing(elements)
        raise ValueError(
            f"{where} can be read in two ways, as a list or as one protocol: write '{one}, {other}' for UDP and TCP, "
            f"or '{one}' or '{other}' alone"
        )
    return found


def _differing(elements: list[_Element]) -> tuple[str, str]:
    """Return the first two words that differ in their transports."""
    known = [element for element in elements if element.transports]
    for pair in pairwise(known):
        if pair[0].transports != pair[1].transports:
            one, other = (each.word if each.word.lower() in TRANSPORTS else _upper(each.transports) for each in pair)
            return one, other
    return "TCP", "UDP"


def _check_over(above: list[_Element], below: list[_Element], where: str) -> None:
    """Raise ValueError unless what stands before C{over} can travel over what stands behind it."""
    carriers = {transport for element in below for transport in element.transports}
    carried = [element for element in above if element.transports]
    simple = all(element.joint == "/" for element in below[1:]) and not any(element.bracketed for element in above)
    fits = all(element.transports <= carriers and element.word.lower() not in PLAIN for element in carried)
    fits = fits and all(IMPLIED.get(element.word.lower(), "") in ("", *carriers) for element in above)
    if not simple or not fits or not all(element.word.lower() in TRANSPORTS for element in below):
        words = " and ".join(dict.fromkeys(element.word for element in (*carried[:1], *below[:1])))
        ways = " or ".join(f"'{way}'" for way in dict.fromkeys(_upper(element.transports) for element in below) if way)
        raise ValueError(
            f"{where}: {words} do not go together, or more than one 'over' stands here: write "
            f"{ways or 'TCP or UDP'}, as it is on the wire"
        )


def _upper(transports: frozenset[str]) -> str:
    return "/".join(sorted(transports)).upper()


def check_remark(where: str, remark: str) -> None:
    """Raise ValueError, beginning with C{where}, unless a remark in parentheses says only what traffic is for."""
    if not REMARKS.issuperset(words_of(remark)):
        raise ValueError(
            f"{where}: the remark {quoted(f'({remark})')} may change what is meant: move it to a note; "
            f"in parentheses only these words are accepted: {', '.join(sorted(REMARKS))}"
        )


def check_agreement(where: str, remark: str, protocols: list[str], *, printed: bool = True) -> None:
    """Raise ValueError, beginning with C{where}, if a remark speaks of a transport that is not among C{protocols}.

    C{printed}: the row says its protocol; where it does not, tcp is what an empty cell stands for, and media are as
    often on udp.
    """
    words = words_of(remark)
    for word in words if not printed else ():
        if word in USUAL and USUAL[word] not in protocols:
            raise ValueError(
                f"{where} can be read in two ways: {word.upper()} may be on UDP or TCP, and the row says neither: "
                "write UDP, if that is meant, in the protocol cell"
            )
    for word in words:
        if (transport := IMPLIED.get(word)) and transport not in protocols:
            raise ValueError(
                f"{where}: {word.upper()} travels over {transport.upper()}, and the protocol is "
                f"{' and '.join(map(str.upper, protocols))}: write the one that is meant, or the cell without "
                f"{quoted(f'({remark})')}"
            )
    if not printed and not MEDIA.isdisjoint(words) and not any(word in IMPLIED for word in words):
        raise ValueError(
            f"{where} can be read in two ways: {quoted(f'({remark})')} may be on UDP or TCP, and the row says neither: "
            "write TCP or UDP, or both, in the protocol cell"
        )
