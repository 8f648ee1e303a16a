# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many rules and lines a list takes, and how many a change of one host: the pages have the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.firewalld import objects
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables import differences, listing
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import azure
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.export import export_allowlist

from tests.support.catalog import select
from tests.support.repository import REPOSITORY
from tests.support.rules import merged, rule, web
from tests.unit.project.test_golden import CHOICES

PAGE = REPOSITORY / "docs" / "least.md"
REQUIREMENTS = ["required", "recommended", "optional"]
HOSTS = [f"198.{18 + number % 2}.{number * 31}.{number * 7 + 1}" for number in range(8)]


def one_host(host: str) -> dict[str, Any]:
    """Return media of a network, and signalling of one host in it."""
    media = [rule("198.51.100.0/24", ports, "udp") for ports in ("3478", "5000-5010")]
    return merge_vendors([*media, web(host, service="signalling")])


def eight_hosts() -> dict[str, Any]:
    """Return media of a /14, and signalling of eight hosts in it."""
    return merge_vendors([rule("198.16.0.0/14", "3478-3481"), *(web(host, service="signalling") for host in HOSTS)])


def all_vendors(**choices: dict[str, Any]) -> dict[str, Any]:
    """Return the allowlist of all vendors, C{choices}: what other options one has."""
    chosen = ({"name": vendor, **CHOICES[vendor], **choices.get(vendor, {})} for vendor in sorted(CHOICES))
    rows = [select(each, requirements=REQUIREMENTS)["rows"] for each in chosen]
    return merged(*(row for listed in rows for row in listed))


def ufw_form(allowlist: dict[str, Any], sets: bool = False) -> list[str]:
    native = ufw.render(allowlist, names="report", sets=sets)
    return [*native["rules"], *native["chained"]]


def firewalld_files(allowlist: dict[str, Any]) -> dict[str, str]:
    files: dict[str, str] = configuration.render(allowlist, policy="unmanaged", names="report")["files"]
    return files


def nftables_text(allowlist: dict[str, Any]) -> str:
    return str(ruleset.render(allowlist, policy="unmanaged", names="report")["ruleset"])


def firewalld_objects(allowlist: dict[str, Any]) -> dict[str, Any]:
    """Return the objects as the host reads them."""
    files = {path.removesuffix(".xml"): text for path, text in firewalld_files(allowlist).items()}
    return {name: objects.parse(name.partition("/")[0], text) for name, text in files.items()}


def counted(text: str) -> Callable[[dict[str, Any]], int]:
    """Return what counts a text in all files of firewalld."""
    return lambda allowlist: sum(each.count(text) for each in firewalld_files(allowlist).values())


COUNTS: dict[str, Callable[[dict[str, Any]], int]] = {
    "ufw: rules": lambda allowlist: len(ufw_form(allowlist)),
    "ufw with sets: rules": lambda allowlist: len(ufw_form(allowlist, sets=True)),
    "firewalld: rules": counted("<rule"),
    "firewalld: entries of its sets": counted("<entry>"),
    "nftables: elements": lambda allowlist: nftables_text(allowlist).count(' : "'),
    "export as text: lines": lambda allowlist: export_allowlist(allowlist, "text").count("\n"),
    "AWS, OpenStack: rules": lambda allowlist: sum(len(part.prefixes) for part in parts(allowlist, single=True)),
    "Google: rules": lambda allowlist: len(parts(allowlist)),
    "Google: prefixes in them": lambda allowlist: sum(len(part.prefixes) for part in parts(allowlist)),
}
LISTS: dict[str, Callable[[], dict[str, Any]]] = {
    "one host": lambda: one_host("198.51.100.77"),
    "eight hosts": eight_hosts,
    "all vendors": all_vendors,
}
# By list, in the order of COUNTS.
NUMBERS = {
    "one host": [2, 2, 2, 2, 3, 3, 3, 2, 2],
    "eight hosts": [9, 2, 2, 9, 9, 9, 9, 2, 9],
    "all vendors": [402, 40, 24, 218, 506, 770, 504, 13, 159],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_as_many_rules_as_ever(name: str) -> None:
    allowlist = LISTS[name]()
    assert dict(zip(COUNTS, NUMBERS[name], strict=True)) == {what: count(allowlist) for what, count in COUNTS.items()}


def test_the_page_has_these_numbers() -> None:
    rows = zip(COUNTS, *NUMBERS.values(), strict=True)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    shown = {line[0]: [text.split()[-1].replace(",", "") for text in line[1:]] for line in cells if line[0] in COUNTS}
    assert shown == {what: [str(number) for number in numbers] for what, *numbers in rows}


def test_the_page_on_azure_has_the_numbers_of_its_plans() -> None:
    lists = (
        merged(*select({"name": "kudo", **CHOICES["kudo"]}, requirements=REQUIREMENTS)["rows"]),
        all_vendors(securevideo={"engines": "all", "inbound": True}),
        all_vendors(),
    )
    told = []
    for allowlist in lists:
        rules = azure.plan(allowlist, policy="unmanaged", names="report")["rules"]
        told.append(f"{len(rules)} rules and {sum(len(rule['destinations']) for rule in rules)} addresses")
    assert told == ["2 rules and 98 addresses", "19 rules and 842 addresses", "17 rules and 294 addresses"]
    page = " ".join((REPOSITORY / "docs" / "azure.md").read_text().split())
    assert f"takes {told[0]}, all vendors of the catalog with all that they offer {told[1]}; {told[2]} without" in page


def ufw_difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    was, will = (dict(rules.split(text) for text in ufw_form(allowlist)) for allowlist in (old, new))
    return rules.difference(was, will)


def nftables_difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    was, will = (differences.entries(listing.blocks(nftables_text(allowlist), "")) for allowlist in (old, new))
    return differences.difference(was, will, "")


def exported(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    was, will = (export_allowlist(allowlist, "text").splitlines() for allowlist in (old, new))
    return [f"- {line}" for line in was if line not in will] + [f"+ {line}" for line in will if line not in was]


DIFFERENCES: dict[str, Callable[[dict[str, Any], dict[str, Any]], Iterable[str]]] = {
    "ufw": ufw_difference,
    "firewalld": lambda old, new: objects.differences(firewalld_objects(old), firewalld_objects(new)),
    "nftables": nftables_difference,
    "export": exported,
}


@pytest.mark.parametrize("backend", DIFFERENCES)
def test_a_host_that_becomes_another_is_two_lines(backend: str) -> None:
    line = "{} tcp/443 {}/32" if backend == "export" else "{} tcp/443 to {}  acme: signalling"
    found = DIFFERENCES[backend](one_host("198.51.100.77"), one_host("198.51.100.99"))
    assert sorted(found) == [line.format("+", "198.51.100.99"), line.format("-", "198.51.100.77")]
