# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A security group that ports have goes from address groups to a rule for each prefix and back: nothing is shut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openstack.neutron import NAME, Cloud, empty
from tests.support.openstack.plans import METADATA, meaning, plan, wanted, watched
from tests.support.rules import row
from tests.support.systems import longer

pytestmark = pytest.mark.usefixtures("namespaces")
DEFAULT_GROUP = 4  # rules of the project's group of that name
METADATAS = 1  # the rule of deny's baseline
# Two services to eight prefixes that do not touch: 16 rules, or one address group and two.
ROWS = [row(f"192.0.2.{2 * number}", "443,8443") for number in range(8)]
CHANGED = [*ROWS[2:], row("198.51.100.7", "443,8443")]
SINGLE, GROUPED = 16 + METADATAS, 2 + METADATAS


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with empty(watch=True) as found:
        yield found


def deny(rows: list[dict], **options: Any) -> dict[str, Any]:
    return plan(rows, **{"policy": "deny", "rules": -1, **options})


def in_use(cloud: Cloud, rows: list[dict], **options: Any) -> str:
    """Apply a plan, put a port into the group and forget the log; returns the group's id."""
    cloud.apply(deny(rows, **options))
    group = str(cloud.group()["id"])
    cloud.new_port(group)
    cloud.forget()
    return group


def between(cloud: Cloud) -> list[Any]:
    """Return what was open after each write."""
    found = [meaning(watched(entry)) for entry in cloud.log() if entry["method"] != "GET"]
    assert len(found) > 1
    return found


@pytest.mark.long
@pytest.mark.parametrize("new", [CHANGED, ROWS], ids=["another list", "same list"])
def test_to_a_rule_for_each_prefix_and_back(cloud: Cloud, new: list[dict]) -> None:
    group = in_use(cloud, ROWS, address_groups="always")
    assert len(cloud.rules()) == GROUPED
    ever, stays = meaning(wanted(ROWS) | wanted(new) | METADATA), meaning(wanted(ROWS) & wanted(new) | METADATA)
    for options, form in (({}, "rules"), ({"address_groups": "always"}, "groups")):
        foreseen = cloud.module(plan=deny(new, **options), check=True)
        assert cloud.writes() == []
        done = cloud.apply(deny(new, **options))
        assert (done["differences"], done["notes"]) == (foreseen["differences"], foreseen["notes"])
        assert done["form"] == form
        assert len([note for note in done["notes"] if "every destination" in note]) == 1
        assert not [now for now in between(cloud) if stays - now or now - ever]
        assert cloud.opened() == wanted(new) | METADATA
        assert cloud.group()["id"] == group
        assert len(cloud.rules()) == (SINGLE - 2 if new is CHANGED else SINGLE) if form == "rules" else GROUPED
        assert bool(cloud.address_groups()) is (form == "groups")
        cloud.forget()
        assert not cloud.apply(deny(new, **options))["changed"]
        assert cloud.writes() == []
        stays = ever = meaning(wanted(new) | METADATA)
    assert [line[2:] for line in done["differences"]] == ["kept as a rule for each prefix", "kept as address groups"]


@pytest.mark.parametrize("spare", longer([-1, 0], [1]))
def test_room_for_one_rule_more_than_at_the_end_is_enough(cloud: Cloud, spare: int) -> None:
    """Each old rule goes when its own prefixes stand: the last one needs a rule more than what is there in the end."""
    in_use(cloud, ROWS, address_groups="always")
    limit = DEFAULT_GROUP + SINGLE + 1 + spare
    cloud.quota(rules=limit)
    done = cloud.module(plan=deny(ROWS))
    if spare < 0:
        assert done.get("failed"), done
        assert f", {limit} in all: 15 needed, 14 free, 1 too many" in done["msg"]
        assert f"openstack quota set --secgroup-rules {limit + 1} " in done["msg"]
        assert "3 old rules have to stand until the new ones do: nothing is shut between" in done["msg"]
        assert "openstack_egress_address_groups: always" in done["msg"]
        assert cloud.writes() == []
        assert len(cloud.address_groups()) == 2  # the other one is the baseline's
        return
    assert not done.get("failed"), done
    stays = meaning(wanted(ROWS) | METADATA)
    assert not [now for now in between(cloud) if stays - now or now - stays]
    assert cloud.opened() == wanted(ROWS) | METADATA
    assert cloud.address_groups() == []


