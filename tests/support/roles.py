# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the argument specs of roles say."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.repository import REPOSITORY


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the options of all entry points of a role, by name."""
    text = (REPOSITORY / "roles" / role / "meta" / "argument_specs.yml").read_text("utf-8")
    return {
        name: option
        for spec in yaml.safe_load(text)["argument_specs"].values()
        for name, option in spec.get("options", {}).items()
    }
