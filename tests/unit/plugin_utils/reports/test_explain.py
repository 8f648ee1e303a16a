"""Why something is open."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.filter.explain_destination import explain
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import merged, rule, web

PAGE = {"source": "Firewall page", "date": "2026-03"}
ROWS: list[dict[str, Any]] = [
    {"vendor": "kudo", "service": "media", "row": 1, "destination": "192.0.2.0/25", "ports": "443", **PAGE},
    {
        "vendor": "zoom",
        "service": "calls",
        "row": 9,
        "destination": "192.0.2.0/24",
        "protocol": "UDP",
        "ports": "8801:8810",
    },
    {"vendor": "kudo", "service": "names", "row": 2, "destination": "*.example.com", "ports": "443", **PAGE},
    {
        "vendor": "zoom",
        "service": "back",
        "row": 3,
        "destination": "2001:db8::/48",
        "ports": "1-9",
        "direction": "inbound",
    },
]
TUNNEL = {
    "vendor": "kudo",
    "service": "tunnel",
    "destination": "198.51.100.0/24",
    "protocol": "ESP, ICMP type 8",
    **PAGE,
}
ALLOWLIST = merged(*ROWS, TUNNEL)
MEDIA = "tcp/443 to 192.0.2.0/25  kudo: media: row 1 of Firewall page, 2026-03 (required)"
CALLS = "udp/8801-8810 to 192.0.2.0/24  zoom: calls: row 9 of no document (required)"
NAMES = "tcp/443 to *.example.com  kudo: names: row 2 of Firewall page, 2026-03 (required)"
ESP = "esp to 198.51.100.0/24  kudo: tunnel: row 5 of Firewall page, 2026-03 (required)"
PING = "icmp/echo-request to 198.51.100.0/24  kudo: tunnel: row 5 of Firewall page, 2026-03 (required)"
BACK = "tcp/1-9 from 2001:db8::/48  zoom: back: row 3 of no document (required)"


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (("192.0.2.0",), [MEDIA, CALLS]),
        (("192.0.2.127",), [MEDIA, CALLS]),
        (("192.0.2.128",), [CALLS]),
        (("192.0.2.0/23",), [MEDIA, CALLS]),
        (("192.0.2.64/26", "tcp"), [MEDIA]),
        (("192.0.2.1", "udp", 8800), []),
        (("192.0.2.1", "udp", 8801), [CALLS]),
        (("192.0.2.1", "", 8810), [CALLS]),
        (("192.0.2.1", "", 8811), []),
        (("203.0.113.1",), []),
        (("198.51.100.1",), [ESP, PING]),
        (("198.51.100.1", "50"), [ESP]),
        (("198.51.100.1", "ICMP"), [PING]),
        (("198.51.100.1", "icmp/echo-request"), [PING]),
        (("198.51.100.1", "icmp/8"), [PING]),
        (("198.51.100.1", "1/ping"), [PING]),
        (("198.51.100.1", "icmp/echo-reply"), []),
        (("192.0.2.1", "udp/8811"), []),
        (("192.0.2.1", "UDP/8811", 8811), []),
        (("198.51.100.1", "", 500), []),
        (("2001:db8::1",), [BACK]),
        (("live.example.com",), [NAMES]),
        (("a.b.EXAMPLE.com",), [NAMES]),
        (("example.com",), []),
        (("evilexample.com",), []),
        (("*.example.com",), [NAMES]),
    ],
)
def test_rows_that_open_something(asked: tuple[Any, ...], lines: list[str]) -> None:
    verdict, *rows = explain_destination(ALLOWLIST, *asked)
    assert rows == lines
    assert verdict.startswith("open: not: " if lines in ([], [BACK]) else ("open: all: ", "open: in part: "))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (("192.0.2.256",), "destination '192.0.2.256': octet 256 is larger than 255"),
        (("192.0.2.1/24",), "host bits are set"),
        (
            ("192.0.2.1", "xtp"),
            "protocol 'xtp' is unknown; accepted are tcp, udp, other protocols by name .*, or nothing",
        ),
        (("192.0.2.1", "esp", 500), "port '500' is not accepted: esp has no ports: leave it out"),
        (
            ("192.0.2.1", "", 65536),
            "port '65536' is not accepted: write a number from 1 to 65535, a range like 50000-50010",
        ),
        (("a_b",), "destination 'a_b': is not a name"),
        (("192.0.2.1", "icmp/256"), "'256' is no type of icmp: accepted are numbers from 0 to 255 and echo-reply"),
        (("192.0.2.1", "esp/50"), "protocol 'esp/50' is not accepted: esp has no ports: write 'esp'"),
        (("192.0.2.1", "tcp/0"), "ports '0': '0' is not a port from 1 to 65535"),
        (("192.0.2.1", "tcp/9-1"), "ports '9-1': 9 is larger than 1: write the lower port first"),
        (("192.0.2.1", "tcp/1-9", "1-8"), "protocol 'tcp/1-9' and port '1-8' are not the same: write one of them"),
        (("192.0.2.1", "", "https-1"), "port 'https-1' is not accepted: write a number from 1 to 65535, a range"),
        (
            ("192.0.2.1", "", "htps"),
            "port 'htps' is not accepted: .*, or 0 for all; did you mean https. Names are amqp,",
        ),
        (("192.0.2.1", "", "9-1"), "port '9-1' is not accepted: 9 is larger than 1: write the lower port first"),
        (("192.0.2.1", "", "tcp/443"), "port 'tcp/443' is not accepted: write '443', and 'tcp' as the protocol"),
        (("192.0.2.1", "", "icmp/8"), "port 'icmp/8' is not accepted: write 'icmp/8' as the protocol"),
        (("192.0.2.1", "", "tcp/x"), "port 'tcp/x' is not accepted: write a number from 1 to 65535"),
        (("192.0.2.1", "", "-1"), "port '-1' is not accepted: write a number"),
        (("192.0.2.1", "", True), "port 'True' is not accepted: write a number"),
        (("192.0.2.9-192.0.2.1",), "192.0.2.9 is larger than 192.0.2.1: write the lower address first"),
        (("192.0.2.1-9",), "a range has two whole addresses: write 192.0.2.1-192.0.2.9 if that is meant"),
        (("192.0.2.9-1",), "a range has two whole addresses: write them like 192.0.2.1-192.0.2.9"),
        (("192.0.2.1-2001:db8::1",), "one end is IPv4, the other IPv6"),
        (("192.0.2.1-192.0.2.256",), "octet 256 is larger than 255"),
        (
            ("a**.example.com",),
            "destination 'a..\\.example\\.com': is no name and no pattern of one: accepted are names",
        ),
        (("*",), "destination '.': is any address: write 0.0.0.0/0 for all of IPv4, ::/0 for all of IPv6"),
        (("Any",), "destination 'Any': is any address: write 0.0.0.0/0"),
        (("https://live.example.com",), "destination 'https://.*': is more than a host: write live.example.com$"),
        (("https://live.example.com:8443/x?y",), "is more than a host: write live.example.com, and 8443 as the port$"),
        (("live.example.com:443",), "is more than a host: write live.example.com, and 443 as the port$"),
        (("192.0.2.7:443",), "is more than a host: write 192.0.2.7, and 443 as the port$"),
        (("[2001:db8::1]",), "is more than a host: write 2001:db8::1$"),
        (("[2001:db8::1]:443",), "is more than a host: write 2001:db8::1, and 443 as the port$"),
        (("https://192.0.2.256/",), "destination 'https://192.0.2.256/': "),
        (("192.0.2.1", "tcp/udp", 443), "protocol 'tcp/udp' is not accepted: ask for one, or nothing for all"),
        (("",), "destination ''"),
        (("192.0.2.1", "tcp/443", 80), "protocol 'tcp/443' and port '80' are not the same: write one of them"),
        (("192.0.2.1", "/443"), "protocol '' is unknown"),
        (("192.0.2.1", "icmp/8", 80), "port '80' is not accepted: icmp has no ports: leave it out"),
    ],
)
def test_what_cannot_be_asked(asked: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        explain_destination(ALLOWLIST, *asked)


def rows_of(*asked: Any, **more: Any) -> list[str]:
    """Return what is open and which rows answer, of each only the numbers: C{["open: all", "1", "3"]}."""
    verdict, *lines = explain_destination(*asked, **more)
    return [
        verdict.rpartition(": ")[0] and ": ".join(verdict.split(": ")[:2]),
        *(re.findall(r"row (\d+) of", "\n".join(lines))),
    ]


def numbered(*rules: dict[str, Any], **carried: Any) -> dict[str, Any]:
    """Return the allowlist of rules, each a row by itself."""
    listed = [{**one, "row": number, **PAGE} for number, one in enumerate(rules, 1)]
    return merge_vendors(listed, **carried)


ANY = numbered(
    rule("0.0.0.0/0", "50000-60000"),
    rule("203.0.113.0/24", "50000-60000"),
    rule("::/0", "3478"),
    rule("0.0.0.0/0", "5060", direction="inbound"),
    reasons=[
        {"vendor": "acme", "service": "calls", "row": 1, "opened": "0.0.0.0/0 (any IPv4 address)", "because": "NAT"},
        {"vendor": "acme", "service": "calls", "row": 2, "opened": "198.51.100.0/24", "because": "another prefix"},
    ],
)
ANY4 = (
    "udp/50000-60000 to 0.0.0.0/0  acme: calls: row 1 of Firewall page, 2026-03 (required); any IPv4 address; "
    "open because: NAT"
)
ANY6 = "udp/3478 to ::/0  acme: calls: row 3 of Firewall page, 2026-03 (required); any IPv6 address"


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (("www.example.org", "", 50001),
         ["open: in part: www.example.org: udp/50001 to any IPv4 address; nothing to IPv6 addresses", ANY4]),
        (("*.example.org", "udp", "50001"),
         ["open: in part: *.example.org: udp/50001 to any IPv4 address; nothing to IPv6 addresses", ANY4]),
        (("www.example.org", "udp/3478"),
         ["open: in part: www.example.org: udp/3478 to any IPv6 address; nothing to IPv4 addresses", ANY6]),
        (("www.example.org", "tcp"), ["open: not: nothing on the allowlist opens www.example.org, tcp"]),
        (("www.example.org", "", 5060), ["open: not: nothing on the allowlist opens www.example.org, port 5060"]),
        (("2001:db8::1", "", "stun"), ["open: all: udp/3478 to 2001:db8::1", ANY6]),
        (("198.51.100.1", "", "59990-60010"),
         ["open: in part: udp/59990-60000 to 198.51.100.1, of ports 59990-60010 to 198.51.100.1", ANY4]),
    ],
)  # fmt: skip
def test_rows_that_open_any_address_answer_for_every_name(asked: tuple[Any, ...], lines: list[str]) -> None:
    assert explain_destination(ANY, *asked) == lines


def test_any_address_of_both_versions_is_all_of_a_name() -> None:
    both = numbered(rule("0.0.0.0/0", "443"), rule("::/0", "400-500"))
    assert explain_destination(both, "www.example.org", "", "443")[0] == (
        "open: all: www.example.org: udp/443 to any IPv4 address; udp/443 to any IPv6 address"
    )
    assert rows_of(both, "www.example.org", "", "443-444") == ["open: in part", "1", "2"]


HALVES = [
    rule("0.0.0.0/1", "50000-60000"),
    rule("128.0.0.0/1", "50000-55000", vendor="zoo"),
    rule("192.0.2.1/32", "50000-60000"),
]


@pytest.mark.parametrize(
    ("port", "remarks"),
    [
        (50001, {"1": "with others any IPv4 address", "2": "with others any IPv4 address"}),
        (58000, {"1": "a large part of all IPv4 addresses"}),
        ("54000-58000", {"1": "with others any IPv4 address", "2": "with others any IPv4 address"}),
        (60001, {}),
    ],
)
def test_any_address_in_halves(port: int | str, remarks: dict[str, str]) -> None:
    verdict, *lines = explain_destination(numbered(*HALVES), "www.example.org", "", port)
    found = {re.findall(r"row (\d+)", line)[0]: line.rpartition("; ")[2] for line in lines}
    assert found == remarks
    assert verdict.startswith("open: in part: " if remarks else "open: not: ")
    assert ("udp/50001 to any IPv4 address" in verdict) == (port == 50001)


def test_any_address_in_many_prefixes_of_one_row_and_of_many() -> None:
    listed = [f"{first}.{second}.0.0/16" for first in range(1, 224) for second in range(256)]
    one_row = merge_vendors([{**rule(prefix, "443"), "row": 1} for prefix in listed])
    verdict, line = explain_destination(one_row, "www.example.org")
    assert "udp/443 to any IPv4 address" in verdict
    assert line.startswith("udp/443 to 1.0.0.0/16, 1.1.0.0/16, 1.10.0.0/16 and 57,085 more  acme: calls: row 1 of")
    assert line.endswith("; any IPv4 address")
    verdict, *lines, more = explain_destination(numbered(*(rule(p, "443") for p in listed)), "www.example.org")
    assert "udp/443 to any IPv4 address" in verdict
    assert len(lines) == 20
    assert all(line.endswith("; with others any IPv4 address") for line in lines)
    assert more == "and 57,068 more rows that open any address with all of these together"
    # A host less, and nobody says any address.
    verdict, *lines = explain_destination(numbered(*(rule(p, "443") for p in listed[:-1])), "www.example.org")
    assert "udp/443 to a large part of all IPv4 addresses" in verdict
    assert len(lines) == 21


def test_what_is_wide_but_not_any_address_answers_for_no_name() -> None:
    wide = numbered(rule("16.0.0.0/4", "443"), rule("2600::/16", "443"))
    assert explain_destination(wide, "www.example.org") == ["open: not: nothing on the allowlist opens www.example.org"]


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (("192.0.2.0/24", "", "8801-8810"), "open: all: udp/8801-8810 to 192.0.2.0/24"),
        (("192.0.2.0/24", "", "8805-8820"),
         "open: in part: udp/8805-8810 to 192.0.2.0/24, of ports 8805-8820 to 192.0.2.0/24"),
        (("192.0.2.0/24", "tcp/443"), "open: in part: tcp/443 to 192.0.2.0/25, of tcp/443 to 192.0.2.0/24"),
        (("192.0.2.0/24", "tcp/https"), "open: in part: tcp/443 to 192.0.2.0/25, of tcp/443 to 192.0.2.0/24"),
        (("192.0.2.0/25", "", "https"), "open: all: tcp/443 to 192.0.2.0/25"),
        (("192.0.2.0/25", "", "HTTPS"), "open: all: tcp/443 to 192.0.2.0/25"),
        (("192.0.2.0/25",), "open: all: 192.0.2.0/25, for the services of the rows below"),
        (("192.0.2.0/23",), "open: in part: 192.0.2.0/24 of 192.0.2.0/23, for the services of the rows below"),
        (("192.0.2.100-192.0.2.140", "tcp"),
         "open: in part: 192.0.2.100-192.0.2.127 of 192.0.2.100-192.0.2.140, for the services of the rows below"),
        (("192.0.2.100 – 192.0.2.120", "tcp"),
         "open: all: 192.0.2.100-192.0.2.120, for the services of the rows below"),
        (("192.0.2.100 to 192.0.2.120", "", "440-450"),
         "open: in part: tcp/443 to 192.0.2.100-192.0.2.120, of ports 440-450 to 192.0.2.100-192.0.2.120"),
        (("203.0.113.1",), "open: not: nothing on the allowlist opens 203.0.113.1"),
        (("203.0.113.1", "esp"), "open: not: nothing on the allowlist opens 203.0.113.1, esp"),
        (("198.51.100.0/24", "icmp/8"), "open: all: icmp/echo-request to 198.51.100.0/24"),
        (("2001:db8::1",), "open: not: nothing on the allowlist opens 2001:db8::1; rows below let it in"),
        (("live.example.com", "", "https"), "open: all: live.example.com: tcp/443 by name where names are enforced"),
        (("live.example.com", "", "440-450"),
         "open: in part: live.example.com: tcp/443 by name where names are enforced"),
        (("*.a.example.com",), "open: all: *.a.example.com: tcp/443 by name where names are enforced"),
        (("example.com",), "open: not: nothing on the allowlist opens example.com"),
    ],
)  # fmt: skip
def test_whether_all_that_is_asked_is_open(asked: tuple[Any, ...], verdict: str) -> None:
    assert explain_destination(ALLOWLIST, *asked)[0] == verdict


def test_the_rest_that_is_open_in_part_is_said_too() -> None:
    two = numbered(rule("192.0.2.0/24", "443", "tcp"), rule("192.0.2.0/26", "443"), rule("192.0.2.128/26", "443"))
    assert explain_destination(two, "192.0.2.0/24", "", "https")[0] == (
        "open: all: tcp/443 to 192.0.2.0/24; in part: udp/443 to 192.0.2.0/26, 192.0.2.128/26"
    )
    many = numbered(*(rule(f"192.0.2.{4 * number}/32", "443") for number in range(9)))
    assert explain_destination(many, "192.0.2.0/24")[0] == (
        "open: in part: 192.0.2.0, 192.0.2.4, 192.0.2.8 and 6 more of 192.0.2.0/24, for the services of the rows below"
    )


PATTERNS = numbered(
    web("rtc*.calls.example.net"),
    web("turn-*.elb.REGION.example.com"),
    web("*.example.org"),
    web("sip*.example.org", "5061"),
    web("b.example.edu", "80"),
    web("a.example.edu"),
    web("c*.example.edu", direction="inbound"),
)
UNENFORCED = "no tool can enforce this pattern"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("rtc12.calls.example.net",), ["open: not", "1"]),
        (("rtc.calls.example.net",), ["open: not", "1"]),
        (("rtc1.eu.calls.example.net",), ["open: not"]),
        (("calls.example.net",), ["open: not"]),
        (("rtc*.calls.example.net",), ["open: not", "1"]),
        (("RTC1*.Calls.example.net",), ["open: not", "1"]),
        (("*.calls.example.net",), ["open: not"]),
        (("turn-3.elb.eu-west-1.example.com",), ["open: not", "2"]),
        (("turn-*.elb.REGION.example.com",), ["open: not", "2"]),
        (("turn-*.elb.*.example.com",), ["open: not"]),
        (("sip1.example.org",), ["open: all", "3", "4"]),
        (("sip1.example.org", "", "sips"), ["open: not", "4"]),
        (("x.example.org", "", "sips"), ["open: not"]),
        (("*.example.org",), ["open: all", "3"]),
        (("*.x.example.org",), ["open: all", "3"]),
        (("*.example.edu",), ["open: in part"]),
        (("c1.example.edu",), ["open: not", "7"]),
    ],
)
def test_patterns_that_are_printed_and_asked_for(asked: tuple[Any, ...], expected: list[str]) -> None:
    assert rows_of(PATTERNS, *asked) == expected


def test_a_row_of_a_pattern_says_that_nothing_enforces_it() -> None:
    assert explain_destination(PATTERNS, "rtc12.calls.example.net") == [
        "open: not: no tool can enforce the patterns below that take rtc12.calls.example.net",
        "tcp/443 to rtc*.calls.example.net  acme: calls: row 1 of Firewall page, 2026-03 (required); " + UNENFORCED,
    ]
    assert explain_destination(PATTERNS, "*.example.edu") == [
        "open: in part: of *.example.edu the names a.example.edu, b.example.edu"
    ]
    assert explain_destination(PATTERNS, "c1.example.edu")[1].endswith("; names never let anything in")


def test_labels_and_reasons_stand_behind_their_rows() -> None:
    reasons = [
        {"vendor": "acme", "service": "calls", "row": 1, "opened": "17.0.0.0/8", "because": "push"},
        {"vendor": "acme", "service": "", "row": 0, "opened": "16,777,250 IPv4 addresses", "because": "all of it"},
    ]
    allowlist = numbered(web("17.0.0.0/8"), web("17.0.0.0/8", "80"), web("192.0.2.0/24"), reasons=reasons)
    allowlist["provenance"][0]["label"] = "Push service"
    first, second = explain_destination(allowlist, "17.1.1.1")[1:]
    assert first.endswith("(required); open because: push; label: Push service")
    assert second.endswith("(required)")


SMALL = st.builds(
    lambda low, bits, port, span, protocol: web(
        f"192.0.2.{low >> bits << bits}/{32 - bits}", f"{port}-{port + span}", protocol
    ),
    st.integers(0, 15), st.integers(0, 4), st.integers(1, 8), st.integers(0, 4), st.sampled_from(["tcp", "udp"]),
)  # fmt: skip


@given(st.lists(SMALL, max_size=6), st.integers(0, 15), st.integers(0, 15), st.integers(0, 12), st.integers(0, 3),
       st.sampled_from(["", "tcp"]))  # fmt: skip
def test_the_verdict_is_that_of_every_packet(
    rules: list[dict[str, Any]], one: int, other: int, port: int, more: int, protocol: str
) -> None:
    low, high = sorted((one, other))
    open_to = {
        (each["protocol"], address, number)
        for each in rules
        for address in map(int, ip_network(each["destination"]))
        for first, last in [map(int, each["ports"].split("-"))]
        for number in range(first, last + 1)
    }
    addresses = [int(ip_network("192.0.2.0")[0]) + number for number in range(low, high + 1)]
    protocols = [protocol] if protocol else ["tcp", "udp"]
    if port:
        asked = [{(name, address, number) for address in addresses for number in range(port, port + more + 1)}
                 for name in protocols]  # fmt: skip
        whole, some = any(each <= open_to for each in asked), any(each & open_to for each in asked)
    else:
        reached = {address for name, address, _number in open_to if name in protocols}
        whole, some = reached >= set(addresses), bool(reached & set(addresses))
    level = "open: all: " if whole else "open: in part: " if some else "open: not: "
    ports = f"{port}-{port + more}" if port else 0
    found = explain_destination(numbered(*rules), f"192.0.2.{low}-192.0.2.{high}", protocol, ports)
    assert found[0].startswith(level)
    assert (len(found) > 1) == some


@pytest.mark.parametrize(
    ("names", "asked", "verdict"),
    [
        (["rtc*.example.com"], "*.com", "open: not: of *.com only rtc*.example.com, which no tool can enforce"),
        (["rtc*.example.com", "a.example.com"], "*.com", "open: in part: of *.com the names a.example.com"),
        (["*.rtc.example.com"], "*.example.com", "open: in part: of *.example.com the names *.rtc.example.com"),
        (["rtc*.example.com"], "rtc1.example.com", "open: not: no tool can enforce the patterns below that take rtc1."),
    ],
)
def test_names_within_a_pattern_are_those_that_are_enforced(names: list[str], asked: str, verdict: str) -> None:
    row = {"vendor": "acme", "service": "web", "row": 1, "protocol": "TCP", "ports": "443", "destination": names}
    assert explain_destination(merge_vendors(expand_rows([row])), asked, "tcp", 443)[0].startswith(verdict)


def test_nothing_is_given_as_none_too() -> None:
    assert explain(ALLOWLIST, "192.0.2.1", None, None) == explain(ALLOWLIST, "192.0.2.1")
