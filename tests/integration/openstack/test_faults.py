# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that fail, answers that are lost, and somebody else who writes at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openstack.neutron import NAME, PROJECT, Cloud, empty
from tests.support.openstack.plans import METADATA, OLD, meaning, plan, told, wanted, watched
from tests.support.rules import NEW
from tests.support.systems import LONG, longer

pytestmark = pytest.mark.usefixtures("namespaces")
WRITE = "POST|PUT|DELETE"
BUSY = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with empty(watch=True) as found:
        yield found


@pytest.fixture(params=longer(["never"], ["always"]))
def form(request: pytest.FixtureRequest) -> str:
    """Return whether prefixes are in address groups."""
    return str(request.param)


def deny(rows: list[dict], form: str = "never") -> dict[str, Any]:
    return plan(rows, address_groups=form, policy="deny")


def completes(cloud: Cloud, rows: list[dict], form: str) -> None:
    """Check that another run completes what was begun, and in the long run that a third one finds nothing to do."""
    cloud.heal()
    cloud.apply(deny(rows, form))
    assert cloud.opened() == wanted(rows) | METADATA
    assert len(cloud.address_groups()) == (len({rule["remote_address_group_id"] for rule in cloud.rules()} - {None}))
    if LONG:
        cloud.forget()
        assert not cloud.apply(deny(rows, form))["changed"]
        assert cloud.writes() == []


@pytest.mark.parametrize(("status", "headers"), longer(BUSY[:1], BUSY[1:], unpack=True), ids=["429", "503"])
def test_busy_is_waited_for(cloud: Cloud, form: str, status: int, headers: dict[str, str]) -> None:
    cloud.spoil(method="GET", path="security-groups", status=status, headers=headers, times=2)
    cloud.spoil(method=WRITE, status=status, headers=headers, times=2)
    cloud.spoil(method=WRITE, status=status, headers=headers, skip=4)
    cloud.apply(deny(OLD, form))
    assert len([entry for entry in cloud.log() if entry["status"] == status]) == 5
    assert cloud.opened() == wanted(OLD) | METADATA


def test_busy_for_good_is_said_and_nothing_was_written(cloud: Cloud) -> None:
    cloud.spoil(method="GET", path="security-groups", status=429, headers={"Retry-After": "0"}, times=1000)
    done = cloud.module(plan=deny(OLD))
    assert done.get("failed"), done
    assert "429" in done["msg"]
    assert done["msg"].endswith("nothing was written")
    assert cloud.writes() == []


def steps_of(cloud: Cloud, form: str) -> int:
    """Return how many writes there are from OLD to NEW."""
    cloud.apply(deny(OLD, form))
    cloud.forget()
    cloud.apply(deny(NEW, form))
    return len(cloud.writes())


@pytest.mark.sized
@pytest.mark.parametrize("late", longer([False], [True]), ids=["refused", "answer lost"])
def test_any_write_may_fail_and_the_next_run_completes(cloud: Cloud, form: str, late: bool) -> None:
    count = steps_of(cloud, form)
    assert count >= 3
    for number in range(count) if LONG else [1]:
        cloud.reset(watch=True)
        cloud.apply(deny(OLD, form))
        cloud.forget()
        cloud.spoil(method=WRITE, skip=number, status=500, times=1000, late=late)
        done = cloud.module(plan=deny(NEW, form))
        assert done.get("failed"), done
        assert "500" in done["msg"]
        opened = cloud.opened()
        stays = wanted(OLD) & wanted(NEW) | METADATA
        assert not [e for e in cloud.log() if e["method"] != "GET" and meaning(stays) - meaning(watched(e))]
        if number == 0 and not late:
            assert done["msg"].endswith("nothing was written")
            assert opened == wanted(OLD) | METADATA
        elif not late:
            assert told(done["differences"], "+") == opened - wanted(OLD) - METADATA
            assert told(done["differences"], "-") == wanted(OLD) - opened
        completes(cloud, NEW, form)


def test_the_rules_that_let_everything_out_come_back_where_the_run_that_gives_them_back_fails(cloud: Cloud) -> None:
    cloud.apply(plan(OLD, policy="unmanaged"))
    open_to_all = cloud.opened()
    cloud.apply(deny(OLD))
    assert not open_to_all <= cloud.opened()
    cloud.forget()
    cloud.apply(plan(OLD, policy="unmanaged"))
    writes = len(cloud.writes())
    for number in range(writes):
        cloud.reset()
        cloud.apply(deny(OLD))
        cloud.spoil(method=WRITE, skip=number, status=500, times=1000)
        assert cloud.module(plan=plan(OLD, policy="unmanaged"))["failed"]
        cloud.heal()
        cloud.apply(plan(OLD, policy="unmanaged"))
        assert cloud.opened() == open_to_all, number
        cloud.forget()
        assert not cloud.apply(plan(OLD, policy="unmanaged"))["changed"]


