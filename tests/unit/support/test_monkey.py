# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monkey's own judgement: what it must let pass, and what it must find."""

from __future__ import annotations

from random import Random

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from tests.support.hosts.boot_machine import Snapshot
from tests.support.monkey import guest
from tests.support.monkey.lists import NATIVE, Choice, Probe, draw, probes
from tests.support.monkey.model import Model
from tests.support.monkey.ours import Ours, foreign_differences, ours_of
from tests.support.monkey.steps import STEPS

OUR_TABLE = """table inet egress_allowlist {
\tmap allowed4_tcp_443 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 20.0.0.0/24 : "acme/calls",
\t\t\t     20.1.0.0/24 : "acme/calls" }
\t}

\tset leased4_sip.example.net {
\t\ttype ipv4_addr
\t\tflags dynamic,timeout
\t\telements = { 20.255.0.1 timeout 1d expires 23h59m }
\t}
}
"""
SOMEBODY = """table ip somebody {
\tchain out {
\t\ttype filter hook output priority 5; policy accept;
\t\tudp dport 9 drop
\t}
}
"""
FIREWALLD = """table inet firewalld {
\tchain filter_OUTPUT_POLICIES {
\t\tjump filter_OUT_policy_mine
\t}

\tchain filter_OUT_policy_mine {
\t\ttcp dport 25 reject
\t}
}
"""
FIREWALLD_WITH_OURS = """table inet firewalld {
\tset egress-acme-calls-4 {
\t\ttype ipv4_addr
\t\telements = { 20.0.0.0/24 }
\t}

\tchain filter_OUTPUT_POLICIES {
\t\tjump filter_OUT_policy_egress-allow-host
\t\tjump filter_OUT_policy_mine
\t}

\tchain filter_OUT_policy_mine {
\t\ttcp dport 25 reject
\t}

\tchain filter_OUT_policy_egress-allow-host {
\t\tip daddr @egress-acme-calls-4 accept
\t}
}
"""
UFW = """*filter
:OUTPUT ACCEPT
:ufw-user-output -
:ufw-track-output -
-A OUTPUT -j ufw-user-output
-A ufw-track-output -p tcp -j ACCEPT
-A ufw-user-output -d 10.66.0.0/16 -j DROP
-A ufw-user-output -p tcp -m tcp --dport 25 -j DROP
COMMIT
"""
OUR_RULE = "-A ufw-user-output -d 20.0.0.0/24 -p tcp -m tcp --dport 443 -j ACCEPT\n"
UFW_WITH_OURS = (
    UFW.replace(":OUTPUT ACCEPT", ":OUTPUT DROP")
    .replace("-A ufw-track-output -p tcp -j ACCEPT\n", "")
    .replace("COMMIT", OUR_RULE + "COMMIT")
)
THEIR_BLOCK = "### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 out\n-A ufw-user-output -p tcp --dport 25 -j DROP\n\n"
OUR_BLOCK = (
    f"### tuple ### allow tcp 443 20.0.0.0/24 any 0.0.0.0/0 out comment={b'acme calls (egress.allowlist)'.hex()}\n"
    "-A ufw-user-output -p tcp -d 20.0.0.0/24 --dport 443 -j ACCEPT\n\n"
)
DIGEST = "0" * 64


def snapshot(**chapters: str) -> Snapshot:
    """Return what a machine without anything is like, but for these chapters."""
    empty = dict.fromkeys(("iptables", "ip6tables", "ruleset", "units", "failed", "files", "texts"), "")
    return Snapshot(0, "", {**empty, **chapters})


def texts(block: str, output: str = "ACCEPT") -> str:
    """Return the chapter of texts with a block of rules in ufw's file."""
    return f'\x1d/etc/ufw/user.rules\n*filter\n{block}COMMIT\n\x1d/etc/default/ufw\nDEFAULT_OUTPUT_POLICY="{output}"\n'


