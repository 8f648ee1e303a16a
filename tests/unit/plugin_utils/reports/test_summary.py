"""The summary: lines that a person reads."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.summary import summarise_allowlist

from tests.support.catalog import select

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
    selection = select(*vendors, **options)
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
        "  enforced by address  17,852 addresses in 45 prefixes",
        "  not enforced         names are reported only: these stay blocked, except where an allowed address",
        "                       covers them",
        "                       *.kudoway.ca, *.opentok.com, *.tokbox.com (domains tcp/443 udp/3478)",
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
    assert lines[-1] == "  not enforced         nothing"


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


def becomes(vendor: str, lines: list[str]) -> dict[str, list[str]]:
    """Return a vendor's table: what becomes of things, and the texts of its cells, broken lines joined."""
    block = lines[next(number for number, line in enumerate(lines) if line.endswith(f"({vendor})") or line == vendor) :]
    block = block[: block.index("")] if "" in block else block
    start = next(number for number, line in enumerate(block) if re.match("  (enforced|widened|not enforced) ", line))
    found: dict[str, list[str]] = {}
    for line in block[start:]:
        label, text = re.fullmatch(r"  (\S[a-z ]*?)?  +(.*)", line).groups()  # type: ignore[union-attr]
        if label:
            found[label] = []
        found[[*found][-1]].append(text)
    return found


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (
            "report",
            {
                "enforced by address": ["540,624 addresses in 49 prefixes"],
                "not enforced": [
                    "names are reported only: these stay blocked, except where an allowed address",
                    "covers them",
                    "*.zoom.us, zoom.us (web tcp/80,443)",
                ],
            },
        ),
        (
            "resolve",
            {
                "enforced by address": ["540,624 addresses in 49 prefixes"],
                "enforced by resolved name": ["zoom.us"],
                "not enforced": [
                    "a wildcard cannot be looked up: these stay blocked, except where an",
                    "allowed address covers them",
                    "*.zoom.us (web tcp/80,443)",
                ],
            },
        ),
        (
            "dnsmasq",
            {
                "enforced by address": ["540,624 addresses in 49 prefixes"],
                "enforced by learned name": ["*.zoom.us, zoom.us"],
                "not enforced": ["nothing"],
            },
        ),
    ],
)
def test_what_becomes_of_a_vendors_names(mode: str, expected: dict[str, list[str]]) -> None:
    assert becomes("zoom", summarise({"name": "zoom"}, backend={**NFTABLES, "names": mode})) == expected


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("deny", "these stay blocked, except where an allowed address covers them"),
        ("audit", "counted and logged like all that is not allowed, and not stopped"),
        ("unmanaged", "nothing is opened for these"),
    ],
)
def test_a_name_that_nobody_enforces_says_what_that_means(policy: str, words: str) -> None:
    lines = becomes("vsee", summarise({"name": "vsee"}, backend={**NFTABLES, "policy": policy}))["not enforced"]
    assert f"names are reported only: {words} *.vsee.com (" in " ".join(lines)


def test_more_than_was_asked_for_is_said() -> None:
    backend = {**NFTABLES, "names": "dnsmasq"}
    found = becomes("kudo", summarise({"name": "kudo", "regions": "canada", "teams": True}, backend=backend))
    assert " ".join(found["enforced by learned name"]).split(", ") == [
        "*.kudoway.ca",
        "*.opentok.com",
        "*.tokbox.com",
        "teams-bot.kudoway.com",
        "teams-web.kudoway.com",
    ]
    assert " ".join(found["widened"]).split("; ") == [
        "*.kudoway.ca: kudoway.ca itself",
        "*.opentok.com: opentok.com itself",
        "teams-bot.kudoway.com: names below it",
        "teams-web.kudoway.com: names below it",
        "*.tokbox.com: tokbox.com itself",
    ]


def rule(vendor: str, port: str, destination: str, **more: str) -> dict[str, str]:
    given = {"vendor": vendor, "service": "web", "protocol": "tcp", "ports": port, "destination": destination}
    return {**given, **more}


SHUT = "these stay blocked, except where an allowed address covers them"
UNMATCHED = f"no tool matches a '*' within a name, only '*.' in front of it: {SHUT}"
PATTERNS = ["rtc*.calls.example.com", "turn-*.elb.REGION.example.com", "sip*.co.uk", "*-a.example.net", "*.example.net"]


