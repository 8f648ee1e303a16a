# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digit groups to numbers: thousands, broken numbers, numbers that count lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

from tests.support.second_port_reader.protocols import VOCABULARY, is_list
from tests.support.second_port_reader.tokens import NUMBER, Line, Refused, Token

Reading = list[Line]
_PASSED = VOCABULARY | {"port", "over", "via", "both", "either"}


def settled(lines: list[Line]) -> Reading:
    """Return the lines with thousands put together, by the three rules of the page; raise Refused for two readings."""
    _uncounted(lines)
    lines = _points(lines)
    joints = [(at, place) for at, line in enumerate(lines) for place in _joints(line.tokens)]
    if len(joints) > 10:
        raise Refused("more thousands than a reader would look at")
    whole, apart = (_reading(lines, joints, [choice] * len(joints)) for choice in (True, False))
    if not joints:
        found = apart if apart is not None else lines
    elif whole is not None and apart is not None:
        raise Refused("thousands, or separators")
    elif whole is not None:
        found = whole
    else:
        choices = product((True, False), repeat=len(joints))
        mixtures = [mixed for chosen in choices if (mixed := _reading(lines, joints, chosen)) is not None]
        if len(mixtures) != 1:
            raise Refused("several mixtures" if mixtures else "no valid ports")
        found = mixtures[0]
    if not valid(found):
        raise Refused("no valid ports")
    _whole_numbers(found)
    return found


def _points(lines: list[Line]) -> list[Line]:
    """Put together what a point stands in: it is only ever thousands."""
    joints = [(at, place) for at, line in enumerate(lines) for place in _joints(line.tokens)]
    points = [(at, place) for at, place in joints if lines[at].tokens[place + 1].sign(".")]
    return _together(lines, set(points))


def _joints(tokens: list[Token]) -> Iterator[int]:
    """Yield the positions of the digit groups whose next gap, comma or point may group thousands."""
    for place, token in enumerate(tokens):
        if token.kind != NUMBER or len(token.text) > 2 or token.text[0] == "0" or token.marked:
            continue
        behind = tokens[place + 1 : place + 3]
        if behind and behind[0].kind == NUMBER and behind[0].gap == 1:
            group = behind[0]
        elif len(behind) == 2 and behind[0].sign(",.") and behind[0].gap == behind[1].gap == 0:
            group = behind[1]
        else:
            continue
        if group.kind == NUMBER and len(group.text) == 3 and not group.edge and not behind[0].edge:
            yield place


def _reading(lines: list[Line], joints: list[tuple[int, int]], chosen: Sequence[bool]) -> Reading | None:
    """Return the lines with the chosen joints as thousands, None where that gives ports that are none."""
    together = {joint for joint, choice in zip(joints, chosen, strict=True) if choice}
    result = _together(lines, together)
    return result if valid(result) else None


def _together(lines: list[Line], together: set[tuple[int, int]]) -> list[Line]:
    result = []
    for at, line in enumerate(lines):
        tokens: list[Token] = []
        place = 0
        while place < len(line.tokens):
            token = line.tokens[place]
            if (at, place) in together:
                place += 1 if line.tokens[place + 1].kind == NUMBER else 2
                group = line.tokens[place]
                token = replace(group, text=token.text + group.text, gap=token.gap, edge=token.edge, head=token.head)
            tokens.append(token)
            place += 1
        result.append(Line(tokens, line.bullet))
    return result


def valid(lines: Reading) -> bool:
    """Tell whether all numbers are ports and no range is inverted; 0 to 65535 is for the reader of ports to judge."""
    for line in lines:
        bare = _without_marks(line.tokens)
        if any(token.sign(".") for token in bare):
            return False
        zero = _from_zero(bare)
        for place, token in enumerate(bare):
            if token.kind == NUMBER and not is_port(token.text) and place not in zero:
                return False
        for first, last in _ranges(bare):
            if int(first) > int(last):
                return False
        linked = [token for token in bare if not token.word("up")]
        if any(_is_chain(linked[place : place + 5]) for place in range(len(linked) - 4)):
            return False
    return True


def _is_chain(five: list[Token]) -> bool:
    """Tell whether these are a range with three ends."""
    linked = is_link(five[1], five[2]) and is_link(five[3], five[4])
    return linked and all(token.kind == NUMBER for token in five[::2])


def is_port(digits: str) -> bool:
    return len(digits) <= 5 and digits[0] != "0" and int(digits) <= 65535


def _without_marks(tokens: list[Token]) -> list[Token]:
    """Leave out '(1)' and '(a)': marks."""
    kept: list[Token] = []
    place = 0
    while place < len(tokens):
        three = tokens[place : place + 3]
        around = len(three) == 3 and three[0].sign("(") and three[2].sign(")")
        if around and len(three[1].text) == 1 and three[1].text in "123456789abcdefgh" and kept:
            place += 3
            continue
        kept.append(tokens[place])
        place += 1
    return kept


