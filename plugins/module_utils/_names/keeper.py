# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the addresses behind names open: this file is put on the host, where a timer runs it every few seconds.

    egress-allowlist-names run BACKEND     take over what was learned or looked up since, renew it, once
    egress-allowlist-names refill BACKEND  the same, and ask no name server: what was open is open again after a reload
    egress-allowlist-names show BACKEND    name, address, seconds left, set

With dnsmasq each answer comes into the set "asked"; here it moves on to "leased" with a whole lease, so that the next
answer is seen again (dnsmasq renews nothing that is there). Else names are looked up here. Packets renew "leased" too.
Only sets that the configuration names are ever changed. Standard library only, Python 3.8 or newer.
"""

import bisect
import collections
import contextlib
import fcntl
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

CONFIG, STATE = "/etc/egress-allowlist/names-{}.json", "/var/lib/egress-allowlist/names-{}.json"
PIDS = ("/run/dnsmasq/dnsmasq.pid", "/run/dnsmasq.pid")
FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}
LOOKUPS, SECONDS = 64, 20  # at once, and for all of them together
LATE = "not asked for long enough"  # in this round: the time was over
EMPTY = {"epoch": "", "at": 0, "up": 0, "leases": {}, "good": {}, "said": [], "next": ""}
# The name has no such address: an answer. All other failures say nothing about the name.
_NONE = {getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")}


class KeeperError(Exception):
    """The host is not in a state to work with; the message is for people."""


class NftSets:
    """Sets of nftables. A change is C{(table, set, address, seconds left)}, without seconds: remove it."""

    def __init__(self, lease):
        self._lease, self._endless = lease, set()

    def tables(self):
        """Return C{{"family table": handle}}: a table that is made anew has another handle."""
        listed = json.loads(_call(["nft", "-j", "list", "tables"]))["nftables"]
        found = [entry["table"] for entry in listed if "table" in entry]
        return {"{family} {name}".format(**table): table["handle"] for table in found}

    def read(self, table, name):
        """Return C{{address: seconds left}}, None where there is no such set."""
        # One by one: a listing of all would read every list of addresses in the ruleset, a set alone takes 3 ms.
        try:
            listed = json.loads(_call(["nft", "-j", "list", "set", *table.split(), name]))["nftables"]
        except KeeperError as error:
            if "No such file" in str(error):
                return None
            raise
        found = next(entry["set"] for entry in listed if "set" in entry)
        if "timeout" not in found:  # firewalld before 2.0 gives its sets none
            self._endless.add(name)
            return dict.fromkeys(found.get("elem", []), self._lease)
        elements = [element["elem"] for element in found.get("elem", []) if "elem" in element]
        return {element["val"]: element.get("expires", self._lease) for element in elements}

    def write(self, changes):
        """Make changes in one transaction; raises KeeperError where none was made."""
        _call(["nft", "-f", "-"], "".join(self._line(*change) for change in changes))

    def _line(self, table, name, address, left):
        where, lease = f"element {table} {name}", self._lease
        # Removed first, or it would keep the time that it had; added before that, or there might be none to remove.
        text = f"add {where} {{ {address} }}\ndelete {where} {{ {address} }}\n"
        if left is None:
            return text
        if name in self._endless:
            return f"add {where} {{ {address} }}\n"
        expires = f" expires {left}s" if left < lease else ""
        return text + f"add {where} {{ {address} timeout {lease}s{expires} }}\n"


class IpSets:
    """Sets of ipset, as ufw's rules use them; there are no tables."""

    def tables(self):
        """Return the one that stands for all."""
        return {"": ""}

    def read(self, _table, name):
        """Return C{{address: seconds left}}, None where there is no such set."""
        try:
            saved = _call(["ipset", "save", name])
        except KeeperError as error:
            if "does not exist" in str(error):
                return None
            raise
        return {address: int(left) for address, left in re.findall(r"^add \S+ (\S+) timeout (\d+)", saved, re.M)}

    def write(self, changes):
        """Make changes one after the other; raises KeeperError at the first that is refused."""
        lines = [
            f"del {name} {address}\n" if left is None else f"add {name} {address} timeout {left}\n"
            for _table, name, address, left in changes
        ]
        _call(["ipset", "-exist", "restore"], "".join(lines))


