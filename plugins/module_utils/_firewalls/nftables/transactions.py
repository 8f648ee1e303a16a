# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a wanted ruleset and the live one into transactions: forward and away."""

from __future__ import annotations

import re

from .listing import alike, blocks, declaration, learned, moved
from .nft import COMMENT

# Objects in use by flows and people stay as they are when they are still wanted: counts, timeouts of calls.
KEPT = ("counter", "ct timeout")
CLEARED = ("set", "map")
CHAIN = "egress_allowlist"  # of ours in a table of the user's


def settled(place, jumps):
    """Return the one jump that may stay, as a list."""
    return [jump for jump in jumps if jump[0] == place.chain][:1] if place.jump else []


def forward(place, wanted, live, jumps, held):
    """Return the transaction that replaces the live blocks of ours by the wanted text.

    Sets that fill while packets flow stay as they are. C{held}: those that cannot, with what they hold.
    """
    stays = settled(place, jumps)
    new = blocks(wanted, place.owned)
    lines = _unjump(place, [jump for jump in jumps if jump not in stays])
    lines += teardown(place, live, keep=new)
    lines.append(wanted)
    for kind, name in held:
        elements = moved(held[kind, name], new[kind, name])
        if elements:
            lines.append("add element {} {} {{ {} }}".format(place, name, ", ".join(elements)))
    if place.jump and not stays:
        lines.append(jump_rule(place, place.chain))
    return "\n".join(lines) + "\n"


def leaving(wanted, live):
    """Return the keys of live sets that fill while packets flow and are wanted, but declared otherwise."""
    both = [key for key in live if learned(key) and key in wanted]
    return [key for key in both if not alike(live[key], wanted[key])]


def moving(wanted, live, anew):
    """Return the keys of live sets whose content goes into new ones; C{anew}: of all that fill while packets flow.

    What was learned of all names below one is not kept where that one alone is looked up.
    """
    keys = [key for key in live if learned(key) and key in wanted] if anew else leaving(wanted, live)
    taught = any(name.startswith("asked") for dummy, name in wanted)
    return [key for key in keys if taught or "*." not in live[key] or "*." in wanted[key]]


def away(place, live, jumps, leads):
    """Return the transaction that removes what is ours from the user's table.

    Where a rule of theirs C{leads} to our chain, that is only emptied.
    """
    keep = {("chain", CHAIN): ""} if leads else {}
    return "".join(line + "\n" for line in _unjump(place, jumps) + teardown(place, live, keep))


def leads_to_ours(listing):
    """True when a rule of the user's leads to our chain in their table."""
    leads = re.compile(rf"\b(jump|goto) {CHAIN}\b(?!.*comment \"{re.escape(COMMENT)}\")")
    return any(leads.search(line) for line in listing.splitlines())


def jump_rule(place, chain):
    """Return the command that leads from the user's chain to ours."""
    return f'insert rule {place} {chain} jump {CHAIN} comment "{COMMENT}"'


def _unjump(place, jumps):
    return [f"delete rule {place} {chain} handle {handle}" for chain, handle in jumps]


def cleared(place, found):
    """Return commands after which the chains of C{found} exist and are empty, and their sets and maps are gone.

    Emptied ones would not do: nft 1.0.6 puts what is declared again into them before it makes the counters.
    """
    chains, gone = [], []
    for (kind, name), body in found.items():
        if kind in CLEARED:
            gone.append(f"add {kind} {place} {name} {{ {declaration(body)}; }}")
            gone.append(f"delete {kind} {place} {name}")
        elif kind == "chain":
            chains += [f"add chain {place} {name}", f"flush chain {place} {name}"]
    return "".join(line + "\n" for line in chains + gone)


def teardown(place, live, keep):
    """Return the commands that remove the live blocks, in an order in which nothing is still in use."""
    flushes = [f"flush chain {place} {name}" for kind, name in live if kind == "chain"]
    deletes = {"chain": [], "map": [], "set": [], "counter": [], "ct timeout": []}
    for kind, name in live:
        # The user's chain may jump to ours: that one is only emptied while it is wanted.
        wanted = (kind, name) in keep and (kind in KEPT or (kind == "chain" and place.owned))
        if learned((kind, name)):
            wanted = (kind, name) in keep and alike(live[kind, name], keep[kind, name])
        if not wanted:
            deletes.setdefault(kind, []).append(f"delete {kind} {place} {name}")
    return flushes + [line for lines in deletes.values() for line in lines]
