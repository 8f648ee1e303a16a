# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name, time and DHCP servers that the baseline lets a host ask, where the user named none."""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple

from .clocks import clocks
from .leases import dhcp_servers
from .name_servers import addresses, name_servers

_NO_LEASE = "this host holds no DHCP lease that could be found: it may ask DHCP servers of IPv4 by broadcast only"
_SECONDS = 10  # for all look-ups together


class Servers(NamedTuple):
    """What is found: C{{"dns": addresses, "ntp": addresses, "dhcp": IPv4 addresses}}, as far as it was wanted.

    C{names}: C{{name: addresses}} of the time servers that are configured by name. C{senders}: the C{clocks.Sender}s
    that may ask any server for the time, since those that they ask have addresses that change. C{notes}: what a
    person should know.
    """

    servers: dict
    names: dict
    senders: list
    notes: list


def discover(wanted, known, prefix, run, by_user=False, followed=False):
    """Return C{Servers} for what is wanted of C{dns}, C{ntp} and C{dhcp}.

    One in C{known}, C{{name: addresses}}, keeps its addresses: pools answer differently each time, and no run would be
    the last. C{prefix} is how the user's variables begin, C{nftables_egress}; C{run} takes a command and returns
    C{(status, output, errors)}. C{by_user}: whether rules can ask whose a packet is. C{followed}: whether something
    here follows the host when its name servers change. Raises ToolError where systemd does not answer.
    """
    found = Servers({}, {}, [], [])
    if "dns" in wanted:
        found.servers["dns"] = name_servers()
        found.notes.extend(_of_names(found.servers["dns"], prefix, followed))
    if "ntp" in wanted:
        configured, told = clocks(run)
        found.notes.extend(told)
        plain = []
        for clock in configured:
            numbers, names = addresses(clock.servers)
            plain += numbers
            resolved = {**_looked_up(names - set(known)), **{name: known[name] for name in names & set(known)}}
            resolved = dict(sorted(resolved.items()))
            found.names.update({name: places for name, places in resolved.items() if places})
            moving = bool(names) or not clock.servers
            senders = clock.senders if moving and by_user else []
            found.senders.extend(sender for sender in senders if sender not in found.senders)
            if moving:
                found.notes.extend(_of_clock(clock.daemon, resolved, senders, prefix))
        found.servers["ntp"] = sorted({*plain, *(place for places in found.names.values() for place in places)})
    if "dhcp" in wanted:
        found.servers["dhcp"] = dhcp_servers(run)
        found.notes.extend([] if found.servers["dhcp"] else [_NO_LEASE])
    return found


def _of_names(found, prefix, followed):
    """Return notes on name servers."""
    if not found:
        return ["no name server is configured besides the host's own: names are asked of nobody else"]
    if followed:
        return []
    return [
        f"name servers are those that the host has now ({', '.join(found)}): when they change, apply again, or name "
        f"them in {prefix}_dns_servers"
    ]


def _of_clock(daemon, resolved, senders, prefix):
    """Return notes on a time daemon whose servers have addresses that change; C{resolved}: C{{name: addresses}}."""
    remedy = f"name servers by address in {prefix}_ntp_servers"
    if senders:
        asked = f"asks {', '.join(resolved)}, whose addresses change" if resolved else "asks servers that no file names"
        whom = " and ".join(map(str, senders))
        return [f"{daemon} {asked}: udp/123 is open to any address for its user alone ({whom}); to open less, {remedy}"]
    notes = []
    for name, places in resolved.items():
        state = (
            "is open where it was found first, a pool moves on" if places else "stays shut, it could not be looked up"
        )
        notes.append(f"the clock may stop: time server {name} {state}: {remedy}")
    if not resolved:
        notes.append(f"the clock may stop: no file names the servers that {daemon} asks: {remedy}")
    return notes


def _looked_up(names):
    """Return C{{name: addresses}}, none where a name has no answer in time; all are asked at once."""
    found, deadline = {}, time.monotonic() + _SECONDS

    def ask(name):
        found[name] = _resolve(name)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return {name: found.get(name, []) for name in names}


def _resolve(name):
    try:
        return sorted({answer[4][0] for answer in socket.getaddrinfo(name, 123, type=socket.SOCK_DGRAM)})
    except (OSError, UnicodeError):
        return []
