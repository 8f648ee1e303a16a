# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vendors' own documents allow, read without any help of the catalog or of the code that reads it.

oracle = Oracle.read(documents_directory())
oracle.allowed([{"name": "kudo", "regions": ["usa"]}], "udp", "3.25.48.193", 3478)     -> True
oracle.names([{"name": "kudo", "regions": ["usa"]}])                                   -> names with their services
"""

from .oracle import DEFAULT_REQUIREMENTS, EVERYTHING, Compiled, Oracle, documents_directory
from .pages import Destination, Fact
from .zones import admitted, learned, special

__all__ = [
    "DEFAULT_REQUIREMENTS",
    "EVERYTHING",
    "Compiled",
    "Destination",
    "Fact",
    "Oracle",
    "admitted",
    "documents_directory",
    "learned",
    "special",
]