@pytest.mark.sized
def test_first_run_that_fails_is_completed(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    count = len(cloud.writes())
    for number in range(1, count) if LONG else [count // 2]:
        cloud.reset()
        cloud.spoil(method=WRITE, skip=number, status=500, times=1000)
        assert cloud.module(plan=deny(OLD, form))["failed"]
        completes(cloud, OLD, form)


def test_absent_that_fails_is_completed(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    cloud.spoil(method="DELETE", skip=int(form == "always"), status=500, times=1000)
    assert cloud.module(state="absent")["failed"]
    cloud.heal()
    assert cloud.module(state="absent")["changed"]
    assert cloud.groups() == cloud.address_groups() == []


def test_a_port_with_another_group_is_named_or_the_look_at_it_that_failed(cloud: Cloud) -> None:
    cloud.apply(deny(OLD))
    other = cloud.new_group("wide")
    port = cloud.new_port(cloud.group()["id"], other)
    [note] = [note for note in cloud.apply(deny(OLD))["notes"] if "lets everything out" in note]
    assert note.startswith(f"this restricts nothing on port {port}: the security group {other} is there too")
    cloud.spoil(method="GET", path="ports", status=403, times=1000)
    [note] = [note for note in cloud.apply(deny(OLD))["notes"] if "lets everything out" in note]
    assert note.startswith("whether another group of the same ports lets everything out could not be looked up: ")
    assert "403" in note


def test_answer_to_a_creation_is_lost(cloud: Cloud, form: str) -> None:
    """The gateway gives up, Neutron does not: the repeated request meets what the first one made."""
    for path in ("security-groups$", "security-group-rules$", "address-groups$"):
        cloud.spoil(method="POST", path=path, status=504, headers={"Retry-After": "0"}, late=True)
    done = cloud.module(plan=deny(OLD, form))
    if done.get("failed"):
        assert "the next run completes it" in done["msg"] or "remove all but" in done["msg"]
    completes(cloud, OLD, form)
    assert len(cloud.groups()) == 1


def rule(group: str, prefix: str, port: int, **more: Any) -> dict[str, Any]:
    """Return somebody else's request for a rule."""
    made = {"security_group_id": group, "project_id": PROJECT, "direction": "egress", "ethertype": "IPv4"}
    made |= {"protocol": "tcp", "port_range_min": port, "port_range_max": port, "remote_ip_prefix": prefix}
    return {"method": "POST", "path": "/v2.0/security-group-rules", "body": {"security_group_rule": {**made, **more}}}


def test_somebody_adds_a_rule_that_we_want_too(cloud: Cloud) -> None:
    """Neutron refuses the whole bulk then: read again, and add the rest."""
    cloud.apply(deny(OLD, "never"))
    theirs = rule(cloud.group()["id"], "198.51.100.0/24", 3478, protocol="udp", description="theirs")
    cloud.spoil(method="POST", path="security-group-rules$", before=[theirs])
    cloud.apply(deny(NEW, "never"))
    assert cloud.opened() == wanted(NEW) | METADATA
    assert [one for one in cloud.rules() if one["description"] == "theirs"]


def test_somebody_removes_what_we_are_about_to_remove(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    gone = next(one for one in cloud.rules() if one["port_range_min"] == 8443)
    theirs = {"method": "DELETE", "path": f"/v2.0/security-group-rules/{gone['id']}"}
    cloud.spoil(method="POST", path="security-group-rules$", before=[theirs])
    done = cloud.apply(deny(NEW, form))
    assert done["changed"]
    assert cloud.opened() == wanted(NEW) | METADATA


def test_somebody_removes_the_whole_group(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    theirs = {"method": "DELETE", "path": f"/v2.0/security-groups/{cloud.group()['id']}"}
    cloud.spoil(method="POST", path="security-group-rules$", before=[theirs])
    cloud.apply(deny(NEW, form))
    assert cloud.opened() == wanted(NEW) | METADATA


def test_somebody_writes_all_the_time(cloud: Cloud) -> None:
    cloud.apply(deny(OLD))
    cloud.spoil(method="POST", path="security-group-rules$", status=409, times=1000)
    done = cloud.module(plan=deny(NEW))
    assert done.get("failed"), done
    assert f"somebody else changes the security group '{NAME}' at the same time" in done["msg"]
    assert len([entry for entry in cloud.log() if entry["status"] == 409]) <= 6
    completes(cloud, NEW, "never")


def test_quota_is_used_up_in_between(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    group = cloud.group()["id"]
    used = {"method": "PUT", "path": f"/v2.0/quotas/{PROJECT}", "body": {"quota": {"security_group_rule": 0}}}
    cloud.spoil(method="POST", path="security-group-rules$", before=[used])
    done = cloud.module(plan=deny(NEW, form))
    assert done.get("failed"), done
    assert "uota" in done["msg"]
    assert wanted(OLD) <= cloud.opened()
    assert cloud.group()["id"] == group
    cloud.quota(rules=100)
    completes(cloud, NEW, form)
