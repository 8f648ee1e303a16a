# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of names beside the kernel's real sets, those of nftables and of ipset."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.names.world import elements, pass_time
from tests.support.names.zone import Zone
from tests.support.namespaces import Namespace
from tests.support.repository import REPOSITORY
from tests.support.systems import system

pytestmark = pytest.mark.usefixtures("namespaces")

KEEPER = f"/usr/bin/python3 {REPOSITORY}/plugins/module_utils/_names/keeper.py"
TABLE, SPECIAL = "inet egress_allowlist", ["10.0.0.0/8", "fc00::/7"]
STATE = "/var/lib/egress-allowlist/names-{}.json"
LEASE, MOST = 4000, 4  # seconds, addresses
PASSED = 1000  # seconds
SETS = "".join(
    f"set {kind}{version}_{name} {{ type ipv{version}_addr; flags {flags}timeout; timeout {LEASE}s; size {size}; }}\n"
    for name in ("a.test", "b.test")
    for version in (4, 6)
    for kind, flags, size in (("asked", "", 3 * MOST), ("leased", "dynamic,", MOST))
)
OTHERS = "set others { type ipv4_addr; flags timeout; timeout 4000s; elements = { 192.0.2.1 timeout 3300s }; }\n"


@pytest.fixture
def host() -> Iterator[Namespace]:
    """A Debian in a namespace, with nothing in its kernel."""
    space = Namespace(system("bookworm"))
    yield space
    space.close()


def shell(host: Namespace, script: str, text: str = "") -> str:
    """Run a script on the host; returns what it prints."""
    done = host.target(["sh", "-ec", script], input=text)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


def configure(host: Namespace, mode: str, backend: str = "nftables", **changes: object) -> None:
    """Write the keeper's configuration for the names a.test and b.test."""
    ipset = backend == "ufw"
    domains: dict[str, dict] = {}
    for name in ("a.test", "b.test"):
        kinds = ["leased"] if mode == "resolve" else ["asked", "leased"]
        domains[name] = {kind: {v: f"{kind}{v}_{name}" for v in ("4", "6")} for kind in kinds}
        domains[name]["patterns"] = [name]
    config = {"mode": mode, "lease": LEASE, "refresh": 1, "most": MOST, "table": "" if ipset else TABLE}
    config |= {"domains": domains, "special": SPECIAL, "ruleset": ""} | changes
    shell(
        host,
        f"mkdir -p /etc/egress-allowlist; cat > /etc/egress-allowlist/names-{backend}.json",
        json.dumps(config),
    )


def load(host: Namespace, text: str = SETS) -> None:
    """Make the table anew."""
    shell(host, "nft -f -", f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{text}}}\n")


def add(host: Namespace, name: str, *addresses: str) -> None:
    """Add elements as dnsmasq does."""
    shell(host, f"nft add element {TABLE} {name} '{{ {', '.join(addresses)} }}'")


def keep(host: Namespace, backend: str = "nftables", command: str = "run") -> list[str]:
    """Run the keeper; returns the lines that it prints."""
    return shell(host, f"{KEEPER} {command} {backend} 2>&1").splitlines()


def left(host: Namespace, name: str) -> dict[str, float]:
    """Return what is in a set of nftables."""
    return elements(host, TABLE, name)


def test_answers_move_on_with_a_whole_lease(host: Namespace) -> None:
    configure(host, "dnsmasq")
    load(host, SETS + OTHERS)
    add(host, "asked4_a.test", "198.18.5.1 timeout 900s", "10.1.1.1")
    add(host, "leased4_a.test", "198.18.5.1 timeout 800s", "198.18.5.2 timeout 3000s")
    add(host, "asked6_b.test", "2001:db8::1", "fd00::1")
    assert keep(host) == [
        "b.test: + 2001:db8::1",
        "a.test: 10.1.1.1 is a special address: not opened",
        "b.test: fd00::1 is a special address: not opened",
    ]
    leased = left(host, "leased4_a.test")
    assert leased["198.18.5.1"] > 3000 >= leased["198.18.5.2"] > 1500
    assert set(left(host, "leased6_b.test")) == {"2001:db8::1"}
    assert not left(host, "asked4_a.test")
    assert not left(host, "asked6_b.test")
    assert set(left(host, "others")) == {"192.0.2.1"}
    assert keep(host) == []


