# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What explain is asked: a destination, and perhaps a protocol and ports, in the words in which people type them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.endpoints import parse_name
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.addresses import (
    Range,
    is_address,
    parse_address,
    parse_prefix,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import INNER, is_name, kind_of
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.options import Hints
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.port_names import PORTS
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import (
    has_ports,
    parse_ports,
    service_of,
    spelled,
    type_of,
)
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

_ACCEPTED = "write a number from 1 to 65535, a range like 50000-50010, a name like https, or 0 for all"
_ENDS = re.compile(r"([0-9a-f.:]+)(?:[-–]| +(?:[-–]|to) +)([0-9a-f.:]+)", re.ASCII | re.IGNORECASE)


# A host with what stands around it where people copy it from: https://[2001:db8::1]:443/x, live.example.com:443.
_AROUND = re.compile(
    r"([a-z][a-z0-9+.-]*://)?(?:\[([^]]+)\]|([^][/:]+))(?::([0-9]+))?(?:/.*)?", re.ASCII | re.IGNORECASE
)
_ANY = ("any", "all", "*")


@dataclass(frozen=True)
class Asked:
    """A destination, with the services that are asked about.

    text: the destination for answers, a name in lower case. span: IP version, first and last address, None for a name.
    protocol: in its one spelling, '' for all. service: the range of ports or types, None for all.
    """

    text: str
    span: tuple[int, int, int] | None
    protocol: str
    service: Range | None

    def within(self, protocol: str, first: int, last: int) -> Range | None:
        """Return the part of a service that is asked about; None where none is."""
        if self.protocol not in ("", protocol) or (self.service and not self.protocol and not has_ports(protocol)):
            return None
        low, high = self.service or (first, last)
        low, high = max(low, first), min(high, last)
        return (low, high) if low <= high else None


def asked(destination: str, protocol: str = "", port: int | str = 0) -> Asked:
    """Return what is asked.

    destination: an address, a prefix, a range C{192.0.2.1-192.0.2.9}, a name or a pattern C{*.example.com}.
    protocol: by name or number, C{esp} or C{50}, or '' for all; with the type or the ports as lists print it,
    C{icmp/echo-request} or C{tcp/443}. port: a number, a range or a name, also as text; 0 or '' for all.
    Raises ValueError in the words of who asks.
    """
    protocol, slash, kind = protocol.strip().partition("/")
    try:
        protocol = spelled(protocol) if protocol or slash else ""
    except ValueError as exc:
        raise ValueError(f"{exc}, or nothing for all") from None
    service = _ports(str(port).strip())
    if kind:
        service = _within_protocol(protocol, kind, service, port)
    elif service and protocol and not has_ports(protocol):
        raise ValueError(f"port '{port}' is not accepted: {protocol} has no ports: leave it out")
    try:
        text, span = _destination(destination.strip())
    except ValueError as exc:
        raise ValueError(f"destination '{destination}': {exc}") from None
    return Asked(text, span, protocol, service)


def _ports(text: str) -> Range | None:
    """Return the ports of C{443}, C{50000-50010} or C{https}; None for all."""
    text = re.sub(" *[-–] *", "-", text, count=1)
    if text in ("", "0"):
        return None
    if text.lower() in PORTS:
        return (PORTS[text.lower()],) * 2
    if re.fullmatch("[0-9]+(-[0-9]+)?", text, re.ASCII):
        try:
            return parse_ports(text)
        except ValueError as exc:
            told = str(exc).partition(": ")[2] if "-" in text else _ACCEPTED
            raise ValueError(f"port {quoted(text)} is not accepted: {told}") from None
    name, slash, rest = text.partition("/")
    if slash and readable([text], lambda whole: asked("192.0.2.1", whole)):
        ways = readable([f"'{rest}', and '{name}' as the protocol"], lambda _way: asked("192.0.2.1", name, rest))
        raise ValueError(f"port '{text}' is not accepted: write {ways[0] if ways else f'{text!r} as the protocol'}")
    close = Hints().close_to(text, PORTS) if re.match("[a-z]", text, re.IGNORECASE) else ""
    told = f"; did you mean {close}? Names are {', '.join(PORTS)}" if close else f"; names are {', '.join(PORTS)}"
    raise ValueError(f"port {quoted(text)} is not accepted: {_ACCEPTED}{told}")


def _within_protocol(protocol: str, text: str, service: Range | None, port: int | str) -> Range:
    """Return the range of C{tcp/443}, C{tcp/https} or C{icmp/echo-request}, which may be given as port too."""
    if kind := type_of(protocol, text):
        if service:
            raise ValueError(f"port '{port}' is not accepted: {protocol} has no ports: leave it out")
        return service_of(protocol, kind)[1:]
    if not has_ports(protocol):
        raise ValueError(f"protocol '{protocol}/{text}' is not accepted: {protocol} has no ports: write '{protocol}'")
    if text.lower() in ("tcp", "udp"):
        raise ValueError(f"protocol '{protocol}/{text}' is not accepted: ask for one, or nothing for all")
    first, last = (PORTS[text.lower()],) * 2 if text.lower() in PORTS else parse_ports(text)
    if service not in (None, (first, last)):
        raise ValueError(f"protocol '{protocol}/{text}' and port '{port}' are not the same: write one of them")
    return first, last


def _destination(text: str) -> tuple[str, tuple[int, int, int] | None]:
    """Return a destination as it is answered for, and its addresses."""
    if text.lower() in _ANY:
        raise ValueError("is any address: write 0.0.0.0/0 for all of IPv4, ::/0 for all of IPv6")
    around = _AROUND.fullmatch(text)
    if around and (around[1] or around[2] or around[4]):
        host, port = around[2] or around[3], around[4]
        for way in readable([host], _destination):
            raise ValueError(f"is more than a host: write {way}{f', and {port} as the port' if port else ''}")
    ends = _ENDS.fullmatch(text)
    if ends and any(end.count(":") > 1 or end.count(".") == 3 for end in ends.groups()):
        return _range(*ends.groups())
    if is_address(text):
        return text, parse_prefix(text)
    if "*" in text and kind_of(text) == INNER:
        return _pattern(text), None
    return parse_name(text), None


def _range(low: str, high: str) -> tuple[str, tuple[int, int, int]]:
    """Return the addresses from one to another."""
    if high.isdigit():
        ways = readable([f"{low}-{low.rpartition('.')[0]}.{high}"], _destination)
        told = f"write {ways[0]} if that is meant" if ways else "write them like 192.0.2.1-192.0.2.9"
        raise ValueError(f"a range has two whole addresses: {told}")
    (version, first), (other, last) = parse_address(low), parse_address(high)
    if version != other:
        raise ValueError("one end is IPv4, the other IPv6")
    if first > last:
        raise ValueError(f"{low} is larger than {high}: write the lower address first")
    return f"{low}-{high}", (version, first, last)


def _pattern(text: str) -> str:
    """Return a pattern as vendors' lists have it: in lower case, but for words in capitals beside lower case."""
    text = text.removesuffix(".")
    for way in (text, text.lower()):
        if is_name(way):
            return way
    raise ValueError(
        "is no name and no pattern of one: accepted are names like live.example.com, *.example.com, a*.example.com"
    )
