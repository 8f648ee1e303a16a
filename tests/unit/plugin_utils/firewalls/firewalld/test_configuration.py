# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewalld renderer writes, read back as XML: what is open, to whom, by what name; and what it refuses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld.configuration import render
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import rule
from tests.support.strategies import PORTS, TYPES, fits, prefixes, services, span

V4, V6 = "192.0.2.0/28", "2001:db8::/64"
HOST, GATEWAY = "policies/egress-allow-host.xml", "policies/egress-allow-gw.xml"


def made(*rules: dict[str, Any], **options: Any) -> dict[str, Any]:
    return render(merge_vendors(rules or [rule()]), **options)


def read(native: dict[str, Any], path: str) -> ElementTree.Element:
    return ElementTree.fromstring(native["files"][path])


def opened(native: dict[str, Any], path: str = HOST) -> Iterator[tuple[str, str, str]]:
    """Yield (prefix, protocol, ports) of what the rules of a policy let through to or from a vendor."""
    for found in read(native, path).iter("rule"):
        service = found.find("service")
        sets = [found.find("destination"), found.find("source")]
        named = [
            part.get("ipset") for part in sets if part is not None and "allow-sources" not in str(part.get("ipset"))
        ]
        kind = found.find("icmp-type")
        if service is None and (kind is None or not named):
            continue
        assert found.find("accept") is not None
        listed = [] if service is None else [*read(native, f"services/{service.get('name')}.xml")]
        for entry in read(native, f"ipsets/{named[0]}.xml").iter("entry"):
            assert (":" in str(entry.text)) == (found.get("family") == "ipv6")
            if kind is not None:
                yield str(entry.text), "icmp" if found.get("family") == "ipv4" else "icmpv6", str(kind.get("name"))
            for part in listed:
                if part.tag == "port":
                    yield str(entry.text), str(part.get("protocol")), str(part.get("port"))
                elif part.tag == "protocol":
                    yield str(entry.text), str(part.get("value")), ""


def rules(native: dict[str, Any], path: str = HOST) -> list[str]:
    """Return the rules of a policy that are no vendor's, as words."""
    found = [part for part in read(native, path).iter("rule") if part.find("service") is None]
    return [" ".join(f"{x.tag} {' '.join(x.attrib.values())}".strip() for x in part.iter()) for part in found]


def test_one_rule() -> None:
    native = made(rule(V4, ports="3478-3480"), rule(V6, ports="3478-3480"), policy="unmanaged")
    assert sorted(opened(native)) == [("192.0.2.0/28", "udp", "3478-3480"), ("2001:db8::/64", "udp", "3478-3480")]
    assert sorted(native["files"]) == [
        "ipsets/egress-acme-calls-4.xml",
        "ipsets/egress-acme-calls-6.xml",
        HOST,
        "services/egress-acme-calls.xml",
    ]
    policy = read(native, HOST)
    assert (policy.get("target"), policy.get("priority")) == ("CONTINUE", "-2")
    assert [(part.tag, part.get("name")) for part in policy if "zone" in part.tag] == [
        ("ingress-zone", "HOST"),
        ("egress-zone", "ANY"),
    ]
    assert rules(native) == []
    assert native["discover"] == []


asking = st.builds(
    lambda prefix, what, name: rule(prefix, **what, service=name), prefixes(), services(), st.sampled_from("ab")
).filter(lambda one: fits(one) and (one["protocol"] != "icmp" or one["ports"] in ("", *TYPES)))


@given(st.lists(asking, min_size=1, max_size=8), st.data())
def test_what_is_open_is_what_was_asked_for(asked: list[dict[str, Any]], data: st.DataObject) -> None:
    native = made(*asked, policy="unmanaged")
    found = [(ipaddress.ip_network(prefix), *rest) for prefix, *rest in opened(native)]
    edges = [ipaddress.ip_network(one["destination"]) for one in asked]
    network = data.draw(st.sampled_from(edges))
    before = network[0] - 1 if int(network[0]) else network[0]
    address = data.draw(st.sampled_from([network[0], network[-1], before]))
    for protocol in ("tcp", "udp", "sctp", "esp", "gre", "253", "icmp"):
        for port in (0, 7, 8, *PORTS):
            wanted = any(
                address in ipaddress.ip_network(one["destination"])
                and one["protocol"] == protocol
                and span(one["ports"])[0] <= port <= span(one["ports"])[1]
                for one in asked
            )
            is_open = any(
                address in prefix and name == protocol and span(ports)[0] <= port <= span(ports)[1]
                for prefix, name, ports in found
            )
            assert is_open == wanted, (address, protocol, port)


