# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A security group in a real Neutron: what it lets out is what is wanted, in both forms, and only ours is touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.openstack.neutron import NAME, Cloud, empty
from tests.support.openstack.plans import (
    DEFAULTS,
    METADATA,
    OLD,
    documents_say,
    meaning,
    of_vendors,
    plan,
    told,
    wanted,
)
from tests.support.rules import NEW, row
from tests.support.systems import longer
from tests.support.vendor_oracle import Oracle, documents_directory

pytestmark = pytest.mark.usefixtures("namespaces")
RESTRICTS_NOTHING = "this restricts nothing"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with empty() as found:
        yield found


@pytest.fixture(params=["always", "never"])
def form(request: pytest.FixtureRequest) -> str:
    """Return whether prefixes are in address groups."""
    return str(request.param)


@pytest.fixture(params=longer(["never"], ["always"]))
def either(request: pytest.FixtureRequest) -> str:
    """Return the same, for what differs little between the two."""
    return str(request.param)


def deny(rows: list[dict], form: str = "never", **options: Any) -> dict[str, Any]:
    return plan(rows, address_groups=form, policy="deny", **options)


@pytest.mark.parametrize(
    "selection",
    longer(
        [[{"name": "kudo", "regions": "all", "teams": True}]],
        [[{"name": "kore_ai", "regions": "all"}, {"name": "eschat", "signaling_port": 7400}, {"name": "vsee"}]],
    ),
    ids=["kudo", "three vendors"],
)
def test_what_goes_out_is_what_the_documents_say(cloud: Cloud, form: str, selection: list[dict]) -> None:
    directory = documents_directory()
    if directory is None:
        pytest.skip("the vendors' documents are not on this machine (VENDOR_DOCUMENTS)")
    cloud.quota(rules=1000)
    cloud.apply(of_vendors(selection, address_groups=form, policy="deny", rules=1000, metadata=False))
    assert meaning(cloud.opened()) == documents_say(Oracle.read(directory), selection)


def test_second_run_writes_nothing(cloud: Cloud, form: str) -> None:
    first = cloud.apply(deny(OLD, form))
    assert first["changed"]
    assert cloud.opened() == wanted(OLD) | METADATA
    assert bool(cloud.address_groups()) is (form == "always")
    assert first["calls"] == len(
        [entry for entry in cloud.log() if entry["path"] != "/"]
    )  # / tells versions to the SDK
    cloud.forget()
    second = cloud.apply(deny(OLD, form))
    assert (second["changed"], second["differences"]) == (False, [])
    assert cloud.writes() == []


def test_difference_says_what_opens_and_what_shuts(cloud: Cloud, form: str) -> None:
    first = cloud.apply(deny(OLD, form))
    assert told(first["differences"], "+") == cloud.opened()
    second = cloud.apply(deny(NEW, form))
    assert cloud.opened() == wanted(NEW) | METADATA
    assert told(second["differences"], "+") == wanted(NEW) - wanted(OLD)
    assert told(second["differences"], "-") == wanted(OLD) - wanted(NEW)
    assert "+ udp/3478 to 198.51.100.0/24  acme: calls" in second["differences"]
    assert second["diff"]["prepared"] == "\n".join(second["differences"]) + "\n"


def test_a_changed_prefix_is_one_address_or_one_rule(cloud: Cloud, form: str) -> None:
    rows = [row(f"192.0.2.{16 * number}/28") for number in range(0, 16, 2)]
    cloud.apply(deny(rows, form))
    cloud.forget()
    cloud.apply(deny([*rows[1:], row("198.51.100.16/28")], form))
    last = [entry["path"].rpartition("/")[2] for entry in cloud.log() if entry["method"] != "GET"]
    if form == "always":
        assert last == ["add_addresses", "remove_addresses"]
    else:
        assert [write.split("/")[1] for write in cloud.writes()] == ["security-group-rules"] * 2
    assert [entry["bytes"] < 600 for entry in cloud.log() if entry["method"] != "GET"] == [True, True]


def test_what_somebody_changed_is_shown_and_mended(cloud: Cloud, form: str) -> None:
    cloud.apply(deny(OLD, form))
    closed = next(rule for rule in cloud.rules() if rule["protocol"] == "tcp" and rule["port_range_min"] == 443)
    cloud.delete("security-group-rules", closed["id"])
    lost = {one for one in wanted(OLD) if one[1] == 443}
    if form == "always":
        changed = next(one for one in cloud.address_groups() if one["addresses"] == ["192.0.2.7/32"])
        path = f"/v2.0/address-groups/{changed['id']}"
        cloud.request("PUT", f"{path}/add_addresses", {"addresses": ["198.51.100.8/32"]})
        cloud.request("PUT", f"{path}/remove_addresses", {"addresses": ["192.0.2.7/32"]})
        lost |= {one for one in wanted(OLD) if one[3] == "192.0.2.7/32"}
    assert cloud.opened() != wanted(OLD) | METADATA
    mended = cloud.apply(deny(OLD, form))
    assert told(mended["differences"], "+") == lost
    assert {one[3] for one in told(mended["differences"], "-")} == ({"198.51.100.8/32"} if form == "always" else set())
    assert cloud.opened() == wanted(OLD) | METADATA
    cloud.forget()
    assert not cloud.apply(deny(OLD, form))["changed"]
    assert cloud.writes() == []


