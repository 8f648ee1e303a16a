# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ufw beside the real one: same files, same kernel, and the user's own rules untouched."""

from __future__ import annotations

import ipaddress
import re

import pytest

from tests.support.hosts.ufw import DEFAULTS, OLD, USER4, USER6, Host, alone, comments, native
from tests.support.rules import NEW, row
from tests.support.systems import LONG, play

pytestmark = pytest.mark.usefixtures("namespaces")

LAN = ["10.1.0.0/16", "fd00:1::/64"]
SET_BACK = "changed on the host since, set back"
# Each changes what the one before left: default policies in all directions, places, actions.
STEPS = {
    "unmanaged": native(*OLD),
    "deny": native(*NEW, policy="deny", allow=[{"destination": "10.5.0.0/16", "ports": "5671"}]),
    "deny both, rejected": native(*OLD, *NEW, policy="deny", scope="both", stopped="reject"),
    "deny what a network sends": native(*NEW, policy="deny", scope="gateway", sources=LAN, stopped="reject"),
    "unmanaged again": native(*NEW, row("192.0.2.99", "1-9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41")),
}


FEW = {
    "bookworm": ["deny", "deny both, rejected", "unmanaged again"],
    "trixie": ["deny what a network sends"],
}


@pytest.mark.sized
def test_as_ufw_itself_would_have_it(each: Host) -> None:
    """After each step a reload by ufw changes neither the kernel nor, though it rewrites them, the files."""
    texts, kernel, files = each.texts(), each.kernel(), each.files()
    for name in STEPS if LONG else FEW[each.suite]:
        rules = STEPS[name]
        foreseen = each.apply(rules, check=True)
        before = each.kernel(), each.files()
        applied = each.apply(rules)
        assert applied["differences"] == foreseen["differences"], name
        assert applied["changed"], name
        made = each.kernel(), each.texts(), each.files()
        assert (made[0], made[2]) != before, name
        each.shell("ufw reload")
        assert each.texts() == made[1], name
        assert each.kernel() == made[0], name
        assert each.apply(rules)["changed"] is False, name
    assert each.module(state="absent")["changed"]
    assert (each.texts(), each.kernel()) == (texts, kernel)
    assert each.files() == files
    assert each.module(state="absent")["changed"] is False


def test_rules_that_ufw_deletes_come_back_in_their_place(each: Host) -> None:
    each.apply(native(*OLD, *NEW))
    made, status = each.texts(), each.status()
    assert "acme calls (egress.allowlist)" in comments(status)
    assert "my ssh" in comments(status)
    each.shell("ufw delete allow out proto tcp to 203.0.113.0/25 port 443")
    number = re.findall(r"^\[ ?(\d+)\] .*acme web", status, re.MULTILINE)[0]
    each.shell(f"ufw --force delete {number}")
    mended = each.apply(native(*OLD, *NEW))
    assert mended["differences"] == [
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "+ tcp/80,8443-8445 to 192.0.2.7  acme: web",
    ]
    assert (each.texts(), each.status()) == (made, status)
    each.remove()


DRIFTS = {
    "iptables -F ufw-user-output": [f"~ ufw-user-output: {SET_BACK}"],
    "iptables -P OUTPUT ACCEPT": [f"~ policy of OUTPUT: {SET_BACK}"],
    "ip6tables -I ufw6-user-output -j DROP": [f"~ ufw6-user-output: {SET_BACK}"],
    "iptables -A ufw-skip-to-policy-output -j RETURN": [f"~ ufw-skip-to-policy-output: {SET_BACK}"],
    f"sed -i 's/203.0.113.0/203.0.113.128/' {USER4}": [
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "- tcp/443 to 203.0.113.128/25  acme: calls",
        f"~ ufw-user-output: {SET_BACK}",
    ],
    "ufw default allow outgoing": ["~ default outgoing policy: allow -> deny"],
    "ufw allow 99/tcp; ufw insert 1 allow 98/tcp; ufw delete allow 98/tcp; ufw delete allow 99/tcp": [],
}
if LONG:
    DRIFTS |= {"ufw logging medium": [], "ufw disable; ufw --force enable": []}


@pytest.mark.sized
def test_what_somebody_changed_is_shown_and_mended(host: Host) -> None:
    wanted = native(*OLD, policy="deny")
    host.apply(wanted)
    kernel, texts = host.kernel(), host.texts()
    for change, lines in DRIFTS.items():
        host.shell(change)
        assert host.apply(wanted, check=True)["differences"] == lines, change
        mended = host.apply(wanted)
        assert mended["differences"] == lines, change
        assert mended["changed"] is bool(lines), change
        assert host.apply(wanted)["changed"] is False
        if "logging" in change:
            host.shell("ufw logging low")
        assert host.texts() == texts, change
        assert set(host.kernel()) ^ set(kernel) <= {line for line in host.kernel() if "limit" in line}, change