@given(st.lists(asking, min_size=1, max_size=8))
def test_no_set_overlaps_itself_and_every_name_fits(asked: list[dict[str, Any]]) -> None:
    """The kernel refuses overlapping entries, and firewalld then does not start."""
    native = made(*asked, policy="deny", scope="both", names="report")
    for path, text in native["files"].items():
        name = path.partition("/")[2][: -len(".xml")]
        assert re.fullmatch(r"egress-[A-Za-z0-9_-]+", name)
        if path.startswith("ipsets/"):
            assert len(name) <= 31
            entries = sorted(
                ipaddress.ip_network(str(entry.text)) for entry in ElementTree.fromstring(text).iter("entry")
            )
            assert all(low[-1] < high[0] for low, high in pairwise(entries))
            assert not any(str(entry).endswith("/0") for entry in entries), "firewalld takes no prefix of all addresses"
        if path.startswith("policies/"):
            assert len(name) <= 17


def test_other_protocols_are_parts_of_services_and_types_of_icmp_are_rules() -> None:
    asked = [rule(V4, "", name) for name in ("esp", "ospf", "253")] + [rule(V4, "5060", "sctp")]
    asked += [rule(V4, "echo-request", "icmp"), rule(V6, "neighbor-solicitation", "icmpv6", service="near")]
    native = made(*asked, policy="unmanaged")
    assert sorted(opened(native)) == [
        *(
            (V4, protocol, ports)
            for protocol, ports in (("253", ""), ("89", ""), ("esp", ""), ("icmp", "echo-request"))
        ),
        (V4, "sctp", "5060"),
        (V6, "icmpv6", "neighbour-solicitation"),
    ]
    assert "services/egress-acme-near.xml" not in native["files"]
    inbound = made(rule(V4, "echo-request", "icmp", direction="inbound"), policy="unmanaged")
    assert "ipsets/egress-acme-calls-in-4.xml" in native["files"] | inbound["files"]
    assert 'icmp-type name="echo-request"' in inbound["files"]["policies/egress-allow-in.xml"]


def test_all_of_icmp_to_a_name_is_of_one_ip_version() -> None:
    native = made(rule("sip.example.com", "", "icmp"), rule("sip.example.com", "", "icmpv6"), names="resolve")
    listed = [
        (found.get("family"), service.get("name"))
        for found in read(native, HOST).iter("rule")
        if (service := found.find("service")) is not None
    ]
    assert listed == [("ipv4", "egress-n-acme-calls"), ("ipv6", "egress-n-acme-calls-2")]
    assert '<protocol value="ipv6-icmp"/>' in native["files"]["services/egress-n-acme-calls-2.xml"]


