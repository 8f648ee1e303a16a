# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets through what the playbook made, compared with what the vendors' documents say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support.documents import needs_documents, oracle
from tests.support.packets import SOURCES, TCP, UDP, World, gateway_world, host_world
from tests.support.probes import mismatches, probes
from tests.support.systems import SOAK, enable_ufw, longer, play, start_firewalld, system
from tests.support.vendor_oracle import DEFAULT_REQUIREMENTS, EVERYTHING, Compiled

AT_LEAST = 20_000  # probes for each selection and scope
RESOLVERS = ["198.19.0.53", "2001:2::f:53"]  # what the host has configured
TIME_SERVERS = ["198.19.0.123", "2001:2::f:123"]  # what the user names

pytestmark = [
    pytest.mark.usefixtures("namespaces"),
    needs_documents,
]


@dataclass(frozen=True)
class Case:
    """What a user selects."""

    name: str
    vendors: Sequence[dict[str, Any]]
    requirements: Sequence[str] = field(default=DEFAULT_REQUIREMENTS)

    def __str__(self) -> str:
        return self.name


CASES = [
    *(Case(str(entry["name"]), [entry]) for entry in EVERYTHING),
    Case("kore_ai us", [{"name": "kore_ai", "regions": ["us"]}]),
    Case("kudo usa", [{"name": "kudo", "regions": ["usa"]}]),
    Case("kudo europe, required only", [{"name": "kudo", "regions": ["europe"]}], ["required"]),
    Case("securevideo one_click", [{"name": "securevideo", "engines": ["one_click"]}]),
    Case("eschat without ios, own data ports", [{"name": "eschat", "signaling_port": 7400, "data_ports": "5000-5063"}]),
    Case("twilio us1", [{"name": "twilio", "regions": ["us1"]}]),
    Case("all vendors", EVERYTHING),
]
SOME = [(TCP, 4, 0x08080808, 443), (UDP, 4, 0x08080404, 443), (TCP, 6, 0x2606 << 112, 443), (UDP, 6, 0x2607 << 112, 9)]
VSEE = Case("vsee", [{"name": "vsee"}])  # names only: whatever arrives, arrives because of the policy
WORLDS = {"host": host_world, "gateway": gateway_world}
FEW = [
    (case, scope)
    for case in CASES
    for scope in WORLDS
    if (str(case), scope) in {("kudo", "host"), ("all vendors", "gateway")}
]
MORE = [(case, scope) for case in CASES for scope in WORLDS if (case, scope) not in FEW]


def apply(world: World, case: Case, backend: str = "nftables", **choices: object) -> None:
    """Run the playbook against the world, as a user would, with policy deny; C{choices}: variables of the role."""
    resolvers = "".join(f"nameserver {address}\n" for address in RESOLVERS)
    write = "rm -f /etc/resolv.conf; cat > /etc/resolv.conf"
    world.host.target(["sh", "-c", write], input=resolvers, check=True)
    options = {
        "policy": "deny",
        "scope": world.scope,
        "sources": world.sources if world.scope == "gateway" else [],
        "names": "report",
        "ntp_servers": TIME_SERVERS,
        **BACKENDS[backend],
        **choices,
    }
    role = backend.partition(" ")[0]
    variables = {
        "ansible_become": False,
        "apply_backend": role,
        "catalog_vendors": list(case.vendors),
        "catalog_requirements": list(case.requirements),
        **{f"{role}_egress_{name}": value for name, value in options.items()},
    }
    done = play(world.host, "playbooks/apply.yml", "-e", json.dumps(variables))
    assert done.returncode == 0, done.stdout + done.stderr


# What is applied with, and with what besides.
BACKENDS: dict[str, dict[str, object]] = {
    "nftables": {},
    "ufw": {},
    "ufw with sets": {"sets": True},
    "firewalld": {},
}


@contextmanager
def made(scope: str, backend: str = "nftables") -> Iterator[World]:
    """Yield a world in which the backend's tool is at work and, so far, lets everything out and through."""
    with WORLDS[scope](*([] if backend == "nftables" else [system("bookworm")])) as world:
        if backend.startswith("ufw"):
            enable_ufw(world.host)
            world.target(["ufw", "default", "allow", "routed"], check=True)
        elif backend == "firewalld":
            world.target(["firewall-offline-cmd", "--zone=public", "--set-target=ACCEPT"], check=True)
            start_firewalld(world.host)
        yield world


@pytest.mark.parametrize(("case", "scope"), longer(FEW, MORE, unpack=True), ids=str)
def test_packets_pass_as_the_documents_say(case: Case, scope: str) -> None:
    allowed = oracle().compile(case.vendors, case.requirements)
    sent = probes(allowed, seed=int(SOAK or 20261120), count=AT_LEAST)
    assert len(sent) >= AT_LEAST
    with made(scope) as world:
        apply(world, case)
        arrived = world.probe(sent)
    wrong = mismatches(allowed, sent, arrived)
    assert not wrong, f"{len(wrong)} of {len(sent)} probes, first: " + "; ".join(wrong[:5])
    assert not all(arrived), "nothing was stopped"
    assert any(arrived) or not any(allowed.ranges.values()), "nothing arrived"


