# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""merge_vendors by example: what comes out, and what is refused with which words."""

from __future__ import annotations

import gc
import hashlib
import json

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist import merge
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors


def rule(destination, ports="443", protocol="tcp", **other):
    """Return a rule as expand_rows gives it."""
    return {
        "protocol": protocol,
        "ports": ports,
        "destination": destination,
        "vendor": "kudo",
        "service": "media",
        "row": 1,
        "requirement": "required",
        "source": "KUDO Firewall rules",
        "date": "2022-03",
        **other,
    }


def shape(groups):
    """Return groups as {services: destinations}."""
    return {" ".join(group["services"]): group["ipv4"] + group["ipv6"] + group["names"] for group in groups}


TIMER = {"vendor": "x", "services": ["web"], "protocol": "tcp", "seconds": 720}


def test_no_rules_make_an_empty_allowlist():
    allowlist = merge_vendors([])
    assert (
        allowlist.pop("digest") == hashlib.sha256(b'{"groups":[],"inbound":[],"provenance":[],"timers":[]}').hexdigest()
    )
    assert list(allowlist) == ["groups", "inbound", "provenance", "timers", "sources", "not_rules", "reasons", "notes"]
    assert not any(allowlist.values())


def test_the_whole_of_one_group():
    allowlist = merge_vendors([rule("3.25.48.0/28"), rule("3.25.48.0/28", "3478", "udp", requirement="recommended")])
    services = ["tcp/443", "udp/3478"]
    name = hashlib.sha256(b'["tcp/443","udp/3478"]').hexdigest()[:8]
    assert allowlist["groups"] == [
        {"id": f"g-{name}", "services": services, "ipv4": ["3.25.48.0/28"], "ipv6": [], "names": []}
    ]
    common = {"vendor": "kudo", "service": "media", "row": 1, "source": "KUDO Firewall rules", "date": "2022-03"}
    assert allowlist["provenance"] == [
        {
            **common, "requirement": "recommended", "protocol": "udp", "ports": "3478", "destinations": ["3.25.48.0/28"]
        },
        {
            **common, "requirement": "required", "protocol": "tcp", "ports": "443", "destinations": ["3.25.48.0/28"]
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(
            [rule("192.0.2.0/25"), rule("192.0.2.128/25")], {"tcp/443": ["192.0.2.0/24"]}, id="neighbours join"
        ),
        pytest.param(
            [rule("192.0.2.128/25"), rule("192.0.3.0/25")],
            {"tcp/443": ["192.0.2.128/25", "192.0.3.0/25"]},
            id="neighbours that are no prefix stay",
        ),
        pytest.param(
            [rule("192.0.2.0/30"), rule("192.0.2.1/32", "80")],
            {"tcp/443": ["192.0.2.0/32", "192.0.2.2/31"], "tcp/80 tcp/443": ["192.0.2.1/32"]},
            id="a nested prefix is cut out",
        ),
        pytest.param(
            [rule("192.0.2.0/30"), rule("192.0.2.1/32", "80"), rule("192.0.2.0/30", "80")],
            {"tcp/80 tcp/443": ["192.0.2.0/30"]},
            id="a nested prefix that adds nothing goes",
        ),
        pytest.param(
            [rule("192.0.2.0/32", "80"), rule("192.0.2.0/32", "81"), rule("192.0.2.1/32", "80-81")],
            {"tcp/80-81": ["192.0.2.0/31"]},
            id="ports written differently are one list",
        ),
        pytest.param(
            [rule("192.0.2.1/32", "10-20"), rule("192.0.2.1/32", "15-30"), rule("192.0.2.1/32", "32")],
            {"tcp/10-30 tcp/32": ["192.0.2.1/32"]},
            id="overlapping ports join, a gap stays",
        ),
        pytest.param(
            [rule("192.0.2.1/32", "80"), rule("192.0.2.1/32", "81", "udp")],
            {"tcp/80 udp/81": ["192.0.2.1/32"]},
            id="protocols do not join",
        ),
        pytest.param([rule("192.0.2.1"), rule("192.0.2.0")], {"tcp/443": ["192.0.2.0/31"]}, id="addresses alone"),
        pytest.param(
            [rule("0.0.0.0/1"), rule("128.0.0.0/1"), rule("::/1"), rule("8000::/1")],
            {"tcp/443": ["0.0.0.0/0", "::/0"]},
            id="everything",
        ),
        pytest.param(
            [rule("255.255.255.255/32"), rule("::/128"), rule("0.0.0.0/32")],
            {"tcp/443": ["0.0.0.0/32", "255.255.255.255/32", "::/128"]},
            id="families do not touch",
        ),
        pytest.param(
            [rule("2001:DB8::/33"), rule("2001:db8:8000::/33")], {"tcp/443": ["2001:db8::/32"]}, id="IPv6 in any case"
        ),
        pytest.param(
            [rule("*.kudoway.com"), rule("live.kudoway.com", "80"), rule("live.kudoway.com", "443")],
            {"tcp/443": ["*.kudoway.com"], "tcp/80 tcp/443": ["live.kudoway.com"]},
            id="a wildcard does not take a name in",
        ),
        pytest.param(
            [[rule("192.0.2.0/32")], [], [rule("192.0.2.1/32", vendor="zoom")]],
            {"tcp/443": ["192.0.2.0/31"]},
            id="a list for each vendor",
        ),
    ],
)
def test_groups(rules, expected):
    assert shape(merge_vendors(rules)["groups"]) == expected