# backend -> chapter -> without ours, with ours
PAIRS = {
    "nftables": {"ruleset": (SOMEBODY, SOMEBODY + OUR_TABLE), "files": ("", f"/etc/egress-allowlist/x {DIGEST}\n")},
    "ufw": {"iptables": (UFW, UFW_WITH_OURS), "texts": (texts(THEIR_BLOCK), texts(THEIR_BLOCK + OUR_BLOCK, "DROP"))},
    "firewalld": {
        "ruleset": (FIREWALLD, FIREWALLD_WITH_OURS),
        "files": ("", f"/etc/firewalld/policies/egress-allow-host.xml {DIGEST}\n"),
    },
}
# backend, chapter, what is replaced, by what: somebody lost something.
LOSSES = [
    ("nftables", "ruleset", "udp dport 9 drop", "udp dport 9 accept"),
    ("nftables", "ruleset", SOMEBODY, ""),
    ("nftables", "files", "", "/etc/nftables.conf 644 root:root\n"),
    ("ufw", "iptables", "-A ufw-user-output -d 10.66.0.0/16 -j DROP\n", ""),
    ("ufw", "iptables", "-A OUTPUT -j ufw-user-output\n", ""),
    ("ufw", "iptables", "--dport 25", "--dport 26"),
    ("ufw", "texts", THEIR_BLOCK, ""),
    ("ufw", "texts", "--dport 25", "--dport 26"),
    ("firewalld", "ruleset", "\t\tjump filter_OUT_policy_mine\n", ""),
    ("firewalld", "ruleset", "tcp dport 25 reject", "tcp dport 25 accept"),
    ("firewalld", "files", "", f"/etc/firewalld/zones/public.xml {DIGEST}\n"),
]


def pair(backend: str) -> tuple[Snapshot, Snapshot]:
    """Return a machine with ours, and its twin."""
    chapters = PAIRS[backend]
    return (
        snapshot(**{name: now for name, (_then, now) in chapters.items()}),
        snapshot(**{name: then for name, (then, _now) in chapters.items()}),
    )


@pytest.mark.parametrize("backend", PAIRS)
def test_ours_alone_is_no_difference(backend: str) -> None:
    machine, twin = pair(backend)
    assert foreign_differences(machine, twin, ours=True) == ""
    assert foreign_differences(twin, twin, ours=False) == ""


@pytest.mark.parametrize("backend", PAIRS)
def test_ours_where_it_should_not_be_is_found(backend: str) -> None:
    machine, twin = pair(backend)
    for chapter, (_then, now) in PAIRS[backend].items():
        found = foreign_differences(snapshot(**{**twin.chapters, chapter: now}), twin, ours=False)
        assert f"== {chapter}" in found
    assert foreign_differences(machine, twin, ours=False)


@pytest.mark.parametrize(("backend", "chapter", "former", "latter"), LOSSES)
def test_what_others_lost_is_found(backend: str, chapter: str, former: str, latter: str) -> None:
    machine, twin = pair(backend)
    text = machine.chapters[chapter].replace(former, latter) if former else machine.chapters[chapter] + latter
    assert text != machine.chapters[chapter]
    for ours, before in ((True, machine), (False, twin)):
        changed = text if ours else twin.chapters[chapter].replace(former, latter) if former else latter
        found = foreign_differences(snapshot(**{**before.chapters, chapter: changed}), twin, ours=ours)
        assert f"== {chapter}" in found


def test_rules_of_others_keep_their_order() -> None:
    machine, twin = pair("ufw")
    lines = machine.chapters["iptables"].splitlines()
    first, second = (n for n, line in enumerate(lines) if "DROP" in line and line.startswith("-A ufw-user-output"))
    lines[first], lines[second] = lines[second], lines[first]
    assert foreign_differences(snapshot(**{**machine.chapters, "iptables": "\n".join(lines)}), twin, ours=True)


@pytest.mark.parametrize("backend", PAIRS)
def test_a_part_of_ours_is_not_ours(backend: str) -> None:
    machine, twin = pair(backend)
    whole = ours_of(backend, machine, twin)
    assert whole.live
    assert whole != ours_of(backend, twin, twin)
    for chapter, former in (("ruleset", "20.0.0.0/24"), ("iptables", "20.0.0.0/24")):
        text = machine.chapters[chapter].replace(former, "20.0.0.0/25")
        if text != machine.chapters[chapter]:
            assert ours_of(backend, snapshot(**{**machine.chapters, chapter: text}), twin).live != whole.live


