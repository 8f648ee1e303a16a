# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names open once their addresses are known, as the documentation says it.

admitted({"*.zoom.us": {("tcp", 443, 443)}}, "us1.zoom.us")        -> {("tcp", 443, 443)}
learned(oracle.select(vendors), {"us1.zoom.us": ["3.7.35.1"]}).allowed("tcp", 4, 0x03072301, 443)   -> True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from .oracle import Compiled, Service
from .pages import Fact

# Where no answer of a name server may lead: the registries' special-purpose addresses, and those of one's own network.
_NEVER = [
    *map(ip_network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12")),
    *map(ip_network, ("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15")),
    *map(ip_network, ("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")),
]
_GLOBAL6, _NAT64 = ip_network("2000::/3"), ip_network("64:ff9b::/96")
_NEVER6 = [*map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))]


def special(address: str) -> bool:
    """Say whether an address may never be opened because a name has it."""
    found = ip_address(address)
    if found.version == 4:
        return any(found in network for network in _NEVER)
    if found in _NAT64:
        return special(str(ip_address(int(found) & 0xFFFFFFFF)))
    return found not in _GLOBAL6 or any(found in network for network in _NEVER6)


def admitted(names: Mapping[str, Iterable[Service]], asked: str) -> set[Service]:
    """Return what the addresses of a name are opened for when it is asked for through dnsmasq.

    A pattern, C{zoom.us} or C{*.zoom.us}, also takes the other of the two. An exact name takes names below it, but
    only where no longer name of the list fits: C{*.} alone reaches below a name that is on the list itself.
    """
    fits = [pattern for pattern in names if asked == _domain(pattern) or asked.endswith("." + _domain(pattern))]
    longest = max((_domain(pattern) for pattern in fits), key=len, default="")
    above = {_domain(pattern) for pattern in fits if pattern.startswith("*.")}
    return {service for pattern in fits if _domain(pattern) in above | {longest} for service in names[pattern]}


def learned(facts: Iterable[Fact], answers: Mapping[str, Iterable[str]]) -> Compiled:
    """Return what of these facts is open after these answers.

    C{answers}: name that was asked for -> the addresses at the end of its aliases.
    """
    outbound = [fact for fact in facts if fact.direction == "outbound"]
    names = Compiled(outbound).names
    found = [
        Fact("", *service, ip_network(address))
        for asked, addresses in answers.items()
        for service in admitted(names, asked.lower())
        for address in addresses
        if not special(address)
    ]
    return Compiled([*outbound, *found])


def _domain(pattern: str) -> str:
    return pattern.removeprefix("*.")
