# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scope does not reach on this very host: notes for the summary, on what is there and not on who made it."""

from __future__ import annotations

import glob
import os
import re

from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, read_all

_FORWARDING = {4: "proc/sys/net/ipv4/conf/*/forwarding", 6: "proc/sys/net/ipv6/conf/*/forwarding"}
# UDP sockets of each IP version, the port of a DHCP server and that of its clients.
_SERVERS = {4: ("proc/net/udp", 67, 68), 6: ("proc/net/udp6", 547, 546)}
_EVERYBODY = ("all", "default", "lo")  # no interfaces that forward by themselves
_MOST = 8  # interfaces or chains that a note names
_UP = 1  # of the flags of an interface
# Of a line of /proc/net/ipv6_route.
_LOCAL, _LINK, _MULTICAST = 0x80000000, "fe8", "ff"

_TABLE = re.compile(r"^table (\S+ \S+) \{[^\n]*\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_CHAIN = re.compile(r"^\tchain (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"')  # names, comments and log prefixes
_UNTRACKED = re.compile(r"\bnotrack\b")
_NO_KERNEL = re.compile(r"(?:Protocol|Operation) not supported")  # a kernel without nf_tables has no such rules
_LEGACY = (
    ("/proc/net/ip_tables_names", "iptables-legacy-save"),
    ("/proc/net/ip6_tables_names", "ip6tables-legacy-save"),
)


def forwarded(policy, scope, prefix, root="/"):
    """Return a note on packets that this host forwards, where C{scope} is about its own only.

    Containers and virtual machines on a network of their own are such senders. C{policy}: of this collection;
    C{prefix}: how the user's variables begin, C{ufw_egress}.
    """
    if scope != "host" or policy not in ("deny", "audit"):
        return []
    reached, forwards = set(), {version: _forward(version, root) for version in _FORWARDING}
    for version, networks in ((4, _networks4(root)), (6, _networks6(root))):
        if len(networks) > 1 and forwards[version]:
            reached |= networks
    found = reached or {name for names in forwards.values() for name in names if _is_up(name, root)}
    if not found:
        return []
    shown = ", ".join(sorted(found)[:_MOST] + (["..."] if len(found) > _MOST else []))
    if reached:
        lead = f"this host forwards packets between its networks ({shown}), such as those of containers, virtual "
    else:  # out by where they came in, or by routes of a policy
        lead = (
            f"this host forwards packets that come in by {shown}, such as those of other machines, containers, virtual "
        )
    done = "stopped" if policy == "deny" else "counted"
    routed = ", unless a route rule of yours allows them" if prefix.startswith("ufw") else ""
    return [
        f"{lead}machines and VPNs: they are not {done} by the scope host; set {prefix}_scope to both, and "
        f"{prefix}_sources to the addresses behind this host: without sources, new connections from outside to what is "
        f"behind it are {done} too{routed}"
    ]


def untracked(policy, prefix, find, run):
    """Return a note on packets that conntrack is told not to track: no answer is known to it as one.

    C{find} returns the path of a command, None where it is missing, C{run} runs one: C{(status, output, errors)}.
    Raises ToolError where a command fails.
    """
    if policy not in ("deny", "audit"):
        return []
    found = []
    nft = find("nft", needed=False)
    for table, body in _TABLE.findall(_output(run, [nft, "-s", "-t", "list", "ruleset"])) if nft else ():
        chains = _CHAIN.findall(body)
        found += [
            f"table {table}, chain {chain}" for chain, rules in chains if _UNTRACKED.search(_QUOTED.sub("", rules))
        ]
    for names, name in _LEGACY:  # tables of which nft knows nothing
        command = find(name, needed=False) if "raw" in read(names).split() else None
        if command and re.search(r"--notrack|-j NOTRACK", _output(run, [command, "-t", "raw"])):
            found.append(f"table raw of {name[: -len('-save')]}")
    if not found:
        return []
    shown = "; ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")
    done = "stopped" if policy == "deny" else "counted"
    return [
        f"some packets are not tracked (notrack in {shown}): what this host sends of these connections counts as new, "
        f"answers of its services too, and is {done} unless it is allowed: end notrack for them, or name where they go "
        f"in {prefix}_allow"
    ]


def _output(run, command):
    status, output, errors = run(command)
    if status and _NO_KERNEL.search(errors):
        return ""
    if status:
        raise ToolError(f"{command[0]} failed: {errors.strip() or f'it ended with status {status}'}")
    return output


def _forward(version, root):
    """Return the interfaces that forward packets of an IP version."""
    found = set()
    for path in glob.glob(os.path.join(root, _FORWARDING[version])):
        name = os.path.basename(os.path.dirname(path))
        if name not in _EVERYBODY and next(read_all([path]), "").strip() == "1":
            found.add(name)
    return found


def _is_up(name, root):
    """True for an interface that is up, as far as the kernel tells."""
    flags = next(read_all([os.path.join(root, "sys/class/net", name, "flags")]), "").strip()
    return bool(int(flags, 16) & _UP) if flags else False


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
