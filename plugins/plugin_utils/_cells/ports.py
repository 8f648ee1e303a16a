# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port cells of vendors' tables.

A comma directly between a number of one or two digits and three digits may be a thousands separator
(C{10,000}) or may separate two ports (C{22,443}); so may a single space. Every reading of the whole cell is tried.
Exactly one with valid ports is taken: C{10,000} cannot be ports 10 and 000, C{443,444} cannot be port 443444.
Two or more are an error that says how to write each. A comma with a space after it always separates.

A shorter number behind a slash, an ampersand or C{and} may be shorthand for the port that it ends (C{5060/61}): where
that is 1 to 20 above the one before, the cell has two readings too. C{443/5349} and C{5349/443} are lists.

Numbers that may count lines (C{1 - 80} above C{3 - 443}) and ports that a space may have broken (C{34 78}) are refused.
"""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import collapse
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable, shown

from .port_readings import BREAK, COLUMN, COMMA, EITHER, LIST, RANGE, SHORT, SPACE, Reading, groups, readings_of
from .protocols import check_remark
from .text import DASHES, check_numbering, clean, unbulleted

_TOKEN = re.compile(
    rf"""(?P<number>[0-9]+)
    | (?P<range>[ ]*[{DASHES}:][ ]*)
    | (?P<between>\s*[,;/&]\s*(?:and\s+)?|\s+and\s+|\s+)""",
    re.VERBOSE | re.IGNORECASE,
)
_LABEL = re.compile(r"ports?(\s+range)?\s*:\s*", re.IGNORECASE)
_REMARK = re.compile(r"\(([^()]*)\)$")
_SHORTHAND = re.compile(r"\s*[/&]\s*(?:and\s+)?|\s+and\s+", re.IGNORECASE)
_LONGEST = 8_000  # characters of a cell; the time that readings take grows faster than its length
_FARTHEST = 20  # a port that shorthand completes is at most so far above the one before
_WELL_KNOWN = 1024  # a range that begins below and overlaps another may begin with the number of its line
_LONGEST_ADVICE = 200
_ACCEPTED = "accepted are ports from 1 to 65535 (443), ranges (6000-60000), lists of them (443, 8443) and 'any'"


def expand_ports(cell: str | int | None) -> list[str]:
    """Return the ports and port ranges of a cell in printed order: C{["443", "5349"]}, C{["6000-60000"]}.

    Ports are 1-65535, ranges inclusive; C{any} is C{["1-65535"]}; what is printed twice is returned once.
    Raises ValueError that quotes the cell and gives the reason.
    """
    if isinstance(cell, bool) or not isinstance(cell, (str, int)):
        raise ValueError(f"ports {quoted(shown(cell))}: this is neither a number nor text: {_ACCEPTED}")
    if isinstance(cell, int) and abs(cell) >= 10**20:
        raise ValueError(f"ports: a number of more than 20 digits is no port: {_ACCEPTED}")
    where = f"ports {quoted(str(cell))}"
    if len(str(cell)) > _LONGEST:
        raise ValueError(f"{where}: the cell has {len(str(cell))} characters: write at most {_LONGEST} in one row")
    text = clean(str(cell), f"{where}: the cell").strip()
    text = text[match.end() :] if (match := _LABEL.match(text)) else text
    if remark := _REMARK.search(text):
        check_remark(where, remark.group(1))
        text = text[: remark.start()].rstrip()
    if not text:
        raise ValueError(f"{where}: the cell is empty: {_ACCEPTED}")
    if text.lower() == "any":
        return ["1-65535"]
    text = unbulleted(text, f"{where}: this", expand_ports)
    check_numbering(where, text)
    numbers, joints = _tokens(where, text)
    readings = readings_of(numbers, joints)
    if not readings:
        raise ValueError(f"{where}: {_fault(numbers, joints)}")
    ways = [", ".join(_texts(reading)) for reading in readings]
    if len(readings) == 1:
        _check_overlaps(where, readings[0])
        ways += _completed(readings[0], joints) or _unbroken(readings[0], joints)
    if len(ways) > 1:
        more = ", among others" if len(ways) > 3 or len(readings) > 2 else ""
        raise ValueError(f"{where}: this can be read in more than one way: {_advice(ways)}{more}")
    return _texts(readings[0])


def remark_of(cell: str | int | None) -> str:
    """Return what stands in parentheses at the end of a port cell, '' if nothing does."""
    remark = _REMARK.search(cell.strip()) if isinstance(cell, str) else None
    return remark.group(1) if remark else ""


def _texts(reading: Reading) -> list[str]:
    """Return the ports of a reading as texts, each once."""
    return list(dict.fromkeys(format_ports(low, high) for low, high, _start in reading))


def _complete(port: int, end: int) -> int:
    """Return the port whose last digits are C{end} and whose first are those of C{port}; 0 if C{end} is no shorter."""
    digits = 10 ** len(str(end))
    return port // digits * digits + end if port >= digits else 0


def _completed(reading: Reading, joints: list[str]) -> list[str]:
    """Return how to write a reading's shorthand in full, C{["5060-5061"]} for C{5060/61}; nothing if it has none."""
    full: list[tuple[int, int]] = []
    short = 0
    for low, high, start in reading:
        before = full[-1][1] if full else 0
        farthest = min(before + _FARTHEST, 65535)
        if start and joints[start - 1] == SHORT and before < (port := _complete(before, low)) <= farthest:
            short += 1
            full.append((port, max(port, _complete(port, high) or high)))
        else:
            full.append((low, high))
    if not short:
        return []
    listed = ", ".join(format_ports(low, high) for low, high in full)
    if len(full) > 2 or any(low != high for low, high in full):
        return [listed]
    first, last = full[0][0], full[1][0]
    return [f"{first}-{last}"] if last == first + 1 else [listed, f"{first}-{last}"]


