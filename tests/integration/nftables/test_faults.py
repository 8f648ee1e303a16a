# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old rules or new ones, whole, whatever breaks: the module is killed, the disk is full, nft is missing or refuses."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.hosts.module import finish, kill
from tests.support.hosts.nftables import BOOT, CANDIDATE, LOADER, MAIN, RUN, Host, alone, native
from tests.support.rules import NEW, OLD, row
from tests.support.systems import LONG, SOAK, longer
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

KILLS = (100 if SOAK else 36) if LONG else 12
FOLDER = os.path.dirname(BOOT)
MANY = [row(f"203.0.{n}.0/26", f"{1000 + n}-{2000 + n}", "TCP/UDP", f"service{n % 7}") for n in range(250)]
USERS = "table inet filter {\n\tchain output {\n\t\ttype filter hook output priority filter; policy accept;\n\t}\n}\n"
INTO = {"table": "filter", "chain": "output", "jump": True}
TURNS = {
    "own table": (native(*OLD, *MANY, policy="deny"), native(*NEW, *MANY[100:], policy="audit", scope="both")),
    "the user's table": (
        native(*OLD, *MANY, policy="unmanaged", into=INTO),
        native(*NEW, *MANY[100:], policy="unmanaged", into=INTO),
    ),
    "between the two": (native(*OLD, policy="deny"), native(*NEW, policy="unmanaged", into=INTO)),
}


@pytest.fixture
def host() -> Iterator[Host]:
    with alone() as made:
        made.write(MAIN, "flush ruleset\n" + USERS)
        made.load(USERS)
        yield made


def boots(host: Host) -> str:
    """Return the rules that a boot would bring: the files of this host, loaded in a network of their own."""
    script = f"nft -f {MAIN}; [ ! -e {BOOT} ] || sh {LOADER}; nft -s list ruleset"
    return host.space.run(["unshare", "--net", "sh", "-ec", script], check=True).stdout


@pytest.mark.sized
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("after", longer([600], [0]))
def test_killed_at_random_moments(host: Host, turn: str, after: int) -> None:
    """Each time the kernel has old or new rules whole, so has the next boot, and the next run heals."""
    count = -(-KILLS // (2 * len(TURNS)))
    moments = random.Random(f"{SOAK}{turn} {after}")
    states, boot_states, seconds = [], [], 0.0
    for ruleset in TURNS[turn]:
        began = time.monotonic()
        host.apply(ruleset)
        seconds = max(seconds, time.monotonic() - began)
        states.append(host.rules())
        boot_states.append(boots(host))
    seen = set()
    for number in range(count):
        new = number % 2
        process = host.begin(ruleset=TURNS[turn][new], revert_after=after)
        time.sleep(moments.uniform(0, 1) * seconds)
        kill(process)
        settle(host)
        live, boot = host.rules(), boots(host)
        assert live in states, f"kill {number}: the rules are neither the old nor the new ones"
        assert boot in boot_states, f"kill {number}: the next boot has neither the old nor the new rules"
        seen.add((states.index(live) == new, boot_states.index(boot) == new))
        applied = host.apply(TURNS[turn][new], after=after)
        if applied["armed"]:
            host.confirm(applied)
        assert host.rules() == states[new]
        assert boots(host) == boot_states[new]
        assert host.apply(TURNS[turn][new])["changed"] is False
        kept = "\n".join(sorted(map(os.path.basename, (BOOT, LOADER))))
        assert host.shell(f"ls -A {RUN} {FOLDER}") == f"{FOLDER}:\n{kept}\n\n{RUN}:\nnftables.lock\n"
    print(f"kills that left (new rules, new boot file): {sorted(seen)}")
    assert count < 30 or len(seen) > 1, "no kill came at a moment that matters"
    host.remove()
    assert host.rules() == USERS.strip()


def settle(host: Host) -> None:
    """Wait until no child of a killed module is at work any more: nft may have been started and not yet be done."""
    assert until(lambda: host.space.run(["pgrep", "-x", "nft"]).returncode)


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 30])
@pytest.mark.parametrize("full", [FOLDER, RUN])
@pytest.mark.parametrize("before", ["nothing", "old"])
def test_a_full_disk(host: Host, full: str, before: str, after: int) -> None:
    host.shell(f"mkdir -p {full}")
    if before == "old":
        host.apply(native(*OLD, policy="deny"))
    saved = host.read(BOOT)
    host.shell(
        f"mkdir /etc/x; cp -a {full}/. /etc/x; "
        f"mount -t tmpfs -o size=64k none {full}; cp -a /etc/x/. {full}; rm -r /etc/x; "
        f"dd if=/dev/zero of={full}/filler bs=4k count=99 2>/dev/null || true"
    )
    rules, files = host.rules(), without_lock(host)
    failed = host.module(ruleset=native(*NEW, *MANY, policy="deny"), revert_after=after)
    assert failed.get("failed"), failed
    assert "No space left on device" in failed["msg"]
    assert full in failed["msg"]
    assert "the rules are the old ones" in failed["msg"]
    assert (host.rules(), without_lock(host), host.read(BOOT)) == (rules, files, saved)
    host.shell(f"rm {full}/filler; mount -o remount,size=4m {full}")
    assert host.apply(native(*NEW, *MANY, policy="deny"))["changed"]
    assert host.apply(native(*NEW, *MANY, policy="deny"))["changed"] is False


