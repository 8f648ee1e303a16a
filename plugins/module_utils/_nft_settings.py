# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete a rendered ruleset with what only the host knows."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils import _host
from ansible_collections.egress.allowlist.plugins.module_utils import _nft_text as texts


def complete(native, place, saved):
    """Return the wanted text with what only the host knows, and notes about it."""
    settings, elements, notes = dict(native["settings"]), [], list(native["notes"])
    if "chain baseline" in native["ruleset"]:
        elements.append(("management", [str(port) for port in _host.management_ports()]))
        settings["management ports"] = ", ".join(elements[0][1])
    if "dns" in native["discover"]:
        servers = _host.name_servers()
        elements += _by_version("dns", servers)
        settings["dns servers"] = ", ".join(servers)
        if not servers:
            notes.append("no name server is configured besides the host's own: names are asked of nobody else")
    if "ntp" in native["discover"]:
        # Pools answer differently each time: a name keeps what it was found to be, else no run were the last.
        known = dict(item.split(" = ") for item in saved["settings"].get("ntp names", "").split("; ") if item)
        servers, resolved, unresolved = _host.time_servers({name: known[name].split() for name in known})
        addresses = sorted(set(servers).union(*resolved.values()))
        elements += _by_version("ntp", addresses)
        settings["ntp servers"] = ", ".join(addresses)
        settings["ntp names"] = "; ".join(f"{name} = {' '.join(found)}" for name, found in sorted(resolved.items()))
        remedy = "to be sure of the clock, name servers by address in nftables_ntp_servers"
        notes += [
            f"time server {name} is open where it was found first, a pool moves on: {remedy}" for name in resolved
        ]
        notes += [f"time server {name} stays shut, its name could not be looked up: {remedy}" for name in unresolved]
    text = native["ruleset"]
    for name, members in elements:
        if members:
            text += "add element {} {} {{ {} }}\n".format(place, name, ", ".join(members))
    settings = {name: value for name, value in settings.items() if value}
    head = texts.header("settings", settings) + texts.header("place", place.as_dict())
    return head + text, notes


def _by_version(name, addresses):
    return [(name + "4", [a for a in addresses if ":" not in a]), (name + "6", [a for a in addresses if ":" in a])]