@pytest.mark.parametrize(
    ("asked", "options", "reason"),
    [
        ([rule(V4, "5060", "udplite")], {}, "acme: calls: udplite/5060: firewalld has no ports of udplite"),
        ([rule(V4, "41", "icmp")], {}, "acme: calls: icmp/41: firewalld has no such type of icmp: it knows"),
        ([rule(V6, "mld-listener-query", "icmpv6")], {}, "icmpv6/mld-listener-query: firewalld has no such type"),
        ([rule()], {"allow": [{"destination": "192.0.2.1", "protocol": "UDP-Lite", "ports": "1"}]},
         "firewalld_egress_allow: baseline: row 1: udplite/1: firewalld has no ports of udplite"),
        ([rule("sip.example.com", "echo-request", "icmp")], {"names": "resolve"},
         "acme: calls: icmp/echo-request to sip.example.com: firewalld has no types of ICMP in its services"),
    ],
)  # fmt: skip
def test_services_that_firewalld_does_not_have(asked: list[dict], options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        made(*asked, **options)


def test_names_say_who_asked() -> None:
    zoom = {"vendor": "zoom", "service": "meetings"}
    asked = [
        rule(),
        rule("192.0.2.0/29", **zoom),
        rule("198.51.100.0/24", ports="443"),
        rule("203.0.113.0/24", ports="5000"),
        rule(service="x" * 80, ports="9"),
    ]
    native = made(*asked, policy="unmanaged")
    services = {path[len("services/egress-") : -4] for path in native["files"] if path.startswith("services/")}
    assert {"acme-calls-2", "acme-calls"} <= services
    assert any(name.startswith("acme-calls-zoom-meetings") or "zoom" in name for name in services)
    words = {str(read(native, path).findtext("short")) for path in native["files"] if path.startswith("services/")}
    assert "acme calls, zoom meetings" in words


def test_many_who_ask_are_cut_and_every_vendor_is_kept() -> None:
    asked = [*(rule(service=f"{'s' * 60}{number}") for number in range(8)), rule(vendor="zoom", service="media")]
    native = made(*asked, policy="unmanaged")
    (words,) = {str(read(native, path).findtext("short")) for path in native["files"] if path.startswith("services/")}
    assert "zoom media" in words
    assert words.endswith(" more")
    assert len(words) <= 400


def test_names_do_not_depend_on_the_order() -> None:
    asked = [rule(f"192.0.2.{n}/32", ports=str(1000 + n % 3), service=f"s{n % 2}") for n in range(12)]
    assert made(*asked)["files"] == made(*reversed(asked))["files"]


def test_names_that_would_be_the_same() -> None:
    asked = [rule(vendor="a-b", service="c"), rule("198.51.100.1/32", vendor="a", service="b-c")]
    asked += [rule("203.0.113.1/32", vendor="allow", service="dns"), rule("203.0.113.2/32", vendor="A", service="b-c")]
    native = made(*asked)
    names = [path.lower() for path in native["files"]]
    assert len(set(names)) == len(names)
    assert {prefix for prefix, *rest in opened(native)} == {
        "192.0.2.0/28",
        "198.51.100.1",
        "203.0.113.1",
        "203.0.113.2",
    }


def test_vendor_text_stays_text() -> None:
    source = '</description><entry>0.0.0.0/1</entry> & "quotes" \x00\x1b[0m\nnext line'
    native = made(rule(source=source, date="2026-01"))
    for path in native["files"]:
        read(native, path)
    told = str(read(native, "services/egress-acme-calls.xml").findtext("description"))
    assert told == (
        'Made by egress.allowlist. </description><entry>0.0.0.0/1</entry> & "quotes" [0m next line (2026-01)'
    )


def test_policy_deny_on_a_host() -> None:
    native = made(policy="deny", dns_servers=["192.0.2.53"], allow=[{"destination": "0.0.0.0/0", "ports": "5671"}])
    assert read(native, HOST).get("target") == "REJECT"
    assert native["discover"] == ["ntp", "dhcp"]
    assert [e.text for e in read(native, "ipsets/egress-allow-dns-4.xml").iter("entry")] == ["192.0.2.53"]
    found = rules(native)
    assert "rule ipv4 destination egress-allow-dns-4 port 53 udp accept" in found
    assert "rule ipv6 destination egress-allow-ntp-6 port 123 udp accept" in found
    assert "rule ipv6 icmp-type neighbour-solicitation accept" in found
    assert "rule ipv4 port 5671 tcp accept" in found
    assert not any("echo-request" in rule for rule in found)
    order = [int(str(part.get("priority"))) for part in read(native, HOST).iter("rule") if part.get("priority")]
    assert sorted(order) == sorted([32765] * 4 + [32766] * 6 + [32767] * 2)
    first = next(rule for rule in found if rule.startswith("rule 32765"))
    assert first.startswith("rule 32765 ipv4 source-port 0-67 udp log egress.allowlist stopped: ")
    assert first.endswith(" limit 10/m reject icmp-admin-prohibited")
    assert any(rule.startswith("rule 32766 ipv6 protocol tcp") and rule.endswith("reject tcp-reset") for rule in found)
    assert [rule for rule in found if " port 67 " in rule or " port 547 " in rule] == [
        "rule 32766 ipv4 destination 255.255.255.255 port 67 udp accept",
        "rule 32766 ipv4 destination egress-allow-dhcp-4 port 67 udp accept",
        "rule 32766 ipv6 destination ff02::1:2 port 547 udp accept",
        "rule 32766 ipv6 destination fe80::/10 port 547 udp accept",
    ]


def test_policy_audit_stops_nothing() -> None:
    native = made(policy="audit", scope="both", sources=["10.0.0.0/8"])
    for path in (HOST, GATEWAY):
        assert read(native, path).get("target") == "CONTINUE"
        assert not list(read(native, path).iter("reject"))
        assert not list(read(native, path).iter("drop"))
    assert any("egress.allowlist would stop: " in rule for rule in rules(native))
    assert any("cannot count" in note for note in native["notes"])


@pytest.mark.parametrize("policy", ["audit", "deny"])
@pytest.mark.parametrize("sources", [[], ["10.0.0.0/8", "fd00::/8"]])
@pytest.mark.parametrize("scope", ["gateway", "both"])
def test_a_gateway_opens_servers_and_what_is_allowed_besides(policy: str, sources: list[str], scope: str) -> None:
    allow = [{"destination": "198.51.100.0/24", "ports": "5671"}]
    native = made(rule(), policy=policy, scope=scope, sources=sources, allow=allow)
    opens = {re.sub(" source egress-allow-sources-[46]", "", text) for text in rules(native, GATEWAY)}
    assert {text for text in opens if text.endswith("accept")} == {
        "rule ipv4 destination 198.51.100.0/24 port 5671 tcp accept",
        *(
            f"rule ipv{version} destination egress-allow-{name}-{version} port {port} {protocol} accept"
            for version in (4, 6)
            for name, port, protocol in (("dns", 53, "tcp"), ("dns", 53, "udp"), ("ntp", 123, "udp"))
        ),
    }
    assert ("ipsets/egress-allow-dhcp-4.xml" in native["files"]) == ("dhcp" in native["discover"]) == (scope == "both")


def test_a_gateway_without_sources() -> None:
    native = made(policy="deny", scope="gateway", stopped="drop", ingress_zones=["internal"], egress_zones=["external"])
    policy = read(native, GATEWAY)
    assert policy.get("target") == "DROP"
    assert [part.get("name") for part in policy if "zone" in part.tag] == ["internal", "external"]
    assert not list(policy.iter("source"))
    assert HOST not in native["files"]


def test_a_gateway_with_sources_touches_nobody_else() -> None:
    asked = [rule(V4), rule(V6)]
    native = made(*asked, policy="deny", scope="gateway", sources=["10.0.0.0/8", "192.168.0.0/16"])
    policy = read(native, GATEWAY)
    assert policy.get("target") == "CONTINUE"
    for part in policy.iter("rule"):
        source = part.find("source")
        assert source is not None
        assert (part.get("family"), source.get("ipset")) == ("ipv4", "egress-allow-sources-4")
    assert "rule 32767 ipv4 source egress-allow-sources-4 log egress.allowlist stopped:  info limit 10/m " in " ".join(
        rules(native, GATEWAY)
    )
    assert rules(native, GATEWAY)[-1].endswith("reject icmp-admin-prohibited")
    assert [prefix for prefix, *rest in opened(native, GATEWAY)] == [V4]
    assert native["notes"] == ["no source of IPv6 is named: what is forwarded there passes as before"]


def test_what_comes_in() -> None:
    native = made(rule(), rule("198.51.100.0/28", service="in", direction="inbound"), scope="both", policy="deny")
    for name, zones in {"in": ["ANY", "HOST"], "gwin": ["ANY", "ANY"]}.items():
        path = f"policies/egress-allow-{name}.xml"
        assert list(opened(native, path)) == [("198.51.100.0/28", "udp", "3478")]
        policy = read(native, path)
        assert (policy.get("target"), policy.get("priority")) == ("CONTINUE", "-3")
        assert [part.get("name") for part in policy if "zone" in part.tag] == zones
    assert [prefix for prefix, *rest in opened(native)] == [V4]
    assert "policies/egress-allow-in.xml" not in made(rule())["files"]


ZONES = "write names of zones, or ANY alone"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"policy": "count"}, "policy 'count' is not accepted: choose one of unmanaged, audit, deny"),
        ({"scope": "forward"}, "scope 'forward' is not accepted: choose one of host, gateway, both"),
        ({"stopped": "tarpit"}, "stopped 'tarpit' is not accepted: choose one of reject, drop"),
        ({"priority": 0}, "firewalld_egress_priority '0' is not a whole number from -32767 to -1"),
        ({"priority": -32768}, "firewalld_egress_priority '-32768' is not a whole number"),
        ({"log_rate": "10/week"}, "log rate '10/week' is not a number (up to 9999)"),
        ({"log_rate": "100000/second"}, "log rate '100000/second' is not a number (up to 9999)"),
        ({"sources": ["10.0.0.0/8"]}, "sources choose among forwarded packets"),
        ({"scope": "gateway", "sources": ["lan.example.com"]}, "firewalld_egress_sources: 'lan.example.com' is a name"),
        ({"dns_servers": ["dns.example.com"]}, "firewalld_egress_dns_servers: 'dns.example.com' is a name"),
        ({"ingress_zones": []}, f"firewalld_egress_ingress_zones: {ZONES}"),
        ({"ingress_zones": ["HOST"]}, f"firewalld_egress_ingress_zones 'HOST': {ZONES}"),
        ({"egress_zones": ["ANY", "dmz"]}, f"firewalld_egress_egress_zones: {ZONES}"),
        ({"egress_zones": ['"/><x']}, f"firewalld_egress_egress_zones '\"/><x': {ZONES}"),
        (
            {"allow": [{"destination": "a.example.com", "ports": "1"}]},
            "firewalld_egress_allow: row 1: 'a.example.com' is a name",
        ),
    ],
)
def test_refusals(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        made(**options)


def test_refused_labels_and_names() -> None:
    with pytest.raises(ValueError, match="cannot be part of a service's name"):
        made(rule(service='a"/><x'))
    with pytest.raises(ValueError, match=r"Set firewalld_egress_names to report .*, or use the policy audit"):
        made(rule("*.example.com"), policy="deny")
    assert made(rule("*.example.com"), policy="deny", names="report")


NAMED = [
    rule("*.kudoway.com", vendor="kudo", service="names", protocol="tcp", ports="443"),
    rule("*.kudoway.com", vendor="kudo", service="names", protocol="udp", ports="3478"),
    rule("api.kudo.com", vendor="kudo", service="names", protocol="tcp", ports="443"),
    rule("api.kudo.com", vendor="zoom", service="api", protocol="tcp", ports="80"),
]


def named(native: dict[str, Any], path: str = HOST) -> dict[str, set[str]]:
    """Return what is open to the addresses learned of each name, C{words of its set: {udp/3478}}, both IP versions."""
    found: dict[str, set[str]] = {}
    for part in read(native, path).iter("rule"):
        way, service = part.find("destination"), part.find("service")
        learned = way is not None and str(way.get("ipset")).startswith("egress-n-")
        if not learned or service is None:
            continue
        assert part.find("accept") is not None
        listed = read(native, f"ipsets/{way.get('ipset')}.xml")
        assert listed.get("type") == "hash:ip"
        assert listed.find("entry") is None
        ports = read(native, f"services/{service.get('name')}.xml").iter("port")
        key = f"{listed.findtext('short')} {part.get('family')}"
        found.setdefault(key, set()).update(f"{port.get('protocol')}/{port.get('port')}" for port in ports)
    return found


def test_names_that_dnsmasq_learns() -> None:
    native = made(*NAMED, policy="deny", names="dnsmasq", names_lease=3600, names_refresh=30, names_max_addresses=99)
    wild, exact = {"tcp/443", "udp/3478"}, {"tcp/443", "tcp/80"}
    assert named(native) == {
        "*.kudoway.com ipv4": wild,
        "*.kudoway.com ipv6": wild,
        "api.kudo.com ipv4": exact,
        "api.kudo.com ipv6": exact,
    }
    found = read(native, "ipsets/egress-n-kudoway-com-6.xml")
    assert {part.get("name"): part.get("value") for part in found.iter("option")} == {
        "timeout": "3600",
        "maxelem": "65536",
        "family": "inet6",
    }
    names = native["names"]
    assert names["table"] == "inet egress_allowlist_names"
    assert names["domains"]["kudoway.com"]["copies"] == {"4": "egress-n-kudoway-com-4", "6": "egress-n-kudoway-com-6"}
    assert "4#inet#firewalld#egress-n-kudoway-com-4" in names["dnsmasq"][1]
    # dnsmasq fills the sets in this order, on which the keeper relies.
    assert names["dnsmasq"][1].index("egress_allowlist_names") < names["dnsmasq"][1].index("firewalld")
    assert names["ruleset"].startswith("table inet egress_allowlist_names {")
    assert not re.search(r"\b(accept|drop|reject)$", names["ruleset"].replace('oif "lo" accept', ""), re.MULTILINE)


def test_names_that_the_host_looks_up() -> None:
    native = made(*NAMED, policy="deny", names="resolve")
    assert set(named(native)) == {"api.kudo.com ipv4", "api.kudo.com ipv6"}
    assert "ipsets/egress-allow-special-4.xml" not in native["files"], "the keeper alone fills the sets"
    assert native["names"]["dnsmasq"] == []


@pytest.mark.parametrize("names", ["", "report", "dnsmasq"])
def test_without_names_nothing_is_learned(names: str) -> None:
    native = made(policy="deny", names=names)
    assert native["names"] == {}
    assert not any("egress-n-" in path or "special" in path for path in native["files"])


def test_no_name_opens_a_special_address() -> None:
    """The guard comes after what is open by address and before what is open by name, and answers as the rest does."""
    native = made(rule(), *NAMED, policy="deny", names="dnsmasq")
    found = [(int(part.get("priority") or 0), part) for part in read(native, HOST).iter("rule")]

    def priorities(begin: str) -> set[int]:
        return {
            priority
            for priority, part in found
            for way in part.iter("destination")
            if str(way.get("ipset")).startswith(begin)
        }

    assert priorities("egress-acme") == priorities("egress-allow-dns") == {0}
    assert priorities("egress-allow-special") == {1}
    assert priorities("egress-n-") == {2}
    guards = rules_with(native, "egress-allow-special-4")
    assert guards
    assert all(part.find("reject") is not None and part.find("log") is not None for part in guards)
    guarded = {part.find("service").get("name") for part in guards}  # type: ignore[union-attr]
    opened = {part.find("service").get("name") for part in rules_with(native, "egress-n-kudoway-com-4")}  # type: ignore[union-attr]
    assert opened <= guarded
    special = [
        ipaddress.ip_network(str(e.text)) for e in read(native, "ipsets/egress-allow-special-4.xml").iter("entry")
    ]
    for address in ("10.1.2.3", "127.0.0.1", "169.254.1.1", "192.168.0.1", "224.0.0.1", "100.64.0.1"):
        assert any(ipaddress.ip_address(address) in prefix for prefix in special), address
    assert not any(ipaddress.ip_address("8.8.8.8") in prefix for prefix in special)


def rules_with(native: dict[str, Any], name: str, path: str = HOST) -> list[ElementTree.Element]:
    """Return the rules to an ipset."""
    return [
        part for part in read(native, path).iter("rule") for way in part.iter("destination") if way.get("ipset") == name
    ]


def test_names_of_sets_and_services_do_not_meet() -> None:
    asked = [rule("a.b.com"), rule("a-b.com"), rule("a." * 60 + "com"), rule("b." * 60 + "com")]
    asked += [rule("192.0.2.9/32", vendor="n", service="a-b-com"), rule("c.com", vendor="n", service="x", ports="9")]
    native = made(*asked, names="dnsmasq")
    by_address = opened(native)
    sets = [name for domain in native["names"]["domains"].values() for name in domain["copies"].values()]
    assert len(set(sets)) == len(sets) == 10
    assert all(len(name) <= 31 and f"ipsets/{name}.xml" in native["files"] for name in sets)
    assert {prefix for prefix, *rest in by_address} == {"192.0.2.9"}


def test_names_on_a_gateway() -> None:
    options = {"scope": "gateway", "names": "dnsmasq", "sources": ["10.0.0.0/8"], "names_dns": "redirect"}
    native = made(*NAMED, policy="deny", **options)
    for part in rules_with(native, "egress-n-kudoway-com-4", GATEWAY):
        assert part.find("source").get("ipset") == "egress-allow-sources-4"  # type: ignore[union-attr]
    assert set(named(native, GATEWAY)) == {"*.kudoway.com ipv4", "api.kudo.com ipv4"}, "no source of IPv6 is named"
    assert "redirect" in native["names"]["ruleset"]
    assert native["names"]["gateway"] is True
    assert "names dns: redirect" in str(read(native, GATEWAY).findtext("description"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"names": "ask"}, "names 'ask' is not accepted: choose one of report, resolve, dnsmasq"),
        ({"names": "dnsmasq", "names_lease": 100}, "firewalld_egress_names_lease '100' is too short"),
        (
            {"names": "dnsmasq", "names_dns": "redirect"},
            "firewalld_egress_names_dns 'redirect' is for forwarded packets",
        ),
        (
            {"names": "dnsmasq", "names_dns": "refuse", "scope": "gateway"},
            "firewalld_egress_names_dns 'refuse' needs firewalld_egress_sources, the clients whose questions",
        ),
        (
            {"names": "resolve", "names_resolv_conf": True},
            "firewalld_egress_names_resolv_conf needs firewalld_egress_names dnsmasq",
        ),
        (
            {"names": "dnsmasq", "names_max_addresses": 0},
            "firewalld_egress_names_max_addresses '0' is not a whole number",
        ),
    ],
)
def test_refused_choices_about_names(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        made(*NAMED, **options)
