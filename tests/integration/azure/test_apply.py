# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module azure_security_group against an Azure on loopback that checks every payload."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure import api
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure.rules import whose
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import Refused

from tests.support.azure.cloud import API, GROUP_ID, SUBSCRIPTION, AzureCloud, foreign
from tests.support.azure.contract import opened
from tests.support.azure.host import CREDENTIALS, AzureHost, planned
from tests.support.rules import row
from tests.support.tls_proxy import Request, Response, TlsProxy, fail_write, once_before, throttle

MINE = "egress-allowlist"
OLD = [row("203.0.113.0/25"), row("2001:db8::/64", "10000-60000,3478", "UDP", "media")]
NEW = [
    row("203.0.113.0/25"),
    row("2001:db8::/63", "10000-60000", "UDP", "media"),
    row("198.51.100.0/24", service="web"),
]
# The permissions that docs/azure.md lists.
RULES = {"Microsoft.Network/networkSecurityGroups/read", "Microsoft.Network/networkSecurityGroups/write"}
SUBNETS = {
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/virtualNetworks/subnets/read",
    "Microsoft.Network/virtualNetworks/subnets/write",
}
INTERFACES = {
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/write",
}
DELETION = {"Microsoft.Network/networkSecurityGroups/delete"}
OPERATIONS = {"Microsoft.Network/locations/operations/read"}


def summary(cloud: AzureCloud) -> dict[str, tuple[Any, ...]]:
    """Return our rules: priority, protocol, ports, destinations."""
    found = {}
    for rule in cloud.rules():
        if whose(rule) == MINE:
            one = rule["properties"]
            ports = one.get("destinationPortRanges") or one["destinationPortRange"]
            found[rule["name"]] = (
                one["priority"],
                one["protocol"],
                ports,
                one.get("destinationAddressPrefixes") or one["destinationAddressPrefix"],
            )
    return found


def test_a_group_is_made_and_the_second_run_writes_nothing(host: AzureHost) -> None:
    first = host.apply(planned(*OLD))
    assert first["differences"] == [
        "+ network security group interpreters",
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "+ udp/10000-60000 to 2001:db8::/64  acme: media",
        "+ udp/3478 to 2001:db8::/64  acme: media",
    ]
    assert first["diff"]["prepared"] == "\n".join(first["differences"]) + "\n"
    assert host.writes() == ["PUT interpreters"]
    assert summary(host.cloud) == {
        f"{MINE}.tcp-ipv4-443": (2000, "Tcp", ["443"], ["203.0.113.0/25"]),
        f"{MINE}.udp-ipv6-3478_10000-60000": (2001, "Udp", ["3478", "10000-60000"], ["2001:db8::/64"]),
    }
    [rule] = [rule for rule in host.cloud.rules() if rule["name"].endswith("tcp-ipv4-443")]
    assert rule["properties"]["description"] == f"[egress.allowlist {MINE}] acme: calls"
    again = host.apply(planned(*OLD))
    assert not again["changed"]
    assert again["differences"] == []
    assert host.writes() == []
    assert again["calls"] == 1
    assert host.cloud.actions == RULES


def test_other_protocols(host: AzureHost) -> None:
    rows = [row("203.0.113.0/25", "", "ESP, AH, ICMP"), row("2001:db8::/64", "", "ESP")]
    assert host.apply(planned(*rows))["differences"] == [
        "+ ah to 203.0.113.0/25  acme: calls",
        "+ esp to 2001:db8::/64  acme: calls",
        "+ esp to 203.0.113.0/25  acme: calls",
        "+ icmp to 203.0.113.0/25  acme: calls",
        "+ network security group interpreters",
    ]
    assert summary(host.cloud) == {
        f"{MINE}.ah-ipv4": (2000, "Ah", "*", ["203.0.113.0/25"]),
        f"{MINE}.esp-ipv4": (2001, "Esp", "*", ["203.0.113.0/25"]),
        f"{MINE}.icmp-ipv4": (2002, "Icmp", "*", ["203.0.113.0/25"]),
        f"{MINE}.esp-ipv6": (2003, "Esp", "*", ["2001:db8::/64"]),
    }
    assert not host.apply(planned(*rows))["changed"]


