# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(expand_ranges)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expand_ranges
short_description: Turn a cell of addresses, ranges and names into prefixes and names
version_added: "0.1.0"
description:
  - Turns what a vendor prints in a destination column into prefixes, always with their length, and names in
    lower case.
  - Accepts prefixes, addresses, ranges C(a - b) with any dash and any spacing, C(a to b), names, names with C(*)
    anywhere but in the last label, and URLs of a host alone (C(https://live.example.com/)), IPv4 and IPv6, separated
    by commas, semicolons, pipes, spaces, line breaks, C(<br>), C(and), C(or) or C(&). One separator at the end is left
    out.
  - Words for any address (C(any), C(all hosts), C(*), C(any IPv4)) are 0.0.0.0/0 and ::/0, or the one that is meant.
  - An address and a netmask or wildcard mask (C(80.81.128.0 255.255.240.0)), also with a slash, are one prefix. Lines
    that all begin with the same bullet are a list. Emphasis and backticks around an item are left out.
  - Marks of footnotes (C(192.0.2.1 [1])) and remarks in brackets that name a host, a place or a role
    (C(192.0.2.1 (sip.example.com\))) change nothing, and are left out. Other remarks are errors.
  - A range that is not one prefix becomes the shortest list of prefixes that covers exactly its addresses.
  - Letters beyond ASCII become their C(xn--) form, with Python's C(idna) package on the controller. Letters of two
    scripts in a label, and labels that only look Latin, are errors.
  - Nothing is corrected. Host bits, octets such as 256 or 010, prefix lengths such as 33, an inverted range, a
    range of two families, an empty cell, a separator without an item, control characters, zones, IPv4
    addresses written as IPv6, a URL with port, path, query or user, placeholders, and a name that no host can bear are
    errors that say what to write.
  - What has two readings is an error that says how to write each. These are a name that a space or a line break may
    have broken (C(media.eu-west-2. example.com)), a dash at a line break, a netmask or a length behind several
    addresses, C(192.0.2.x), C(turn.REGION.example.com), and two names with a hyphen between them.
  - Addresses in 0.0.0.0/8, in ::/64 and from 240.0.0.0 up are errors, but for prefixes shorter than /4.
options:
  _input:
    description: A cell, or a list of cells. An empty cell is an error, an empty list is not.
    type: raw
    required: true
  collapse:
    description:
      - Join overlapping and adjacent prefixes, and sort, IPv4 before IPv6 before names.
      - Without it the printed order is kept, and what is printed twice is returned once.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A range with a dash of any kind, and one that is not a single prefix
  ansible.builtin.assert:
    that:
      - "'34.203.254.0 – 34.203.254.255' | egress.allowlist.expand_ranges == ['34.203.254.0/24']"
      - "'192.0.2.4-192.0.2.9' | egress.allowlist.expand_ranges == ['192.0.2.4/30', '192.0.2.8/31']"

- name: A list of addresses and names, IPv6 in upper case, a URL
  ansible.builtin.assert:
    that:
      - "'80.81.128.0 255.255.240.0' | egress.allowlist.expand_ranges == ['80.81.128.0/20']"
      - "'3.97.31.75 15.223.60.24' | egress.allowlist.expand_ranges == ['3.97.31.75/32', '15.223.60.24/32']"
      - "'2407:30C0::/32; *.Example.com' | egress.allowlist.expand_ranges == ['2407:30c0::/32', '*.example.com']"
      - "'https://live.kudoway.com' | egress.allowlist.expand_ranges == ['live.kudoway.com']"
      - "'192.0.2.1 (sip.example.com), 192.0.2.9¹' | egress.allowlist.expand_ranges == ['192.0.2.1/32', '192.0.2.9/32']"
      - "'rtc*.connect.example.com' | egress.allowlist.expand_ranges == ['rtc*.connect.example.com']"

- name: Several cells joined into as few prefixes as possible
  ansible.builtin.assert:
    that: "cells | egress.allowlist.expand_ranges(collapse=true) == ['192.0.2.0/24', 'live.example.com']"
  vars:
    cells: [live.example.com, 192.0.2.128/25, "192.0.2.0/25, 192.0.2.7"]
"""

RETURN = r"""
_value:
  description: Prefixes and names.
  type: list
  elements: str
  sample: [34.203.254.0/24, "2407:30c0::/32", "*.example.com"]
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges


def expand_ranges_filter(value: Any, *, collapse: Any = False) -> list[str]:
    """Return expand_ranges of plain copies; what is wrong becomes an error of the filter."""
    try:
        return expand_ranges(plain(value), collapse=boolean(collapse))
    except (TypeError, ValueError) as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"expand_ranges": expand_ranges_filter}
