# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel's listing tells of rules of others, before ufw's and behind: openings and stops."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import loaded, surroundings
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render

from tests.support.rules import merged, row

LED = ("before-logging", "before", "after", "after-logging", "reject", "track")
ICMP = {4: "-p icmp -m icmp --icmp-type 8", 6: "-p ipv6-icmp -m icmp6 --icmpv6-type 129"}
LAN4, LAN6 = "10.0.0.0/8", "fd00::/8"


def saved(version: int = 4, *more: str, table: str = "") -> str:
    """Return what iptables-save prints of ufw 0.36.2 in short, with more lines in front of each chain's own."""
    ufw = loaded.name(version)
    stock = [f"-A {chain.upper()} -j {ufw}-{kind}-{chain}" for chain in ("output", "forward") for kind in LED]
    stock += [
        f"-A {ufw}-before-output -o lo -j ACCEPT",
        f"-A {ufw}-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        f"-A {ufw}-before-output -m conntrack --ctstate INVALID -j DROP",
        f"-A {ufw}-before-output -p icmp -m icmp --icmp-type 8 -j ACCEPT",
        f"-A {ufw}-before-output -j {ufw}-user-output",
        f"-A {ufw}-before-forward -m rt --rt-type 0 -j DROP",
        f"-A {ufw}-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        f"-A {ufw}-before-forward {ICMP[version]} -j ACCEPT",
        f"-A {ufw}-before-forward -j {ufw}-user-forward",
        f"-A {ufw}-user-output -d 192.0.2.9/32 -j ACCEPT",
        f"-A {ufw}-user-output -d 192.0.2.8/32 -j DROP",
        f"-A {ufw}-reject-output -j REJECT --reject-with icmp-port-unreachable",
        f"-A {ufw}-track-output -p tcp -m conntrack --ctstate NEW -j ACCEPT",
    ]
    return f"# Generated\n*filter\n:OUTPUT DROP [0:0]\n{chr(10).join([*more, *stock])}\nCOMMIT\n{table}"


def opened(version: int, *more: str, policy: str = "deny", **options: Any) -> list[str]:
    """Return the notes on openings."""
    form = render(merged(row("192.0.2.0/24")), policy=policy, **options)
    return surroundings.opened_by_others(form, version, saved(version, *more))


