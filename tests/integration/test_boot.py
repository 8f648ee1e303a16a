# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host with nftables rules of ours is like after boots, upgrades, and all that is done to nftables.service.

Each machine has a twin: the same image, prepared alike, to which the same is done, but which never had us. Whatever
happens, both have the same rules but for ours, the same states of units and the same configuration; and ours are there
exactly when they should be.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.boot_machine import Machine, Snapshot

TABLE = "table inet egress_allowlist"
UNIT = "egress-allowlist-nftables.service"
DROP_IN = "/etc/systemd/system/nftables.service.d/egress-allowlist.conf"
OURS = (
    r"/etc/egress-allowlist(/.*)?",
    rf"/etc/systemd/system/(multi-user\.target\.wants/)?{re.escape(UNIT)}",
    r"/etc/systemd/system/nftables\.service\.d(/egress-allowlist\.conf)?",
)
OPEN = ["3.25.48.193 3478 sent"]
SHUT = ["3.25.48.193 3479 stopped", "11.0.0.1 3478 stopped"]
LOADS = f"{UNIT} loads the rules at boot"

# A table that nobody loads at boot, as Docker and others have them: it shows who flushed what.
SOMEBODY = "table ip somebody"
BY_HAND = "nft 'add table ip somebody; add chain ip somebody forward { type filter hook forward priority 5; };'"
OWN_CONF = """#!/usr/sbin/nft -f
flush ruleset
table inet filter {
    set friends { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 }; }
    chain input {
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        tcp dport { 22, 443 } counter accept
        ip saddr @friends accept
    }
    chain output { type filter hook output priority filter; policy accept; counter; }
}
include "/etc/*.nft"
"""
MORE_CONF = """table ip more {
    chain output {
        type filter hook output priority 10; policy accept;
        udp dport 9 drop
    }
}
"""
DRAFT = """#!/usr/sbin/nft -f
flush ruleset
table inet draft {
    chain input {
        type filter hook input priority filter; policy drop;
        tcp dport 443 accept
    }
}
"""
UFW_RULES = "ufw allow 22/tcp; ufw deny out 25/tcp; ufw limit 8022/tcp; ufw default deny incoming; ufw --force enable"
RESET = "systemctl reset-failed nftables firewalld ufw 2>/dev/null; true"  # the limit of starts counts from here


@dataclass(frozen=True)
class Situation:
    """What else filters on the machine. Shell scripts."""

    prepare: str
    restore: str  # all that it filters is there again, and nftables.service in the state that it was in
    seen: str  # in its rules, when all are there
    policy: str = "deny"
    either: tuple[str, ...] = ()  # suites where it ends when nftables.service starts, and the reverse


SITUATIONS = {
    "ufw": Situation(
        UFW_RULES,
        "iptables-save | grep -q -e '-A ufw-user-output -p tcp -m tcp --dport 25' || ufw reload",
        "-A ufw-user-output -p tcp -m tcp --dport 25",
    ),
    "firewalld": Situation(
        "systemctl enable --now firewalld; firewall-cmd --permanent --add-port=8443/tcp; firewall-cmd --reload",
        "systemctl is-active firewalld && nft list ruleset | grep -q 'tcp dport 8443' || systemctl restart firewalld",
        "tcp dport 8443",
        either=("bookworm",),
    ),
    "own_conf": Situation(
        f"cat >/etc/nftables.conf <<'END'\n{OWN_CONF}END\ncat >/etc/more.nft <<'END'\n{MORE_CONF}END\n"
        "systemctl enable --now nftables",
        "nft list table inet filter >/dev/null 2>&1 || grep -v '^flush' /etc/nftables.conf | nft -f -",
        "udp dport 9 drop",
    ),
    "draft": Situation(f"cat >/etc/nftables.conf <<'END'\n{DRAFT}END\n", "true", "table ip somebody", policy="audit"),
}

