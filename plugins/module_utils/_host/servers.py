# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name, time and DHCP servers that the baseline lets a host ask, where the user named none."""

from __future__ import annotations

import re
import socket

from .files import read_all
from .leases import dhcp_servers

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
NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
_FORWARDER = re.compile(r"^\s*server\s*=\s*(?:/\S*/)?([0-9A-Fa-f.:]+)(?=[#@\s]|$)", re.MULTILINE)
_CLOCK = re.compile(r"^\s*(?:server|servers|pool|peer)\s+(\S+)", re.MULTILINE)
_NO_LEASE = "this host holds no DHCP lease that could be found: it may ask DHCP servers of IPv4 by broadcast only"
_TIMESYNCD = re.compile(r"^\s*(?:NTP|FallbackNTP)\s*=\s*(.*)$", re.MULTILINE)


def discover(wanted, known, prefix, run):
    """Return C{(servers, names, notes)} for what is wanted of C{dns}, C{ntp} and C{dhcp}.

    C{servers}: C{{"dns": addresses, "ntp": addresses, "dhcp": IPv4 addresses}}; C{names}: C{{name: addresses}} of the
    time servers that are configured by name. One in C{known} keeps its addresses: pools answer differently each time,
    and no run would be the last. C{prefix} is how the user's variables begin, C{nftables_egress}. C{run} takes a
    command and returns C{(status, output, errors)}.
    """
    servers, names, notes = {}, {}, []
    if "dns" in wanted:
        servers["dns"] = name_servers()
        if not servers["dns"]:
            notes.append("no name server is configured besides the host's own: names are asked of nobody else")
    if "ntp" in wanted:
        addresses, names, unresolved = time_servers(known)
        servers["ntp"] = sorted(set(addresses).union(*names.values()))
        remedy = f"to be sure of the clock, name servers by address in {prefix}_ntp_servers"
        notes += [f"time server {name} is open where it was found first, a pool moves on: {remedy}" for name in names]
        notes += [f"time server {name} stays shut, its name could not be looked up: {remedy}" for name in unresolved]
    if "dhcp" in wanted:
        servers["dhcp"] = dhcp_servers(run)
        if not servers["dhcp"]:
            notes.append(_NO_LEASE)
    return servers, names, notes


def name_servers():
    """Return the addresses that the host asks for names, without the loopback's."""
    texts = list(read_all(_RESOLVERS))
    if any(text.startswith(_MINE) for text in texts):
        texts += read_all([FORMER])
    found = [address for text in texts for address in NAMESERVER.findall(text)]
    forwarders = [text for text in read_all(_FORWARDERS) if not text.startswith(_MINE)]
    found += [address for text in forwarders for address in _FORWARDER.findall(text)]
    return _addresses(found)[0]


def time_servers(known):
    """Return C{(addresses, {name: addresses}, unresolved names)} of the clocks that the host is configured to ask.

    A name in C{known} keeps the addresses of the last run: pools answer differently each time.
    """
    wanted = []
    for text in read_all(_CLOCKS):
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
