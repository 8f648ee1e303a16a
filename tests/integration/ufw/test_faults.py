# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old rules or new ones with ufw, whatever breaks: the module is killed, the disk full, a tool missing or unwilling."""

from __future__ import annotations

import random
import time

import pytest

from tests.support.hosts.module import finish, kill
from tests.support.hosts.ufw import CANDIDATE, HOME, OLD, RUN, Host, native
from tests.support.rules import NEW, row
from tests.support.systems import LONG, SOAK, longer
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

KILLS = 100 if LONG else 8
MANY = [row(f"203.0.{n}.0/26", f"{1000 + n}-{2000 + n}", "TCP/UDP", f"service{n % 7}") for n in range(250)]
TURNS = {
    "rules": (native(*OLD, *MANY, policy="deny"), native(*NEW, *MANY[100:], scope="both")),
    "sets": (
        native(*OLD, *MANY, policy="deny", sets=True),
        native(*NEW, *MANY[100:], scope="both", policy="deny", sources=["10.0.0.0/8", "fd00::/8"], sets=True),
    ),
    "rules to sets": (native(*OLD, *MANY, policy="deny"), native(*OLD, *MANY, policy="deny", sets=True)),
}


def families(kernel: list[str]) -> list[list[str]]:
    """Return the rules of each IP version: each is loaded as a whole."""
    return [[line for line in kernel if line.startswith(tool)] for tool in ("iptables", "ip6tables")]