def test_groups_are_sorted_by_port_number_and_not_by_text():
    rules = [rule("a.example", "9"), rule("b.example", "10"), rule("c.example", "9", "udp"), rule("d.example", "100")]
    assert list(shape(merge_vendors(rules)["groups"])) == ["tcp/9", "tcp/10", "tcp/100", "udp/9"]


def test_inbound_is_apart():
    allowlist = merge_vendors([rule("192.0.2.0/24"), rule("192.0.2.0/25", direction="inbound")])
    assert shape(allowlist["groups"]) == {"tcp/443": ["192.0.2.0/24"]}
    assert shape(allowlist["inbound"]) == {"tcp/443": ["192.0.2.0/25"]}
    assert [entry.get("direction") for entry in allowlist["provenance"]] == [None, "inbound"]


def test_provenance_gathers_destinations_only():
    rules = [
        rule("b.example"),
        rule("a.example"),
        rule("a.example"),
        rule("a.example", row=10),
        rule("c.example", row=2),
    ]
    provenance = merge_vendors(rules)["provenance"]
    assert [(entry["row"], entry["destinations"]) for entry in provenance] == [
        (1, ["a.example", "b.example"]),
        (2, ["c.example"]),
        (10, ["a.example"]),
    ]


def test_provenance_invents_nothing():
    few = {"vendor": "mine", "service": "web", "protocol": "tcp", "ports": "443", "destination": "a.example"}
    assert merge_vendors([few])["provenance"] == [
        {"vendor": "mine", "service": "web", "protocol": "tcp", "ports": "443", "destinations": ["a.example"]}
    ]


def test_what_is_carried_along_is_sorted_and_said_once():
    late = {"vendor": "zoom", "title": "B"}
    early = {"vendor": "kudo", "title": "C"}
    other = {"vendor": "kudo", "title": "A"}
    for key in ("sources", "not_rules"):
        assert merge_vendors([], **{key: [late, early, other, dict(late)]})[key] == [other, early, late]


def test_a_timer_says_for_whom_and_how_long():
    with pytest.raises(ValueError, match=r"^timer .*: it needs protocol, seconds, services, vendor$"):
        merge_vendors([], timers=[{"vendor": "x"}])


def test_the_digest_follows_timers_and_not_sources():
    bare = merge_vendors([rule("a.example")])["digest"]
    assert merge_vendors([rule("a.example")], sources=[{"vendor": "x"}], not_rules=[{"vendor": "x"}])["digest"] == bare
    assert merge_vendors([rule("a.example")], timers=[TIMER])["digest"] != bare


