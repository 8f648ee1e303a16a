# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another system in the sandbox is a target of its own, and neither it nor the machine keeps anything of a test."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.namespaces import SANDBOX, Namespace
from tests.support.systems import (
    REPOSITORY,
    SUITES,
    adhoc,
    enable_ufw,
    longer,
    module_environment,
    play,
    start_firewalld,
    system,
)

pytestmark = pytest.mark.usefixtures("namespaces")
PYTHONS = {"bullseye": "3.9.", "bookworm": "3.11.", "trixie": "3.13."}


@pytest.fixture(params=longer(SUITES[1:2], [*SUITES[:1], *SUITES[2:]]))
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def space(suite: str) -> Iterator[Namespace]:
    made = Namespace(system(suite))
    yield made
    made.close()


def _listing(directory: Path) -> str:
    """Return a digest of name, type, mode, owner, size and time of change of everything below."""
    form = "%p %y %m %U:%G %s %C@ %l\n"
    found = subprocess.run(["find", directory, "-printf", form], capture_output=True, check=True).stdout
    return hashlib.sha256(b"\n".join(sorted(found.splitlines()))).hexdigest()


def _firewall_of_the_machine() -> str:
    return subprocess.run(["nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def test_nothing_is_left_behind(suite: str, tmp_path: Path) -> None:
    directory = system(suite)
    name = f"egress-sandbox-{uuid.uuid4().hex}"
    script = (
        f"for d in etc usr var/lib run tmp; do echo x >/run/system/$d/{name}; done; rm -r /run/system/etc/ufw; "
        "! chroot /run/system test -e /etc/ufw && chroot /run/system sh -c 'ip link add x type veth; "
        f"nft add table inet x; cat /usr/{name}'"
    )
    before = _listing(directory), Path("/proc/self/mounts").read_text("utf-8"), _firewall_of_the_machine()
    command = [SANDBOX, "--system", directory, "--", "sh", "-ec", script]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\n", "")
    assert (_listing(directory), Path("/proc/self/mounts").read_text("utf-8"), _firewall_of_the_machine()) == before
    assert list(tmp_path.iterdir()) == []
    assert not [path for path in ("/etc", "/usr", "/var/lib", "/run", "/tmp") if Path(path, name).exists()]


def test_both_systems_share_what_they_must_and_no_more(space: Namespace, suite: str) -> None:
    for command in (["readlink", "/proc/self/ns/net", "/proc/self/ns/pid"], ["ls", "/sys/class/net"]):
        assert space.target(command).stdout == space.run(command).stdout != ""
    space.script("ip link add x0 type veth peer name x1; nft add table inet ours")
    space.script("echo run > /run/x; echo tmp > /run/system/tmp/x")
    assert space.target(["sh", "-c", "ls /sys/class/net; nft list tables; cat /run/x /tmp/x"]).stdout.split() == [
        *("lo", "x0", "x1", "table", "inet", "ours", "run", "tmp")
    ]
    assert suite in space.target(["cat", "/etc/os-release"]).stdout
    assert suite not in space.target(["env"], env={"GIVEN": "yes"}).stdout
    assert "GIVEN=yes" in space.target(["env"], env={"GIVEN": "yes"}).stdout
    assert space.target(["find", "/run", "-type", "s"]).stdout == ""
    for tool in ("modprobe", "rmmod"):
        assert space.target(["readlink", f"/sbin/{tool}"]).stdout == "/bin/true\n"


def test_repository_is_there_and_cannot_be_changed(space: Namespace) -> None:
    path = REPOSITORY / f"egress-sandbox-{uuid.uuid4().hex}"
    assert space.target(["head", "-c9", SANDBOX]).stdout == "#!/bin/sh"
    assert "Read-only" in space.target(["touch", path]).stderr
    assert not path.exists()


def test_without_a_system_the_target_is_the_sandbox() -> None:
    space = Namespace()
    try:
        assert space.target(["cat", "/etc/os-release"]).stdout == Path("/etc/os-release").read_text("utf-8")
        assert not space.target(["ls", "/run/system"]).stdout
    finally:
        space.close()


def test_directory_without_a_system_is_refused(tmp_path: Path) -> None:
    command = [SANDBOX, "--system", tmp_path, "--", "echo", "ran"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"no system at '{tmp_path}'" in done.stderr


def test_modules_run_on_the_targets_python(space: Namespace, suite: str, tmp_path: Path) -> None:
    playbook = tmp_path / "site.yml"
    tasks = [
        {"ansible.builtin.package": {"name": ["ufw", "firewalld"]}, "register": "installed"},
        {"ansible.builtin.copy": {"content": "made", "dest": "/etc/made"}},
        {"ansible.builtin.command": "cat /etc/os-release /etc/made", "register": "seen", "async": 30, "poll": 1},
        {"ansible.builtin.debug": {"msg": "{{ ansible_python_version }} {{ installed.changed }} {{ seen.stdout }}"}},
    ]
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": True, "tasks": tasks}]), "utf-8")
    done = play(space, playbook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'"msg": "{PYTHONS[suite]}' in done.stdout
    assert f"VERSION_CODENAME={suite}" in done.stdout
    assert " False " in done.stdout
    assert space.target(["cat", "/etc/made"]).stdout == "made"
    assert space.run(["cat", "/etc/made"]).returncode == 1


def test_one_module_runs_as_by_hand(space: Namespace) -> None:
    done = adhoc(space, "ansible.builtin.package_facts")
    assert '"firewalld": [' in done.stdout, done.stdout + done.stderr


def test_targets_python_finds_module_utils_and_nothing_else(space: Namespace, suite: str) -> None:
    script = (
        "import sys, ansible.module_utils.basic, ansible_collections.egress.allowlist.plugins.modules.nftables\n"
        "print(sys.version)\nimport scapy"
    )
    for dummy in range(2):  # a second call finds it there
        done = space.target(["python3", "-c", script], env=module_environment(space))
        assert done.stdout.startswith(PYTHONS[suite]), done.stderr
        assert "No module named 'scapy'" in done.stderr


def test_ufw_comes_up_and_lists(space: Namespace) -> None:
    assert "Status: inactive" in space.target(["ufw", "status"]).stdout
    enable_ufw(space)
    added = space.target(["ufw", "allow", "out", "to", "192.0.2.0/28", "port", "3478", "proto", "udp"])
    assert added.returncode == 0, added.stderr
    assert "192.0.2.0/28 3478/udp" in space.target(["ufw", "status", "numbered"]).stdout
    assert space.target(["ufw", "reload"]).returncode == 0
    assert "192.0.2.0/28" in space.target(["iptables-save"]).stdout
    assert _firewall_of_the_machine().count("192.0.2.0/28") == 0


def test_firewalld_comes_up_and_lists(space: Namespace) -> None:
    firewalld = start_firewalld(space)
    ask = ["firewall-cmd", "--permanent", "--new-ipset=calls", "--type=hash:net"]
    assert space.target(ask).returncode == 0
    assert space.target(["firewall-cmd", "--permanent", "--ipset=calls", "--add-entry=192.0.2.0/28"]).returncode == 0
    assert space.target(["firewall-cmd", "--reload"]).stdout == "success\n", firewalld.log()
    assert space.target(["firewall-cmd", "--ipset=calls", "--get-entries"]).stdout == "192.0.2.0/28\n"
    assert "192.0.2.0/28" in space.target(["nft", "list", "ruleset"]).stdout
    assert firewalld.log() == ""
    first = firewalld.pid
    firewalld.restart()
    assert firewalld.pid not in (0, first)
    firewalld.kill()
    assert space.target(["firewall-cmd", "--state"]).returncode == 252  # not running
    firewalld.start()
    firewalld.stop()
    assert space.target(["nft", "list", "ruleset"]).stdout == ""
    assert space.target(["firewall-cmd", "--state"]).returncode == 252


def test_daemons_end_with_the_sandbox(suite: str) -> None:
    space = Namespace(system(suite))
    start_firewalld(space)
    inside = os.readlink(f"/proc/{space.pid}/ns/pid")
    assert len(_processes(inside)) >= 4  # the sandbox, what holds it open, dbus-daemon, firewalld
    space.close()
    for dummy in range(100):
        if not _processes(inside):
            break
        time.sleep(0.05)
    assert not _processes(inside)


def _processes(namespace: str) -> list[str]:
    found = []
    for link in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if os.readlink(link) == namespace:
                found.append(link.parts[2])
        except OSError:  # it has just ended
            continue
    return found
