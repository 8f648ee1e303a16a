# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host with nftables rules of ours is like after boots, upgrades, and all that is done to nftables.service.

Each machine has a twin: the same image, prepared alike, to which the same is done, but which never had us. Whatever
happens, both have the same rules but for ours, the same states of units and the same configuration; and ours are there
exactly when they should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine, Snapshot
from tests.support.hosts.boot_situations import (
    BY_HAND,
    FLUSHES,
    OPERATIONS,
    PACKAGING,
    POSTINST,
    RESET,
    RESTARTS,
    SITUATIONS,
    SOMEBODY,
    STARTS,
    Situation,
)
from tests.support.hosts.boot_trial import DROP_IN, LOADS, PLAY, UNIT, Trial

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
        confirm: false
"""


@pytest.fixture
def trial(suite: str, situation: str, key: Path, tmp_path: Path) -> Iterator[Trial]:
    """A machine and its twin, prepared alike and booted once; all of what filters there is there."""
    case = SITUATIONS[situation]
    with Machine(suite, f"{situation}-ours", key) as machine, Machine(suite, f"{situation}-twin", key) as twin:
        made = Trial(suite, f"beside {situation}", tmp_path, machine, twin, case.policy)
        made.both(lambda each: each.run(case.prepare))
        made.reboot("as prepared")
        ((before, dummy),) = made.steps(somebody_comes=BY_HAND)
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
    for dummy in range(10):
        before = len(trial.failures)
        dummy, taken = trial.steps(**{f"before {name}": f"{ready(trial, case, 'active')}; {RESET}", name: script})
        if name == "ten restarts":
            trial.fail_unless(name, taken[0].output, "attempted too often")
        if max(snapshot.seconds for snapshot in taken) < 9:
            break
        # Too slow to mean anything: in how many seconds each was done decides what was refused.
        del trial.failures[before:]
    else:
        trial.fail(name, "this machine never did it in ten seconds")
    trial.steps(**{f"after {name}": ready(trial, case, "inactive")})


# Some minutes each.
BESIDE = [
    *(pytest.param(*each, marks=pytest.mark.long) for each in (("bookworm", "ufw"), ("trixie", "draft"))),
    *(
        pytest.param(*each, marks=pytest.mark.soak)
        for each in (("trixie", "ufw"), ("trixie", "firewalld"), ("bookworm", "own_conf"))
    ),
]


@pytest.mark.parametrize(("suite", "situation"), BESIDE)
def test_a_host_beside_others(trial: Trial, situation: str) -> None:
    case = SITUATIONS[situation]
    trial.role("apply", changes=True, says=(LOADS,))
    trial.steps(postinst=POSTINST)
    for number in ("first", "second"):
        machine, dummy = trial.reboot(f"{number} reboot")
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
    machine, dummy = trial.reboot("reboot")
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
    machine, dummy = trial.reboot("reboot without the table")
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