def test_learned_addresses_come_and_go() -> None:
    machine, twin = pair("nftables")
    later = machine.chapters["ruleset"].replace("20.255.0.1 timeout 1d expires 23h59m", "20.255.0.2 expires 1s")
    assert ours_of("nftables", snapshot(ruleset=later), twin).live == ours_of("nftables", machine, twin).live


UNITS = "\n\n".join(f"Id={name}.service\nNeedDaemonReload={{}}\nActiveState=active" for name in NATIVE)
CANDIDATES = ["/etc/egress-allowlist/.nftables.nft.unconfirmed"]
CANDIDATES += ["/etc/ufw/.egress_allowlist.unconfirmed", "/etc/firewalld/.egress_allowlist.unconfirmed"]


@pytest.mark.parametrize("needs", range(3))
@pytest.mark.parametrize("waits", [None, *range(3)])
def test_a_drop_in_of_a_change_that_waits(needs: int, waits: int | None) -> None:
    """systemd need not have read it: of the unit that has one, and of no other."""
    twin = snapshot(units=UNITS.format("no", "no", "no"))
    files = "" if waits is None else f"{CANDIDATES[waits]} 600 root:root\n"
    machine = snapshot(units=UNITS.format(*("yes" if unit == needs else "no" for unit in range(3))), files=files)
    found = foreign_differences(machine, twin, ours=True)
    assert ("== units" in found) == (needs != waits or needs == 0)
    assert foreign_differences(machine, twin, ours=True, stale=True) == ""
    failed = snapshot(units=machine.chapters["units"].replace("=active", "=failed", 1), files=files)
    assert "== units" in foreign_differences(failed, twin, ours=True, stale=True)


# The model.

OLD = Choice("A", (("tcp", 443, 443, "20.0.0.0/24"), ("udp", 3478, 3500, "2a00:1234::/48")), "deny", "host")
NEW = Choice("B", (("tcp", 443, 443, "20.0.0.0/24"), ("tcp", 80, 80, "20.1.0.0/24")), "deny", "host")
ROW = [("tcp", "20.0.0.5", 443), ("udp", "2a00:1234::5", 3500), ("tcp", "20.1.0.1", 80), ("tcp", "20.2.0.1", 80)]
PROBES: list[Probe] = [("host", *row) for row in ROW]


