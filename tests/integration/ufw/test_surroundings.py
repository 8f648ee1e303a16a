# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw cannot stop on a host: what others' rules let through, and IPv6 where it is switched off."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.ends import connects, listen, neighbour
from tests.support.hosts.ufw import DEFAULTS, Host, alone, native
from tests.support.namespaces import Namespace
from tests.support.packets import SOURCES, TCP, World, gateway_world
from tests.support.rules import row
from tests.support.systems import enable_ufw, play, system

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("203.0.113.0/28"), row("2001:db8::/64")]
OTHER = [(TCP, 4, 0xC6336401, 443), (TCP, 6, (0x20010DB8 << 96) + (1 << 64), 443)]
LEAD = "rules of others stand "
# As two versions of Docker insert them, the newest on top; the client's side is the bridge of its containers.
OLD = """
iptables -N DOCKER; iptables -N DOCKER-USER; iptables -N DOCKER-ISOLATION-STAGE-1; iptables -A DOCKER-USER -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -I FORWARD -i inside0 -o inside0 -j ACCEPT; iptables -I FORWARD -i inside0 ! -o inside0 -j ACCEPT
iptables -I FORWARD -o inside0 -j DOCKER
iptables -I FORWARD -o inside0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -I FORWARD -j DOCKER-ISOLATION-STAGE-1; iptables -I FORWARD -j DOCKER-USER
"""
NEWER = """
for tool in iptables ip6tables; do
    for chain in DOCKER DOCKER-USER DOCKER-FORWARD DOCKER-CT DOCKER-BRIDGE; do $tool -N $chain; done
    $tool -A DOCKER-CT -o inside0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tool -A DOCKER-BRIDGE -o inside0 -j DOCKER
    $tool -A DOCKER-FORWARD -j DOCKER-CT; $tool -A DOCKER-FORWARD -j DOCKER-BRIDGE
    $tool -A DOCKER-FORWARD -i inside0 -j ACCEPT
    $tool -I FORWARD -j DOCKER-FORWARD; $tool -I FORWARD -j DOCKER-USER
done
"""
REMEDY = "; stop packets of containers in the chain DOCKER-USER, or by the backend nftables"
BEFORE = "before ufw's in the chain FORWARD of"
THROUGH = "what they let through is forwarded, whatever ufw stops"


@pytest.fixture
def gateway() -> Iterator[tuple[Host, World]]:
    with gateway_world(system("bookworm")) as world:
        enable_ufw(world.host)
        yield Host(world.host), world


@pytest.mark.long
@pytest.mark.parametrize(
    ("rules", "told", "passing"),
    [
        (OLD, [f"{BEFORE} iptables (-i inside0 ! -o inside0 -j ACCEPT, -i inside0 -o inside0 -j ACCEPT): {THROUGH}"],
         [True, False]),
        (NEWER, [f"{BEFORE} {tool} (-j DOCKER-FORWARD): {THROUGH}{REMEDY}" for tool in ("iptables", "ip6tables")],
         [True, True]),
        ("iptables -I FORWARD -s 198.18.1.0/24 -j ACCEPT",
         [f"{BEFORE} iptables (-s 198.18.1.0/24 -j ACCEPT): {THROUGH}"], [True, False]),
        ("ip6tables -N mine; ip6tables -N theirs; ip6tables -A mine -p tcp -g theirs; ip6tables -A theirs -j ACCEPT;"
         "ip6tables -I FORWARD -j mine",
         [f"{BEFORE} ip6tables (-j mine): {THROUGH}"], [False, True]),
        ("iptables -I FORWARD -m state --state ESTABLISHED -j ACCEPT; iptables -I FORWARD -j DROP -s 10.0.0.0/8", [],
         [False, False]),
    ],
    ids=["old Docker", "newer Docker", "a rule", "a chain", "no new ones"],
)  # fmt: skip
def test_rules_before_ufw(gateway: tuple[Host, World], rules: str, told: list[str], passing: list[bool]) -> None:
    host, world = gateway
    host.shell(rules)
    for options in ({"scope": "gateway"}, {"scope": "both"}, {"scope": "gateway", "sources": SOURCES}):
        notes = host.apply(native(*ROWS, policy="deny", **options))["notes"]
        assert [note[len(LEAD) :] for note in notes if note.startswith(LEAD)] == told
        assert world.probe(OTHER) == passing
    notes = host.apply(native(*ROWS, policy="deny", scope="host"))["notes"]
    assert not any(note.startswith(LEAD) for note in notes)
    assert any(note.startswith("this host forwards packets between its networks (inside0, outside0)") for note in notes)


def test_rules_behind_ufw(gateway: tuple[Host, World]) -> None:
    """What ufw denies comes to the end of its chains, and so to these; what it rejects or stops by source does not."""
    host, world = gateway
    host.shell("iptables -A FORWARD -s 198.18.1.0/24 -j ACCEPT; iptables -A FORWARD -j DROP")
    told = f"{LEAD}behind ufw's in the chain FORWARD of iptables (-s 198.18.1.0/24 -j ACCEPT): {THROUGH}"
    for options, passing in (({}, True), ({"stopped": "reject"}, False), ({"sources": SOURCES}, False)):
        notes = host.apply(native(*ROWS, policy="deny", scope="gateway", **options))["notes"]
        assert [note for note in notes if note.startswith(LEAD)] == [told] * passing
        assert world.probe(OTHER) == [passing, False]


