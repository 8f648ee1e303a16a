# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open, in one wording, and how two states of it differ."""

from __future__ import annotations

import ipaddress

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

    C{first}, C{last}: inclusive, None both for all ports; C{label}: text, or a list of who asks.
    """
    everything = protocol in (None, "", "all", "any", "-1", -1)
    # ICMP has types where tcp and udp have ports; whoever has them writes them into the protocol.
    service = "all" if everything else protocol
    if not everything and first is not None:
        service = f"{protocol}/{ports(first, first if last is None else last)}"
    who = label if isinstance(label, str) else ", ".join(label)
    return "{} to {}{}".format(service, destination, "  " + who if who else "")


def differences(before, after):
    """Return what changes between two collections of lines: C{- ...} first, then C{+ ...}, both sorted."""
    before, after = set(before), set(after)
    return ["- " + text for text in sorted(before - after)] + ["+ " + text for text in sorted(after - before)]
