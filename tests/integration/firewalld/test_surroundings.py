# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reload would lose or bring is found before it; what our policies do not decide is in the notes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hosts.firewalld import HOME, SUITES, Host, alone, native
from tests.support.rules import row
from tests.support.systems import longer

pytestmark = pytest.mark.usefixtures("namespaces")

DENY = native(row("203.0.113.0/25"), policy="deny")
# The user's own, written down and loaded.
THEIRS = """
firewall-offline-cmd --new-ipset=timed --type=hash:ip --option=timeout=600
firewall-offline-cmd --new-ipset=plain --type=hash:net
firewall-offline-cmd --ipset=plain --add-entry=192.0.2.0/25
firewall-offline-cmd --ipset=plain --add-entry=192.0.2.128/25
firewall-offline-cmd --new-ipset=paired --type=hash:ip,port
firewall-offline-cmd --ipset=paired --add-entry=192.0.2.7,tcp:443
firewall-offline-cmd --new-service=theirs
firewall-offline-cmd --service=theirs --add-port=4000/tcp
firewall-offline-cmd --new-policy=theirs
"""


@pytest.fixture(scope="module", params=longer(SUITES[:1], SUITES[1:]))
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with alone(request.param, start=False) as made:
        made.shell(f"{{ {THEIRS} }} >/dev/null")
        # From 2.1 on nobody else may write into its table, unless it is told so.
        made.shell(f"sed -i s/^NftablesTableOwner=yes/NftablesTableOwner=no/ {HOME}/firewalld.conf")
        made.start()
        yield made


NFT = "nft add element inet firewalld"
STATES = {
    f"{NFT} timed '{{ 10.1.1.1, 10.1.1.2 }}'": ["ipset timed: 2 members that stand in no file"],
    "firewall-cmd --ipset=timed --add-entry=10.1.1.1": ["ipset timed: 1 members that stand in no file"],
    f"{NFT} plain '{{ 10.9.0.0/30 }}'": ["ipset plain: 4 members that stand in no file"],
    f"{NFT} paired '{{ 10.9.0.1 . tcp . 80 }}'": ["ipset paired: 1 members that stand in no file"],
    "firewall-cmd --ipset=plain --add-entry=10.9.0.0/16": ["ipset plain: entries 10.9.0.0/16 runs only"],
    "firewall-cmd --permanent --ipset=plain --add-entry=10.9.0.0/16": [
        "ipset plain: entries 10.9.0.0/16 is written only"
    ],
    "firewall-cmd --permanent --service=theirs --add-port=4001/tcp": [
        'service theirs: ports ["4001", "tcp"] is written only'
    ],
    "firewall-cmd --permanent --service=ssh --add-port=2222/tcp": [
        'service ssh: ports ["2222", "tcp"] is written only'
    ],
    "firewall-cmd --permanent --delete-service=theirs": ["service theirs: stands in no file any more"],
    "firewall-cmd --permanent --new-service=newer": ["service newer: written, and not loaded yet"],
    "firewall-cmd --permanent --new-zone=newer": ["zone newer: written, and not loaded yet"],
    "firewall-cmd --permanent --zone=dmz --set-target=ACCEPT": ["zone dmz: target default runs, ACCEPT is written"],
    "firewall-cmd --permanent --new-policy=newer": ["policy newer: written, and not loaded yet"],
    "firewall-cmd --permanent --policy=theirs --set-target=ACCEPT": [
        "policy theirs: target CONTINUE runs, ACCEPT is written"
    ],
    "firewall-cmd --permanent --new-ipset=newer --type=hash:ip": ["ipset newer: written, and not loaded yet"],
    f"sed -i 's/^DefaultZone=.*/DefaultZone=home/' {HOME}/firewalld.conf": [
        "firewalld.conf: DefaultZone public runs, home is written"
    ],
    f"sed -i 's/^LogDenied=.*/LogDenied=all/' {HOME}/firewalld.conf": [
        "firewalld.conf: LogDenied off runs, all is written"
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("change", STATES)
def test_what_a_reload_would_lose_or_bring(host: Host, change: str) -> None:
    host.shell(f"rm -rf /tmp/before; cp -a {HOME} /tmp/before")
    host.shell(f"{{ {change}; }} >/dev/null")
    files, rules = host.files(), host.rules()
    failed = host.module(objects=DENY)
    assert failed.get("failed"), failed
    assert [line for line in STATES[change] if line not in failed["msg"]] == [], failed["msg"]
    assert "set firewalld_egress_lose_runtime to true" in failed["msg"]
    assert (host.files(), host.rules()) == (files, rules)
    host.shell(f"rm -rf {HOME}/*; cp -a /tmp/before/. {HOME}; firewall-cmd --reload >/dev/null")


def test_what_is_as_it_is_written_is_loaded(host: Host) -> None:
    assert host.apply(DENY)["changed"]
    host.remove()


STOPS = (
    "policies of yours are asked before ours and stop packets ({}): what they stop stays stopped, also where it is "
    "allowed here"
)
FIRST = "policies of yours are asked before ours ({}): what they accept of what this host {} stays open"


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "scope", "noted"),
    [
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--set-target=ACCEPT|--set-priority=-10", "host",
         FIRST.format("theirs: priority -10, target ACCEPT", "sends")),
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--add-service=https|--set-priority=-10", "both",
         FIRST.format("theirs: priority -10, some packets", "sends")),
        ("--add-ingress-zone=ANY|--add-egress-zone=ANY|--set-target=ACCEPT|--set-priority=-10", "gateway",
         FIRST.format("theirs: priority -10, target ACCEPT", "forwards")),
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--set-target=DROP|--set-priority=-10", "both",
         STOPS.format("theirs: priority -10, target DROP")),
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--add-rich-rule=rule family=ipv4 destination "
         "address=203.0.113.0/24 reject|--set-priority=-10", "host",
         STOPS.format("theirs: priority -10, some packets")),
        ("--add-ingress-zone=ANY|--add-egress-zone=ANY|--set-target=REJECT|--set-priority=-10", "gateway",
         STOPS.format("theirs: priority -10, target REJECT")),
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--set-target=ACCEPT|--set-priority=-1", "both", ""),
        ("--add-ingress-zone=HOST|--add-egress-zone=ANY|--set-target=DROP|--set-priority=-1", "both", ""),
        ("--add-ingress-zone=ANY|--add-egress-zone=HOST|--set-target=ACCEPT|--set-priority=-10", "both", ""),
        ("--add-ingress-zone=ANY|--add-egress-zone=ANY|--set-target=ACCEPT|--set-priority=-10", "host", ""),
    ],
)  # fmt: skip
def test_policies_that_are_asked_before_ours(host: Host, settings: str, scope: str, noted: str) -> None:
    host.shell(f"rm -rf /tmp/before; cp -a {HOME} /tmp/before")
    for options in settings.split("|"):
        host.shell(f"firewall-offline-cmd --policy=theirs '{options}' >/dev/null")
    host.shell("firewall-cmd --reload >/dev/null")
    notes = host.apply(native(row("203.0.113.0/25"), policy="deny", scope=scope))["notes"]
    assert [note.split("; give")[0] for note in notes if note.startswith("policies of yours")] == [noted] * bool(noted)
    unmanaged = host.apply(native(row("203.0.113.0/25"), policy="unmanaged", scope=scope))["notes"]
    told = [note for note in unmanaged if note.startswith("policies of yours")]
    assert len(told) == ("and stop packets" in noted)
    host.shell(f"rm -rf {HOME}/*; cp -a /tmp/before/. {HOME}; firewall-cmd --reload >/dev/null")


