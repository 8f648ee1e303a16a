# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalog says what the vendors' documents say: nothing is missing, nothing was added.

The documents are read twice, both times without the collection's code: as facts (vendor_oracle), which must equal the
rules that the collection makes for every choice of options; and as plain tokens, so that nothing that the oracle
overlooks in a text is overlooked by the catalog too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import ip_network
from itertools import product
from typing import Any

import pytest
import yaml
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows

from tests.support.catalog import select, shipped
from tests.support.documents import DOCUMENTS, needs_documents, oracle
from tests.support.repository import VENDOR_FOLDER
from tests.support.vendor_oracle import DEFAULT_REQUIREMENTS, Destination

pytestmark = needs_documents

TWILIO = ["au1", "br1", "de1", "in1", "ie1", "jp1", "sg1", "us1", "us2"]
BOTH = [False, True]
# Vendor -> option -> values to try; every combination is tried. None: the option is not said.
CHOICES: dict[str, dict[str, list[Any]]] = {
    "kore_ai": {"regions": [["us"], ["jp"], ["us", "jp"], "all"]},
    "kudo": {
        "regions": [["usa"], ["europe"], ["canada"], ["china"], ["usa", "china"], "all"],
        "teams": [None, *BOTH],
        "names": [None, "wildcard", "hosts"],
    },
    "securevideo": {
        "engines": [["zoom"], ["one_click"], ["vsee"], ["zoom", "vsee"], "all"],
        "ocsp": [None, True],
        "inbound": [None, True],
        "one_click_regions": [None, *([region] for region in TWILIO), "all"],
    },
    "eschat": {"signaling_port": [7400, "7401", "9000"], "data_ports": [None, "5000-5063"], "ios": [None, *BOTH]},
    "zoom": {"inbound": [None, True]},
    "twilio": {"regions": [*([region] for region in TWILIO), ["us1", "us2"], "all"]},
    "vsee": {},
}
NARROWED = [("required",), ("recommended",), ("optional",)]

Meaning = dict[tuple[str, str, str], list[tuple[int, int]]]  # (direction, protocol, destination) -> joined port ranges


def selections() -> Iterator[dict[str, Any]]:
    """Yield an entry of catalog_vendors for every vendor and combination of options."""
    for vendor, options in CHOICES.items():
        for values in product(*options.values()):
            said = {option: value for option, value in zip(options, values, strict=True) if value is not None}
            yield {"name": vendor, **said}


def meaning(parts: Iterable[tuple[str, str, Destination, int, int]]) -> Meaning:
    """Return the same whatever the order and however port ranges were cut: 6000 and 6001 is 6000-6001."""
    ports = defaultdict(set)
    for direction, protocol, destination, first, last in parts:
        ports[direction, protocol, str(destination)].add((first, last))
    joined: Meaning = {}
    for key, ranges in ports.items():
        joined[key] = []
        for first, last in sorted(ranges):
            if joined[key] and first <= joined[key][-1][1] + 1:
                joined[key][-1] = (joined[key][-1][0], max(last, joined[key][-1][1]))
            else:
                joined[key].append((first, last))
    return joined


def catalog_meaning(selection: list[dict[str, Any]], requirements: Iterable[str]) -> Meaning:
    """Return what the collection makes of a selection."""
    chosen = select(*selection, requirements=list(requirements))
    parts = []
    for rule in expand_rows(chosen["rows"]):
        destination = rule["destination"]
        first, _dash, last = rule["ports"].partition("-")
        reached = str(ip_network(destination)) if "/" in destination else destination
        parts.append((rule.get("direction", "outbound"), rule["protocol"], reached, int(first), int(last or first)))
    return meaning(parts)


def document_meaning(selection: list[dict[str, Any]], requirements: Iterable[str]) -> Meaning:
    """Return what the documents make of it."""
    facts = oracle().select(selection, requirements)
    return meaning((fact.direction, fact.protocol, fact.destination, fact.first, fact.last) for fact in facts)


@pytest.mark.parametrize("entry", list(selections()), ids=lambda entry: " ".join(f"{k}={v}" for k, v in entry.items()))
def test_rules_are_what_the_documents_say(entry: dict[str, Any]) -> None:
    assert catalog_meaning([entry], DEFAULT_REQUIREMENTS) == document_meaning([entry], DEFAULT_REQUIREMENTS)


@pytest.mark.parametrize("requirements", NARROWED, ids=" ".join)
@pytest.mark.parametrize("vendor", CHOICES)
def test_requirements_are_what_the_documents_say(vendor: str, requirements: tuple[str, ...]) -> None:
    said = {option: values[-1] for option, values in CHOICES[vendor].items() if option != "inbound"}
    entry = {"name": vendor, **said}
    assert catalog_meaning([entry], requirements) == document_meaning([entry], requirements)