def without_lock(host: Host) -> list[str]:
    """Return the files without the lock, which stays where a run has been, and the folder for it."""
    return [line for line in host.files() if not line.endswith((RUN, "nftables.lock", FOLDER))]


def lock_folder(host: Host) -> None:
    """Let nobody write where the rules are kept for the boot, nor where the module would say that it is confirmed."""
    host.shell(f"mount --bind {FOLDER} {FOLDER}; mount -o remount,bind,ro {FOLDER}")


def test_the_boot_file_cannot_be_written_when_the_change_is_confirmed(host: Host) -> None:
    host.apply(native(*OLD))
    rules = host.rules()
    applied = host.apply(native(*NEW), after=600)
    lock_folder(host)
    failed = host.confirm(applied)
    assert failed.get("failed"), failed
    assert FOLDER in failed["msg"]
    assert "goes back to the old rules by itself" in failed["msg"]
    host.shell(f"umount {FOLDER}")
    [script] = host.shell(f"ls {RUN}/nftables.revert-{applied['token']}").split()
    host.shell(f"sh {script} {applied['token']} || ! test -e {CANDIDATE}")
    assert (host.rules(), host.read(CANDIDATE)) == (rules, "")


def test_the_boot_file_cannot_be_written_at_all(host: Host) -> None:
    host.apply(native(*OLD))
    lock_folder(host)
    rules, files = host.rules(), host.files()
    failed = host.module(ruleset=native(*NEW), revert_after=0)
    assert failed.get("failed"), failed
    assert FOLDER in failed["msg"]
    assert "the rules are the old ones" in failed["msg"]
    assert (host.rules(), host.files()) == (rules, files)


def hide_nft(host: Host, script: str = "") -> None:
    """Put a script where nft is, or, without one, a file that cannot be run."""
    host.write("/etc/not-nft", script)
    host.shell(f"chmod {755 if script else 644} /etc/not-nft; cp $(command -v nft) /etc/real-nft")
    host.shell(
        "for nft in /usr/sbin/nft /sbin/nft; do test ! -e $nft || mount --bind /etc/not-nft $(realpath $nft); done"
    )


def reveal_nft(host: Host) -> None:
    """Undo C{hide_nft}."""
    host.shell("while umount /usr/sbin/nft 2>/dev/null; do :; done")


def test_nft_is_missing(host: Host) -> None:
    host.apply(native(*OLD))
    rules, files = host.rules(), host.files()
    hide_nft(host)
    failed = host.module(ruleset=native(*NEW), revert_after=600)
    assert failed.get("failed"), failed
    assert "install the package nftables" in failed["msg"]
    offered = host.module(ruleset=native(*NEW), missing_ok=True)
    assert (offered["missing"], offered["changed"], offered.get("failed", False)) == (True, False, False)
    left = host.module(state="absent")
    assert left.get("failed"), left
    assert f"what is ours is still there ({BOOT}, {LOADER}): install the package nftables" in left["msg"]
    reveal_nft(host)
    assert (host.rules(), host.files()) == (rules, files)
    host.remove()
    hide_nft(host)
    assert host.module(state="absent")["missing"]
    reveal_nft(host)


def test_what_cannot_be_removed_is_said(host: Host) -> None:
    host.apply(native(*OLD, policy="deny"))
    lock_folder(host)
    failed = host.module(state="absent")
    host.shell(f"umount {FOLDER}")
    assert failed["msg"].startswith("not all that is ours is removed: "), failed
    assert failed["msg"].endswith("run this again")
    assert host.read(BOOT)
    host.remove()
    assert (host.rules(), host.read(BOOT)) == (USERS.strip(), "")


# What stands in for nft: it fails always, only when it loads, also when it checks, or dies.
REFUSALS = {
    "syntax error, unexpected string": 'echo "Error: syntax error, unexpected string" >&2; exit 1',
    "out of memory": 'case "$*" in *-c*|*list*) exec /etc/real-nft "$@";; esac; echo "out of memory" >&2; exit 1',
    "cache failed": 'case "$*" in *list*) exec /etc/real-nft "$@";; esac; echo "netlink: cache failed" >&2; exit 1',
    "it ended with status -9": "kill -9 $$",
}


