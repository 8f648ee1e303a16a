# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations as pages print them: each notation that is read, with marks and markup, in lists; and slips of one sign.

Printed.text is read to Printed.results, in this order.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

DASHES = "-‐‑‒–—―−"
SPACES = [" ", "  ", "\u00a0", "\u2009", "\t", "\u3000"]
SIGNS = [*"0123456789", *"abcfxnXN", *".:/*-–,; |\\&%_<>()[]{}`'\"†¹#@~+=?!$^", "\n", "\u00a0", "\u200b", "é", "а", "、", "，"]
ANY = ["any", "All", "*", "everywhere", "anywhere", "Internet", "the Internet"]
HOSTS = ["host", "hosts", "address", "addresses", "destination", "destinations"]
LABELS = ["sip", "turn", "media", "eu-west-1", "a", "b2", "sbc01", "rtc", "live-stream", "x", "cdn"]
DOMAINS = ["example.com", "example.net", "example.org", "pbx.example.io", "example.co.uk", "example.eu"]
PATTERNS = ["*", "*-wss", "rtc*", "turn-*", "*cdn", "a*b", "*a*", "m-*-x"]
FOREIGN = {"bücher": "xn--bcher-kva", "straße": "xn--strae-oqa", "пример": "xn--e1afmkfd", "例え": "xn--r8jz45g"}
SITES = ["eu-central-1", "us-east1", "us-gov-west-1", "FRA1", "LON12", "us2", "asia-southeast1-b"[:15]]
PLACES = [
    "Frankfurt",
    "New York",
    "US East",
    "Frankfurt am Main, Germany",
    "São Paulo",
    "primary",
    "Backup server",
    "media",
    "signaling/media",
    "St. Louis",
    "Europe",
    "Amsterdam, NL",
    "name",
]
MARKS = ["*", "**", "†", "‡", "§", "¶", "¹", "²", " †", " ¹", " (1)", "(2)", " [1]", "[3]", " [^1]", " (a)", " (*)", "<sup>2</sup>"]


class Printed(NamedTuple):
    """A cell or an item of one; C{kind}: address, prefix, range, apart, name, pattern or any."""

    text: str
    results: list[str]
    kind: str