def test_a_group_that_is_missing_needs_a_location(host: AzureHost) -> None:
    before = host.cloud.snapshot()
    done = host.call(plan=planned(*OLD), location=None)
    assert "'interpreters' does not exist in the resource group 'booths': create it, or say the location" in done["msg"]
    done = host.call(plan=planned(*OLD), resource_group="other")
    assert "ResourceGroupNotFound" in done["msg"]
    assert done["msg"].endswith("nothing was written")
    assert host.cloud.snapshot() == before


def test_a_change_touches_only_the_rules_that_change(host: AzureHost) -> None:
    host.apply(planned(*OLD))
    [kept] = [copy.deepcopy(rule) for rule in host.cloud.rules() if "tcp" in rule["name"]]
    changed = host.apply(planned(row("203.0.113.0/25"), row("2001:db8::/63", "10000-60000,3478", "UDP", "media")))
    assert changed["differences"] == [
        "- udp/10000-60000 to 2001:db8::/64  acme: media",
        "- udp/3478 to 2001:db8::/64  acme: media",
        "+ udp/10000-60000 to 2001:db8::/63  acme: media",
        "+ udp/3478 to 2001:db8::/63  acme: media",
    ]
    [rule] = [rule for rule in host.cloud.rules() if "tcp" in rule["name"]]
    assert {key: value for key, value in rule["properties"].items() if value} == kept["properties"]
    assert {place for place, *_rest in summary(host.cloud).values()} == {2000, 2001}
    # Another list of ports is another rule: it takes a free priority, and the others stay where they are.
    host.apply(planned(row("203.0.113.0/25"), row("2001:db8::/63", "10000-60000", "UDP", "media")))
    assert {name: found[0] for name, found in summary(host.cloud).items()} == {
        f"{MINE}.tcp-ipv4-443": 2000,
        f"{MINE}.udp-ipv6-10000-60000": 2001,
    }
    host.apply(planned(*NEW, row("192.0.2.7", "5061")))
    assert {name: found[0] for name, found in summary(host.cloud).items()} == {
        f"{MINE}.tcp-ipv4-443": 2000,
        f"{MINE}.udp-ipv6-10000-60000": 2001,
        f"{MINE}.tcp-ipv4-5061": 2002,
    }


@pytest.mark.parametrize(
    ("properties", "line"),
    [
        ({"destinationAddressPrefixes": ["203.0.113.0/26"]}, "- tcp/443 to 203.0.113.0/26  acme: calls"),
        ({"destinationPortRanges": ["443", "80"]}, "- tcp/80 to 203.0.113.0/25  acme: calls"),
        ({"sourceAddressPrefix": "10.0.0.0/8"}, "- tcp/443 to 203.0.113.0/25  only from 10.0.0.0/8, acme: calls"),
        ({"access": "Deny"}, "- stopped, tcp to 203.0.113.0/25"),
        ({"protocol": "*"}, "- all to 203.0.113.0/25  acme: calls"),
        ({"priority": 150}, f"- rule {MINE}.tcp-ipv4-443: priority 150, [egress.allowlist {MINE}] acme: calls"),
        (
            {"description": f"[egress.allowlist {MINE}] nobody"},
            f"- rule {MINE}.tcp-ipv4-443: priority 2000, [egress.allowlist {MINE}] nobody",
        ),
    ],
)
def test_drift_is_shown_and_mended(host: AzureHost, properties: dict[str, Any], line: str) -> None:
    host.apply(planned(*OLD))
    right = {rule["name"]: rule["properties"] for rule in copy.deepcopy(host.cloud.rules())}
    host.cloud.change(f"{MINE}.tcp-ipv4-443", **properties)
    mended = host.apply(planned(*OLD))
    assert line in mended["differences"]
    now = {rule["name"]: rule["properties"] for rule in host.cloud.rules()}
    assert now[f"{MINE}.tcp-ipv4-443"] == right[f"{MINE}.tcp-ipv4-443"]
    assert not host.apply(planned(*OLD))["changed"]


