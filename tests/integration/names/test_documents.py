# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the vendors' documents name, asked for through what the playbook made, then real packets."""

from __future__ import annotations

import json
from ipaddress import ip_address
from random import Random

import pytest

from tests.support.documents import needs_documents, oracle
from tests.support.names.world import NamesWorld, names_world
from tests.support.packets import SOURCES
from tests.support.probes import mismatches, probes
from tests.support.systems import play
from tests.support.vendor_oracle import EVERYTHING, admitted, learned

WORLDS = [
    ("nftables", "gateway", "bookworm"),
    ("nftables", "host", "bookworm"),
    ("nftables", "gateway", "trixie"),
    ("firewalld", "gateway", "bookworm"),
    ("firewalld", "gateway", "trixie"),
]
AT_LEAST = 20_000  # probes
FIRST = {4: 0x67000000, 6: 0x2A05 << 112}  # of the addresses that names get; none is in a document

pytestmark = [
    pytest.mark.usefixtures("namespaces"),
    needs_documents,
]


def apply(names: NamesWorld, backend: str) -> None:
    """Run the playbook as a user would."""
    variables = {
        "ansible_become": False,
        "apply_backend": backend,
        "catalog_vendors": EVERYTHING,
        f"{backend}_egress_policy": "deny",
        f"{backend}_egress_scope": names.world.scope,
        f"{backend}_egress_sources": SOURCES if names.world.scope == "gateway" else [],
        f"{backend}_egress_names": "dnsmasq",
        f"{backend}_egress_names_resolv_conf": names.world.scope == "host",
    }
    done = play(names.world.host, "playbooks/apply.yml", "-e", json.dumps(variables))
    assert done.returncode == 0, done.stdout + done.stderr


def asked_for(patterns: list[str]) -> list[str]:
    """Return names that a client could ask for: those of the documents, names above, below and beside them."""
    found = []
    for pattern in patterns:
        name = pattern.removeprefix("*.")
        found += [name, f"one.{name}", f"one.two.{name}", f"x{name}", f"{name}.evil.example", name.partition(".")[2]]
    return sorted(set(found))


@pytest.mark.long
@pytest.mark.parametrize(("backend", "scope", "suite"), WORLDS)
def test_names_open_what_the_documents_say(backend: str, scope: str, suite: str) -> None:
    facts = oracle().select(EVERYTHING)
    patterns = {str(fact.destination): {("tcp", 1, 1)} for fact in facts if isinstance(fact.destination, str)}
    random = Random(20261121)
    answers: dict[str, list[str]] = {}
    with names_world(scope, backend, suite) as names:
        apply(names, backend)
        for name in asked_for(list(patterns)):
            answers[name] = [str(ip_address(FIRST[version] + random.randrange(4096))) for version in (4, 6)]
            names.zone.put(name, *answers[name])
        before = learned(facts, {})
        sent = probes(learned(facts, answers), seed=20261121, count=AT_LEAST)
        wrong = mismatches(before, sent, names.world.probe(sent))
        assert not wrong, "before anybody asked: " + "; ".join(wrong[:5])
        for name, addresses in answers.items():
            assert names.ask_both(name) == addresses
        arrived = names.world.probe(sent)
    allowed = learned(facts, answers)
    wrong = mismatches(allowed, sent, arrived)
    assert not wrong, f"{len(wrong)} of {len(sent)} probes, first: " + "; ".join(wrong[:5])
    taken = [name for name in answers if admitted(patterns, name)]
    assert len(patterns) < len(taken) < len(answers), "some names belong to vendors, some do not"