POSTINST = """
export DPKG_MAINTSCRIPT_PACKAGE=nftables DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_MAINTSCRIPT_NAME=postinst
export DPKG_ADMINDIR=/var/lib/dpkg
export DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) DPKG_MAINTSCRIPT_DEBUG=0 DPKG_ROOT=
export DPKG_RUNNING_VERSION=$(dpkg-query --show --showformat '${Version}' dpkg)
/var/lib/dpkg/info/nftables.postinst configure 0.9
"""
# The package as dpkg knows it, with a higher version; without the network there is no other.
UPGRADE = """
set -e
new=/var/tmp/new version=$(dpkg-query --show --showformat '${Version}' nftables)
rm -rf $new && mkdir -p $new/DEBIAN
dpkg --listfiles nftables | while read -r path; do
    if [ ! -d "$path" ] && { [ -e "$path" ] || [ -L "$path" ]; }; then
        mkdir -p "$new${path%/*}" && cp -a "$path" "$new$path"
    fi
done
for part in conffiles postinst postrm preinst prerm triggers; do
    [ ! -e /var/lib/dpkg/info/nftables.$part ] || cp /var/lib/dpkg/info/nftables.$part $new/DEBIAN/
done
dpkg-query --status nftables | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' \
    -e "s/^Version:.*/Version: $version+again/" >$new/DEBIAN/control
dpkg-deb --build -Znone $new $new.deb
dpkg --force-confold --install $new.deb
rm -rf $new $new.deb
"""

PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.nftables
  vars:
    catalog_vendors:
      - {{name: kudo, regions: [usa]}}
    nftables_policy: {policy}
    nftables_names: report
    nftables_state: {state}
    nftables_into: {into}
"""
# What a controller that vanishes leaves behind: applied, armed, never confirmed.
ARMED = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.catalog
  vars:
    catalog_vendors:
      - {name: vsee}
  post_tasks:
    - egress.allowlist.nftables:
        ruleset: "{{ catalog_compiled.allowlist | egress.allowlist.nftables_ruleset(policy='deny', names='report') }}"
        revert_after: 3000
"""

# Files, running programs and units with a name of ours.
TRACES = """
find / -xdev \\( -path /proc -o -path /root -o -path /sys \\) -prune -o -name '*[e]gress*' -print
find /run -name '*[e]gress*'
systemctl list-units --all --plain --no-legend '[e]gress*'
systemctl list-unit-files --no-legend '[e]gress*' || true
grep -la '[e]gress' /proc/[0-9]*/cmdline 2>/dev/null || true
"""


def blocks(text: str, indent: str = "") -> Iterator[str]:
    """Yield what nft lists at this depth: tables, or the sets, chains and so on of a table."""
    block: list[str] = []
    for line in text.splitlines():
        if line.strip():
            block.append(line)
        if line == indent + "}":
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def sorted_table(table: str) -> str:
    """Return a table with its objects by name: a boot leaves them in another order than a change. Rules keep theirs."""
    head, *lines = table.splitlines()
    return "\n".join([head, *sorted(blocks("\n".join(lines[:-1]), "\t")), "}"])


def ours_of(snapshot: Snapshot) -> str:
    """Return our own table, and what is named after us in others."""
    tables = list(blocks(snapshot.chapters["ruleset"]))
    own = [sorted_table(table) for table in tables if table.startswith(TABLE + " ")]
    others = [table for table in tables if not table.startswith(TABLE + " ")]
    return "\n".join([*own, *(part for table in others for part in split_table(table)[1])])


def split_table(table: str) -> tuple[str, list[str]]:
    """Return a table without what we put into it, and that."""
    head, *lines = table.splitlines()
    kept, ours = [], []
    for block in blocks("\n".join(lines[:-1]), "\t"):
        if re.match(r"\t\w+ egress_allowlist\S* \{", block):
            ours.append(block)
        else:
            jumps = [line for line in block.splitlines() if line.strip().startswith("jump egress_allowlist")]
            ours += jumps
            kept.append("\n".join(line for line in block.splitlines() if line not in jumps))
    return "\n".join([head, *kept, "}"]), sorted(ours)


def rest_of(snapshot: Snapshot) -> str:
    """Return what a twin must equal: all chapters without what is ours."""
    tables = [table for table in blocks(snapshot.chapters["ruleset"]) if not table.startswith(TABLE + " ")]
    files = [
        line for line in snapshot.chapters["files"].splitlines() if not re.fullmatch("|".join(OURS), line.split()[0])
    ]
    failed = [line for line in snapshot.chapters["failed"].splitlines() if not line.startswith(UNIT)]
    text = [f"status {snapshot.status}"]
    for name in ("iptables", "ip6tables"):
        text += [f"== {name}-save", snapshot.chapters[name]]
    text += ["== ruleset", *sorted(split_table(table)[0] for table in tables)]
    text += ["== units", snapshot.chapters["units"], "== failed", *failed, "== files", *files]
    return "\n".join(text)