def test_a_rule_that_somebody_removed_comes_back(host: AzureHost) -> None:
    host.apply(planned(*OLD))
    group = copy.deepcopy(host.cloud.group())
    assert group
    group["properties"]["securityRules"] = group["properties"]["securityRules"][1:]
    host.cloud.put(GROUP_ID, group)
    assert host.apply(planned(*OLD))["changed"]
    assert len(summary(host.cloud)) == 2


def test_rules_of_others_go_along_as_they_were(host: AzureHost) -> None:
    theirs = [
        foreign("inbound", 2000, direction="Inbound", sourceAddressPrefix="Internet", destinationAddressPrefix="*"),
        foreign("early", 110, access="Deny"),
        foreign("late", 3500, destinationAddressPrefix=None, destinationAddressPrefixes=["192.0.2.9/32", "192.0.2.1"]),
        foreign("egress-allowlist-looks-alike", 120),
        foreign("copied", 130, description=f"[egress.allowlist {MINE}] acme: calls"),
        foreign(f"{MINE}.in", 2001, direction="Inbound", description=f"[egress.allowlist {MINE}] acme: calls"),
    ]
    host.cloud.add(*theirs, tags={"owner": "them"})
    before = {rule["name"]: copy.deepcopy(rule) for rule in host.cloud.rules()}
    applied = host.apply(planned(*OLD, policy="deny"), tags={"team": "ours"})
    assert "+ tag team: ours" in applied["differences"]
    assert "these rules of others come first, and may stop what ours allow: early" in applied["notes"]
    assert "these rules of others come behind the stop, and open nothing more: late" in applied["notes"]

    def left() -> dict[str, Any]:
        found = {}
        for rule in host.cloud.rules():
            properties = {key: value for key, value in rule["properties"].items() if value != []}
            found[rule["name"]] = {"name": rule["name"], "properties": properties}
        return {name: rule for name, rule in found.items() if name in before}

    assert left() == before
    group = host.cloud.group()
    assert group
    assert group["tags"] == {"owner": "them", "team": "ours"}
    removed = host.call(state="absent")
    assert removed["changed"]
    assert summary(host.cloud) == {}
    assert left() == before
    assert not host.call(state="absent")["changed"]


@pytest.mark.parametrize("policy", ["unmanaged", "deny"])
def test_a_foreign_rule_among_our_priorities_is_refused(host: AzureHost, policy: str) -> None:
    host.cloud.add(foreign("theirs", 2500))
    before = host.cloud.snapshot()
    done = host.call(plan=planned(*OLD, policy=policy))
    assert "rule 'theirs' has the priority 2500 and is not ours: the priorities 2000-2999 are reserved" in done["msg"]
    assert host.cloud.snapshot() == before
    assert host.apply(planned(*OLD, policy=policy, priorities="2501-2600"))["changed"]


def test_our_name_without_our_description_is_not_ours(host: AzureHost) -> None:
    host.cloud.add(foreign(f"{MINE}.tcp-ipv4-443", 300))
    done = host.call(plan=planned(*OLD))
    assert f"rule '{MINE}.tcp-ipv4-443' has a name of ours, but not our description" in done["msg"]
    assert host.writes() == []


