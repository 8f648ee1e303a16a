# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host itself; known connections live through it all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.firewalld_host import CANDIDATE, HOME, NEW, OLD, RUN, SUITES, Host, alone, native
from tests.support.systems import LONG, longer
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

BEFORE, AFTER = native(*OLD, policy="deny"), native(*NEW, policy="audit", scope="both")
DROP_IN = "/etc/systemd/system/firewalld.service.d"


@pytest.fixture(scope="module", params=longer(SUITES[:1], SUITES[1:]))
def started(request: pytest.FixtureRequest) -> Iterator[Host]:
    with alone(request.param) as made:
        yield made


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


def digests(host: Host) -> str:
    """Return the digests of the objects that are there."""
    return host.shell(f"cd {HOME}; find ipsets services policies -name '*.xml' -exec sha256sum {{}} + | sort -k2")


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
    assert "was not confirmed in time" in host.confirm(first)["msg"]
    assert until(lambda: host.files() == files)
    assert until(lambda: host.rules() == rules), "the way back leads to what was confirmed last"
    assert host.confirm(second)["failed"]


@pytest.mark.long
def test_firewalld_was_killed_while_the_change_waited(host: Host) -> None:
    assert host.daemon
    files, rules = host.files(), host.rules()
    host.apply(AFTER, after=600)
    host.daemon.kill()
    host.elapse()
    assert until(lambda: host.files() == files)
    host.start()
    assert host.rules() == rules


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
