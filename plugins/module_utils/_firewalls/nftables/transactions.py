# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn a wanted ruleset and the live one into transactions: forward, back, and away."""

from __future__ import annotations

import re
import shlex

from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from . import listing as texts

COMMENT = "egress.allowlist"
# A line of a listing with handles: the head of a chain, or a rule of ours in it.
_JUMP = re.compile(rf'^\tchain (\S+) \{{|^\t\t.*comment "{re.escape(COMMENT)}" # handle (\d+)$', re.MULTILINE)
# Objects in use by flows and people stay as they are when they are still wanted: counts, timeouts of calls.
_KEPT = ("counter", "ct timeout")
_CLEARED = ("set", "map")
_CHAIN = "egress_allowlist"  # of ours in a table of the user's


class NftError(ToolError):
    """What was asked for cannot be; the text says why."""


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
    """The nft command of this host; C{run} takes a command and its input and returns C{(status, output, errors)}."""

    def __init__(self, path, run):
        self.path, self._run, self._version = path, run, ""

    def run(self, *arguments, text=None):
        """Run nft, with a text as its input; raises NftError when it refuses."""
        status, output, errors = self._run([self.path, *arguments], text)
        if status:
            lines = [line for line in errors.splitlines() if "rror" in line] or [errors.strip()]
            lines = lines if lines[0] else [f"it ended with status {status}"]
            raise NftError("nft refused: " + "; ".join(lines[:5]))
        return output

    def load(self, text, check=False):
        """Load a text as one transaction, or only have it checked by nft and the kernel."""
        if check:
            self._check_version()
        self.run(*(["-c"] if check else []), "-f", "-", text=text)

    def listing(self, place, stateless=True):
        """Return the live listing of a table, '' where there is no such table."""
        # 'list tables' first: 'list table' of a missing one says the same as a failure.
        if f"table {place}" not in self.run("list", "tables").splitlines():
            return ""
        return texts.named(self.run(*(["-s"] if stateless else []), "list", "table", place.family, place.table))

    def jumps(self, place):
        """Return C{[(chain, handle)]} of our jumps in the user's table, which must be there."""
        chain, found = "", []
        listing = self.run("-a", "list", "table", place.family, place.table) if place.owned else ""
        for match in _JUMP.finditer(listing):
            if match.group(1):
                chain = match.group(1)
            else:
                found.append((chain, match.group(2)))
        return found

    def version(self):
        """Return nft's version, such as 1.0.6; each prints the same rules a little differently."""
        if not self._version:
            found = re.search(r"v(\d+\.\S+)", self.run("--version"))
            self._version = found.group(1) if found else "unknown"
        return self._version

    def _check_version(self):
        """Raise NftError for an nft that prints prefixes wrongly: differences and the way back would be wrong."""
        version = self.version()
        if version.startswith("0."):
            raise NftError(f"nft {version} is too old: 1.0 or newer is needed")


def settled(place, jumps):
    """Return the one jump that may stay, as a list."""
    return [jump for jump in jumps if jump[0] == place.chain][:1] if place.jump else []


def forward(place, wanted, live, jumps, held):
    """Return the transaction that replaces the live blocks of ours by the wanted text.

    Sets that fill while packets flow stay as they are. C{held}: those that cannot, with what they hold.
    """
    stays = settled(place, jumps)
    new = texts.blocks(wanted, place.owned)
    lines = _unjump(place, [jump for jump in jumps if jump not in stays])
    lines += _teardown(place, live, keep=new)
    lines.append(wanted)
    for kind, name in held:
        elements = texts.moved(held[kind, name], new[kind, name])
        if elements:
            lines.append("add element {} {} {{ {} }}".format(place, name, ", ".join(elements)))
    if place.jump and not stays:
        lines.append(_jump(place, place.chain))
    return "\n".join(lines) + "\n"


def leaving(wanted, live):
    """Return the keys of live sets that fill while packets flow and are wanted, but declared otherwise."""
    both = [key for key in live if texts.learned(key) and key in wanted]
    return [key for key in both if not texts.alike(live[key], wanted[key])]


def moving(wanted, live, anew):
    """Return the keys of live sets whose content goes into new ones; C{anew}: of all that fill while packets flow.

    What was learned of all names below one is not kept where that one alone is looked up.
    """
    keys = [key for key in live if texts.learned(key) and key in wanted] if anew else leaving(wanted, live)
    taught = any(name.startswith("asked") for dummy, name in wanted)
    return [key for key in keys if taught or "*." not in live[key] or "*." in wanted[key]]


