# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying again, in check mode, over somebody's changes, beside other tables."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.hosts.nftables import BOOT, LOADER, Host, native, normalised, uncounted
from tests.support.hosts.other_tables import OTHERS
from tests.support.playbooks import PLAYBOOK
from tests.support.rules import NEW, OLD, row

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.mark.parametrize("policy", ["unmanaged", "audit", "deny"])
@pytest.mark.parametrize("scope", ["host", "gateway", "both"])
def test_a_second_run_changes_nothing(host: Host, policy: str, scope: str) -> None:
    timers = [{"vendor": "acme", "services": ["calls"], "protocol": "tcp", "seconds": 720, "printed": "12 min"}]
    ruleset = native(
        *OLD,
        row("203.0.113.128/25", "1-65535"),
        timers=timers,
        policy=policy,
        scope=scope,
        sources=[] if scope == "host" else ["198.18.0.0/15", "2001:2::/48"],
        stopped="drop",
        allow=[{"destination": "192.0.2.128/25", "ports": "5671, 8000-8010", "protocol": "TCP/UDP"}],
        ntp_servers=["192.0.2.1", "2001:db8::1"],
    )
    first = host.apply(ruleset, after=600)
    assert (first["changed"], first["armed"]) == (True, True)
    assert host.confirm(first)["changed"] is False
    rules, files = host.rules(counts=True), host.files()
    for check in (True, False):
        again = host.apply(ruleset, after=600, check=check)
        assert (again["changed"], again["armed"], again["differences"]) == (False, False, [])
    assert (host.rules(counts=True), host.files()) == (rules, files)


@pytest.mark.parametrize("live", ["nothing", "old", "drifted"])
def test_check_mode_tells_the_same_and_changes_nothing(host: Host, live: str) -> None:
    host.load(OTHERS)
    if live != "nothing":
        host.apply(native(*OLD))
    if live == "drifted":
        host.load('add element inet egress_allowlist allowed4_tcp_443 { 8.8.8.8 : "acme/calls" }')
    rules, files = host.rules(counts=True), host.files()
    wanted = native(*NEW, policy="deny", names="report")
    told = host.apply(wanted, check=True)
    assert (host.rules(counts=True), host.files()) == (rules, files)
    done = host.apply(wanted)
    assert told["changed"]
    assert done["changed"]
    assert told["differences"] == done["differences"] != []
    assert told["diff"] == done["diff"]
    removed = host.module(state="absent", check=True)
    assert host.module(state="absent")["differences"] == removed["differences"] != []


def test_the_difference_is_in_the_users_words(host: Host) -> None:
    first = host.apply(native(*OLD))
    assert first["differences"][:3] == [
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "+ udp/10000-60000 to 2001:db8::/64  acme: media",
        "+ tcp/80 to 192.0.2.7  acme: web",
    ]
    second = host.apply(native(*NEW, policy="deny", stopped="drop"))
    assert second["differences"] == [
        "+ udp/3478 to 198.51.100.0/24  acme: calls",
        "+ udp/10000-60000 to 2001:db8::/63  acme: media",
        "- udp/10000-60000 to 2001:db8::/64  acme: media",
        "- tcp/80 to 192.0.2.7  acme: web",
        "~ policy: audit -> deny",
        "~ stopped: none -> drop",
    ]
    shared = host.apply(
        native(*NEW, row("203.0.113.0/25", vendor="zenith", service="sip"), policy="deny", stopped="drop")
    )
    assert shared["differences"] == [
        "- tcp/443 to 203.0.113.0/25  acme: calls",
        "+ tcp/443 to 203.0.113.0/25  acme: calls, zenith: sip",
    ]


def test_many_who_ask_for_one_destination(host: Host) -> None:
    services = [f"{'s' * 14}{number:02}" for number in range(12)]
    rows = [*(row("203.0.113.0/24", service=service) for service in services), row("203.0.113.0/24", vendor="zoom2")]
    rows += [row("198.51.100.0/24", service="s" * 110), row("198.51.100.0/24", vendor="zoom2")]
    done = host.apply(native(*rows, policy="audit"))
    shown = {line.rpartition("  ")[0]: line.rpartition("  ")[2] for line in done["differences"] if "tcp/443" in line}
    first, second = shown["+ tcp/443 to 203.0.113.0/24"], shown["+ tcp/443 to 198.51.100.0/24"]
    assert first.startswith("acme: ssssssssssssss00, ")
    assert first.endswith(", zoom2: calls and 8 more")
    assert second == "acme, zoom2: calls and 1 more"
    assert not host.apply(native(*rows, policy="audit"))["changed"]
    gone = host.apply(native(row("203.0.113.0/24", vendor="zoom2"), policy="audit"))["differences"]
    assert f"- tcp/443 to 203.0.113.0/24  {first}" in gone


