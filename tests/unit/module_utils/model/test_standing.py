# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vendor's own playbook may not change, and the labels by which the vendors of a rule are known."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import joined, vendors
from ansible_collections.egress.allowlist.plugins.module_utils._model.standing import CHOICES, hindrance
from hypothesis import given
from hypothesis import strategies as st

STATE: dict[str, Any] = {
    "vendors": {"kudo"},
    "policy": "deny",
    "scope": "host",
    "sources": "",
    "names": "report",
    "allow": "",
}
BEGIN = "an allowlist is there already, which this playbook would change: "


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ({}, ""),
        (STATE, ""),
        ({**STATE, "vendors": set()}, ""),
        (
            {**STATE, "vendors": {"zoom", "eschat", "kudo"}},
            "eschat, zoom would go: to have all, run playbooks/apply.yml -e apply_backend=ufw -e "
            "apply_vendors=eschat,kudo,zoom -e ufw_egress_policy=deny -e ufw_egress_names=report with the options of "
            "each; to replace what is there, add -e apply_replace=true",
        ),
        (
            {**STATE, "policy": "audit"},
            "policy would change from audit to deny: write -e ufw_egress_policy=audit to keep it, or -e "
            "ufw_egress_policy=deny",
        ),
        (
            {**STATE, "scope": "both", "names": "resolve"},
            "scope would change from both to host: write -e ufw_egress_scope=both to keep it, or -e "
            "ufw_egress_scope=host; names would change from resolve to report: write -e "
            "ufw_egress_names=resolve to keep it, or -e "
            "ufw_egress_names=report",
        ),
        (
            {**STATE, "allow": "tcp/9100 to 192.0.2.7/32"},
            "ufw_egress_allow would change from tcp/9100 to 192.0.2.7/32 to nothing: give it as it is to be",
        ),
        ({"vendors": {"kudo"}}, ""),  # what cannot be read back cannot be compared
    ],
)
def test_what_would_change_is_told_with_the_way_out(now: dict[str, Any], text: str) -> None:
    assert hindrance(CHOICES, now, STATE, "ufw_egress") == (BEGIN + text if text else "")
    assert hindrance([], now, STATE, "ufw_egress") == ""


AUDIT = {"policy": "audit", "scope": "host", "sources": "", "names": "report", "allow": ""}


@pytest.mark.parametrize(
    ("now", "command"),
    [
        (AUDIT, "with the options of each;"),
        ({}, "with the options of each;"),
        ({**AUDIT, "policy": "unmanaged"}, "-e nftables_egress_policy=unmanaged with the options of each;"),
        (
            {**AUDIT, "policy": "deny", "allow": "ip daddr 192.0.2.7/32 tcp dport 9100 accept"},
            "-e nftables_egress_policy=deny -e nftables_egress_names=report with the options of each and "
            "nftables_egress_allow as it is (ip daddr 192.0.2.7/32 tcp dport 9100 accept);",
        ),
        (
            {**AUDIT, "scope": "both", "sources": "10.1.0.0/16, 10.2.0.0/16", "names": "dnsmasq"},
            "-e nftables_egress_scope=both -e nftables_egress_names=dnsmasq "
            "-e nftables_egress_sources=10.1.0.0/16,10.2.0.0/16 with the options of each;",
        ),
    ],
)
@pytest.mark.parametrize("wanted", [{"policy": "audit", "scope": "host"}, {"policy": "deny", "scope": "both"}])
def test_the_command_keeps_all_else(now: dict[str, Any], command: str, wanted: dict[str, Any]) -> None:
    """By itself, whatever this play was given: what is not in it would become the default."""
    wanted = {**AUDIT, **wanted, "vendors": {"eschat"}}
    told = hindrance(CHOICES, {**now, "vendors": {"kudo"}}, wanted, "nftables_egress")
    start = "kudo would go: to have all, run playbooks/apply.yml -e apply_vendors=eschat,kudo "
    assert told.startswith(f"{BEGIN}{start}{command} to replace what is there, add -e apply_replace=true")


@pytest.mark.parametrize("name", CHOICES)
def test_what_was_said_may_change(name: str) -> None:
    """Each by itself: a variable that is given, vendors by apply_replace."""
    now = {
        "vendors": {"zoom"},
        "policy": "audit",
        "scope": "both",
        "sources": "10.0.0.0/8",
        "names": "resolve",
        "allow": "tcp/1 to 192.0.2.7/32",
    }
    told = hindrance([name], now, STATE, "ufw_egress")
    assert told
    others = hindrance([each for each in CHOICES if each != name], now, STATE, "ufw_egress")
    assert told.removeprefix(BEGIN) not in others


def test_unmanaged_has_no_baseline_to_add_to() -> None:
    now = {**STATE, "allow": "tcp/9100 to 192.0.2.7/32"}
    assert hindrance(["allow"], now, {**STATE, "policy": "unmanaged"}, "ufw_egress") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kudo: media", {"kudo"}),
        ("kudo: media, kore_ai: web, zoom: a-b", {"kudo", "kore_ai", "zoom"}),
        ("kudo media, zoom meetings", {"kudo", "zoom"}),
        ("kudo, zoom", {"kudo", "zoom"}),
        ("kudo: media and 3 more", {"kudo"}),
        ("kudo, zoom and 3 more", {"kudo", "zoom"}),
        ("baseline DNS", set()),
        ("egress stop", set()),
        ("aws_egress_allow: baseline", {"aws_egress_allow"}),
        ("", set()),
    ],
)
def test_vendors_of_a_label(text: str, found: set[str]) -> None:
    assert vendors([text]) == found


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
LABELS = st.lists(st.tuples(NAMES, NAMES).map(": ".join), unique=True, max_size=40)


@given(LABELS, st.integers(140, 400))
def test_a_label_that_is_cut_names_all_vendors_that_go_in(labels: list[str], room: int) -> None:
    asked = {label.partition(":")[0] for label in labels} - {"and", "baseline", "egress"}
    text = joined(labels, room)
    assert len(text) <= room
    assert vendors([text]) <= asked
    if len(", ".join(asked)) + len(" and 40 more") <= room or len(", ".join(labels)) <= room:
        assert vendors([text]) == asked
