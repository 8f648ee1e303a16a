# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of variables: which of those that are given nobody reads, and what was meant by them.

A role's variables begin with C{<role>_egress_}, those of the catalog with C{catalog_}, the options of a vendor's own
playbook with the vendor. Only the first is ours alone; other people's variables may begin with the others.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import listed, unknown

from .options import choose, is_free

# How alike (difflib's ratio) a near miss is; the more words others use, the more.
_OURS, _SHARED, _BARE, _BROKEN = 0.75, 0.88, 0.9, 0.85
# Choices of a role that a vendor's own playbook leaves as they are unless they are given.
SETTINGS = ("policy", "scope", "sources", "names", "allow")
FIREWALLS = ("nftables", "ufw", "firewalld")  # the roles of hosts
CLOUDS = ("aws", "azure", "gcp", "openstack")


@dataclass(frozen=True)
class Known:
    """The variables that are read."""

    roles: Mapping[str, frozenset[str]]  # of a role, as they are written: {"nftables": {"nftables_egress_policy", ...}}
    vendors: Mapping[str, frozenset[str]]  # the options of a vendor, without its prefix
    playbook: frozenset[str] = frozenset()  # of the playbook itself: {"apply_hosts", ...}
    role: str = ""  # the one that applies, "nftables"; of others only near misses are looked at

    def names(self) -> set[str]:
        """Return all of them as they are written."""
        options = {f"{vendor}_{name}" for vendor, names in self.vendors.items() for name in names}
        return options.union(self.playbook, *self.roles.values())


def check_variables(given: Iterable[str], known: Known) -> list[str]:
    """Return notes on the variables in C{given} that look like ours and are read by nobody.

    Raises ValueError that names each near miss of a known variable, and what was meant.
    """
    read = known.names()
    unread = sorted(name for name in given if isinstance(name, str) and name not in read)
    _stop(dict(filter(None, (_near(name, known) for name in unread))))
    return [
        f"{name} is not read: the role {role} has no such variable"
        for role in sorted(known.roles)
        for name in unread
        if name.startswith(f"{role}_egress_")
    ]


def check_backend(backend: str, roles: Iterable[str]) -> None:
    """Raise ValueError that names the backends unless C{backend} is one; C{roles}: all roles of the collection."""
    backends = [role for role in roles if role != "catalog"]
    if backend not in backends:
        raise ValueError(unknown("backend", backend, backends))


def check_extra(given: Iterable[str], known: Known) -> None:
    """Raise ValueError for names given with C{-e} that lack a prefix or have a broken one.

    C{regions}, C{nftables_policy}, C{hosts}, C{KUDO_REGIONS}; not where what they mean is given too.
    """
    given = {name for name in given if isinstance(name, str)}
    missed = {}
    for name in sorted(given - known.names()):
        meant = [each for each in dict.fromkeys(_meant(name, known)) if each not in given]
        if meant:
            missed[name] = " or ".join(meant)
    _stop(missed)


def _meant(name: str, known: Known) -> list[str]:
    """Return what may be meant by a name on the command line."""
    meant = [
        f"{vendor}_{option}"
        for vendor, options in known.vendors.items()
        for option in difflib.get_close_matches(name, options, 1, _BARE)
    ]
    meant += {f"apply_{name}"} & known.playbook
    if known.role:
        names, prefix = known.roles[known.role], f"{known.role}_egress_"
        meant += [prefix + name] if name in SETTINGS and prefix + name in names else []
        if name.startswith(f"{known.role}_"):
            meant += _closest(prefix + name.removeprefix(f"{known.role}_"), prefix, names, _OURS)
        if name.startswith("egress_"):
            meant += _closest(f"{known.role}_{name}", prefix, names, _OURS)
    # A prefix that is broken: KUDO_REGIONS, kudo-regions, nftables_egres_policy.
    plain = name.lower().replace("-", "_")
    if not meant and (plain.startswith(tuple(known.vendors)) or "egres" in plain):
        used = {role: names for role, names in known.roles.items() if role in (known.role, "catalog")}
        meant = difflib.get_close_matches(plain, sorted(replace(known, roles=used).names()), 1, _BROKEN)
    return meant


def check_once(where: str, selection: Mapping[str, Any], former: Mapping[str, Any]) -> None:
    """Raise ValueError where the same role in the same play had another selection: it would lose what it just opened.

    C{where}: which role in which play, '' for one that may have several; C{former}: C{where}, C{selection} of before.
    """
    if where and former.get("where") == where:
        before, now = (_chosen(found) for found in (former["selection"], selection))
        if before != now:
            raise ValueError(
                f"this play selects '{before}' and then '{now}' for the same host: a host has one selection, and the "
                "second would remove the first; write all of it into one catalog_vendors"
            )