def test_the_digest_is_of_canonical_json():
    awkward = 'a "quoted" title, "destinations":0, "row":0,\\ \u2013 \n'
    rules = [rule("a.example", source=awkward), rule("b.example", vendor='"row":0,'), rule("192.0.2.0/24")]
    rules.append({key: value for key, value in rules[0].items() if key not in ("row", "date")})
    allowlist = merge_vendors(rules, timers=[TIMER])
    hashed = {key: allowlist[key] for key in ("groups", "inbound", "provenance", "timers")}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    assert allowlist["digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_what_a_row_says_besides_stands_in_the_provenance_only():
    extras = {"label": "Primary", "read_as": "x", "own_ip": "10.0.0.0/8", "source_port": "1024-65535"}
    plain, told = rule("192.0.2.0/24"), rule("192.0.2.0/24", **extras)
    one, other = merge_vendors([plain]), merge_vendors([told])
    assert one["groups"] == other["groups"]
    assert other["provenance"] == [{**one["provenance"][0], **extras}]
    assert one["digest"] != other["digest"]
    empty = rule("192.0.2.0/24", label="", read_as=None, own_ip="")
    assert json.dumps(merge_vendors([empty])) == json.dumps(one)
    both = merge_vendors([told, plain])["provenance"]
    assert both == merge_vendors([plain, told])["provenance"] == [*one["provenance"], *other["provenance"]]


@pytest.mark.parametrize("key", ["label", "read_as", "own_ip", "source_port"])
@pytest.mark.parametrize("value", [7, ["x"], {"x": 1}, True])
def test_what_a_row_says_besides_is_text(key, value):
    with pytest.raises(ValueError, match=f"^kudo: media: row 1: {key} .* is not a text; write it in quotes"):
        merge_vendors([rule("192.0.2.0/24", **{key: value})])


def test_ids_that_would_agree_grow_until_they_differ(monkeypatch):
    class Alike:
        def __init__(self, text):
            self.text = text

        def hexdigest(self):
            return "0" * 9 + hashlib.sha256(self.text).hexdigest()

    monkeypatch.setattr(merge, "sha256", Alike)
    ids = merge._ids([["tcp/1"], ["tcp/2"]])
    assert len(set(ids)) == 2
    assert all(name.startswith("g-000000000") for name in ids)


def test_the_collector_is_on_again_after_an_error():
    assert gc.isenabled()
    with pytest.raises(ValueError, match="unknown"):
        merge_vendors([rule("a.example", protocol="xtp")])
    assert gc.isenabled()


WHERE = "kudo: media: row 1: "


def neither(text, reason=""):
    """Return how the message begins for a destination that is nothing that we know."""
    return f"{WHERE}destination '{text}' is neither a prefix nor a name: {reason}"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            rule("a.example", protocol="xtp"),
            WHERE + "protocol 'xtp' is unknown; accepted are tcp, udp, other protocols",
        ),
        (rule("a.example", protocol="50", ports=""), WHERE + "protocol '50' is unknown in rules: write 'esp'"),
        (rule("a.example", protocol="0", ports=""), WHERE + "protocol '0' is unknown: 0 is hop-by-hop options"),
        (rule("a.example", protocol="esp"), WHERE + "ports '443': esp has no ports: leave them empty"),
        (rule("a.example", protocol="icmp", ports="packet-too-big"), WHERE + "'packet-too-big' is no type of icmp"),
        (rule("a.example", protocol="sctp", ports=""), WHERE + "ports '' is not a text"),
        (rule("192.0.2.1/32", protocol="icmpv6", ports=""), WHERE + "destination '192.0.2.1/32' is not of IPv6"),
        (rule("2001:db8::/32", protocol="icmp", ports=""), WHERE + "destination '2001:db8::/32' is not of IPv4"),
        (rule("a.example", protocol="TCP"), WHERE + "protocol 'TCP' is unknown"),
        (rule("a.example", direction="outbound"), WHERE + "direction 'outbound' is unknown"),
        (rule("a.example", "0"), WHERE + "ports '0': '0' is not a port from 1 to 65535"),
        (rule("a.example", "65536"), WHERE + "ports '65536': '65536' is not a port"),
        (rule("a.example", "83-80"), WHERE + "ports '83-80': 83 is larger than 80: write the lower port first"),
        (rule("a.example", "443,80"), WHERE + "ports '443,80': '443,80' is not a port"),
        (rule("a.example", "080"), WHERE + "ports '080': '080' is not a port"),
        (rule("a.example", "1-"), WHERE + "ports '1-': '' is not a port"),
        (rule("a.example", "٣"), WHERE + "ports '٣': '٣' is not a port"),
        (rule("a.example", 443), WHERE + "ports 443 is not a text; write it in quotes"),
        (rule("a.example", ["443"]), WHERE + "ports ['443'] is not a text; write it in quotes"),
        (rule("a.example", None), WHERE + "ports is missing"),
        (rule(None), WHERE + "destination is missing"),
        (rule(["a.example"]), WHERE + "destination ['a.example'] is not a text"),
        (
            rule("3.7.161.256/28"),
            neither("3.7.161.256/28", "octet 256 is larger than 255"),
        ),
        (rule("3.7.161.0/33"), neither("3.7.161.0/33", "prefix length '33'")),
        (rule("3.7.161.1/24"), neither("3.7.161.1/24", "host bits are set")),
        (
            rule("2001:db8::1/32"),
            neither("2001:db8::1/32", "host bits are set"),
        ),
        (
            rule("010.0.0.1"),
            neither("010.0.0.1", "octet 010 has a leading zero"),
        ),
        (rule("Live.kudoway.com"), neither("Live.kudoway.com")),
        (rule("live.kudoway.com."), neither("live.kudoway.com.")),
        (rule("https://a.example"), neither("https://a.example")),
        (rule("a.*"), neither("a.*")),
        (rule("a**.example"), neither("a**.example")),
        (rule("REGION.example"), neither("REGION.example")),
        (rule("*"), neither("*")),
        (rule("a.example\n"), neither("a.example\\n")),
        (rule("a.example", row="1"), "kudo: media: row 1: row '1' is not a whole number from 1"),
        (rule("a.example", row=0), "kudo: media: row 0: row 0 is not a whole number from 1"),
        (rule("a.example", row=True), "kudo: media: row True: row True is not a whole number from 1"),
        (rule("a.example", date=2022), WHERE + "date 2022 is not a text; write it in quotes"),
        ({"vendor": "kudo", "ports": "443"}, "kudo: rule 2: service is missing; a rule needs vendor, service"),
        ("443", "rule 2: '443' is not a dictionary; rules are what expand_rows returns"),
    ],
)
def test_refused_with_a_reason(bad, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        merge_vendors([rule("a.example"), bad])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("bad", ["text", {"vendor": "kudo"}, None, 5])
def test_rules_must_be_a_list(bad):
    with pytest.raises(ValueError, match="rules: expected a list of rules"):
        merge_vendors(bad)