def test_zones_without_our_policy(host: Host) -> None:
    host.shell(
        "firewall-cmd --permanent --zone=internal --add-interface=lan0;"
        "firewall-cmd --permanent --zone=external --add-interface=wan0;"
        "firewall-cmd --permanent --zone=dmz --add-source=10.7.0.0/16;"
        "firewall-cmd --reload"
    )
    lead = "forwarded packets that "
    told = {}
    for zones in ([], ["internal"], ["internal", "dmz"]):
        options = {"ingress_zones": zones, "egress_zones": ["external"]} if zones else {}
        notes = host.apply(native(row("203.0.113.0/25"), policy="deny", scope="gateway", **options))["notes"]
        told[len(zones)] = [note.partition(" are not filtered")[0] for note in notes if note.startswith(lead)]
    leave = "leave by dmz (10.7.0.0/16), internal (lan0)"
    assert told == {
        0: [],
        1: [f"{lead}come in by dmz (10.7.0.0/16), external (wan0) or {leave}"],
        2: [f"{lead}come in by external (wan0) or {leave}"],
    }


STOPPING = {
    "nft 'add table inet mine; add chain inet mine o { type filter hook output priority 0; policy drop; }'": (
        "nft delete table inet mine",
        "what other tables stop stays stopped, also where it is allowed here: table inet mine, chain o (policy drop)",
    ),
    "firewall-cmd --panic-on": (
        "firewall-cmd --panic-off",
        "firewalld is in panic mode: it stops all packets, until 'firewall-cmd --panic-off'",
    ),
    "for o in --permanent ''; do firewall-cmd $o --direct --add-rule ipv4 filter OUTPUT 0 -d 203.0.113.0/24 -j DROP; "
    "done": (
        "for o in --permanent ''; do firewall-cmd $o --direct --remove-rule ipv4 filter OUTPUT 0 -d 203.0.113.0/24 -j "
        "DROP; done; nft delete table ip filter",
        "direct rules of yours stop packets (ipv4 filter OUTPUT -d 203.0.113.0/24 -j DROP): what they stop stays "
        "stopped, also where it is allowed here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", STOPPING)
def test_what_stops_the_allowed_besides(host: Host, change: str) -> None:
    back, told = STOPPING[change]
    assert told not in host.apply(DENY)["notes"]
    host.shell(f"{{ {change}; }} >/dev/null")
    notes = host.apply(DENY)["notes"]
    host.shell(f"{{ {back}; }} >/dev/null")
    assert told in notes
    assert told not in host.apply(DENY)["notes"]


@pytest.mark.long
def test_forward_ports(host: Host) -> None:
    ports = "--zone=dmz --add-source=10.8.0.0/16 --add-forward-port=port=8080:proto=tcp:toport=443:toaddr=198.51.100.9"
    host.shell("".join(f"firewall-cmd --permanent --zone=dmz {option} >/dev/null;" for option in ports.split()[1:]))
    host.shell("firewall-cmd --reload >/dev/null")
    told = "forwarded packets that a forward-port leads on are not filtered (zone dmz: 8080/tcp to 198.51.100.9:443)"
    for scope, number in (("gateway", 1), ("host", 0)):
        notes = host.apply(native(row("203.0.113.0/25"), policy="deny", scope=scope))["notes"]
        assert len([note for note in notes if note.startswith(told)]) == number
    host.shell("".join(f"firewall-cmd --permanent {option} >/dev/null;" for option in (
        "--zone=dmz --remove-source=10.8.0.0/16",
        "--zone=dmz --remove-forward-port=port=8080:proto=tcp:toport=443:toaddr=198.51.100.9",
    )))  # fmt: skip
    host.shell("firewall-cmd --reload >/dev/null")
