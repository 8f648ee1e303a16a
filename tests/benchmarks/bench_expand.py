# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""expand_ranges against iprange (C) and netaddr.cidr_merge, and the rules that expand_rows makes in a second.

C{python tests/benchmarks/bench_expand.py [prefixes]} (100,000) prints the best of several rounds in milliseconds
and the ratios; it asserts nothing. iprange is measured as a process that reads the same prefixes from a file. The
results are compared, so that nobody is quick by being wrong.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import netaddr

sys.path.insert(0, str(Path(__file__).parents[2] / ".collections"))

from ansible_collections.egress.allowlist.plugins.filter.expand_ranges import expand_ranges_filter
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

ROUNDS = 7


def make_prefixes(count: int) -> list[str]:
    """Return C{count} IPv4 prefixes of hosts, without order; some overlap, some are neighbours."""
    rng = random.Random(20260601)
    found: list[str] = []
    while len(found) < count:
        length = rng.choice((16, 20, 22, 24, 24, 24, 26, 28, 32))
        address = rng.getrandbits(length) << (32 - length)
        if 1 <= address >> 24 < 240:
            found.append(f"{IPv4Address(address)}/{length}")
    return found


def best(work: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, Any]:
    """Return the shortest time in milliseconds, and the result."""
    times = []
    for dummy in range(rounds):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000, result


def with_lengths(lines: list[str]) -> list[str]:
    """iprange prints single addresses without length."""
    return [line if "/" in line else f"{line}/32" for line in lines]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    prefixes = make_prefixes(count)
    cell = "\n".join(prefixes)
    of_list, collapsed = best(lambda: expand_ranges(prefixes, collapse=True))
    of_cell, same = best(lambda: expand_ranges(cell, collapse=True))
    of_filter, also = best(lambda: expand_ranges_filter(prefixes, collapse=True))
    if not collapsed == same == also:
        raise SystemExit("a list and a cell of the same prefixes differ")
    print(f"{count} prefixes, {len(collapsed)} collapsed; best of {ROUNDS}")
    print(f"  expand_ranges, one cell         {of_cell:8.0f} ms")
    print(f"  expand_ranges, a list           {of_list:8.0f} ms")
    print(f"  expand_ranges, filter, a list   {of_filter:8.0f} ms")

    merging, merged = best(lambda: netaddr.cidr_merge(prefixes), 2)
    print(
        f"  netaddr.cidr_merge              {merging:8.0f} ms   expand_ranges is {merging / of_list:.1f} times faster"
    )
    if [str(network) for network in merged] != collapsed:
        raise SystemExit("netaddr.cidr_merge and expand_ranges differ")

    if shutil.which("iprange"):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(cell + "\n")
            file.flush()
            command = ["iprange", file.name]
            running, done = best(lambda: subprocess.run(command, capture_output=True, text=True, check=True))
        print(
            f"  iprange, the process            {running:8.0f} ms   expand_ranges takes {of_list / running:.1f} of it"
        )
        if with_lengths(done.stdout.split()) != collapsed:
            raise SystemExit("iprange and expand_ranges differ")
    else:
        print("  iprange is not installed: not compared (apt-get install iprange)")

    rows = [
        {
            "vendor": "example",
            "service": "media",
            "row": number,
            "protocol": "TCP",
            "ports": "443",
            "destination": prefix,
        }
        for number, prefix in enumerate(prefixes, 1)
    ]
    for what, ports in (("one rule a row", "443"), ("four rules a row", "443, 3478, 5349, 8801-8810")):
        work = [{**row, "ports": ports} for row in rows]
        rules_in, rules = best(lambda work=work: expand_rows(work), 3)
        print(f"  expand_rows, {what:18} {rules_in:8.0f} ms   {len(rules) / rules_in * 1000:,.0f} rules a second")


if __name__ == "__main__":
    main()