def test_deny_and_unmanaged(host: AzureHost) -> None:
    open_ = host.apply(planned(*OLD))
    assert [note for note in open_["notes"] if note.startswith("this restricts nothing: ")]
    assert opened(host.cloud.rules(), "tcp", "192.0.2.1", 443)
    shut = host.apply(planned(*OLD, policy="deny", dns_servers=["192.0.2.53"]))
    assert shut["differences"] == [
        "- everything to everywhere  (default rule)",
        "+ stopped, all to everywhere",
        "+ tcp/53 to 192.0.2.53/32  azure_egress_dns_servers: baseline",
        "+ udp/53 to 192.0.2.53/32  azure_egress_dns_servers: baseline",
    ]
    assert not [note for note in shut["notes"] if "restricts nothing" in note]
    stop = summary(host.cloud)[f"{MINE}.stop"]
    assert stop == (2999, "*", "*", "*")
    for address, wanted in (("203.0.113.5", True), ("203.0.113.200", False), ("2001:db8::7", False)):
        assert opened(host.cloud.rules(), "tcp", address, 443) is wanted
    assert opened(host.cloud.rules(), "udp", "2001:db8::7", 3478)
    narrower = host.apply(planned(*OLD, policy="deny", stops="internet", dns_servers=["192.0.2.53"]))
    assert narrower["differences"] == ["- stopped, all to everywhere", "+ stopped, all to the Internet"]
    again = host.apply(planned(*OLD))
    assert "+ everything to everywhere  (default rule)" in again["differences"]
    assert f"{MINE}.stop" not in summary(host.cloud)


def test_a_stop_of_the_users_own_is_seen(host: AzureHost) -> None:
    everything = {"protocol": "*", "sourceAddressPrefix": "*", "destinationPortRange": "*"}
    host.cloud.add(foreign("stop", 4096, access="Deny", destinationAddressPrefix="*", **everything))
    done = host.apply(planned(*OLD))
    assert not [note for note in done["notes"] if "restricts nothing" in note]
    assert "rules of others stay as they are: stop" in done["notes"]
    assert not opened(host.cloud.rules(), "tcp", "192.0.2.1", 443)


def test_two_names_live_side_by_side(host: AzureHost) -> None:
    host.apply(planned(*OLD, policy="deny"))
    host.apply(planned(row("192.0.2.0/24"), policy="deny"), name="others")
    assert opened(host.cloud.rules(), "tcp", "192.0.2.1", 443)
    assert opened(host.cloud.rules(), "tcp", "203.0.113.1", 443)
    assert not opened(host.cloud.rules(), "tcp", "198.51.100.1", 443)
    assert not host.apply(planned(*OLD, policy="deny"))["changed"]
    host.apply(planned(*OLD, row("198.51.100.0/24", "5061"), policy="deny"))
    assert opened(host.cloud.rules(), "tcp", "198.51.100.1", 5061)
    host.call(state="absent")
    assert {whose(rule) for rule in host.cloud.rules()} == {"others"}


def test_names_that_begin_alike_are_told_apart(host: AzureHost) -> None:
    host.apply(planned(*OLD), name="a")
    host.apply(planned(row("192.0.2.0/24")), name="a-b")
    host.call(state="absent", name="a")
    assert {whose(rule) for rule in host.cloud.rules()} == {"a-b"}
    assert "write up to 30 letters" in host.call(plan=planned(*OLD), name="a.b")["msg"]


def test_check_mode_shows_the_same_and_writes_nothing(host: AzureHost) -> None:
    before = host.cloud.snapshot()
    params = {"subnets": ["network/interpreters"], "interfaces": ["card"], "tags": {"team": "ours"}}
    shown = host.apply(planned(*OLD, policy="deny"), check=True, **params)
    assert host.writes() == []
    assert host.cloud.snapshot() == before
    done = host.apply(planned(*OLD, policy="deny"), **params)
    assert shown["differences"] == done["differences"]
    assert shown["units"] == done["units"]
    shown = host.call(state="absent", check=True, **params)
    host.writes()
    done = host.call(state="absent", **params)
    assert shown["differences"] == done["differences"]
    assert host.writes()[-1] == "DELETE interpreters"


