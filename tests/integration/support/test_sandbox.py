# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox keeps what runs in it away from the machine: other tests and the demo rely on that."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.support.namespaces import SANDBOX

pytestmark = pytest.mark.usefixtures("namespaces")


def sandbox(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SANDBOX, "--", "sh", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("directory", ["/etc", "/usr/local/sbin", "/var/lib", "/var/log", "/run"])
def test_files_are_writable_and_thrown_away(directory: str) -> None:
    path = f"{directory}/egress-sandbox-{uuid.uuid4().hex}"
    done = sandbox(f"echo kept > {path} && cat {path}")
    assert (done.stdout, done.stderr) == ("kept\n", "")
    assert not Path(path).exists()


def test_files_of_the_machine_are_there_and_can_be_changed() -> None:
    before = Path("/etc/passwd").read_text("utf-8")
    done = sandbox("echo changed >> /etc/passwd && cat /etc/passwd")
    assert done.stdout == before + "changed\n"
    assert Path("/etc/passwd").read_text("utf-8") == before


def test_name_servers_are_known() -> None:
    assert sandbox("cat /etc/resolv.conf").stdout == Path("/etc/resolv.conf").read_text("utf-8")


def test_network_has_no_way_out_and_no_rules() -> None:
    assert sandbox("ls /sys/class/net").stdout == "lo\n"
    assert sandbox("ip -4 route; ip -6 route show default; nft list ruleset").stdout == ""
    assert sandbox("ip -br address show lo").stdout.split() == ["lo", "UNKNOWN", "127.0.0.1/8", "::1/128"]


def test_machine_is_not_asked_to_do_anything() -> None:
    """No socket of systemd, D-Bus or a container engine is left."""
    assert sandbox("find /run -type s").stdout == ""


def test_status_is_that_of_the_command() -> None:
    assert sandbox("exit 7").returncode == 7


def test_processes_end_with_it_and_are_reaped() -> None:
    mark = uuid.uuid4().hex
    done = sandbox(f"bash -c 'exec -a {mark} sleep 60' & sh -c 'sleep 0.1 & sleep 0.2 &'; sleep 0.5; ps -eo stat,args")
    assert done.returncode == 0
    assert mark in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("Z")]
    assert not _running(mark)


def test_processes_end_when_it_is_killed() -> None:
    mark = uuid.uuid4().hex
    with subprocess.Popen([SANDBOX, "--", "bash", "-c", f"exec -a {mark} sleep 60"]) as process:
        for dummy in range(100):
            if _running(mark):
                break
            time.sleep(0.05)
        assert _running(mark)
        process.kill()
    for dummy in range(100):
        if not _running(mark):
            break
        time.sleep(0.05)
    assert not _running(mark)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    mounts = Path("/proc/self/mounts").read_text("utf-8")
    subprocess.run([SANDBOX, "--", "true"], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
    assert Path("/proc/self/mounts").read_text("utf-8") == mounts


def test_without_root_nothing_runs() -> None:
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-s", "--", "echo", "ran"]
    script = SANDBOX.read_text("utf-8")  # by standard input: the checkout may be where nobody else may read
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert "sudo" in done.stderr


def _running(mark: str) -> bool:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_bytes().startswith(mark.encode()):
                return True
        except OSError:  # it has just ended
            continue
    return False
