# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a pattern takes, the broader name that covers it, and that no backend ever opens a pattern by another."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import aws, azure, gcp, openstack
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.domains import domains
from ansible_collections.egress.allowlist.plugins.plugin_utils._names.patterns import (
    broader,
    covers,
    instead,
    is_inner,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.rules import web

INNER = ["*-wss.example.com", "rtc*.connect.example.com", "*cdn.example.net", "turn-*.elb.*.example.com",
         "a.*.example.com", "*.*.example.org", "turn-*.elb.REGION.example.com"]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("a.example.com", ["a.example.com"], ["b.a.example.com", "example.com"]),
        ("*.example.com", ["a.example.com", "a.b.example.com"], ["example.com", "evilexample.com", "a.example.com.x"]),
        ("*-wss.example.com", ["a-wss.example.com", "a-b-wss.example.com"], ["a.b-wss.example.com", "wss.example.com"]),
        ("rtc*.connect.example.com", ["rtc.connect.example.com", "rtc12.connect.example.com"],
         ["rtc1.a.connect.example.com", "xrtc.connect.example.com", "connect.example.com"]),
        ("*cdn.example.net", ["cdn.example.net", "mycdn.example.net"], ["a.cdn.example.net", "cdnx.example.net"]),
        ("turn-*.elb.*.example.com", ["turn-1.elb.eu.example.com"],
         ["turn-1.elb.example.com", "turn-1.elb.eu.west.example.com", "turn.elb.eu.example.com"]),
        ("a.*.example.com", ["a.b.example.com"], ["a.b.c.example.com", "a.example.com"]),
        ("*.elb.*.example.com", ["a.elb.x.example.com", "a.b.elb.x.example.com"], ["elb.x.example.com"]),
        ("turn-*.elb.REGION.example.com", ["turn-1.elb.eu-west-1.example.com"], ["turn-1.elb.example.com"]),
        ("Turn-*-sipXX.example.com", ["turn-1-sip01.example.com"], ["turn-1-sip.example.com", "turn-1-xx.example.com"]),
        ("a*b*c.example.com", ["abc.example.com", "axbbyc.example.com"], ["ac.example.com", "abcd.example.com"]),
        ("*a.b.example.com", ["aa.b.example.com"], ["aaxb.example.com"]),
    ],
)  # fmt: skip
def test_which_names_a_pattern_takes(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [name for name in taken + left if covers(pattern, name)] == taken


@given(st.from_regex(r"[ab*N]{1,7}", fullmatch=True), st.from_regex(r"[ab]{1,9}", fullmatch=True))
def test_a_label_is_matched_as_trying_every_way_does(label: str, text: str) -> None:
    def fits(tokens: list[str], rest: str) -> bool:
        if not tokens:
            return not rest
        first, *others = tokens
        if first == "*" or first.isupper():
            return any(fits(others, rest[taken:]) for taken in range(first != "*", len(rest) + 1))
        return rest[:1] == first and fits(others, rest[1:])

    assume(not re.search("N[ab]", label))  # a word in capitals ends a part of a label
    tokens = re.findall(r"\*|N+|[ab]", label)
    assert covers(f"*.x{label}.example.com", f"y.x{text}.example.com") == fits(tokens, text)


@pytest.mark.parametrize("pattern", [f"{'a*' * 31}b.example.com", f"*.{'a*' * 31}b.{'a*' * 31}b.example.com"])
def test_thirty_stars_take_no_time(pattern: str) -> None:
    start = time.process_time()
    assert not covers(pattern, f"{'a.' * 30}{'a' * 63}.{'a' * 63}.example.com")
    assert not covers(pattern, f"{'a' * 63}.example.com")
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("*.example.com", "*.example.com"),
        ("*.example.com", "a.example.com"),
        ("*.example.com", "*.a.example.com"),
        ("*.example.com", "turn-*.elb.REGION.example.com"),
        ("*.example.com", "*.elb.*.example.com"),
        ("turn-*.example.com", "turn-a*.example.com"),
        ("turn-*.elb.*.example.com", "turn-*.elb.REGION.example.com"),
        ("*.elb.*.example.com", "*.elb.eu.example.com"),
        *((broader(pattern), pattern) for pattern in INNER),
    ],
)
def test_a_pattern_within_another(pattern: str, other: str) -> None:
    narrow, wide = other, pattern
    assert covers(wide, narrow)
    assert wide == narrow or not covers(narrow, wide)


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("*.example.com", "*.example.net"),
        ("*.example.com", "*example.com"),
        ("a.example.com", "*.example.com"),
        ("*a.example.com", "*.a.example.com"),
        ("*cdn.example.com", "*.example.com"),
        ("turn-*.elb.REGION.example.com", "turn-*.elb.*.example.com"),
        ("*.example.com", "example.com"),
    ],
)
def test_a_pattern_that_is_not_within_another(pattern: str, other: str) -> None:
    assert not covers(pattern, other)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("rtc*.connect.example.com", "*.connect.example.com"),
        ("turn-*.elb.*.example.com", "*.example.com"),
        ("turn-*.elb.REGION.example.com", "*.example.com"),
        ("*cdn.example.net", "*.example.net"),
        ("*.*.example.com", "*.example.com"),
        ("a.*.b.example.com", "*.b.example.com"),
    ],
)
def test_what_may_be_allowed_instead(pattern: str, name: str) -> None:
    assert broader(pattern) == name
    domain = name[2:]
    also = f"opens {domain} itself and every other name below it too"
    assert instead(pattern) == f"{name} may be allowed instead, which {also}"
    assert instead(pattern, " elsewhere") == f"{name} may be allowed instead elsewhere, which {also}"


