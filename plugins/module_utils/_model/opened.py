# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open, in one wording, and how two states of it differ."""

from __future__ import annotations

import ipaddress

from .protocols import PORTED, TYPES, printed, service, type_name

EVERYTHING = "everything to everywhere  (default rule)"  # the rule that a cloud gives to new groups by itself
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def canonical(prefix):
    """Return a prefix in the one spelling in which all are compared; raises ValueError for what is none."""
    return str(ipaddress.ip_network(prefix, strict=False))


def ports(first, last):
    """Return an inclusive range of ports as C{443} or C{8801-8810}."""
    return str(first) if first == last else f"{first}-{last}"


def line(protocol, first, last, destination, label=""):
    """Return a rule in words: C{udp/3478 to 3.25.48.0/28  kudo: media}.

    C{first}, C{last}: ports, inclusive, None both for all; of ICMP type and code, None or -1 for all.
    C{label}: text, or a list of who asks.
    """
    who = label if isinstance(label, str) else ", ".join(label)
    return "{} to {}{}".format(_service(protocol, first, last), destination, "  " + who if who else "")


def _service(protocol, first, last):
    """Return C{tcp/443}, C{icmp/echo-request}, C{esp}, or C{all}."""
    if protocol in (None, "", "all", "any", "-1", -1):
        return "all"
    name = printed(str(protocol))
    if name in TYPES:
        kind = "" if first in (None, -1) else type_name(name, int(first))
        return service(name, kind) + (f" code {last}" if kind and last not in (None, -1) else "")
    # Where a protocol has no ports, what stands in their place means nothing.
    if first in (None, -1) or name not in PORTED:
        return name
    return service(name, ports(first, first if last is None else last))


def differences(before, after):
    """Return what changes between two collections of lines: C{- ...} first, then C{+ ...}, both sorted."""
    before, after = set(before), set(after)
    return ["- " + text for text in sorted(before - after)] + ["+ " + text for text in sorted(after - before)]