@pytest.mark.parametrize("spare", [0, 1])
def test_back_to_address_groups_takes_room_for_one_rule(cloud: Cloud, spare: int) -> None:
    in_use(cloud, ROWS)
    cloud.quota(rules=DEFAULT_GROUP + SINGLE + spare)
    done = cloud.module(plan=deny(ROWS, address_groups="always"))
    if not spare:
        assert done.get("failed"), done
        assert ": 1 needed, 0 free, 1 too many" in done["msg"]
        assert cloud.writes() == []
        assert cloud.address_groups() == []
        return
    assert not done.get("failed"), done
    stays = meaning(wanted(ROWS) | METADATA)
    assert not [now for now in between(cloud) if stays - now or now - stays]
    assert len(cloud.rules()) == GROUPED


def test_the_ways_out_of_a_quota_that_is_too_small_are_ways_out(cloud: Cloud) -> None:
    """What the module names as room is what the plan is told next; what that names as a budget then fits."""
    in_use(cloud, ROWS, address_groups="always")
    cloud.quota(rules=DEFAULT_GROUP + 10)
    refused = cloud.module(plan=deny(ROWS))
    assert refused.get("failed"), refused
    assert cloud.writes() == []
    room = int(said(r"openstack_egress_rules: (\d+),", refused["msg"]))
    with pytest.raises(ValueError, match="this does not fit") as error:
        deny(ROWS, rules=room)
    assert "openstack_egress_address_groups: always (3 needed then)" in str(error.value)
    budget = int(said(r"openstack_egress_widen_at_most: (\d+) ", str(error.value)))
    done = cloud.module(plan=deny(ROWS, rules=room, widen_at_most=budget))
    assert not done.get("failed"), done
    assert done["widened"]
    asked = meaning(wanted(ROWS) | METADATA)
    assert not [now for now in between(cloud) if asked - now]
    assert cloud.address_groups() == []


@pytest.mark.long
def test_an_address_group_that_others_use_stays(cloud: Cloud) -> None:
    in_use(cloud, ROWS, address_groups="always")
    (ours,) = [one for one in cloud.address_groups() if "192.0.2.0/32" in one["addresses"]]
    theirs = cloud.new_rule(cloud.new_group("other"), None, [1], remote_address_group_id=ours["id"])
    done = cloud.apply(deny(ROWS))
    assert [one["id"] for one in cloud.address_groups()] == [ours["id"]]
    assert [note for note in done["notes"] if note.startswith("address group") and "rules of others refer" in note]
    assert [rule["id"] for rule in cloud.rules("other") if rule["remote_address_group_id"]] == [theirs]
    assert not [rule for rule in cloud.rules(NAME) if rule["remote_address_group_id"]]


@pytest.mark.long
def test_a_cloud_without_address_groups(cloud: Cloud) -> None:
    """Who asks for them there is told so; nobody else is asked for them."""
    cloud.apply(deny(ROWS))
    cloud.forget()
    for extension in ("address-group", "security-groups-remote-address-group"):
        told = {"extensions": [{"alias": "standard-attr-description"}]}
        told["extensions"] += [{"alias": one} for one in ("address-group",) if one != extension]
        cloud.spoil(method="GET", path="extensions", status=200, answer=told)
        done = cloud.module(plan=deny(ROWS, address_groups="always"))
        assert done.get("failed"), done
        assert f"no address groups (extension {extension}): set address_groups to never" in done["msg"]
    assert cloud.writes() == []


def said(pattern: str, text: str) -> str:
    """Return what a message names."""
    found = re.search(pattern, text)
    assert found, text
    return found[1]