@pytest.mark.parametrize(
    ("backend", "where"),
    [
        ({**NFTABLES, "names": "dnsmasq"}, ""),
        ({**NFTABLES, "names": "resolve"}, " where dnsmasq learns names (nftables, firewalld)"),
        ({**NFTABLES, "name": "ufw", "names": "resolve"}, " where dnsmasq learns names (nftables, firewalld)"),
        ({"name": "GCP", "policy": "deny", "names": "fqdn", "timers": False, "units": [], "inbound": False},
         " where dnsmasq learns names (nftables, firewalld)"),
    ],
)  # fmt: skip
def test_patterns_are_not_enforced_and_what_may_be_allowed_instead_is_said(backend: dict[str, Any], where: str) -> None:
    allowlist = merge_vendors([rule("one", "443", pattern) for pattern in PATTERNS])
    told = " ".join(becomes("one", summarise_allowlist(allowlist, None, backend))["not enforced"])
    listed = "*-a.example.net, rtc*.calls.example.com, sip*.co.uk, turn-*.elb.REGION.example.com (web tcp/443)"
    assert f"{UNMATCHED} {listed} " in told
    assert (
        f"rtc*.calls.example.com: *.calls.example.com may be allowed instead{where}, which opens calls.example.com "
        "itself and every other name below it too"
    ) in told
    assert f"turn-*.elb.REGION.example.com: *.example.com may be allowed instead{where}, which opens" in told
    assert "sip*.co.uk: no broader name is safe to allow instead: below co.uk anybody can have names" in told
    known = "*-a.example.net: *.example.net of this list takes these names too, for its own ports"
    assert (known in told) == (backend["names"] == "dnsmasq")
    assert (f"a wildcard cannot be looked up: {SHUT} *.example.net (web" in told) == (backend["names"] != "dnsmasq")


def test_patterns_are_among_names_that_are_only_reported() -> None:
    allowlist = merge_vendors([rule("one", "443", pattern) for pattern in PATTERNS[:2]])
    told = " ".join(becomes("one", summarise_allowlist(allowlist, None, NFTABLES))["not enforced"])
    assert told == f"names are reported only: {SHUT} {', '.join(PATTERNS[:2])} (web tcp/443)"


def test_vendors_that_share_a_domain_share_what_is_widened() -> None:
    rules = [rule("one", "443", "*.example.com"), rule("two", "80", "example.com"), rule("two", "80", "example.net")]
    lines = summarise_allowlist(merge_vendors(rules), None, {**NFTABLES, "names": "dnsmasq"})
    shared = "*.example.com, example.com: example.com itself and names below it share their ports"
    assert " ".join(becomes("one", lines)["widened"]) == shared
    assert " ".join(becomes("two", lines)["widened"]) == f"{shared}; example.net: names below it"
    assert becomes("one", lines)["enforced by learned name"] == ["*.example.com"]
    assert becomes("two", lines)["enforced by learned name"] == ["example.com, example.net"]


@pytest.mark.parametrize("mode", ["report", "resolve", "dnsmasq"])
@pytest.mark.parametrize("lets_in", [True, False])
def test_inbound_rows_by_name_are_never_enforced(mode: str, lets_in: bool) -> None:
    rules = [rule("one", "443", destination, direction="inbound") for destination in ("a.example.com", "192.0.2.1")]
    backend = {**NFTABLES, "names": mode, "inbound": lets_in}
    found = becomes("one", summarise_allowlist(merge_vendors(rules), None, backend))
    names = ["inbound: names never let anything in", "a.example.com (web tcp/443)"]
    if lets_in:
        assert found == {"enforced by address": ["inbound from 1 address"], "not enforced": names}
    else:
        stopped = "inbound from 1 address: nothing that comes in is stopped here, so nothing is opened"
        assert found == {"not enforced": [stopped, *names]}


def test_timers_that_a_backend_has_not_are_told_among_what_is_not_enforced() -> None:
    eschat = {"name": "eschat", "signaling_port": 7400}
    ufw = {**NFTABLES, "name": "ufw", "names": "resolve", "timers": False}
    assert becomes("eschat", summarise(eschat, backend=ufw))["not enforced"] == ["2 timers, listed below: ufw cannot"]
    assert becomes("eschat", summarise(eschat, backend={**ufw, "timers": True}))["not enforced"] == ["nothing"]


