# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd reads the drop-in of a change that waits, as with each package that is installed meanwhile.

However that change ends, systemd's view of the unit is then as it was before: it names no file that is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

APPLIES = """
- hosts: all
  gather_facts: false
  tasks:
    - egress.allowlist.compile_allowlist: {{vendors: [{{name: kudo, regions: {region}}}]}}
      register: compiled
    - egress.allowlist.{backend}:
        {option}: "{{{{ compiled.allowlist | egress.allowlist.{backend}_{option}(policy='deny', names='report') }}}}"
        revert_after: {seconds}
        confirm: false
      register: applied
    - debug: {{msg: "token={{{{ applied.token | default('') }}}}"}}
"""
ENDS = """
- hosts: all
  gather_facts: false
  tasks:
    - egress.allowlist.{backend}: {{{arguments}}}
"""
OPTIONS = {"ufw": "rules", "firewalld": "objects"}
STARTS = {
    "ufw": "ufw --force disable; ufw --force enable",
    "firewalld": "ufw --force disable; systemctl enable --now firewalld.service && firewall-cmd --state",
}
# What each backend runs when its files are written: there somebody's package is installed, and the change fails.
CALLS = {
    "ufw": ("/usr/sbin/iptables-restore", "iptables-nft-restore"),
    "firewalld": ("/usr/sbin/timeout", "/bin/timeout"),
}
FAILS = """#!/bin/sh
if [ -e {hook} ] && [ ! -e /run/failed ]; then
    touch /run/failed
    systemctl daemon-reload
    exit 1
fi
exec {command} "$@"
"""
# Of somebody's, read after ours: what a service that starts runs after the way back.
THEIRS = "[Service]\nExecStartPre=/bin/sh -c 'touch /run/theirs'\n"


class Trial:
    """One backend on one machine."""

    def __init__(self, machine: Machine, directory: Path, backend: str, theirs: bool) -> None:
        """Start the firewall. theirs: somebody has a drop-in of its unit already."""
        self.machine, self.directory, self.backend = machine, directory, backend
        self.folder = f"/etc/systemd/system/{backend}.service.d"
        self.hook = f"{self.folder}/egress-allowlist.conf"
        if theirs:
            machine.run(f"mkdir {self.folder}; cat >{self.folder}/theirs.conf; systemctl daemon-reload", THEIRS)
        machine.run(STARTS[backend])
        self.before = self.view()

    def view(self) -> str:
        """Return how systemd sees the unit."""
        return self.machine.run(f"systemctl show --property=NeedDaemonReload,DropInPaths {self.backend}.service")

    def reloads(self) -> int:
        """Return how often systemd has read its units anew since the machine booted."""
        return self.machine.run("journalctl --sync; journalctl --boot _PID=1 --output=cat").count("Reloading")

    def arm(self, seconds: int = 1000, *, region: str = "usa", fails: bool = False) -> str:
        """Apply a list that nobody confirms; return its token."""
        option = OPTIONS[self.backend]
        return self.play(APPLIES, fails, region=region, backend=self.backend, option=option, seconds=seconds)

    def read(self) -> None:
        """Do what a package's installation does: systemd reads the drop-in."""
        self.machine.run("systemctl daemon-reload")
        assert self.hook in self.view()

    def play(self, text: str, fails: bool = False, **names: object) -> str:
        """Run a play; return the token that it says, "" where it says none."""
        done = self.machine.play(text.format(**names), self.directory)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return "".join(re.findall(r"token=(\w+)", done.stdout))

    def end(self, arguments: str) -> None:
        """Run the task once more."""
        self.play(ENDS, backend=self.backend, arguments=arguments)

    def expire(self) -> None:
        """Let the time of a change that waits be over."""
        script = self.machine.run(f"ls /run/egress-allowlist/{self.backend}.revert-*").split()[0]
        unit = f"egress-allowlist-{self.backend}-revert-{script.partition('.revert-')[2]}.service"
        self.machine.run(
            f"if [ -e {script}.pid ]; then pkill --parent $(cat {script}.pid) sleep; else systemctl start {unit}; fi"
        )
        assert until(self.gone, 60)

    def gone(self) -> bool:
        """True when nothing waits any more, and the way back has ended."""
        waits = f"find /etc -name '.*unconfirmed'; ls {self.hook} /run/egress-allowlist/*.revert-* 2>/dev/null || :"
        return not self.machine.run(waits)


