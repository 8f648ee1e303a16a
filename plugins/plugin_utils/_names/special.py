# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Special addresses: those that no answer of a name server may open, by IP version."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    BITS,
    Range,
    collapse,
    format_prefix,
    parse_prefix,
    prefixes,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.special import NAT64, RANGES

# What no vendor has either: examples, benchmarks, and the relays of 6to4.
_NOBODYS = ("192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")
# All that is not global unicast but for 64::/16, where NAT64 is, and 6to4; no exact list, which would be of a hundred.
_V6 = (
    "::/10", "40::/11", "60::/14", "64:ff9b:1::/48", "65::/16", "66::/15", "68::/13", "70::/12", "80::/9", "100::/8",
    "200::/7", "400::/6", "800::/5", "1000::/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2",
    "8000::/1",
)  # fmt: skip


def _ranges(listed: tuple[str, ...]) -> list[Range]:
    return [parse_prefix(prefix)[1:] for prefix in listed]


def _nat64(prefix: str) -> str:
    """Return where an IPv4 prefix lies in 64:ff9b::/96."""
    return format_prefix(6, NAT64[0] + parse_prefix(prefix)[1], BITS[6] - BITS[4] + int(prefix.partition("/")[2]))


_V4 = [text for span in collapse([*RANGES[4], *_ranges(_NOBODYS)]) for text in prefixes(4, *span)]
# Prefixes by IP version; disjoint.
SPECIAL: dict[int, list[str]] = {4: _V4, 6: [*_V6, *map(_nat64, _V4)]}
