# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happened to a group, a run leaves it as a first run would, and shuts nothing that stays wanted."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.azure.rules import whose
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.support.azure.cloud import API, GROUP_ID, foreign
from tests.support.azure.contract import Outbound
from tests.support.azure.host import AzureHost, azure, planned
from tests.support.rules import row
from tests.support.systems import LONG
from tests.support.tls_proxy import Hook, Request, Response, fail_write, once_before, throttle

MINE = "egress-allowlist"
NETWORKS = ["192.0.2.0/28", "192.0.2.0/27", "192.0.2.16/28", "198.51.100.7/32", "2001:db8::/64", "2001:db8::/63"]
PACKETS = [  # inside and outside each of them
    *((4, address) for address in (0xC0000201, 0xC0000211, 0xC0000231, 0xC6336407, 0xC6336408)),
    *((6, (0x20010DB8 << 96) + (net << 64) + 1) for net in (0, 1, 2)),
]
PORTS = ["443", "443-444", "80"]
SELECTIONS = st.lists(
    st.tuples(st.sampled_from(["TCP", "UDP"]), st.sampled_from(PORTS), st.sampled_from(NETWORKS)),
    min_size=1,
    max_size=6,
    unique=True,
)
POLICIES = st.sampled_from(["deny", "deny", "unmanaged"])
FAULTS = st.sampled_from([None, None, "fail", "throttle", "rival", "operation"])
APPLY = st.tuples(st.just("apply"), SELECTIONS, POLICIES, FAULTS)
# Somebody else adds a rule of theirs, takes one of ours, or changes one of ours in place.
OTHERS = st.tuples(st.sampled_from(["add", "take", "change", "move"]), st.integers(0, 20))
SEQUENCES = st.lists(st.one_of(APPLY, APPLY, OTHERS, st.just(("absent",))), min_size=2, max_size=6)


def wanted_of(selection: list[tuple[str, str, str]], policy: str) -> dict[str, Any]:
    return planned(*[row(network, ports, protocol) for protocol, ports, network in selection], policy=policy)


def open_packets(rules: list[dict[str, Any]]) -> set[tuple[str, int, int, int]]:
    outbound = Outbound(rules)
    return {
        (protocol, version, address, port)
        for protocol in ("tcp", "udp")
        for version, address in PACKETS
        for port in (80, 443, 444, 445)
        if outbound.lets_out(protocol, version, address, port)
    }


def meaning(host: AzureHost) -> list[str]:
    """Return our rules without their priorities, which depend on what was there before."""
    return sorted(
        json.dumps({**rule, "properties": {**rule["properties"], "priority": rule["properties"]["access"]}})
        for rule in (plain(rule) for rule in host.cloud.rules())
        if whose(rule) == MINE
    )


def plain(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule without empty lists, and with those that are not empty in one order."""
    properties = {
        key: sorted(value) if isinstance(value, list) else value
        for key, value in sorted(rule["properties"].items())
        if value != []
    }
    return {"name": rule["name"], "properties": properties}


def theirs(host: AzureHost) -> list[dict[str, Any]]:
    found = [plain(rule) for rule in host.cloud.rules() if whose(rule) != MINE]
    return sorted(found, key=lambda rule: rule["name"])


def meddle(host: AzureHost, how: str, number: int) -> None:
    """Do what somebody else does in the portal."""
    ours = [rule for rule in host.cloud.rules() if whose(rule) == MINE]
    if how == "add":
        if not any(rule["name"] == f"theirs{number}" for rule in host.cloud.rules()):
            host.cloud.add(foreign(f"theirs{number}", 3000 + number))
    elif ours:
        chosen = ours[number % len(ours)]["name"]
        if how == "take":
            group = copy.deepcopy(host.cloud.group())
            assert group
            rules = group["properties"]["securityRules"]
            group["properties"]["securityRules"] = [rule for rule in rules if rule["name"] != chosen]
            host.cloud.put(GROUP_ID, group)
        elif how == "change":
            host.cloud.change(chosen, sourceAddressPrefix="10.0.0.0/8")
        else:
            taken = {rule["properties"]["priority"] for rule in host.cloud.rules()}
            host.cloud.change(chosen, priority=min({*range(1000 + number, 1100)} - taken))


def arm(host: AzureHost, fault: str | None) -> list[Hook]:
    """Make the next run a bad one."""
    if fault == "fail":
        return [fail_write(1, Response(403, {"error": {"code": "AuthorizationFailed", "message": "no"}}), [API])]
    if fault == "throttle":
        return [throttle(1, [API], status=429)]
    if fault == "rival":
        return [once_before(lambda request: request.writes and request.host == API, lambda: meddle(host, "add", 21))]
    if fault == "operation":
        host.cloud.fail_operations = 1
    return []


def apply(host: AzureHost, selection: list, policy: str, fault: str | None) -> None:
    """Run once with a fault and, if that failed, once more without; look at the group at every request."""
    wanted = wanted_of(selection, policy)
    with azure() as fresh:
        fresh.apply(wanted)
        right, fine = meaning(fresh), open_packets([rule for rule in fresh.cloud.rules() if whose(rule) == MINE])
    others = theirs(host)
    # Everything is open before the first deny: only what rules of ours say is compared.
    stays = open_packets(host.cloud.rules()) & fine
    shut: list[Any] = []

    def look(_request: Request) -> None:
        shut.extend(stays - open_packets(host.cloud.rules()))

    host.proxy.hooks[:] = [*arm(host, fault), look]
    done = host.call(plan=wanted)
    assert bool(done.get("failed")) <= (fault in ("fail", "operation")), done
    event(f"{fault}: {'failed' if done.get('failed') else 'done'}")
    host.cloud.fail_operations = 0
    if done.get("failed"):
        host.apply(wanted)
    look(Request("GET", API, "", {}, {}, b""))
    host.proxy.hooks.clear()
    assert not shut
    assert meaning(host) == right
    new = [rule for rule in theirs(host) if rule not in others]
    assert [rule for rule in theirs(host) if rule in others] == others
    assert [rule["name"] for rule in new] in ([], ["theirs21"])
    host.writes()
    again = host.apply(wanted)
    assert not again["changed"]
    assert host.writes() == []


@pytest.mark.sized
@given(SEQUENCES)
@settings(max_examples=150 if LONG else 8)
def test_any_sequence_ends_as_a_first_run(sequence: list) -> None:
    with azure() as host:
        for step in sequence:
            if step[0] == "apply":
                apply(host, *step[1:])
            elif step[0] == "absent":
                others = theirs(host)
                host.call(state="absent")
                assert meaning(host) == []
                assert theirs(host) == others
                assert not host.call(state="absent")["changed"]
            else:
                meddle(host, *step)
