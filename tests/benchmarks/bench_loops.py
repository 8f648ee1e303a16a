# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SecureVideo's list of Zoom through our roles, against community.general.ufw and ansible.posix.firewalld in a loop.

C{python tests/benchmarks/bench_loops.py [--rounds 3] [--sample 10] [ufw] [firewalld]} (as root) prints seconds and
ratios; it asserts that every play does what it says, and nothing about time. All plays run on the same Debian 12 in
sandboxes; our runs and the loops take turns, and the figures are medians of the rounds. In each round a loop gets
another sample of its rules, once on an empty host and once on a host that has the whole list. The time of the whole
loop is the sample's time per rule times the number of rules: at least as if the host stayed empty, at most as if
it were full all along. What the loops add is not the same to firewalld: its module knows no rules for egress, so it
adds rich rules with the same addresses and ports to the default zone.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / ".collections"), str(REPOSITORY)]

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.partition import Element, elements
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.namespaces import Namespace
from tests.support.peers import collection_version, peers
from tests.support.systems import enable_ufw, play, start_firewalld, system

VENDORS = [{"name": "securevideo", "engines": ["zoom"]}]
EMPTY: list[dict[str, Any]] = [{"ansible.builtin.ping": None}]
UFW = {
    "rule": "allow",
    "direction": "out",
    "proto": "{{ item.protocol }}",
    "dest": "{{ item.prefix }}",
    "to_port": "{{ item.ports }}",
    "comment": "securevideo zoom",
}
RICH = 'rule family="{{ item.family }}" destination address="{{ item.prefix }}" port port="{{ item.ports }}" '
FIREWALLD = {
    "rich_rule": RICH + 'protocol="{{ item.protocol }}" accept',
    "permanent": True,
    "immediate": True,
    "state": "enabled",
}
STATES = ("empty", "full")
Rules = list[dict[str, str]]


def wanted() -> list[Element]:
    """Return the elements of the list, in ascending order."""
    books = load_vendor_dirs([REPOSITORY / "roles/catalog/vars/vendors"]).vendors
    asked = ["required", "recommended", "optional"]
    rows = select_rows(books, VENDORS, requirements=asked, today=datetime.date.today())["rows"]
    found = merge_vendors(expand_rows(rows))["provenance"]
    return [element for version in (4, 6) for element in elements(found, version, lambda entry: "zoom")]


def ufw_rules(shift: int = 0) -> Rules:
    """Return the items of a loop over ufw: one for each prefix and protocol, as few as ufw can take.

    C{shift} makes the first port another one, so that the rules are new to a host that has the list.
    """
    made = []
    for (prefix, protocol), same in groupby(wanted(), lambda element: (element.prefix, element.protocol)):
        first, *more = [element.ports.replace("-", ":") for element in same]
        ports = ",".join([str(int(first.partition(":")[0]) - shift) if shift else first, *more])
        made.append({"prefix": prefix, "protocol": protocol, "ports": ports})
    return made


def firewalld_rules(shift: int = 0) -> Rules:
    """Return the items of a loop over firewalld: a rich rule takes one port or range."""
    return [
        {
            "prefix": element.prefix,
            "protocol": element.protocol,
            "ports": str(element.first_port - shift) if shift else element.ports,
            "family": "ipv6" if ":" in element.prefix else "ipv4",
        }
        for element in wanted()
    ]


def shown(space: Namespace, *command: str) -> str:
    """Return what a command on the host prints."""
    return str(space.target(command, check=True).stdout)


def plain(prefix: str) -> str:
    """Return a single address without its length, as some tools list it."""
    return prefix.removesuffix("/128" if ":" in prefix else "/32")


def ufw_listed(space: Namespace) -> list[str]:
    """Return a line for each rule that ufw lists."""
    return re.findall(r"^\[ *\d+\] (.*)", shown(space, "ufw", "status", "numbered"), re.MULTILINE)


def firewalld_listed(space: Namespace) -> list[str]:
    """Return the rich rules of the default zone and the entries of all sets."""
    sets = shown(space, "firewall-cmd", "--get-ipsets").split()
    found = [line for name in sets for line in shown(space, "firewall-cmd", f"--ipset={name}", "--get-entries").split()]
    return [*found, *filter(None, shown(space, "firewall-cmd", "--list-rich-rules").splitlines())]


def fill_firewalld(space: Namespace, sample: slice) -> None:
    """Give the default zone the rules of the whole loop but the sample, in its file."""
    rules = firewalld_rules()
    del rules[sample]
    lines = ["<?xml version='1.0' encoding='utf-8'?>", "<zone><short>Public</short>"]
    for item in rules:
        there = f'<destination address="{item["prefix"]}"/><port port="{item["ports"]}" protocol="{item["protocol"]}"/>'
        lines.append(f'<rule family="{item["family"]}">{there}<accept/></rule>')
    text = "\n".join([*lines, "</zone>"])
    space.target(["sh", "-c", "cat > /etc/firewalld/zones/public.xml"], input=text, check=True)
    space.target(["firewall-cmd", "--reload"], check=True)


class Tool(NamedTuple):
    """What is measured of a tool."""

    name: str
    peer: str  # the module of the loop
    start: Callable[[Namespace], Any]
    arguments: dict[str, Any]
    rules: Callable[..., Rules]
    fill: Callable[[Namespace, slice], None] | None  # None: by our role
    listed: Callable[[Namespace], list[str]]