def test_disjoint_rules_of_an_earlier_version_become_the_least_list(host: Host) -> None:
    """Once: the next run changes nothing."""
    media, web = ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("198.51.100.77/32")
    wanted = native(row(str(media), "3478", "UDP", "media"), row(str(web), service="web"))
    cut = [str(part).removesuffix("/32") for part in (web, *media.address_exclude(web))]
    former = [f"allow udp 3478 {part} any 0.0.0.0/0 out # acme media" for part in cut]
    host.apply({**wanted, "rules": [*former, wanted["rules"][1]]})
    applied = host.apply(wanted)
    assert sorted(applied["differences"]) == sorted(
        [f"- udp/3478 to {part}  acme: media" for part in cut] + [f"+ udp/3478 to {media}  acme: media"]
    )
    assert len(wanted["rules"]) == host.texts()[USER4].count(b"acme ".hex()) == 2
    assert host.apply(wanted)["changed"] is False
    host.remove()


def test_the_user_s_own_identical_rule_is_not_taken_over(host: Host) -> None:
    host.shell("ufw allow out proto tcp to 203.0.113.0/25 port 443 comment mine")
    before = host.texts()
    applied = host.apply(native(row("203.0.113.0/25"), row("198.51.100.0/24")))
    assert applied["differences"] == ["+ tcp/443 to 198.51.100.0/24  acme: calls"]
    host.remove()
    assert host.texts() == before
    host.shell("ufw delete allow out proto tcp to 203.0.113.0/25 port 443")


def test_the_block_stays_where_it_is_unless_it_must_be_first(host: Host) -> None:
    host.apply(native(*OLD))
    host.shell("ufw deny out to 203.0.113.0/26")
    applied = host.apply(native(*NEW))
    assert order(host) == ["my ssh", "", "", "", "", "", "acme calls", "acme calls", ""]
    assert applied["notes"] == []
    host.shell("ufw delete deny out to 203.0.113.0/26; ufw insert 1 deny out to 203.0.113.0/26")
    noted = host.apply(native(*NEW))
    assert noted["changed"] is False
    assert noted["notes"] == [
        "your rule 'deny out to 203.0.113.0/26' stands before ours and stops some of what they allow, "
        "such as tcp/443 to 203.0.113.0/25  acme: calls: delete it, or set ufw_egress_place to first"
    ]
    moved = host.apply(native(*NEW, place="first"))
    assert moved["differences"] == ["~ our rules in their order"]
    assert moved["notes"] == []
    assert order(host)[:3] == ["acme calls", "acme calls", ""]
    host.shell("ufw delete deny out to 203.0.113.0/26")


def test_rules_of_the_user_that_make_a_difference_are_named(host: Host) -> None:
    host.shell("ufw reject out proto tcp to any port 25; ufw allow out on lan0; ufw route allow in on lan0 out on wan0")
    notes = {scope: host.apply(native(*OLD, policy="deny", scope=scope))["notes"] for scope in ("host", "gateway")}
    lead = "rules of yours let out more than the allowlist: "
    told = {scope: [note for note in found if note.startswith(lead)] for scope, found in notes.items()}
    assert told == {
        "host": [
            f"{lead}'allow out on eth0 to 10.1.1.1', 'allow out on lan0 to any', "
            "'allow out to 2001:db8:ffff::/48 port 53'"
        ],
        "gateway": [
            f"{lead}'route allow in on eth1 out on eth2 to 10.9.0.0/16 port 80 proto tcp', "
            "'route allow in on lan0 out on wan0 to any'"
        ],
    }
    before = [note for note in notes["gateway"] if " before any rule of the allowlist is asked: " in note]
    assert [note.split()[2] for note in before] == ["ufw-before-forward", "ufw6-before-forward"]
    assert all(name in note for name, note in zip(("-p icmp", "-p ipv6-icmp"), before, strict=True))
    assert host.apply(native(*OLD))["notes"] == []
    host.shell("ufw delete reject out proto tcp to any port 25; ufw delete allow out on lan0")
    host.shell("ufw route delete allow in on lan0 out on wan0")


