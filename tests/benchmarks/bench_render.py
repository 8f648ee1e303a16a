# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the backends take to render an allowlist of 100,000 rules, and of as many in 1,000 services.

C{python tests/benchmarks/bench_render.py [rules]} prints seconds of CPU, the best of some rounds, and how many rules,
elements or lines come of it; it asserts nothing.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / ".collections")]

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist

from tests.benchmarks.bench_merge import make_rules

ROUNDS = 2
BACKENDS: dict[str, Callable[[dict[str, Any]], int]] = {
    "nftables, elements": lambda found: ruleset.render(found)["ruleset"].count(' : "'),
    "ufw, rules": lambda found: len(ufw.render(found)["rules"]),
    "ufw with sets, rules": lambda found: len(ufw.render(found, sets=True)["chained"]),
    "firewalld, entries": lambda found: sum(
        text.count("<entry>") for text in configuration.render(found)["files"].values()
    ),
    "export as text, lines": lambda found: export_allowlist(found, "text").count("\n"),
    "clouds, prefixes of single services": lambda found: sum(len(part.prefixes) for part in parts(found, single=True)),
    "clouds, prefixes": lambda found: sum(len(part.prefixes) for part in parts(found)),
}


def of_many_services(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules with 1,000 different ranges of ports that nest, overlap in part and touch."""
    rng = random.Random(20260601)
    firsts = [rng.randint(1, 60_000) for dummy in range(1000)]
    services = [f"{first}-{first + rng.choice([1, 10, 1000])}" for first in firsts]
    return [{**rule, "protocol": "udp", "ports": services[number % 1000]} for number, rule in enumerate(rules)]


def of_nested_services(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules with 1,000 ranges of ports, each within the one before."""
    return [{**rule, "ports": f"{number % 1000 + 1}-{5000 - number % 1000}"} for number, rule in enumerate(rules)]


def main(arguments: list[str]) -> None:
    """Measure all and print a table."""
    rules = make_rules(int(arguments[0]) if arguments else 100_000)
    for title, listed in (
        ("5 services", rules),
        ("1,000 services that overlap", of_many_services(rules)),
        ("1,000 services, each within another", of_nested_services(rules)),
    ):
        allowlist = merge_vendors(listed)
        print(f"{len(rules):,} rules, {title}")
        for name, work in BACKENDS.items():
            times, number = [], 0
            for dummy in range(ROUNDS):
                start = time.process_time()
                number = work(allowlist)
                times.append(time.process_time() - start)
            print(f"  {name:36} {number:>9,}  {min(times):6.2f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
