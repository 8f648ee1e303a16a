# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cell to lines of tokens: spaces, backticks, bullets, versions of protocols and marks are done with here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

DASHES = "-‐‑‒–—―−"
BULLETS = DASHES + "*•·◦‣▪"
STARS = "*†‡§¶"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
WIDE = {"，": ",", "；": ";", "：": ":", "（": "(", "）": ")"}
NUMBER, WORD, SIGN = "number", "word", "sign"
EDGE = "\0"  # where a backtick stood
ENDS_OPEN = re.compile(r"(?:[,;/&|、]|(?<= )\+|(?<![a-z])(?:and|or|plus)|^ports?(?: +ranges?)?:)$", re.IGNORECASE)
BEGINS_OPEN = re.compile(r"(?:[,;/&|、+]|(?:and|or|plus)(?![a-z]))", re.IGNORECASE)

VERSION = r"(?:v?1\.[0-3]|v?[23]\.0|v[123])(?![0-9.])"
SPECIAL = re.compile(
    rf"""
    (?P<secured> (?P<base>tls|ssl|dtls) \ * {VERSION} (?: (?:\ ?/\ ?|[,、]\ ?|\ and\ |\ or\ |\ ?[+&]\ ?) {VERSION} )*
        (?: \ +(?:and|or)\ +(?:above|greater|higher|later|newer|up)(?![a-z]) | \+ (?![0-9a-z]) )? ) (?![a-z0-9])
    | (?P<tcp3> http/(?:1\.[01]|2(?:\.0)?) (?![0-9.a-z]) )
    | (?P<quic> http/3 (?![0-9.a-z]) )
    | (?P<web> http\(s\) )
    | (?P<ip> (?:tcp|udp)/ip (?![a-z]) )
    | (?P<port> port(?:s|\(s\))? (?:\ +(?:ranges?|numbers?)(?![a-z])|\ +nos?\.|\ *\#)? (?![a-z]) )
    | (?P<andor> and/or (?![a-z]) )
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


SEPARATING = (*",;:/&+|、(-~.<>≤≥", "and", "or", "plus", "and/or", "to", "through", "thru", "port", "only")
PROTOCOLS = (
    *("tcp", "udp", "tls", "ssl", "http/2", "http/3", "https", "http", "wss"),
    *("websocket", "websockets", "quic", "dtls", "srtp", "srtcp", "rtp", "rtcp", "media"),
    *("sip", "stun", "turn", "ws", "mtls", "http(s)", "ice", "webrtc", "secure"),
    *("xmpp", "dns", "ntp", "allocated", "sctp", "dccp"),
)
ANY_BEHIND = (*PROTOCOLS, "and", "or", "plus", "and/or", "port")


class Refused(ValueError):
    """A cell without a reading, or with several."""


@dataclass(frozen=True)
class Token:
    """C{gap}: spaces before it, 2 for more; C{stars} and C{marked}: the marks behind it.

    C{edge}: a backtick stood before it. C{limits}: 'all' did. C{head}: digits of a number before its thousands.
    """

    kind: str
    text: str
    gap: int
    edge: bool = False
    stars: str = ""
    marked: bool = False
    head: int = 0
    limits: bool = False

    def sign(self, signs: str) -> bool:
        return self.kind == SIGN and self.text in signs

    def word(self, *words: str) -> bool:
        return self.kind == WORD and self.text in words


@dataclass
class Line:
    """Tokens of one line; C{bullet}: it began with one."""

    tokens: list[Token]
    bullet: bool = False


def lines_of(cell: str, longest: int, *, ports: bool = True) -> list[Line]:
    """Return the lines of a cell that hold something; raise Refused where the text itself cannot be read.

    C{longest}: characters that a cell may have. C{ports}: it is a cell of ports, not of protocols.
    """
    if len(cell) > longest:
        raise Refused("too long")
    texts = [_unquoted(text.strip(" ")) for text in _plain(cell).split("\n")]
    texts = [text.strip(" ") for text in texts if text.strip(" " + EDGE)]
    first = {text[0] for text in texts}
    bullets = len(texts) > 1 and len(first) == 1 and first <= set(BULLETS) and all(text[1:2] == " " for text in texts)
    texts = [re.sub(r"(?<=.) *[,;、]$", "", text[1:].strip(" ")) for text in texts] if bullets else _joined(texts)
    for text in texts:
        if not text.strip(EDGE) or text.strip(EDGE)[0] in DASHES or text.strip(EDGE)[-1] in DASHES:
            raise Refused("a dash at a line break")
        if bullets and (text in (",", ";", "、") or re.search(r"[,;、] *$", text)):
            raise Refused("an item is missing")
    texts = texts if ports else [re.sub(" +", " ", text) for text in texts]
    lines = [Line(_marked(_tokens(text), ports=ports), bullets) for text in texts]
    if ports and lines and not bullets:
        _leave_only_out(lines[0].tokens, lines[-1].tokens)
    return lines


def _plain(cell: str) -> str:
    text = ""
    for sign in re.sub("<br *?/?>", "\n", cell, flags=re.IGNORECASE):
        sign = WIDE.get(sign, sign)
        if sign == "\t":
            text += "  "
        elif sign == "\n":
            text += sign
        elif unicodedata.category(sign) == "Zs":
            text += " "
        elif unicodedata.category(sign)[0] in "CZ":
            raise Refused("an invisible character")
        else:
            text += sign
    return text


def _unquoted(text: str) -> str:
    """Return a line with a space and an edge for each backtick; raise Refused for one alone, or that is touched."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        raise Refused("a backtick alone")
    for place, outside in enumerate(parts[::2]):
        first, last = place == 0, place == len(parts) // 2
        if (
            not (outside or first or last)
            or (not first and outside[:1].isalnum())
            or (not last and outside[-1:].isalnum())
        ):
            raise Refused("something touches a backtick")
    return f" {EDGE} ".join(parts).strip(f" {EDGE}") if len(parts) > 1 else text


def _joined(texts: list[str]) -> list[str]:
    """Join lines with a separator at the line break."""
    result: list[str] = []
    for text in texts:
        if result and (ENDS_OPEN.search(result[-1]) or BEGINS_OPEN.match(text)):
            result[-1] += " " + text
        else:
            result.append(text)
    return result


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    place, gap, edge = 0, 0, False
    while place < len(text):
        sign = text[place]
        if sign in (" ", EDGE):
            gap, edge, place = gap + (sign == " "), edge or sign == EDGE, place + 1
            continue
        token, place = _next(text, place)
        tokens.append(replace(token, gap=min(gap, 2), edge=edge))
        gap, edge = 0, False
    return tokens


def _next(text: str, place: int) -> tuple[Token, int]:
    if special := SPECIAL.match(text, place):
        kind = str(special.lastgroup if special.lastgroup != "base" else "secured")
        name = {"tcp3": "http/2", "quic": "http/3", "web": "http(s)", "port": "port", "andor": "and/or"}.get(kind)
        name = name or (special["base"] if kind == "secured" else special[0].lower()[:3])
        return Token(WORD, name.lower(), 0), special.end()
    if found := re.compile("[0-9]+").match(text, place):
        return Token(NUMBER, found[0], 0, head=len(found[0])), found.end()
    if found := re.compile("[a-zA-Z]+").match(text, place):
        return Token(WORD, found[0].lower(), 0), found.end()
    if found := re.compile(f"[{SUPERSCRIPTS}]+").match(text, place):
        return Token(SIGN, "¹", 0), found.end()
    if found := re.compile(r"\[(?:[1-9][0-9]?|[a-hA-H])\]").match(text, place):
        return Token(SIGN, "[1]", 0), found.end()
    if found := re.compile("[<>]=").match(text, place):
        return Token(SIGN, {"<=": "≤", ">=": "≥"}[found[0]], 0), found.end()
    if text[place] in DASHES + STARS + "~<>≤≥,.;:/&+|、()":
        return Token(SIGN, "-" if text[place] in DASHES else text[place], 0), place + 1
    raise Refused("a character that is not understood")


def _marked(tokens: list[Token], *, ports: bool) -> list[Token]:
    """Take the marks from behind ports, protocols and brackets."""
    kept: list[Token] = []
    touching = loose = False
    for token in tokens:
        mark = token.kind == SIGN and token.text in (*STARS, "¹", "[1]")
        owner = kept[-1] if kept else None
        takes = owner and (owner.text not in SEPARATING or (owner.text == "only" and not ports))
        if mark and owner and takes and not (ports and _any(token, owner)):
            protocol = owner.text in PROTOCOLS or not ports
            if (
                ((owner.kind == WORD and protocol) or (owner.sign(")") and _names(kept)))
                and token.gap
                and token.text == "*"
            ):
                raise Refused("a mark apart from a protocol")
            opening = _opening(kept)
            letter = opening == len(kept) - 3 and len(kept[-2].text) == 1
            if token.text in STARS and owner.sign(")") and letter and opening and kept[opening - 1].sign("*"):
                raise Refused("a sign behind a star")
            signs = token.text in STARS and bool(owner.stars.strip())
            if not ports and owner.marked and not signs:
                raise Refused("two kinds of marks")
            stars = owner.stars + " " * bool(token.gap) + (token.text if token.text in STARS else " ")
            kept[-1] = replace(owner, stars=stars, marked=True)
            touching, loose = True, loose or bool(token.gap)
            continue
        begins = token.kind in (NUMBER, WORD) or token.sign("<>≤≥")
        if touching and begins and (loose or not token.gap) and not _separates(token):
            raise Refused("a mark before a number")
        if mark and token.text != "*":
            raise Refused("a mark before anything")
        touching = loose = False
        kept.append(token)
    for token in kept:
        runs = token.stars.split()
        open_ended = any(len(run) > 1 and run[0] == "*" for run in runs)
        if any(len(run) > 3 for run in runs) or (token.kind == NUMBER and len(token.text) < 3 and open_ended):
            raise Refused("a part left open")
    return kept


def _leave_only_out(first: list[Token], last: list[Token]) -> None:
    """Take the word 'only' from the beginning of a cell, or from its end."""
    if len(first) > 1 and first[0].word("only") and first[1].gap and not first[0].marked:
        del first[0]
    elif len(last) > 1 and last[-1].word("only") and last[-1].gap and not (last[-1].marked or last[-2].sign(",;、")):
        del last[-1]


def _opening(tokens: list[Token]) -> int:
    """Return the position of the last bracket that opens, 0 where none does."""
    return max((place for place, token in enumerate(tokens) if token.sign("(")), default=0)


def _names(tokens: list[Token]) -> bool:
    """Tell whether brackets at the end stand behind a protocol, or hold one."""
    opening = _opening(tokens)
    inside = {token.text for token in tokens[opening:]}
    if any(token.kind == NUMBER and len(token.text) > 1 for token in tokens[opening:]):
        return False
    return (opening > 0 and tokens[opening - 1].text in (*PROTOCOLS, ")")) or bool(
        inside & {"tcp", "udp", "quic", "http/2", "http/3"}
    )


def _separates(token: Token) -> bool:
    return token.gap > 0 and token.word("and", "or", "plus", "and/or", "to", "through", "thru", "only")


def _any(star: Token, owner: Token) -> bool:
    """Tell whether a star is not a mark but any port, as in 'UDP *'."""
    return star.text == "*" and owner.kind == WORD and star.gap > 0 and not owner.marked and owner.text in ANY_BEHIND
