# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second reader of destination cells, written from docs/cells-destinations.md alone.

It says what is read, and refuses all else: it looks for no mistakes. It shares no code with the collection.

read("192.0.2.4 – 192.0.2.9, *.Example.com (1)")   -> ["192.0.2.4/30", "192.0.2.8/31", "*.example.com"]
read("192.0.2.1 24")                               -> Refused
"""

from .cells import read
from .refusal import Refused

__all__ = ["Refused", "read"]
