# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is applied in whatever order, even where runs break off: nothing wanted that is open is shut in between."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.openstack.neutron import PROJECT, Cloud, empty
from tests.support.openstack.plans import meaning, plan, watched
from tests.support.rules import row
from tests.support.systems import LONG, SOAK

pytestmark = pytest.mark.usefixtures("namespaces")
# Some touch or hold each other, so that merging makes wider and narrower prefixes of them.
ROWS = [
    row("192.0.2.0/25"),
    row("192.0.2.128/25"),
    row("192.0.2.64/27", "443,3478", "TCP"),
    row("198.51.100.7", "3478", "UDP", "media"),
    row("198.51.100.0/28", "3400-3500", "UDP", "media"),
    row("2001:db8::/64", "3478", "UDP", "media"),
    row("2001:db8:0:1::/64", "3478", "UDP", "media"),
    row("203.0.113.9", "80,8443-8445", "TCP", "web"),
]
FOREIGN = ("203.0.113.64/26", 5671)


class Step(NamedTuple):
    """One run of the module."""

    rows: frozenset[int]
    form: str
    policy: str
    breaks: int | None  # so many writes pass, then Neutron answers 500
    spare: int | None = None  # so many rules more the quota takes

    def plan(self) -> dict[str, Any]:
        return plan([ROWS[number] for number in sorted(self.rows)], address_groups=self.form, policy=self.policy)


STEPS = st.builds(
    Step,
    rows=st.frozensets(st.integers(0, len(ROWS) - 1), min_size=1),
    form=st.sampled_from(["always", "never"]),
    policy=st.sampled_from(["deny", "deny", "unmanaged"]),
    breaks=st.none() | st.integers(0, 6),
    spare=st.none() | st.integers(0, 12),
)


def standing(cloud: Cloud) -> list[Any]:
    """Return all that the group and the address groups are, without what Neutron numbers."""
    sets = {one["id"]: one["name"] for one in cloud.address_groups()}
    keys = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    rules = [
        [str(rule[key]) for key in keys] + [sets.get(rule["remote_address_group_id"], "")]
        for way in ("egress", "ingress")
        for rule in cloud.rules(direction=way)
    ]
    groups = [[one["name"], one["description"], *sorted(one["addresses"])] for one in cloud.address_groups()]
    return [cloud.group()["description"], sorted(rules), sorted(groups)]


def add_foreign(cloud: Cloud) -> None:
    cloud.new_rule(cloud.group()["id"], FOREIGN[0], [FOREIGN[1]], description="not ours")


@pytest.mark.sized
@settings(
    max_examples=15 if LONG else 2,
    derandomize=not SOAK,
    database=None,
    phases=[Phase.generate],  # a failing example is shown as it is: shrinking would take many minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=2, max_size=5), last=STEPS)
def test_sequences(steps: list[Step], last: Step) -> None:
    with empty(watch=True) as cloud:
        cloud.apply(steps[0].plan())
        add_foreign(cloud)
        for step in [*steps[1:], last._replace(breaks=None, spare=None)]:
            run(cloud, step)
        found = standing(cloud)
        cloud.reset()
        cloud.apply(last.plan())
        add_foreign(cloud)
        assert found == standing(cloud)


def run(cloud: Cloud, step: Step) -> None:
    """Apply one selection, and look at what was open after each of its writes."""
    cloud.heal()
    before = meaning(cloud.opened())
    if step.spare is not None:
        used = cloud.request("GET", f"/v2.0/quotas/{PROJECT}/details.json")["quota"]["security_group_rule"]["used"]
        cloud.quota(rules=used + step.spare)
    cloud.forget()
    if step.breaks is not None:
        cloud.spoil(method="POST|PUT|DELETE", skip=step.breaks, status=500, times=1000)
    done = cloud.module(plan=step.plan())
    if done.get("failed") and step.breaks is None:
        assert step.spare is not None, done
        assert "this does not fit" in done["msg"]
        assert cloud.writes() == []
    between = [meaning(watched(entry)) for entry in cloud.log() if entry["method"] != "GET"]
    cloud.heal()
    cloud.quota(rules=100)
    if done.get("failed"):
        cloud.apply(step.plan())
    after = meaning(cloud.opened())
    stays, ever = before & after, before | after
    assert not [shut for shut in (stays - now for now in between) if shut]
    assert not [more for more in (now - ever for now in between) if more]