def test_names_of_different_needs_are_listed_apart() -> None:
    rules = [
        rule("one", "443", "b.example.com"),
        rule("one", "443", "a.example.com"),
        rule("one", "80", "c.example.com"),
        rule("one", "25", "c.example.com", service="mail"),
    ]
    found = becomes("one", summarise_allowlist(merge_vendors(rules), None, NFTABLES))["not enforced"]
    assert found[-2:] == ["a.example.com, b.example.com (web tcp/443)", "c.example.com (mail tcp/25; web tcp/80)"]


def test_without_a_backend_nothing_is_said_of_enforcement() -> None:
    assert not [line for line in summarise(*EVERYTHING) if line.startswith(("  enforced", "  widened", "  not enf"))]


def test_a_vendor_without_rules_has_nothing_that_is_not_enforced() -> None:
    assert becomes("vsee", summarise({"name": "vsee"}, requirements=["optional"], backend=NFTABLES)) == {
        "not enforced": ["nothing"]
    }


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


FORWARDS = "what it forwards from any other source is not filtered"
OWN = "what this host itself sends"


@pytest.mark.parametrize("policy", ["deny", "audit", "unmanaged"])
@pytest.mark.parametrize("name", ["nftables", "ufw", "firewalld"])
@pytest.mark.parametrize(
    ("scope", "sources", "words"),
    [
        ("host", [], ""),
        ("gateway", [], f"Scope gateway: all that this host forwards, in both directions; {OWN} is not filtered"),
        (
            "gateway",
            ["10.1.0.0/16", "2001:db8::/64"],
            f"Scope gateway: what this host forwards from 10.1.0.0/16, 2001:db8::/64; {OWN} is not filtered; "
            + FORWARDS,
        ),
        (
            "gateway",
            "10.1.0.0/16",
            f"Scope gateway: what this host forwards from 10.1.0.0/16; {OWN} is not filtered; {FORWARDS}",
        ),
        ("both", [], f"Scope both: {OWN}, and all that it forwards, in both directions"),
        ("both", ["10.1.0.0/16"], f"Scope both: {OWN}, and what it forwards from 10.1.0.0/16; {FORWARDS}"),
    ],
)
def test_what_the_scope_leaves_as_it_was_is_said(
    name: str, policy: str, scope: str, sources: list[str] | str, words: str
) -> None:
    backend = {**NFTABLES, "name": name, "policy": policy, "scope": scope, "sources": sources}
    lines = summarise({"name": "vsee"}, backend=backend)
    told = " ".join(line.strip() for line in lines[1 : lines.index("")])
    verdict, dummy, said = told.partition(" Scope ")
    assert verdict.startswith(f"Backend {name}, policy {policy}: ")
    assert (f"Scope {said}" if said else "") == (words if policy != "unmanaged" else "")


CLOUD = {"name": "AWS security groups", "policy": "deny", "names": "resolve", "timers": False, "inbound": False}
USED = {"quota": "rules for IPv4 in 5 groups of 60", "before": 12, "after": 1250, "limit": 1300}
WIDENED = [
    "udp/3478 to 3.7.35.96/27: 32 addresses that nobody asked for (zoom: media)",
    "tcp/443-5349 to 3.7.35.0/24: 4,905 ports that nobody asked for (kudo: media, zoom: media)",
]


def cloud(vendor: str = "zoom", **more: Any) -> list[str]:
    return summarise({"name": vendor, "inbound": True}, backend={**CLOUD, "units": [], **more})


@pytest.mark.parametrize(
    ("unit", "cells"),
    [
        (USED, ["rules for IPv4 in 5 groups of 60", "12 -> 1,250 of 1,300"]),
        ({**USED, "before": 1250}, ["rules for IPv4 in 5 groups of 60", "1,250 of 1,300"]),
        ({**USED, "quota": "rules", "limit": -1}, ["rules", "12 -> 1,250 (no limit)"]),
        ({"quota": "rules", "exact": 60, "need": 60, "limit": 60}, ["rules", "60 needed of 60"]),
        ({"quota": "rules", "exact": 1248, "need": 60, "limit": 60}, ["rules", "60 needed of 60", "1,248 if exact"]),
    ],
)
def test_quotas_say_what_is_used(unit: dict[str, Any], cells: list[str]) -> None:
    lines = cloud(units=[unit])
    start = lines.index("Quota")
    assert [cell for cell in lines[start + 1].split("  ") if cell] == cells


