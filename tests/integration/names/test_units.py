# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper's units on a machine with systemd: by which Python they run, and what a later run makes of their state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine

KEEPER, UNITS = "/usr/local/sbin/egress-allowlist-names", "/etc/systemd/system/egress-allowlist-names-nftables"
SERVICE, TIMER = "egress-allowlist-names-nftables.service", "egress-allowlist-names-nftables.timer"
PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.nftables
  vars:
    catalog_vendors:
      - {{name: acme}}
    catalog_custom_vendors:
      acme:
        title: Acme
        sources:
          - {{id: page, title: Ports, date: "2026-01-01"}}
        services:
          - name: calls
            title: Calls
            source: page
            traffic: [{{protocol: TCP, ports: "443"}}]
            rows: [{{destination: api.acme-calls.com}}]
    nftables_egress_policy: unmanaged
    nftables_egress_names: {names}
    nftables_egress_state: {state}
"""


@pytest.fixture(scope="module")
def shared(key: Path) -> Iterator[Machine]:
    """A machine without a network, on which no name can be looked up."""
    with Machine("bookworm", "units", key) as made:
        yield made


class Plays:
    """The machine of one test, and plays on it."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.machine, self._directory = machine, directory

    def __call__(
        self, python: str = "/usr/bin/python3", names: str = "resolve", state: str = "present", fails: bool = False
    ) -> str:
        """Apply with names that are looked up; returns what Ansible prints."""
        done = self.machine.play(PLAY.format(names=names, state=state), self._directory, python=python)
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout

    def run(self, script: str) -> str:
        """Run a script on the machine."""
        return self.machine.run(script)

    def keeps(self) -> bool:
        """Say whether the keeper's service runs well, when it is started as its timer does it."""
        return self.run(f"systemctl start {SERVICE} && echo well || echo not").strip() == "well"


@pytest.fixture
def play(shared: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plays]:
    """The machine without anything of ours, before and after."""
    monkeypatch.setenv("ANSIBLE_DIFF_ALWAYS", "true")
    made = Plays(shared, tmp_path)
    yield made
    made(state="absent")
    assert made.run("find /etc /usr/local /var/lib /run -name '*egress*' 2>/dev/null || true") == ""


# Where a copy of Python is, how it is put there, and whether the keeper's unit can reach it.
PLACES = {
    "in root's home": ("/root/.venv/bin/python3", "", False),
    "in a home": ("/home/me/venv/bin/python3", "", False),
    "in a temporary folder": ("/tmp/venv/bin/python3", "", False),
    "with a link to a home": (
        "/opt/venv/bin/python3",
        "mkdir -p /home/me/real; mv /opt/venv/bin/python3 /home/me/real/; ln -s /home/me/real/python3 /opt/venv/bin/",
        False,
    ),
    "below /opt": ("/opt/fine/bin/python3", "", True),
}


@pytest.mark.long
def test_the_keepers_python_is_one_that_its_unit_can_reach(play: Plays) -> None:
    play()
    for place, (path, script, reaches) in PLACES.items():
        play.run(f"mkdir -p $(dirname {path}); cp $(readlink -f /usr/bin/python3) {path}; {script or ':'}")
        said = play(path)
        assert play.run(f"head -n 1 {KEEPER}") == f"#!{path if reaches else '/usr/bin/python3'}\n", place
        assert ("changed=0" in said) is not reaches, place
        assert play.keeps(), place
    assert "changed=0" in play(path)
    play()
    play.run("rm -rf /root/.venv /home/me /tmp/venv /opt/*")


def test_without_such_a_python_nothing_is_touched(play: Plays) -> None:
    play.run("at=$(readlink -f /usr/bin/python3); mv $at /home/python; ln -s /home/python $at")
    try:
        said = play(fails=True)
        assert (
            "names: the keeper's unit can run no Python of this host: /usr/bin/python3 (/home/python is hidden" in said
        )
        assert "install the package python3, or set ansible_python_interpreter" in said
        assert play.run("nft list tables; find /etc /usr/local /run -name '*egress*'") == ""
    finally:
        play.run("at=$(ls /usr/bin/python3.[0-9]*); rm $at; mv /home/python $at")