def diff(former: str, latter: str, of: str = "") -> str:
    """Return the first lines of what differs."""
    lines = list(
        difflib.unified_diff(former.splitlines(), latter.splitlines(), f"{of}expected", "found", "", "", 1, "")
    )
    return "\n".join([*lines[:40], *([f"... {len(lines)} lines"] if len(lines) > 40 else [])])


@dataclass
class Trial:
    """A machine and its twin. Every step ends with a comparison; failures are gathered and told by C{end}."""

    suite: str
    name: str
    directory: Path
    machine: Machine
    twin: Machine
    policy: str = "deny"
    ours: str = ""  # as it was right after it was applied, "" while it should not be there
    failures: list[str] = field(default_factory=list)

    def both(self, action: Callable[[Machine], Any]) -> list[Any]:
        """Do the same to both at once; return what came of the machine, and of the twin."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(action, (self.machine, self.twin)))

    def fail(self, step: str, text: str) -> None:
        """Note a failure; the trial goes on, for each step restores what it needs."""
        self.failures.append(f"{self.suite}, {self.name}, {step}: {text}")

    def steps(self, **scripts: str) -> list[tuple[Snapshot, Snapshot]]:
        """Do all the steps on both, compare after each; words of their names are joined by _."""
        done = list(zip(*self.both(lambda machine: machine.steps(*scripts.values())), strict=True))
        for step, (machine, twin) in zip(scripts, done, strict=True):
            self.compare(step.replace("_", " "), machine, twin)
        return done

    def compare(self, step: str, machine: Snapshot, twin: Snapshot) -> None:
        """Compare a machine with its twin, and ours with what it should be."""
        if rest_of(machine) != rest_of(twin):
            said = (
                f"\nthe machine said: {machine.output}\nits twin said: {twin.output}"
                if machine.output != twin.output
                else ""
            )
            self.fail(step, f"what is not ours differs from the twin's\n{diff(rest_of(twin), rest_of(machine))}{said}")
        if ours_of(machine) != self.ours:
            how = (
                ("should not be there" if not self.ours else "is gone")
                if not ours_of(machine) or not self.ours
                else "differs"
            )
            self.fail(step, f"ours {how}\n{diff(self.ours, ours_of(machine))}\nunit: {machine.chapters['unit']}")
        packets = machine.chapters["packets"].splitlines()
        expected = (
            OPEN + SHUT
            if self.ours and self.policy == "deny"
            else [line.replace("stopped", "sent") for line in OPEN + SHUT]
        )
        if packets != expected:
            self.fail(step, f"packets: {packets}")
        if (state := twin.chapters["packets"].splitlines()) != [
            line.replace("stopped", "sent") for line in OPEN + SHUT
        ]:
            self.fail(step, f"the twin stops packets: {state}")
        if "NeedDaemonReload=yes" in machine.chapters["unit"] + machine.chapters["units"]:
            self.fail(step, "systemd has not read what is on the disk")

    def reboot(self, step: str, *, killed: bool = False) -> tuple[Snapshot, Snapshot]:
        """Boot both again, and compare."""
        self.both(lambda machine: machine.reboot(killed=killed))
        return self.steps(**{step: "true"})[0]

    def play(self, step: str, content: str, *, fails: bool = False) -> str:
        """Run a play on the machine; return its output with white space as single spaces."""
        done = self.machine.play(content, self.directory)
        if (done.returncode != 0) is not fails:
            self.fail(step, f"the play ended with {done.returncode}\n{done.stdout[-5000:]}{done.stderr[-1000:]}")
            self.end()
        return re.sub(r"\s+", " ", done.stdout)

    def role(
        self, step: str, *, changes: bool, state: str = "present", into: str = "{}", says: tuple[str, ...] = ()
    ) -> None:
        """Run the role on the machine, compare. After it ours is there, or gone for good."""
        text = self.play(step, PLAY.format(policy=self.policy, state=state, into=into))
        if (" changed=0 " not in text) is not changes:
            self.fail(step, f"the play says {re.findall('changed=[0-9]+', text)}")
        self.fail_unless(step, text, *says)
        snapshots = self.both(lambda machine: machine.steps("true")[0])
        if state == "present":
            if not self.ours or changes:
                self.ours = ours_of(snapshots[0])
            if "egress_allowlist" not in self.ours:
                self.fail(step, "nothing was applied")
                self.end()
            self.expect_loaded(step, snapshots[0])
        else:
            self.ours = ""
            if traces := self.machine.run(TRACES):
                self.fail(step, f"left behind:\n{traces}")
        self.compare(step, *snapshots)

    def expect_loaded(self, step: str, snapshot: Snapshot) -> None:
        """Fail unless our unit will load the rules at the next boot, as far as its state tells."""
        if not {"LoadState=loaded", "UnitFileState=enabled"} <= set(snapshot.chapters["unit"].split()):
            self.fail(step, f"our unit: {snapshot.chapters['unit']}")

    def expect_armed(self, step: str) -> None:
        """Fail unless a list runs that is not the confirmed one, nor nothing: what follows could show nothing."""
        if (running := ours_of(self.machine.steps("true")[0])) in ("", self.ours):
            self.fail(step, f"nothing else runs than before: {running}")

    def fail_unless(self, step: str, text: str, *parts: str) -> None:
        """Fail for each part that is not in a text."""
        for part in parts:
            if part not in text:
                self.fail(step, f"{part!r} is not said:\n{text[-4000:]}")

    def end(self) -> None:
        if self.failures:
            more = f"\n\n... and {len(self.failures) - 12} failures more" if len(self.failures) > 12 else ""
            pytest.fail("\n\n".join(self.failures[:12]) + more, pytrace=False)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SSH key, which all machines accept."""
    path = tmp_path_factory.mktemp("ssh") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def trial(suite: str, situation: str, key: Path, tmp_path: Path) -> Iterator[Trial]:
    """A machine and its twin, prepared alike and booted once; all of what filters there is there."""
    case = SITUATIONS[situation]
    with Machine(suite, f"{situation}-ours", key) as machine, Machine(suite, f"{situation}-twin", key) as twin:
        made = Trial(suite, f"beside {situation}", tmp_path, machine, twin, case.policy)
        made.both(lambda each: each.run(case.prepare))
        made.reboot("as prepared")
        ((before, _),) = made.steps(somebody_comes=BY_HAND)
        expect_full(made, "as prepared", before, case)
        made.end()
        yield made