def _ranges(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    for first, link, last in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if first.kind == last.kind == NUMBER and is_link(link, last):
            yield first.text, last.text
    for first, up, to, last in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if first.kind == last.kind == NUMBER and up.word("up") and to.word("to"):
            yield first.text, last.text
    yield from _ranges_of_one_protocol(tokens)
    for word, first, link, last in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if word.word("between") and link.word("and") and first.kind == last.kind == NUMBER:
            yield first.text, last.text


def _ranges_of_one_protocol(tokens: list[Token]) -> Iterator[tuple[str, str]]:
    """Yield the ends of '10000/UDP - 20000/UDP'."""
    for place, first in enumerate(tokens):
        if last := _end_of_one_protocol(tokens[place:]):
            yield first.text, last


def _end_of_one_protocol(tokens: list[Token]) -> str:
    """Return the end of the range '10000/UDP - 20000/UDP' that begins here, '' where none does."""
    end = 1
    while end < len(tokens) and (tokens[end].text in _PASSED or tokens[end].sign("/:")):
        end += 1
    last, behind = tokens[end + 1 : end + 2], tokens[end + 2 : end + 4]
    named = any(token.text in VOCABULARY for token in tokens[1:end])
    if tokens[0].kind == NUMBER and named and tokens[end : end + 1] and tokens[end].sign("-") and last:
        bound = behind[1:] if behind and behind[0].sign("/:-") else behind
        if last[0].kind == NUMBER and bound and bound[0].text in VOCABULARY:
            return last[0].text
    return ""


def is_link(link: Token, behind: Token) -> bool:
    """Tell whether it makes a range of the numbers on its sides."""
    if link.sign(":"):
        return link.gap == behind.gap == 0
    return link.sign("-~") or link.word("to", "through", "thru")


def _from_zero(tokens: list[Token]) -> set[int]:
    """Return the position of a 0 that begins 0 to 65535."""
    return {
        place
        for place in range(len(tokens) - 2)
        if tokens[place].text == "0"
        and (is_link(tokens[place + 1], tokens[place + 2]) or (place and tokens[place - 1].word("between")))
        and tokens[place + 2].text == "65535"
    }


def _whole_numbers(lines: Reading) -> None:
    """Raise Refused where a gap or a line break may stand inside a number."""
    for line in lines:
        for place, (first, last) in enumerate(pairwise(line.tokens)):
            before = line.tokens[: place + 1]
            if not last.edge and (last.gap == 1 or (last.gap == 2 and _is_behind_range(before))):
                _apart(line.tokens[: place + 1], first, last, line.tokens[place + 2 :])
    for above, below in pairwise(lines):
        alone = all(_alone(line.tokens) for line in (above, below))
        if not alone and not above.bullet:
            _apart(above.tokens, above.tokens[-1], below.tokens[0], below.tokens[1:])


def _alone(tokens: list[Token]) -> bool:
    """Tell whether one number stands there, perhaps with a protocol."""
    bare = [*_without_marks(tokens), Token("end", "", 1)]
    for before, token in pairwise([bare[-1], *bare]):
        names = before.text if is_list(token) else token.text if is_list(before) else ""
        if names in ("http", "https", "http(s)"):
            return False  # a port too
    others = [
        token
        for token, behind in pairwise(bare)
        if not (
            token.text in _PASSED
            or ((token.sign("+&") or token.word("and", "or", "plus")) and behind.text in VOCABULARY)
        )
    ]
    return len([token for token in others if token.kind == NUMBER or not token.sign("/:-(),;、")]) == 1


def _is_behind_range(before: list[Token]) -> bool:
    linked = len(before) > 2 and before[-3].kind == NUMBER and is_link(before[-2], before[-1])
    return linked or (len(before) > 3 and before[-4].word("between"))


def _apart(before: list[Token], first: Token, last: Token, after: list[Token]) -> None:
    if not (first.kind == last.kind == NUMBER) or first.marked or not is_port(first.text + last.text):
        return
    bare = _without_marks([last, *after])[1:]
    ranged = len(bare) > 1 and bare[1].kind == NUMBER and is_link(bare[0], bare[1])
    upto = len(bare) > 2 and bare[2].kind == NUMBER and bare[0].word("up") and bare[1].word("to")
    end = bare[1].text if ranged else bare[2].text if upto else _end_of_one_protocol([last, *after])
    begins_range = bool(end)
    behind_range = _is_behind_range(before)
    if begins_range and behind_range:
        return  # together they would be a range with three ends
    if begins_range and int(first.text + last.text) > int(end):
        return  # together they would begin an inverted range
    short = (last,) if behind_range else (first, last)
    if any(len(token.text) < 3 for token in short):
        raise Refused("a number may be broken")


def _uncounted(lines: list[Line]) -> None:
    """Raise Refused where the numbers at the beginnings of lines, or of what semicolons part, may count them."""
    bare = [[token for token in _without_marks(line.tokens) if not token.word("port")] for line in lines]
    counts = [int(line[0].text) if _leads(line, any_gap=True) else 0 for line in bare]
    if len(bare) > 1 and counts[0] and all(high == low + 1 for low, high in pairwise(counts)):
        raise Refused("its lines are numbered")
    parts: list[list[Token]] = [[]]
    for token in [token for line in bare for token in line]:
        parts.append([]) if token.sign(";") else parts[-1].append(token)
    for group in (bare, parts):
        heads = [int(tokens[0].text) for tokens in group if _leads(tokens, any_gap=False)]
        if len(heads) > 1 and all(low < high for low, high in pairwise(heads)):
            raise Refused("its lines seem to be numbered")


def _leads(tokens: list[Token], *, any_gap: bool) -> bool:
    """Tell whether a number that is not the head of thousands begins these tokens, and another stands behind it.

    C{any_gap}: with no comma or semicolon between; else with one, a slash, an ampersand, 'and' or a gap and nothing
    else, and the first has one or two digits.
    """
    if not tokens or tokens[0].kind != NUMBER or len(tokens[0].text) > 5 or 0 in _joints(tokens):
        return False
    if any_gap:
        behind = next((token for token in tokens[1:] if token.kind == NUMBER or token.sign(",;、")), None)
        return behind is not None and behind.kind == NUMBER
    link = tokens[1:2] if tokens[1:] and (tokens[1].sign(",;、/&") or tokens[1].word("and")) else []
    follows = tokens[1 + len(link) :][:1]
    small = len(tokens[0].text) < 3 and tokens[0].text[0] != "0"
    return small and bool(follows) and follows[0].kind == NUMBER and follows[0].text[0] != "0"