def model(**given: object) -> Model:
    """Return a model in which the old list or the new one may run."""
    known = {"": Ours("", ""), "A": Ours("old", "old file"), "B": Ours("new", "new file")}
    return Model(**{"choices": {"A": OLD, "B": NEW}, "live": {"A", "B"}, "boot": {"A", "B"}, "known": known, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arrived", "seen", "live", "boot"),
    [
        ([True, True, False, False], Ours("old", "old file"), {"A"}, {"A"}),
        ([True, False, True, False], Ours("new", "old file"), {"B"}, {"A"}),
        ([True, False, True, False], Ours("new", "half a file", waits=True), {"B"}, {"A", "B"}),
    ],
)
def test_a_whole_list_passes(arrived: list[bool], seen: Ours, live: set[str], boot: set[str]) -> None:
    made = model()
    assert made.judge(PROBES, arrived, seen) == []
    assert (made.live, made.boot) == (live, boot)


@pytest.mark.parametrize(
    ("arrived", "seen", "told"),
    [
        ([True, True, True, False], Ours("old", "old file"), "what runs is none of"),  # both lists
        ([True, False, False, False], Ours("old", "old file"), "what runs is none of"),  # what they share
        ([True, True, True, True], Ours("", "old file"), "what runs is none of"),  # no list
        ([True, True, False, False], Ours("half", "old file"), "what runs is none of"),
        ([True, True, False, False], Ours("new", "old file"), "what runs is none of"),  # packets and listing disagree
        ([True, True, False, False], Ours("old", "half a file"), "the files of the next boot"),
        ([True, True, False, False], Ours("old", ""), "the files of the next boot"),
    ],
)
def test_half_a_list_is_found(arrived: list[bool], seen: Ours, told: str) -> None:
    made = model()
    (wrong,) = made.judge(PROBES, arrived, seen)
    assert told in wrong


def test_an_impossible_list_is_found() -> None:
    assert model(live={"A"}).judge(PROBES, [True, False, True, False], Ours("new", "old file"))
    assert model(boot={"A"}).judge(PROBES, [True, True, False, False], Ours("old", "new file"))


def test_one_version_of_ip_may_be_ahead_after_a_kill() -> None:
    arrived = [True, True, True, False]  # IPv4 of the new list, IPv6 of the old one
    assert model(by_family=True).judge(PROBES, arrived, Ours("mixed", "old file")) == []
    assert model(by_family=True).judge(PROBES, [True, True, True, True], Ours("mixed", "old file"))
    assert model().judge(PROBES, arrived, Ours("mixed", "old file"))


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("files", [set(), {"A", "B"}])
def test_files_of_a_killed_module_that_others_load(backend: str, files: set[str]) -> None:
    """Only firewalld's may be old and new ones, until something whole is loaded again."""
    made = model(live={"A"}, boot={"A", "B"}, files=files)
    made.loaded(backend)
    neither = [True, False, True, False], Ours("neither", "old file")
    assert made.mixed is (backend == "firewalld" and bool(files))
    assert bool(made.judge(PROBES, *neither)) is not made.mixed
    made.booted()
    assert made.judge(PROBES, *neither)


def test_after_a_boot_only_what_was_in_the_files_is_possible() -> None:
    made = model(live={"B"}, boot={"A"}, by_family=True, files={"B"})
    made.booted()
    assert (made.live, made.boot, made.files, made.by_family) == ({"A"}, {"A"}, set(), False)


# Lists, and what is sent.


@pytest.mark.parametrize("backend", NATIVE)
def test_a_seed_decides(backend: str) -> None:
    drawn = [[draw(Random(f"1 {number}"), backend, "A") for number in range(40)] for _time in range(2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 30
    assert {choice.policy for choice in drawn[0]} >= {"deny", "unmanaged"}
    assert {choice.scope for choice in drawn[0]} == {"host", "gateway", "both"}
    assert {choice.names for choice in drawn[0]} == {"report", "resolve"}


def test_what_the_oracle_lets_out() -> None:
    assert [OLD.lets_out(probe) for probe in PROBES] == [True, True, False, False]
    assert OLD.lets_out(("gateway", "tcp", "20.2.0.1", 80))
    audited = Choice("C", OLD.facts, "audit", "host")
    assert all(audited.lets_out(probe) for probe in PROBES)


def test_probes_tell_lists_apart() -> None:
    chosen = probes(Random(1), [OLD, NEW])
    assert len(chosen) == len(set(chosen)) > 50
    for choice in (OLD, NEW):
        said = {probe[0]: set() for probe in chosen}  # type: dict[str, set[bool]]
        for probe in chosen:
            said[probe[0]].add(choice.lets_out(probe))
        assert said == {"host": {True, False}, "gateway": {True}}
    assert [OLD.lets_out(probe) for probe in chosen] != [NEW.lets_out(probe) for probe in chosen]
    # One row less, one port more: found.
    for facts in (OLD.facts[1:], (OLD.facts[0], ("udp", 3478, 3501, "2a00:1234::/48"))):
        other = Choice("A", facts, "deny", "host")
        assert [OLD.lets_out(probe) for probe in chosen] != [other.lets_out(probe) for probe in chosen]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("path", ["host", "gateway"])
@pytest.mark.parametrize("address", ["20.0.0.5", "2a00:1234::5"])
def test_packets_are_whole(path: str, protocol: str, address: str) -> None:
    made = guest.packet(path, protocol, address, 443, 123456)
    kind = IPv6 if ":" in address else IP
    read = kind(made)
    assert (read.dst, read[TCP if protocol == "tcp" else UDP].dport) == (address, 443)
    upper = read[TCP if protocol == "tcp" else UDP]
    for layer in (read, upper):
        layer.delfieldval("chksum") if "chksum" in layer.fields else None
    assert bytes(kind(bytes(read))) == made


def test_every_step_says_what_it_is() -> None:
    assert all(step.__doc__ and weight > 0 for step, weight in STEPS.items())