def expect_full(trial: Trial, step: str, snapshot: Snapshot, case: Situation, state: str = "inactive") -> None:
    """Fail where a step begins with less than all, nftables.service in this state: it could show nothing."""
    rules = snapshot.chapters["iptables"] + snapshot.chapters["ruleset"]
    alone = state == "active" and trial.suite in case.either
    trial.fail_unless(step, rules, SOMEBODY, *([] if alone else [case.seen]))


def ready(trial: Trial, case: Situation, state: str) -> str:
    """Return a script: nftables.service is in this state, and all that else filters is there."""
    parts = ["systemctl stop nftables", RESET, case.restore, "settle"]
    if state == "active":
        parts.insert(4 if trial.suite in case.either else 2, "systemctl start nftables; settle")
    return "; ".join([*parts, BY_HAND])


def operate(trial: Trial, case: Situation, state: str, operations: dict[str, str]) -> None:
    """Do things to nftables.service, each with it in this state before and with all that else filters."""
    scripts = {}
    for name, operation in operations.items():
        scripts[f"before {name}, {state}"] = ready(trial, case, state)
        scripts[f"{name}, {state} before"] = operation
    done = trial.steps(**scripts)
    for step, (machine, twin) in zip(scripts, done, strict=True):
        if step.startswith("before"):
            trial.fail_unless(step, machine.chapters["units"].split("\n\n")[0], f"ActiveState={state}\n")
            expect_full(trial, step, machine, case, state)
        elif step.removesuffix(f", {state} before") in PACKAGING:
            trial.fail_unless(step, f"status {twin.status}\n{twin.output}", "status 0\n")
        # What this is about: the distribution's unit flushes all.
        if (
            state == "active"
            and step.removesuffix(", active before") in FLUSHES
            and SOMEBODY in twin.chapters["ruleset"]
        ):
            trial.fail(step, f"nothing was flushed on the twin: {twin.output}")