def test_no_more_than_the_bound(host: Namespace) -> None:
    configure(host, "dnsmasq")
    load(host)
    add(host, "leased4_a.test", *(f"198.18.5.{number} timeout {2000 - 100 * (number % 2)}s" for number in (1, 3)))
    add(host, "leased4_a.test", "198.18.5.2 timeout 1500s")
    add(host, "asked4_a.test", "198.18.5.1", "198.18.5.8", "198.18.5.9")
    assert keep(host) == [
        "a.test: set full: 1 older addresses make room for newer ones",
        "a.test: + 198.18.5.8",
        "a.test: + 198.18.5.9",
    ]
    leased = left(host, "leased4_a.test")
    assert set(leased) == {"198.18.5.1", "198.18.5.3", "198.18.5.8", "198.18.5.9"}, "what would lapse first goes"
    assert leased["198.18.5.1"] > 2000, "one that is asked for is renewed in a full set too"
    add(host, "asked4_a.test", *(f"198.18.5.{number}" for number in range(8, 14)))
    assert keep(host)[-1] == "a.test: set full: 4 addresses are kept, 2 more stay shut"
    assert set(left(host, "leased4_a.test")) == {f"198.18.5.{number}" for number in range(8, 12)}
    assert not left(host, "asked4_a.test")


def test_what_is_missing_is_said_once_and_the_rest_is_kept(host: Namespace) -> None:
    configure(host, "dnsmasq")
    said = f"table {TABLE} is missing: no name is kept until the rules are loaded again"
    assert keep(host) == [said]
    assert keep(host) == []
    load(host, re.sub(r".*leased4_a.*\n", "", SETS))
    add(host, "asked4_a.test", "198.18.5.1")
    add(host, "asked4_b.test", "198.18.5.2")
    assert keep(host) == [
        "b.test: + 198.18.5.2",
        "set leased4_a.test is missing: nothing is kept in it until the rules are loaded again",
    ]
    assert set(left(host, "asked4_a.test")) == {"198.18.5.1"}
    assert set(left(host, "leased4_b.test")) == {"198.18.5.2"}


def test_a_set_that_refuses_does_not_hold_up_the_others(host: Namespace) -> None:
    configure(host, "dnsmasq", most=2 * MOST)
    load(host)
    add(host, "leased4_a.test", *(f"198.18.5.{number}" for number in range(1, MOST + 1)))
    add(host, "asked4_a.test", "198.18.5.9")
    add(host, "asked4_b.test", "198.18.5.2")
    done = host.target(["sh", "-c", f"{KEEPER} run nftables"])
    assert done.returncode == 1
    assert "set leased4_a.test could not be changed: nft: " in done.stdout
    assert set(left(host, "leased4_b.test")) == {"198.18.5.2"}
    assert set(left(host, "asked4_a.test")) == {"198.18.5.9"}


@pytest.mark.parametrize("boots", [False, True])
def test_what_was_open_is_open_again_in_new_sets(host: Namespace, boots: bool) -> None:
    configure(host, "dnsmasq")
    load(host)
    add(host, "asked4_a.test", "198.18.5.1", "198.18.5.2")
    add(host, "leased4_b.test", "198.18.5.3 timeout 1000s", "198.18.5.4 timeout 3000s")
    keep(host)
    path = STATE.format("nftables")
    shell(host, f"nft delete element {TABLE} leased4_a.test '{{ 198.18.5.2 }}'")
    assert keep(host) == ["a.test: - 198.18.5.2 lapsed"], "what somebody takes out stays out"
    load(host)
    state = json.loads(shell(host, f"cat {path}"))
    state |= {"up": state["up"] - 1100, "at": state["at"] - 1100}  # as if written 1,100 seconds ago
    if boots:  # the clocks of another boot are others
        state |= {"epoch": "another", "up": 9e9}
    shell(host, f"cat > {path}", json.dumps(state))
    assert keep(host) == ["a.test: + 198.18.5.1", "b.test: + 198.18.5.4"]
    assert left(host, "leased4_b.test")["198.18.5.4"] <= 1900
    assert left(host, "leased4_a.test")["198.18.5.1"] <= 2900


def test_the_state_is_written_when_it_changes(host: Namespace) -> None:
    configure(host, "dnsmasq")
    load(host)
    add(host, "asked4_a.test", "198.18.5.1")
    keep(host)
    stat = f"stat -c '%i %Y %s' {STATE.format('nftables')}"
    before = shell(host, stat)
    keep(host)
    assert shell(host, stat) == before
    add(host, "asked4_a.test", "198.18.5.2")
    keep(host)
    assert shell(host, stat) != before
    shell(host, f"echo '{{' > {STATE.format('nftables')}")
    assert keep(host) == [], "a state that is broken is made anew"
    assert json.loads(shell(host, f"cat {STATE.format('nftables')}"))["leases"]["a.test"]["4"].keys() == {
        "198.18.5.1",
        "198.18.5.2",
    }


def test_runs_at_once_do_no_harm(host: Namespace) -> None:
    configure(host, "dnsmasq")
    for number in range(5):
        load(host)
        addresses = {f"198.18.{number}.{last}" for last in range(MOST)}
        add(host, "asked4_a.test", *addresses)
        shell(host, f"for n in 1 2 3 4; do {KEEPER} run nftables >>/run/said & done; wait")
        assert set(left(host, "leased4_a.test")) == addresses
    told = shell(host, "grep -c ': + ' /run/said")
    assert int(told) == 5 * MOST, "each is taken over by one of them"
    json.loads(shell(host, f"cat {STATE.format('nftables')}"))


