# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How two configurations of names differ, in words."""

from __future__ import annotations

_HOW = {"dnsmasq": "learned by dnsmasq", "resolve": "looked up"}
SETTINGS = {"mode": "names", "lease": "names lease", "refresh": "names refresh", "most": "names max addresses"}


def differences(former, wanted):
    """Return the differences of two configurations, {} for none."""
    before, after = (
        {pattern for domain in each.get("domains", {}).values() for pattern in domain["patterns"]}
        for each in (former, wanted)
    )
    lines = ["+ name {}  {}".format(pattern, _HOW[wanted["mode"]]) for pattern in sorted(after - before)]
    lines += ["- name {}  {}".format(pattern, _HOW[former["mode"]]) for pattern in sorted(before - after)]
    for key, word in SETTINGS.items():
        if former and wanted and former[key] != wanted[key]:
            lines.append(f"~ {word}: {former[key]} -> {wanted[key]}")
    return lines
