# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters that select rows have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of a selection."""

    DOCUMENTATION = r"""
options:
  vendors:
    description:
      - The chosen vendors, a list. A vendor is its name, or an entry with its C(name) and the options that its vendor
        file offers.
      - One vendor needs no list.
    type: raw
    required: true
  requirements:
    description: Which rows to take, any of V(required), V(recommended), V(optional).
    type: list
    elements: str
    choices: [required, recommended, optional]
    default: [required, recommended]
  max_age:
    description: The age beyond which a source is stale, such as V(730d), V(24mo), V(2y).
    type: str
    default: 2y
  stale:
    description: What a stale source leads to, a flag (V(warn)) or an error (V(fail)).
    type: str
    choices: [warn, fail]
    default: warn
  all_by_default:
    description: Whether an V(all) stands there because nobody said anything.
    type: bool
    default: false
  today:
    description: The day from which ages are counted, C(YYYY-MM-DD), if not today.
    type: str
"""