def _unbroken(reading: Reading, joints: list[str]) -> list[str]:
    """Return how to write a reading with broken ports in one, C{["3478"]} for C{34 78}; nothing if none seems broken.

    Of several gaps that may be inside a port each may be the one, or all of them.
    """
    items = [(low, high) for low, high, _start in reading]
    gaps = [BREAK, *(joints[start - 1] for _low, _high, start in reading[1:]), BREAK]
    broken = [at for at in range(1, len(items)) if _breaks(gaps[at - 1 : at + 2], items[at - 1], items[at])]
    if not broken:
        return []
    found = [*(_without(items, {at}) for at in broken[:3]), _without(items, set(broken))]
    return list(dict.fromkeys(", ".join(dict.fromkeys(format_ports(*ports) for ports in listed)) for listed in found))


def _breaks(gaps: list[str], before: tuple[int, int], behind: tuple[int, int]) -> bool:
    """Whether the second of three gaps may be inside a port: none between numbers on lines of their own is."""
    behind_range = before[0] < before[1]
    if gaps[1] == BREAK and not behind_range and behind[0] == behind[1] and gaps[0] == gaps[2] == BREAK:
        return False
    return (gaps[1] in (SPACE, BREAK) or (gaps[1] == COLUMN and behind_range)) and bool(_glued(before, behind))


def _without(items: list[tuple[int, int]], gaps: set[int]) -> list[tuple[int, int]]:
    """Return the items without the gaps before those whose index is given."""
    full = items[:1]
    for index, item in enumerate(items[1:], 1):
        whole = _glued(full[-1], item) if index in gaps else None
        full[-1:] = [whole] if whole else [full[-1], item]
    return full


def _glued(before: tuple[int, int], behind: tuple[int, int]) -> tuple[int, int] | None:
    """Return two items as the one that a gap may have broken: one of the parts has one or two digits.

    Behind a range it is the second part. None if these two cannot be one.
    """
    (first, last), (low, high) = before, behind
    if first < last and low < high:
        return None
    whole = int(f"{last}{low}")
    short = low < 100 or (first == last < 100)
    fits = whole <= (high if low < high else 65535)
    return (first if first < last else whole, max(whole, high)) if short and fits else None


