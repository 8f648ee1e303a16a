# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet rate of a host through each backend with 10, 1,000 and 100,000 prefixes, against no firewall.

C{python tests/benchmarks/bench_packets.py [--rounds 9] [--only nftables,...] [--plot FILE]} (as root) prints
medians and draws them; it asserts that what is listed arrives and what is not is stopped, and nothing about time.
Each host is a Debian 12 in namespaces of its own on which the backend's module applied the list with policy deny.
All hosts are up at once and take turns, so that a busy moment of the machine hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / ".collections"), str(REPOSITORY)]

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset

from tests.benchmarks.flood import Datagrams, Flow, Host
from tests.benchmarks.plot import draw
from tests.support.namespaces import Namespace
from tests.support.packets import SOURCE
from tests.support.systems import enable_ufw, module_environment, start_firewalld, system

SIZES = (10, 1_000, 100_000)
FIRST, SLOT = 20 << 24, 1024  # each prefix is alone in a /22, so that none of them merge
PORTS, PORT = "3478,8801-8810", 8805
BARE, TRACKED = "no firewall", "tracking only"  # these have no list; they get the same datagrams
UNLISTED = (19 << 24) + 1
COUNT, SECONDS = 20_000, 0.2  # of one measurement: datagrams, or the CPU time after which it ends
NEW_LAST, NEW_ANY, KNOWN, STOPPED = TRAFFIC = ("new, last", "new, any", "established", "not listed")
ESTABLISHED = Flow(UNLISTED, PORT, 999)  # by its state alone may it pass
TITLES = {
    NEW_LAST: "first packets of new flows, last prefix",
    NEW_ANY: "first packets of new flows, any prefix",
    KNOWN: "packets of an established flow",
}
_CONNTRACK = """
table inet tracked {
    chain output {
        type filter hook output priority filter
        ct state established,related accept
    }
}
"""
_RUN = """
import sys
from importlib import import_module
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
import_module("ansible_collections.egress.allowlist.plugins.modules." + sys.argv[1]).main()
"""
_RENDERERS = {"nftables": ruleset.render, "ufw": ufw.render, "firewalld": configuration.render}
_OPTIONS = {"policy": "deny", "stopped": "drop", "dns_servers": ["198.18.1.1"], "ntp_servers": ["198.18.1.1"]}


class Backend(NamedTuple):
    """How a host gets its rules."""

    name: str
    sizes: Sequence[int]
    load: Callable[[Namespace, int], None]


@cache
def prefixes(count: int) -> list[tuple[int, int]]:
    """Return address and length of this many IPv4 prefixes, in ascending order; no two can merge."""
    rng = random.Random(20261101)
    return [(FIRST + n * SLOT, rng.choice((24, 26, 28, 28, 29, 32))) for n in range(count)]


