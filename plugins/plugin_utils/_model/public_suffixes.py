# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public suffixes: names below which anybody can register one, by the Public Suffix List and a table of clouds.

The list is data of C{publicsuffix.org} under the Mozilla Public License 2.0, in C{public_suffixes.txt} with its date:
a parent and its labels on a line, registries first, then companies that give their customers names. C{*} is any
label, C{!} an exception from it. A label that the list does not know ends a name as a suffix.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .cloud_domains import CLOUD_DOMAINS

_DATA = Path(__file__).with_name("public_suffixes.txt")
_PRIVATE = "[private]"


class _Rules(NamedTuple):
    """Rules as they are printed, C{co.uk}, C{*.ck}, C{!www.ck}: of registries and of all; names above them."""

    registries: frozenset[str]
    every: frozenset[str]
    above: dict[str, str]  # a name of two labels or more -> the first rule below it


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    """Return the rules of the list; read once, 10,000 of them in a few milliseconds."""
    registries: list[str] = []
    private: list[str] = []
    rules = registries
    for line in _DATA.read_text(encoding="ascii").splitlines():
        if line == _PRIVATE:
            rules = private
        elif line and line[0] not in "#[":
            parent, *labels = line.split(" ")
            end = "" if parent == "." else f".{parent}"
            rules += [f"{label}{end}" for label in labels]
    above: dict[str, str] = {}
    for rule in (*registries, *private):
        if rule[0] == "!":
            continue
        name = rule
        while "." in (name := name.partition(".")[2]):
            above.setdefault(name, rule)
    return _Rules(frozenset(registries), frozenset((*registries, *private)), above)


def public_suffix(name: str, *, registries: bool = False) -> str:
    """Return the public suffix of a name in its ASCII form, of the rules of registries alone or of all.

    C{a.example.co.uk} has C{co.uk}; a suffix has itself.
    """
    rules = _rules().registries if registries else _rules().every
    labels = name.split(".")
    for position in range(len(labels)):
        tail = ".".join(labels[position:])
        behind = ".".join(labels[position + 1 :])
        if f"!{tail}" in rules:
            return behind
        if tail in rules or (behind and f"*.{behind}" in rules):
            return tail
    return labels[-1]


def registrable(name: str) -> str:
    """Return the domain that somebody registered to have a name: C{example.co.uk}; '' for a suffix of a registry."""
    suffix = public_suffix(name, registries=True)
    front = name[: -len(suffix)].rstrip(".")
    return f"{front.rpartition('.')[2]}.{suffix}" if front else ""


@lru_cache(maxsize=4096)
def opens_to_anybody(pattern: str) -> str:
    """Return what is wide of a name or pattern, as what an error says of it; '' for nothing.

    C{*} stands for any letters, and labels with capitals for what is put in: only what is fixed behind the last of them
    counts. It is wide if it is a public suffix or a domain of a cloud, or if one lies below it.
    """
    labels = pattern.split(".")
    open_labels = [number for number, label in enumerate(labels) if "*" in label or label != label.lower()]
    fixed = labels[open_labels[-1] + 1 :] if open_labels else labels
    tail = ".".join(fixed)
    verb = f"opens any name below '{tail}'," if open_labels else "is"
    if cloud := _cloud_of(fixed):
        return f"{verb} a domain of {cloud} in which others can have names"
    if not tail or public_suffix(tail) == tail:
        return f"{verb} a public suffix, below which anybody can have a name"
    inner = _rules().above.get(tail)
    if inner or (inner := _cloud_below(fixed)):
        return f"{verb} a domain in which others can have names, below '{inner}'"
    return ""


def _cloud_of(labels: list[str]) -> str:
    """Return whose domain these labels are; '' for nobody's."""
    if name := CLOUD_DOMAINS.get(".".join(labels)):
        return name
    for position in range(len(labels) - 1):
        if name := CLOUD_DOMAINS.get(".".join([*labels[:position], "*", *labels[position + 1 :]])):
            return name
    return ""


@lru_cache(maxsize=1)
def _above_clouds() -> dict[str, str]:
    """Return each name of two labels or more above a domain of the table -> that domain."""
    above: dict[str, str] = {}
    for domain in CLOUD_DOMAINS:
        name = domain
        while "." in (name := name.partition(".")[2]):
            above.setdefault(name, domain)
    return above


def _cloud_below(labels: list[str]) -> str:
    """Return a domain of the table that lies below a name; '' for none."""
    above = _above_clouds()
    for position in range(-1, len(labels) - 1):
        masked = labels if position < 0 else [*labels[:position], "*", *labels[position + 1 :]]
        if domain := above.get(".".join(masked)):
            return domain
    return ""