def test_every_vendor_is_compared() -> None:
    assert set(shipped()) == set(CHOICES)


@pytest.mark.parametrize("vendor", CHOICES)
def test_choices_are_those_of_the_documents(vendor: str) -> None:
    for option, spec in shipped()[vendor].get("options", {}).items():
        if "choices" in spec:
            assert set(spec["choices"]) == set(oracle().choices(vendor, option)), option


# The raw sweep.

ADDRESS = re.compile(
    r"(?<![\w.])\d+\.\d+\.\d+\.\d+(?:/\d+)?|(?<![\w:])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:/\d+)?"
)
NAME = re.compile(r"(?<![\w.*])(?:\*\.)?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
NUMBER = re.compile(r"(?<![\w.])\d+(?!\w|\.\d)")
MARKUP = re.compile(r"(?:row|col)span=\"\d+\"|</?h\d>")

# What a document says that is no address, port or name of a rule, and why.
NOT_RULES: dict[str, dict[str, str]] = {
    "eschat_canada.txt": {
        "12": "minutes of the TCP registration timer",
        "1": "minute of the UDP registration timer",
        "02": "part of a deployment's name, AWS-02",
        "8": "a count of addresses",
        "4": "a count of addresses",
        "2": "a count of ports",
    },
    "kore_ai_jp.txt": {
        "firewall-rules-back-link.md": "a file that the page includes",
        "8": "part of the mark of an inclusion",
    },
    "kudo.txt": {"2022": "a year"},
    "securevideo.txt": {
        "networktest.twilio.com": "a test page for people, 'Prior to testing or implementing One-Click'",
        "3": "a count of video engines",
        **dict.fromkeys(("1", "4", "5"), "a day of a date"),
        **dict.fromkeys(("2013", "2016", "2020", "2021", "2022", "2023"), "a year"),
    },
}


def tokens(text: str) -> set[str]:
    """Return all addresses and prefixes (in lower case), names and whole numbers of a text."""
    addresses = {address.lower() for address in ADDRESS.findall(text)}
    rest = ADDRESS.sub(" ", MARKUP.sub(" ", text))
    numbers = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", rest)
    return addresses | {name.lower() for name in NAME.findall(rest)} | set(NUMBER.findall(numbers))


@cache
def document_tokens(document: str) -> frozenset[str]:
    assert DOCUMENTS is not None
    return frozenset(tokens((DOCUMENTS / document).read_text("utf-8")))


def vendor_files() -> dict[str, dict[str, Any]]:
    """Return the definitions as they stand in the files, read by nothing but YAML's own loader."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(VENDOR_FOLDER.glob("*.yml"))]
    return {key.removeprefix("catalog_"): definition for file in files for key, definition in file.items()}


def cells(definition: dict[str, Any]) -> set[str]:
    """Return the tokens of all cells of which rules are made."""
    found: set[str] = set()
    for service in definition["services"]:
        for part in [*service.get("traffic", []), *service["rows"]]:
            for key in ("destination", "ports"):
                found |= tokens(part.get(key, ""))
    return found


def documents_of(definition: dict[str, Any]) -> set[str]:
    return {source["document"] for source in definition["sources"]}


def test_every_document_is_a_source() -> None:
    assert DOCUMENTS is not None
    named = {document for definition in vendor_files().values() for document in documents_of(definition)}
    assert named == {path.name for path in DOCUMENTS.glob("*.txt")}


@pytest.mark.parametrize("document", [path.name for path in sorted(DOCUMENTS.glob("*.txt"))] if DOCUMENTS else [])
def test_nothing_of_a_document_is_missing(document: str) -> None:
    readers = [definition for definition in vendor_files().values() if document in documents_of(definition)]
    in_catalog = set().union(*(cells(definition) for definition in readers))
    assert document_tokens(document) - in_catalog == set(NOT_RULES.get(document, {}))


@pytest.mark.parametrize("vendor", CHOICES)
def test_nothing_is_there_that_the_documents_lack(vendor: str) -> None:
    definition = vendor_files()[vendor]
    printed = set().union(*(document_tokens(document) for document in documents_of(definition)))
    assert cells(definition) - printed == set()


def test_sweep_sees_what_it_looks_for() -> None:
    text = "to 3.7.161.0/26, 34.203.254.0 – 34.203.254.255; 2407:30C0::/32 *.Zoom.us UDP 10,000-60,000 TLS 1.2: 443"
    assert tokens(text) == {
        *("3.7.161.0/26", "34.203.254.0", "34.203.254.255", "2407:30c0::/32"),
        *("*.zoom.us", "10000", "60000", "443"),
    }
