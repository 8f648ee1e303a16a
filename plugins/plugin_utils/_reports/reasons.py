# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why what is wide or special is open, in the words of the summary and of a diff."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import collapse, parse_prefix

Reasons = Iterable[Mapping[str, Any]]
_MORE = re.compile(r" and (?:\d+ )?more$")
_BRACKETS = re.compile(r" \([^()]*\)")


def reason_lines(reasons: Reasons) -> list[str]:
    """Return a line for each reason of an allowlist, C{kudo: media: row 1: 17.0.0.0/8 is open because: ...}."""
    lines = []
    for reason in sorted(reasons, key=itemgetter("vendor", "service", "row", "opened")):
        row = f": {reason['service']}: row {reason['row']}" if reason["row"] else ""
        opened = reason["opened"]
        plain = _BRACKETS.sub("", opened)  # in brackets stands what is special of one
        verb = "are" if ", " in plain or plain.endswith(("addresses", "more")) else "is"
        lines.append(f"{reason['vendor']}{row}: {opened} {verb} open because: {reason['because']}")
    return lines


def reasons_of_diff(text: str, reasons: Reasons, provenance: Reasons = ()) -> list[str]:
    """Return the lines of those reasons whose vendor and service stand on a line of a diff that adds something.

    C{text}: lines like C{+ tcp/443 to 17.0.0.0/8  kudo: media, zoom: web}. Where a line names not all who ask for it,
    C{kudo: media, zoom and 12 more}, C{provenance} tells who else does: the entries of the allowlist.
    """
    reasons = list(reasons)
    added, cut = set(), []
    for line in text.splitlines():
        opened, _gap, who = line.rpartition("  ")
        if line.startswith("+ ") and opened:
            whole = _MORE.sub("", who)
            added.update(whole.split(", "))
            cut += [opened.split(" ", 3)[3:]] if whole != who else []
    if cut:
        known = {(reason["vendor"], reason["service"]) for reason in reasons if reason["row"]}
        added |= _asking({text for each in cut for text in each}, provenance, known)
    vendors = {label.partition(":")[0] for label in added}
    return reason_lines(
        reason
        for reason in reasons
        if (f"{reason['vendor']}: {reason['service']}" in added if reason["row"] else reason["vendor"] in vendors)
    )


def _asking(ends: Iterable[str], provenance: Reasons, known: Collection[tuple[str, str]]) -> set[str]:
    """Return the labels of those vendor services, of the known ones, that ask for any of the destinations of a diff.

    C{ends}: what stands behind C{to}: a prefix, a range C{192.0.2.1-192.0.2.9}, or names.
    """
    names = {name for end in ends for name in end.split(", ")}
    spans = [span for end in ends if (span := _span(end.partition(" ")[0]))]
    pieces = {version: collapse([pair[1:] for pair in spans if pair[0] == version]) for version in (4, 6)}
    found = set()
    for entry in provenance:
        label = f"{entry['vendor']}: {entry['service']}"
        if (entry["vendor"], entry["service"]) not in known or label in found:
            continue
        if any(text in names or _overlaps(_span(text), pieces) for text in entry["destinations"]):
            found.add(label)
    return found


def _overlaps(span: tuple[int, int, int] | None, pieces: Mapping[int, list[tuple[int, int]]]) -> bool:
    """Say whether a span meets one of the disjoint pieces, which are in ascending order, by IP version."""
    if span is None:
        return False
    version, first, last = span
    number = bisect(pieces[version], (last, last)) - 1
    after = pieces[version][number + 1 : number + 2]
    return (number >= 0 and pieces[version][number][1] >= first) or bool(after and after[0][0] <= last)


def _span(text: str) -> tuple[int, int, int] | None:
    """Return IP version, first and last address of a prefix or a range, None for what is neither."""
    first, dash, last = text.partition("-")
    try:
        version, start, end = parse_prefix(first)
        return (version, start, parse_prefix(last)[2]) if dash else (version, start, end)
    except ValueError:
        return None
