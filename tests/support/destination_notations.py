# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destinations in each notation that pages print and that is read."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from hypothesis import strategies as st

DASHES = "-‐‑‒–—―−"
SPACES = [" ", "  ", "\u00a0", "\u2009", "\t", "\u3000"]
ANY = ["any", "All", "*", "everywhere", "anywhere", "Internet", "the Internet"]
HOSTS = ["host", "hosts", "address", "addresses", "destination", "destinations"]
LABELS = ["sip", "turn", "media", "eu-west-1", "a", "b2", "sbc01", "rtc", "live-stream", "y", "cdn"]
DOMAINS = ["example.com", "example.net", "example.org", "pbx.example.io", "example.co.uk", "example.eu"]
PATTERNS = ["*", "*-wss", "rtc*", "turn-*", "*cdn", "a*b", "*a*", "m-*-x"]
FOREIGN = {"bücher": "xn--bcher-kva", "straße": "xn--strae-oqa", "пример": "xn--e1afmkfd", "例え": "xn--r8jz45g"}


class Printed(NamedTuple):
    """A cell or an item of one; C{kind}: address, prefix, range, apart, name, pattern, url or any."""

    text: str
    results: list[str]
    kind: str
    label: str = ""  # what the rules keep of marks and remarks


def either(*choices: str) -> st.SearchStrategy[str]:
    """Return one of the texts."""
    return st.sampled_from(choices)


def spaces() -> st.SearchStrategy[str]:
    """Return a space, mostly the plain one."""
    return either(" ", " ", " ", *SPACES)


def networks() -> st.SearchStrategy[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return prefixes that can be destinations, many of them short in print."""
    small = st.tuples(either("192.0.2.", "198.51.100.", "203.0.113."), st.integers(0, 255), st.integers(24, 32))
    any4 = st.tuples(st.integers(1 << 24, (224 << 24) - 1), st.integers(8, 32))
    small6 = st.tuples(st.integers(0, 1 << 16), st.sampled_from([0, 1, 1 << 64, 0xABCD << 80]), st.integers(32, 128))
    any6 = st.tuples(st.integers(0x2000 << 112, (0xFF00 << 112) - 1), st.integers(16, 128))
    return st.one_of(
        small.map(lambda it: ipaddress.ip_network(f"{it[0]}{it[1]}/{it[2]}", strict=False)),
        small.map(lambda it: ipaddress.ip_network(f"{it[0]}{it[1]}/32")),
        any4.map(lambda it: ipaddress.IPv4Network(it, strict=False)).filter(
            lambda it: it.network_address.packed[0] > 0
        ),
        small6.map(lambda it: ipaddress.IPv6Network(((0x20010DB8 << 96) + it[0] * it[1] + it[0], it[2]), strict=False)),
        any6.map(lambda it: ipaddress.IPv6Network(it, strict=False)),
    )


def _address(draw: st.DrawFn, place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return an address in one of its ways to be written."""
    if place.version == 4:
        return str(place)
    short = str(place)
    groups = [f"{int(group, 16):x}" for group in place.exploded.split(":")]
    return draw(either(short, short, short.upper(), place.exploded, ":".join(groups)))


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
    word = draw(either("to", "through", "thru", "To", "TO"))
    joints = [dash, f" {dash} ", f"{draw(spaces())}{dash}{draw(spaces())}", f" {word} ", f"\n{word} ", f" {word}\n"]
    if draw(st.booleans()):
        return Printed(f"{one}{draw(st.sampled_from(joints))}{other}", result, "range")
    beginning = draw(either("from", "From"))
    edge = draw(either("`", "", "**", "<b>")) if dash == "-" else ""
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
    kind = draw(either("name", "name", "pattern", "capitals", "foreign"))
    if kind == "name":
        forms = [name, name, name.upper(), name.title(), name + ".", f"https://{name}", f"wss://{name}/"]
        return Printed(draw(st.sampled_from(forms)), [name], "name")
    if kind == "foreign":
        label = draw(st.sampled_from(sorted(FOREIGN)))
        return Printed(f"{draw(either(label, FOREIGN[label]))}.{name}", [f"{FOREIGN[label]}.{name}"], "name")
    pattern = draw(st.sampled_from(PATTERNS))
    if kind == "capitals":
        word = draw(either("REGION", "TENANT", "XX", "CUSTOMER1", "N"))
        text = f"turn-{pattern.replace('*', 'x')}-*.{word}.{name}"
        return Printed(text, [text], "pattern")
    text = draw(either(f"{pattern}.{name}", f"a.{pattern}.{name}", f"*.{pattern}.{name}", f"{pattern}.{domain}"))
    return Printed(draw(either(text, text, f"https://{text}", text + ".")), [text], "pattern")


@st.composite
def anywhere(draw: st.DrawFn) -> Printed:
    """Return a word for any address."""
    word = draw(either("any", "all", "Any", "ALL"))
    whole = [*ANY, *(f"{word} {host}" for host in HOSTS), f"{word} IPs", f"{word} IP address", f"{word} IP addresses"]
    version = draw(st.sampled_from([0, 0, 4, 6]))
    if version:
        behind = draw(either("", *(f" {host}" for host in HOSTS)))
        return Printed(f"{word} IPv{version}{behind}", ["0.0.0.0/0" if version == 4 else "::/0"], "any")
    return Printed(draw(st.sampled_from(whole)), ["0.0.0.0/0", "::/0"], "any")
