# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old objects or new ones, whole, whatever breaks: the module is killed, the disk is full, firewalld ends or gone."""

from __future__ import annotations

import random
import shlex
import time

import pytest

from tests.support.hosts.firewalld import CANDIDATE, HOME, RUN, Host, alone, native
from tests.support.hosts.module import kill
from tests.support.rules import NEW, OLD, row
from tests.support.systems import LONG, SOAK, longer
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

KILLS = (40 if SOAK else 16) if LONG else 2
MANY = [row(f"203.0.{n}.0/26", f"{1000 + n}-{2000 + n}", "TCP/UDP", f"service{n % 7}") for n in range(12)]
FIRST, SECOND = native(*OLD, *MANY, policy="deny"), native(*NEW, *MANY[5:], policy="audit", scope="both")


@pytest.fixture
def host(started: Host) -> Host:
    """A host without any of ours."""
    if not started.space.target(["pgrep", "firewalld"]).stdout:
        started.start()
    done = started.module(state="absent")
    assert not done.get("failed"), done
    return started


@pytest.mark.sized
@pytest.mark.parametrize("after", longer([600], [0]))
def test_killed_at_random_moments(host: Host, after: int) -> None:
    """Each time firewalld runs old or new rules whole, so it does at the next boot, and the next run heals."""
    moments = random.Random(f"{SOAK}{after}")
    states, boots, seconds = [], [], 0.0
    for objects in (FIRST, SECOND):
        began = time.monotonic()
        host.apply(objects)
        seconds = max(seconds, time.monotonic() - began)
        states.append(host.rules())
        boots.append(host.boots())
    seen = set()
    for number in range(KILLS // 2):
        new = number % 2
        process = host.begin(objects=(FIRST, SECOND)[new], revert_after=after)
        time.sleep((0.1 + (number + moments.random()) / (KILLS // 2)) * seconds)
        kill(process)
        settle(host)
        live, boot = host.rules(), host.boots()
        assert live in states, f"kill {number}: the rules are neither the old nor the new ones"
        assert boot in boots, f"kill {number}: the next boot has neither the old nor the new objects"
        seen.add((states.index(live) == new, boots.index(boot) == new))
        applied = host.apply((FIRST, SECOND)[new], after=after)
        if applied["armed"]:
            host.confirm(applied)
        assert (host.rules(), host.boots()) == (states[new], boots[new])
        assert "egress" not in host.shell(f"ls -A {HOME} /etc/systemd/system; find {HOME} -name '.*'").lower()
        assert set(host.shell(f"ls -A {RUN}").split()) == {"firewalld.confirmed", "firewalld.lock"}
        assert number % 4 or host.apply((FIRST, SECOND)[new])["changed"] is False
    print(f"kills that left (new rules, new objects at boot): {sorted(seen)}")
    assert KILLS < 30 or len(seen) > 1, "no kill came at a moment that matters"


def settle(host: Host) -> None:
    """Wait until firewalld does not load any more what a killed module asked it to."""

    def loads_no_more() -> bool:
        loaded = host.loaded()
        time.sleep(0.2)
        state = host.space.target(["firewall-cmd", "--state"]).stdout
        return state == "running\n" and bool(loaded) and host.loaded() == loaded

    assert until(loads_no_more)


@pytest.mark.sized
@pytest.mark.parametrize("full", longer([HOME], [RUN]))
def test_a_full_disk(host: Host, full: str) -> None:
    host.apply(FIRST)
    host.shell(
        f"mkdir -p {full}; rm -rf /etc/x; cp -a {full} /etc/x; mount -t tmpfs -o size=1m none {full}; "
        f"cp -a /etc/x/. {full}; rm -r /etc/x; dd if=/dev/zero of={full}/filler bs=4k count=999 2>/dev/null || true"
    )
    before = host.rules(), host.boots()
    for after in (0, 600) if LONG else (600,):
        failed = host.module(objects=SECOND, revert_after=after)
        assert "No space left on device" in failed["msg"]
        assert full in failed["msg"]
        assert "the rules are the old ones" in failed["msg"]
        assert (host.rules(), host.boots()) == before
    host.shell(f"rm {full}/filler; mount -o remount,size=9m {full}")
    assert host.apply(SECOND)["changed"]
    assert host.apply(SECOND)["changed"] is False
    host.shell(f"rm -rf /etc/x; cp -a {full} /etc/x; umount {full}; cp -a /etc/x/. {full}; rm -r /etc/x")


@pytest.mark.sized
def test_firewalld_ends_while_the_module_works(host: Host) -> None:
    """The old files are back, or, where nothing ran any more to be told, the new ones are there."""
    assert host.daemon
    host.apply(FIRST)
    boots = [host.boots()]
    for moment in (0.2, 0.4, 0.6, 0.8) if LONG else (0.4,):
        process = host.begin(objects=SECOND, revert_after=0)
        time.sleep(moment)
        host.daemon.kill()
        out, err = process.communicate(timeout=PATIENCE)
        assert out.lstrip().startswith("{"), err
        host.start()
        host.apply(SECOND)
        boots.append(host.boots())
        assert host.apply(SECOND)["changed"] is False
        host.apply(FIRST)
        assert host.boots() == boots[0]


def test_firewalld_is_missing(host: Host) -> None:
    host.apply(FIRST)
    before = host.rules(), host.files()
    host.shell("mv $(readlink -f $(command -v firewall-cmd)) /usr/bin/was")
    failed = host.module(objects=SECOND)
    assert "install the package firewalld" in failed["msg"]
    offered = host.module(objects=SECOND, missing_ok=True)
    assert (offered["missing"], offered["changed"], offered.get("failed", False)) == (True, False, False)
    left = host.module(state="absent")
    assert left.get("failed"), left
    assert f"{HOME}/policies/egress-allow-host.xml" in left["msg"]
    assert "install the package firewalld, and run this again" in left["msg"]
    host.shell("mv /usr/bin/was /usr/bin/firewall-cmd")
    assert (host.rules(), host.files()) == before


# What firewalld's own Python or its checker do instead: each first line stands for a command that fails.
REFUSALS = {
    "firewalld refuses its configuration: no": 'case "$*" in *check-config*) echo no >&2; exit 1;; esac',
    "firewalld cannot be asked: broken": 'case "$*" in *passthrough*) cat >/dev/null; echo broken >&2; exit 1;; esac',
    "firewalld cannot load its configuration: full": 'case "$*" in *timeout=900*) echo full >&2; exit 1;; esac',
}


@pytest.mark.long
@pytest.mark.parametrize("message", REFUSALS)
def test_firewalld_refuses(host: Host, message: str) -> None:
    host.apply(FIRST)
    before = host.rules(), host.files()
    host.shell(
        f"printf '%s\\n' '#!/bin/sh' {shlex.quote(REFUSALS[message])} 'exec /usr/bin/python3 \"$@\"' > /usr/bin/fake"
    )
    host.shell("chmod 755 /usr/bin/fake")
    for command in ("firewall-cmd", "firewall-offline-cmd"):  # a script's Python is what its first line says
        host.shell(f"sed '1s,.*,#!/usr/bin/fake,' /usr/bin/{command} > /usr/bin/fake-{command}")
        host.shell(f"chmod 755 /usr/bin/fake-*; mount --bind /usr/bin/fake-{command} /usr/bin/{command}")
    failed = host.module(objects=SECOND, revert_after=0)
    host.shell("umount /usr/bin/firewall-cmd /usr/bin/firewall-offline-cmd; rm /usr/bin/fake*")
    assert message in failed["msg"]
    assert host.rules() == before[0]
    host.apply(FIRST)
    assert (host.rules(), host.files()) == before


def test_firewalld_is_killed(host: Host) -> None:
    """Where its table outlives it, nobody says that nothing is filtered, and nothing is written."""
    host.apply(FIRST)
    boots = host.boots()
    host.shell("pkill -KILL firewalld")
    assert until(lambda: not host.space.target(["pgrep", "firewalld"]).stdout)
    stands = "table inet firewalld" in host.shell("nft list tables")
    for asked in ({"objects": SECOND}, {"state": "absent"}):
        done = host.module(**asked, check=not stands)
        if stands:
            assert "firewalld does not run, and its rules are still in force: start it" in done["msg"]
        else:  # a table that has its owner goes with it
            assert "firewalld is not running: nothing is filtered until it starts" in done["notes"]
    assert host.boots() == boots


def test_firewalld_does_not_answer(host: Host) -> None:
    """Whether what runs follows the files cannot be known then: nothing is written."""
    before = host.rules(), host.files()
    host.shell("mv /run/dbus/system_bus_socket /run/dbus/was")
    failed = host.module(objects=FIRST)
    host.shell("mv /run/dbus/was /run/dbus/system_bus_socket")
    assert "firewalld does not answer on D-Bus, and its rules are still in force: start it" in failed["msg"]
    assert (host.rules(), host.files()) == before


def test_a_process_that_is_only_called_firewalld_hinders_nothing() -> None:
    """Neither applying where none runs, nor the way back."""
    with alone(start=False) as host:
        host.shell(
            "cp /bin/sleep /tmp/firewalld; cd /tmp; "
            "setpriv --reuid 65534 --clear-groups ./firewalld 300 >/dev/null 2>&1 &"
        )
        done = host.apply(FIRST)
        assert "firewalld is not running: nothing is filtered until it starts" in done["notes"]
        host.start()
        before = host.rules(), host.files()
        applied = host.apply(SECOND, after=600)
        assert host.daemon
        host.daemon.stop()
        host.go_back(applied)
        assert until(lambda: host.read(CANDIDATE) == "")
        host.start()
        assert (host.rules(), host.files()) == before