def confirmed(trial: Trial) -> None:
    token = trial.arm()
    trial.read()
    trial.end(f"state: confirmed, token: {token}")


def absent(trial: Trial) -> None:
    trial.arm()
    trial.read()
    trial.end("state: absent")


def gone_back(trial: Trial) -> None:
    trial.arm()
    trial.read()
    trial.expire()


def gone_back_without_systemd_run(trial: Trial) -> None:
    """The way back is a process of its own session."""
    trial.machine.run("rm /usr/bin/systemd-run; ln -s /bin/false /usr/bin/systemd-run")
    trial.arm()
    trial.read()
    trial.expire()


def failed(trial: Trial) -> None:
    path, command = CALLS[trial.backend]
    trial.machine.run(f"rm -f {path}; cat >{path}; chmod +x {path}", FAILS.format(hook=trial.hook, command=command))
    trial.arm(fails=True)
    trial.machine.run("test -e /run/failed")


def killed(trial: Trial) -> None:
    """A run has removed the drop-in and was killed then: the next one tells systemd."""
    token = trial.arm()
    trial.read()
    trial.end(f"state: confirmed, token: {token}")
    trial.machine.run(f"mkdir -p {trial.folder}; touch {trial.hook}; systemctl daemon-reload; rm {trial.hook}")
    assert trial.hook in trial.view()
    trial.arm(0)


def booted(trial: Trial) -> None:
    trial.arm()
    trial.machine.reboot()
    trial.machine.run(f"systemctl is-active {trial.backend}.service")


def booted_after_a_cut(trial: Trial) -> None:
    trial.arm()
    trial.read()
    trial.machine.reboot(killed=True)
    trial.machine.run(f"systemctl is-active {trial.backend}.service")


def booted_without_the_unit(trial: Trial) -> None:
    """Nothing runs the script at the boot, the next run puts the files back."""
    trial.arm()
    trial.machine.run(f"systemctl disable {trial.backend}.service")
    trial.machine.reboot()
    trial.machine.run(f"systemctl enable --now {trial.backend}.service")
    trial.end("state: absent")


ENDINGS: list[Callable[[Trial], None]] = [
    confirmed, absent, gone_back, gone_back_without_systemd_run, failed, killed, booted, booted_after_a_cut,
    booted_without_the_unit,
]  # fmt: skip
# Where somebody has a drop-in already, systemd looks into its folder; a folder that we make it may not know yet.
FOLDERS = [(ending, True) for ending in ENDINGS] + [(ending, False) for ending in (confirmed, gone_back, booted)]
CASES = [("bookworm", "ufw", *case) for case in FOLDERS] + [("trixie", "ufw", booted, True)]
CASES += [
    (suite, "firewalld", ending, True) for suite in ("bookworm", "trixie") for ending in (confirmed, gone_back, booted)
]


@pytest.mark.long
@pytest.mark.parametrize(("suite", "backend", "ending", "theirs"), CASES)
def test_systemd_names_no_drop_in_that_is_gone(
    key: Path, tmp_path: Path, suite: str, backend: str, ending: Callable[[Trial], None], theirs: bool
) -> None:
    with Machine(suite, f"reload-{backend}", key) as machine:
        trial = Trial(machine, tmp_path, backend, theirs)
        ending(trial)
        assert trial.gone()
        assert trial.view() == trial.before
        if theirs and "boot" in ending.__name__:  # all commands of the service have run
            assert machine.run("ls /run/theirs")


@pytest.mark.long
@pytest.mark.parametrize("backend", OPTIONS)
def test_what_systemd_has_not_read_is_not_told(key: Path, tmp_path: Path, backend: str) -> None:
    """Nobody makes systemd read its units meanwhile: nor do we."""
    with Machine("bookworm", f"unread-{backend}", key) as machine:
        trial = Trial(machine, tmp_path, backend, theirs=True)
        token, reloads = trial.arm(), trial.reloads()
        trial.end(f"state: confirmed, token: {token}")
        trial.arm(region="europe")
        trial.expire()
        trial.end("state: absent")
        assert (trial.view(), trial.reloads()) == (trial.before, reloads)
