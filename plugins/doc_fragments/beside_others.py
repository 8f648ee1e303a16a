# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewalls have in common whose rules do not live in a table of their own."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of an application."""

    DOCUMENTATION = r"""
options:
  beside_others:
    description: Apply although another firewall manager is at work on this host.
    type: bool
    default: false
"""
