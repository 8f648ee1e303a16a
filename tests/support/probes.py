# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets to send: the edges of everything that is allowed, their neighbours, and random ones in and out.

The same seed gives the same probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random

from tests.support.packets import NAMES, TCP, UDP, Probe
from tests.support.vendor_oracle import Compiled

# Where the kernel itself does not send or forward what it is given, and the namespaces' own addresses.
UNROUTABLE: list[IPv4Network | IPv6Network] = [
    *map(ip_network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "2001:2::/48")),
]
_UNROUTABLE = {
    version: sorted(
        (int(network.network_address), int(network.broadcast_address))
        for network in UNROUTABLE
        if network.version == version
    )
    for version in (4, 6)
}
GLOBAL_V6 = (0x2 << 124, (0x4 << 124) - 1)  # 2000::/3
NAT64 = 0x64FF9B << 96  # an IPv4 address in an IPv6 one: must not be taken for the former


def routable(version: int, address: int) -> bool:
    """Say whether a packet to this address leaves the host when nothing stops it."""
    if version == 6 and not (GLOBAL_V6[0] <= address <= GLOBAL_V6[1] or NAT64 <= address < NAT64 + (1 << 32)):
        return False
    if version == 4 and not 0 <= address < 1 << 32:
        return False
    return not any(first <= address <= last for first, last in _UNROUTABLE[version])


def probes(allowed: Compiled, seed: int, count: int) -> list[Probe]:
    """Return at least C{count} probes: all edges, then random ones."""
    random = Random(seed)
    found = {probe: None for probe in _edges(allowed) if routable(probe[1], probe[2])}  # a dict keeps their order
    wanted = max(count, len(found) + count // 2)
    more = _random(allowed, random)
    while len(found) < wanted:
        probe = next(more)
        if routable(probe[1], probe[2]):
            found[probe] = None
    shuffled = list(found)
    random.shuffle(shuffled)
    return shuffled


def _edges(allowed: Compiled) -> Iterator[Probe]:
    """Yield the ends of each network and their neighbours, with the ends of its port ranges and their neighbours."""
    for version, ranges in allowed.ranges.items():
        for (first, last), services in ranges.items():
            for address in (first - 1, first, last, last + 1):
                for _protocol, low, high in sorted(services):
                    for port in (low - 1, low, high, high + 1):
                        if 1 <= port <= 65535:
                            yield TCP, version, address, port
                            yield UDP, version, address, port


def _random(allowed: Compiled, random: Random) -> Iterator[Probe]:
    """Yield probes for ever: inside, near and far, in both families and both protocols."""
    networks = [(version, *ends) for version, ranges in allowed.ranges.items() for ends in sorted(ranges)]
    services = sorted({s for ranges in allowed.ranges.values() for found in ranges.values() for s in found})
    services = services or [("tcp", 443, 443), ("udp", 3478, 3478)]  # of vendors that print names only
    while True:
        protocol = random.choice((TCP, UDP))
        _name, low, high = random.choice(services)
        port = random.choice((random.randint(low, high), random.randint(low, high), random.randint(1, 65535)))
        where = random.random()
        if networks and where < 0.8:
            version, first, last = random.choice(networks)
            size = last - first + 1
            around = 0 if where < 0.5 else 2 * size
            address = random.randint(first - around, last + around)
            if version == 4 and where > 0.75:
                version, address = 6, NAT64 + address % (1 << 32)
        elif where < 0.9:
            version, address = 4, random.getrandbits(32)
        else:
            version, address = 6, random.randint(*GLOBAL_V6)
        yield protocol, version, address, port


def mismatches(allowed: Compiled, sent: Sequence[Probe], arrived: Sequence[bool]) -> list[str]:
    """Return each probe of which the wire says other than the documents, in words."""
    found = []
    for (protocol, version, address, port), passed in zip(sent, arrived, strict=True):
        if passed != allowed.allowed(NAMES[protocol], version, address, port):
            what = "arrived, but no document allows it" if passed else "is allowed, but did not arrive"
            shown = ip_address(address) if version == 4 else ip_address(address.to_bytes(16, "big"))
            found.append(f"{NAMES[protocol]}/{port} to {shown} {what}")
    return found
