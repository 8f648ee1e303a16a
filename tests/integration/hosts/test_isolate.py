# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of systemd's target while a change of rules waits to be confirmed: it does not stop the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - egress.allowlist.compile_allowlist: {{vendors: [{{name: kudo, regions: usa}}]}}
      register: compiled
    - egress.allowlist.{backend}:
        {option}: "{{{{ compiled.allowlist | egress.allowlist.{backend}_{option}(policy='deny', names='report') }}}}"
        revert_after: {seconds}
        confirm: false
"""
OPTIONS = {"nftables": "ruleset", "ufw": "rules", "firewalld": "objects"}
STARTS = {
    "nftables": ":",
    "ufw": "ufw --force enable",
    "firewalld": "systemctl enable --now firewalld.service && firewall-cmd --state",
}
RULES = {
    "nftables": "nft -s list ruleset",
    # Other lines come and go with what ufw itself loads: its policy, and the addresses of the list.
    "ufw": "{ iptables-save; ip6tables-save; } | grep -e '^:OUTPUT' -e '-d ' | sed 's/\\[.*//' | sort",
    "firewalld": "nft -s list ruleset",
}
LEFT = "find /etc -name '.*egress_allowlist.unconfirmed' -o -name .nftables.nft.unconfirmed; ls /run/egress-allowlist"
# systemd asks who has not started it and what has no unit: a session of SSH has one, and stays.
ISOLATES = ["systemctl isolate multi-user.target", "init 3", "systemctl isolate rescue.target"]
SECONDS = 12


@pytest.mark.long
@pytest.mark.parametrize("backend", OPTIONS)
def test_a_change_of_the_target_while_a_change_waits(key: Path, tmp_path: Path, backend: str) -> None:
    with Machine("bookworm", f"isolate-{backend}", key) as machine:
        machine.run(f"ufw --force disable; {STARTS[backend]}")
        rules = machine.run(RULES[backend])
        for isolate in ISOLATES:
            arm(machine, tmp_path, backend)
            assert machine.run(RULES[backend]) != rules, isolate
            machine.run(f"{isolate}; sleep 2")
            assert "revert" in machine.run("systemctl list-units --all --plain --no-legend '[e]gress*.timer'"), isolate
            assert until(lambda: machine.run(LEFT) == f"{backend}.lock\n", 3 * SECONDS), (isolate, machine.run(LEFT))
            if "rescue" in isolate:
                machine.run("systemctl start multi-user.target")
            assert until(lambda: machine.run(RULES[backend]) == rules, 60), isolate


@pytest.mark.long
def test_a_change_of_the_target_while_the_way_back_is_hindered(key: Path, tmp_path: Path) -> None:
    rollback = "/run/egress-allowlist/nftables.rollback"
    with Machine("bookworm", "isolate-hindered", key) as machine:
        arm(machine, tmp_path, "nftables", seconds=1000)
        machine.run(f"mv {rollback} {rollback}.aside; systemctl start --no-block $(basename -a {rollback[:-8]}revert-*"
                    " | sed 's/nftables.revert-/egress-allowlist-nftables-revert-/;s/$/.service/')")  # fmt: skip
        assert until(lambda: "is not whole" in machine.run("cat /run/egress-allowlist/*.hindered || :"))
        machine.run("systemctl isolate multi-user.target; sleep 2")
        machine.run(f"mv {rollback}.aside {rollback}")
        assert until(lambda: machine.run(LEFT) == "nftables.lock\n", 60)
        assert "egress" not in machine.run("nft list tables")


def arm(machine: Machine, directory: Path, backend: str, seconds: int = SECONDS) -> None:
    """Apply a list that nobody confirms."""
    text = PLAY.format(backend=backend, option=OPTIONS[backend], seconds=seconds)
    done = machine.play(text, directory)
    assert done.returncode == 0, done.stdout + done.stderr
