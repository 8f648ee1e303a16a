# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vendors' rows open, held against what the user agreed to: any address, special addresses, and how much in all.

A vendor file is data from outside. That it gives a reason is not enough where a row opens any address or one that is
special: the user says so too. What he wrote himself (the baseline's C{allow}) is not held against anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    parse_prefix,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import (
    METADATA,
    PRIVATE,
    Special,
    embedded,
    is_any,
    is_any_by_itself,
    special_parts,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .reasons import Opened, Reason, kinds, listed, number_of, opened_name, opened_prefix, span_of

# The most addresses that a vendor opens in all without a reason of its own, as a power of two.
MOST_BITS = {4: 24, 6: 100}
# The most rules of all rows together.
MOST_RULES = 1_000_000
_AGREE = "write catalog_any_address: true if you agree to that"


class Consent(NamedTuple):
    """What the user agrees to: any address, and special addresses, as joined ranges by IP version."""

    any_address: bool
    special: dict[int, list[Range]]


def consent_of(any_address: bool, special_addresses: Any) -> Consent:
    """Return the consent in a user's variables; C{special_addresses}: prefixes and addresses, a list or with commas.

    Raises ValueError that names the variable and quotes the entry.
    """
    entries = special_addresses.split(",") if isinstance(special_addresses, str) else special_addresses or []
    if not isinstance(entries, (list, tuple)):
        raise ValueError(f"catalog_special_addresses is a list of prefixes, not {shown(special_addresses)}")
    found: dict[int, list[Range]] = {4: [], 6: []}
    for entry in entries:
        if isinstance(entry, str) and not entry.strip():
            continue
        where = f"catalog_special_addresses: {quoted(entry) if isinstance(entry, str) else shown(entry)}"
        try:
            version, first, last = parse_prefix(entry.strip() if isinstance(entry, str) else "")
        except ValueError as exc:
            raise ValueError(f"{where} is not a prefix: {exc}") from None
        if last - first + 1 == 1 << BITS[version]:
            raise ValueError(f"{where} is any address: write catalog_any_address: true if you agree to that")
        if not special_parts(version, first, last):
            raise ValueError(f"{where} holds no special address: no row needs it there")
        found[version].append((first, last))
    return Consent(any_address, {version: collapse(ranges) for version, ranges in found.items()})


@dataclass(slots=True)
class _Vendor:
    """What one vendor's rows open: ranges, and where they come from, by IP version; its reason for the sum.

    IPv4 addresses that lie in IPv6 are counted in both versions.
    """

    ranges: dict[int, dict[Range, str]] = field(default_factory=lambda: {4: {}, 6: {}})
    because: str = ""


class Openings:
    """What the rows read so far open, and why; the user's consent to it."""

    def __init__(self, consent: Consent) -> None:
        self._consent = consent
        self._vendors: dict[str, _Vendor] = {}
        self._reasons: dict[Reason, None] = {}
        self._rules = 0

    def add(self, row: Mapping[str, Any], number: int, destinations: list[str], wide: list[str]) -> None:
        """Enter a row's destinations; C{wide}: those that are wider than what needs no reason.

        Raises ValueError for any address and special addresses that the user did not agree to.
        """
        vendor = self._vendors.setdefault(row["vendor"], _Vendor())
        vendor.because = vendor.because or (row.get("vendor_wide_because") or "").strip()
        here = f"{row['vendor']}: {row['service']}: row {number}"
        reasoned = frozenset(wide)
        opened: dict[str, list[Opened]] = {"wide_because": [], "special_because": []}
        prefixes_of_row = {text: parse_prefix(text) for text in destinations if "/" in text}
        in_pieces = _in_pieces(prefixes_of_row.values())
        for destination, (version, first, last) in prefixes_of_row.items():
            every = _is_all(version, first, last)
            if every and not self._consent.any_address:
                raise ValueError(f"{gives(row['destination'], destination)} is any IPv{version} address: {_AGREE}")
            anywhere = every or is_any_by_itself(version, first, last)
            inside = embedded(first, last) if version == 6 and not is_any(6, [(first, last)]) else []
            parts = special_parts(version, first, last)
            # To agree to any address is to agree to what is special in it; check() asks for that, of all of a vendor.
            needed = self._needed(row, version, parts, destination in reasoned)
            if needed and not anywhere and version not in in_pieces:
                raise ValueError(self._fault(row, destination, version, parts, needed))
            vendor.ranges[version].setdefault((first, last), here)
            for span in inside:
                vendor.ranges[4].setdefault(span, f"{here}: {destination}")
            if every or parts or destination in reasoned:
                one = opened_prefix(destination, version, [] if every else parts, inside, anywhere)
                if every or destination in reasoned:
                    opened["wide_because"].append(one)
                if parts and not every:
                    opened["special_because"].append(one)
        opened["wide_because"] += [opened_name(name) for name in wide if "/" not in name]
        for key, found in opened.items():
            self._because(row, number, key, found)

    def _because(self, row: Mapping[str, Any], number: int, key: str, opened: list[Opened]) -> None:
        """Keep the row's reason for what it opens, if it has both."""
        because = (row.get(key) or "").strip()
        if opened and because:
            self._reasons[Reason(row["vendor"], row["service"], number, listed(opened), because)] = None

    def count(self, rules: int) -> None:
        """Enter how many rules a row makes; raises ValueError where all become too many."""
        self._rules += rules
        if self._rules > MOST_RULES:
            raise ValueError(f"the rows up to here make {self._rules:,} rules: at most {MOST_RULES:,} are read")

    def _needed(self, row: Mapping[str, Any], version: int, parts: list[Special], wide: bool) -> Special | None:
        """Return the first of the special parts of a destination that lacks the row's reason or the user's consent."""
        said = (row.get("special_because") or "").strip()
        for part in parts:
            # What is private and written by the user himself is his own network: to write it is to agree. A metadata
            # service is one address of many in a wide prefix, which has its reason: that names the service.
            excused = wide if part.kind == METADATA else part.kind == PRIVATE and row.get("own")
            if not excused and not (said and _within(part[:2], self._consent.special[version])):
                return part
        return None

    def _fault(
        self, row: Mapping[str, Any], destination: str, version: int, parts: list[Special], part: Special
    ) -> str:
        """Return what is wrong with a destination that has these special parts, and lacks consent for C{part}."""
        _version, *span = parse_prefix(destination)
        whole = collapse(part[:2] for part in parts) == [tuple(span)]
        what = (
            f"is special ({kinds(version, parts, alone=len(parts) == 1)})"
            if whole
            else f"holds special addresses ({part.kind}: {span_of(version, part)})"
        )
        said = (row.get("special_because") or "").strip()
        ways = [] if said else ["the row says why in special_because"]
        if not _within(part[:2], self._consent.special[version]):
            ways.append(f"you list {destination} in catalog_special_addresses")
        return f"{gives(row['destination'], destination)} {what}: it is opened only where {' and '.join(ways)}"

    def check(self) -> None:
        """Raise ValueError, a line for each error, for what the rows open together and nobody agreed to."""
        faults = Faults()
        anywhere: dict[int, list[str]] = {4: [], 6: []}
        for name, vendor in self._vendors.items():
            for version, ranges in vendor.ranges.items():
                joined = collapse(ranges)
                total, every = sum(last - first + 1 for first, last in joined), is_any(version, joined)
                if every:
                    anywhere[version].append(name)
                if every and not self._consent.any_address:
                    whence = _widest(version, ranges)
                    faults.append(f"{name}: its rows together open any IPv{version} address ({whence}): {_AGREE}")
                if total > 1 << MOST_BITS[version]:
                    self._check_sum(name, vendor, total, version, every, faults)
        if not self._consent.any_address:
            faults += self._together(anywhere)
        faults.stop()

    def _check_sum(self, name: str, vendor: _Vendor, total: int, version: int, every: bool, faults: Faults) -> None:
        """Keep the vendor's reason for how many addresses it opens; note what is wrong where it has none."""
        if vendor.because:
            opened = (
                f"any IPv{version} address ({number_of(total)})"
                if every
                else f"{number_of(total)} IPv{version} addresses"
            )
            self._reasons[Reason(name, "", 0, opened, vendor.because)] = None
            return
        faults.append(
            f"{name}: its rows open {number_of(total)} IPv{version} addresses: above 2^{MOST_BITS[version]} of "
            f"IPv{version} a vendor needs a wide_because of its own, beside its title, that says why it must be so"
        )

    def _together(self, anywhere: Mapping[int, list[str]]) -> Iterator[str]:
        """Yield what is wrong where only all vendors together open any address; C{anywhere}: those that do alone."""
        for version, alone in anywhere.items():
            vendors = {name: vendor.ranges[version] for name, vendor in self._vendors.items() if vendor.ranges[version]}
            joined = collapse(span for ranges in vendors.values() for span in ranges)
            if not alone and is_any(version, joined):
                yield f"{', '.join(vendors)}: their rows together open any IPv{version} address: {_AGREE}"

    def reasons(self) -> list[dict[str, Any]]:
        """Return the reasons of what is wide or special, C{{"vendor", "service", "row", "opened", "because"}}."""
        return [reason._asdict() for reason in self._reasons]


def gives(cell: Any, destination: str) -> str:
    """Return the cell in quotes as the subject of a sentence on a prefix in it."""
    printed = cell if isinstance(cell, str) else shown(cell)
    same = printed in (destination, destination.removesuffix("/32"), destination.removesuffix("/128"))
    return f"destination {quoted(printed)}{'' if same else f' gives {destination}, which'}"


def _is_all(version: int, first: int, last: int) -> bool:
    return last - first + 1 == 1 << BITS[version]


def _in_pieces(found: Collection[tuple[int, int, int]]) -> list[int]:
    """Return the IP versions of which a row has all addresses, written as several prefixes."""
    if len(found) == 1:
        return []
    ranges: dict[int, list[Range]] = {4: [], 6: []}
    for version, first, last in found:
        ranges[version].append((first, last))
    return [
        version
        for version, spans in ranges.items()
        if [(0, (1 << BITS[version]) - 1)] == collapse(spans) and not any(_is_all(version, *span) for span in spans)
    ]


def _within(span: Range, ranges: list[Range]) -> bool:
    return any(first <= span[0] and span[1] <= last for first, last in ranges)


def _widest(version: int, ranges: Mapping[Range, str]) -> str:
    """Return where the widest of the ranges come from, C{kudo: media: row 1: 0.0.0.0 - 127.255.255.255}."""
    spans = nsmallest(3, ranges, key=lambda span: (span[0] - span[1], span[0]))
    more = f" and {len(ranges) - 3} more" if len(ranges) > 3 else ""
    return ", ".join(f"{ranges[span]}: {span_of(version, Special(*span, ''))}" for span in spans) + more
