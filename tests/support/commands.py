# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as modules run them."""

from __future__ import annotations

import subprocess


def run(command: list[str], text: str | None = None) -> tuple[int, str, str]:
    """Run a command with C{text} as its input; returns its code, output and errors."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
