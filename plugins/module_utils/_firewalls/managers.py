# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the host knows: its name servers, its clocks, and how it is managed."""

from __future__ import annotations

import glob
import os
import re
import socket

# Where the real servers stand when /etc/resolv.conf names a stub on the loopback.
_RESOLVERS = (
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
)
# As it was before /etc/resolv.conf became ours, and whom else the host's dnsmasq asks; not what we told it.
FORMER, _MINE = "/var/lib/egress-allowlist/resolv.conf", "# made by egress.allowlist"
_FORWARDERS = ("/etc/dnsmasq.conf", "/etc/dnsmasq.d/*")
_CLOCKS = (
    "/etc/chrony.conf",
    "/etc/chrony/chrony.conf",
    "/etc/chrony/conf.d/*.conf",
    "/etc/chrony/sources.d/*.sources",
    "/run/chrony-dhcp/*.sources",
    "/etc/systemd/timesyncd.conf",
    "/etc/systemd/timesyncd.conf.d/*.conf",
    "/etc/ntp.conf",
    "/etc/ntpsec/ntp.conf",
    "/etc/openntpd/ntpd.conf",
)
# Services that load rules of their own, some of them after flushing everybody's.
_MANAGERS = (
    "nftables.service",
    "iptables.service",
    "netfilter-persistent.service",
    "shorewall.service",
    "foomuuri.service",
)
NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
_FORWARDER = re.compile(r"^\s*server\s*=\s*(?:/\S*/)?([0-9A-Fa-f.:]+)(?=[#@\s]|$)", re.MULTILINE)
_CLOCK = re.compile(r"^\s*(?:server|servers|pool|peer)\s+(\S+)", re.MULTILINE)
_TIMESYNCD = re.compile(r"^\s*(?:NTP|FallbackNTP)\s*=\s*(.*)$", re.MULTILINE)


def name_servers():
    """Return the addresses that the host asks for names, without the loopback's."""
    texts = list(_read(_RESOLVERS))
    if any(text.startswith(_MINE) for text in texts):
        texts += _read([FORMER])
    found = [address for text in texts for address in NAMESERVER.findall(text)]
    forwarders = [text for text in _read(_FORWARDERS) if not text.startswith(_MINE)]
    found += [address for text in forwarders for address in _FORWARDER.findall(text)]
    return _addresses(found)[0]


def time_servers(known):
    """Return C{(addresses, {name: addresses}, unresolved names)} of the clocks that the host is configured to ask.

    A name in C{known} keeps the addresses of the last run: pools answer differently each time.
    """
    wanted = []
    for text in _read(_CLOCKS):
        wanted += _CLOCK.findall(text)
        wanted += [server for line in _TIMESYNCD.findall(text) for server in line.split()]
    addresses, names = _addresses(wanted)
    resolved, unresolved = {}, []
    for name in sorted(names):
        found = known.get(name) or _resolve(name)
        if found:
            resolved[name] = found
        else:
            unresolved.append(name)
    return addresses, resolved, unresolved


def management_ports():
    """Return the local ports that Ansible came in by (from SSH_CONNECTION of the module's ancestors), and 22."""
    ports, process = {22}, os.getpid()
    while process > 1:
        try:
            with open(f"/proc/{process}/environ", "rb") as handle:
                found = re.search(rb"(?:^|\0)SSH_CONNECTION=\S+ \d+ \S+ (\d+)\0", handle.read())
            with open(f"/proc/{process}/stat", "rb") as handle:
                process = int(handle.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
        if found:
            ports.add(int(found.group(1)))
    return sorted(ports)


def other_managers(own, run, root="/"):
    """Return the names of firewall managers besides C{own} that are at work on this host.

    C{run} takes a command and returns C{(status, output, errors)}.
    """
    found = []
    switch = "\n".join(_read([os.path.join(root, "etc/ufw/ufw.conf")]))
    if own != "ufw" and re.search(r"^ENABLED=['\"]?yes\b", switch, re.MULTILINE | re.IGNORECASE):
        found.append("ufw")
    if own != "firewalld" and "firewalld\n" in _read([os.path.join(root, "proc/[0-9]*/comm")]):
        found.append("firewalld")
    if os.path.exists(os.path.join(root, "etc/egress-allowlist/nftables.nft")):
        found.append("the role egress.allowlist.nftables")
    if os.path.isdir(os.path.join(root, "run/systemd/system")):
        dummy, output, errors = run(["systemctl", "is-active", *_MANAGERS])
        states = output.split()
        if len(states) != len(_MANAGERS):  # its status tells only whether all of them are active
            reason = errors.strip() or "no answer"
            raise OSError(f"whether another firewall manager is at work cannot be found out: systemctl: {reason}")
        found += [unit for unit, state in zip(_MANAGERS, states) if state == "active"]  # noqa: B905
    return found


def _addresses(candidates):
    """Return C{(sorted addresses, names)}; loopback and link-local scopes are dropped."""
    addresses, names = set(), set()
    for candidate in candidates:
        plain = candidate.partition("%")[0]
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                plain = socket.inet_ntop(family, socket.inet_pton(family, plain))
            except OSError:
                continue
            if not plain.startswith("127.") and plain != "::1":
                addresses.add(plain)
            break
        else:
            names.add(candidate)
    return sorted(addresses), names


def _resolve(name):
    try:
        return sorted({answer[4][0] for answer in socket.getaddrinfo(name, 123, type=socket.SOCK_DGRAM)})
    except (OSError, UnicodeError):
        return []


def _read(patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            try:
                with open(path, encoding="utf-8", errors="replace") as handle:
                    yield handle.read()
            except OSError:
                continue
