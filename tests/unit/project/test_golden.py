# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each vendor's rules, in full, as golden/<vendor>.<backend>: what a change of the catalog or a renderer does to them.

When a difference is what you meant, C{RENEW_GOLDEN=1 make unit} writes the files anew; read their diff before
you commit it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.firewalld import configuration
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset

from tests.support.catalog import select, shipped
from tests.support.rules import merged

GOLDEN = Path(__file__).with_name("golden")
# Everything that the vendor offers. SecureVideo's list of Zoom, 1,248 elements, is too long to be read.
CHOICES: dict[str, dict[str, Any]] = {
    "eschat": {"signaling_port": 7400, "ios": True},
    "kore_ai": {"regions": "all"},
    "kudo": {"regions": "all", "teams": True, "names": "hosts"},
    "securevideo": {"engines": ["one_click", "vsee"], "ocsp": True, "one_click_regions": "all"},
    "twilio": {"regions": "all"},
    "vsee": {},
    "zoom": {"inbound": True},
}


def nftables_text(allowlist: dict[str, Any], **options: Any) -> str:
    return str(ruleset.render(allowlist, **options)["ruleset"])


def ufw_text(allowlist: dict[str, Any], **options: Any) -> str:
    return "".join(f"{rule}\n" for rule in ufw.render(allowlist, **options)["rules"])


def firewalld_text(allowlist: dict[str, Any], **options: Any) -> str:
    files = configuration.render(allowlist, **options)["files"]
    return "\n".join(f"{path}\n{text}" for path, text in files.items())


# By the files' suffix.
BACKENDS: dict[str, Callable[..., str]] = {"nft": nftables_text, "ufw": ufw_text, "firewalld": firewalld_text}


# Names that the host follows, each way once: the vendor by the file's name.
NAMED = {"eschat.resolve.nft": "resolve", "vsee.dnsmasq.nft": "dnsmasq"}


def compiled(vendor: str) -> dict[str, Any]:
    requirements = ["required", "recommended", "optional"]
    selection = select({"name": vendor, **CHOICES[vendor]}, requirements=requirements)
    return merged(*selection["rows"], timers=selection["timers"])


def rendered_text(vendor: str, backend: str) -> str:
    """Return the rules of one vendor, policy deny, for a host; for Zoom, for a gateway too."""
    scope = "both" if "inbound" in CHOICES[vendor] else "host"
    return BACKENDS[backend](compiled(vendor), policy="deny", names="report", scope=scope)


def named_text(name: str) -> str:
    """Return the rules with names of a host that is a gateway too, and what its dnsmasq is told."""
    native = ruleset.render(compiled(name.partition(".")[0]), policy="deny", names=NAMED[name], scope="both")
    return str(native["ruleset"]) + "".join(f"# {line}\n" for line in native["names"]["dnsmasq"])


def test_every_vendor_has_a_golden_file() -> None:
    assert sorted(shipped()) == sorted(CHOICES)
    if not os.environ.get("RENEW_GOLDEN"):
        named = {f"{vendor}.{backend}" for vendor in CHOICES for backend in BACKENDS} | set(NAMED)
        assert {path.name for path in GOLDEN.iterdir()} == named


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("vendor", sorted(CHOICES))
def test_rules_are_the_golden_ones(vendor: str, backend: str) -> None:
    compare(f"{vendor}.{backend}", rendered_text(vendor, backend))


@pytest.mark.parametrize("name", NAMED)
def test_rules_with_names_are_the_golden_ones(name: str) -> None:
    compare(name, named_text(name))


def compare(name: str, rendered: str) -> None:
    """Fail where a golden file says otherwise; write it where that is asked for."""
    path = GOLDEN / name
    if os.environ.get("RENEW_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(rendered.encode())
    golden = path.read_bytes().decode() if path.exists() else ""
    if rendered != golden:
        lines = difflib.unified_diff(golden.splitlines(), rendered.splitlines(), str(path), "rendered", lineterm="")
        shown = "\n".join(list(lines)[:60])
        pytest.fail(f"{shown}\n\nif that is what you meant: RENEW_GOLDEN=1 make unit", pytrace=False)