def test_attach_and_detach(host: AzureHost) -> None:
    params = {"subnets": ["network/interpreters"], "interfaces": ["card"]}
    subnet = next(body for body in host.cloud.resources.values() if body["id"].endswith("subnets/interpreters"))
    right = copy.deepcopy(subnet["properties"])
    applied = host.apply(planned(*OLD), **params)
    assert applied["differences"][:3] == [
        "+ attached to interface card",
        "+ attached to subnet network/interpreters",
        "+ network security group interpreters",
    ]
    assert host.writes() == ["PUT interpreters", "PUT interpreters", "PUT card"]
    assert host.cloud.attached() == ["card", "interpreters"]
    ids = [body["id"] for body in host.cloud.resources.values() if "guests" in body["id"]]
    host.apply(planned(*OLD), subnets=ids)
    assert host.cloud.attached() == ["card", "guests", "interpreters"]
    host.writes()
    # What is attached to more than what is named stays, without our rules.
    kept = host.call(state="absent", **params)
    assert "the network security group stays: " in "".join(kept["notes"])
    assert host.cloud.rules() == []
    assert host.cloud.attached() == ["card", "guests", "interpreters"]
    gone = host.call(state="absent", subnets=["network/interpreters", *ids], interfaces=["card"])
    assert "- network security group interpreters" in gone["differences"]
    assert host.cloud.group() is None
    now = next(body for body in host.cloud.resources.values() if body["id"].endswith("subnets/interpreters"))
    assert {key: value for key, value in now["properties"].items() if key != "networkSecurityGroup"} == right
    assert not host.call(state="absent", **params)["changed"]
    assert host.cloud.actions == RULES | SUBNETS | INTERFACES | DELETION


def test_a_group_of_somebody_else_is_never_deleted_or_detached(host: AzureHost) -> None:
    host.cloud.add()
    host.apply(planned(*OLD), subnets=["network/interpreters"])
    host.call(state="absent", subnets=["network/interpreters"])
    assert host.cloud.rules() == []
    assert host.cloud.attached() == ["interpreters"]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"subnets": ["network/none"]}, "subnet network/none does not exist"),
        ({"subnets": ["interpreters"]}, "subnets: 'interpreters' is not accepted: write virtual-network/subnet"),
        ({"interfaces": ["a/b"]}, "interfaces: 'a/b' is not accepted: write the name of an interface"),
        ({"interfaces": [GROUP_ID]}, "is not accepted"),
        ({"interfaces": [GROUP_ID.replace(SUBSCRIPTION, "other")]}, "is in another subscription"),
    ],
)
def test_what_cannot_be_attached_is_refused(host: AzureHost, params: dict[str, Any], text: str) -> None:
    done = host.call(plan=planned(*OLD), **params)
    assert text in done["msg"]
    assert host.writes() == []


def test_another_group_is_never_replaced(host: AzureHost) -> None:
    path, subnet = next((key, body) for key, body in host.cloud.resources.items() if key.endswith("interpreters"))
    other = GROUP_ID.replace("Groups/interpreters", "Groups/others")
    host.cloud.put(other, {"location": "westeurope", "properties": {}})
    host.cloud.put(subnet["id"], {"properties": {**subnet["properties"], "networkSecurityGroup": {"id": other}}})
    done = host.call(plan=planned(*OLD), subnets=["network/interpreters"])
    assert "subnet network/interpreters has another network security group: " in done["msg"]
    assert host.writes() == []
    assert host.cloud.resources[path]["properties"]["networkSecurityGroup"]["id"] == other


def _write(request: Request) -> bool:
    return request.host == API and request.writes


def test_another_writer_is_noticed_and_nothing_of_theirs_is_lost(host: AzureHost) -> None:
    host.apply(planned(*OLD))
    host.writes()
    host.proxy.hooks.append(once_before(_write, lambda: host.cloud.add(foreign("new", 400))))
    done = host.apply(planned(*NEW))
    assert host.writes() == ["PUT interpreters", "PUT interpreters"]
    assert "new" in {rule["name"] for rule in host.cloud.rules()}
    assert "+ tcp/443 to 198.51.100.0/24  acme: web" in done["differences"]
    assert not host.apply(planned(*NEW))["changed"]


