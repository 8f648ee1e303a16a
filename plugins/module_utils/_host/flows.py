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

from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import (
    TYPES,
    canonical_type,
    printed,
    service,
    type_name,
    type_number,
)

from .applier import ToolError
from .files import read

OUT, FORWARD = "out", "forward"  # what the host itself sends, and what it sends on for others
UNSEEN = "flows by ah over IPv6 to what left the list go on: conntrack knows them by what is in them"
ALL_PORTS = (0, 65535)
_FIELD = re.compile(r"([\w-]+)=(\S+)")
_LOCAL = re.compile(r"\|-- (\S+)\n\s*/32 host LOCAL")
_MOST = 5  # flows that a note names


class Span(NamedTuple):
    """The addresses from C{first} to C{last}, of one IP version."""

    version: int
    first: int
    last: int


class Opening(NamedTuple):
    """What is let through: on one path, from a source to a destination (None: any), a protocol ('': any), its ports.

    Of ICMP C{first} and C{last} are types.
    """

    path: str
    source: Span
    destination: Span
    protocol: str
    first: int
    last: int


class Flow(NamedTuple):
    """One flow, as conntrack has it: its first packet, and where answers to it come from and go to.

    C{ports}, C{answer_ports}: source and destination, empty for protocols that have none; C{question}: of ICMP, the
    type, code and number of the first packet, as text.
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
    question: tuple = ()

    def __str__(self):
        if self.question:
            name = printed(self.protocol)
            return f"{service(name, type_name(name, int(self.question[0])))} to {self.answerer}"
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

    '' and C{any} are all.
    """
    if not text[:1].isdigit():
        return [ALL_PORTS]
    parts = [part.replace(":", "-").partition("-") for part in text.split(",")]
    return [(int(first), int(last or first)) for first, dummy, last in parts]


def numbers(protocol, text):
    """Return the ports of a service as C{ports} does; of ICMP its types, by name or number, all where it is none."""
    name = printed(protocol) if protocol else ""
    if name not in TYPES:
        return ports(text)
    try:
        kind = type_number(name, canonical_type(name, text))
    except ValueError:  # 'any', '', or one that nobody here knows
        return [ALL_PORTS]
    return [(kind, kind)]


def listed(run, conntrack):
    """Return the flows that conntrack knows, of all protocols; raises ToolError where it does not list them."""
    found = []
    for family, version, icmp in (("ipv4", 4, "icmp"), ("ipv6", 6, "icmpv6")):
        output = _listing(run, [conntrack, "-L", "-f", family, "-o", "xml"])
        elements = ElementTree.fromstring(output).iter("flow") if output else ()
        flows = [_flow(element, version) for element in elements]
        found += [flow for flow in flows if printed(flow.protocol) not in TYPES]
        if any(printed(flow.protocol) in TYPES for flow in flows):  # XML leaves out which question
            lines = _listing(run, [conntrack, "-L", "-f", family, "-p", icmp]).splitlines()
            found += [_question(line, version, icmp) for line in lines]
    return found


def _listing(run, command):
    status, output, errors = run(command)
    if status:
        raise ToolError(f"conntrack does not list the flows: {_reason(errors, status)}")
    return output.strip()


def _question(line, version, protocol):
    """Return the flow of C{icmp 1 29 src=... dst=... type=8 code=0 id=7 src=... dst=... type=0 ... zone=7 ...}."""
    fields = _FIELD.findall(line)
    there, back = dict(fields[:5]), dict(fields[5:])
    question = there["type"], there["code"], there["id"]
    ends = there["src"], there["dst"], (), back["src"], back["dst"], ()
    return Flow(version, protocol, back.get("zone", ""), *ends, question)


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
    stays = set(after)
    gone = [opening for opening in dict.fromkeys(before) if opening not in stays]
    found = []
    for flow in flows:
        if flow.answerer in local or ipaddress.ip_address(flow.answerer).is_loopback:
            continue
        packet = _packet(flow, OUT if flow.source in local else FORWARD)
        if not any(_lets(Opening(*way, None, "", *ALL_PORTS), packet) for way in filtered):
            continue
        if any(_lets(opening, packet) for opening in gone) and not any(_lets(opening, packet) for opening in after):
            found.append(flow)
    return found


def passing(flows, openings, local):
    """Return those flows that one of the openings lets through."""
    packets = {flow: _packet(flow, OUT if flow.source in local else FORWARD) for flow in flows}
    openings = [_in_one_spelling(opening) for opening in openings]
    return [flow for flow, packet in packets.items() if any(_lets(opening, packet) for opening in openings)]


def unseen(before, after):
    """True where AH over IPv6 left the list: conntrack takes it for a header, and knows the flow by what is in it."""
    before, after = ([_in_one_spelling(opening) for opening in openings] for openings in (before, after))
    gone = [each for each in before if each.protocol == "ah" and (each.destination or (6,))[0] == 6]
    return any(not any(_covers(opening, each) for opening in after) for each in gone)


def _covers(opening, other):
    """True where one opening lets through all that another one does."""
    if opening.path != other.path or opening.protocol not in ("", other.protocol):
        return False
    for wide, narrow in ((opening.source, other.source), (opening.destination, other.destination)):
        inside = narrow and wide and wide[0] == narrow[0] and wide[1] <= narrow[1] and narrow[2] <= wide[2]
        if wide is not None and not inside:
            return False
    return opening.first <= other.first and other.last <= opening.last


def _in_one_spelling(opening):
    """Return an opening with the name of its protocol as this collection has it."""
    return opening._replace(protocol=printed(opening.protocol)) if opening.protocol else opening


def _packet(flow, path):
    """Return what an opening looks at; the destination is the one behind a translation of addresses."""
    ends = (int(ipaddress.ip_address(flow.source)), int(ipaddress.ip_address(flow.answerer)))
    number = int(flow.question[0]) if flow.question else flow.answer_ports[0] if flow.answer_ports else None
    return path, flow.version, *ends, printed(flow.protocol), number


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
    for name, value in zip(("type", "code", "id"), flow.question):  # noqa: B905 # Python 3.8 knows no strict
        command += [f"--{flow.protocol}-{name}", value]
    command += ["-w", flow.zone] if flow.zone else []
    status, dummy, errors = run(command)
    if status and "0 flow entries" not in errors:
        raise ToolError(f"conntrack does not end the flow {flow}: {_reason(errors, status)}")


def told(flows):
    """Return in words which flows were ended."""
    if not flows:
        return "no flow was under way to what left the list"
    return f"flows to what left the list were ended: {_named(flows)}"


def left(flows):
    """Return in words which flows are under way still."""
    return f"flows to what left the list go on, let through by what is no rule of the list: {_named(flows)}"


def _named(flows):
    shown = sorted({str(flow) for flow in flows})
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return f"{len(flows)} ({', '.join(shown[:_MOST])}{more})"


def _reason(errors, status):
    return errors.strip().splitlines()[-1] if errors.strip() else f"status {status}"
