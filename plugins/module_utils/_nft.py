# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a wanted ruleset and the live one into transactions: forward, back, and away."""

from __future__ import annotations

import re
import subprocess

from ansible_collections.egress.allowlist.plugins.module_utils import _nft_text as texts

COMMENT = "egress.allowlist"
_JUMP = re.compile(rf'comment "{re.escape(COMMENT)}" # handle (\d+)$', re.MULTILINE)
# Objects in use by flows and people stay as they are when they are still wanted: counts, timeouts of calls.
_KEPT = ("counter", "ct timeout")


class NftError(Exception):
    """nft refused; the text is nft's own, shortened to what it complains about."""


class Place:
    """Where our rules are: an own table, or objects with our prefix in a table of the user's."""

    def __init__(self, family="inet", table="egress_allowlist", chain="", jump=False, owned=""):
        self.family, self.table, self.chain, self.jump, self.owned = family, table, chain, jump, owned

    def as_dict(self):
        """Return the place as the plain values that it was made of."""
        return dict(vars(self))

    def __str__(self):
        return f"{self.family} {self.table}"

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


class Nft:
    """The nft command of this host."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments, **options):
        """Run nft; raises NftError when it refuses."""
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False, **options)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "rror" in line] or [done.stderr.strip()]
            raise NftError("; ".join(lines[:5]))
        return done.stdout

    def load(self, text, check=False):
        """Load a text as one transaction, or only have it checked by nft and the kernel."""
        self.run(*(["-c"] if check else []), "-f", "-", input=text)

    def listing(self, place, stateless=True):
        """Return the live listing of a table, '' where there is no such table."""
        # 'list tables' first: 'list table' of a missing one says the same as a failure.
        if f"table {place}" not in self.run("list", "tables").splitlines():
            return ""
        return self.run(*(["-s"] if stateless else []), "list", "table", place.family, place.table)

    def jumps(self, place):
        """Return the handles of our jumps in the user's chain."""
        if not place.chain:
            return []
        return _JUMP.findall(self.run("-a", "list", "chain", place.family, place.table, place.chain))


def forward(place, wanted, live, jumps):
    """Return the transaction that replaces the live blocks of ours by the wanted text."""
    lines = _teardown(place, live, keep=texts.blocks(wanted, place.owned))
    lines.append(wanted)
    if place.jump and not jumps:
        lines.append(_jump(place))
    elif not place.jump:
        lines += [f"delete rule {place} {place.chain} handle {handle}" for handle in jumps]
    return "\n".join(lines) + "\n"


def away(place, live, jumps):
    """Return the transaction that removes all that is ours from a place."""
    if not place.owned:
        return f"delete table {place}\n" if live else ""
    lines = [f"delete rule {place} {place.chain} handle {handle}" for handle in jumps]
    return "".join(line + "\n" for line in lines + _teardown(place, live, keep={}))


def back(place, wanted, listing):
    """Return the transaction that brings back what a listing (with counts) shows, whatever was loaded since.

    In a table of the user's an empty chain of ours may remain, with the jump to it: it decides nothing.
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{listing}"
    old = texts.blocks(listing, place.owned)
    body = "".join(f"\t{kind} {name} {{\n{block}\t}}\n" for (kind, name), block in old.items())
    return _emptied(place, {**texts.blocks(wanted, place.owned), **old}) + f"table {place} {{\n{body}}}\n"


def boot(place, wanted):
    """Return the file that loads the wanted rules at boot, and again when somebody loads it by hand."""
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{wanted}"
    jump = f"add chain {place} {place.chain}\n{_jump(place)}\n" if place.jump else ""
    return f"add table {place}\n{_emptied(place, texts.blocks(wanted, place.owned))}{wanted}{jump}"


def _jump(place):
    return f'insert rule {place} {place.chain} jump egress_allowlist comment "{COMMENT}"'


def _emptied(place, blocks):
    """Return commands after which the sets, maps and chains of C{blocks} exist and are empty."""
    lines = []
    for (kind, name), body in blocks.items():
        if kind in ("set", "map"):
            lines.append(f"add {kind} {place} {name} {{ {texts.declaration(kind, body)}; }}")
            lines.append(f"flush {kind} {place} {name}")
        elif kind == "chain":
            lines += [f"add chain {place} {name}", f"flush chain {place} {name}"]
    return "".join(line + "\n" for line in lines)


def _teardown(place, live, keep):
    """Return the commands that remove the live blocks, in an order in which nothing is still in use."""
    flushes = [f"flush chain {place} {name}" for kind, name in live if kind == "chain"]
    deletes = {"chain": [], "map": [], "set": [], "counter": [], "ct timeout": []}
    for kind, name in live:
        # The user's chain may jump to ours: that one is only emptied while it is wanted.
        wanted = (kind, name) in keep and (kind in _KEPT or (kind == "chain" and place.owned))
        if not wanted:
            deletes.setdefault(kind, []).append(f"delete {kind} {place} {name}")
    return flushes + [line for lines in deletes.values() for line in lines]
