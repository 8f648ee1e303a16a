# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host itself; known connections live through it all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.hosts.firewalld import CANDIDATE, HOME, RUN, Host, native
from tests.support.rules import NEW, OLD
from tests.support.systems import LONG
from tests.support.taking_over import check_taken_over
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

BEFORE, AFTER = native(*OLD, policy="deny"), native(*NEW, policy="audit", scope="both")
DROP_IN = "/etc/systemd/system/firewalld.service.d"


@pytest.fixture
def host(started: Host) -> Host:
    """A host on which the change before is confirmed."""
    if not started.space.target(["pgrep", "firewalld"]).stdout:
        started.start()
    started.apply(BEFORE)
    return started


def test_never_confirmed(host: Host) -> None:
    rules, files = host.rules(), host.files()
    applied = host.apply(AFTER, after=600)
    assert applied["armed"]
    assert host.rules() != rules
    assert f"folder {DROP_IN}" in host.files()
    assert host.elapse() == ["600"]
    assert until(lambda: host.rules() == rules)
    assert until(lambda: host.files() == files)
    assert until(lambda: host.shell(f"ls -A {RUN}").split() == ["firewalld.confirmed", "firewalld.lock"])
    late = host.confirm(applied)
    assert "was not confirmed in time" in late["msg"]
    assert host.apply(BEFORE)["changed"] is False


def test_confirmed_in_time(host: Host) -> None:
    applied = host.apply(AFTER, after=600)
    rules, waiting = host.rules(), host.waiting()
    assert host.boots() != digests(host), "a reboot would keep what is not confirmed"
    assert host.confirm(applied)["changed"] is False
    assert not host.confirm(applied).get("failed")  # said twice, over a connection that was lost
    assert host.boots() == digests(host)
    assert until(lambda: not host.running(*waiting)), "the way back waits still"
    assert host.rules() == rules
    assert host.apply(AFTER)["changed"] is False
    assert host.shell(f"ls -A {HOME} /etc/systemd/system").count("egress") == 0


@pytest.mark.long
@pytest.mark.parametrize("ending", ["another list, confirmed", "the same, which waits", "absent"])
def test_another_run_took_over(host: Host, ending: str) -> None:
    check_taken_over(host, CANDIDATE, ending, BEFORE, AFTER)


def digests(host: Host) -> str:
    """Return the digests of the objects that are there."""
    return host.shell(f"cd {HOME}; find ipsets services policies -name '*.xml' -exec sha256sum {{}} + | sort -k2")


@pytest.mark.long
def test_a_reboot_takes_back_what_is_not_confirmed(host: Host) -> None:
    assert host.daemon
    rules, files = host.rules(), host.files()
    host.apply(AFTER, after=600)
    host.daemon.restart()  # no reboot: the change still waits
    assert host.shell(f"sh {CANDIDATE} boot; ls {CANDIDATE}")
    assert host.rules() != rules
    host.daemon.stop()
    host.shell(f"pkill -f egress-allowlist-firewalld-[r]evert; rm -r {RUN}; sh {CANDIDATE} boot")
    host.start()
    assert (host.rules(), host.files()) == (rules, files)
    assert host.apply(BEFORE)["changed"] is False


@pytest.mark.long
def test_a_second_change_over_one_that_waits(host: Host) -> None:
    rules, files = host.rules(), host.files()
    first = host.apply(AFTER, after=600)
    second = host.apply(native(*NEW, policy="deny"), after=1)
    assert "another run took over: it applied other rules" in host.confirm(first)["msg"]
    assert until(lambda: host.files() == files)
    assert until(lambda: host.rules() == rules), "the way back leads to what was confirmed last"
    assert host.confirm(second)["failed"]


@pytest.mark.long
def test_firewalld_was_killed_while_the_change_waited(host: Host) -> None:
    """Its rules are still in the kernel then: it is not done before it runs again, or they are gone."""
    assert host.daemon
    files, rules, objects = host.files(), host.rules(), digests(host)
    applied = host.apply(AFTER, after=600)
    host.daemon.kill()
    kept = host.shell("nft list tables")
    host.go_back(applied)
    if "inet firewalld" in kept:
        assert until(lambda: "its rules are still in force" in host.hindrance())
        assert digests(host) == objects
        assert host.read(CANDIDATE)
    host.start()
    assert until(lambda: host.files() == files)
    assert host.rules() == rules


