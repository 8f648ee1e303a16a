# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas of a real Neutron: one below, at and above each; above, nothing is written and the message says what helps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.openstack.neutron import NAME, Cloud, empty
from tests.support.openstack.plans import METADATA, OLD, meaning, plan, wanted, watched
from tests.support.rules import row

pytestmark = pytest.mark.usefixtures("namespaces")
RULES = "rules of the project's security groups"
NEUTRONS_OWN = 6  # rules: of the default group 4, of a new group 2


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with empty() as found:
        found.new_group("other")  # the project's default group comes with its first group
        found.forget()
        yield found


def rows(count: int, first: int = 0) -> list[dict]:
    """Return rows that need so many rules: they do not touch each other."""
    return [row(f"192.0.2.{2 * number}") for number in range(first, first + count)]


def loose(count: int, first: int = 0) -> dict:
    return plan(rows(count, first), rules=-1)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_rules(cloud: Cloud, over: int) -> None:
    need = NEUTRONS_OWN + 2 + 10
    cloud.quota(rules=need - over)
    done = cloud.module(plan=loose(10))
    if over > 0:
        assert done.get("failed"), done
        assert f"{RULES}, {need - over} in all: 12 needed, 11 free, 1 too many" in done["msg"]
        assert f"openstack quota set --secgroup-rules {need} " in done["msg"]
        assert "openstack_egress_rules: 11, what there is room for" in done["msg"]
        assert "openstack_egress_widen_at_most" in done["msg"]
        assert "openstack_egress_address_groups: always" in done["msg"]
        assert "iptables and hybrid Open vSwitch from 21.2.1, 22.2.0, 23.2.0 and 24.0.0" in done["msg"]
        assert "OVN from 24.2.0, 25.2.0 and 26.0.0" in done["msg"]
        assert cloud.writes() == []
        assert cloud.groups() == []
    else:
        assert not done.get("failed"), done
        assert wanted(rows(10)) < cloud.opened()
        (unit,) = (one for one in done["units"] if one["quota"] == RULES)
        assert (unit["before"], unit["after"], unit["limit"]) == (NEUTRONS_OWN, need, need - over)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_security_groups(cloud: Cloud, over: int) -> None:
    cloud.quota(rules=100, groups=3 - over)  # default, other, ours
    done = cloud.module(plan=plan(OLD))
    assert bool(done.get("failed")) is (over > 0), done
    if over > 0:
        assert "security groups of the project, 2 in all: 1 needed, 0 free, 1 too many" in done["msg"]
        assert "openstack quota set --secgroups 3" in done["msg"]
        assert cloud.writes() == []
    assert len(cloud.groups()) == (over <= 0)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_more_rules_in_a_group_that_is_there(cloud: Cloud, over: int) -> None:
    cloud.apply(loose(3))
    need = NEUTRONS_OWN + 2 + 7
    cloud.quota(rules=need - over)
    cloud.forget()
    done = cloud.module(plan=loose(7))
    assert bool(done.get("failed")) is (over > 0), done
    if over > 0:
        assert "4 needed, 3 free, 1 too many" in done["msg"]
        assert cloud.writes() == []
        assert wanted(rows(3)) < cloud.opened()
        assert not wanted(rows(4, 3)) & cloud.opened()


def test_no_limit(cloud: Cloud) -> None:
    cloud.quota(rules=-1, groups=-1)
    done = cloud.apply(loose(120))
    assert wanted(rows(120)) < cloud.opened()
    assert {unit["limit"] for unit in done["units"]} == {-1}


def test_address_groups_make_room(cloud: Cloud) -> None:
    cloud.quota(rules=NEUTRONS_OWN + 2 + 1)
    done = cloud.module(plan=plan(rows(50), rules=-1, address_groups="always"))
    assert not done.get("failed"), done
    assert wanted(rows(50)) < cloud.opened()
    assert [note for note in done["notes"] if "OVN from 24.2.0, 25.2.0 and 26.0.0" in note]


def test_plan_one_above_its_limit_is_refused_by_the_filter() -> None:
    assert plan(rows(98))["units"][0]["need"] == 98
    with pytest.raises(ValueError, match=r"99 needed, 98 free, 1 too many") as refused:
        plan(rows(99))
    assert "openstack_egress_rules" in str(refused.value)


def test_replacing_all_where_there_is_room_for_few(cloud: Cloud) -> None:
    cloud.reset(watch=True)
    tight = {"policy": "deny", "rules": -1}
    old, new = rows(10), [*rows(4, 6), *rows(6, 20)]
    cloud.apply(plan(old, **tight))
    cloud.quota(rules=4 + 10 + 1 + 2)  # the default group's, ours, the metadata's, and two to spare
    cloud.forget()
    cloud.apply(plan(new, **tight))
    assert cloud.opened() == wanted(new) | METADATA
    kept = meaning(wanted(rows(4, 6)) | METADATA)
    assert not [entry for entry in cloud.log() if entry["method"] != "GET" and kept - meaning(watched(entry))]


def test_wanted_addresses_are_never_shut_for_want_of_room(cloud: Cloud) -> None:
    """One wide rule that five narrow ones replace: the wide one must stand until they do."""
    tight = {"policy": "deny", "rules": -1}
    wide = [row("192.0.2.0/24")]
    cloud.apply(plan(wide, **tight))
    cloud.quota(rules=NEUTRONS_OWN + 1 + 1 + 4)
    cloud.forget()
    done = cloud.module(plan=plan(rows(5), **tight))
    assert done.get("failed"), done
    assert "5 needed, 4 free, 1 too many" in done["msg"]
    assert cloud.writes() == []
    cloud.quota(rules=NEUTRONS_OWN + 1 + 1 + 5)
    assert not cloud.module(plan=plan(rows(5), **tight)).get("failed")
    assert cloud.opened(NAME) == wanted(rows(5)) | METADATA
