# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete a rendered ruleset with what only the host knows."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._host.clocks import NTP
from ansible_collections.egress.allowlist.plugins.module_utils._host.management import management_ports
from ansible_collections.egress.allowlist.plugins.module_utils._host.name_servers import FOLLOWED, by_version
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover

from . import following
from .listing import header


def complete(native, place, saved, run):
    """Return the wanted text with what only the host knows, and notes about it.

    C{run} takes a command and returns C{(status, output, errors)}. Raises ToolError where systemd does not answer.
    """
    settings, elements, notes = dict(native["settings"]), [], list(native["notes"])
    if "chain baseline" in native["ruleset"]:
        elements.append(("management", [str(port) for port in management_ports()]))
        settings["management ports"] = ", ".join(elements[0][1])
    known = {}
    for item in str(saved["settings"].get("ntp names", "")).split("; "):
        name, dummy, addresses = item.partition(" = ")
        known.update({name: addresses.split()} if addresses else {})
    # Whose a packet is can be asked of what the host itself sends.
    by_user, followed = "chain baseline_host" in native["ruleset"], following.possible()
    found = discover(native["discover"], known, "nftables_egress", run, by_user, followed, by_user or None)
    for name, addresses in found.servers.items():
        elements += [(f"{name}{version}", members) for version, members in by_version(addresses).items()]
        settings[f"{name} servers"] = FOLLOWED if name == "dns" and followed else ", ".join(addresses)
    settings["ntp names"] = "; ".join(f"{name} = {' '.join(places)}" for name, places in sorted(found.names.items()))
    settings["time asked by"] = " and ".join(map(str, found.senders))
    settings["asked besides"] = ", ".join(map(str, found.asked))
    notes += found.notes
    text, rules = native["ruleset"], []
    for name, members in elements:
        if members:
            text += "add element {} {} {{ {} }}\n".format(place, name, ", ".join(members))
    for sender, protocol, port in [*((sender, "udp", NTP) for sender in found.senders), *found.sent]:
        source = f"udp sport {sender.port} " if sender.port and protocol == "udp" else ""
        rules.append(f"meta skuid {sender.uid} {source}{protocol} dport {port}")
    for server, protocol, port in found.asked:
        rules.append(f"{'ip6' if ':' in server else 'ip'} daddr {server} {protocol} dport {port}")
    text += "".join(f"add rule {place} baseline_host {rule} accept\n" for rule in rules)
    settings = {name: value for name, value in settings.items() if value}
    vendors = header("vendors", {"names": native["vendors"]})
    head = header("settings", settings) + vendors + header("place", place.as_dict())
    return head + text, notes
