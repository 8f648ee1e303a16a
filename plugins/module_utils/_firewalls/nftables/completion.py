# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete a rendered ruleset with what only the host knows."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._host.management import management_ports
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover

from .listing import header


def complete(native, place, saved, run):
    """Return the wanted text with what only the host knows, and notes about it; C{run} runs a command."""
    settings, elements, notes = dict(native["settings"]), [], list(native["notes"])
    if "chain baseline" in native["ruleset"]:
        elements.append(("management", [str(port) for port in management_ports()]))
        settings["management ports"] = ", ".join(elements[0][1])
    known = {}
    for item in str(saved["settings"].get("ntp names", "")).split("; "):
        name, dummy, addresses = item.partition(" = ")
        known.update({name: addresses.split()} if addresses else {})
    servers, names, told = discover(native["discover"], known, "nftables_egress", run)
    for name, addresses in servers.items():
        elements += _by_version(name, addresses)
        settings[f"{name} servers"] = ", ".join(addresses)
    settings["ntp names"] = "; ".join(f"{name} = {' '.join(found)}" for name, found in sorted(names.items()))
    notes += told
    text = native["ruleset"]
    for name, members in elements:
        if members:
            text += "add element {} {} {{ {} }}\n".format(place, name, ", ".join(members))
    settings = {name: value for name, value in settings.items() if value}
    vendors = header("vendors", {"names": native["vendors"]})
    head = header("settings", settings) + vendors + header("place", place.as_dict())
    return head + text, notes


def _by_version(name, addresses):
    return [(name + "4", [a for a in addresses if ":" not in a]), (name + "6", [a for a in addresses if ":" in a])]