def test_each_opening_that_nobody_asked_for_is_listed_and_counted_by_vendor() -> None:
    lines = cloud(widened=WIDENED)
    start = lines.index("Open although nobody asked")
    assert lines[start + 1 : start + 3] == [f"  {text}" for text in WIDENED]
    assert becomes("zoom", lines)["widened"] == ["2 openings that nobody asked for, listed below"]
    assert "widened" not in becomes("zoom", cloud(widened=["tcp/80 to 192.0.2.0/31: 1 address (kudo: zoom)"]))
    assert not {"Quota", "Open although nobody asked"} & set(cloud(widened=[]))


def test_a_cloud_says_when_names_are_looked_up_and_that_it_is_not_alone() -> None:
    found = {mode: becomes("zoom", cloud(names=mode)) for mode in ("resolve", "fqdn")}
    assert found["resolve"]["enforced by resolved name"] == ["zoom.us (looked up once, when this was applied)"]
    assert found["fqdn"]["enforced by name"] == ["zoom.us (looked up by the firewall itself)"]
    for told in found.values():
        assert "a wildcard cannot be looked up: these stay blocked" in " ".join(told["not enforced"])
        assert "49 prefixes: these are egress rules, so nothing is opened" in " ".join(told["not enforced"])
    assert "policy deny: all other egress is stopped, unless other rules allow it" in " ".join(
        " ".join(cloud()).split()
    )