def away(place, live, jumps, leads):
    """Return the transaction that removes what is ours from the user's table.

    Where a rule of theirs C{leads} to our chain, that is only emptied.
    """
    keep = {("chain", _CHAIN): ""} if leads else {}
    return "".join(line + "\n" for line in _unjump(place, jumps) + _teardown(place, live, keep))


def used(listing):
    """True when a rule of the user's leads to our chain in their table."""
    leads = re.compile(rf"\b(jump|goto) {_CHAIN}\b(?!.*comment \"{re.escape(COMMENT)}\")")
    return any(leads.search(line) for line in listing.splitlines())


def back(place, wanted, listing, jumps):
    """Return the transaction that brings back what a listing (with counts) shows, whatever was loaded since.

    Our jumps must be gone before: C{way_back} sees to that.
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{listing}"
    old, new = texts.blocks(listing, place.owned), {}
    if f"\ntable {place} {{\n" in wanted:
        new = texts.blocks(wanted, place.owned)
    added = {key: body for key, body in new.items() if key not in old}
    objects = {key: body for key, body in added.items() if key[0] in _KEPT}
    text = _cleared(place, {**new, **old}) + _table(place, objects)
    rest = {key: body for key, body in added.items() if key[0] not in _CLEARED}
    text += "".join(line + "\n" for line in _teardown(place, rest, keep={}))
    return text + _table(place, old) + "".join(_jump(place, chain) + "\n" for chain, _handle in jumps)


def since(place, wanted, listing):
    """Return the lines of a rollback that name the sets whose content C{way_back} takes along."""
    old, new = texts.blocks(listing), texts.blocks(wanted)
    if place.owned:
        return ""
    gone = leaving(new, old)
    return "".join(f"# learned: {key[1]}\n" for key in old if texts.learned(key) and key in new and key not in gone)


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
    learned = f"learned=$({names} | while read -r name; do {listed}; done 2>/dev/null)"
    return (
        f'{learned}; {command} && {{ [ -z "$learned" ] || printf "%s\\n" "$learned" | {nft} -f - 2>/dev/null || :; }}'
    )


def boot(place, wanted):
    """Return the file that loads the wanted rules at boot, and again when somebody loads it by hand.

    A table of the user's is not made by it; where theirs is missing, the loader fails (C{# into:} tells it the place).
    """
    if not place.owned:
        return f"table {place}\ndelete table {place}\n{wanted}"
    jump = _jump(place, place.chain) + "\n" if place.jump else ""
    into = f"# into: {place} {place.chain}".rstrip()
    return f"{into}\n{_cleared(place, texts.blocks(wanted, place.owned))}{wanted}{jump}"


def _jump(place, chain):
    return f'insert rule {place} {chain} jump {_CHAIN} comment "{COMMENT}"'


def _unjump(place, jumps):
    return [f"delete rule {place} {chain} handle {handle}" for chain, handle in jumps]


def _table(place, blocks):
    body = "".join(f"\t{kind} {name} {{\n{block}\t}}\n" for (kind, name), block in blocks.items())
    return f"table {place} {{\n{body}}}\n"


def _cleared(place, blocks):
    """Return commands after which the chains of C{blocks} exist and are empty, and their sets and maps are gone.

    Emptied ones would not do: nft 1.0.6 puts what is declared again into them before it makes the counters.
    """
    chains, gone = [], []
    for (kind, name), body in blocks.items():
        if kind in _CLEARED:
            gone.append(f"add {kind} {place} {name} {{ {texts.declaration(body)}; }}")
            gone.append(f"delete {kind} {place} {name}")
        elif kind == "chain":
            chains += [f"add chain {place} {name}", f"flush chain {place} {name}"]
    return "".join(line + "\n" for line in chains + gone)


def _teardown(place, live, keep):
    """Return the commands that remove the live blocks, in an order in which nothing is still in use."""
    flushes = [f"flush chain {place} {name}" for kind, name in live if kind == "chain"]
    deletes = {"chain": [], "map": [], "set": [], "counter": [], "ct timeout": []}
    for kind, name in live:
        # The user's chain may jump to ours: that one is only emptied while it is wanted.
        wanted = (kind, name) in keep and (kind in _KEPT or (kind == "chain" and place.owned))
        if texts.learned((kind, name)):
            wanted = (kind, name) in keep and texts.alike(live[kind, name], keep[kind, name])
        if not wanted:
            deletes.setdefault(kind, []).append(f"delete {kind} {place} {name}")
    return flushes + [line for lines in deletes.values() for line in lines]
