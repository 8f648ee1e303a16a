# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of words that say a protocol: 'TCP', 'UDP/TCP', 'SRTP over UDP', 'TCP (TURN TLS)'."""

from __future__ import annotations

from itertools import accumulate

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
NEEDS |= {"dtls": "udp", "ntp": "udp", "quic": "udp"}
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
    before = None
    for token in tokens:
        depth += token.sign("(") - token.sign(")")
        if token.marked and token.word("and", "or", "plus", "and/or", "over", "via"):
            raise Refused("a mark behind a word that joins")
        if before and before.text[-1] == ")" and token.kind == WORD and not token.gap:
            raise Refused("something touches a bracket")
        if not depth and is_list(token):
            if token.kind == WORD and not token.gap and before and not before.sign("、"):
                raise Refused("words that touch")
            second = token.word("and", "or", "plus") and before and before.sign(",;、")
            if not items[-1] and not (second and (token.gap or before.sign("、"))):
                raise Refused("two separators")
            items += [[]] if items[-1] else []
        else:
            items[-1].append(token)
        before = token
    plain = _plain_words(tokens)
    found = [_item(item) for item in items]
    if any(len(one) > 1 and not (one == plain == {"tcp", "udp"}) for one in found if not one & OTHERS):
        raise Refused("a list, or one over the other")
    if len(found) > 1 and not all(found):
        raise Refused("an item of a list without a transport")
    return frozenset().union(*found)


def _plain_words(tokens: list[Token]) -> Protocols:
    """Return those of 'tcp' and 'udp' that stand outside brackets, both where brackets hold both."""
    found: set[str] = set()
    inside: set[str] = set()
    depth = 0
    for token in tokens:
        depth += token.sign("(") - token.sign(")")
        if token.text in ("tcp", "udp") and not token.head:  # the word, not the number
            (inside if depth else found).add(token.text)
        if not depth:
            found |= inside if len(inside) > 1 else set()
            inside = set()
    return frozenset(found)


def _item(tokens: list[Token]) -> Protocols:
    """Return the transports of an item: words, and perhaps brackets behind them."""
    closing = next((place for place, token in enumerate(tokens[:-1]) if token.sign(")")), None)
    if closing:
        behind = tokens[closing + 1 :]
        if behind[0].kind == WORD and not behind[0].gap:
            raise Refused("something touches a bracket")
        behind = behind[1:] if behind[0].sign("/-") else behind
        if any(token.word("over", "via") for token in behind):
            raise Refused("brackets before 'over'")
        carried = any(token.word("over", "via") for token in tokens[:closing])
        if carried and not (tokens[closing + 1].sign("/") and _is_below(behind)):
            raise Refused("behind 'over' stand words with '/'")
        return _item(tokens[: closing + 1]) | _item(behind)
    opening = next((place for place, token in enumerate(tokens) if token.sign("(")), len(tokens))
    words, inside = tokens[:opening], tokens[opening:]
    if not words:
        raise Refused("no protocol")
    over = [place for place, token in enumerate(words) if token.word("over", "via")]
    found = _over(words, over) if over else _together(_words(words))
    if found & OTHERS and len(words) > 1:
        raise Refused("another protocol is an item of its own")
    for token in words:
        if found and NEEDS.get(token.text, "tcp") not in found and token.text in AIMLESS & set(NEEDS):
            raise Refused("a purpose of another protocol")
    if not inside:
        return found
    if not inside[-1].sign(")") or len(inside) < 3 or any(token.sign("();|") for token in inside[1:-1]):
        raise Refused("brackets")
    content = inside[1:-1]
    if not found:
        behind = read_run(content)
        if not behind:
            raise Refused("brackets behind purposes hold their transports")
        return behind
    inner = {token.text for token in content if token.kind == WORD}
    if inner & {"tcp", "udp", "quic", "mtls", "http/2", "http/3"}:
        if read_run(content) != found:
            raise Refused("brackets hold another protocol")
        return found
    if words[-1].text in AIMLESS and set(filter(None, map(transport, inner))) - found:
        raise Refused("brackets for the last word, or for all")
    if words[-1].text in AIMLESS and len(found) > 1 and any(map(transport, inner)):
        raise Refused("brackets for the last word, or for all")
    last = transport(words[-1].text)
    check_fit(purposes(content), frozenset({last}) if last else found)
    return found


def _is_below(tokens: list[Token]) -> bool:
    """Tell whether words with '/' between them, and perhaps brackets, all have transports of their own."""
    depths = list(accumulate(token.sign("(") - token.sign(")") for token in tokens))
    outside = [token for token, depth in zip(tokens, depths, strict=True) if not depth and not token.sign(")")]
    return all(token.sign("/") if place % 2 else bool(transport(token.text)) for place, token in enumerate(outside))


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
    return frozenset(filter(None, map(transport, words)))


def _over(words: list[Token], places: list[int]) -> Protocols:
    if len(places) > 1:
        raise Refused("over and over")
    upper, lower = words[: places[0]], words[places[0] + 1 :]
    if any(token.sign("-") for token in lower) or len(_words(lower)) != 1 + sum(token.sign("/") for token in lower):
        raise Refused("behind 'over' stand words with '/'")
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
        elif (token.sign("/,&+-、") or token.word("and", "or", "over")) and not link:
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
