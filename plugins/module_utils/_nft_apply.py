# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the rules of this host to what is wanted, so that a crash at any moment leaves old or new ones.

The order: check, prepare the way back, write the candidate, arm, load. The candidate becomes the file of
the next boot by one rename, and only when it is confirmed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess

from ansible_collections.egress.allowlist.plugins.module_utils import _commit, _host, _nft
from ansible_collections.egress.allowlist.plugins.module_utils import _nft_text as texts

_FOLDER = "/run/egress-allowlist"
_FILE = "egress_allowlist.nft"
_SERVICE = "nftables.service"


class Applier:
    """One run on one host."""

    def __init__(self, nft, check_mode):
        self.nft, self.check_mode = nft, check_mode
        self.main_file, folder = _host.boot_paths()
        self.boot_file = os.path.join(folder, _FILE)
        # Not matched by the pattern that the main file includes.
        self.revert = _commit.Revert("nftables", _FOLDER, os.path.join(folder, "unconfirmed." + _FILE))

    def present(self, native, revert_after):
        """Apply the native form; returns what the module returns."""
        place = _nft.Place(**{key: native[key] for key in ("family", "table", "chain", "jump", "owned")})
        with self._locked():
            saved = texts.headers(_commit.read(self.boot_file))
            wanted, notes = self._complete(native, place, saved)
            listing = self.nft.listing(place)
            self._check_place(place, listing)
            live = texts.blocks(listing, place.owned)
            jumps = self.nft.jumps(place)
            differences = self._differences(place, wanted, live, saved)
            if bool(jumps) != place.jump:
                differences.append(
                    "{} jump from chain {} of table {}".format("+" if place.jump else "-", place.chain, place)
                )
            same = _body(_commit.read(self.boot_file)) == _nft.boot(place, wanted)
            if same and not differences and not self.revert.pending():
                return {"notes": notes + self._boot_notes()}
            text = self._elsewhere(place, saved) + _nft.forward(place, wanted, live, jumps)
            self.nft.load(text, check=True)
            result = {"changed": True, "differences": differences or ["~ the same rules, written anew"], "notes": notes}
            if not self.check_mode:
                self._load(place, wanted, text, revert_after)
                result.update(armed=revert_after > 0, token=_token(_nft.boot(place, wanted)))
                if not revert_after:
                    self._confirm()
            result["notes"] = notes + self._boot_notes(changing=True)
            return result

    def confirmed(self, token):
        """Keep what was applied."""
        with self._locked():
            candidate = _commit.read(self.revert.candidate)
            if _token(_body(candidate)) != token:
                if _token(_body(_commit.read(self.boot_file))) == token:
                    return {}
                raise _nft.NftError(
                    "the change was not confirmed in time, and the host went back to the rules before it"
                )
            if not self.check_mode:
                self._confirm()
            return {"notes": self._boot_notes()}

    def absent(self):
        """Remove all that is ours."""
        with self._locked():
            saved = texts.headers(_commit.read(self.boot_file))
            places = {
                str(place): place
                for place in (_nft.Place(), self._saved_place(saved), self._saved_place(self._candidate_headers()))
                if place
            }
            differences, text = [], ""
            for place in places.values():
                live = texts.blocks(self.nft.listing(place), place.owned)
                if live:
                    differences += texts.difference(texts.entries(live), {}, place.owned)
                    differences.append(
                        "- %s" % ("chain egress_allowlist of table %s" if place.owned else "table %s") % place
                    )
                    text += _nft.away(place, live, self.nft.jumps(place))
            main = _commit.read(self.main_file)
            without = _host.without_include(main, self.boot_file)
            differences += [f"- {path}" for path in (self.boot_file, self.revert.candidate) if os.path.exists(path)]
            differences += [f"- include in {self.main_file}"] if without != main else []
            if differences and not self.check_mode:
                self.revert.disarm()
                if text:
                    self.nft.load(text)
                if without != main:
                    _commit.write(self.main_file, without, os.stat(self.main_file).st_mode & 0o777)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.boot_file)
                self.revert.forget()
            return {"changed": bool(differences), "differences": differences}

    @contextlib.contextmanager
    def _locked(self):
        if self.check_mode:
            yield
            return
        with _commit.locked(self.revert.lock):
            yield

    def _complete(self, native, place, saved):
        """Return the wanted text with what only the host knows, and notes about it."""
        settings, elements, notes = dict(native["settings"]), [], []
        if "chain baseline" in native["ruleset"]:
            elements.append(("management", [str(port) for port in _host.management_ports()]))
            settings["management ports"] = ", ".join(elements[0][1])
        if "dns" in native["discover"]:
            servers = _host.name_servers()
            elements += _by_version("dns", servers)
            settings["dns servers"] = ", ".join(servers)
            if not servers:
                notes.append("no name server is configured besides the host's own: names are asked of nobody else")
        if "ntp" in native["discover"]:
            known = saved["settings"].get("ntp names", {})
            servers, resolved, unresolved = _host.time_servers(known)
            addresses = sorted(set(servers).union(*resolved.values()))
            elements += _by_version("ntp", addresses)
            settings.update({"ntp servers": ", ".join(addresses), "ntp names": resolved})
            notes += [
                f"time server {name} stays shut: its name could not be looked up; set nftables_ntp_servers"
                for name in unresolved
            ]
        text = native["ruleset"]
        for name, members in elements:
            if members:
                text += "add element {} {} {{ {} }}\n".format(place, name, ", ".join(members))
        settings = {name: value for name, value in settings.items() if value}
        head = texts.header("settings", settings) + texts.header("place", place.as_dict())
        return head + text, notes

    def _differences(self, place, wanted, live, saved):
        """Return in words what applying would change."""
        new = texts.entries(texts.blocks(wanted, place.owned))
        lines = texts.difference(texts.entries(live), new, place.owned)
        lines += texts.settings_difference(saved["settings"] if live else {}, texts.headers(wanted)["settings"])
        # Maps are told element by element above; whatever else differs from what was loaded, somebody changed.
        now, loaded = texts.digests(live), saved["loaded"]
        changed = sorted(name for name in set(now) | set(loaded) if loaded and now.get(name) != loaded.get(name))
        lines += [
            f"~ {name}: changed on the host since, set back"
            for name in changed
            if not (lines and name.startswith("map "))
        ]
        return lines

    def _check_place(self, place, listing):
        """A table of the user's must be there; we do not make one up."""
        if place.owned and not listing:
            raise _nft.NftError(f"nftables_into: there is no table {place} on this host")
        chains = sorted(name for kind, name in texts.blocks(listing) if kind == "chain")
        if place.chain and place.chain not in chains:
            raise _nft.NftError(
                "nftables_into: table {} has no chain '{}': it has {}".format(place, place.chain, ", ".join(chains))
            )

    def _saved_place(self, saved):
        return _nft.Place(**saved["place"]) if saved["place"] else None

    def _candidate_headers(self):
        return texts.headers(_commit.read(self.revert.candidate))

    def _elsewhere(self, place, saved):
        """Return the removal of what a former run put into another place."""
        former = self._saved_place(saved)
        if former is None or str(former) == str(place):
            return ""
        live = texts.blocks(self.nft.listing(former), former.owned)
        return _nft.away(former, live, self.nft.jumps(former) if live else [])

    def _load(self, place, wanted, text, revert_after):
        """Prepare the way back, then load in one transaction."""
        mode = os.stat(self.main_file).st_mode & 0o777 if os.path.exists(self.main_file) else 0o755
        main = _commit.read(self.main_file)
        including = _host.with_include(main, self.boot_file)
        if including != main:
            _commit.write(self.main_file, including, mode)
        candidate = _nft.boot(place, wanted)
        if not self.revert.pending():
            _commit.write(self.revert.rollback, _nft.back(place, wanted, self.nft.listing(place, stateless=False)))
        _commit.write(self.revert.candidate, candidate)
        if revert_after:
            self.revert.arm([self.nft.path, "-f", self.revert.rollback], revert_after)
        try:
            self.nft.load(text)
            loaded = texts.digests(texts.blocks(self.nft.listing(place), place.owned))
            _commit.write(self.revert.candidate, candidate + texts.header("loaded", loaded))
        except (OSError, _nft.NftError):
            self.nft.load(_commit.read(self.revert.rollback))
            self.revert.disarm()
            self.revert.forget()
            raise

    def _confirm(self):
        """One rename decides: from here on the rules are the confirmed ones, now and at the next boot."""
        os.replace(self.revert.candidate, self.boot_file)
        _commit.sync_folder(os.path.dirname(self.boot_file))
        self.revert.disarm()
        self.revert.forget()
        if _commit.systemd_runs():
            subprocess.run(["systemctl", "enable", _SERVICE], check=False, capture_output=True)

    def _boot_notes(self, changing=False):
        """Say whether and how the rules come back after a reboot."""
        if not _commit.systemd_runs():
            return [f"nothing loads the rules at boot: no systemd runs here (they are kept in {self.boot_file})"]
        state = subprocess.run(
            ["systemctl", "is-enabled", _SERVICE], check=False, capture_output=True, text=True
        ).stdout.strip()
        if state == "enabled" or changing:
            return [f"{_SERVICE} loads the rules at boot, from {self.boot_file}"]
        return ["nothing loads the rules at boot: {} is {}".format(_SERVICE, state or "not installed")]


def _by_version(name, addresses):
    return [(name + "4", [a for a in addresses if ":" not in a]), (name + "6", [a for a in addresses if ":" in a])]


def _body(text):
    """Return a boot file without the line about what the kernel made of it."""
    return "".join(line for line in text.splitlines(True) if not line.startswith("# loaded: "))


def _token(text):
    return hashlib.sha256(text.encode()).hexdigest()
