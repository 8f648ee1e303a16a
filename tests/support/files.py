# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a test in a folder of its own."""

from __future__ import annotations

from pathlib import Path


def write(root: Path, path: str, text: str) -> None:
    """Write a file below a folder, whose folders are made; path: with or without a slash in front."""
    (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    (root / path.lstrip("/")).write_text(text)
