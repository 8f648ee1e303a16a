# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a vendor file may be: many times what any vendor publishes, and read in about a second."""

from __future__ import annotations

FILE_BYTES = 8 << 20
VALUES = 750_000  # keys, values, lists and mappings of a file
DEPTH = 16  # of mappings and lists inside each other; the forms of a vendor file need eight
LONGEST_PLAIN = 1_000  # characters of a number or a date
LONGEST_TEXT = 10_000  # characters of a text
LONGEST_CELL = 65_536  # characters of a destination
FILLED = 32 << 20  # characters of all destinations with placeholders, once for each choice that fills them
LONGEST_CHOICE = 100  # characters of a value that an option offers
# Entries of a list or a dictionary, by its key; rows count once for each line of their service's traffic.
ENTRIES = {
    "sources": 1_000, "options": 100, "choices": 1_000, "timers": 1_000, "services": 10_000, "traffic": 100,
    "not_rules": 1_000, "rows": 250_000, "destination_options": 100,
}  # fmt: skip