def order(host: Host) -> list[str]:
    """Return the comments of the rules for IPv4, '' for a rule without."""
    found = re.findall(r"^### tuple ### .*?(?: comment=(\w+))?$", host.read(USER4), re.MULTILINE)
    return [bytes.fromhex(comment).decode().replace(" (egress.allowlist)", "") for comment in found]


def test_stops_stay_behind_what_the_user_adds(host: Host) -> None:
    wanted = native(*OLD, policy="deny", scope="gateway", sources=LAN)
    host.apply(wanted)
    host.shell("ufw route allow from 10.1.2.3 to 192.0.2.200")
    changed = host.apply(wanted)
    assert changed["differences"] == ["~ our rules in their order"]
    forwarded = [line for line in host.kernel() if "iptables -A ufw-user-forward " in line and line[0] != "p"]
    assert forwarded[-1].endswith("-s 10.1.0.0/16 -j DROP")
    assert host.apply(wanted)["changed"] is False
    host.shell("ufw route delete allow from 10.1.2.3 to 192.0.2.200")


def test_a_default_policy_that_the_user_changed_since_stays(host: Host) -> None:
    before = host.texts()
    host.apply(native(*OLD, policy="deny"))
    host.shell(f"sed -i /^DEFAULT_OUTPUT/s/DROP/REJECT/ {DEFAULTS}")
    gone = host.module(state="absent")
    assert "~ default outgoing policy: reject -> allow" not in gone["differences"]
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in host.read(DEFAULTS)
    assert "egress" not in host.read(DEFAULTS)
    host.shell("ufw default allow outgoing; ufw reload")
    assert host.texts() == before


def test_refusals_name_what_is_wrong(host: Host) -> None:
    host.apply(native(*NEW))
    before = host.kernel(), host.files()
    broken = native(*OLD)
    broken["rules"][0] = broken["rules"][0].replace(" 80,", " 80,99999,")
    failed = host.module(rules=broken, revert_after=600)
    assert failed.get("failed"), failed
    assert "iptables refuses the rules" in failed["msg"]
    assert "the rules are the old ones" in failed["msg"]
    assert "revert_after" in host.module(rules=native(*OLD), revert_after=-1)["msg"]
    assert (host.kernel(), host.files()) == before
    host.shell(f"cp -p {USER6} /tmp/user6; echo nonsense > {USER6}")
    failed = host.module(rules=native(*OLD))
    assert f"{USER6} is not a file of ufw's rules; the rules are the old ones" == failed["msg"]
    host.shell(f"cp -p /tmp/user6 {USER6}")


def test_inactive_ufw_is_written_and_not_enabled() -> None:
    with alone("bookworm", enabled=False, users="") as host:
        before = host.texts()
        kernel = host.kernel()
        wanted = native(*OLD, policy="deny")
        applied = host.apply(wanted, after=600)
        assert applied["changed"]
        assert applied["armed"] is False
        assert applied["notes"][-1] == "ufw is inactive: nothing is filtered until 'ufw enable'"
        assert host.kernel() == kernel
        assert host.apply(wanted)["changed"] is False
        host.remove()
        assert host.texts() == before
        host.apply(wanted)
        host.shell("ufw --force enable")
        enabled = host.apply(wanted)
        assert enabled["changed"] is False
        assert "acme calls (egress.allowlist)" in comments(host.status())
        host.shell(f"sed -i s/^IPV6=yes/IPV6=no/ {DEFAULTS}")
        without = host.apply(wanted)
        assert "- udp/3478,10000-60000 to 2001:db8::/64  acme: media" in without["differences"]
        assert any("IPV6=no" in note for note in without["notes"])
        host.shell("ufw disable")


@pytest.mark.long
def test_the_role_twice_and_in_check_mode(host: Host) -> None:
    def run(name: str, *arguments: str) -> str:
        chosen = [
            "-e",
            "apply_backend=ufw",
            "-e",
            "kudo_regions=usa",
            "-e",
            "ansible_become=false",
            "-e",
            "ufw_egress_names=report",
        ]
        done = play(host.space, f"playbooks/{name}.yml", *chosen, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    before = host.texts()
    run("apply_kudo", "-e", "ufw_egress_policy=deny", "--check", "--diff")
    assert host.texts() == before
    first = run("apply_kudo", "-e", "ufw_egress_policy=deny", "--diff")
    assert "+ udp/3478 to " in re.sub(r"tcp/443", "", first)
    assert "changed=0" not in first
    assert "kudo media (egress.allowlist)" in comments(host.status())
    assert "changed=0" in run("apply_kudo", "-e", "ufw_egress_policy=deny")
    assert "changed=0" not in run("remove")
    assert host.texts() == before
