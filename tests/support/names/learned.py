# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules with names whose addresses a test puts into the sets by hand, as dnsmasq and the keeper do it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.ends import Ends, linked
from tests.support.hosts.nftables import Host, native
from tests.support.rules import row

TABLE = "inet egress_allowlist"
# None of them special.
LEARNED = {4: "52.84.1.1", 6: "2600:9000::1"}
OTHER = {4: "52.84.1.2", 6: "2600:9000::2"}
ROWS = [
    row("*.example.com", "443, 5000-5010", "TCP", "web"),
    row("*.example.com", "3478", "UDP", "media"),
    row("a.example.com", "8443", "TCP", "more"),
    row("b.example.net", "443", "TCP", "web", vendor="beta"),
    row("203.0.113.0/24", "443", "TCP"),
    row("2001:db8::/64", "443", "TCP"),
]


def named(*rows: dict, **options: Any) -> dict[str, Any]:
    return native(*(rows or ROWS), **{"names": "dnsmasq", "policy": "deny", **options})


def with_rules(host: Host, form: dict[str, Any], after: int = 0) -> dict[str, Any]:
    """Apply the rules alone: these tests bring no dnsmasq."""
    return host.apply({**form, "names": {}}, after=after)


def put(host: Host, name: str, *addresses: str) -> None:
    """Add addresses to a set as dnsmasq does."""
    host.load(f"add element {TABLE} {name} {{ {', '.join(addresses)} }}")


def left(host: Host, name: str) -> dict[str, float]:
    """Return the seconds that a set leaves each of its addresses."""
    listed = host.shell(f"nft list set {TABLE} {name}")
    found = re.search(r"elements = \{(.*?)\}", listed, re.DOTALL)
    members = {}
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    for member in found.group(1).split(",") if found else ():
        expires = re.search(r"expires (\S+)", member)
        assert expires, listed
        times = re.findall(r"(\d+)(ms|[dhms])", expires.group(1))
        members[member.split()[0]] = sum(int(number) * units[unit] for number, unit in times)
    return members


@contextmanager
def reaching() -> Iterator[Ends]:
    """Yield a host whose neighbour answers for what is learned here."""
    with linked() as made:
        made.peer.script("ip route add local 52.84.0.0/16 dev lo\nip -6 route add local 2600:9000::/32 dev lo")
        yield made
