# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that conntrack knows: which of them only an earlier list allowed, and their end.

A flow that is known is let through whatever the list says now. Once conntrack has forgotten it, its next packet is
judged as that of a new one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from xml.etree import ElementTree

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import TYPES, printed

from .applier import ToolError
from .files import read

OUT, FORWARD = "out", "forward"  # what the host itself sends, and what it sends on for others
ALL_PORTS = (0, 65535)
_LOCAL = re.compile(r"\|-- (\S+)\n\s*/32 host LOCAL")
_MOST = 5  # flows that a note names


class Span(NamedTuple):
    """The addresses from C{first} to C{last}, of one IP version."""

    version: int
    first: int
    last: int


class Opening(NamedTuple):
    """What is let through: on one path, from a source to a destination (None: any), a protocol ('': any), its ports."""

    path: str
    source: Span
    destination: Span
    protocol: str
    first: int
    last: int


class Flow(NamedTuple):
    """One flow, as conntrack has it: its first packet, and where answers to it come from and go to.

    C{ports}, C{answer_ports}: source and destination, empty for protocols that have none.
    """

    version: int
    protocol: str
    zone: str
    source: str
    destination: str
    ports: tuple
    answerer: str
    answered: str
    answer_ports: tuple

    def __str__(self):
        port = f"/{self.answer_ports[0]}" if self.answer_ports else ""
        return f"{self.protocol}{port} to {self.answerer}"


def span(text):
    """Return the Span of an address, a prefix or a range C{192.0.2.1-192.0.2.9}; raises ValueError for others."""
    first, dash, last = text.partition("-")
    if dash:
        ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
        return Span(ends[0].version, int(ends[0]), int(ends[1]))
    network = ipaddress.ip_network(text, strict=False)
    return Span(network.version, int(network.network_address), int(network.broadcast_address))


def ports(text):
    """Return C{[(first, last)]} of C{443}, C{8801-8810} or, as ufw has it, C{443,8801:8810}.

    '' and C{any} are all, and so is a type of ICMP, which no flow tells by a port.
    """
    if not text[:1].isdigit():
        return [ALL_PORTS]
    parts = [part.replace(":", "-").partition("-") for part in text.split(",")]
    return [(int(first), int(last or first)) for first, dummy, last in parts]


def listed(run, conntrack):
    """Return the flows that conntrack knows; raises ToolError where it does not list them."""
    found = []
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        status, output, errors = run([conntrack, "-L", "-f", family, "-o", "xml"])
        if status:
            raise ToolError(f"conntrack does not list the flows: {_reason(errors, status)}")
        if output.strip():
            found += [_flow(element, version) for element in ElementTree.fromstring(output.strip()).iter("flow")]
    return found


def _flow(element, version):
    ways = {meta.get("direction"): meta for meta in element.iter("meta")}
    there, back = ways["original"], ways["reply"]
    layer = there.find("layer4")
    found = [[meta.findtext(f"layer4/{name}") for name in ("sport", "dport")] for meta in (there, back)]
    numbers = [tuple(int(port) for port in each if port is not None) for each in found]
    zone = ways["independent"].findtext("zone") if "independent" in ways else None
    return Flow(
        version,
        layer.get("protoname") if layer.get("protoname") != "unknown" else layer.get("protonum"),
        zone or "",
        there.findtext("layer3/src"),
        there.findtext("layer3/dst"),
        numbers[0],
        back.findtext("layer3/src"),
        back.findtext("layer3/dst"),
        numbers[1],
    )


def local_addresses():
    """Return the addresses of this host, as text."""
    found = set(_LOCAL.findall(read("/proc/net/fib_trie")))
    for line in read("/proc/net/if_inet6").splitlines():
        found.add(str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))))
    return found


def chosen(flows, before, after, filtered, local):
    """Return the flows that an opening of C{before} allowed, and none of C{after} allows.

    Only of those that this host or somebody behind it began, to somebody else: never one that came in to the host. And
    only where the rest is stopped now: C{filtered}, C{[(path, source)]} with None for any source.
    """
    before, after = ([_in_one_spelling(opening) for opening in openings] for openings in (before, after))
    gone = [opening for opening in dict.fromkeys(before) if opening not in set(after)]
    found = []
    for flow in flows:
        # A question by ICMP and its answer is no flow that lasts, and its type is no port.
        if printed(flow.protocol) in TYPES or flow.answerer in local or ipaddress.ip_address(flow.answerer).is_loopback:
            continue
        packet = _packet(flow, OUT if flow.source in local else FORWARD)
        if not any(_lets(Opening(*way, None, "", *ALL_PORTS), packet) for way in filtered):
            continue
        if any(_lets(opening, packet) for opening in gone) and not any(_lets(opening, packet) for opening in after):
            found.append(flow)
    return found


def _in_one_spelling(opening):
    """Return an opening with the name of its protocol as this collection has it."""
    return opening._replace(protocol=printed(opening.protocol)) if opening.protocol else opening


def _packet(flow, path):
    """Return what an opening looks at; the destination is the one behind a translation of addresses."""
    ends = (int(ipaddress.ip_address(flow.source)), int(ipaddress.ip_address(flow.answerer)))
    return path, flow.version, *ends, printed(flow.protocol), flow.answer_ports[0] if flow.answer_ports else None


def _lets(opening, packet):
    path, version, source, destination, protocol, port = packet
    if opening.path != path or opening.protocol not in ("", protocol):
        return False
    for wanted, address in ((opening.source, source), (opening.destination, destination)):
        if wanted is not None and not (wanted[0] == version and wanted[1] <= address <= wanted[2]):
            return False
    return (opening.first, opening.last) == ALL_PORTS if port is None else opening.first <= port <= opening.last


def end(run, conntrack, flow):
    """Have conntrack forget one flow; one that has ended meanwhile is no error. Raises ToolError."""
    command = [conntrack, "-D", "-f", "ipv6" if flow.version == 6 else "ipv4", "-p", flow.protocol]
    command += ["-s", flow.source, "-d", flow.destination]
    if flow.ports:
        command += ["--sport", str(flow.ports[0]), "--dport", str(flow.ports[1])]
    command += ["-w", flow.zone] if flow.zone else []
    status, dummy, errors = run(command)
    if status and "0 flow entries" not in errors:
        raise ToolError(f"conntrack does not end the flow {flow}: {_reason(errors, status)}")


def told(flows):
    """Return in words which flows were ended."""
    if not flows:
        return "no flow was under way to what left the list"
    shown = sorted({str(flow) for flow in flows})
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return f"flows to what left the list were ended: {len(flows)} ({', '.join(shown[:_MOST])}{more})"


def _reason(errors, status):
    return errors.strip().splitlines()[-1] if errors.strip() else f"status {status}"