def icmp(version: int) -> str:
    ufw = loaded.name(version)
    file = f"/etc/ufw/before{'6' if version == 6 else ''}.rules"
    return (
        f"the chain {ufw}-before-forward forwards before any rule of the allowlist is asked: {ICMP[version]} -j "
        f"ACCEPT; to stop that, put # before such lines in {file}, where they stand there, and run 'ufw reload'"
    )


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        ({"scope": "host"}, {4: [], 6: []}),
        ({"scope": "gateway"}, {4: [icmp(4)], 6: [icmp(6)]}),
        ({"scope": "both"}, {4: [icmp(4)], 6: [icmp(6)]}),
        ({"scope": "gateway", "sources": [LAN4]}, {4: [icmp(4)], 6: []}),
        ({"scope": "both", "sources": [LAN6]}, {4: [], 6: [icmp(6)]}),
        ({"scope": "both", "policy": "unmanaged"}, {4: [], 6: []}),
    ],
)
def test_what_ufw_brings(options: dict[str, Any], notes: dict[int, list[str]]) -> None:
    assert {version: opened(version, **options) for version in (4, 6)} == notes


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("ufw-before-output -d 198.51.100.0/24 -j ACCEPT", "-d 198.51.100.0/24 -j ACCEPT"),
        ("ufw-before-output ! -o lo -j ACCEPT", "! -o lo -j ACCEPT"),
        ("ufw-before-output ! -p icmp -j ACCEPT", "! -p icmp -j ACCEPT"),
        ("ufw-before-output -j mine", "-j mine"),
        ("ufw-before-output -g mine", "-g mine"),
        ("ufw-before-output -p udp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
         "-p udp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT"),
        ("ufw-before-output -d 198.51.100.0/24 -j NFQUEUE", "-d 198.51.100.0/24 -j NFQUEUE"),
        ("ufw-before-output -j ACCEPT", "-j ACCEPT"),
        ('ufw-before-output -m comment --comment "a -j DROP" -j ACCEPT', '-m comment --comment "a -j DROP" -j ACCEPT'),
        ("ufw-before-logging-output -j ACCEPT", "-j ACCEPT"),
        ("ufw-after-output -d 198.51.100.0/24 -j ACCEPT", "-d 198.51.100.0/24 -j ACCEPT"),
        ("ufw-after-logging-output -j mine", "-j mine"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stopped", ["drop", "reject"])
def test_what_a_user_adds_to_ufws_chains(line: str, shown: str, stopped: str) -> None:
    (note,) = opened(4, f"-A {line}", "-A mine -p tcp -j theirs", "-A theirs -j ACCEPT", stopped=stopped)
    assert note.startswith(f"the chain {line.split()[0]} lets out ")
    assert f": {shown}; to stop that" in note


@pytest.mark.parametrize(
    "line",
    [
        "ufw-before-output -o lo -p tcp -j ACCEPT",
        "ufw-before-output -p icmp -j ACCEPT",
        "ufw-before-output -m state --state ESTABLISHED -j ACCEPT",
        "ufw-before-output -m conntrack ! --ctstate NEW -j ACCEPT",
        "ufw-before-output -d 198.51.100.0/24 -j DROP",
        "ufw-before-output -j gone",
        "ufw-before-output -d 198.51.100.0/24",
        "ufw-before-input -j ACCEPT",
        'ufw-before-output -m comment --comment "a -j ACCEPT" -j DROP',
        "OUTPUT -o lo -j ACCEPT",
        "ufw-before-output -j circle",
        "circle -j circle",
    ],
)
def test_what_opens_nothing(line: str) -> None:
    assert opened(4, f"-A {line}") == []


@pytest.mark.parametrize(
    ("options", "reached"),
    [
        ({"scope": "gateway"}, True),
        ({"scope": "gateway", "stopped": "reject"}, True),  # ufw-after-forward stands before ufw-reject-forward
        ({"scope": "gateway", "sources": [LAN4]}, False),  # stopped at the end of the user's rules
        ({"scope": "gateway", "sources": [LAN4], "sets": True}, True),  # and with sets, at the end of this chain
    ],
)
def test_what_stands_behind_ours_is_reached_or_not(options: dict[str, Any], reached: bool) -> None:
    notes = opened(4, "-A ufw-after-forward -i eth1 -j ACCEPT", **options)
    assert any("the chain ufw-after-forward forwards what no rule of the list allows: " in note for note in notes) is (
        reached
    )


SECURITY = "*{0}\n:{1} {2} [0:0]\n{3}COMMIT\n"
DROPS = "-d 192.0.2.0/25 -j DROP"


@pytest.mark.parametrize(
    ("lines", "table", "scope", "shown"),
    [
        ([f"OUTPUT {DROPS}"], "", "host", [f"{DROPS} in the chain OUTPUT"]),
        (["ufw-before-output -j mine", "mine -j REJECT"], "", "host", ["-j mine in the chain ufw-before-output"]),
        ([f"FORWARD {DROPS}"], "", "both", [f"{DROPS} in the chain FORWARD"]),
        ([f"FORWARD {DROPS}"], "", "host", []),
        ([f"ufw-after-output {DROPS}"], "", "host", []),  # behind the rules that allow
        ([], SECURITY.format("mangle", "OUTPUT", "ACCEPT", f"-A OUTPUT {DROPS}\n"), "host",
         [f"{DROPS} in the chain OUTPUT of the table mangle"]),
        ([], SECURITY.format("raw", "PREROUTING", "DROP", ""), "gateway",
         ["the policy DROP of the chain PREROUTING of the table raw"]),
        ([], SECURITY.format("raw", "PREROUTING", "DROP", ""), "host", []),
        ([], SECURITY.format("security", "OUTPUT", "ACCEPT", "-A OUTPUT -j x\n-A x -j DROP\n"), "host",
         ["-j x in the chain OUTPUT of the table security"]),
        ([], SECURITY.format("mangle", "OUTPUT", "ACCEPT", "-A OUTPUT -j MARK --set-xmark 0x1/0x1\n"), "host", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", ["deny", "unmanaged"])
def test_what_stops_the_allowed(lines: list[str], table: str, scope: str, shown: list[str], policy: str) -> None:
    form = render(merged(row("192.0.2.0/24")), policy=policy, scope=scope)
    notes = surroundings.stopped_by_others(form, 4, saved(4, *(f"-A {line}" for line in lines), table=table))
    assert notes == [
        f"rules of others in iptables come before ours ({text}): what they stop stays stopped, also where it is "
        "allowed here"
        for text in shown
    ]


def test_what_stops_before_sets() -> None:
    """Rules that look into sets stand behind all of ufw-after-output."""
    form = render(merged(row("192.0.2.0/24")), policy="deny", sets=True)
    assert surroundings.stopped_by_others(form, 4, saved(4, f"-A ufw-after-output {DROPS}"))


def test_many_rules_are_counted() -> None:
    notes = opened(4, *(f"-A OUTPUT -d 198.51.100.{number}/32 -j ACCEPT" for number in range(9)))
    assert notes[0].count("198.51.100.") == 5
    assert " and 4 more)" in notes[0]
