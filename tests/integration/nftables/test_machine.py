# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with systemd whose lease gets other name servers: its own unit lets it ask them, also after a boot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine
from tests.support.hosts.boot_trial import PLAY, TRACES
from tests.support.systems import longer
from tests.support.waiting import until

SETS = "for name in dns4 dns6; do nft list set inet egress_allowlist $name; done"
SERVICE, TIMER = "egress-allowlist-servers-nftables.service", "egress-allowlist-servers-nftables.timer"
STOP = "systemctl restart nftables.service"  # which flushes all tables, and brings back what was confirmed


@pytest.fixture(params=longer(["bookworm"], ["trixie"]))
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine with nothing of ours."""
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with Machine(request.param, "leases", key) as made:
        yield made


def lease(machine: Machine, *servers: str, by: str = "cat >/etc/resolv.conf") -> None:
    """Give the machine these name servers."""
    machine.run(by, "".join(f"nameserver {server}\n" for server in servers))


def has(machine: Machine, *servers: str) -> bool:
    """Say whether the machine may ask these name servers within some seconds, and no others."""
    found = until(lambda: sorted(_members(machine.run(SETS))) == sorted(servers))
    # A change that comes while the program ends is seen by its timer only.
    return found and until(lambda: machine.run(f"systemctl is-active {SERVICE} || :") == "inactive\n")


def _members(listing: str) -> list[str]:
    found = listing.replace("\n", " ").split("elements = {")[1:]
    return [member.strip() for part in found for member in part.partition("}")[0].split(",")]


@pytest.mark.long
def test_a_lease_with_other_name_servers(machine: Machine, tmp_path: Path) -> None:
    text = PLAY.format(policy="deny", state="present", into="{}")
    lease(machine, "203.0.113.53")
    done = machine.play(text, tmp_path)
    assert done.returncode == 0, done.stdout
    assert has(machine, "203.0.113.53")
    lease(machine, "203.0.113.54", "2001:db8::54")
    assert has(machine, "203.0.113.54", "2001:db8::54")
    lease(machine, "203.0.113.55", by="cat >/etc/new && mv /etc/new /etc/resolv.conf")
    assert has(machine, "203.0.113.55")
    # A link to what a resolver writes, as systemd-resolved has it.
    lease(machine, "203.0.113.56", by="mkdir -p /run/systemd/resolve; cat >/run/systemd/resolve/resolv.conf")
    machine.run("ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf")
    assert has(machine, "203.0.113.56")
    lease(
        machine,
        "203.0.113.57",
        by="cat >/run/systemd/resolve/x; mv /run/systemd/resolve/x /run/systemd/resolve/resolv.conf",
    )
    assert has(machine, "203.0.113.57")
    for number in range(20, 40):
        lease(machine, f"203.0.113.{number}")
    machine.run(f"systemctl start {SERVICE}")  # as the timer does
    assert has(machine, "203.0.113.39")
    assert " changed=0 " in machine.play(text, tmp_path).stdout
    machine.run(STOP)
    assert has(machine, "203.0.113.39")
    lease(machine, "203.0.113.58", by="rm -r /run/systemd/resolve /etc/resolv.conf; cat >/etc/resolv.conf")
    assert has(machine, "203.0.113.58")
    machine.reboot()
    assert has(machine, "203.0.113.58")
    lease(machine, "203.0.113.59")
    assert has(machine, "203.0.113.59")
    assert " changed=0 " in machine.play(text, tmp_path).stdout
    assert "60s" in machine.run(f"systemctl cat {TIMER}")
    assert machine.run(f"systemctl is-active {TIMER}") == "active\n"
    assert machine.run("systemctl list-units --failed --no-legend '*egress*'") == ""
    machine.play(PLAY.format(policy="deny", state="absent", into="{}"), tmp_path)
    assert machine.run(TRACES) == ""


@pytest.mark.long
def test_a_python_that_the_unit_does_not_see(machine: Machine, tmp_path: Path) -> None:
    """Ansible's is a link into a home, which the unit does not see: it gets another one, and follows the host."""
    machine.run("cp -aL /usr/bin/python3 /root/python; ln -s /root/python /usr/local/bin/python3")
    text = PLAY.format(policy="deny", state="present", into="{}")
    lease(machine, "203.0.113.53")
    done = machine.play(text, tmp_path, python="/usr/local/bin/python3")
    assert done.returncode == 0, done.stdout
    assert machine.run("head -n 1 /usr/local/sbin/egress-allowlist-servers") == "#!/usr/bin/python3\n"
    lease(machine, "203.0.113.54")
    assert has(machine, "203.0.113.54")
    assert " changed=0 " in machine.play(text, tmp_path, python="/usr/local/bin/python3").stdout
    # Somebody's drop-in: it is theirs, and said.
    override = f"/etc/systemd/system/{SERVICE}.d/override.conf"
    machine.run(f"mkdir -p $(dirname {override}); cat >{override}", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    machine.run("systemctl daemon-reload")
    said = " ".join(machine.play(text, tmp_path).stdout.split())
    assert "name servers that the host gets later are not asked: " in said
    machine.run(f"rm -r $(dirname {override}); systemctl daemon-reload")
    # What was put in its place cannot run.
    machine.run("sed -i '1 s,.*,#!/root/python,' /usr/local/sbin/egress-allowlist-servers")
    machine.run(f"systemctl start {SERVICE} || :")
    assert " changed=1 " in machine.play(text, tmp_path).stdout
    lease(machine, "203.0.113.55")
    assert has(machine, "203.0.113.55")
    said = " ".join(machine.play(text, tmp_path).stdout.split())
    assert " changed=0 " in said
    assert "watches for them" in said
