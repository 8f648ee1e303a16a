# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""merge_vendors against netaddr.cidr_merge, and the memory of a million rules.

C{python tests/benchmarks/bench_merge.py [rules [many]]} (100,000 and 1,000,000) prints times in seconds,
the ratio and the peak memory; it asserts nothing. Each measurement has a process of its own, so that its peak
memory is its own too. merge_vendors is called as Ansible calls it: the filter, with plain rules.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / ".collections"))

SERVICES = [("tcp", "443"), ("udp", "3478"), ("udp", "3479"), ("tcp", "8801-8810"), ("udp", "6000-60000")]
VENDORS = ["alpha", "bravo", "charlie", "delta"]
ROUNDS = 3


def make_prefixes(count: int) -> list[str]:
    """Return C{count} distinct prefixes, a quarter nested in another, a quarter next to one, 1 in 8 IPv6."""
    rng = random.Random(20260601)
    found: dict[str, None] = {}
    while len(found) < count:
        if rng.random() < 0.125:
            bits, length, low = 128, rng.randint(32, 64), rng.getrandbits(28) << 96 | 0x2 << 124
            low |= rng.getrandbits(64) << 64
        else:
            bits, length, low = 32, rng.randint(22, 32), rng.randint(1 << 24, 224 << 24)
        low = low >> (bits - length) << (bits - length)
        family = IPv4Address if bits == 32 else IPv6Address
        found[f"{family(low)}/{length}"] = None
        kind = rng.random()
        if kind < 1 / 3:
            found[f"{family(low ^ 1 << (bits - length))}/{length}"] = None
        elif kind < 2 / 3 and length < bits:
            inner = rng.randint(length + 1, min(bits, length + 6))
            found[f"{family(low | rng.getrandbits(inner - length) << (bits - inner))}/{inner}"] = None
    return list(found)[:count]


def make_rules(count: int) -> list[dict[str, object]]:
    """Return C{count} rules of several vendors and services, each with a prefix and a row of its own."""
    rules = []
    for row, prefix in enumerate(make_prefixes(count), 1):
        vendor = VENDORS[row % len(VENDORS)]
        protocol, ports = SERVICES[row * 7 // 3 % len(SERVICES)]
        rules.append(
            {
                "protocol": protocol,
                "ports": ports,
                "destination": prefix,
                "vendor": vendor,
                "service": f"service_{row % 5}",
                "row": row,
                "requirement": "required",
                "source": f"Firewall rules of {vendor}",
                "date": "2026-06-01",
            }
        )
    return rules


def measure(what: str, count: int) -> None:
    """Print the best time of some rounds in seconds, the peak memory before and after in MB."""
    if what == "netaddr":
        from netaddr import cidr_merge as work

        data: list = make_prefixes(count)
    else:
        from ansible_collections.egress.allowlist.plugins.filter.merge_vendors import merge_vendors as work

        data = make_rules(count)
    before = peak()
    times = []
    for dummy in range(ROUNDS if count <= 200_000 else 1):
        start = time.perf_counter()
        result = work(data)
        times.append(time.perf_counter() - start)
        del result
    print(min(times), before, peak())


def peak() -> float:
    """Return the peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_child(what: str, count: int) -> tuple[float, float, float]:
    """Return what C{measure} prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", what, str(count)], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, before, after = map(float, done.stdout.split())
    return seconds, before, after


def main(arguments: list[str]) -> None:
    """Measure all and print a table."""
    if arguments[:1] == ["--measure"]:
        measure(arguments[1], int(arguments[2]))
        return
    count = int(arguments[0]) if arguments else 100_000
    many = int(arguments[1]) if len(arguments) > 1 else 1_000_000
    bare = in_child("netaddr", count)[0]
    merged = in_child("merge_vendors", count)[0]
    print(f"{count:>9,} bare prefixes   netaddr.cidr_merge  {bare:7.2f} s")
    print(f"{count:>9,} rules           merge_vendors       {merged:7.2f} s  {merged / bare:.2f} times netaddr's")
    seconds, before, after = in_child("merge_vendors", many)
    memory = f"peak {after:,.0f} MB, {before:,.0f} of them before the merge"
    print(f"{many:>9,} rules           merge_vendors       {seconds:7.2f} s  {memory}")


if __name__ == "__main__":
    main(sys.argv[1:])