@pytest.mark.parametrize(
    ("pattern", "domain"),
    [
        ("rtc*.com", "com"),
        ("*-sip.co.uk", "co.uk"),
        ("*.x*.com.au", "com.au"),
        ("turn-*.amazonaws.com", "amazonaws.com"),
        ("turn-*.elb.eu-west-1.amazonaws.com", "elb.eu-west-1.amazonaws.com"),
        ("turn-*.elb.REGION.amazonaws.com", "amazonaws.com"),
        ("media*.azurewebsites.net", "azurewebsites.net"),
        ("x*.github.io", "github.io"),
        ("a*.cloudfront.net", "cloudfront.net"),
    ],
)
def test_what_anybody_can_have_names_below_is_never_offered(pattern: str, domain: str) -> None:
    assert instead(pattern) == f"no broader name is safe to allow instead: below {domain} anybody can have names"


# Backends and the choices that enforce names in them.
ADDRESSES = {"ok.example.net": ["192.0.2.1"]}
BACKENDS: dict[str, Callable[[dict], dict]] = {
    "nftables resolve": lambda allowlist: ruleset.render(allowlist, policy="deny", names="resolve"),
    "nftables dnsmasq": lambda allowlist: ruleset.render(allowlist, policy="deny", names="dnsmasq"),
    "firewalld resolve": lambda allowlist: configuration.render(allowlist, policy="deny", names="resolve"),
    "firewalld dnsmasq": lambda allowlist: configuration.render(allowlist, policy="deny", names="dnsmasq"),
    "ufw": lambda allowlist: ufw.render(allowlist, policy="deny", names="resolve"),
    "aws": lambda allowlist: aws.plan(allowlist, policy="deny", names="resolve", addresses=ADDRESSES),
    "azure": lambda allowlist: azure.plan(allowlist, policy="deny", names="resolve", addresses=ADDRESSES),
    "gcp": lambda allowlist: gcp.plan(allowlist, policy="deny", names="resolve", addresses=ADDRESSES),
    "gcp fqdn": lambda allowlist: gcp.plan(allowlist, policy="deny", names="fqdn", firewall_policy="web"),
    "openstack": lambda allowlist: openstack.plan(allowlist, policy="deny", names="resolve", addresses=ADDRESSES),
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pattern_changes_nothing_that_a_backend_opens(backend: str) -> None:
    """What is made with patterns is what is made without them: no set, no line of dnsmasq, no rule, no object."""

    def made(*rules: dict[str, Any]) -> dict[str, Any]:
        form = BACKENDS[backend](merge_vendors(rules))
        # These tell of the whole allowlist, patterns included.
        return {key: value for key, value in form.items() if key not in ("digest", "notes")}

    known = [web("192.0.2.0/28"), web("ok.example.net"), web("*.example.com")]
    assert made(*known, *map(web, INNER)) == made(*known)
    assert made(*known, web("203.0.113.0/28")) != made(*known), "what is opened shows"


@pytest.mark.parametrize(
    "backend", [name for name in BACKENDS if name.split()[0] in ("aws", "azure", "gcp", "openstack")]
)
def test_the_notes_of_clouds_list_patterns(backend: str) -> None:
    allowlist = merge_vendors([web("ok.example.net"), web("*.example.com"), web("rtc*.connect.example.com")])
    told = " ".join(BACKENDS[backend](allowlist)["notes"])
    assert "and stay shut: *.example.com, rtc*.connect.example.com" in told


@pytest.mark.parametrize("mode", ["resolve", "dnsmasq"])
def test_nothing_is_learned_of_a_pattern(mode: str) -> None:
    found = domains(merge_vendors([*map(web, INNER), web("ok.example.net")]), mode)
    assert [domain.name for domain in found] == ["ok.example.net"]
    assert all(map(is_inner, INNER))


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["rtc*.example.com"], "Set nftables_egress_names to report to accept that (the summary lists them), or use"),
        (["rtc*.example.com", "b.example.com"],
         "to resolve or dnsmasq to open the addresses that they have (none are learned of rtc*.example.com: no tool "
         "matches such a '*'), or use"),
        (["b.example.com"], "to resolve or dnsmasq to open the addresses that they have, or use"),
        (["*.example.com"], "(the summary lists them), to dnsmasq to open the addresses that they have, or use"),
        (["*.example.com", "b.example.com"],
         "to resolve or dnsmasq to open the addresses that they have (only dnsmasq learns *.example.com), or use"),
        (["*.example.com", "rtc*.example.com", "b.example.com"],
         "(only dnsmasq learns *.example.com; none are learned of rtc*.example.com: no tool matches such a '*'), or"),
    ],
)  # fmt: skip
def test_patterns_are_names_that_nobody_enforces(names: list[str], advice: str) -> None:
    with pytest.raises(ValueError, match=rf"^policy deny would stop {len(names)} names .*{re.escape(advice)}"):
        ruleset.render(merge_vendors(list(map(web, names))), policy="deny")


@pytest.mark.parametrize("backend", ["ufw", "aws", "gcp"])
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["*.example.com"], ""),
        (["*.example.com", "rtc*.example.com"], ""),
        (["b.example.com"], " to open the addresses that they have"),
        (["*.example.com", "b.example.com"],
         " to open the addresses that they have (none are learned of *.example.com: only exact names are looked up)"),
    ],
)  # fmt: skip
def test_looking_up_is_offered_only_where_it_opens_something(backend: str, names: list[str], told: str) -> None:
    render: Callable[..., Any] = {"ufw": ufw.render, "aws": aws.plan, "gcp": gcp.plan}[backend]
    with pytest.raises(ValueError, match=r"^policy deny would stop") as error:
        render(merge_vendors(list(map(web, names))), policy="deny")
    followed = {"ufw": "resolve", "aws": "resolve", "gcp": "resolve or fqdn"}[backend]
    wanted = f", to {followed}{told}" if told else ""
    assert f"(the summary lists them){wanted}, or use the policy unmanaged" in str(error.value)