@pytest.mark.long
@pytest.mark.parametrize("scope", ["gateway", "host"])
def test_backends_agree_on_every_packet(scope: str) -> None:
    """One selection through every backend: each says of each probe what the documents say."""
    case = CASES[-1]
    allowed = oracle().compile(case.vendors, case.requirements)
    sent = probes(allowed, seed=20261122, count=AT_LEAST)
    assert len(sent) >= AT_LEAST
    wrong = {}
    for backend in BACKENDS:
        with made(scope, backend) as world:
            apply(world, case, backend)
            wrong[backend] = mismatches(allowed, sent, world.probe(sent))
    assert wrong == {backend: [] for backend in BACKENDS}


@pytest.mark.parametrize("backend", longer(["nftables"], ["firewalld", "ufw", "ufw with sets"]))
def test_packets_pass_inward_as_the_documents_say(backend: str) -> None:
    """Zoom's rules for inbound connections, which somebody has to ask for, let in what they name and nothing else."""
    case = Case("zoom inbound", [{"name": "securevideo", "engines": ["zoom"], "inbound": True}])
    allowed = oracle().compile(case.vendors, direction="inbound")
    sent = probes(allowed, seed=20261121, count=AT_LEAST)
    with made("gateway", backend) as world:
        apply(world, Case("zoom", [{"name": "securevideo", "engines": ["zoom"]}]), backend, sources=[])
        unasked = sum(world.probe(sent, inbound=True))
        apply(world, case, backend, sources=[])
        wrong = mismatches(allowed, sent, world.probe(sent, inbound=True))
    assert unasked == 0
    assert not wrong, f"{len(wrong)} of {len(sent)} probes, first: " + "; ".join(wrong[:5])


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scope", WORLDS)
def test_policies_servers_and_sources(backend: str, scope: str) -> None:
    """One world goes through all policies, so that each follows on another."""
    with made(scope, backend) as world:
        apply(world, VSEE, backend, stopped="drop")
        assert world.probe(SOME) == [False] * len(SOME), "deny, drop"
        for servers, allowed in (
            (RESOLVERS, {(TCP, 53), (UDP, 53)}),
            (TIME_SERVERS, {(UDP, 123)}),
            (["9.9.9.9", "2620:fe::fe"], set()),
        ):
            for address in map(ip_address, servers):
                asked = [(protocol, port) for protocol in (TCP, UDP) for port in (52, 53, 54, 122, 123, 124, 853)]
                arrived = world.probe([(protocol, address.version, int(address), port) for protocol, port in asked])
                assert {probe for probe, passed in zip(asked, arrived, strict=True) if passed} == allowed, address
        apply(world, VSEE, backend, stopped="reject")
        assert world.probe(SOME) == [False] * len(SOME), "deny, reject"
        if not backend.startswith("ufw"):
            apply(world, VSEE, backend, policy="audit")
            assert world.probe(SOME) == [True] * len(SOME), "audit"
        for sources, arrives in (
            (["203.0.113.0/24"], [True, True, True, True]),
            (SOURCES[:1], [False, False, True, True]),
            (SOURCES[1:], [True, True, False, False]),
            ([], [False, False, False, False]),
        ):
            if scope == "gateway":
                apply(world, VSEE, backend, sources=sources)
                assert world.probe(SOME) == arrives, sources
        apply(world, VSEE, backend, policy="unmanaged")
        assert world.probe(SOME) == [True] * len(SOME), "unmanaged"


# The harness itself: rules that are wrong in one place, of which the probes must tell.

TABLE = """
table inet egress {{
  set allowed {{
    type ipv4_addr . inet_proto . inet_service; flags interval
    elements = {{ {elements} }}
  }}
  chain {hook} {{
    type filter hook {hook} priority 0; policy {policy}
    ip daddr . meta l4proto . th dport @allowed accept
  }}
}}
"""
HOOKS = {"host": "output", "gateway": "forward"}


def twilio_elements(last_port: int, spared: str = "") -> str:
    found = oracle().select([{"name": "twilio", "regions": ["us1"]}])
    return ", ".join(
        f"{fact.destination} . {fact.protocol} . {fact.first}"
        + (f"-{last_port if fact.last == 60000 else fact.last}" if fact.last > fact.first else "")
        for fact in found
        if str(fact.destination) != spared
    )


@pytest.mark.parametrize("scope", longer(["host"], ["gateway"]))
def test_probes_tell_of_wrong_rules(scope: str) -> None:
    allowed: Compiled = oracle().compile([{"name": "twilio", "regions": ["us1"]}])
    sent = probes(allowed, seed=1, count=AT_LEAST)
    for elements, policy, wrong in (
        (twilio_elements(60000), "drop", False),
        (twilio_elements(60001), "drop", True),
        (twilio_elements(59999), "drop", True),
        (twilio_elements(60000, spared="3.235.111.128/25"), "drop", True),
        (twilio_elements(60000) + ", 54.172.62.0 . tcp . 443", "drop", True),
        (twilio_elements(60000), "accept", True),
    ):
        with made(scope) as world:
            table = TABLE.format(elements=elements, policy=policy, hook=HOOKS[scope])
            world.run(["nft", "-f", "-"], input=table, check=True)
            found = mismatches(allowed, sent, world.probe(sent))
        assert bool(found) == wrong, found[:5]