HINDRANCES = {
    "a broken zone file": (
        "mkdir -p /etc/firewalld/zones; echo '<zone><broken' > /etc/firewalld/zones/mine.xml",
        "rm /etc/firewalld/zones/mine.xml",
        "not a valid zone file",
    ),
    "no D-Bus": (
        "mv /run/dbus/system_bus_socket /run/dbus/was",
        "mv /run/dbus/was /run/dbus/system_bus_socket",
        "firewalld does not answer on D-Bus, and its rules are still in force: start it",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", HINDRANCES)
def test_firewalld_cannot_go_back_at_once(host: Host, name: str) -> None:
    """It is tried until it is done; meanwhile nobody can confirm, and a run says what is the matter."""
    hinder, help_, reason = HINDRANCES[name]
    rules, files = host.rules(), host.files()
    host.shell(
        "printf '#!/bin/sh\\necho \"$*\" >>/tmp/log\\n' > /usr/local/bin/logger; chmod 755 /usr/local/bin/logger"
    )
    applied = host.apply(AFTER, after=600)
    changed = host.rules()
    host.shell(f"{hinder}; rm -f /tmp/log")
    host.go_back(applied)
    assert until(lambda: reason in host.hindrance())
    assert host.rules() == changed
    late = host.confirm(applied)
    assert "not confirmed in time" in late["msg"]
    assert reason in late["msg"]
    assert "the rules are the old ones" not in late["msg"]
    again = host.module(objects=AFTER, revert_after=600)
    assert again["failed"], again
    assert host.rules() == changed
    host.shell(help_)
    assert until(lambda: host.read(CANDIDATE) == "")
    assert (host.rules(), host.files()) == (rules, files)
    assert until(lambda: len(host.shell("cat /tmp/log").splitlines()) == 2)  # the notice comes last
    log = host.shell("cat /tmp/log; rm /tmp/log /usr/local/bin/logger").splitlines()
    assert [line.partition("firewalld: ")[0] for line in log] == [
        "-t egress-allowlist -p daemon.warning -- ",
        "-t egress-allowlist -p daemon.notice -- ",
    ]
    assert reason in log[0]
    assert host.apply(BEFORE)["changed"] is False


def test_a_run_takes_over_from_a_way_back_that_is_hindered(host: Host) -> None:
    applied = host.apply(AFTER, after=600)
    hinder, help_, reason = HINDRANCES["a broken zone file"]
    host.shell(hinder)
    host.go_back(applied)
    assert until(lambda: reason in host.hindrance())
    host.shell(help_)
    done = host.apply(AFTER, after=600)
    if done["changed"]:  # it came before the way back tried again
        assert not host.confirm(done).get("failed")
    rules = host.rules()
    assert host.apply(AFTER)["changed"] is False
    assert until(lambda: not ways_back(host, applied))
    assert host.rules() == rules


CHANGES = {
    "rules that were flushed": "nft flush ruleset",
    "a chain of ours that was emptied": "nft flush chain inet firewalld filter_OUT_policy_egress-allow-host_allow",
    "an object that was removed": "rm /etc/firewalld/policies/egress-allow-host.xml; firewall-cmd --reload",
    "a set that was changed": "firewall-cmd --ipset=egress-acme-calls-4 --add-entry=192.0.2.77",
}


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_meanwhile_is_not_confirmed(host: Host, change: str) -> None:
    applied = host.apply(AFTER, after=600)
    rules = host.rules()
    host.space.target(["sh", "-c", CHANGES[change]])
    if host.rules() == rules and CHANGES[change].startswith("nft"):  # firewalld 2 lets nobody else change its table
        assert not host.confirm(applied).get("failed")
        return
    failed = host.confirm(applied)
    assert "not confirmed: what runs is not what was applied" in failed["msg"]
    assert "goes back to the old rules by itself" in failed["msg"]
    assert host.read(CANDIDATE)
    host.apply(BEFORE, lose_runtime=True)
    assert host.apply(BEFORE)["changed"] is False


def test_a_reload_of_the_same_and_somebody_elses_objects_are_confirmed(host: Host) -> None:
    applied = host.apply(AFTER, after=600)
    host.shell("firewall-cmd --permanent --add-service=http; firewall-cmd --reload")
    assert not host.confirm(applied).get("failed")
    host.shell("firewall-cmd --permanent --remove-service=http; firewall-cmd --reload")


def ways_back(host: Host, applied: dict[str, Any]) -> str:
    """Return the processes that take a change back, or wait for that."""
    return host.space.target(["pgrep", "-f", f"[f]irewalld.revert-{applied['token']}"]).stdout


@pytest.mark.sized
def test_a_reload_that_fails_leaves_the_old_rules(host: Host) -> None:
    rules, files = host.rules(), host.files()
    # Overlapping prefixes: firewall-offline-cmd accepts them, the kernel does not.
    bad = {**AFTER, "files": dict(AFTER["files"])}
    name = "ipsets/egress-acme-calls-4.xml"
    bad["files"][name] = bad["files"][name].replace("</ipset>", "  <entry>203.0.113.64/26</entry>\n</ipset>")
    for after in (0, 600) if LONG else (600,):
        failed = host.module(objects=bad, revert_after=after)
        assert "firewalld cannot load its configuration" in failed["msg"]
        assert "conflicting intervals" in failed["msg"]
        assert (host.rules(), host.files()) == (rules, files)
        assert host.shell("firewall-cmd --state 2>&1") == "running\n"
    assert host.apply(BEFORE)["changed"] is False