@cache
def allowlist(count: int) -> dict[str, Any]:
    """Return the allowlist of a vendor who asks for UDP to this many prefixes."""
    row = {"vendor": "acme", "service": "media", "ports": PORTS, "protocol": "UDP", "source": "Acme", "date": "2026-01"}
    lines = [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/{length}" for n, length in prefixes(count)]
    return merge_vendors(expand_rows([row | {"destination": "\n".join(lines), "requirement": "required"}]))


def module(space: Namespace, backend: str, native: str, filled: dict[str, Any]) -> None:
    """Run a backend's module on the target: present, confirmed at once."""
    environment = module_environment(space)
    arguments = {"ANSIBLE_MODULE_ARGS": {native: filled, "revert_after": 0}}
    done = space.target(["python3", "-c", _RUN, backend], input=json.dumps(arguments), env=environment)
    if done.returncode:
        said = json.loads(done.stdout)["msg"] if done.stdout.startswith("\n{") else done.stdout[-2000:]
        sys.exit(f"the module {backend} failed: {said}{done.stderr[-2000:]}")


def applied(space: Namespace, backend: str, native: str, count: int, **options: Any) -> None:
    """Apply a list of this many prefixes by our backend; C{native}: the module's option that takes the native form."""
    module(space, backend, native, _RENDERERS[backend](allowlist(count), **_OPTIONS, **options))


def nftables(space: Namespace, count: int) -> None:
    """Apply with nftables."""
    applied(space, "nftables", "ruleset", count)


def ufw_rules(space: Namespace, count: int) -> None:
    """Apply with ufw, as rules of its own."""
    enable_ufw(space)
    applied(space, "ufw", "rules", count)


def ufw_sets(space: Namespace, count: int) -> None:
    """Apply with ufw, as sets beside its rules."""
    enable_ufw(space)
    applied(space, "ufw", "rules", count, sets=True)


def firewalld(space: Namespace, count: int) -> None:
    """Apply with firewalld."""
    start_firewalld(space)
    applied(space, "firewalld", "objects", count)


def tracked(space: Namespace, count: int) -> None:
    """Only track connections, which every list of rules that lets answers through needs."""
    space.target(["nft", "-f", "-"], input=_CONNTRACK, check=True)


BACKENDS = (
    Backend(BARE, SIZES, lambda space, count: None),
    Backend(TRACKED, SIZES, tracked),
    Backend("nftables", SIZES, nftables),
    Backend("ufw", SIZES, ufw_rules),
    Backend("ufw with sets", SIZES, ufw_sets),
    Backend("firewalld", SIZES, firewalld),
)


def flows(traffic: str, count: int) -> Iterator[Flow]:
    """Yield the flows of one kind of traffic through a list of this many prefixes."""
    listed = prefixes(count)
    rng = random.Random(20261102)
    for number in range(COUNT):
        source_port = 1024 + number
        if traffic == KNOWN:
            yield ESTABLISHED
        elif traffic == STOPPED:
            yield Flow(UNLISTED, PORT, source_port)
        else:
            address, length = rng.choice(listed) if traffic == NEW_ANY else listed[-1]
            yield Flow(address + (1 << (32 - length)) - 1, PORT, source_port)


@cache
def datagrams(traffic: str, count: int) -> Datagrams:
    """Return the datagrams of one kind of traffic, built once for all hosts with a list of the same size."""
    return Datagrams(list(flows(traffic, count)))


def measure_once(host: Host, backend: str, traffic: str, count: int) -> float:
    """Return the seconds of CPU per datagram; ends the program if the firewall does not do what it must."""
    if traffic == KNOWN:
        to = f"{UNLISTED >> 24}.0.0.{UNLISTED & 255}"
        flow = f"-p udp -s {SOURCE[4]} -d {to} --sport {ESTABLISHED.source_port} --dport {PORT}"
        host.space.run(["conntrack", "-I", *flow.split(), "-t", "600", "-u", "SEEN_REPLY"], check=True)
    before = host.arrived()
    send = host.send_singly if traffic == STOPPED else host.send
    number, taken = send(datagrams(traffic, count), SECONDS)
    wanted = 0 if traffic == STOPPED and backend not in (BARE, TRACKED) else number
    for dummy in range(50):  # the wire may be a moment behind
        arrived = host.arrived() - before
        if arrived >= number or not wanted:
            break
        time.sleep(0.01)
    if abs(arrived - wanted) > 10:  # some of IPv6's own may be among them
        sys.exit(f"{backend}, {count} prefixes, {traffic}: of {number} datagrams {arrived} arrived instead of {wanted}")
    host.space.run(["conntrack", "-F"])  # all hosts' flows stand in one table of the kernel's
    time.sleep(0.03)
    return taken / number


Key = tuple[str, int, str]  # backend, prefixes, traffic


def measure(rounds: int, backends: Sequence[Backend]) -> dict[Key, list[float]]:
    """Return the seconds of CPU per datagram in each round."""
    taken: dict[Key, list[float]] = {}
    with ExitStack() as ends:
        wire = Namespace()
        ends.callback(wire.close)
        hosts: list[tuple[str, int, Host]] = []
        for name, size, load in [(b.name, size, b.load) for b in backends for size in b.sizes]:
            space = Namespace(system("bookworm"))
            ends.callback(space.close)
            host = Host(space, wire, f"wire{len(hosts)}")
            ends.callback(host.close)
            start = time.perf_counter()
            load(space, size)
            print(f"{name}, {size:,} prefixes: applied in {time.perf_counter() - start:.1f} s", file=sys.stderr)
            hosts.append((name, size, host))
        # What is freed between the measurements stays in the caches of the processor that measures.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for number in range(rounds + 1):
            for traffic in TRAFFIC:
                for name, size, host in hosts:
                    found = measure_once(host, name, traffic, size)
                    if number:  # the first round fills caches
                        taken.setdefault((name, size, traffic), []).append(found)
    return taken


def table(costs: dict[Key, float]) -> Iterator[str]:
    """Yield the lines of a table: packets per second, and how often no firewall is as fast."""
    yield f"{'packets per second':18} {'prefixes':>8}" + "".join(f"{traffic:>20}" for traffic in TRAFFIC)
    for name, size in dict.fromkeys((name, size) for name, size, traffic in costs):
        line = f"{name:18} {size:>8,}"
        for traffic in TRAFFIC:
            cost = costs[name, size, traffic]
            line += f"{1 / cost:>11,.0f} ({cost / costs[BARE, size, traffic]:6.1f})"
        yield line


def main() -> None:
    """Measure, print a table, draw it if wanted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="backends besides no firewall, with commas between them")
    parser.add_argument("--plot", type=Path, default=REPOSITORY / "tests/output/packet-rate.svg", help="what to draw")
    given = parser.parse_args()
    only = given.only.split(",") if given.only else [backend.name for backend in BACKENDS]
    chosen = [backend for backend in BACKENDS if backend.name in [BARE, *only]]
    costs = {key: median(found) for key, found in measure(given.rounds, chosen).items()}
    print("\n".join(table(costs)))
    draw({key: 1 / cost for key, cost in costs.items()}, TITLES, given.plot)
    print(f"drawn: {given.plot}")


if __name__ == "__main__":
    main()