def test_rules_before_what_the_host_sends(host: Host) -> None:
    host.shell("iptables -I OUTPUT -d 10.7.0.0/16 -j ACCEPT")
    notes = host.apply(native(*ROWS, policy="deny"))["notes"]
    rule = "-d 10.7.0.0/16 -j ACCEPT"
    told = f"{LEAD}before ufw's in the chain OUTPUT of iptables ({rule}): what they let through is sent"
    assert [note for note in notes if note.startswith(LEAD)] == [f"{told}, whatever ufw stops"]
    host.shell("iptables -D OUTPUT -d 10.7.0.0/16 -j ACCEPT")
    host.remove()


FILTER = "sed -i '/^COMMIT/i {}' /etc/ufw/{}.rules; ufw reload"
ASKED, LEFT = "before any rule of the allowlist is asked", "what no rule of the list allows"
OPENED = {
    FILTER.format("-A ufw-before-output ! -o lo -d 203.0.113.128/25 -j ACCEPT", "before"): ASKED,
    FILTER.format("-N mine\\n-A mine -d 203.0.113.128/25 -j ACCEPT\\n-A ufw-before-output -j mine", "before"): ASKED,
    FILTER.format("-A ufw-after-output -d 203.0.113.128/25 -j ACCEPT", "after"): LEFT,
    FILTER.format("-I ufw-before-output -d 203.0.113.128/25 --jump ACCEPT", "before"): ASKED,
    "iptables -I ufw-before-output -d 203.0.113.128/25 -j ACCEPT": ASKED,
    "iptables -A OUTPUT -d 203.0.113.128/25 -j ACCEPT": "rules of others stand behind ufw's in the chain OUTPUT",
}
OTHERS = "rules of others in iptables come before ours"
TABLES = "what other tables stop stays stopped, also where it is allowed here: "
STOPPED = {
    FILTER.format("-A ufw-before-output -d 203.0.113.0/24 -j DROP", "before"): OTHERS,
    "nft 'add table inet mine; add chain inet mine o { type filter hook output priority 0; policy drop; }'": (
        f"{TABLES}table inet mine, chain o (policy drop)"
    ),
    "iptables -t mangle -I OUTPUT -d 203.0.113.0/24 -j DROP": OTHERS,
    "iptables -I OUTPUT -d 203.0.113.0/24 -p tcp -j REJECT": OTHERS,
    FILTER.format("-N mine\\n-A mine -d 203.0.113.0/24 -j DROP\\n-A ufw-before-output -j mine", "before"): OTHERS,
}


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Host, Namespace]]:
    with alone("bookworm") as host, neighbour(host.space) as peer:
        yield host, peer


@pytest.mark.long
@pytest.mark.parametrize("change", [*OPENED, *STOPPED])
def test_what_others_open_or_stop_is_said(ends: tuple[Host, Namespace], change: str) -> None:
    """Packets tell that it is so, and the notes, from the kernel's listing, which rule it is."""
    host, peer = ends
    host.shell("cp -a /etc/ufw /tmp/ufw")
    opens, told = change in OPENED, OPENED.get(change) or STOPPED[change]
    rows, sets = [row("203.0.113.0/28"), row("2001:db8::/64")], {"sets": "after" in change}
    notes = host.apply(native(*rows, policy="deny", **sets))["notes"]
    assert not [note for note in notes if told in note or note.startswith(("rules of others", "what other tables"))]
    host.shell(change)
    with listen(peer, "203.0.113.200", 443), listen(peer, "203.0.113.5", 443):
        assert (connects(host.space, "203.0.113.200", 443, 1) == "open") is opens
        assert (connects(host.space, "203.0.113.5", 443, 1) == "open") is opens
    again = host.apply(native(*rows, policy="deny", **sets))
    assert not again["changed"]
    assert len([note for note in again["notes"] if told in note]) == 1, again["notes"]
    host.shell(
        "nft 'delete table inet mine' 2>/dev/null || :; iptables -t mangle -F; rm -r /etc/ufw; mv /tmp/ufw /etc/"
    )
    host.shell("iptables -F; iptables -X; ufw reload")
    host.remove()


def test_ipv6_that_is_switched_off(gateway: tuple[Host, World]) -> None:
    host, world = gateway
    assert host.apply(native(*ROWS))["ip_versions"] == [4, 6]
    host.shell(f"sed -i s/^IPV6=yes/IPV6=no/ {DEFAULTS}")
    assert host.apply(native(*ROWS))["ip_versions"] == [4]
    acme = {
        "title": "Acme", "sources": [{"id": "page", "title": "Page", "date": "2026-01"}],
        "services": [{"name": "media", "title": "Media", "source": "page", "rows": [
            {"protocol": "TCP", "ports": "443", "destination": text} for text in ("203.0.113.0/28", "2001:db8::/64")
        ]}],
    }  # fmt: skip
    variables = {
        "ansible_become": False, "apply_backend": "ufw", "catalog_vendors": ["acme"], "ufw_egress_policy": "deny",
        "catalog_custom_vendors": {"acme": acme}, "catalog_max_age": "99y",
    }  # fmt: skip
    done = play(world.host, "playbooks/apply.yml", "-e", json.dumps(variables))
    summary = " ".join(done.stdout.replace('"', " ").replace(",", " ").split())
    assert "enforced by address 16 addresses in 1 prefix" in summary, done.stdout
    assert "not enforced 1 IPv6 prefix: ufw has no rules of IPv6 on this host so nothing is opened" in summary, (
        done.stdout
    )
