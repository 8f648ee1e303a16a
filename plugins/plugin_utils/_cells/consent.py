# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vendors' rows open, held against what the user agreed to: any address, special addresses, and how much in all.

A vendor file is data from outside. That it gives a reason is not enough where a row opens any address or one that is
special: the user says so too. What he wrote himself (the baseline's C{allow}) is not held against anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    format_address,
    parse_prefix,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, shown

from .special import PRIVATE, Special, is_any, special_parts

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


class Reason(NamedTuple):
    """Why something wide or special is open: C{service} is '' and C{row} 0 where it is all of the vendor's rows."""

    vendor: str
    service: str
    row: int
    opened: str  # "17.0.0.0/8", "10.0.0.0/24 (private)", "16,777,250 IPv4 addresses"
    because: str


@dataclass(slots=True)
class _Vendor:
    """What one vendor's rows open: ranges, and where they come from, by IP version; its reason for the sum."""

    ranges: dict[int, dict[Range, str]] = field(default_factory=lambda: {4: {}, 6: {}})
    because: str = ""
    # What is refused unless the vendor opens any address, and the user agrees to that: (version, message).
    special: list[tuple[int, str]] = field(default_factory=list)


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
        special: dict[str, Special] = {}
        for destination in destinations:
            if "/" not in destination:
                continue
            version, first, last = parse_prefix(destination)
            vendor.ranges[version].setdefault((first, last), here)
            if last - first + 1 == 1 << BITS[version]:
                if not self._consent.any_address:
                    raise ValueError(f"{gives(row['destination'], destination)} is any IPv{version} address: {_AGREE}")
                wide = list(dict.fromkeys([*wide, destination]))
            elif parts := special_parts(version, first, last):
                special[destination] = parts[0]
                if needed := self._needed(row, version, parts):
                    fault = self._fault(row, destination, version, needed)
                    if parts[0][:2] == (first, last):
                        raise ValueError(fault)
                    vendor.special.append((version, f"{here}: {fault}"))
        self._because(row, number, "wide_because", wide)
        self._because(row, number, "special_because", [f"{each} ({part.kind})" for each, part in special.items()])

    def _because(self, row: Mapping[str, Any], number: int, key: str, opened: list[str]) -> None:
        """Keep the row's reason for what it opens, if it has both."""
        because = (row.get(key) or "").strip()
        if opened and because:
            self._reasons[Reason(row["vendor"], row["service"], number, _listed(opened), because)] = None

    def count(self, rules: int) -> None:
        """Enter how many rules a row makes; raises ValueError where all become too many."""
        self._rules += rules
        if self._rules > MOST_RULES:
            raise ValueError(f"the rows up to here make {self._rules:,} rules: at most {MOST_RULES:,} are read")

    def _needed(self, row: Mapping[str, Any], version: int, parts: list[Special]) -> Special | None:
        """Return the first of the special parts of a destination that lacks the row's reason or the user's consent."""
        said = (row.get("special_because") or "").strip()
        for part in parts:
            # What is private and written by the user himself is his own network: to write it is to agree.
            own = part.kind == PRIVATE and row.get("own")
            if not own and not (said and _within(part[:2], self._consent.special[version])):
                return part
        return None

    def _fault(self, row: Mapping[str, Any], destination: str, version: int, part: Special) -> str:
        """Return what is wrong with a destination of a row of which C{part} is special."""
        _version, first, last = parse_prefix(destination)
        whole = part.first <= first and last <= part.last
        what = (
            f"is special ({part.kind})" if whole else f"holds special addresses ({part.kind}: {_span(version, part)})"
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
                elif not every:
                    faults += [text for of, text in vendor.special if of == version]
                if total > 1 << MOST_BITS[version]:
                    self._check_sum(name, vendor, f"{_number(total)} IPv{version} addresses", version, faults)
        if not self._consent.any_address:
            faults += self._together(anywhere)
        faults.stop()

    def _check_sum(self, name: str, vendor: _Vendor, opened: str, version: int, faults: Faults) -> None:
        if vendor.because:
            self._reasons[Reason(name, "", 0, opened, vendor.because)] = None
            return
        faults.append(
            f"{name}: its rows open {opened}: above 2^{MOST_BITS[version]} of IPv{version} a vendor needs a "
            "wide_because of its own, beside its title, that says why it must be so"
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


def _listed(texts: list[str]) -> str:
    """Return the first three of a list in words, and how many more there are."""
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


def _within(span: Range, ranges: list[Range]) -> bool:
    return any(first <= span[0] and span[1] <= last for first, last in ranges)


def _span(version: int, part: Special) -> str:
    first, last = (format_address(version, address) for address in part[:2])
    return first if first == last else f"{first} - {last}"


def _widest(version: int, ranges: Mapping[Range, str]) -> str:
    """Return where the widest of the ranges come from, C{kudo: media: row 1: 0.0.0.0 - 127.255.255.255}."""
    spans = nsmallest(3, ranges, key=lambda span: (span[0] - span[1], span[0]))
    more = f" and {len(ranges) - 3} more" if len(ranges) > 3 else ""
    return ", ".join(f"{ranges[span]}: {_span(version, Special(*span, ''))}" for span in spans) + more


def _number(total: int) -> str:
    """Return a number of addresses; of IPv6 as a power of two, at least or exactly."""
    if total < 1 << 33:
        return f"{total:,}"
    bits = total.bit_length() - 1
    return f"2^{bits}" if total == 1 << bits else f"more than 2^{bits}"