def test_rules_of_others_stay(cloud: Cloud, either: str) -> None:
    cloud.apply(deny(OLD, either))
    group = cloud.group()["id"]
    theirs = [
        cloud.new_rule(group, "198.51.100.64/26", [5671], description="queue"),
        cloud.new_rule(group, None, [22], direction="ingress"),
        cloud.new_rule(group, "203.0.113.0/25", [443, 444], description="overlaps ours"),
    ]
    other = cloud.new_group("other")
    theirs += [cloud.new_rule(other, "192.0.2.7/32", [80]), cloud.new_rule(other, None, None, remote_group_id=group)]
    cloud.new_address_group("other", "192.0.2.0/24", description="not ours")
    cloud.new_address_group(f"{NAME} 01234567 ipv4", "192.0.2.0/24", description="looks like ours, is not")
    done = cloud.apply(deny(NEW, either))
    there = {rule["id"] for name in (NAME, "other") for way in ("egress", "ingress") for rule in cloud.rules(name, way)}
    assert there.issuperset(theirs)
    assert [note for note in done["notes"] if "tcp/5671 to 198.51.100.64/26" in note]
    assert {("tcp", 5671, 5671, "198.51.100.64/26"), *wanted(NEW)} <= cloud.opened()
    assert len([one for one in cloud.address_groups() if "ours" in one["description"]]) == 2
    cloud.forget()
    assert not cloud.apply(deny(NEW, either))["changed"]
    assert cloud.writes() == []


def test_group_of_somebody_else_with_our_name_is_refused(cloud: Cloud) -> None:
    cloud.new_group(NAME, description="mine")
    cloud.forget()
    for done in (cloud.module(plan=plan(OLD)), cloud.module(state="absent")):
        assert done.get("failed"), done
        assert f"the security group '{NAME}'" in done["msg"]
        assert "is not ours" in done["msg"]
    assert cloud.writes() == []


def test_check_mode_shows_what_the_run_does(cloud: Cloud, either: str) -> None:
    steps: list[dict[str, Any]] = [
        {"plan": deny(OLD, either)},
        {"plan": deny(NEW, either)},
        {"plan": plan(NEW, address_groups=either)},
        {"state": "absent"},
    ]
    for step in steps:
        cloud.forget()
        foreseen = cloud.module(check=True, **step)
        assert cloud.writes() == []
        done = cloud.module(**step)
        assert done["changed"] is foreseen["changed"] is True
        assert done["differences"] == foreseen["differences"] != []
        assert done["units"] == foreseen["units"]
        assert (done["diff"], done["notes"]) == (foreseen["diff"], foreseen["notes"])


def test_absent_removes_what_we_made(cloud: Cloud, either: str) -> None:
    cloud.new_address_group("other", "192.0.2.0/24")
    cloud.apply(deny(OLD, either))
    cloud.apply(deny(NEW, either), name="second")
    done = cloud.module(state="absent")
    assert done["changed"]
    assert told(done["differences"], "-") == wanted(OLD) | METADATA
    assert cloud.groups() == []
    assert cloud.opened("second") == wanted(NEW) | METADATA
    cloud.module(state="absent", name="second")
    assert [one["name"] for one in cloud.address_groups()] == ["other"]
    cloud.forget()
    assert not cloud.module(state="absent")["changed"]
    assert cloud.writes() == []


def test_absent_is_refused_while_a_port_has_the_group(cloud: Cloud, either: str) -> None:
    cloud.apply(deny(OLD, either))
    port = cloud.new_port(cloud.group()["id"])
    cloud.forget()
    done = cloud.module(state="absent")
    assert done.get("failed"), done
    assert port in done["msg"]
    assert cloud.writes() == []
    assert cloud.opened() == wanted(OLD) | METADATA


def test_absent_leaves_what_others_use(cloud: Cloud) -> None:
    cloud.apply(deny(OLD, "always"))
    ours = cloud.address_groups()[0]
    version = "IPv6" if ":" in ours["addresses"][0] else "IPv4"
    used = cloud.new_rule(cloud.new_group("other"), None, [1], remote_address_group_id=ours["id"], ethertype=version)
    cloud.forget()
    done = cloud.module(state="absent")
    assert done.get("failed"), done
    assert used in done["msg"]
    assert cloud.writes() == []
    cloud.delete("security-group-rules", used)
    cloud.new_rule(cloud.group()["id"], "198.51.100.64/26", [5671])
    done = cloud.module(state="absent")
    assert not done.get("failed"), done
    assert [note for note in done["notes"] if "others have rules in it" in note]
    assert (
        {("tcp", 5671, 5671, "198.51.100.64/26")}
        <= cloud.opened()
        <= {
            ("tcp", 5671, 5671, "198.51.100.64/26"),
            *DEFAULTS,
        }
    )
    assert cloud.address_groups() == []


def test_only_deny_removes_what_lets_everything_out(cloud: Cloud, either: str) -> None:
    loose = plan(OLD, address_groups=either)
    first = cloud.apply(loose)
    assert cloud.opened() == wanted(OLD) | DEFAULTS
    assert [note for note in first["notes"] if note.startswith(RESTRICTS_NOTHING)]
    tight = cloud.apply(deny(OLD, either))
    assert cloud.opened() == wanted(OLD) | METADATA
    assert not [note for note in tight["notes"] if note.startswith(RESTRICTS_NOTHING)]
    assert [line for line in tight["differences"] if line.startswith("- everything to everywhere")]
    again = cloud.apply(loose)
    assert cloud.opened() == wanted(OLD) | DEFAULTS
    assert [note for note in again["notes"] if note.startswith(RESTRICTS_NOTHING)]


def test_baseline_of_deny(cloud: Cloud) -> None:
    servers = {"dns_servers": ["192.0.2.53", "2001:db8::53"], "ntp_servers": ["192.0.2.123"]}
    cloud.apply(deny([OLD[0]], **servers))
    dns = {(one, 53, 53, to) for one in ("tcp", "udp") for to in ("192.0.2.53/32", "2001:db8::53/128")}
    assert cloud.opened() == wanted([OLD[0]]) | METADATA | dns | {("udp", 123, 123, "192.0.2.123/32")}
