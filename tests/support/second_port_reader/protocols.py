# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of words that say a protocol: 'TCP', 'UDP/TCP', 'SRTP over UDP', 'TCP (TURN TLS)'."""

from __future__ import annotations

from tests.support.second_port_reader.tokens import WORD, Refused, Token

TCP = {"tcp", "tls", "ssl", "mtls", "http", "https", "http(s)", "http/2", "ws", "wss", "websocket", "websockets"}
UDP = {"udp", "dtls", "quic", "http/3"}
OTHERS = {"sctp", "dccp"}
AIMLESS = {  # purposes that have no transport of their own
    "allocated", "ice", "media", "rtcp", "rtp", "sip", "srtcp", "srtp", "stun", "turn", "webrtc", "dns", "ntp", "xmpp",
    "secure",
}  # fmt: skip
PURPOSES = {  # in brackets
    "allocated", "dtls", "http", "http(s)", "https", "ice", "media", "rtcp", "rtp", "secure", "sip", "srtcp", "srtp",
    "ssl", "stun", "tls", "turn", "webrtc", "websocket", "websockets", "ws", "wss", "xmpp",
}  # fmt: skip
NEEDS = dict.fromkeys(("http", "http(s)", "https", "ssl", "tls", "websocket", "websockets", "ws", "wss", "xmpp"), "tcp")
NEEDS |= {"dtls": "udp", "ntp": "udp"}
VOCABULARY = TCP | UDP | OTHERS | AIMLESS
LISTS = ",&+", ("and", "or", "plus", "and/or")
Protocols = frozenset[str]


def transport(word: str) -> str | None:
    return "tcp" if word in TCP else "udp" if word in UDP else word if word in OTHERS else None


def is_list(token: Token) -> bool:
    """Tell whether it separates the protocols of a list."""
    return token.sign(LISTS[0] + ";|、") or token.word(*LISTS[1])


def read_run(tokens: list[Token]) -> Protocols:
    """Return the transports of a run, none where it holds purposes alone; raise Refused for anything else."""
    items: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.sign("(") - token.sign(")")
        if not depth and is_list(token):
            if not items[-1] and not (token.word("and", "or") and len(items) > 1):
                raise Refused("two separators")
            items += [[]] if items[-1] else []
        else:
            items[-1].append(token)
    found = [_item(item) for item in items]
    if len(found) > 1 and not all(found):
        raise Refused("an item of a list without a transport")
    return frozenset().union(*found)


def _item(tokens: list[Token]) -> Protocols:
    """Return the transports of an item: words, and perhaps brackets behind them."""
    closing = next((place for place, token in enumerate(tokens[:-1]) if token.sign(")")), None)
    if closing:
        behind = tokens[closing + 1 :]
        behind = behind[1:] if behind[0].sign("/-") else behind
        found = _item(tokens[: closing + 1]) | _item(behind)
        words = {token.text for token in tokens if token.kind == WORD}
        if len(found) > 1 and not {"tcp", "udp"} <= words:
            raise Refused("a list, or one over the other")
        return found
    opening = next((place for place, token in enumerate(tokens) if token.sign("(")), len(tokens))
    words, inside = tokens[:opening], tokens[opening:]
    if not words:
        raise Refused("no protocol")
    over = [place for place, token in enumerate(words) if token.word("over", "via")]
    found = _over(words, over) if over else _together(_words(words))
    for token in words:
        if found and NEEDS.get(token.text, "tcp") not in found and token.text in AIMLESS & set(NEEDS):
            raise Refused("a purpose of another protocol")
    if not inside:
        return found
    if not inside[-1].sign(")") or len(inside) < 3 or any(token.sign("()") for token in inside[1:-1]):
        raise Refused("brackets")
    content = inside[1:-1]
    if not found:
        behind = read_run(content)
        if not behind or any(token.text in AIMLESS for token in content):
            raise Refused("brackets behind purposes hold their transports")
        return behind
    inner = {token.text for token in content if token.kind == WORD}
    if inner & {"tcp", "udp", "quic", "mtls", "http/2", "http/3"}:
        same = read_run(content) == found
        if not same or {"tcp", "udp"} & inner & {token.text for token in words}:
            raise Refused("brackets hold another protocol")
        return found
    check_fit(purposes(content), found)
    return found


def _words(tokens: list[Token]) -> list[str]:
    """Return the words, with one '/', dash or gap between each two."""
    words: list[str] = []
    link = True
    for token in tokens:
        if token.kind == WORD and token.text in VOCABULARY:
            if not link and not token.gap:
                raise Refused("words that touch")
            words.append(token.text)
            link = False
        elif token.sign("/-") and not link:
            link = True
        else:
            raise Refused("not a word of a protocol")
    if link:
        raise Refused("nothing behind a separator")
    return words


def _together(words: list[str]) -> Protocols:
    found = frozenset(filter(None, map(transport, words)))
    if len(found) > 1 and not (found == {"tcp", "udp"} and {"tcp", "udp"} <= set(words)):
        raise Refused("a list, or one over the other")
    return found


def _over(words: list[Token], places: list[int]) -> Protocols:
    if len(places) > 1:
        raise Refused("over and over")
    upper, lower = words[: places[0]], words[places[0] + 1 :]
    for part in (upper, lower):
        if any(token.sign("-") for token in part) or len(_words(part)) != 1 + sum(token.sign("/") for token in part):
            raise Refused("beside 'over' stand words with '/'")
    found = _together(_words(lower))
    above = set(_words(upper))
    if not all(transport(word) for word in _words(lower)) or above & {"tcp", "udp"}:
        raise Refused("over something that is no transport")
    if not set(filter(None, map(transport, above))) <= found:
        raise Refused("over the wrong one")
    return found


def purposes(tokens: list[Token], known: set[str] = PURPOSES | {"dns", "ntp"}) -> list[str]:
    """Return the purposes that stand in brackets or in front of a colon."""
    words: list[str] = []
    link = True
    for token in tokens:
        if token.kind == WORD and token.text in known and (link or token.gap):
            words.append(token.text)
            link = False
        elif (token.sign("/,&+-") or token.word("and", "or", "over")) and not link:
            link = True
        else:
            raise Refused("not a purpose")
    if link:
        raise Refused("no purpose")
    return words


def check_fit(words: list[str], found: Protocols) -> None:
    """Raise Refused where a purpose needs a protocol that is not there, or two need different ones of several."""
    needs = {NEEDS[word] for word in words if word in NEEDS}
    if not needs <= found or len(needs) > 1:
        raise Refused("a purpose of another protocol")