def ten(trial: Trial, case: Situation, name: str, script: str) -> None:
    """Do ten things in ten seconds. Five starts are systemd's limit, where the unit is not forgotten in between."""
    for _ in range(10):
        before = len(trial.failures)
        _, taken = trial.steps(**{f"before {name}": f"{ready(trial, case, 'active')}; {RESET}", name: script})
        if name == "ten restarts":
            trial.fail_unless(name, taken[0].output, "attempted too often")
        if max(snapshot.seconds for snapshot in taken) < 9:
            break
        # Too slow to mean anything: in how many seconds each was done decides what was refused.
        del trial.failures[before:]
    else:
        trial.fail(name, "this machine never did it in ten seconds")
    trial.steps(**{f"after {name}": ready(trial, case, "inactive")})


OPERATIONS = {
    f"{verb} of nftables.service": f"systemctl {verb} nftables"
    for verb in ("start", "restart", "try-restart", "reload", "stop")
}
PACKAGING = {"postinst": POSTINST, "upgrade": UPGRADE}
FLUSHES = {*OPERATIONS, *PACKAGING} - {"start of nftables.service"}
RESTARTS = "for try in 1 2 3 4 5 6 7 8 9 10; do systemctl restart nftables; done"
STARTS = "for try in 1 2 3 4 5; do systemctl stop nftables; systemctl start nftables; done"


@pytest.mark.parametrize(("suite", "situation"), [("bookworm", "ufw")])
def test_a_host_beside_ufw(trial: Trial) -> None:
    case = SITUATIONS["ufw"]
    trial.role("apply", changes=True, says=(LOADS,))
    trial.steps(postinst=POSTINST)
    machine, _ = trial.reboot("reboot")
    trial.expect_loaded("reboot", machine)
    trial.steps(postinst_after_reboot=POSTINST)
    operate(trial, case, "active", {key: OPERATIONS[key] for key in list(OPERATIONS)[1::3]})
    ten(trial, case, "ten restarts", RESTARTS)
    trial.steps(
        start_of_firewalld="systemctl start firewalld", stop_of_firewalld=f"systemctl stop firewalld; {case.restore}"
    )
    trial.role("absent", changes=True, state="absent")
    trial.end()


@pytest.mark.long
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_host_beside_others(trial: Trial, situation: str) -> None:
    case = SITUATIONS[situation]
    trial.role("apply", changes=True, says=(LOADS,))
    trial.steps(postinst=POSTINST)
    for number in ("first", "second"):
        machine, _ = trial.reboot(f"{number} reboot")
        trial.expect_loaded(f"{number} reboot", machine)
    trial.steps(postinst_after_reboot=POSTINST)
    trial.role("second run", changes=False, says=(LOADS,))
    for state in ("inactive", "active"):
        operate(trial, case, state, {**OPERATIONS, **PACKAGING})
        operate(
            trial,
            case,
            state,
            {"start of firewalld": "systemctl start firewalld", "its stop": "systemctl stop firewalld"},
        )
    for name, script in (("ten restarts", RESTARTS), ("stop and start in turn", STARTS)):
        ten(trial, case, name, script)
    # A file that cannot be loaded: nftables.service fails half way.
    broken = "cp -a /etc/nftables.conf /root/; echo nonsense >>/etc/nftables.conf"
    mended = "cp -a /root/nftables.conf /etc/"
    verbs = ("reload", "restart", "try-restart")
    operate(
        trial,
        case,
        "active",
        {f"{verb} with a broken file": f"{broken}; systemctl {verb} nftables; {mended}" for verb in verbs},
    )
    trial.steps(all_as_before=f"systemctl stop nftables; {RESET}; {case.restore}")
    trial.role("absent", changes=True, state="absent")
    trial.role("absent again", changes=False, state="absent")
    trial.reboot("reboot after absent")
    trial.end()


