# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(fit_quota)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fit_quota
short_description: Fit prefixes into a quota with the least extra address space
version_added: "0.1.0"
description:
  - Returns at most O(most) prefixes that cover all given ones, as few extra addresses as there can be. Prefixes that
    fit as they are stay exactly what they are, joined where that loses nothing.
  - The choice is the optimum over all prefixes that could be widened, found by dynamic programming, not a guess.
    The result depends on the addresses alone, not on how or in which order they are written.
  - Several lists, given as a dictionary, share the quota. How many prefixes each gets is part of the optimum; a list
    that several services need stands there once for each of them.
  - No prefix is widened over special addresses (private, loopback and the like) that are not given, nor to as good as
    any address. What does not fit then is an error.
  - IPv4 and IPv6 share the quota; a network of IPv6 of the length 64 weighs as much as one address of IPv4.
options:
  _input:
    description: A list of prefixes and addresses, or a dictionary of such lists; names are an error.
    type: raw
    required: true
  most:
    description: The quota, a number of prefixes, of all lists together.
    type: int
    required: true
  widen_at_most:
    description:
      - Extra addresses that are accepted, of all lists together, a network of IPv6 of the length 64 counted as one.
        More of them are an error that says how many.
      - The default accepts none; give a bound of your own to accept more.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Three prefixes in the room of two, for one extra address
  ansible.builtin.assert:
    that: "wanted | egress.allowlist.fit_quota(2, widen_at_most=1) == ['192.0.2.0/30', '198.51.100.0/24']"
  vars:
    wanted: [192.0.2.0/31, 192.0.2.3/32, 198.51.100.0/24]

- name: Two lists in the room of four prefixes, where that costs least
  ansible.builtin.assert:
    that:
      - fitted.media == ['192.0.2.0/30']
      - fitted.web == ['198.51.100.0/32', '198.51.100.64/32', '198.51.100.128/32']
  vars:
    wanted:
      media: [192.0.2.0, 192.0.2.3]
      web: [198.51.100.0, 198.51.100.64, 198.51.100.128]
    fitted: "{{ wanted | egress.allowlist.fit_quota(4, widen_at_most=2) }}"

- name: What fits stays exact
  ansible.builtin.assert:
    that: "['192.0.2.0/32', '192.0.2.1/32'] | egress.allowlist.fit_quota(1) == ['192.0.2.0/31']"
"""

RETURN = r"""
_value:
  description: Prefixes in ascending order, IPv4 first; for a dictionary, one of such lists by the same names.
  type: raw
  sample: [192.0.2.0/30, 198.51.100.0/24]
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import check_widening, fit_quotas


def fit_quota(value: Any, most: Any, *, widen_at_most: Any = 0) -> list[str] | dict[str, list[str]]:
    """Return the prefixes of fit_quotas of plain copies; what is wrong becomes an error of the filter."""
    try:
        wanted = plain(value)
        fitted = fit_quotas(wanted if isinstance(wanted, dict) else {"": wanted}, plain(most))
        check_widening(fitted, plain(widen_at_most))
    except (AttributeError, TypeError, ValueError) as exc:
        raise AnsibleFilterError(f"fit_quota: {exc}") from exc
    return {name: one.prefixes for name, one in fitted.items()} if isinstance(wanted, dict) else fitted[""].prefixes


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"fit_quota": fit_quota}
