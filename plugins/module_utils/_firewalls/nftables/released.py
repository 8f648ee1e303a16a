# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the table that keeps flows ended (C{shut.py}): all that the rules let through now.

Each packet of a flow keeps it in there for ten minutes more, so that one that tries on and on never leaves by itself.
"""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._host import flows
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import FORWARD, OUT, Flow, Opening
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import printed

from .listing import blocks, learned
from .opened import opened
from .shut import CUT

_KEPT = (
    "flows that were ended are kept shut in table {}: {} ({}); each goes when nobody has sent anything for it for 10 "
    "minutes"
)
_MOST = 5  # flows that a note names
_SET = re.compile(r"(?:flows|pairs)([46])$")
_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)
_ADDED = re.compile(r"^add (element|rule) \S+ \S+ (\S+) (.*)$", re.MULTILINE)
ANY = [Opening(path, None, None, "", *flows.ALL_PORTS) for path in (OUT, FORWARD)]


def release(nft, policy, wanted, live):
    """Return what the table has to lose: the transaction, lines in words, notes on what it keeps.

    C{policy}: of the wanted rules; where it stops nothing, the table goes. C{wanted}: the text of the rules; C{live}:
    the blocks that run, with what was learned.
    """
    if f"table {CUT}" not in nft.run("list", "tables").splitlines():
        return "", [], []
    if policy != "deny":
        return f"delete table {CUT}\n", [f"- table {CUT}, which keeps ended flows shut"], []
    members = _members(nft.run("list", "table", *CUT.split()))
    found = [(name, member, _flow(version, member)) for name, version, member in members]
    shut = {flow for dummy, dummy, flow in found}
    stay = _stopped(shut, *opened(completed(wanted, live)))
    gone = [_begin(flow) for flow in shut - stay]
    text, words = "", set()
    for name, member, flow in sorted(found):
        if _begin(flow) in gone:  # also as it is before or behind a translation of its destination
            # It may have left by itself meanwhile: then it comes for this transaction.
            text += f"add element {CUT} {name} {{ {member} }}\ndelete element {CUT} {name} {{ {member} }}\n"
            words |= {f"- kept shut in table {CUT}: {flow}"} if flow not in stay else set()
    kept = sorted({str(flow) for flow in stay if _begin(flow) not in gone})
    more = f" and {len(kept) - _MOST} more" if len(kept) > _MOST else ""
    notes = [_KEPT.format(CUT, len(kept), ", ".join(kept[:_MOST]) + more)] if kept else []
    return text, sorted(words), notes


def _stopped(shut, listed, others, filtered):
    """Return those of the flows that rules stop now, whatever keeps them shut."""
    local = flows.local_addresses()
    forwarded = {}
    for flow in shut:
        if flow.source not in local:
            forwarded.setdefault(_end(flow), []).append(flow)
    # From an address of ours: perhaps one of these behind a translation of its source. It goes the way of that one.
    behind = {flow for flow in shut if flow.source in local and _end(flow) in forwarded}
    stay = set(flows.chosen(shut - behind, ANY, [*listed, *others], filtered, local))
    return stay | {flow for flow in behind if stay.intersection(forwarded[_end(flow)])}


def _members(listing):
    """Yield C{(set, IP version, element)} of all that is shut."""
    for (kind, name), body in blocks(listing).items():
        version, match = _SET.match(name), _ELEMENTS.search(body)
        if kind == "set" and version and match:
            for element in match.group(1).split(","):
                yield name, int(version.group(1)), re.split(r" (?:timeout|expires) ", element.strip())[0]


def _flow(version, member):
    """Return the Flow of an element: source, protocol, destination, the ports after the address where it has any."""
    parts = member.split(" . ")
    source, protocol, to = parts[0], printed(parts[1]), parts[-2] if len(parts) == 5 else parts[-1]
    ports = (int(parts[2]), int(parts[4])) if len(parts) == 5 else ()
    return Flow(version, protocol, "", source, to, ports, to, source, ports[::-1])


def _begin(flow):
    return flow.version, flow.protocol, flow.source, flow.ports[:1] or flow.destination


def _end(flow):
    return flow.version, flow.protocol, flow.destination, flow.ports[1:]


def completed(wanted, live):
    """Return the blocks of the wanted text with what it adds to them, and what was learned so far."""
    found = blocks(wanted)
    found.update({key: body for key, body in live.items() if learned(key) and key in found})
    for what, name, rest in _ADDED.findall(wanted):
        key = ("set" if what == "element" else "chain", name)
        if key in found:
            found[key] += f"\t\telements = {rest}\n" if what == "element" else f"\t\t{rest}\n"
    return found