def test_another_writer_creates_the_group_first(host: AzureHost) -> None:
    host.proxy.hooks.append(once_before(_write, lambda: host.cloud.add(foreign("new", 400))))
    done = host.apply(planned(*OLD))
    assert {rule["name"] for rule in host.cloud.rules()} > {"new"}
    assert "+ network security group interpreters" not in done["differences"]
    assert host.cloud.group()
    assert "tags" not in (host.cloud.group() or {})


def test_writers_without_end_end_in_an_error(host: AzureHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    host.apply(planned(*OLD))
    host.writes()
    numbers = iter(range(3000, 4000))
    host.proxy.hooks.append(
        once_before(_write, lambda: host.cloud.add(foreign(f"r{len(host.cloud.rules())}", next(numbers))), 9)
    )
    done = host.call(plan=planned(*NEW))
    assert "changed under us 5 times in a row" in done["msg"]
    assert len(host.writes()) == 5
    assert "acme: web" not in json.dumps(host.cloud.rules())


def test_throttling_is_waited_for(host: AzureHost) -> None:
    host.proxy.hooks.append(throttle(2, [API], seconds=1))
    done = host.apply(planned(*OLD))
    assert done["changed"]
    assert done["calls"] == 4


def test_slow_operations_are_waited_for(host: AzureHost) -> None:
    host.cloud.slow = 1
    host.apply(planned(*OLD))
    assert host.cloud.actions == RULES | OPERATIONS
    assert not host.apply(planned(*OLD))["changed"]
    assert host.call(state="absent")["changed"]
    assert host.cloud.group() is None


def test_a_failed_operation_leaves_the_old_rules(host: AzureHost) -> None:
    host.apply(planned(*OLD))
    before = summary(host.cloud)
    host.cloud.fail_operations = 1
    done = host.call(plan=planned(*NEW))
    assert done.get("failed"), done
    assert not done["changed"]
    assert "whether the last request was done is not known" in done["msg"]
    assert summary(host.cloud) == before
    assert host.apply(planned(*NEW))["changed"]


def test_an_operation_that_another_one_superseded_is_done_again(host: AzureHost) -> None:
    host.apply(planned(*OLD))
    host.cloud.fail_operations, host.cloud.failure = 1, "CanceledAndSupersededDueToAnotherOperation"
    done = host.apply(planned(*NEW))
    assert "+ tcp/443 to 198.51.100.0/24  acme: web" in done["differences"]
    assert not host.apply(planned(*NEW))["changed"]


def test_a_write_whose_answer_was_lost_is_told_all_the_same(host: AzureHost) -> None:
    """The library sends it again, and the second one comes too late for the etag."""
    lost = [True]

    def lose(request: Request) -> Response | None:
        if _write(request) and lost and lost.pop():
            host.cloud.answer(request)
            return Response(503)
        return None

    host.proxy.hooks.append(lose)
    done = host.apply(planned(*OLD), subnets=["network/interpreters"])
    assert done["changed"]
    assert {
        "+ network security group interpreters",
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "+ attached to subnet network/interpreters",
    } <= set(done["differences"])
    assert len([text for text in host.writes() if text == "PUT interpreters"]) == 3
    assert len(host.cloud.rules()) == 2


def test_a_failure_between_two_writes_says_what_was_done_and_the_next_run_completes_it(host: AzureHost) -> None:
    refusal = Response(403, {"error": {"code": "AuthorizationFailed", "message": "no subnets/write for you"}})
    host.proxy.hooks.append(fail_write(2, refusal, [API]))
    done = host.call(plan=planned(*OLD), subnets=["network/interpreters"])
    assert done.get("failed"), done
    assert done["changed"]
    assert "AuthorizationFailed: no subnets/write for you; what stands in differences was done" in done["msg"]
    assert "+ tcp/443 to 203.0.113.0/25  acme: calls" in done["differences"]
    assert "+ attached to subnet network/interpreters" not in done["differences"]
    rest = host.apply(planned(*OLD), subnets=["network/interpreters"])
    assert rest["differences"] == ["+ attached to subnet network/interpreters"]


def test_a_refused_write_says_so(host: AzureHost) -> None:
    refusal = Response(403, {"error": {"code": "AuthorizationFailed", "message": "not you"}})
    host.proxy.hooks.append(fail_write(1, refusal, [API]))
    done = host.call(plan=planned(*OLD))
    assert done["msg"] == "AuthorizationFailed: not you; nothing was written"
    assert not done["changed"]


def _prefixes(count: int) -> list[str]:
    return [f"192.{number // 65536 * 2}.{number // 256 % 256}.{number % 256}" for number in range(0, 2 * count, 2)]


@pytest.mark.parametrize(("taken", "fits"), [(1, True), (2, True), (3, False)])
def test_the_limit_of_addresses_with_the_rules_of_others(host: AzureHost, taken: int, fits: bool) -> None:
    """One below, at and one above: 3,998 addresses of ours."""
    host.cloud.add(*[foreign(f"r{number}", 300 + number) for number in range(taken)])
    wanted = planned(row(", ".join(_prefixes(3998))))
    before = host.cloud.snapshot()
    done = host.call(plan=wanted)
    assert bool(done.get("failed")) is not fits
    if fits:
        assert done["units"][1] == {
            "quota": "destination addresses in the network security group",
            "before": taken,
            "after": 3998 + taken,
            "limit": 4000,
        }
    else:
        assert (
            "destination addresses in the network security group: 4,001 needed, 4,000 free, 1 too many" in done["msg"]
        )
        assert "Ways out: put the vendors into another network security group" in done["msg"]
        assert host.cloud.snapshot() == before
        assert host.writes() == []


@pytest.mark.parametrize(("taken", "fits"), [(997, True), (998, True), (999, False)])
def test_the_limit_of_rules_with_the_rules_of_others(host: AzureHost, taken: int, fits: bool) -> None:
    host.cloud.add(*[foreign(f"r{number}", 100 + number) for number in range(taken)])
    done = host.call(plan=planned(*OLD))
    assert bool(done.get("failed")) is not fits
    if not fits:
        assert "rules in the network security group: 1,001 needed, 1,000 free, 1 too many" in done["msg"]
        assert host.writes() == []


@pytest.mark.parametrize(("last", "fits"), [(2003, True), (2002, True), (2001, False)])
def test_the_limit_of_priorities_that_another_name_uses_too(host: AzureHost, last: int, fits: bool) -> None:
    host.apply(planned(row("192.0.2.0/24"), priorities="2000-2001"), name="others")
    done = host.call(plan=planned(*OLD, priorities=f"2000-{last}"))
    assert bool(done.get("failed")) is not fits
    if not fits:
        assert "priorities 2000-2001, 1 of them taken: 2 needed, 1 free, 1 too many" in done["msg"]


def test_the_stop_never_comes_before_what_another_name_allows(host: AzureHost) -> None:
    host.apply(planned(row("192.0.2.0/24"), row("192.0.2.0/24", "80", "UDP"), priorities="2998-2999"), name="others")
    done = host.call(plan=planned(*OLD, policy="deny"))
    assert "priorities 2000-2999: none is free behind 2999, which another name uses: choose a wider" in done["msg"]
    host.apply(planned(*OLD, policy="deny", priorities="2000-3000"))
    assert summary(host.cloud)[f"{MINE}.stop"][0] == 3000
    assert opened(host.cloud.rules(), "udp", "192.0.2.1", 80)


def test_a_full_range_makes_room_for_the_stop(host: AzureHost) -> None:
    host.apply(planned(*OLD, priorities="2001-2003"))
    host.cloud.change(f"{MINE}.tcp-ipv4-443", priority=2003)
    host.apply(planned(*OLD, priorities="2001-2003", policy="deny"))
    assert {name: found[0] for name, found in summary(host.cloud).items()}[f"{MINE}.stop"] == 2003
    assert opened(host.cloud.rules(), "tcp", "203.0.113.1", 443)


def test_credentials(host: AzureHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = host.call(
        plan=planned(*OLD), secret="another", client_id="c", tenant="00000000-0000-0000-0000-0000000000bb"
    )
    assert "AADSTS7000215" in wrong["msg"]
    assert wrong["msg"].endswith("nothing was written")
    known = {name: value for name, value in CREDENTIALS.items() if name != "AZURE_TOKEN_CREDENTIALS"}
    for name in known:
        monkeypatch.delenv(name)
    missing = host.call(plan=planned(*OLD))
    assert "subscription_id is missing: write it, or set AZURE_SUBSCRIPTION_ID" in missing["msg"]
    lines = [f"{key} = {known['AZURE_' + key.upper()]}" for key in ("subscription_id", "client_id", "secret", "tenant")]
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "credentials").write_text("\n".join(["[booths]", *lines]))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "profile 'none' is not in " in host.call(plan=planned(*OLD), profile="none")["msg"]
    assert host.apply(planned(*OLD), profile="booths")["changed"]
    assert known["AZURE_SECRET"] not in json.dumps(missing)


ENVIRONMENT = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "x", "AZURE_TENANT_ID": "t"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ("s", "c", "x", "t")),
        ({"client_id": "own", "secret": "own", "tenant": "own"}, ("s", "own", "own", "own")),
        ({"auth_source": "cli"}, ("s", None, None, None)),
        ({"profile": "booths"}, ("ps", "pc", "px", "pt")),
        ({"profile": "booths", "subscription_id": "own"}, ("own", "pc", "px", "pt")),
        ({"profile": "booths", "auth_source": "env"}, ("s", "c", "x", "t")),
        ({"profile": "booths", "auth_source": "credential_file"}, ("ps", "pc", "px", "pt")),
        ({"auth_source": "credential_file"}, "profile 'default' is not in "),
        ({"secret": "own", "auth_source": "cli"}, "a secret needs a client_id and a tenant too"),
        ({"profile": "short"}, "subscription_id is missing"),
    ],
)
def test_where_credentials_come_from(tmp_path: Path, params: dict[str, str], expected: tuple | str) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        "[booths]\nsubscription_id = ps\nclient_id = pc\nsecret = px\ntenant = pt\n\n[short]\nclient_id = pc\n"
    )
    given = {"auth_source": "auto", **params}
    if isinstance(expected, str):
        with pytest.raises(Refused, match=expected):
            api.credentials(given, ENVIRONMENT, str(file))
        return
    found = api.credentials(given, ENVIRONMENT, str(file))
    assert tuple(found[key] for key in ("subscription_id", "client_id", "secret", "tenant")) == expected


