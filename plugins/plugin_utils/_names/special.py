# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Special addresses: those that no answer of a name server may open, by IP version."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import format_prefix, parse_prefix

# What no answer of a name server may open: addresses that lead nowhere, or into one's own network.
_SPECIAL_V4 = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3",
)  # fmt: skip
# The first holds ::, ::1 and IPv4 in IPv6 clothes (::ffff:0:0/96); the last all that is not global unicast.
_SPECIAL_V6 = (
    "::/16", "64:ff9b:1::/48", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "2001::/23", "2001:db8::/32",
    "2002::/16", "3fff::/20", "4000::/2", "8000::/1",
)  # fmt: skip
_NAT64 = 0x64FF9B << 96


def _nat64(prefix: str) -> str:
    """Return where an IPv4 prefix lies in 64:ff9b::/96."""
    return format_prefix(6, _NAT64 + parse_prefix(prefix)[1], 96 + int(prefix.partition("/")[2]))


# Prefixes by IP version; disjoint.
SPECIAL: dict[int, list[str]] = {4: [*_SPECIAL_V4], 6: [*_SPECIAL_V6, *map(_nat64, _SPECIAL_V4)]}