TOOLS = {
    "ufw": Tool("ufw", "community.general.ufw", enable_ufw, UFW, ufw_rules, None, ufw_listed),
    "firewalld": Tool(
        "firewalld",
        "ansible.posix.firewalld",
        start_firewalld,
        FIREWALLD,
        firewalld_rules,
        fill_firewalld,
        firewalld_listed,
    ),
}


@contextmanager
def host(tool: Tool) -> Iterator[Namespace]:
    """Yield a host on which the tool runs."""
    space = Namespace(system("bookworm"))
    try:
        tool.start(space)
        yield space
    finally:
        space.close()


def timed(space: Namespace, playbook: str | Path, changes: bool, extra: dict[str, Any] | None = None) -> float:
    """Return the seconds that a play takes; ends the program unless it changes something, or nothing, as is said."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": f".collections:{peers()}"}
    start = time.perf_counter()
    done = play(space, playbook, "-e", json.dumps(extra or {}), env=environment)
    seconds = time.perf_counter() - start
    if done.returncode or changes == ("changed=0 " in done.stdout):
        sys.exit(f"{playbook}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return seconds


def said(tool: Tool) -> dict[str, Any]:
    """Return the variables of playbooks/apply.yml."""
    return {"catalog_vendors": VENDORS, "apply_backend": tool.name, f"{tool.name}_policy": "unmanaged"}


def ours(tool: Tool) -> dict[str, float]:
    """Return the seconds of an empty play, the first run and the second run."""
    with host(tool) as space, written(EMPTY) as empty:
        found = {
            "empty play": timed(space, empty, False),
            "first run": timed(space, "playbooks/apply.yml", True, said(tool)),
            "second run": timed(space, "playbooks/apply.yml", False, said(tool)),
        }
        listing = " ".join(tool.listed(space)).split()
        absent = {plain(element.prefix) for element in wanted()} - {plain(word) for word in listing}
        if absent:
            sys.exit(f"{tool.name} does not list {len(absent)} of ours, such as {min(absent)}")
    return found


def loop(tool: Tool, sample: slice, full: bool) -> float:
    """Return the seconds that a loop over a sample takes, on an empty or a full host."""
    items = tool.rules(1 if full and not tool.fill else 0)[sample]
    with host(tool) as space, written([{tool.peer: tool.arguments, "loop": items}]) as playbook:
        if full and tool.fill:
            tool.fill(space, sample)
        elif full:
            timed(space, "playbooks/apply.yml", True, said(tool))
        before = len(tool.listed(space))
        if full and before < len(tool.rules()) - len(items):
            sys.exit(f"{tool.name}: the full host has {before} rules")
        seconds = timed(space, playbook, True)
        added = len(tool.listed(space)) - before
    if added != len(items):
        sys.exit(f"{tool.peer} in a loop added {added} rules instead of {len(items)}")
    return seconds


@contextmanager
def written(tasks: Sequence[dict[str, Any]]) -> Iterator[Path]:
    """Yield a playbook with these tasks."""
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder, "play.yml")
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), "utf-8")
        yield playbook


def measure(tool: Tool, rounds: int, size: int) -> list[dict[str, float]]:
    """Return the seconds of each work in each round; the whole loops are reckoned from the samples."""
    rules, taken = len(tool.rules()), []
    ours(tool)  # fills caches
    for number in range(rounds):
        found = ours(tool)
        start = number * (rules - size) // max(rounds - 1, 1)  # samples from all parts of the list
        for state in STATES:
            sample = loop(tool, slice(start, start + size), state == "full")
            found[f"{state}, each"] = (sample - found["empty play"]) / size
            found[f"{state}, whole"] = found["empty play"] + found[f"{state}, each"] * rules
        taken.append(found)
    return taken


def report(tool: Tool, taken: list[dict[str, float]], size: int) -> None:
    """Print medians, and the medians of each round's ratios."""

    def seconds(name: str) -> float:
        return median(found[name] for found in taken)

    def ratio(name: str, other: str) -> float:
        return median(found[name] / found[other] for found in taken)

    rules, version = len(tool.rules()), collection_version(peers(), tool.peer.rpartition(".")[0].replace(".", "/"))
    print(f"{tool.name}: {len({element.prefix for element in wanted()})} prefixes, median of {len(taken)} rounds")
    for name in ("empty play", "first run", "second run"):
        print(f"  {name:36} {seconds(name):8.2f} s  {ratio(name, 'empty play'):5.2f} times an empty play")
    print(f"  {tool.peer} {version} in a loop, samples of {size} of its {rules:,} rules:")
    for state in STATES:
        times = (
            f"{seconds(f'{state}, each'):.2f} s a rule, {ratio(f'{state}, whole', 'first run'):.0f} times our first run"
        )
        print(f"  {f'  all at the pace of the {state} host':36} {seconds(f'{state}, whole'):8.0f} s  {times}")


def main() -> None:
    """Measure each tool in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=10)
    parser.add_argument("tools", nargs="*", choices=[[], *TOOLS], default=[])
    given = parser.parse_args()
    for name in given.tools or TOOLS:
        report(TOOLS[name], measure(TOOLS[name], given.rounds, given.sample), given.sample)


if __name__ == "__main__":
    main()