@pytest.mark.parametrize(
    ("environment", "api", "login"),
    [
        ("AzureUSGovernment", "management.usgovcloudapi.net", "login.microsoftonline.us"),
        ("AzureChinaCloud", "management.chinacloudapi.cn", "login.chinacloudapi.cn"),
    ],
)
def test_azures_other_clouds(host: AzureHost, environment: str, api: str, login: str) -> None:
    cloud = host.cloud
    with (
        TlsProxy({api: cloud.answer, login: cloud.sign_in}) as proxy,
        patch.dict("os.environ", proxy.environment()),
    ):
        done = AzureHost(cloud, proxy).apply(planned(*OLD), cloud_environment=environment)
        assert done["changed"]
        assert {request.host for request in proxy.requests} == {api, login}


def test_a_missing_library_is_named(host: AzureHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MISSING", "ModuleNotFoundError: No module named 'azure'")
    done = host.call(plan=planned(*OLD))
    assert "-m pip install azure-mgmt-network azure-identity" in done["msg"]


def test_a_plan_of_another_cloud_is_refused(host: AzureHost) -> None:
    told = "plan is not what the filter egress.allowlist.azure_security_group_plan returns: 'policy' is missing"
    assert host.call(plan={"rules": []})["msg"] == told
    assert "state is present but all of the following are missing: plan" in host.call()["msg"]
