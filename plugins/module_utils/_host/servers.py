# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name and time servers that the baseline lets a host ask, where the user named none."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls import managers as _host


def discover(wanted, known, prefix):
    """Return C{(servers, names, notes)} for what is wanted of C{dns} and C{ntp}.

    C{servers}: C{{"dns": addresses, "ntp": addresses}}; C{names}: C{{name: addresses}} of the time servers that are
    configured by name. One in C{known} keeps its addresses: pools answer differently each time, and no run
    would be the last. C{prefix} is how the user's variables begin, C{nftables_egress}.
    """
    servers, names, notes = {}, {}, []
    if "dns" in wanted:
        servers["dns"] = _host.name_servers()
        if not servers["dns"]:
            notes.append("no name server is configured besides the host's own: names are asked of nobody else")
    if "ntp" in wanted:
        addresses, names, unresolved = _host.time_servers(known)
        servers["ntp"] = sorted(set(addresses).union(*names.values()))
        remedy = f"to be sure of the clock, name servers by address in {prefix}_ntp_servers"
        notes += [f"time server {name} is open where it was found first, a pool moves on: {remedy}" for name in names]
        notes += [f"time server {name} stays shut, its name could not be looked up: {remedy}" for name in unresolved]
    return servers, names, notes