@pytest.mark.sized
@pytest.mark.parametrize("turn", longer(["rules", "sets"], ["rules to sets"]))
@pytest.mark.parametrize("after", longer([600], [0]))
def test_killed_at_random_moments(host: Host, turn: str, after: int) -> None:
    """Each time a boot brings the old rules or the new ones whole, or the next run heals."""
    moments = random.Random(f"{SOAK}ufw {turn} {after}")
    states, texts, members, seconds = [], [], [], 0.0
    for rules in TURNS[turn]:
        began = time.monotonic()
        host.apply(rules)
        seconds = max(seconds, time.monotonic() - began)
        states.append(host.kernel())
        texts.append(host.texts())
        members.append(host.sets())
    seen = set()
    for number in range(-(-KILLS // (2 * len(TURNS)))):
        new = number % 2
        process = host.begin(rules=TURNS[turn][new], revert_after=after)
        time.sleep(moments.uniform(0, 1.4) * seconds)
        kill(process)
        settle(host)
        live = families(host.kernel())
        for version, found in enumerate(live):
            assert found in [families(state)[version] for state in states], f"kill {number}: neither old nor new rules"
        seen.add(("live", *(families(states[new])[version] == found for version, found in enumerate(live))))
        if number % 3:
            host.reboot()
            assert host.kernel() in states, f"kill {number}: a boot brings neither the old nor the new rules"
            booted = states.index(host.kernel())
            seen.add(("boot", booted == new))
            assert (host.texts(), host.sets()) == (texts[booted], members[booted])
        applied = host.apply(TURNS[turn][new], after=after)
        if applied["armed"]:
            host.confirm(applied)
        assert host.kernel() == states[new]
        assert (host.texts(), host.sets()) == (texts[new], members[new])
        assert host.apply(TURNS[turn][new])["changed"] is False
        assert set(host.shell(f"ls -A {RUN}").split()) <= {"ufw.confirmed", "ufw.lock"}
        assert host.read(CANDIDATE) == ""
        assert ".egress" not in host.shell(f"ls -A {HOME} /etc/default; find /etc/systemd -name '*egress*'")
    print(f"kills that left (new rules): {sorted(seen, key=str)}")
    assert KILLS < 30 or len(seen) > 2, "no kill came at a moment that matters"


def settle(host: Host) -> None:
    """Wait until no child of a killed module is at work any more."""
    assert until(lambda: host.space.run(["pgrep", "iptables|ip6tables|xtables"]).returncode)


@pytest.mark.parametrize("after", [0, 30])
@pytest.mark.parametrize("full", [HOME, RUN])
def test_a_full_disk(host: Host, full: str, after: int) -> None:
    host.apply(native(*OLD, policy="deny"))
    host.shell(
        f"mkdir -p {full} /etc/x; cp -a {full}/. /etc/x; "
        f"mount -t tmpfs -o size=256k none {full}; cp -a /etc/x/. {full}; rm -r /etc/x; "
        f"dd if=/dev/zero of={full}/filler bs=4k count=99 2>/dev/null || true"
    )
    try:
        before = host.kernel(), host.texts(), host.shell(f"ls -A {HOME}")
        failed = host.module(rules=native(*NEW, *MANY), revert_after=after)
        assert failed.get("failed"), failed
        assert "No space left on device" in failed["msg"]
        assert full in failed["msg"]
        assert "the rules are the old ones" in failed["msg"]
        assert (host.kernel(), host.texts(), host.shell(f"ls -A {HOME}")) == before
        host.shell(f"rm {full}/filler; mount -o remount,size=4m {full}")
        assert host.apply(native(*NEW, *MANY))["changed"]
        assert host.apply(native(*NEW, *MANY))["changed"] is False
    finally:
        host.remove()
        host.shell(f"umount {full}")


def test_ufw_is_missing(host: Host) -> None:
    clean = host.kernel(), host.files()
    host.apply(native(*OLD))
    before = host.kernel(), host.files()
    host.shell("mv /usr/sbin/ufw /usr/sbin/no-ufw")
    try:
        failed = host.module(rules=native(*NEW), revert_after=600)
        assert failed.get("failed"), failed
        assert "install the package ufw" in failed["msg"]
        offered = host.module(rules=native(*NEW), missing_ok=True)
        assert (offered["missing"], offered["changed"], offered.get("failed", False)) == (True, False, False)
        assert (host.kernel(), host.files()) == before
        host.remove()  # its files outlive the package
        assert host.module(state="absent")["changed"] is False
        left = host.kernel(), host.files()
    finally:
        host.shell("mv /usr/sbin/no-ufw /usr/sbin/ufw")
    assert left == clean


# What stands in for ip6tables-restore, after IPv4 is loaded: it fails always, once when it loads, or whenever it loads.
FIRST = 'test ! -e /tmp/failed || exec ip6tables-real "$@"; touch /tmp/failed; '
UNLESS_LOADED = 'test "$*" = "-w 10 -n" || exec ip6tables-real "$@"; '
REFUSALS = {
    "iptables refuses the rules: it ended ": "exit 1",
    "bad rule": 'cat >/dev/null; echo "bad rule" >&2; exit 1',
    "try again": UNLESS_LOADED + FIRST + 'cat >/dev/null; echo "try again" >&2; exit 1',
    "out of memory": UNLESS_LOADED + 'cat >/dev/null; echo "out of memory" >&2; exit 1',
}


@pytest.mark.parametrize("message", REFUSALS)
@pytest.mark.parametrize("after", longer([30], [0]))
def test_iptables_refuses(host: Host, message: str, after: int) -> None:
    host.apply(native(*OLD))
    before = host.kernel(), host.files()
    tool = "/usr/sbin/ip6tables-restore"
    real = '#!/bin/sh\nexec /usr/sbin/xtables-nft-multi ip6tables-restore "$@"\n'
    host.shell(f"cp -P {tool} /tmp/kept")
    host.write("/usr/sbin/ip6tables-real", real)
    host.write(tool, f"#!/bin/sh\n{REFUSALS[message]}\n")
    host.shell(f"chmod 755 {tool} /usr/sbin/ip6tables-real")
    try:
        failed = host.module(rules=native(*NEW, policy="deny"), revert_after=after)
        assert failed.get("failed"), failed
        assert message in failed["msg"]
        # Nor can the old rules be loaded in one case: the host goes on trying, also where nobody wanted a way back.
        blocked = message == "out of memory"
        assert ("the host goes on trying by itself" if blocked else "the rules are the old ones") in failed["msg"]
        assert bool(host.read(CANDIDATE)) is blocked
        assert until(lambda: not blocked or "out of memory" in host.hindrance())
    finally:
        host.shell(f"rm -f {tool} /tmp/failed; mv /tmp/kept {tool}")
    assert until(lambda: host.read(CANDIDATE) == "")
    assert (host.kernel(), host.files()) == before
    assert "ufw.revert" not in host.shell(f"ls {RUN}")


# Commands that fail where they are asked what is there: that must not be taken for an answer.
PROBES = {
    "iptables": ("iptables", 'case "$*" in *-S*) echo "no memory" >&2; exit 4;; esac'),
    "iptables, for a moment": (  # whether ufw runs: taken for "no", deny would be loaded without a way back
        "iptables",
        'test -e /tmp/once || { touch /tmp/once; echo "no memory" >&2; exit 4; }',
    ),
    "ip6tables": ("ip6tables", 'case "$*" in *-S*) echo "no memory" >&2; exit 4;; esac'),
    "files": ("ip6tables-restore", 'case "$*" in "-n -w 10") echo "no memory" >&2; exit 4;; esac'),
    "ipset": ("ipset", 'case "$*" in save*) echo "no memory" >&2; exit 1;; esac'),
    "sets of the files": ("ipset", 'case "$*" in restore) echo "no memory" >&2; exit 1;; esac'),
    "a network of its own": ("unshare", 'echo "no memory" >&2; exit 1'),
}


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("after", [0, 600])
def test_a_probe_that_fails_is_an_error(host: Host, probe: str, after: int) -> None:
    host.apply(native(*OLD, sets=True))
    before = host.kernel(), host.files(), host.sets()
    name, line = PROBES[probe]
    tool = host.shell(f"command -v {name}").strip()
    real = host.shell(f"readlink -f {tool}").strip()
    called = f"exec -a {name}" if "multi" in real else "exec"
    host.shell(f"cp -P {tool} /tmp/kept; cp {real} /usr/sbin/the-real")
    host.shell(f"rm {tool}")
    host.write(tool, f'#!/bin/bash\n{line}\n{called} /usr/sbin/the-real "$@"\n')
    host.shell(f"chmod 755 {tool}")
    try:
        for wanted in (native(*OLD, sets=True), native(*NEW, policy="deny", sets=True)):
            host.shell("rm -f /tmp/once")
            failed = host.module(rules=wanted, revert_after=after)
            assert failed.get("failed"), failed
            assert "no memory" in failed["msg"]
            assert "the rules are the old ones" in failed["msg"]
    finally:
        host.shell(f"rm {tool} /usr/sbin/the-real; mv /tmp/kept {tool}")
    assert (host.kernel(), host.files(), host.sets()) == before
    assert "ufw.revert" not in host.shell(f"ls {RUN}")
    assert host.apply(native(*OLD, sets=True))["changed"] is False


def test_another_manager_is_named(host: Host) -> None:
    before = host.kernel(), host.files()
    host.shell("mkdir -p /etc/egress-allowlist; touch /etc/egress-allowlist/nftables.nft; cp /bin/sleep /tmp/firewalld")
    host.shell("/tmp/firewalld 60 >/dev/null 2>&1 & true")
    failed = host.module(rules=native(*NEW))
    assert failed.get("failed"), failed
    assert "at work on this host: firewalld, the role egress.allowlist.nftables; stop it" in failed["msg"]
    assert (host.kernel(), host.files()) == before
    assert host.apply(native(*NEW), beside_others=True)["changed"]
    host.shell("rm /etc/egress-allowlist/nftables.nft; kill $(pidof firewalld)")


def test_ufw_holds_its_lock_for_too_long(host: Host) -> None:
    script = "import fcntl, time; f = open('/run/ufw.lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(1.5)"
    host.shell(f'python3 -c "{script}" >/dev/null 2>&1 & sleep 0.3')
    began = time.monotonic()
    assert finish(host.begin(rules=native(*OLD), revert_after=0))["changed"]
    assert time.monotonic() - began > 0.8
