# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public suffixes: names below which anybody can register one, by the Public Suffix List and a table of clouds.

The list is data of C{publicsuffix.org} under the Mozilla Public License 2.0, in C{public_suffixes.txt} with its date:
a parent and its labels on a line, registries first, then companies that give their customers names. C{*} is any
label, C{!} an exception from it. A label that the list does not know ends a name as a suffix.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .cloud_domains import CLOUD_DOMAINS

_DATA = Path(__file__).with_name("public_suffixes.txt")
_PRIVATE = "[private]"
_REGION = "[a-z]{2,3}(?:-[a-z]+)+-[0-9]+"


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


def is_known_ending(label: str) -> bool:
    """Whether a last label, in its ASCII form, is a top-level domain that the list knows."""
    rules = _rules().registries
    return label in rules or f"*.{label}" in rules


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
    if cloud := _cloud_of(tail):
        return f"{verb} a domain of {cloud} in which others can have names"
    if not tail or public_suffix(tail) == tail:
        return f"{verb} a public suffix, below which anybody can have a name"
    inner = _rules().above.get(tail)
    if inner or (inner := _cloud_below(tail)):
        return f"{verb} a domain in which others can have names, below '{inner}'"
    return ""


def _cloud_of(domain: str) -> str:
    """Return whose domain this is; '' for nobody's."""
    named = CLOUD_DOMAINS.get(domain)
    return named or next(
        (CLOUD_DOMAINS[rule] for rule, [whole, *_above] in _open_clouds() if whole.fullmatch(domain)), ""
    )


def _cloud_below(domain: str) -> str:
    """Return a domain of a cloud that lies below this one, which has two labels or more; '' for none."""
    if "." not in domain:
        return ""
    named = next((rule for rule in CLOUD_DOMAINS if rule.endswith(f".{domain}")), "")
    for rule, [_whole, *above] in _open_clouds():
        if named:
            break
        named = rule if any(pattern.fullmatch(domain) for pattern in above) else ""
    return named


@lru_cache(maxsize=1)
def _open_clouds() -> list[tuple[str, list[re.Pattern[str]]]]:
    """Return the domains of the table that hold C{*} or C{REGION}, each with the pattern of what it stands for, and of
    what is above it and holds them too."""
    found = []
    for rule in CLOUD_DOMAINS:
        labels = rule.split(".")
        last = max((number for number, label in enumerate(labels) if "*" in label or label == "REGION"), default=-1)
        if last >= 0:
            found.append((rule, [_pattern(labels[number:]) for number in range(last + 1)]))
    return found


def _pattern(labels: list[str]) -> re.Pattern[str]:
    texts = [_REGION if label == "REGION" else re.escape(label).replace(r"\*", "[a-z0-9-]+") for label in labels]
    return re.compile(r"\.".join(texts), re.ASCII)