def _advice(ways: list[str]) -> str:
    """Say how to write each reading, if these are short and read."""
    offered = readable((way for way in ways if len(way) <= _LONGEST_ADVICE), expand_ports)
    listed = " or ".join(f"'{way}'" for way in offered)
    return f"write {listed}" if len(offered) > 1 else "write ', ' between two ports and nothing inside a port"


def _check_overlaps(where: str, reading: Reading) -> None:
    """Raise ValueError if ranges overlap and one begins below 1024: C{1 - 80, 3 - 443} may be numbered ports."""
    ranges = sorted({(low, high) for low, high, _start in reading if low < high})
    farthest = 0
    for low, high in ranges:
        if low <= farthest:
            break
        if low < _WELL_KNOWN:
            farthest = max(farthest, high)
    else:
        return
    ports = dict.fromkeys(str(high) for _low, high, _start in reading)
    merged = [format_ports(low, high) for low, high in collapse((low, high) for low, high, _start in reading)]
    raise ValueError(
        f"{where}: this can be read in two ways: its ranges overlap, and what they begin with may be the numbers of "
        f"lines: {_advice([', '.join(ports), ', '.join(merged)])}"
    )


def _tokens(where: str, text: str) -> tuple[list[str], list[str]]:
    """Return the digit groups of a cell and what joins each to the next: C{RANGE}, C{LIST} and the like."""
    numbers: list[str] = []
    joints: list[str] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        colon = token is not None and token.group().strip() == ":"
        if token and colon and (token.group() != ":" or text.startswith("\n", token.end())):
            raise ValueError(
                f"{where}: this can be read in two ways: before a colon and a space stands a label, and "
                f"'80:90' is a range: write the ports alone, or the range with a dash"
            )
        if not token:
            raise ValueError(f"{where}: {quoted(text[position:])} is not understood: {_ACCEPTED}")
        if (token.lastgroup == "number") != (len(numbers) == len(joints)):
            raise ValueError(f"{where}: a port is missing before {quoted(text[position:].strip())}: {_ACCEPTED}")
        if token.lastgroup == "number":
            numbers.append(token.group())
        elif token.lastgroup == "range":
            joints.append(RANGE)
        else:
            joints.append(_joint(token.group()))
        position = token.end()
    if len(numbers) == len(joints):
        raise ValueError(f"{where}: a port is missing at the end: {_ACCEPTED}")
    return numbers, joints


def _joint(text: str) -> str:
    """Return what a separator of two ports may be."""
    if text.isspace():
        return SPACE if text == " " else BREAK if "\n" in text else COLUMN
    return COMMA if text == "," else SHORT if _SHORTHAND.fullmatch(text) else LIST


def _fault(numbers: list[str], joints: list[str]) -> str:
    """Say what is wrong with a cell that has no valid reading, in the reading that a person would try first."""
    joined: list[str] = [numbers[0]]
    between: list[str] = []
    for joint, number in zip(joints, numbers[1:], strict=True):
        if joint in EITHER and number.startswith("0") and groups(joined[-1], number):
            joined[-1] += number
        else:
            joined.append(number)
            between.append(joint)
    for number in joined:
        if not number.strip("0"):
            return f"port {number[:20]} does not exist: {_ACCEPTED}"
        if number.startswith("0"):
            return f"port {number[:20]} has a leading zero, which no port has: write the whole port"
        if len(number) > 5 or int(number) > 65535:
            return f"port {number[:20]} is larger than 65535: {_ACCEPTED}"
    for index, joint in enumerate(between):
        if joint == RANGE:
            if between[index + 1 : index + 2] == [RANGE]:
                break
            low, high = joined[index], joined[index + 1]
            if int(low) > int(high):
                if between[index + 1 : index + 2] and between[index + 1] in (*EITHER, BREAK, COLUMN):
                    return f"{low} is larger than {high}: write no comma or gap inside a port, and ', ' between two"
                full = _complete(int(low), int(high))
                if int(low) < full <= 65535:
                    return f"{low} is larger than {high}: write '{low}-{full}' or '{low}, {high}'"
                return f"{low} is larger than {high}: write the lower port first"
    return f"a range has two ends: {_ACCEPTED}"
