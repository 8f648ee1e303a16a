# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The condition for address groups: drivers of Neutron that obey them.

Drivers that ignore C{remote_address_group_id} open such a rule to every destination. Iptables and hybrid Open vSwitch
did until the fix of Launchpad 2058138, OVN until its driver got address groups. Neutron's API tells a project neither
the driver nor its version.
"""

from __future__ import annotations

OBEYED = (
    "Neutron's drivers obey address groups: iptables and hybrid Open vSwitch from 21.2.1, 22.2.0, 23.2.0 and 24.0.0, "
    "OVN from 24.2.0, 25.2.0 and 26.0.0 (older ones open such a rule to every destination)"
)