@pytest.mark.parametrize(
    ("versions", "enforced", "shut"),
    [
        ([4, 6], "256 addresses in 1 prefix, 1 IPv6 prefix; inbound from 1 address", ["nothing"]),
        ([4], "256 addresses in 1 prefix; inbound from 1 address",
         ["1 IPv6 prefix: nftables has no rules of IPv6 on this host, so nothing is opened"]),
        ([6], "1 IPv6 prefix",
         ["257 addresses in 2 prefixes: nftables has no rules of IPv4 on this host, so nothing is opened"]),
    ],
)  # fmt: skip
def test_ip_versions_without_rules_are_not_enforced(versions: list[int], enforced: str, shut: list[str]) -> None:
    each = {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443"}
    rules = [{**each, "destination": text} for text in ("192.0.2.0/24", "2001:db8::/64")]
    rules.append({**each, "destination": "198.51.100.7", "direction": "inbound"})
    lines = summarise_allowlist(merge_vendors(rules), None, {**NFTABLES, "ip_versions": versions})
    text = " ".join(" ".join(lines).split())
    assert f"enforced by address {enforced} not enforced {' '.join(shut)}" in text


ANYWHERE = [{"destination": "0.0.0.0/0", "ports": "any"}]
BESIDES = "Open besides, by nftables_egress_allow: "
UNLESS = ", unless other rules allow it"


def head(allow: list[dict[str, Any]], **backend: Any) -> list[str]:
    """Return the lines of the head behind the first, joined where they were broken."""
    rule = {"vendor": "example", "service": "web", "protocol": "tcp", "ports": "443", "destination": "192.0.2.1"}
    told = {**NFTABLES, "allow": {"nftables_egress_allow": allow}, **backend}
    lines = summarise_allowlist(merge_vendors([rule]), None, told)
    assert all(len(line) <= 100 for line in lines)
    return "\n".join(lines[1 : lines.index("")]).replace("\n  ", " ").splitlines()


@pytest.mark.parametrize(
    ("allow", "line", "everywhere"),
    [
        (ANYWHERE, "1 rule to 4,294,967,296 addresses in 1 prefix; any IPv4 address (tcp/1-65535) is open", "any IPv4"),
        ([{"destination": "0.0.0.0/1"}, {"destination": "128.0.0.0/1", "protocol": "UDP", "ports": "53"}],
         "2 rules to 4,294,967,296 addresses in 1 prefix; any IPv4 address (tcp/443 udp/53) is open", "any IPv4"),
        ([{"destination": "0.0.0.0/0, ::/0", "protocol": "ESP"}],
         "1 rule to 4,294,967,296 addresses in 1 prefix, 1 IPv6 prefix; any address (esp) is open", "any address"),
        ([{"destination": "2000::/3"}], "1 rule to 1 IPv6 prefix; any IPv6 address (tcp/443) is open", "any IPv6"),
        ([{"destination": "64:ff9b::/96"}],
         "1 rule to 1 IPv6 prefix; any IPv4 address (tcp/443) is open", "any IPv4"),
        ([{"destination": "0.0.0.0/0", "ports": "80"}, {"destination": "192.0.2.0/24", "ports": "22"}],
         "2 rules to 4,294,967,296 addresses in 1 prefix; any IPv4 address (tcp/80) is open", "any IPv4"),
        ([{"destination": "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fd00::/8", "ports": "22"}],
         "1 rule to 17,891,328 addresses in 3 prefixes, 1 IPv6 prefix; "
         "wide: 10.0.0.0/8 (tcp/22), fd00::/8 (tcp/22), 172.16.0.0/12 (tcp/22)", ""),
        ([{"destination": "192.0.2.7"}], "1 rule to 1 address", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("policy", ["deny", "audit", "unmanaged"])
def test_what_the_user_opens_besides_is_told(
    allow: list[dict[str, Any]], line: str, everywhere: str, policy: str
) -> None:
    allow = [{"ports": "443", **row} if row.get("protocol") != "ESP" else row for row in allow]
    backend, besides = head(allow, policy=policy)
    assert besides == f"{BESIDES}{line}" + ("; not used: the policy is unmanaged" if policy == "unmanaged" else "")
    if policy == "unmanaged" or not everywhere:
        assert "opens any" not in backend
        assert ("all other egress is stopped" in backend) == (policy == "deny")
    else:
        assert "all other egress" not in backend
        assert f"nftables_egress_allow opens {everywhere}" in backend
        assert "only what that leaves is" in backend


def test_nothing_besides_is_no_line() -> None:
    assert head([]) == ["Backend nftables, policy deny: all other egress is stopped, after the baseline"]


@pytest.mark.parametrize("policy", ["deny", "unmanaged"])
def test_additions_in_a_cloud_count_whatever_the_policy(policy: str) -> None:
    backend, besides = head(ANYWHERE, policy=policy, units=[], name="AWS security groups")
    assert "not used" not in besides
    assert ("opens any IPv4 address" in backend and backend.endswith(UNLESS)) == (policy == "deny")


def chosen(title: str = "Acme", **options: Any) -> list[str]:
    """Return the summary of a vendor of this title, of which these options were chosen."""
    rule = {"vendor": "acme", "service": "web", "protocol": "tcp", "ports": "443", "destination": "192.0.2.1"}
    vendor = {"name": "acme", "title": title, "options": options, "all": [], "defaults": [], "notes": []}
    lines = summarise_allowlist(merge_vendors([rule]), {"vendors": [vendor]}, NFTABLES)
    assert [line for line in lines if len(line) > 100 or not line.isprintable()] == []
    return lines


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("usa; inbound: no (default)", "'usa; inbound: no (default)'"),
        ("no (default)", "'no (default)'"),
        ("all (us, jp), since nothing was said", "'all (us, jp), since nothing was said'"),
        ("inbound: no", "'inbound: no'"),
        ("it's; x: 1", '"it\'s; x: 1"'),
        ("", "''"),
        (["usa", "jp; inbound: no"], "usa, 'jp; inbound: no'"),
        (["usa, jp"], "'usa, jp'"),
        ("usa", "usa"),
        ("4200-4250, 5000", "4200-4250, 5000"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        (True, "yes"),
    ],
)
def test_a_value_does_not_read_like_an_option(value: Any, shown: str) -> None:
    assert f"  regions: {shown}; inbound: yes" in chosen(regions=value, inbound=True)


def test_no_word_of_a_value_begins_a_line() -> None:
    lines = chosen(regions="x" * 60 + " inbound: no (default)", teams=False)
    assert lines[lines.index("Acme (acme)") + 1 :][:2] == [
        "  regions: '" + "x" * 60 + " inbound: no (default)';",
        "    teams: no",
    ]


@pytest.mark.parametrize("title", ["T" * 10_000, "All of " + "Acme, " * 40, "T" * 93, "T" * 94])
def test_a_title_is_cut_to_the_width(title: str) -> None:
    lines = chosen(title)
    (line,) = [line for line in lines if line.endswith(" (acme)")]
    assert line == f"{title} (acme)" if len(title) == 93 else line.endswith(" ... (acme)")
    assert lines[lines.index(line) + 1].startswith("  web ")