def _either(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def spaces() -> st.SearchStrategy[str]:
    """Return a space, mostly the plain one."""
    return _either(" ", " ", " ", *SPACES)


def networks() -> st.SearchStrategy[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return prefixes that can be destinations, many of them short in print."""
    small = st.tuples(_either("192.0.2.", "198.51.100.", "203.0.113."), st.integers(0, 255), st.integers(24, 32))
    any4 = st.tuples(st.integers(1 << 24, (224 << 24) - 1), st.integers(8, 32))
    small6 = st.tuples(st.integers(0, 1 << 16), st.sampled_from([0, 1, 1 << 64, 0xABCD << 80]), st.integers(32, 128))
    any6 = st.tuples(st.integers(0x2000 << 112, (0xFF00 << 112) - 1), st.integers(16, 128))
    return st.one_of(
        small.map(lambda it: ipaddress.ip_network(f"{it[0]}{it[1]}/{it[2]}", strict=False)),
        small.map(lambda it: ipaddress.ip_network(f"{it[0]}{it[1]}/32")),
        any4.map(lambda it: ipaddress.IPv4Network(it, strict=False)).filter(lambda it: it.network_address.packed[0] > 0),
        small6.map(lambda it: ipaddress.IPv6Network(((0x20010DB8 << 96) + it[0] * it[1] + it[0], it[2]), strict=False)),
        any6.map(lambda it: ipaddress.IPv6Network(it, strict=False)),
    )


def _address(draw: st.DrawFn, place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return an address in one of its ways to be written."""
    if place.version == 4:
        return str(place)
    short = str(place)
    groups = [f"{int(group, 16):x}" for group in place.exploded.split(":")]
    return draw(_either(short, short, short.upper(), place.exploded, ":".join(groups)))


@st.composite
def prefixes(draw: st.DrawFn) -> Printed:
    """Return a prefix or an address alone."""
    network = draw(networks())
    first = _address(draw, network.network_address)
    result = [str(network)]
    forms = [Printed(f"{first}/{network.prefixlen}", result, "prefix")] * 3
    forms.append(Printed(f"{first}{draw(spaces())}/{network.prefixlen}", result, "apart"))
    forms.append(Printed(f"{first} / {network.prefixlen}", result, "apart"))
    if network.prefixlen == network.max_prefixlen:
        forms += [Printed(first, result, "address")] * 6
        if network.version == 4:
            forms.append(Printed(f"https://{first}/", result, "url"))
    elif network.version == 4:
        forms += [Printed(f"{first}{joint}{network.netmask}", result, "apart") for joint in (" ", draw(spaces()))]
        forms.append(Printed(f"{first}/{network.netmask}", result, "prefix"))
        forms.append(Printed(f"{first} ({network.netmask})", result, "apart"))
        if network.prefixlen > 7:
            forms.append(Printed(f"{first} {network.hostmask}", result, "apart"))
    return draw(st.sampled_from(forms))


@st.composite
def ranges(draw: st.DrawFn) -> Printed:
    """Return a range of addresses, in the prefixes that cover it."""
    network = draw(networks())
    width = draw(st.integers(0, min(600, network.num_addresses - 1)))
    first = network.network_address + draw(st.integers(0, network.num_addresses - 1 - width))
    last = first + width
    result = [str(piece) for piece in ipaddress.summarize_address_range(first, last)]
    one, other = _address(draw, first), _address(draw, last)
    dash = draw(st.sampled_from(DASHES))
    word = draw(_either("to", "through", "thru", "To", "TO"))
    joints = [dash, f" {dash} ", f"{draw(spaces())}{dash}{draw(spaces())}", f" {word} ", f"\n{word} ", f" {word}\n"]
    if draw(st.booleans()):
        return Printed(f"{one}{draw(st.sampled_from(joints))}{other}", result, "range")
    beginning = draw(_either("from", "From"))
    edge = draw(_either("`", "", "**", "<b>")) if dash == "-" else ""
    end = "</b>" if edge == "<b>" else edge
    return draw(
        st.sampled_from(
            [
                Printed(f"{beginning} {one} to {other}", result, "range"),
                Printed(f"{edge}{one}{end} {dash} {edge}{other}{end}", result, "range"),
            ]
        )
    )


@st.composite
def names(draw: st.DrawFn) -> Printed:
    """Return a name, a pattern, or a name with letters beyond ASCII."""
    labels = draw(st.lists(st.sampled_from(LABELS), max_size=3))
    domain = draw(st.sampled_from(DOMAINS))
    name = ".".join([*labels, domain])
    kind = draw(_either("name", "name", "pattern", "capitals", "foreign"))
    if kind == "name":
        forms = [name, name, name.upper(), name.title(), name + ".", f"https://{name}", f"wss://{name}/"]
        return Printed(draw(st.sampled_from(forms)), [name], "name")
    if kind == "foreign":
        label = draw(st.sampled_from(sorted(FOREIGN)))
        return Printed(f"{draw(_either(label, FOREIGN[label]))}.{name}", [f"{FOREIGN[label]}.{name}"], "name")
    pattern = draw(st.sampled_from(PATTERNS))
    if kind == "capitals":
        word = draw(_either("REGION", "TENANT", "XX", "CUSTOMER1", "N"))
        text = f"turn-{pattern.replace('*', 'x')}-*.{word}.{name}"
        return Printed(text, [text], "pattern")
    text = draw(_either(f"{pattern}.{name}", f"a.{pattern}.{name}", f"*.{pattern}.{name}", f"{pattern}.{domain}"))
    return Printed(draw(_either(text, text, f"https://{text}", text + ".")), [text], "pattern")


@st.composite
def anywhere(draw: st.DrawFn) -> Printed:
    """Return a word for any address."""
    word = draw(_either("any", "all", "Any", "ALL"))
    whole = [*ANY, *(f"{word} {host}" for host in HOSTS), f"{word} IPs", f"{word} IP address", f"{word} IP addresses"]
    version = draw(st.sampled_from([0, 0, 4, 6]))
    if version:
        behind = draw(_either("", *(f" {host}" for host in HOSTS)))
        return Printed(f"{word} IPv{version}{behind}", ["0.0.0.0/0" if version == 4 else "::/0"], "any")
    return Printed(draw(st.sampled_from(whole)), ["0.0.0.0/0", "::/0"], "any")


def _fits(mark: str, item: Printed) -> bool:
    """Tell whether a mark of stars or a number can stand behind the item."""
    if "*" in mark and "(" not in mark:
        return item.kind in ("address", "prefix", "range")
    return item.kind not in ("address", "any") or not any(sign in mark for sign in "0123456789¹²")


@st.composite
def decorated(draw: st.DrawFn, item: Printed) -> Printed:
    """Return an item with a mark, a remark or emphasis, or as it is."""
    choice = draw(_either("plain", "plain", "mark", "remark", "markup"))
    text = item.text
    if choice == "mark":
        mark = draw(st.sampled_from(MARKS))
        text += mark if _fits(mark, item) else " ‡"
    elif choice == "remark" and item.kind != "any":
        hosts = ["sip.example.com"] if item.kind not in ("name", "pattern", "url") else []
        text += draw(_either("", " ")) + f"({draw(st.sampled_from([*SITES, *PLACES, *hosts]))})"
    elif choice == "markup" and "\n" not in text and not set("`*<") & set(text):
        edges: list[Callable[[str], str]] = [lambda it: f"`{it}`", lambda it: f"<code>{it}</code>", lambda it: f"<B>{it}</B>"]
        if " " not in text and "\u00a0" not in text:
            edges += [lambda it: f"**{it}**", lambda it: f"_{it}_", lambda it: f"`**{it}**`", lambda it: f"<i>__{it}__</i>"]
        text = draw(st.sampled_from(edges))(text)
    return item._replace(text=text)


def items() -> st.SearchStrategy[Printed]:
    """Return an item in any notation, decorated."""
    return st.one_of(prefixes(), prefixes(), ranges(), names(), names()).flatmap(decorated)


@st.composite
def cells(draw: st.DrawFn) -> Printed:
    """Return a whole cell: any address, or a list of up to four items."""
    if draw(st.integers(0, 11)) == 0:
        return draw(anywhere().flatmap(decorated))
    found = draw(st.lists(items(), min_size=1, max_size=4))
    for above, below in zip(found, found[1:], strict=False):
        if above.kind == "address" and below.kind == "apart":  # whose length it is, is not clear
            found = [item for item in found if item.kind != "apart"]
            break
    text, results = "", {}
    shape = draw(_either("list", "list", "list", "bullets", "lines", "paragraphs"))
    if shape == "list":
        joints = [", ", ",", "; ", ";", "\n", " | ", "、", "，", "；", ", and ", " and ", " or ", " & ", " and/or ", "<br>", "<BR />"]
        text = found[0].text
        for above, item in zip(found, found[1:], strict=False):
            joint = draw(st.sampled_from([*joints, draw(spaces())]))
            unclear = above.text.endswith(".") and not joint.strip()
            text += (", " if unclear or joint == "<br>" and above.text.endswith(".") else joint) + item.text
        text += draw(_either("", "", "", ",", ";", "\n", "<br>"))
    else:
        lines = [item.text.replace("\n", " ").removesuffix(".") for item in found]
        bullet = draw(_either(*"-•–·*")) if len(found) > 1 else ""
        text = {
            "bullets": "\n".join(f"{bullet} {line}".strip() for line in lines),
            "lines": "\n".join(lines),
            "paragraphs": "".join(f"<p>{line}</p>" for line in lines),
        }[shape]
    for item in found:
        results |= dict.fromkeys(item.results)
    return Printed(text, list(results), found[0].kind)


def slip(text: str, chance: random.Random) -> str:
    """Return the text with one sign too many, too few, another one, or two of them swapped."""
    place = chance.randrange(len(text)) if text else 0
    sign = chance.choice(SIGNS)
    kind = chance.randrange(4)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + sign + text[place:]
    if kind == 2:
        return text[:place] + sign + text[place + 1 :]
    return text[:place] + text[place + 1 : place + 2] + text[place : place + 1] + text[place + 2 :]
