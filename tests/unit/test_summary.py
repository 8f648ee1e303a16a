"""The summary: lines that a person reads."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog import load_vendor_dirs, select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._rules import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._summary import summarise_allowlist

CATALOG = load_vendor_dirs([Path(__file__).parents[2] / "roles" / "catalog" / "vars" / "vendors"])
NFTABLES = {"name": "nftables", "policy": "deny", "names": "report", "timers": True, "notes": []}
EVERYTHING = [
    {"name": "kore_ai", "regions": "all"},
    {"name": "kudo", "regions": "all", "teams": True},
    {"name": "securevideo", "engines": "all", "ocsp": True, "one_click_regions": "all", "inbound": True},
    {"name": "eschat", "signaling_port": 7400, "ios": True},
    {"name": "zoom"},
    {"name": "twilio", "regions": "all"},
    {"name": "vsee"},
]


def summarise(*vendors: dict[str, Any], backend: dict[str, Any] | None = None, **options: Any) -> list[str]:
    selection = select_rows(CATALOG, list(vendors), today=datetime.date(2026, 11, 20), **options)
    parts = {key: selection[key] for key in ("timers", "sources", "not_rules")}
    return summarise_allowlist(merge_vendors(expand_rows(selection["rows"]), **parts), selection, backend)


def test_a_summary_of_one_vendor() -> None:
    lines = summarise({"name": "kudo", "regions": ["canada", "china"]}, backend=NFTABLES)
    lines[0] = lines[0].partition(": ")[2]
    assert lines == [
        "17,852 addresses in 45 prefixes, 3 names",
        "Backend nftables, policy deny: all other egress is stopped, after the baseline",
        "",
        "KUDO (kudo)",
        "  regions: canada, china; teams: no (default); names: wildcard (default)",
        "  domains        tcp/443 udp/3478  3 names                          [1]",
        "  canada_server  tcp/443 udp/3478  1 address                        [1]",
        "  china_server   tcp/443 udp/3478  2 addresses                      [1]",
        "  media          tcp/443 udp/3478  17,849 addresses in 42 prefixes  [1]",
        "  note on domains: the page offers no sub-domains for tokbox.com and opentok.com: these wildcards",
        "    stay with names: hosts",
        "  [1] KUDO Firewall rules, 2022-03, STALE: 1,725 days old",
        "",
        "Names",
        "  NOT enforced by nftables, names are reported only: these stay blocked, except where an address",
        "    above covers them",
        "  *.kudoway.ca   tcp/443 udp/3478  kudo: domains",
        "  *.opentok.com  tcp/443 udp/3478  kudo: domains",
        "  *.tokbox.com   tcp/443 udp/3478  kudo: domains",
        "",
        "Asked for by the vendors, but no rule can be made of it",
        "  kudo: Proxy: a demand on the proxy and the browsers; KUDO supports no proxy that asks for",
        "    authentication",
        "  kudo: Throttled media: concerns inspection by other firewalls and endpoint tools; an allowlist",
        "    cannot turn it off",
    ]


@pytest.mark.parametrize("names", ["report", "resolve", "dnsmasq"])
@pytest.mark.parametrize("policy", ["deny", "audit", "unmanaged"])
def test_no_line_is_too_wide_and_none_ends_in_a_space(names: str, policy: str) -> None:
    backend = {**NFTABLES, "names": names, "policy": policy, "notes": ["word " * 60]}
    lines = summarise(*EVERYTHING, backend=backend, all_by_default=True)
    assert len(lines) > 100
    assert [line for line in lines if len(line) > 100 or line != line.rstrip() or not line.isprintable()] == []


def test_an_address_without_a_length_is_no_name() -> None:
    rule = {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443", "destination": "192.0.2.1"}
    lines = summarise_allowlist(merge_vendors([rule]), None, NFTABLES)
    assert lines[0].endswith(": 1 address")
    assert "Names" not in lines


def test_one_line_for_destinations_that_share_their_ports() -> None:
    lines = summarise({"name": "kore_ai", "regions": "us"})
    start = next(number for number, line in enumerate(lines) if line.startswith("  us_savg "))
    assert [line.split("  [")[0].split() for line in lines[start : start + 2]] == [
        ["us_savg", "tcp/5060-5061,8443", "udp/5060", "2", "addresses"],
        ["udp/6000-60000", "2", "addresses"],
    ]


def test_all_because_nothing_was_said_is_flagged_and_all_that_was_said_is_not() -> None:
    default = summarise({"name": "kore_ai", "regions": "all"}, all_by_default=True)
    said = summarise({"name": "kore_ai", "regions": "all"})
    assert "  regions: all (us, jp), since nothing was said" in default
    assert "  regions: all (us, jp)" in said


def test_inbound_rules_are_told_apart() -> None:
    lines = summarise({"name": "zoom", "inbound": True})
    assert lines[1] == "Inbound connections from: 540,624 addresses in 49 prefixes, 2 names"
    media = [" ".join(line.split()) for line in lines[2:] if "540,624 addresses" in line]
    opened = "tcp/443,8801-8802 udp/3478-3479,8801-8810 540,624 addresses in 49 prefixes [1]"
    assert media == [f"media inbound {opened}", opened]


def test_a_document_for_ports_is_listed_with_its_age() -> None:
    lines = summarise({"name": "zoom"})
    assert "  [1] Zoom list of IP addresses, 2026-06" in lines
    assert "  [2] SecureVideo Firewall Settings, 2022-11-05, STALE: 1,476 days old" in lines


def test_timers_say_whether_they_are_enforced() -> None:
    eschat = {"name": "eschat", "signaling_port": 7400}
    assert "  eschat: udp 60 s for data; enforced" in summarise(eschat, backend=NFTABLES)
    ufw = {**NFTABLES, "name": "ufw", "timers": False}
    assert "  eschat: udp 60 s for data; NOT enforced: ufw cannot" in summarise(eschat, backend=ufw)
    assert "  eschat: udp 60 s for data" in summarise(eschat)


def test_resolving_leaves_the_wildcards() -> None:
    lines = summarise({"name": "zoom"}, backend={**NFTABLES, "names": "resolve"})
    assert "  1 name is looked up on the host and kept fresh" in lines
    listed = [line.split()[0] for line in lines if line.endswith("zoom: web")]
    assert listed == ["*.zoom.us"]


def test_dnsmasq_leaves_no_name() -> None:
    lines = summarise({"name": "zoom"}, backend={**NFTABLES, "names": "dnsmasq"})
    assert not [line for line in lines if "NOT enforced" in line]


def test_notes_of_the_backend_come_last() -> None:
    lines = summarise({"name": "vsee"}, backend={**NFTABLES, "notes": ["nothing loads the rules at boot"]})
    assert lines[-2:] == ["Notes", "  - nothing loads the rules at boot"]


def test_what_a_terminal_would_obey_is_replaced() -> None:
    lines = summarise({"name": "vsee"}, backend={**NFTABLES, "notes": ["a\x1b[31mb"]})
    assert lines[-1] == "  - a?[31mb"


def test_rules_without_a_catalog_are_summarised_too() -> None:
    rule = {"vendor": "mine", "service": "dns", "protocol": "udp", "ports": "53", "destination": "2001:db8::/64"}
    lines = summarise_allowlist(merge_vendors([rule]))
    assert lines[0].endswith(": 1 IPv6 prefix")
    assert lines[1:] == ["", "mine", "  dns  udp/53  1 IPv6 prefix"]


def test_nothing_is_said_to_be_nothing() -> None:
    lines = summarise({"name": "vsee"}, requirements=["optional"])
    assert lines[0].endswith(": nothing is allowed")
    assert "  nothing: no row of the chosen requirements" in lines


@pytest.mark.parametrize(("counts", "words"), [(True, "counted and logged"), (False, "logged")])
def test_a_backend_that_cannot_count_does_not_say_that_it_does(counts: bool, words: str) -> None:
    backend = {**NFTABLES, "name": "firewalld", "policy": "audit", "counts": counts}
    told = " ".join(" ".join(summarise({"name": "kudo", "regions": "all"}, backend=backend)).split())
    assert f"policy audit: all other egress is {words}, nothing is stopped" in told
    assert told.count("counted") == (2 if counts else 0)
