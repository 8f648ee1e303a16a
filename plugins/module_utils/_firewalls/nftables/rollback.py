# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction that brings back what was there before a change, and the command that loads it."""

from __future__ import annotations

import shlex

from .listing import blocks, learned
from .nft import COMMENT
from .transactions import CLEARED, KEPT, cleared, jump_rule, leaving, teardown


def back(place, wanted, listing, jumps):
    """Return the transaction that brings back what a listing (with counts) shows, whatever was loaded since.

    Our jumps must be gone before: C{way_back} sees to that.
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{listing}"
    old, new = blocks(listing, place.owned), {}
    if f"\ntable {place} {{\n" in wanted:
        new = blocks(wanted, place.owned)
    added = {key: body for key, body in new.items() if key not in old}
    objects = {key: body for key, body in added.items() if key[0] in KEPT}
    text = cleared(place, {**new, **old}) + _table(place, objects)
    rest = {key: body for key, body in added.items() if key[0] not in CLEARED}
    text += "".join(line + "\n" for line in teardown(place, rest, keep={}))
    return text + _table(place, old) + "".join(jump_rule(place, chain) + "\n" for chain, _handle in jumps)


def since(place, wanted, listing):
    """Return the lines of a rollback that name the sets whose content C{way_back} takes along."""
    old, new = blocks(listing), blocks(wanted)
    if place.owned:
        return ""
    gone = leaving(new, old)
    return "".join(f"# learned: {key[1]}\n" for key in old if learned(key) and key in new and key not in gone)


def way_back(nft, rollback, places):
    """Return the shell command that loads a rollback in one transaction with the removal of our jumps.

    What was learned since it was written is put back then, as well as it can be.
    """
    parts, nft, rollback = [], shlex.quote(nft), shlex.quote(rollback)
    for place in places:
        if place.chain:
            where = f"{place} {place.chain}"
            found = f's/.*comment "{COMMENT}" # handle \\([0-9]*\\)$/delete rule {where} handle \\1/p'
            parts.append(f"{nft} -a list chain {where} 2>/dev/null | sed -n {shlex.quote(found)}; ")
    back_again = "{{ {}cat {}; }} | {} -f -".format("".join(parts), rollback, nft)
    own = [place for place in places if not place.owned]
    return _since(nft, rollback, own[-1], back_again) if own else back_again


def _since(nft, rollback, place, command):
    """Return a command that also takes along what sets hold at its beginning; whether it does decides nothing."""
    listed = f'held=$({nft} list set {place} "$name") && printf "flush set {place} %s\\n%s\\n" "$name" "$held"'
    names = f"sed -n 's/^# learned: //p' {rollback}"
    taken = f"learned=$({names} | while read -r name; do {listed}; done 2>/dev/null)"
    return f'{taken}; {command} && {{ [ -z "$learned" ] || printf "%s\\n" "$learned" | {nft} -f - 2>/dev/null || :; }}'


def _table(place, found):
    body = "".join(f"\t{kind} {name} {{\n{block}\t}}\n" for (kind, name), block in found.items())
    return f"table {place} {{\n{body}}}\n"
