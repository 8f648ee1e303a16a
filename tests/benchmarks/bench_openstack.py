# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of prefixes in a real Neutron by our module, against openstack.cloud's modules.

C{python tests/benchmarks/bench_openstack.py [--sizes 300 1000] [--sample 10]} (as root) prints requests, seconds and
ratios; it asserts that every play does what it says, and nothing about time. All are plays of ansible-playbook against
the same Neutron on loopback, without Keystone. C{security_group_rule} in a loop is measured on a sample, once in a
group that is empty and once in one that has the rest of the list; the whole loop is the sample's time per rule times
the number of rules. All other plays are run whole. openstack.cloud runs with openstacksdk 4.14 in an environment of
its own, in the cache: it breaks with newer ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / ".collections"), str(REPOSITORY)]

from tests.support.openstack.neutron import NAME, PROJECT, Cloud, cloud, serve
from tests.support.peers import collection_version, peers
from tests.support.rules import row

SDK = "openstacksdk<4.15"
EMPTY: list[dict[str, Any]] = [{"ansible.builtin.ping": None}]
FILTERS = "rows | egress.allowlist.expand_rows | egress.allowlist.merge_vendors | "
PLAN = (
    FILTERS
    + "egress.allowlist.openstack_security_group_plan(policy='deny', rules=-1, metadata=false, address_groups=form)"
)
OURS = {
    "egress.allowlist.openstack_security_group": {"cloud": cloud(), "project": PROJECT, "plan": "{{ " + PLAN + " }}"}
}
LOOP = {"cloud": cloud(), "security_group": NAME, "direction": "egress", "protocol": "tcp"}
LOOP |= {"port_range_min": 443, "port_range_max": 443}


class Taken(NamedTuple):
    """What a play took."""

    seconds: float
    calls: int
    writes: int


def prefixes(count: int) -> list[str]:
    """Return prefixes that cannot be merged, of both IP versions."""
    four = [f"203.0.113.{number}/32" for number in range(0, 256, 2)]
    return [*four, *(f"2001:db8:{number:x}::/48" for number in range(2, 2 * (count - len(four)) + 2, 2))][:count]


def interpreter() -> Path:
    """Return a Python with the openstacksdk that openstack.cloud works with; the first call ever installs it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "egress-allowlist", "openstacksdk-4.14")
    python = cache / "bin/python"
    if not (cache / "complete").exists():
        print(f"installing {SDK} (once)", file=sys.stderr)
        venv.create(cache, with_pip=True, clear=True)
        get = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK]
        subprocess.run(list(map(str, get)), check=True)
        (cache / "complete").touch()
    return python


def timed(server: Cloud, tasks: Sequence[dict[str, Any]], changes: bool, **variables: Any) -> Taken:
    """Run a play; ends the program unless it changes something, or nothing, as is said."""
    with server.inside():
        server.forget()
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder, "play.yml")
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), "utf-8")
        given = Path(folder, "variables.json")
        given.write_text(json.dumps(variables), "utf-8")
        environment = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": f"{REPOSITORY}/.collections:{peers()}"}
        start = time.perf_counter()
        done = server.play(playbook, "--extra-vars", f"@{given}", **environment)
        seconds = time.perf_counter() - start
    if done.returncode or changes == ("changed=0 " in done.stdout):
        sys.exit(f"{tasks}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    with server.inside():
        return Taken(seconds, len(server.log()), len(server.writes()))


def fill(server: Cloud, wanted: Sequence[str], name: str = NAME) -> None:
    """Start anew with a group that has these prefixes, and no rules that let everything out."""
    with server.inside():
        server.reset(rules=-1)
        group = server.new_group(name)
        for rule in server.rules(name):
            server.delete("security-group-rules", rule["id"])
        common = {"security_group_id": group, "project_id": PROJECT, "direction": "egress", "protocol": "tcp"}
        common |= {"port_range_min": 443, "port_range_max": 443}
        made = [{**common, "ethertype": kind(prefix), "remote_ip_prefix": prefix} for prefix in wanted]
        if made:
            server.request("POST", "/v2.0/security-group-rules", {"security_group_rules": made})


def kind(prefix: str) -> str:
    """Return the word for a prefix's IP version."""
    return "IPv6" if ":" in prefix else "IPv4"