HARMS = {
    "a keeper that cannot be executed": (
        f"chmod 644 {KEEPER}; systemctl start {SERVICE} || :",
        f"~ names: {SERVICE}: failed (exit-code, status 203), started again",
    ),
    "a service that was killed": (
        "printf '#!/bin/sh\\nkill -9 $$\\n' >/tmp/x; chmod 755 /tmp/x; mount --bind /tmp/x " + KEEPER + "; "
        f"systemctl start {SERVICE} || :; umount {KEEPER}; rm /tmp/x",
        f"~ names: {SERVICE}: failed (signal, status 9), started again",
    ),
    "a timer that is disabled": (
        f"systemctl disable --now {TIMER}",
        f"~ names: {TIMER}: stopped on the host since, set back",
    ),
    "a timer that is stopped": (f"systemctl stop {TIMER}", f"~ names: {TIMER}: stopped on the host since, set back"),
}


@pytest.mark.long
def test_what_became_of_the_units_is_said_and_mended(play: Plays) -> None:
    play()
    for harm, (script, line) in HARMS.items():
        play.run(f"systemctl stop {TIMER}; systemctl stop {SERVICE}; systemctl start {TIMER}; {script}")
        said = play()
        assert line in said, harm
        assert "changed=0" in play(), harm
        assert play.keeps(), harm
        assert play.run(f"systemctl is-enabled {TIMER}; systemctl is-active {TIMER}") == "enabled\nactive\n", harm


@pytest.mark.long
def test_a_unit_that_goes_on_failing_is_an_error(play: Plays) -> None:
    play()
    play.run(f"mkdir {UNITS}.service.d; printf '[Service]\\nExecStartPre=/bin/false\\n' >{UNITS}.service.d/mine.conf")
    play.run(f"systemctl daemon-reload; systemctl start {SERVICE} || :")
    try:
        said = play(fails=True)
        assert f"{SERVICE}: failed (exit-code" in said
        assert f"'journalctl -u {SERVICE}' says why" in said
    finally:
        play.run(f"rm -r {UNITS}.service.d; systemctl daemon-reload")
    play()
    assert play.keeps()


@pytest.mark.long
@pytest.mark.parametrize("unit", [SERVICE, TIMER])
def test_a_masked_unit_is_an_error_and_stays_masked(play: Plays, unit: str) -> None:
    path = f"/etc/systemd/system/{unit}"
    play.run(f"ln -s /dev/null {path}; systemctl daemon-reload")
    said = play(fails=True)
    assert f"names: {unit} is masked: 'systemctl unmask {unit}'" in said
    assert play.run("nft list tables") == ""
    play(names="report")
    play(state="absent")
    assert play.run(f"readlink {path}; stat -c %F /dev/null") == "/dev/null\ncharacter special file\n"
    play.run(f"rm {path}; systemctl daemon-reload")


MODES = "find /etc /usr/local /var/lib /run -name '*egress*' -printf '%y %m %p\\n' 2>/dev/null || true"
INSIDE = (
    "find /etc/egress-allowlist /var/lib/egress-allowlist /etc/systemd/system/nftables.service.d -printf '%y %m %p\\n'"
)


@pytest.mark.long
def test_modes_do_not_follow_the_umask(play: Plays) -> None:
    found = {}
    play.run("mkdir -p /etc/systemd/system/ssh.service.d")
    try:
        for umask in ("0022", "0000", "0077"):
            play.run(f"printf '[Service]\\nUMask={umask}\\n' >/etc/systemd/system/ssh.service.d/umask.conf")
            play.run("systemctl daemon-reload; systemctl restart ssh")
            play()
            found[umask] = sorted({*play.run(MODES).splitlines(), *play.run(INSIDE).splitlines()})
            play(state="absent")
    finally:
        play.run("rm -r /etc/systemd/system/ssh.service.d; systemctl daemon-reload; systemctl restart ssh")
    assert found["0000"] == found["0077"] == found["0022"]
    assert {line[:6] for line in found["0000"]} == {"d 755 ", "d 700 ", "f 755 ", "f 644 ", "f 600 ", "l 777 "}
    assert f"f 644 {UNITS}.service" in found["0000"]
    assert "d 755 /etc/systemd/system/nftables.service.d" in found["0000"]