def test_a_wide_ipv6_prefix_is_not_taken_for_an_address(host: Host) -> None:
    done = host.apply(native(row("2001:db8::/32"), row("2001:db9::", "80"), row("192.0.2.1", "80")))
    assert done["differences"][:3] == [
        "+ tcp/80 to 192.0.2.1  acme: calls",
        "+ tcp/443 to 2001:db8::/32  acme: calls",
        "+ tcp/80 to 2001:db9::  acme: calls",
    ]


TABLE = "inet egress_allowlist"
SET_BACK = "changed on the host since, set back"
DRIFTS = {
    "element added": (
        f'add element {TABLE} allowed4_tcp_443 {{ 8.8.8.8 : "acme/calls" }}',
        "- tcp/443 to 8.8.8.8  acme: calls",
    ),
    "element removed": (
        f"delete element {TABLE} allowed4_tcp_80 {{ 192.0.2.7 }}",
        "+ tcp/80 to 192.0.2.7  acme: web",
    ),
    "map emptied": (f"flush map {TABLE} allowed6_udp_10000-60000", "+ udp/10000-60000 to 2001:db8::/64  acme: media"),
    "name server added": (f"add element {TABLE} dns4 {{ 8.8.8.8 }}", f"~ set dns4: {SET_BACK}"),
    "rule added": (f"insert rule {TABLE} output ip daddr 8.8.8.8 accept", f"~ chain output: {SET_BACK}"),
    "rules removed": (f"flush chain {TABLE} egress", f"~ chain egress: {SET_BACK}"),
    "policy": (f"chain {TABLE} output {{ policy drop; }}", f"~ chain output: {SET_BACK}"),
    "chain added": (
        f"add chain {TABLE} mine {{ type filter hook output priority -1; policy drop; }}",
        f"~ chain mine: {SET_BACK}",
    ),
    "set added": (f"add set {TABLE} mine {{ type ipv4_addr; }}", f"~ set mine: {SET_BACK}"),
    "table deleted": (f"delete table {TABLE}", "+ tcp/443 to 203.0.113.0/25  acme: calls"),
    "table asleep": (
        f"table {TABLE} {{ flags dormant; }}",
        f"~ table {TABLE}: switched off on the host since, set back",
    ),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_somebody_changed_is_shown_and_mended(host: Host, drift: str) -> None:
    change, line = DRIFTS[drift]
    wanted = native(*OLD, policy="deny")
    host.apply(wanted)
    good = host.rules()
    host.load(change)
    assert host.rules() != good
    assert line in host.apply(wanted, check=True)["differences"]
    mended = host.apply(wanted)
    assert line in mended["differences"]
    assert host.rules() == good
    assert host.apply(wanted)["changed"] is False


def test_files_that_somebody_changed_are_mended(host: Host) -> None:
    wanted = native(*OLD)
    host.apply(wanted)
    files, good = host.files(), host.rules()
    host.shell(f"rm {LOADER}")
    assert host.apply(wanted)["differences"] == [f"~ {LOADER}: removed on the host since, set back"]
    host.shell(f"echo exit >> {LOADER}")
    assert host.apply(wanted)["differences"] == [f"~ {LOADER}: changed on the host since, set back"]
    host.shell(f"sed -i s/192.0.2.7/192.0.2.8/ {BOOT}")
    assert host.apply(wanted)["changed"] is True
    host.shell(f"rm {BOOT}")
    assert host.apply(wanted)["changed"] is True
    assert host.rules() == good
    assert len(host.files()) == len(files)
    assert host.apply(wanted)["changed"] is False


def test_other_tables_are_as_they_were(host: Host) -> None:
    host.load(OTHERS)
    host.load("add element inet filter blocked { 192.0.2.66 timeout 12h }")
    others = others_of(host)
    assert "DOCKER" in others
    assert "192.0.2.66" in others
    for ruleset in (
        native(*OLD, policy="deny"),
        native(*NEW, policy="audit", scope="both"),
        native(*NEW, policy="unmanaged"),
    ):
        host.confirm(host.apply(ruleset, after=600))
        assert others_of(host) == others
    host.remove()
    assert others_of(host) == others


def others_of(host: Host) -> str:
    """Return all tables but ours, with handles and counts; only the time that is left of an element passes."""
    tables = [line for line in host.shell("nft list tables").splitlines() if "egress_allowlist" not in line]
    listed = "\n".join(host.shell(f"nft -a list {table}") for table in tables)
    return "\n".join(line.partition(" expires ")[0] for line in listed.splitlines())


def test_refusals_name_what_is_wrong(host: Host) -> None:
    broken = native(*OLD)
    broken["ruleset"] = broken["ruleset"].replace("jump baseline", "jump nowhere")
    host.apply(native(*NEW))
    rules, files = host.rules(), host.files()
    failed = host.module(ruleset=broken, revert_after=600)
    assert failed.get("failed"), failed
    assert "nft refused" in failed["msg"]
    assert "the rules are the old ones" in failed["msg"]
    assert (host.rules(), host.files()) == (rules, files)
    assert "revert_after" in host.module(ruleset=native(*OLD), revert_after=-1)["msg"]
    assert (host.rules(), host.files()) == (rules, files)


def test_listings_are_compared_by_meaning() -> None:
    one = "table ip a {\n\tset x {\n\t\telements = { 1.1.1.1,\n\t\t\t     2.2.2.2 }\n\t}\n}\ntable ip b {\n}\n"
    other = "table ip b {\n}\ntable ip a {\n\tset x {\n\t\telements = { 2.2.2.2, 1.1.1.1 }\n\t}\n}\n"
    assert normalised(one) == normalised(other) != normalised(other.replace("2.2.2.2", "2.2.2.3"))
    assert uncounted("packets 1 bytes 2") == uncounted("packets 3 bytes 4")


def test_the_role_twice_and_in_check_mode(host: Host) -> None:
    assert (
        play(
            host, "apply_kudo", "-e", "kudo_regions=usa", "-e", "nftables_egress_policy=deny", "--check", "--diff"
        ).returncode
        == 0
    )
    assert host.rules() == ""
    first = play(host, "apply_kudo", "-e", "kudo_regions=usa", "-e", "nftables_egress_policy=deny", "--diff")
    assert "+ udp/3478 to " in first.stdout
    assert "changed=0" not in first.stdout
    second = play(host, "apply_kudo", "-e", "kudo_regions=usa", "-e", "nftables_egress_policy=deny")
    assert "changed=0" in second.stdout
    assert "changed=0" not in play(host, "remove").stdout
    assert host.rules() == ""


@pytest.mark.long
def test_a_diff_and_the_summary_say_why_what_is_wide_is_open(host: Host) -> None:
    given = (
        "apply_eschat",
        "-e",
        "eschat_signaling_port=7400",
        "-e",
        "eschat_ios=true",
        "-e",
        "eschat_data_ports=4201",
    )
    for mode in (["--check"], []):
        printed = play(host, *given, "--diff", *mode).stdout
        shown, summary = printed.split("TASK [egress.allowlist.nftables : Summarise]")
        assert "+ tcp/80 to 17.0.0.0/8  eschat: apns" in shown
        for said in (shown, " ".join(summary.split())):
            assert "eschat: apns: row 1: 17.0.0.0/8 is open because: printed so: Apple sends its push" in said
            assert "addresses are open because: with ios the whole network of Apple" in said
    again = play(host, *given, "--diff").stdout
    assert "changed=0" in again
    assert "is open because" not in again.split("Summarise]")[0]


def play(host: Host, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook against the host, as a user would."""
    variables = [
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        "-e",
        "ansible_become=false",
        "-e",
        "nftables_egress_names=report",
    ]
    done = host.space.run(
        [PLAYBOOK, f"playbooks/{name}.yml", "-i", "localhost,", "-c", "local", *variables, *arguments]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
