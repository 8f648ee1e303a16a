# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What learning names costs an answer: 50,000 new names in a minute, asked by a gateway's client.

    .venv/bin/python tests/benchmarks/bench_names.py            as root; 6 minutes
    .venv/bin/python tests/benchmarks/bench_names.py --quick    a tenth of the names

Three ways take turns, a slice of the names each: through the gateway's dnsmasq names of which every one is selected,
through the same dnsmasq names of which none is, and through another dnsmasq beside it that knows nothing of us. Names
are never asked for twice, so each answer comes from above; that takes 0 or 10 milliseconds.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median, quantiles

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / ".collections")]

from tests.benchmarks import dns_load
from tests.support.names.world import NamesWorld, elements, names_world
from tests.support.packets import GATEWAY
from tests.support.rules import row

RATE = 50_000 / 60  # questions a second
SLICE = 500  # names of one way between those of the others
DELAYS = (0, 10)  # milliseconds until the answer from above
PLAIN_PORT = 5353
TABLE = "inet egress_allowlist"
SELECTED, OTHERS, PLAIN = "selected names", "other names", "without ours"
WAYS = {SELECTED: ("zoom.us", 53), OTHERS: ("example.com", 53), PLAIN: ("zoom.us", PLAIN_PORT)}


@contextmanager
def upstream(world: NamesWorld, pool: int) -> Iterator[None]:
    """Run the name server outside, in the place of the tests' own."""
    world.zone.close()
    command = [*world.world.wire.enter(), sys.executable, str(Path(dns_load.__file__)), world.upstream[4], str(pool)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "up\n"
            yield
        finally:
            process.kill()


def start(world: NamesWorld, prefixes: int, most: int) -> None:
    """Apply the allowlist, and start the other dnsmasq."""
    rows = [row("*.zoom.us", "443"), row("*.kudoway.com", "443"), row("*.twilio.com", "443", "UDP")]
    # What stands in the ruleset beside the names must not make them slower.
    rows += [row(f"{IPv4Address(0x64000000 + 512 * number)}/24") for number in range(prefixes)]
    world.learn(*rows, names_max_addresses=most)
    world.host.shell(
        f"dnsmasq --conf-file=/dev/null --port={PLAIN_PORT} --pid-file=/run/plain.pid "
        f"--no-resolv --server={world.upstream[4]} --local-service"
    )


def measure(world: NamesWorld, count: int) -> dict[tuple[str, int], list[float]]:
    """Return the seconds of each answer, by way and delay; ends the program if answers are lost."""
    taken: dict[tuple[str, int], list[float]] = {(way, delay): [] for delay in DELAYS for way in WAYS}
    for delay in DELAYS:
        for first in range(0, count, SLICE):
            numbers = range(first, min(first + SLICE, count))
            for way, (domain, port) in WAYS.items():
                opened = world.client.call(lambda: socket.socket(type=socket.SOCK_DGRAM))
                with opened:
                    opened.connect((GATEWAY[4], port))
                    names = [f"{number}-{delay}.{way[0]}.{domain}" for number in numbers]
                    found = dns_load.ask(opened, names, RATE)
                lost = len(names) - len(found)
                if lost > len(names) // 100:
                    sys.exit(f"{way}, {delay} ms: {lost} of {len(names)} answers are lost")
                taken[way, delay] += found
        learned = len(elements(world.world.host, TABLE, "asked4_zoom.us"))
        begun = time.perf_counter()
        world.keep()
        seconds = time.perf_counter() - begun
        leased = len(elements(world.world.host, TABLE, "leased4_zoom.us"))
        print(f"answers after {delay} ms: {learned:,} addresses are asked for, {leased:,} leased after {seconds:.2f} s")
    return taken


def table(taken: dict[tuple[str, int], list[float]]) -> Iterator[str]:
    """Yield the lines of a table: the median and the 99th percentile of each way, and how they compare."""
    yield f"{'from above after':>16} {'way':16} {'answers':>8} {'median':>10} {'99 %':>10} {'ratio':>6}"
    for (way, delay), found in taken.items():
        middle, base = median(found), median(taken[PLAIN, delay])
        high = quantiles(found, n=100)[98]
        yield (
            f"{delay:>13} ms {way:16} {len(found):>8,} {middle * 1e6:>7,.0f} us {high * 1e6:>7,.0f} us "
            f"{middle / base:>6.2f}"
        )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the names")
    parser.add_argument("--names", type=int, default=50_000, help="how many, each way and delay")
    parser.add_argument("--pool", type=int, default=65_000, help="how many addresses they have together")
    parser.add_argument("--prefixes", type=int, default=2000, help="in the allowlist beside the names")
    parser.add_argument("--most", type=int, default=65_536, help="nftables_egress_names_max_addresses")
    given = parser.parse_args()
    count = given.names // 10 if given.quick else given.names
    with names_world("gateway") as world, upstream(world, given.pool):
        start(world, given.prefixes, given.most)
        print("\n".join(table(measure(world, count))))


if __name__ == "__main__":
    main()