@pytest.mark.parametrize("message", REFUSALS)
@pytest.mark.parametrize("after", [0, 30])
def test_nft_refuses(host: Host, message: str, after: int) -> None:
    host.apply(native(*OLD))
    rules, files = host.rules(), host.files()
    hide_nft(host, f"#!/bin/sh\n{REFUSALS[message]}\n")
    failed = host.module(ruleset=native(*NEW, policy="deny"), revert_after=after)
    assert failed.get("failed"), failed
    assert message in failed["msg"]
    assert "the rules are the old ones" in failed["msg"]
    reveal_nft(host)
    assert (host.rules(), host.files()) == (rules, files)
    assert host.apply(native(*NEW, policy="deny"))["changed"]


# What stands in for nft: the first load happens, and then it dies; or it fails, and so does each after it.
LOADS = 'case " $* " in *" -c "*|*" list "*|*version*) exec /etc/real-nft "$@";; esac; '
KILLED = LOADS + 'test ! -e /etc/killed || exec /etc/real-nft "$@"; touch /etc/killed; /etc/real-nft "$@"; kill -9 $$'
ONCE = LOADS + 'test -e /etc/killed || { touch /etc/killed; /etc/real-nft "$@"; exit 1; }; echo "no memory" >&2; exit 1'


@pytest.mark.parametrize("after", [0, 600])
def test_nft_loads_and_dies(host: Host, after: int) -> None:
    """What ended with an error was loaded all the same: it is taken back."""
    host.apply(native(*OLD))
    rules, files = host.rules(), host.files()
    hide_nft(host, f"#!/bin/sh\n{KILLED}\n")
    failed = host.module(ruleset=native(*NEW, policy="deny"), revert_after=after)
    reveal_nft(host)
    host.shell("rm /etc/killed")
    assert failed["msg"].endswith("it ended with status -9; the rules are the old ones"), failed
    assert (host.rules(), host.files()) == (rules, files)


@pytest.mark.parametrize("after", [0, 600])
def test_nft_loads_and_cannot_take_it_back(host: Host, after: int) -> None:
    """The host goes on trying, whatever time there was to confirm, and the next run does not take it for done."""
    host.apply(native(*OLD))
    rules = host.rules()
    hide_nft(host, f"#!/bin/sh\n{ONCE}\n")
    failed = host.module(ruleset=native(*NEW, policy="deny"), revert_after=after)
    assert "cannot be set back at once: no memory; the host goes on trying by itself" in failed["msg"], failed
    assert host.rules() != rules
    reveal_nft(host)
    assert until(lambda: host.rules() == rules)
    assert until(lambda: not host.read(CANDIDATE))


WAITS = LOADS + '/etc/real-nft "$@"; touch /run/loaded; exec sleep 600'


def test_killed_while_it_takes_over_from_an_armed_change(host: Host) -> None:
    """It was to confirm at once; the host goes back all the same to what was confirmed last."""
    host.apply(native(*OLD))
    rules = host.rules()
    host.apply(native(*NEW), after=500)
    hide_nft(host, f"#!/bin/sh\n{WAITS}\n")
    process = host.begin(ruleset=native(*NEW, policy="deny"), revert_after=0)
    assert until(lambda: host.shell("ls /run/loaded 2>/dev/null || true"))
    kill(process)
    reveal_nft(host)
    assert host.rules() != rules
    assert sorted(host.elapse()) == ["500", "60"]
    assert until(lambda: host.rules() == rules)
    assert until(lambda: not host.read(CANDIDATE))


@pytest.mark.sized
def test_two_runs_at_once_go_one_after_the_other(host: Host) -> None:
    old, new = native(*OLD, *MANY, policy="deny"), native(*NEW, *MANY, policy="deny")
    states = set()
    for ruleset in (old, new):
        host.apply(ruleset)
        states.add(host.rules())
    for _round in range(4 if LONG else 1):
        runs = [host.begin(ruleset=ruleset, revert_after=0) for ruleset in (old, new, old, new)]
        for run in runs:
            done = finish(run)
            assert not done.get("failed"), done
        assert host.rules() in states
        changed = {host.apply(ruleset, check=True)["changed"] for ruleset in (old, new)}
        assert changed == {True, False}, "the boot file and the kernel are of two different runs"


def test_another_run_that_does_not_end(host: Host) -> None:
    host.shell(f"mkdir -p {RUN}")
    holder = subprocess.Popen([*host.space.enter(), "flock", f"{RUN}/nftables.lock", "sh", "-c", "echo held; cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    process = host.begin(ruleset=native(*OLD), revert_after=0)
    time.sleep(1)
    assert (process.poll(), host.rules()) == (None, USERS.strip())
    holder.communicate()
    assert finish(process)["changed"]
