# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the nftables renderer, and what is read of its text."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables.ruleset import render

from tests.support.rules import rule

KNOWN = "ct state established,related accept"
MANAGED = "tcp sport @management tcp flags & (syn | ack) != syn accept"
OUTPUT, FORWARD = (f"type filter hook {hook} priority filter; policy accept;" for hook in ("output", "forward"))


def timer(seconds: Any, vendor: str = "acme", protocol: str = "udp", services: tuple = ("calls",)) -> dict[str, Any]:
    """Return a timer as a vendor's file has it."""
    return {"vendor": vendor, "services": list(services), "protocol": protocol, "seconds": seconds, "printed": "x"}


def made(*rules: dict[str, Any], timers: tuple = (), **options: Any) -> dict[str, Any]:
    """Return what is rendered of rules, or of one rule."""
    return render(merge_vendors(rules or [rule()], timers=timers), **options)


def bodies(native: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lines of each block by C{kind name}."""
    found: dict[str, list[str]] = {}
    for line in native["ruleset"].splitlines()[1:-1]:
        if head := re.fullmatch(r"\t(\S.*) \{", line):
            assert head[1] not in found, f"{head[1]} is declared twice"
            lines = found[head[1]] = []
        elif line.strip() not in ("", "}"):
            lines.append(line.strip())
    return found
