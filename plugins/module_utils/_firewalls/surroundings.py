# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scope does not reach on this very host: notes for the summary, on what is there and not on who made it."""

from __future__ import annotations

import glob
import os
import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read_all

_FORWARDING = {4: "proc/sys/net/ipv4/conf/*/forwarding", 6: "proc/sys/net/ipv6/conf/*/forwarding"}
# UDP sockets of each IP version, the port of a DHCP server and that of its clients.
_SERVERS = {4: ("proc/net/udp", 67, 68), 6: ("proc/net/udp6", 547, 546)}
_EVERYBODY = ("all", "default", "lo")  # no interfaces that forward by themselves
_MOST = 8  # interfaces that a note names
# Of a line of /proc/net/ipv6_route.
_LOCAL, _LINK, _MULTICAST = 0x80000000, "fe8", "ff"


def forwarded(policy, scope, prefix, root="/"):
    """Return a note on packets that this host forwards, where C{scope} is about its own only.

    Containers and virtual machines on a network of their own are such senders. C{policy}: of this collection;
    C{prefix}: how the user's variables begin, C{ufw_egress}.
    """
    if scope != "host" or policy not in ("deny", "audit"):
        return []
    found = set()
    for version, networks in ((4, _networks4(root)), (6, _networks6(root))):
        if len(networks) > 1 and _forwards(version, root):
            found |= networks
    if not found:
        return []
    shown = sorted(found)[:_MOST] + (["..."] if len(found) > _MOST else [])
    done = "stopped" if policy == "deny" else "counted"
    return [
        f"this host forwards packets between its networks ({', '.join(shown)}), such as those of containers, virtual "
        f"machines and VPNs: they are not {done} by the scope host; set {prefix}_scope to both"
    ]


def _forwards(version, root):
    """True where an interface forwards packets of an IP version."""
    for path in glob.glob(os.path.join(root, _FORWARDING[version])):
        if os.path.basename(os.path.dirname(path)) not in _EVERYBODY and next(read_all([path]), "").strip() == "1":
            return True
    return False


def _networks4(root):
    """Return the interfaces to which a route of IPv4 leads."""
    lines = next(read_all([os.path.join(root, "proc/net/route")]), "").splitlines()[1:]
    return {line.split()[0] for line in lines if line.split()} - {*_EVERYBODY}


def _networks6(root):
    """Return the interfaces to which a route of IPv6 leads that is not the link's own."""
    found = set()
    for line in next(read_all([os.path.join(root, "proc/net/ipv6_route")]), "").splitlines():
        fields = line.split()
        if len(fields) == 10 and not int(fields[8], 16) & _LOCAL and not fields[0].startswith((_LINK, _MULTICAST)):
            found.add(fields[9])
    return found - {*_EVERYBODY}


def served(policy, scope, allow, prefix, root="/"):
    """Return a note on a DHCP server (or relay) on this host, whose answers to clients no baseline lets out.

    C{allow}: what the user adds to the baseline, in words; where it speaks of a port of DHCP the user has seen to it.
    """
    if scope not in ("host", "both") or policy not in ("deny", "audit"):
        return []
    found = []
    for version, (path, server, client) in sorted(_SERVERS.items()):
        lines = next(read_all([os.path.join(root, path)]), "").splitlines()[1:]
        ports = {int(line.split()[1].rpartition(":")[2], 16) for line in lines if len(line.split()) > 1}
        if server in ports and not re.search(rf"(?<![\d.:])(?:{server}|{client})(?![\d.:/])", allow):
            found.append(f"UDP port {server} of IPv{version}")
    if not found:
        return []
    done = "are stopped" if policy == "deny" else "would be stopped"
    return [
        f"this host serves DHCP ({' and '.join(found)}): its answers to clients {done}; name these with port 68 (IPv6: "
        f"546) in {prefix}_allow"
    ]