class Keeper:
    """One run; C{config} and C{state} as in their files."""

    def __init__(self, config, state):
        self.config, self.former = config, state
        self.lease, self.table = config["lease"], config["table"]
        self.sets = NftSets(self.lease) if self.table else IpSets()
        self.special = [ipaddress.ip_network(prefix) for prefix in config["special"]]
        self.said, self.news, self.groups = set(), [], []  # groups of changes: one for each name and IP version
        self.state = dict(EMPTY, at=time.time(), up=time.clock_gettime(time.CLOCK_BOOTTIME), leases={}, good={})
        self.state["epoch"] = _boot()
        same_boot = state["epoch"].startswith(self.state["epoch"])
        # A clock that was set back must not make leases longer than they were.
        elapsed = max(0, self.state["up"] - state["up"] if same_boot else self.state["at"] - state["at"])
        self.before = {
            name: {v: {a: left - elapsed for a, left in leases.items()} for v, leases in versions.items()}
            for name, versions in state["leases"].items()
        }

    def run(self, answers):
        """Do all; returns the exit status. C{answers}: those of C{look_up}, {} with dnsmasq."""
        tables = self.sets.tables()
        if self.table not in tables and self.config.get("ruleset"):
            _call(["nft", "-f", "-"], self.config["ruleset"])
            tables = self.sets.tables()
        if self.table not in tables:
            self.said.add(f"table {self.table} is missing: no name is kept until the rules are loaded again")
            self.state = dict(self.former, said=[])
            return self._end(0)
        self.state["epoch"] += f":{tables[self.table]}"
        # After a boot, or when the rules were loaded anew, what was open until then is open on.
        self.anew = self.state["epoch"] != self.former["epoch"]
        if self.anew and self.former["epoch"] and self.config["mode"] == "dnsmasq":
            _empty_cache()
        for name, domain in sorted(self.config["domains"].items()):
            for version in sorted(domain["leased"]):
                self._keep(name, domain, version, answers.get((name, version)))
        return self._end(self._write())

    def _keep(self, name, domain, version, answer):
        """Plan the changes to the sets of one name and IP version."""
        # Read before what is asked: what dnsmasq adds to both meanwhile must not look as if it were here only.
        copy = self._read(domain["copies"][version], "inet firewalld") if domain.get("copies") else None
        leased = self._read(domain["leased"][version])
        asked = self._read(domain["asked"][version]) if domain.get("asked") else {}
        if leased is None or asked is None:
            self._carry(name, version)
            return
        wanted = [address for address in sorted(asked) if self._usable(name, address)]
        if answer is not None:
            wanted = self._answered(name, version, answer, leased)
        held, changes = self._fitting(name, domain["leased"][version], wanted, leased)
        taken = dict.fromkeys((address for address in wanted if address in held), self.lease)
        # One that was renewed a moment ago waits: each change makes nft read long lists.
        due = {address for address in taken if answer is None or leased.get(address, 0) < 0.99 * self.lease}
        due |= set(self._restored(name, version, held, taken))
        changes += [(self.table, domain["leased"][version], address, taken[address]) for address in sorted(due)]
        changes += [(self.table, domain["asked"][version], address, None) for address in sorted(asked)]
        self.news += [f"{name}: + {address}" for address in sorted(due - set(leased))]
        held.update({address: taken[address] for address in due})
        if not self.anew:
            lapsed = set(self.former["leases"].get(name, {}).get(version, {})) - {*held, *leased}
            self.news += [f"{name}: - {address} lapsed" for address in sorted(lapsed)]
        self.state["leases"].setdefault(name, {})[version] = held
        self.groups.append(changes)
        if copy is not None:
            self.groups.append(self._copied(domain["copies"][version], copy, held))

    def _fitting(self, name, where, wanted, leased):
        """Return C{{address: seconds left}} of a set from now on, and what goes: the leases that end soonest."""
        most = self.config["most"]
        fit = sorted(wanted, key=lambda address: (address not in leased, address))
        others = sorted(set(leased) - set(fit), key=leased.get, reverse=True)
        held = {address: leased.get(address, self.lease) for address in [*fit, *others][:most]}
        if gone := sorted(set(leased) - set(held)):
            self.news.append(f"{name}: set full: {len(gone)} older addresses make room for newer ones")
        if fit[most:]:
            self.said.add(f"{name}: set full: {most} addresses are kept, {len(fit) - most} more stay shut")
        return held, [(self.table, where, address, None) for address in gone]

    def _carry(self, name, version):
        """Keep in mind what was known, for when the set is there again."""
        for kind, known in (("leases", self.before), ("good", self.former["good"])):
            if version in known.get(name, {}):
                self.state[kind].setdefault(name, {})[version] = known[name][version]

    def _answered(self, name, version, answer, leased):
        """Return the addresses that a name has now: of the answer, or of the last one where DNS failed."""
        addresses, failure = answer
        good = self.former["good"].get(name, {}).get(version, [])
        if failure == LATE:
            self.said.add(f"not all names could be looked up within {SECONDS} s: the next round begins with the others")
            self.said |= {line for line in self.former["said"] if line.startswith(f"{name}: DNS fails (")}
            addresses = good
        elif failure:
            self.said.add(f"{name}: DNS fails ({failure}) for IPv{version}: {len(good)} addresses kept")
            addresses = good
        addresses = [address for address in addresses if self._usable(name, address)]
        self.state["good"].setdefault(name, {})[version] = addresses
        for address in sorted(set(good) - set(addresses)):
            if address in leased:
                self.news.append(f"{name}: - {address} lapses in {leased[address]} s")
        return addresses

    def _usable(self, name, address):
        """True for an address that may be opened; says so of one that may not."""
        parsed = ipaddress.ip_address(address)
        if any(parsed in network for network in self.special if network.version == parsed.version):
            self.said.add(f"{name}: {address} is a special address: not opened")
            return False
        return True

    def _restored(self, name, version, held, taken):
        """Add to C{taken} what was open before the sets were made anew; returns these addresses."""
        found = []
        for address, left in sorted(self.before.get(name, {}).get(version, {}).items()):
            left = int(min(left, self.lease))
            if self.anew and address not in held and left > 0 and len(held) + len(found) < self.config["most"]:
                taken[address] = left
                found.append(address)
        return found

    def _copied(self, name, copy, opened):
        """Return the changes that lead from what firewalld's set has to what is open, as long."""
        changes = [("inet firewalld", name, address, None) for address in sorted(set(copy) - set(opened))]
        for address, left in sorted(opened.items()):
            lag = left - copy.get(address, 0)
            if left > 0 and (lag > self.lease / 100 or (lag > 1 and left - lag < 3 * self.config["refresh"])):
                changes.append(("inet firewalld", name, address, left))
        return changes

    def _read(self, name, table=None):
        found = self.sets.read(self.table if table is None else table, name)
        if found is None:
            self.said.add(f"set {name} is missing: nothing is kept in it until the rules are loaded again")
        return found

    def _write(self):
        """Make the changes: all at once, else each name by itself; returns the exit status."""
        groups, status = [group for group in self.groups if group], 0
        try:
            if groups:
                self.sets.write([change for group in groups for change in group])
        except KeeperError:
            for group in groups:
                try:
                    self.sets.write(group)
                except KeeperError as error:
                    self.said.add(f"set {group[0][1]} could not be changed: {error}")
                    status = 1
        return status

    def _end(self, status):
        """Print what is new."""
        before = self.former["said"]
        failed, fails = (set(re.findall(r"^(\S+): DNS fails", "\n".join(each), re.M)) for each in (before, self.said))
        told = self.news + sorted(self.said - set(before))
        told += [f"{name}: DNS answers again" for name in sorted(failed - fails)]
        sys.stdout.write("".join(line + "\n" for line in told))
        self.state["said"] = sorted(self.said)
        return status

    def changed(self):
        """True where the state is another than before, apart from time that went by."""
        if any(self.state[key] != self.former[key] for key in ("epoch", "good", "said", "next")):
            return True
        now, before = _flat(self.state["leases"]), _flat(self.before)
        return set(now) != set(before) or any(abs(now[key] - before[key]) > self.lease / 20 for key in now)


