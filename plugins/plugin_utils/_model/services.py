# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services: a protocol with an inclusive port range, as text and as numbers, and cut where ranges overlap."""

from __future__ import annotations

import itertools
import re

from .addresses import Range

# C{(protocol, first_port, last_port)}: the range is inclusive, 1-65535.
Service = tuple[str, int, int]
Services = frozenset[Service]

PROTOCOLS = ("tcp", "udp")
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


def parse_ports(text: str) -> Range:
    """Return C{(first, last)} of '443' or '6000-60000'; ValueError with the reason for anything else."""
    low, dash, high = text.partition("-")
    for part in (low, high) if dash else (low,):
        if not _PORT.fullmatch(part) or int(part) > 65535:
            raise ValueError(f"ports '{text}': '{part}' is not a port from 1 to 65535; write 443 or 6000-60000")
    first, last = int(low), int(high if dash else low)
    if first > last:
        raise ValueError(f"ports '{text}': {first} is larger than {last}: write the lower port first")
    return first, last


def format_ports(first: int, last: int) -> str:
    """Return '443' or '6000-60000'; the inverse of parse_ports."""
    return str(first) if first == last else f"{first}-{last}"


def named(services: tuple[Service, ...]) -> str:
    """Return services in words: C{tcp/443, udp/8801-8810}."""
    return ", ".join(f"{protocol}/{format_ports(first, last)}" for protocol, first, last in services)


def cut(services: list[tuple]) -> list[tuple]:
    """Cut overlapping C{(protocol, first, last, label)} into disjoint C{(protocol, first, last, labels)}."""
    found: list[tuple] = []
    for protocol in sorted({service[0] for service in services}):
        same = [service[1:] for service in services if service[0] == protocol]
        edges = sorted({first for first, last, label in same} | {last + 1 for first, last, label in same})
        for first, behind in itertools.pairwise(edges):
            labels = tuple(sorted({label for low, high, label in same if low <= first and behind - 1 <= high}))
            if not labels:
                continue
            if found and found[-1][0] == protocol and found[-1][2] == first - 1 and found[-1][3] == labels:
                found[-1] = (protocol, found[-1][1], behind - 1, labels)
            else:
                found.append((protocol, first, behind - 1, labels))
    return found
