# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sound definition of a vendor."""

from __future__ import annotations

from typing import Any

GOOD: dict[str, Any] = {
    "title": "Example",
    "sources": [{"id": "page", "title": "Firewall page", "date": "2026-03"}],
    "options": {
        "regions": {"type": "list", "choices": ["east", "west"], "required": True},
        "port": {"type": "ports", "required": True, "example": 7400},
        "extra": {"type": "bool", "default": False},
    },
    "timers": [{"protocol": "udp", "seconds": 60, "printed": "1 min", "services": ["media"]}],
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "page",
            "when": {"regions": ["east"]},
            "inbound_option": "extra",
            "rows": [
                {"protocol": "UDP", "ports": "3478", "destination": "192.0.2.0 – 192.0.2.127"},
                {"protocol": "TCP", "ports": "any", "destination": "198.51.100.1", "ports_option": "port"},
            ],
        }
    ],
    "not_rules": [{"title": "Proxy", "printed": "a transparent proxy", "why": "not a matter of addresses"}],
}