def check(server: Cloud, wanted: Sequence[str]) -> None:
    """End the program unless the group lets out these prefixes."""
    with server.inside():
        lacks = {("tcp", 443, 443, prefix) for prefix in wanted} - server.opened()
    if lacks:
        sys.exit(f"{len(lacks)} rules are not there, such as {min(lacks)}")


def ours(server: Cloud, wanted: Sequence[str], form: str) -> tuple[Taken, Taken, Taken]:
    """Return what the first run takes, the second one, and one with one prefix less."""
    rows = [row(prefix) for prefix in wanted]
    with server.inside():
        server.reset(rules=-1)
    first = timed(server, [OURS], True, rows=rows, form=form)
    check(server, wanted)
    second = timed(server, [OURS], False, rows=rows, form=form)
    return first, second, timed(server, [OURS], True, rows=rows[1:], form=form)


def loop(server: Cloud, wanted: Sequence[str], sample: int, full: bool, python: Path) -> Taken:
    """Return what a loop over a sample takes."""
    fill(server, wanted[sample:] if full else [])
    task = {**LOOP, "remote_ip_prefix": "{{ item }}", "ether_type": "{{ 'IPv6' if ':' in item else 'IPv4' }}"}
    tasks = [{"openstack.cloud.security_group_rule": task, "loop": list(wanted[:sample])}]
    taken = timed(server, tasks, True, ansible_python_interpreter=str(python))
    check(server, wanted if full else wanted[:sample])
    return taken


def whole_group(server: Cloud, wanted: Sequence[str], python: Path) -> tuple[Taken, Taken]:
    """Return what openstack.cloud.security_group takes for all rules, and what its second run takes."""
    fill(server, [], "other")
    rules = [
        {"direction": "egress", "ether_type": kind(prefix), "protocol": "tcp", "remote_ip_prefix": prefix}
        | {"port_range_min": 443, "port_range_max": 443}
        for prefix in wanted
    ]
    task = {"cloud": cloud(), "name": NAME, "security_group_rules": "{{ rules }}"}
    tasks, given = [{"openstack.cloud.security_group": task}], {"rules": rules}
    first = timed(server, tasks, True, ansible_python_interpreter=str(python), **given)
    check(server, wanted)
    return first, timed(server, tasks, False, ansible_python_interpreter=str(python), **given)


def show(name: str, taken: Taken, base: Taken) -> None:
    """Print a line of the table, compared with our first run with a rule for each prefix."""
    ratios = f"{taken.seconds / base.seconds:7.1f}  {taken.calls / base.calls:7.1f}"
    print(f"  {name:54} {taken.seconds:8.2f} s {taken.calls:6,} requests {taken.writes:6,} writes  {ratios}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--sample", type=int, default=10)
    options = parser.parse_args()
    python, version = interpreter(), collection_version(peers(), "openstack/cloud")
    with serve() as server:
        timed(server, EMPTY, False)
        empty = timed(server, EMPTY, False)
        print(f"openstack.cloud {version}; an empty play takes {empty.seconds:.2f} s")
        for size in options.sizes:
            wanted = prefixes(size)
            print(f"{size:,} rules; ratios of seconds and of requests to our first run")
            base = None
            for form, words in (("never", "a rule for each prefix"), ("always", "address groups")):
                taken = ours(server, wanted, form)
                base = base or taken[0]
                for which, one in zip(("first run", "second run", "one prefix less"), taken, strict=True):
                    show(f"ours, {words}, {which}", one, base)
            assert base
            for full in (False, True):
                one = loop(server, wanted, options.sample, full, python)
                each = (one.seconds - empty.seconds) / options.sample
                calls, writes = (round(value * size / options.sample) for value in (one.calls, one.writes))
                state = "full" if full else "empty"
                reckoned = Taken(empty.seconds + each * size, calls, writes)
                show(f"security_group_rule in a loop, {state}, from {options.sample} rules", reckoned, base)
            for which, one in zip(("first run", "second run"), whole_group(server, wanted, python), strict=True):
                show(f"security_group, {which}", one, base)


if __name__ == "__main__":
    main()
