# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the rules of this host to what is wanted, so that a crash at any moment leaves old or new ones.

The order: check, prepare the way back, write the candidate, arm, load. The candidate becomes the file of
the next boot by one rename, and only when it is confirmed.
"""

from __future__ import annotations

import contextlib
import os

from ansible_collections.egress.allowlist.plugins.module_utils._host import revert, tokens
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import LateError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read, remove, sync_folder, write

from . import following
from .boot import FILE, Boot, boot_text
from .completion import complete
from .differences import asking, difference, entries, settings_difference, state
from .listing import asleep, blocks, digests, header, headers
from .nft import NftError, Place
from .opened import opened
from .others import stopping
from .released import release
from .resets import resets
from .rollback import WHOLE, back, before, since, way_back, whole
from .shut import CUT, shutting
from .transactions import away, forward, leads_to_ours, moving, settled

_HOW = ("# loaded: ", "# token: ")  # lines of a boot file about how it came there


class Applier:
    """One run on one host."""

    def __init__(self, nft, find, run, check_mode):
        self.nft, self._find, self._run, self.check_mode = nft, find, run, check_mode
        self.boot, self.boot_file = Boot(nft.path, run), FILE
        folder, name = os.path.split(self.boot_file)
        self.revert = revert.Revert("nftables", revert.FOLDER, os.path.join(folder, f".{name}.unconfirmed"), run)

    def present(self, native, revert_after):
        """Apply the native form; returns what the module returns."""
        place = Place(**{key: native[key] for key in ("family", "table", "chain", "jump", "owned")})
        with self._locked():
            saved = self._saved()
            wanted, notes = complete(native, place, saved, self._run)
            self.boot.follows = following.followed(wanted)
            notes += stopping(self.nft, place, native["settings"]["scope"])
            listing = self.nft.listing(place)
            self._check_place(place, listing)
            live = blocks(listing, place.owned)
            jumps = self.nft.jumps(place) if listing else []
            differences = self._differences(place, wanted, listing, saved)
            stays = settled(place, jumps)
            differences += [f"- jump from chain {jump[0]} of table {place}" for jump in jumps if jump not in stays]
            if place.jump and not stays:
                differences.append(f"+ jump from chain {place.chain} of table {place}")
            elsewhere = self._elsewhere(place, saved)
            differences += self.boot.differences()
            freed, lines, kept = release(self.nft, native["settings"].get("policy"), wanted, live)
            differences, notes = differences + lines, notes + kept
            if native["settings"].get("policy") == "deny" and not self._denies(saved, live):
                notes += resets(self._find, self._run, wanted, live, headers(wanted)["settings"])
            same = _body(read(self.boot_file)) == _body(boot_text(place, wanted))
            if same and not differences and not self.revert.pending():
                return {"notes": notes + self.boot.notes(place)}
            # A table that somebody switched off is made anew: nft does not change its chains while it switches it on.
            replaced = [*elsewhere, place] if _asleep(place, listing) else elsewhere
            held = self._held(place, wanted, live, all_of_them=place in replaced)
            live = {} if place in replaced else live
            text = "".join(self._away(former)[0] for former in replaced)
            text += forward(place, wanted, live, jumps, held) + freed
            self.nft.load(text, check=True)
            result = {"changed": True, "differences": differences or ["~ the same rules, written anew"], "notes": notes}
            if not self.check_mode:
                token = self._load([*elsewhere, place], wanted, text, revert_after, native.get("names"))
                result.update(armed=revert_after > 0, token=token)
            # What an armed change brings at boot is said when it is confirmed.
            if not result.get("armed"):
                result["notes"] = notes + self.boot.notes(place, applied=not self.check_mode)
            return result

    def standing(self, native=None):
        """Return the state of a native form or, without one, of what is there, see C{_model/standing.py}."""
        if native:
            return state(native["vendors"], native["settings"])
        saved = self._saved()
        place = _place_of(saved) or Place()
        texts = [self.nft.listing(place), read(self.boot_file), read(self.revert.candidate)]
        found = [blocks(text, place.owned) for text in texts]
        if not any(found):
            return {}
        # Long labels are cut: they are asked where our file does not tell.
        return state(saved["vendors"].get("names") or asking(found, place.owned), saved["settings"])

    def opened(self):
        """Return what the list opens, and what is let through besides, see C{_host/cuts.py}."""
        return opened(blocks(self.nft.listing(Place(), stateless=False)))

    def shut(self, flows):
        """Keep packets of flows from making conntrack know them again."""
        self.nft.load(shutting(flows))

    def confirmed(self, token):
        """Keep what was applied."""
        untouched = not os.path.exists(self.revert.lock)
        with self._locked():
            waiting = revert.token_of(read(self.revert.candidate)) if self.revert.pending() else ""
            ours = self._token_in_force(token, waiting, untouched)
            waits = ours == waiting
            saved = self._saved()
            self.boot.follows = following.followed(read(self.revert.candidate if waits else self.boot_file))
            if waits:
                self._check_applied(saved)
                if not self.check_mode:
                    try:
                        self._confirm()
                    except NftError as error:
                        raise LateError(f"not confirmed: {error}; the host goes back by itself") from error
            notes = self.boot.notes(_place_of(saved))
            return {"notes": notes} if ours == token else {"notes": [tokens.SAME, *notes], "token": ours}

    def absent(self):
        """Remove all that is ours."""
        with self._locked():
            places = [Place()]
            for path in (self.boot_file, self.revert.candidate):
                former = _place_of(headers(read(path)))
                if former and former not in places:
                    places.append(former)
            differences, text, notes = [], "", []
            for place in places:
                removal, lines, remains = self._away(place)
                text, differences, notes = text + removal, differences + lines, notes + remains
            if f"table {CUT}" in self.nft.run("list", "tables").splitlines():
                text, differences = text + f"delete table {CUT}\n", [*differences, f"- table {CUT}"]
            there = self.boot.remains() + [self.revert.candidate] * os.path.exists(self.revert.candidate)
            differences += [f"- {path}" for path in there]
            if text:
                self.nft.load(text, check=True)
            if differences and not self.check_mode:
                try:
                    self.nft.load(text)
                    remove(self.revert.candidate)
                    self.boot.remove()
                    self.revert.forget()
                except (OSError, NftError) as error:
                    raise LateError(f"not all that is ours is removed: {error}; run this again") from error
            if not self.check_mode:
                remove(self.revert.lock, self.revert.folder)
            return {"changed": bool(differences), "differences": differences, "notes": notes}

    def _token_in_force(self, token, waiting, untouched):
        """Return the token of the change that waits or is confirmed, C{token} or of one with the same rules.

        Raises LateError where there is none; C{untouched}: as in C{tokens.fate}, of the folder below /run.
        """
        confirmed = revert.token_of(read(self.boot_file))
        found = tokens.matching(token, waiting, confirmed)
        if found:
            return found
        untouched = untouched and not os.path.exists(self.revert.candidate)
        if untouched and not self.check_mode:
            remove(self.revert.lock, self.revert.folder)
        raise LateError(tokens.fate(token, waiting, confirmed, untouched))

    def _saved(self):
        """Return what is known of the last run: of the one that waits for its confirmation, if any."""
        return headers(read(self.revert.candidate if self.revert.pending() else self.boot_file))

    @contextlib.contextmanager
    def _locked(self):
        if self.check_mode:
            yield
            return
        with revert.locked(self.revert.lock):
            self.revert.sweep(*self.boot.paths)
            yield

    def _differences(self, place, wanted, listing, saved):
        """Return in words what applying would change."""
        live = blocks(listing, place.owned)
        new = entries(blocks(wanted, place.owned))
        lines = difference(entries(live), new, place.owned)
        lines += settings_difference(saved["settings"] if live else {}, headers(wanted)["settings"])
        # Maps are told element by element above; whatever else differs from what was loaded, somebody changed.
        lines += following.strays(live, wanted)
        now, loaded = digests(live, following.filled(saved)), dict(saved["loaded"])
        version = loaded.pop("nft", None)
        if loaded and not live and str(place) == str(_place_of(saved)):
            return [*lines, f"~ our rules in table {place}: removed on the host since, set back"]
        if loaded and version != self.nft.version():
            return [*lines, f"~ nft: {version} -> {self.nft.version()}, which prints rules otherwise: written anew"]
        if _asleep(place, listing):
            lines.append(f"~ table {place}: switched off on the host since, set back")
        changed = sorted(name for name in set(now) | set(loaded) if loaded and now.get(name) != loaded.get(name))
        lines += [
            f"~ {name}: changed on the host since, set back"
            for name in changed
            if not (lines and name.startswith("map "))
        ]
        return lines

    def _denies(self, saved, live):
        """True where rules that deny are in force already: conntrack has watched since."""
        return bool(live) and saved["settings"].get("policy") == "deny"

    def _held(self, place, wanted, live, all_of_them):
        """Return the live sets of learned addresses that must be made anew, with what they hold."""
        keys = moving(blocks(wanted, place.owned), live, all_of_them)
        now = blocks(self.nft.listing(place, stateless=False), place.owned) if keys else {}
        return {key: now[key] for key in keys if key in now}

    def _check_place(self, place, listing):
        """A table of the user's must be there; we do not make one up."""
        if place.owned and not listing:
            raise NftError(f"nftables_egress_into: there is no table {place} on this host")
        chains = sorted(name for kind, name in blocks(listing) if kind == "chain")
        if place.chain and place.chain not in chains:
            raise NftError(
                "nftables_egress_into: table {} has no chain '{}': it has {}".format(
                    place, place.chain, ", ".join(chains)
                )
            )

    def _elsewhere(self, place, saved):
        """Return the other places in which former runs put something."""
        found = []
        for known in (saved, headers(read(self.boot_file))):
            former = _place_of(known)
            if former and str(former) not in [str(place), *map(str, found)]:
                found.append(former)
        return found

    def _away(self, place):
        """Return the removal of what is in a place: the transaction, lines in words, notes on what remains."""
        listing = self.nft.listing(place)
        live = blocks(listing, place.owned)
        jumps = self.nft.jumps(place) if listing else []
        if not place.owned:
            lines = [*difference(entries(live), {}, ""), f"- table {place}"] if listing else []
            return (f"delete table {place}\n" if listing else ""), lines, []
        used = leads_to_ours(listing)
        notes = (
            [f"the empty chain egress_allowlist of table {place} stays: a rule of yours leads to it"] if used else []
        )
        if not jumps and (not live or (used and not "".join(live.values()).strip())):
            return "", [], notes
        lines = [f"- jump from chain {chain} of table {place}" for chain, _handle in jumps]
        lines.append(f"- chain egress_allowlist of table {place}")
        lines = difference(entries(live), {}, place.owned) + lines
        return away(place, live, jumps, used), lines, notes

    def _load(self, places, wanted, text, revert_after, names):
        """Prepare the way back, load in one transaction, return the token that confirms; C{places}: the wanted last."""
        place, boot = places[-1], boot_text(places[-1], wanted)
        token = tokens.new(revert.token_of(read(self.boot_file)), _body(boot), names)
        candidate = boot + f"# token: {token}\n"
        older = read(self.revert.rollback) if self.revert.pending() else ""
        older = older if whole(older) else ""  # what somebody damaged leads nowhere
        former = read(self.revert.candidate) if older else ""
        listings, command = [self.nft.listing(each) for each in places], ""
        try:
            if former:
                # Back to before the older change that still waits: what this one adds goes first.
                steps = [self._back(place, wanted, jumps=False), older]
            else:
                steps = [since(each, wanted, listing) for each, listing in zip(places, listings)]  # noqa: B905 # 3.8
                steps += [*(self._back(each, wanted) for each in places), f"{WHOLE}\n"]
            steps = [*(before(self._run, self.nft.path, each, older) for each in places), *steps]
            write(self.revert.rollback, "".join(steps))
            command = way_back(self.nft.path, self.revert.rollback, places, "".join(steps))
            if revert_after or former:  # who takes over from an armed change and is killed leaves a way back too
                self.revert.start(command, revert_after or revert.TAKEN_OVER, token)
            write(self.revert.candidate, candidate)
            self.nft.load(text)
            now = digests(blocks(self.nft.listing(place), place.owned), following.filled(headers(wanted)))
            now["nft"] = self.nft.version()
            write(self.revert.candidate, candidate + header("loaded", now))
            if not revert_after:
                self._confirm()
        except (OSError, NftError) as error:
            try:
                # What ended with an error may have been loaded: the kernel knows.
                loaded = listings != [self.nft.listing(each) for each in places]
                self._undo(command if loaded else "", former)
            except (OSError, NftError) as hindrance:
                raise LateError(self.revert.hurry(command, token, error, hindrance)) from error
            raise
        self.revert.stop(but=token)
        return token

    def _back(self, place, wanted, jumps=True):
        """Return the text that brings back what a place holds now."""
        listing = self.nft.listing(place, stateless=False)
        return back(place, wanted, listing, self.nft.jumps(place) if listing and jumps else [])

    def _undo(self, command, former):
        """Leave nothing behind of a change that failed; C{former}: the candidate of an older one that still waits."""
        if command:
            status, dummy, errors = self._run(["/bin/sh", "-c", command])
            if status:
                raise NftError(errors.strip() or f"it ended with status {status}")
        elif former:
            write(self.revert.candidate, former)
            self.revert.stop(but=revert.token_of(former))
            return
        self.revert.forget()
        remove(os.path.dirname(self.boot_file))

    def _confirm(self):
        """One rename decides: from here on the rules are the confirmed ones, now and at the next boot."""
        self.boot.install()
        os.replace(self.revert.candidate, self.boot_file)
        sync_folder(os.path.dirname(self.boot_file))
        self.revert.forget()

    def _check_applied(self, saved):
        """Raise LateError where the rules that run are not those that were applied: what runs, nobody tested."""
        hindrance = self.revert.hindrance()
        if hindrance:
            raise LateError(revert.GOES_BACK + hindrance)
        place = _place_of(saved)
        listing = self.nft.listing(place)
        now, loaded = digests(blocks(listing, place.owned), following.filled(saved)), dict(saved["loaded"])
        loaded.pop("nft", None)
        jumps = [chain for chain, _handle in self.nft.jumps(place)] if listing else []
        changed = sorted(name for name in set(now) | set(loaded) if now.get(name) != loaded.get(name))
        changed += ["jump"] if place.jump and place.chain not in jumps else []
        changed += ["table"] if _asleep(place, listing) else []
        if changed:
            raise LateError(
                "not confirmed: since they were applied, somebody changed or reloaded the rules in table {} ({}); "
                "the host goes back by itself".format(place, ", ".join(changed[:5]))
            )


def _body(text):
    """Return a boot file without the lines about how it was loaded, and without the servers that it follows."""
    return "".join(line for line in following.compared(text).splitlines(True) if not line.startswith(_HOW))


def _asleep(place, listing):
    return not place.owned and asleep(listing)


def _place_of(saved):
    with contextlib.suppress(TypeError):  # somebody changed it: then it names none
        return Place(**saved["place"]) if saved["place"] else None