@pytest.mark.long
@pytest.mark.parametrize(("suite", "situation"), [("bookworm", "ufw"), ("trixie", "own_conf")])
def test_where_ours_is_not_there_and_how_it_comes_back(trial: Trial, situation: str) -> None:
    case = SITUATIONS[situation]
    trial.play("armed, with nothing before", ARMED)
    trial.expect_armed("armed, with nothing before")
    trial.reboot("a first list that nobody confirmed, after a boot")
    trial.steps(somebody_comes=BY_HAND)
    trial.role("apply", changes=True, says=(LOADS,))
    applied = trial.ours

    trial.ours = ""
    trial.steps(flush_by_hand="nft flush ruleset", others_again=f"{case.restore}; {BY_HAND}")
    trial.role("the run after a flush", changes=True, says=(LOADS,))

    for step, damage in {
        "its unit disabled": f"systemctl disable {UNIT}",
        "its unit gone": f"rm /etc/systemd/system/{UNIT}; systemctl daemon-reload",
        "its drop-in gone": "rm -r /etc/systemd/system/nftables.service.d; systemctl daemon-reload",
        "its drop-in empty": f"echo >{DROP_IN}; systemctl daemon-reload",
        "its file gone": "rm /etc/egress-allowlist/nftables.nft",
        "its file changed": "echo 'add table inet foreign' >>/etc/egress-allowlist/nftables.nft",
    }.items():
        trial.machine.run(damage)
        trial.role(f"the run after {step}", changes=True, says=(LOADS,))
        trial.steps(**{f"restart of nftables.service after {step} and a run": f"{RESET}; systemctl restart nftables"})
    trial.reboot("boot after all that")
    trial.steps(somebody_comes_again=f"{case.restore}; {BY_HAND}")

    trial.play("armed, with a list before", ARMED)
    trial.expect_armed("armed, with a list before")
    trial.reboot("a second list that nobody confirmed, after a crash", killed=True)
    assert trial.ours == applied
    trial.role("the run after that", changes=False, says=(LOADS,))

    # Where nftables.service starts at boot it loads ours after its own.
    trial.machine.run(f"systemctl disable {UNIT}")
    trial.ours = applied if situation == "own_conf" else ""
    trial.reboot("its unit disabled, after a boot")
    trial.end()


INTO = "{family: inet, table: filter, chain: output, jump: true}"


@pytest.mark.long
@pytest.mark.parametrize(("suite", "situation"), [("bookworm", "own_conf"), ("trixie", "own_conf")])
def test_rules_in_a_table_of_the_users(trial: Trial) -> None:
    trial.policy = "unmanaged"
    trial.role("apply", changes=True, into=INTO, says=(LOADS,))
    applied = trial.ours
    machine, _ = trial.reboot("reboot")
    trial.expect_loaded("reboot", machine)
    active = {name: script for name, script in OPERATIONS.items() if not name.startswith("stop")}
    trial.steps(**{name: f"{RESET}; {script}" for name, script in {**active, **PACKAGING}.items()})
    trial.role("second run", changes=False, into=INTO, says=(LOADS,))
    # Ours goes with the table that it is in, and comes with it.
    trial.ours = ""
    trial.steps(stop_of_nftables_service="systemctl stop nftables")
    trial.ours = applied
    trial.steps(start_of_nftables_service="systemctl start nftables")

    trial.both(lambda each: each.run("systemctl disable nftables"))
    trial.ours = ""
    machine, _ = trial.reboot("reboot without the table")
    trial.fail_unless(
        "reboot without the table", machine.chapters["unit"], "ActiveState=failed", "UnitFileState=enabled"
    )
    journal = trial.machine.run(f"journalctl --boot --no-pager --unit {UNIT}")
    trial.fail_unless("the journal of a boot without the table", journal, "inet filter")
    trial.ours = applied
    trial.steps(the_table_comes="systemctl enable --now nftables")
    text = trial.play("the run after that", PLAY.format(policy=trial.policy, state="present", into=INTO))
    trial.fail_unless("the run after that", text, LOADS)
    trial.reboot("reboot with the table")
    trial.role("absent", changes=True, state="absent")
    trial.reboot("reboot after absent")
    trial.end()
