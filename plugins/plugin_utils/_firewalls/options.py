# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choices that all host backends have in common, checked alike and refused in the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import parse_prefix

SCOPES = ("host", "gateway", "both")
STOPPED = ("reject", "drop")
MODES = ("report", "resolve", "dnsmasq")  # what becomes of names
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # no dot, no slash and no space: these join labels


def one_of(name: str, value: object, accepted: tuple) -> None:
    """Raise ValueError that lists what is accepted, unless C{value} is."""
    if value not in accepted:
        raise ValueError(f"{name} '{value}' is not accepted: choose one of {', '.join(filter(None, accepted))}")


def check_scope(scope: str, sources: Sequence[str] | str) -> None:
    """Raise ValueError for an unknown scope, or for sources where nothing is forwarded."""
    one_of("scope", scope, SCOPES)
    if sources and scope == "host":
        raise ValueError("sources choose among forwarded packets: use them with the scope gateway or both")


def check_labels(allowlist: dict, where: str) -> None:
    """Raise ValueError for a vendor, service or protocol that cannot stand in C{where} ("a counter's name").

    Nothing of an allowlist is ever quoted or escaped. Prefixes and ports are written from numbers, and need no check.
    """
    for entry in allowlist["provenance"]:
        for key in ("vendor", "service"):
            if not _LABEL.fullmatch(entry[key]):
                raise ValueError(
                    f"{key} {entry[key]!r} cannot be part of {where}: write letters, digits, '_' or '-', a letter first"
                )
        if entry["protocol"] not in ("tcp", "udp"):
            raise ValueError(f"{entry['vendor']}: {entry['service']}: protocol {entry['protocol']!r} is not tcp or udp")


def check_names(
    allowlist: dict, policy: str, names: str, prefix: str, instead: str, modes: Sequence[str] = MODES
) -> None:
    """Stop a policy that would shut out names in silence: C{names}, one of C{modes}, says what becomes of them.

    C{prefix}: how the user's variables begin, C{nftables_egress}; C{instead}: the policy to use otherwise.
    """
    one_of("names", names, ("", *modes))
    wanted = sorted(name for group in allowlist["groups"] for name in group["names"])
    if wanted and policy == "deny" and not names:
        shown = ", ".join(wanted[:10]) + (f" and {len(wanted) - 10} more" if len(wanted) > 10 else "")
        followed = " or ".join(mode for mode in modes if mode != "report")
        raise ValueError(
            f"policy deny would stop {len(wanted)} names that a packet filter cannot enforce: {shown}. "
            f"Set {prefix}_names to report to accept that (the summary lists them), to {followed} to open the "
            f"addresses that they have, or use the policy {instead}"
        )


def expanded(addresses: Sequence[str] | str) -> list[str]:
    """Return what the user listed as joined prefixes and names; nothing at all is no error here."""
    return (
        expand_ranges(addresses if isinstance(addresses, str) else list(addresses), collapse=True) if addresses else []
    )


def by_version(addresses: Sequence[str] | str, variable: str) -> dict[int, list[str]]:
    """Return the prefixes of each IP version (4, 6) that the user named any of.

    Raises ValueError that names the user's variable.
    """
    listed: dict[int, list[str]] = {}
    for prefix in expanded(addresses):
        if "/" not in prefix:
            raise ValueError(f"{variable}: '{prefix}' is a name: write addresses or prefixes")
        listed.setdefault(parse_prefix(prefix)[0], []).append(prefix)
    return listed


def unfiltered(filtered: Sequence[int]) -> list[str]:
    """Return notes on the IP versions of which no source is named."""
    return [
        f"no source of IPv{version} is named: what is forwarded there passes as before"
        for version in sorted({4, 6} - {*filtered})
    ]


def allow_rules(allow: list[dict], variable: str) -> list[dict]:
    """Return the user's own additions to the baseline as rules; TCP where a row names no protocol.

    Raises ValueError that names the user's variable and the row.
    """
    given = {"vendor": variable, "service": "baseline", "protocol": "TCP"}
    rows = [{**given, **row} if isinstance(row, dict) else row for row in allow]
    rules = expand_rows(rows, widest_prefix={"ipv4": 0, "ipv6": 0}, broadcast=True)
    for rule in rules:
        if "/" not in rule["destination"]:
            raise ValueError(f"{variable}: row {rule['row']}: '{rule['destination']}' is a name: write its addresses")
    return rules