def look_up(names, first="", seconds=SECONDS):
    """Return C{({(name, version): (sorted addresses, failure)}, the name that the next round begins with)}.

    Each IP version is asked apart, C{LOOKUPS} at once, in the order of the names from C{first} on. What the time did
    not suffice for has the failure C{LATE} and comes first in the next round.
    """
    names = sorted(names)
    start = bisect.bisect_left(names, first)
    keys = [(name, version) for name in names[start:] + names[:start] for version in FAMILIES]
    waiting, answers, deadline = collections.deque(keys), {}, time.monotonic() + seconds

    def work():
        with contextlib.suppress(IndexError):  # none is left
            while True:
                key = waiting.popleft()
                answers[key] = _ask(*key)

    threads = [threading.Thread(target=work, daemon=True) for dummy in keys[:LOOKUPS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    waiting.clear()
    found = answers.copy()
    # Who was asked first and is silent had all the time; the others had the rest of it, or none.
    late = [key for key in keys if key not in found and key not in keys[:LOOKUPS]]
    found.update(dict.fromkeys(late, ([], LATE)))
    silent = {key: ([], f"no answer in {seconds} s") for key in keys if key not in found}
    return {**found, **silent}, late[0][0] if late else ""


def _ask(name, version):
    try:
        # The dot at the end: never the search domains of this host.
        answers = socket.getaddrinfo(name + ".", None, FAMILIES[version], socket.SOCK_STREAM)
    except socket.gaierror as error:
        return ([], "") if error.errno in _NONE else ([], error.strerror)
    except (OSError, UnicodeError) as error:
        return [], str(error)
    return sorted({answer[4][0] for answer in answers if "%" not in answer[4][0]}), ""


def _flat(leases):
    """Return C{{(name, version, address): seconds left}}."""
    return {(n, v, a): left for n, vs in leases.items() for v, held in vs.items() for a, left in held.items()}


def _empty_cache():
    """Let dnsmasq ask anew: an answer out of its cache fills no set, and those of before are gone."""
    for path in PIDS:
        with contextlib.suppress(OSError, ValueError), open(path) as handle:
            number = int(handle.read())
            # Not looked for by its name: that keeps a number from another process that has it since.
            with open(f"/proc/{number}/comm", "rb") as name:
                if name.read() == b"dnsmasq\n":
                    os.kill(number, signal.SIGHUP)


def _boot():
    """Return what tells this boot from others; a container boots while the kernel runs on."""
    with open("/proc/sys/kernel/random/boot_id") as boot, open("/proc/1/stat", errors="replace") as first:
        return "{}-{}".format(boot.read().strip(), first.read().rpartition(")")[2].split()[19])  # when process 1 began


def _call(command, text=None):
    """Run a command with a text as its input and return its output; raises KeeperError when it fails."""
    path = "/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", "/usr/bin:/bin")
    environment = dict(os.environ, PATH=path, LC_ALL="C")
    try:
        done = subprocess.run(  # pylint: disable=E5103 # no module runs here: there is no run_command
            command, input=text, capture_output=True, errors="replace", env=environment, check=False
        )
    except FileNotFoundError:
        raise KeeperError(f"{command[0]} is not installed") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
        raise KeeperError(f"{command[0]}: {lines[0]}")
    return done.stdout


def _load(path, missing=None):
    try:
        with open(path) as handle:
            return json.load(handle)
    except (FileNotFoundError, ValueError) as error:
        if missing is None:
            raise KeeperError(f"{path} cannot be read ({error}): apply the allowlist with names again") from None
        return missing  # a state that cannot be read is learned anew


def _save(path, value):
    temporary = path + ".new"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        json.dump(value, handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)


def run(backend, asks=True):
    """Keep the names of a backend once; returns the exit status. C{asks}: whether names are looked up at all."""
    config, path = _load(CONFIG.format(backend)), STATE.format(backend)
    begin = _load(path, missing={}).get("next", "")
    answers, begin = look_up(config["domains"], begin) if asks and config["mode"] == "resolve" else ({}, begin)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fcntl.flock(os.open(os.path.dirname(path), os.O_RDONLY), fcntl.LOCK_EX)  # until the process ends
    keeper = Keeper(_load(CONFIG.format(backend)), dict(EMPTY, **_load(path, missing={})))
    keeper.state["next"] = begin
    if not asks:
        keeper.state["good"], keeper.said = keeper.former["good"], set(keeper.former["said"])
    status = keeper.run(answers)
    if keeper.changed():
        _save(path, keeper.state)
    return status


def show(backend):
    """Print what is open: name, address, seconds left, set."""
    config = _load(CONFIG.format(backend))
    sets = NftSets(config["lease"]) if config["table"] else IpSets()
    for name, domain in sorted(config["domains"].items()):
        for kind in ("asked", "leased", "copies"):
            for member in sorted(domain.get(kind, {}).values()):
                found = sets.read("inet firewalld" if kind == "copies" else config["table"], member)
                for address, left in sorted((found or {}).items()):
                    sys.stdout.write(f"{name:<40} {address:<39} {left:>7} s  {kind}\n")


def main():
    """Run one command; ends with 1 and a message where it cannot be done."""
    commands = {"run": run, "refill": lambda backend: run(backend, asks=False), "show": show}
    if len(sys.argv) != 3 or sys.argv[1] not in commands or not re.match(r"[a-z]+\Z", sys.argv[2]):
        raise SystemExit("usage: egress-allowlist-names run|refill|show nftables|firewalld|ufw")
    try:
        raise SystemExit(commands[sys.argv[1]](sys.argv[2]))
    except (KeeperError, OSError) as error:
        raise SystemExit(f"names: {error}") from None


if __name__ == "__main__":
    main()