def test_show(host: Namespace) -> None:
    configure(host, "dnsmasq")
    load(host)
    add(host, "asked4_a.test", "198.18.5.1 timeout 2000s")
    add(host, "leased6_b.test", "2001:db8::5 timeout 3000s")
    fields = [line.split() for line in keep(host, command="show")]
    assert [(name, address, kind) for name, address, _left, _unit, kind in fields] == [
        ("a.test", "198.18.5.1", "asked"),
        ("b.test", "2001:db8::5", "leased"),
    ]


def test_a_table_of_its_own_is_loaded_where_it_is_missing(host: Namespace) -> None:
    configure(host, "dnsmasq", ruleset=f"table {TABLE} {{\n{SETS}}}\n")
    assert keep(host) == []
    add(host, "asked4_a.test", "198.18.5.1")
    assert keep(host) == ["a.test: + 198.18.5.1"]
    shell(host, "nft flush ruleset")
    assert keep(host) == ["a.test: + 198.18.5.1"]


def time_passes(host: Namespace, backend: str) -> None:
    """Take C{PASSED} seconds off what each address of a name has left."""
    if backend == "nftables":
        pass_time(host, TABLE, PASSED)
        return
    members = re.findall(r"^add (\S+) (\S+) timeout (\d+)", shell(host, "ipset save"), re.MULTILINE)
    lines = [f"add {name} {address} timeout {int(rest) - PASSED}" for name, address, rest in members]
    shell(host, "ipset -exist restore", "\n".join(lines) + "\n")


@pytest.mark.parametrize("backend", ["nftables", "ufw"])
def test_looked_up_names(host: Namespace, backend: str) -> None:
    configure(host, "resolve", backend)
    shell(host, "echo nameserver 127.0.0.1 > /etc/resolv.conf; echo 'options timeout:5 attempts:1' >> /etc/resolv.conf")
    if backend == "ufw":
        for version, family in ((4, "inet"), (6, "inet6")):
            for name in ("a.test", "b.test"):
                made = f"leased{version}_{name} hash:ip family {family} timeout {LEASE} maxelem {MOST}"
                shell(host, f"ipset create {made}")
    else:
        load(host)
    zone = Zone(host, ["127.0.0.1"])
    try:
        _looked_up(host, backend, zone)
    finally:
        zone.close()


def _looked_up(host: Namespace, backend: str, zone: Zone) -> None:
    def held(version: int = 4) -> dict[str, float]:
        if backend == "nftables":
            return left(host, f"leased{version}_a.test")
        saved = shell(host, f"ipset save leased{version}_a.test")
        return {address: float(rest) for address, rest in re.findall(r"^add \S+ (\S+) timeout (\d+)", saved, re.M)}

    zone.put("a.test", "198.18.5.1", "198.18.5.2", "2001:db8::1", "10.0.0.9", ttl=0)
    assert keep(host, backend) == [
        "a.test: + 198.18.5.1",
        "a.test: + 198.18.5.2",
        "a.test: + 2001:db8::1",
        "a.test: 10.0.0.9 is a special address: not opened",
    ]
    assert {name for name, _kind in zone.asked} == {"a.test", "b.test"}, "no search domain"
    time_passes(host, backend)
    zone.put("a.test", "198.18.5.2", "198.18.5.3", "2001:db8::1", ttl=0)
    lines = keep(host, backend)
    lapses = re.fullmatch(r"a.test: - 198.18.5.1 lapses in (\d+) s", lines.pop(0))
    assert lapses
    assert int(lapses.group(1)) <= LEASE - PASSED
    assert lines == ["a.test: + 198.18.5.3"]
    found = held()
    assert set(found) == {"198.18.5.1", "198.18.5.2", "198.18.5.3"}
    assert found["198.18.5.1"] < found["198.18.5.2"], "only what the name has now is renewed"

    zone.fail("a.test", "SERVFAIL")
    failing = "a.test: DNS fails (Temporary failure in name resolution) for IPv"
    assert keep(host, backend) == [f"{failing}4: 2 addresses kept", f"{failing}6: 1 addresses kept"]
    time_passes(host, backend)
    assert keep(host, backend) == [], "said once"
    assert held()["198.18.5.3"] > LEASE - PASSED > held()["198.18.5.1"]
    zone.fail("a.test", "SILENT")
    assert keep(host, backend) == []
    assert set(held(6)) == {"2001:db8::1"}

    zone.put("a.test", *(f"198.18.6.{number}" for number in range(1, 4)), ttl=0)
    lines = keep(host, backend)
    assert "a.test: + 198.18.6.3" in lines
    assert "a.test: DNS answers again" in lines
    assert len(held()) == MOST
    assert set(held()) >= {f"198.18.6.{number}" for number in range(1, 4)}, "what the name has now comes first"
