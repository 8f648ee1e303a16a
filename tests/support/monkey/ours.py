# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours on a machine, and whether all else is as on its twin. Works on snapshots alone.

While nothing of ours should be there, a machine equals its twin to the byte. While something is, these may differ:

  - files and folders with C{egress} in their path, and the folders of drop-ins of nftables, ufw and firewalld;
  - nftables: our table, our chains and sets, rules that lead to them;
  - ufw: blocks of its rules whose comment is ours, the default policies, their marks and the chains made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.hosts.boot_machine import Snapshot
from tests.support.hosts.boot_trial import blocks, diff, sorted_table, split_table
from tests.support.monkey.machine import ADDRESSES

TABLES = ("table inet egress_allowlist ", "table inet egress_allowlist_names ")
FOLDERS = r"/etc/systemd/system/(nftables|ufw|firewalld)\.service\.d"
WRITTEN = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/default/ufw", "/etc/ufw/after.init")  # with others
UNCONFIRMED = ".unconfirmed"
# Chains of ufw's that follow from the default policies, and those that hold our rules among the user's.
BY_POLICY = re.compile(r"ufw6?-(after-logging|skip-to-policy|track|reject)-(output|forward)")
SHARED = re.compile(r"ufw6?-user-(output|forward)|ufw6?-after-(output|forward)")
_POLICY = re.compile(r":(OUTPUT|FORWARD) ")
KEPT = ".before-revert"  # a copy of a file that was changed while a change waited: it is for who changed it, and stays
_COPY = re.compile(rf"^.*{re.escape(KEPT)} .*\n", re.MULTILINE)
_RELOAD = re.compile(r"^NeedDaemonReload=.*\n?", re.MULTILINE)
# The drop-in of a change that waits is for a boot: systemd need not have read it.
_HOOKED = {"/etc/ufw/": "ufw.service", "/etc/firewalld/": "firewalld.service"}
_COMMENT = re.compile(r" comment=([0-9a-f]+)$")
_TIMED = re.compile(r"(flags [^\n]*\b(?:dynamic|timeout)\b[^\n]*(?:\n[^\n}]*)*?)\n\t\telements = \{[^}]*\}")
_ELEMENTS = re.compile(r"\n\t+elements = \{([^}]*)\}")
_SOURCE = re.compile(r"\b10\.66\.\d+\.0/24 ")  # that somebody adds to a zone, which our policies are asked for then
_VOLATILE = re.compile(r"^# (token|loaded): .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Ours:
    """What is ours: C{live} in the kernel, C{boot} in the files that a boot reads; "" for nothing."""

    live: str
    boot: str
    waits: bool = False  # a change that is not confirmed: what a boot reads then is not what is in the files


def ours_of(backend: str, machine: Snapshot, twin: Snapshot) -> Ours:
    """Return what is ours on a machine."""
    texts = texts_of(machine)
    if backend == "nftables":
        boot = "".join(_VOLATILE.sub("", text) for path, text in texts.items() if path.startswith("/etc/egress"))
        return Ours(_tables(machine), boot)
    if backend == "ufw":
        owned = [line for path in WRITTEN for line in _written(texts.get(path, ""))[1]]
        return Ours(
            "\n".join(_kernel(machine, twin)[1]), "\n".join([*owned, *_digests(machine, "/etc/ufw/")]), waits(machine)
        )
    # What firewalld keeps of a file that somebody removed by its own command is loaded by nobody.
    digests = [line for line in _digests(machine, "/etc/firewalld/") if ".xml.old " not in line]
    return Ours(_tables(machine), "\n".join(digests), waits(machine))


def foreign_differences(machine: Snapshot, twin: Snapshot, *, ours: bool, stale: bool = False) -> str:
    """Return how what is not ours differs from the twin, "" where it does not.

    C{ours}: something of ours is there. C{stale}: a killed module may not have told systemd what it removed.
    """
    found = []
    for name in ("iptables", "ip6tables", "ruleset", "units", "failed", "files", "texts"):
        now, then = ([_COPY.sub("", snapshot.chapters[name]).rstrip("\n")] for snapshot in (machine, twin))
        if name in ("iptables", "ip6tables"):
            lost = _kernel(machine, twin, name)[0] if ours else []
            found += [f"== {name}\nof the twin's rules these are gone, or in another order:", *lost] if lost else []
            now, then = ([_rest_of_kernel(snapshot.chapters[name], ours)] for snapshot in (machine, twin))
        elif name == "ruleset":
            now, then = (_foreign_tables(snapshot, ours) for snapshot in (machine, twin))
        elif ours and name == "files":
            now, then = (_foreign_files(text) for (text,) in (now, then))
        elif ours and name == "texts":
            now, then = (_foreign_texts(snapshot) for snapshot in (machine, twin))
        elif ours and name == "failed":
            now = [line for line in now[0].splitlines() if "egress" not in line]
            then = then[0].splitlines()
        elif name == "units":
            now, then = ([_units(text, machine, stale) for text in texts] for texts in (now, then))
        if now != then:
            found += [f"== {name}", diff("\n".join(then), "\n".join(now), "the twin: ")]
    return "\n".join(found)


def _units(text: str, machine: Snapshot, stale: bool) -> str:
    """Return the states of units; without whether systemd has read all their files where it need not have done so."""
    candidates = [line for line in machine.chapters["files"].splitlines() if UNCONFIRMED in line]
    waiting = {unit for home, unit in _HOOKED.items() if any(line.startswith(home) for line in candidates)}
    return "\n\n".join(
        _RELOAD.sub("", block) if stale or any(f"Id={unit}\n" in block for unit in waiting) else block
        for block in text.split("\n\n")
    )


def waits(machine: Snapshot) -> bool:
    """True while a change waits for its confirmation, or a killed module has left one."""
    return any(UNCONFIRMED in line for line in machine.chapters["files"].splitlines())


def texts_of(snapshot: Snapshot) -> dict[str, str]:
    """Return the chapter C{texts}, by path."""
    return {
        path: text for path, dummy, text in (part.partition("\n") for part in snapshot.chapters["texts"].split("\x1d"))
    }


# nftables


def _foreign_tables(snapshot: Snapshot, ours: bool) -> list[str]:
    tables = list(blocks(snapshot.chapters["ruleset"]))
    if not ours:
        return sorted(map(sorted_table, tables))
    # iptables-nft's tables are those of the chapters iptables.
    tables = [table for table in tables if not table.startswith(TABLES) and not _is_iptables(table)]
    return sorted(_without(sorted_table(split_table(table)[0])) for table in tables)


def _is_iptables(table: str) -> bool:
    return table.startswith(("table ip filter ", "table ip6 filter ")) and "ufw" in table


def _without(table: str) -> str:
    """Return a table without chains, sets and rules that name us: firewalld's, which has a table for all."""
    head, *lines = table.splitlines()
    kept = []
    for block in blocks("\n".join(lines[:-1]), "\t"):
        if "egress" not in block.splitlines()[0]:
            kept.append("\n".join(line for line in block.splitlines() if not _names_us(line)))
    return "\n".join([head, *kept, "}"])


def _names_us(line: str) -> bool:
    return "egress-" in line or "egress_" in line


def _tables(snapshot: Snapshot) -> str:
    """Return our own tables, and what names us in others; no elements that come and go."""
    found = []
    for table in blocks(snapshot.chapters["ruleset"]):
        if table.startswith(TABLES[0]):
            found.append(_steady(sorted_table(table)))
        # The table of names follows a confirmation, after the rules.
        elif not table.startswith(TABLES) and not _is_iptables(table):
            head, *lines = sorted_table(table).splitlines()
            for block in blocks("\n".join(lines[:-1]), "\t"):
                if "egress" in block.splitlines()[0]:
                    found.append(_steady(block))
                elif named := [
                    line.strip() for line in block.splitlines() if _names_us(line) and not _SOURCE.search(line)
                ]:
                    found.append("\n".join([head, block.splitlines()[0].strip(), *named]))
    return "\n".join(found)


def _steady(text: str) -> str:
    """Return a listing without the elements of sets whose elements have a time, and the others in order."""
    return _ELEMENTS.sub(_in_order, _TIMED.sub(r"\1", text))


def _in_order(found: re.Match[str]) -> str:
    members = sorted(" ".join(member.split()) for member in found[1].split(","))
    # What a name stands for comes and goes: a reload by others loses it until the keeper's next round.
    members = [member for member in members if member not in ADDRESSES]
    return "\n\t\telements = {" + "".join(f"\n\t\t{member}" for member in members) + " }" if members else ""


# ufw


def _kernel(machine: Snapshot, twin: Snapshot, *names: str) -> tuple[list[str], list[str]]:
    """Return rules of the twin's that are missing here, and those that are here only: of chains that both use."""
    lost, more = [], []
    for name in names or ("iptables", "ip6tables"):
        now, then = (_chains(snapshot.chapters[name]) for snapshot in (machine, twin))
        for chain in sorted({*now, *then}):
            if BY_POLICY.fullmatch(chain):
                more += [f"{name} {line}" for line in now.get(chain, []) if now.get(chain) != then.get(chain)]
            elif SHARED.fullmatch(chain):
                rest = iter(then.get(chain, []))
                awaited = next(rest, None)
                for line in now.get(chain, []):
                    if line == awaited:
                        awaited = next(rest, None)
                    else:
                        more.append(f"{name} {line}")
                lost += [] if awaited is None else [awaited, *rest]
            else:  # a policy, or a chain of ours
                alike = then.get(chain, []) if "egress" not in chain else []
                more += [f"{name} {line}" for line in now.get(chain, []) if line not in alike]
    return lost, more


def _rest_of_kernel(text: str, ours: bool) -> str:
    """Return the rules in the order of their chains' names; C{ours}: without what of ours may be among them."""
    return "\n".join(
        line
        for chain, lines in sorted(_chains(text).items())
        for line in lines
        if not ours or not (BY_POLICY.fullmatch(chain) or SHARED.fullmatch(chain) or _POLICY.match(line))
        if not ours or "egress" not in line
    )


def _chains(text: str) -> dict[str, list[str]]:
    """Return the lines of an iptables-save by chain, the chain's policy first."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(("-A ", ":")):
            chain = line.split()[1] if line.startswith("-A ") else line[1:].split()[0]
            found.setdefault(chain, []).append(line)
    return found


def _written(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of a file that others write too: theirs, and ours."""
    theirs: list[str] = []
    ours: list[str] = []
    mine = False
    for line in text.splitlines():
        if line.startswith("### "):
            comment = _COMMENT.search(line)
            mine = bool(comment) and bytes.fromhex(comment[1]).decode().endswith("(egress.allowlist)")  # type: ignore[index]
        by_us = mine or "egress" in line or "-after-logging-" in line or "DEFAULT_OUTPUT_POLICY" in line
        by_us = by_us or "DEFAULT_FORWARD_POLICY" in line
        if line:
            (ours if by_us else theirs).append(line)
        else:
            mine = False
    return theirs, ours


# Files


def _foreign_texts(snapshot: Snapshot) -> list[str]:
    found = []
    for path, text in texts_of(snapshot).items():
        if path in WRITTEN:
            found += [path, *_written(text)[0]]
        elif "egress" not in path:
            found += [path, text]
    return found


def _foreign_files(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        path, dummy, about = line.partition(" ")
        if "egress" in path or re.fullmatch(FOLDERS, path):
            continue
        digest = re.fullmatch("[0-9a-f]{64}", about)
        # Mode of after.init: executable where it has our line.
        if path in WRITTEN and (digest or path.endswith("after.init")):
            continue
        found.append(line)
    return found


def _digests(snapshot: Snapshot, folder: str) -> Iterable[str]:
    """Return our files below a folder, with their digests."""
    return [
        line
        for line in snapshot.chapters["files"].splitlines()
        if line.startswith(folder)
        and "egress" in line.partition(" ")[0]
        and UNCONFIRMED not in line
        and re.search(" [0-9a-f]{64}$", line)
    ]
