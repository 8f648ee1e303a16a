# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the planners of all clouds share, checked, and notes on what no plan applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import is_address, parse_prefix
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import EXACT, kind_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import check_labels, check_names

POLICIES = ("unmanaged", "deny")


def common(
    allowlist: Mapping[str, Any],
    *,
    policy: str,
    names: str,
    addresses: Mapping[str, Sequence[str]] | None,
    variable: str,
    modes: Sequence[str] = ("report", "resolve"),
) -> list[str]:
    """Check the choices that all clouds have, and return notes on what is not applied of the allowlist.

    variable: how the user's variables begin, C{aws_egress}. Raises ValueError that says what is accepted.
    """
    if policy == "audit":
        raise ValueError(
            "policy 'audit' is not accepted: a security group cannot count what it would stop; choose unmanaged, "
            "look at the cloud's flow logs, then choose deny"
        )
    if policy not in POLICIES:
        raise ValueError(f"policy '{policy}' is not accepted: choose one of {', '.join(POLICIES)}")
    listed = dict(allowlist)
    check_labels(listed, "a rule's description")
    check_names(listed, policy, names, variable, instead="unmanaged", modes=modes)
    notes = []
    if allowlist["inbound"]:
        notes.append("inbound connections of the allowlist are not let in: only egress is managed")
    return notes + _names_notes(listed, names, addresses or {}, variable)


def _names_notes(
    allowlist: dict[str, Any], names: str, addresses: Mapping[str, Sequence[str]], variable: str
) -> list[str]:
    """Return notes on names that were looked up in vain, or cannot be."""
    if names != "resolve":
        if addresses:
            raise ValueError(f"addresses of names are given: they are used with {variable}_names resolve only")
        return []
    for name, found in addresses.items():
        if isinstance(found, str):
            raise ValueError(f"addresses of '{name}': {found!r} is not a list")
        for address in found:
            try:
                parse_prefix(address)
            except (AttributeError, TypeError, ValueError) as exc:
                raise ValueError(f"addresses of '{name}': {exc}") from None
    wanted = sorted(
        {
            destination
            for entry in allowlist["provenance"]
            if entry.get("direction") != "inbound"
            for destination in entry["destinations"]
            if not is_address(destination)
        }
    )
    exact = [name for name in wanted if kind_of(name) == EXACT]
    missing = [name for name in exact if name not in addresses]
    if missing:
        raise ValueError(
            f"{variable}_names resolve: {_some(missing)} were not looked up: give what "
            "lookup('egress.allowlist.resolve', allowlist) returns as addresses"
        )
    notes = []
    empty = [name for name in exact if not addresses[name]]
    if empty:
        notes.append(f"names that have no address, and stay shut: {_some(empty)}")
    wild = [name for name in wanted if kind_of(name) != EXACT]
    if wild:
        notes.append(f"names with a wildcard cannot be looked up, and stay shut: {_some(wild)}")
    return notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