def _chosen(selection: Mapping[str, Any]) -> str:
    """Return a selection in words."""
    return "; ".join(
        " ".join([vendor["name"], *(f"{name}={_word(value)}" for name, value in vendor["options"].items())])
        for vendor in selection["vendors"]
    )


def _word(value: Any) -> str:
    """Return an option's value as it is written after -e."""
    return ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


def _stop(missed: Mapping[str, str]) -> None:
    if missed:
        raise ValueError("; ".join(f"'{name}' is not read: write {meant}" for name, meant in sorted(missed.items())))


def _near(name: str, known: Known) -> tuple[str, str] | None:
    """Return C{(name, what was meant)} of a near miss."""
    meant = []
    for role, names in known.roles.items():
        prefix, alike = ("catalog_", _SHARED) if role == "catalog" else (f"{role}_egress_", _OURS)
        meant += _closest(name, prefix, names, alike)
    for vendor, options in known.vendors.items():
        meant += _closest(name, f"{vendor}_", {f"{vendor}_{option}" for option in options}, _SHARED)
    for prefix in {each.partition("_")[0] + "_" for each in known.playbook}:
        meant += _closest(name, prefix, known.playbook, _SHARED)
    return (name, meant[0]) if meant else None


def _closest(name: str, prefix: str, names: Iterable[str], alike: float) -> list[str]:
    """Return the one of C{names} that differs least behind the prefix, if any is that much alike."""
    if not name.startswith(prefix):
        return []
    rests = [each.removeprefix(prefix) for each in names if each.startswith(prefix)]
    return [prefix + rest for rest in difflib.get_close_matches(name.removeprefix(prefix), rests, 1, alike)]


def entries(
    vendors: Iterable[str],
    catalog: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    own: bool,
    shipped: Collection[str],
    read_ports: Callable[[str], object],
    written: Collection[str] = (),
    typed: Collection[str] = (),
) -> tuple[list[dict[str, Any]], bool]:
    """Return entries of C{catalog_vendors} for these vendors, and whether C{all} was put where nothing was said.

    C{values}: variables by name; the option C{regions} of C{kudo} is C{kudo_regions}. C{own}: this is the vendor's own
    playbook, which takes all where a choice must be made and none was. C{shipped}: the vendors of the collection, whose
    variables are known to be these options; for others C{read_ports} refuses what is no cell of ports. C{written}: the
    vendors that the user wrote himself; C{typed}: the variables that he gave on the command line.
    Raises ValueError for an unknown vendor, and for a value of another vendor's that is no value of its option.
    """
    found, all_by_default = [], False
    for vendor in vendors:
        if vendor not in catalog:
            raise ValueError(unknown("vendor", vendor, catalog))
        entry: dict[str, Any] = {"name": vendor}
        for option, spec in catalog[vendor].get("options", {}).items():
            name = f"{vendor}_{option}"
            if name in values:
                entry[option] = values[name]
                if is_free(spec) and vendor not in shipped and vendor not in written and name not in typed:
                    raise ValueError(
                        f"the variable {name} goes into rules as it is, and {vendor} is not of this collection: give "
                        f"it with -e, or write {option} into an entry of catalog_vendors"
                    )
                if vendor not in shipped:
                    _check_value(name, option, spec, values[name], read_ports)
            elif own and spec.get("required") and spec["type"] == "list":
                entry[option], all_by_default = "all", True
        found.append(entry)
    return found, all_by_default


def _check_value(
    variable: str, option: str, spec: Mapping[str, Any], value: Any, read_ports: Callable[[str], object]
) -> None:
    """Raise ValueError, without the value, unless a variable holds what an option of a vendor from outside accepts.

    Who writes a vendor file chooses the names of the vendor and its options, and so which variables are read.
    """
    accepted = {
        "addresses": "addresses or prefixes",
        "list": f"any of {listed(spec.get('choices', []))}, or all",
        "str": f"one of {listed(spec['choices'])}" if "choices" in spec else "letters, digits and inner hyphens",
        "bool": "true or false",
        "ports": f"a port, a range or a list of ports, such as {spec.get('example', 443)}",
    }[spec["type"]]
    try:
        choices = choose("", {option: dict(spec)}, {option: value})
        choices.needed.add(option)
        choices.check()
        chosen = choices.values[option]
        if spec["type"] == "ports" and isinstance(chosen, str):
            read_ports(chosen)
    except ValueError:
        raise ValueError(f"the variable {variable} does not hold what the option takes: write {accepted}") from None
