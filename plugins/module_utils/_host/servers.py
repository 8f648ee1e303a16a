# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name, time and DHCP servers that the baseline lets a host ask, where the user named none."""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple

from . import name_ports
from .clocks import NTP, clocks
from .leases import dhcp_servers
from .name_servers import addresses, name_servers

_NO_LEASE = "this host holds no DHCP lease that could be found: it may ask DHCP servers of IPv4 by broadcast only"
_SHUT = "the baseline does not open: name it in {}_allow"
_SECONDS = 10  # for all look-ups together


class Servers(NamedTuple):
    """What is found: C{{"dns": addresses, "ntp": addresses, "dhcp": IPv4 addresses}}, as far as it was wanted.

    C{names}: C{{name: addresses}} of the time servers that are configured by name. C{senders}: the C{clocks.Sender}s
    that may ask any server for the time, since those that they ask have addresses that change. C{notes}: what a
    person should know. C{asked}: what else is asked at other ports than 53 and 123, C{extras.Asked} with addresses.
    C{sent}: what of that a sender may ask of anybody, C{(sender, protocol, port)}.
    """

    servers: dict
    names: dict
    senders: list
    notes: list
    asked: list
    sent: list


def discover(wanted, known, prefix, run, by_user=False, followed=False, extra=None):
    """Return C{Servers} for what is wanted of C{dns}, C{ntp} and C{dhcp}.

    One in C{known}, C{{name: addresses}}, keeps its addresses: pools answer differently each time, and no run would be
    the last. C{prefix} is how the user's variables begin, C{nftables_egress}; C{run} takes a command and returns
    C{(status, output, errors)}. C{by_user}: whether rules can ask whose a packet is. C{followed}: whether something
    here follows the host when its name servers change. C{extra}: whether rules can open what is asked at other ports
    than 53 and 123; where not, a note says what stays shut; None where what the host itself asks is not filtered.
    Raises ToolError where systemd does not answer.
    """
    found = Servers({}, {}, [], [], [], [])
    if "dns" in wanted:
        found.servers["dns"] = name_servers()
        asked = [] if extra is None else name_ports.asked()
        found.notes.extend(_of_names(found.servers["dns"], asked, prefix, followed))
        _add(found, asked, extra, f"names may stop: a name server is asked at {{}}, which {_SHUT}", prefix)
    if "ntp" in wanted:
        configured, told = clocks(run)
        found.notes.extend(told)
        plain = set()
        for clock in configured:
            plain.update(_of_clock(found, clock, known, prefix, by_user, extra))
        found.servers["ntp"] = sorted(plain)
    if "dhcp" in wanted:
        found.servers["dhcp"], told = dhcp_servers(run)
        found.notes.extend([*told, *([] if found.servers["dhcp"] else [_NO_LEASE])])
    return found


def _of_clock(found, clock, known, prefix, by_user, extra):
    """Return the addresses that a clock asks at udp/123; all else of it is added to C{found}."""
    numbers, names = addresses(clock.servers)
    names |= addresses([asked.server for asked in clock.asked])[1]
    resolved = {**_looked_up(names - set(known)), **{name: known[name] for name in names & set(known)}}
    resolved = dict(sorted(resolved.items()))
    found.names.update({name: places for name, places in resolved.items() if places})
    moving = bool(names) or not (clock.servers or clock.asked or clock.constraints)
    senders = clock.senders if moving and by_user else []
    usual = [name for name in resolved if name in clock.servers]
    if usual or not names:
        found.senders.extend(sender for sender in senders if sender not in found.senders)
    ports = sorted({each[1:] for each in clock.asked if each.server in names}) if extra else []
    found.sent.extend((sender, *port) for sender in senders for port in ports)
    if moving:
        ports = [("udp", NTP)] * bool(usual or not names) + ports
        found.notes.extend(_moving(clock.daemon, resolved, senders, ports, prefix))
    asked = [each._replace(server=place) for each in clock.asked for place in _places(each.server, resolved)]
    _add(found, asked, extra, f"the clock may stop: {clock.daemon} asks at {{}}, which {_SHUT}", prefix)
    if clock.constraints and extra is not None:
        whom = ", ".join(clock.constraints)
        found.notes.append(f"the clock may stop: {clock.daemon} asks {whom} for the time, which {_SHUT.format(prefix)}")
    return [*numbers, *(place for name in usual for place in resolved[name])]


def _places(server, resolved):
    """Return the addresses of a server."""
    return resolved[server] if server in resolved else addresses([server])[0]


def _add(found, asked, extra, note, prefix):
    """Add what is asked at other ports to what is opened or, where it cannot be, the note on it."""
    if asked and extra:
        found.asked[:] = sorted({*found.asked, *asked})
    elif asked and extra is not None:
        found.notes.append(note.format(", ".join(map(str, sorted(set(asked)))), prefix))


def _of_names(found, asked, prefix, followed):
    """Return notes on name servers; C{asked}: at other ports."""
    if not found and not asked:
        return ["no name server is configured besides the host's own: names are asked of nobody else"]
    now = [*([] if followed else found), *map(str, asked)]
    if not now:
        return []
    return [
        f"name servers are those that the host has now ({', '.join(now)}): when they change, apply again, or name "
        f"them in {prefix}_dns_servers"
    ]


def _moving(daemon, resolved, senders, ports, prefix):
    """Return notes on a time daemon whose servers have addresses that change; C{resolved}: C{{name: addresses}}.

    C{ports}: C{(protocol, port)} of what its user may ask.
    """
    remedy = f"name servers by address in {prefix}_ntp_servers"
    if senders:
        asked = f"asks {', '.join(resolved)}, whose addresses change" if resolved else "asks servers that no file names"
        whom = " and ".join(map(str, senders))
        opened = " and ".join(f"{protocol}/{port}" for protocol, port in ports)
        opened += " is open" if len(ports) == 1 else " are open"
        return [f"{daemon} {asked}: {opened} to any address for its user alone ({whom}); to open less, {remedy}"]
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
