# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to fit prefixes into a quota, and what a greedy choice would open beyond the optimum.

C{python tests/benchmarks/bench_fit.py [prefixes]} (10,000) prints the best of two rounds in seconds of CPU; it
asserts nothing but that all fits. Greedy: again and again the node of the prefix tree that costs least for each prefix
saved.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Network, collapse_addresses
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / ".collections"))

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.fit import fit
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import fit_quota, fit_quotas
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.widening import Room

ROUNDS = 2
SERVICES = [("tcp", "443"), ("tcp", "5349"), ("udp", "3478"), ("udp", "8801-8810")]
MOST = 1000


def make_prefixes(count: int, seed: int = 1) -> list[str]:
    """Return C{count} disjoint IPv4 prefixes of 20 to 32 bits, close together in networks of 16 of 16.0.0.0/4, where
    nothing is special."""
    rng = random.Random(seed)
    networks = [0x1000 | rng.getrandbits(12) for _dummy in range(max(1, count // 40))]
    drawn = []
    for _dummy in range(3 * count):
        length = rng.choice((20, 22, 23, 24, 24, 25, 26, 27, 28, 32))
        address = rng.choice(networks) << 16 | rng.getrandbits(16)
        drawn.append(IPv4Network((address >> (32 - length) << (32 - length), length)))
    found = list(collapse_addresses(drawn))
    return [str(network) for network in sorted(rng.sample(found, min(count, len(found))))]


def greedy(wanted: list[str], most: int) -> int:
    """Return the extra addresses of a greedy choice, in the plainest way."""
    spans = [(int(net[0]), int(net[-1])) for net in collapse_addresses(map(IPv4Network, wanted))]
    need = sum(last - first + 1 for first, last in spans)
    while len(spans) > most:
        chosen = None
        for (first, _end), (_start, last) in itertools.pairwise(spans):
            bits = (first ^ last).bit_length()
            low = first >> bits << bits
            high = low + (1 << bits) - 1
            inside = [span for span in spans if low <= span[0] <= high]
            cost = (1 << bits) - sum(end - begin + 1 for begin, end in inside)
            rank = (cost / (len(inside) - 1), low, high)
            chosen = min(chosen or rank, rank)
        assert chosen
        _rank, low, high = chosen
        spans = sorted([*(span for span in spans if not low <= span[0] <= high), (low, high)])
    return sum(last - first + 1 for first, last in spans) - need


def best(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shortest time in seconds of CPU, and the result."""
    times = []
    for _dummy in range(ROUNDS):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return min(times), result


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    wanted = make_prefixes(count)
    print(f"{len(wanted):,} prefixes, best of {ROUNDS}, seconds of CPU")
    for most in (count // 40, count // 10, count // 2, count - count // 100):
        seconds, fitted = best(lambda most=most: fit_quota(wanted, most))
        print(f"  into {most:6,}                              {seconds:6.2f} s   {fitted.addresses[4]:>13,} extra")

    lists = {f"{protocol}/{ports}": wanted for protocol, ports in SERVICES}
    seconds, shared = best(lambda: fit_quotas(lists, MOST))
    extra = sum(one.addresses[4] for one in shared.values())
    print(f"  for 4 services, equal lists, into {MOST:,}     {seconds:6.2f} s   {extra:>13,} extra")
    lists = {name: make_prefixes(count, seed) for seed, name in enumerate(lists)}
    seconds, shared = best(lambda: fit_quotas(lists, MOST))
    extra = sum(one.addresses[4] for one in shared.values())
    print(f"  for 4 services, other lists, into {MOST:,}     {seconds:6.2f} s   {extra:>13,} extra")
    assert sum(len(one.prefixes) for one in shared.values()) <= MOST

    allowlist = merge_vendors(
        {"vendor": "acme", "service": "media", "protocol": protocol, "ports": ports, "destination": prefix}
        for prefix in wanted
        for protocol, ports in SERVICES
    )
    seconds, found = best(lambda: parts(allowlist, single=True))
    print(f"  parts of an allowlist, 4 services          {seconds:6.2f} s")
    room = Room("rules", MOST)
    for join_services in (False, True):
        seconds, plan = best(lambda join=join_services: fit(found, [room], widen_at_most=1 << 40, join_services=join))
        assert plan.units[0]["need"] <= MOST
        text = "with joined services" if join_services else "wider prefixes alone"
        print(f"  fitted into {MOST:,}, {text}      {seconds:6.2f} s   {plan.extra:>13,} extra")

    some = wanted[:150]
    print("150 of them, extra addresses: the optimum, and greedy")
    for most in (125, 100, 75, 50, 30):
        exact = fit_quota(some, most).addresses[4]
        guess = greedy(some, most)
        print(f"  into {most:4}  {exact:>13,} {guess:>13,}   {guess / max(exact, 1):.3f} times")


if __name__ == "__main__":
    main()
