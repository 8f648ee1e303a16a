# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task applies, reconnects and confirms, by real SSH: however a play is run, no host waits armed for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import systems
from tests.support.hosts.fleet import Fleet
from tests.support.systems import longer

pytestmark = pytest.mark.usefixtures("namespaces")

KUDO = {"catalog_vendors": [{"name": "kudo", "regions": "usa"}], "nftables_egress_names": "report"}
COMPILE = {
    "name": "Compile",
    "egress.allowlist.compile_allowlist": {"vendors": [{"name": "kudo", "regions": "usa"}]},
    "register": "compiled",
}
RULESET = "{{ compiled.allowlist | egress.allowlist.nftables_ruleset(policy='deny', names='report') }}"
APPLY: dict[str, Any] = {"name": "Apply", "egress.allowlist.nftables": {"ruleset": RULESET}, "register": "applied"}
# The first call of nft takes its time, as behind the lock of a package manager.
SLOW = """
mv /usr/sbin/nft /usr/sbin/nft.real
cat >/usr/sbin/nft <<'END'
#!/bin/sh
[ -e /run/waited ] || { touch /run/waited; sleep 8; }
exec /usr/sbin/nft.real "$@"
END
chmod 755 /usr/sbin/nft
"""
# What cuts the path of new connections when the rules are loaded, and heals after so many seconds where it does.
CUT = """
mv /usr/sbin/nft /usr/sbin/nft.real
cat >/usr/sbin/nft <<'END'
#!/bin/sh
if [ "$*" = "-f -" ] && [ ! -e /run/cut ]; then
    touch /run/cut
    /usr/sbin/nft.real 'add table ip cut; add chain ip cut input { type filter hook input priority -5; };
        add rule ip cut input tcp dport 22 ct state new drop'
    [ @HEALS@ = 0 ] || setsid sh -c 'sleep @HEALS@; /usr/sbin/nft.real delete table ip cut' >/dev/null 2>&1 </dev/null &
fi
exec /usr/sbin/nft.real "$@"
END
chmod 755 /usr/sbin/nft
"""


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def role(**settings: Any) -> dict[str, Any]:
    """Return a play with the role, on all hosts."""
    return {"hosts": "all", "gather_facts": False, "roles": ["egress.allowlist.nftables"], "vars": KUDO, **settings}


def tasks(*listed: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return a play with the task by itself, on all hosts."""
    return {"hosts": "all", "gather_facts": False, "tasks": [COMPILE, *listed], **settings}


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_a_host_confirms_whatever_another_one_waits_for(strategy: str, ends: ExitStack, tmp_path: Path) -> None:
    """The fast host would go back after three seconds, and the slow one needs eight until it has applied."""
    fleet = Fleet(ends, ["fast", "slow"], tmp_path)
    fleet.hosts["slow"].target(["sh", "-ec", SLOW], check=True)
    done = fleet.play([role(strategy=strategy, vars={**KUDO, "nftables_egress_revert_after": 3})])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("changed=1 ") == 2
    assert fleet.confirmed() == {"fast": True, "slow": True}


@pytest.mark.parametrize(
    "settings",
    longer(
        [{"serial": 1}],
        [{"strategy": "free"}, {"strategy": "host_pinned", "serial": 1}, {"any_errors_fatal": True}],
    ),
    ids=str,
)
def test_twice_however_the_play_goes_through_its_hosts(
    settings: dict[str, Any], ends: ExitStack, tmp_path: Path
) -> None:
    fleet = Fleet(ends, ["one", "two"], tmp_path)
    for changed in ("changed=1 ", "changed=0 "):
        done = fleet.play([role(**settings)])
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(changed) == 2
        assert fleet.confirmed() == {"one": True, "two": True}


@pytest.mark.long
def test_delegated_in_a_loop(ends: ExitStack, tmp_path: Path) -> None:
    fleet = Fleet(ends, ["one", "two"], tmp_path)
    apply = {**APPLY, "delegate_to": "{{ item }}", "loop": ["one", "two"]}
    found = {"name": "Tell", "ansible.builtin.debug": {"msg": "{{ applied.results | map(attribute='changed') }}"}}
    for changed in ("true", "false"):
        done = fleet.play([tasks(apply, found, hosts="one")])
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(f"        {changed}") == 2, done.stdout
        assert fleet.confirmed() == {"one": True, "two": True}


BECOME = {
    "pipelining": ({}, {"ANSIBLE_PIPELINING": "true"}),
    "no ControlPersist": ({}, {"ANSIBLE_SSH_ARGS": "-C"}),
    "sudo": ({"ansible_user": "engineer", "ansible_become": True}, {}),
    "sudo with pipelining": ({"ansible_user": "engineer", "ansible_become": True}, {"ANSIBLE_PIPELINING": "true"}),
    "su with a password": (
        {
            "ansible_user": "engineer",
            "ansible_become": True,
            "ansible_become_method": "ansible.builtin.su",
            "ansible_become_password": "root",
        },
        {},
    ),
    "discovered Python": ({"ansible_python_interpreter": "auto_silent"}, {}),
}


@pytest.mark.parametrize("kind", longer(["sudo"], sorted({*BECOME} - {"sudo"})))
def test_each_way_to_a_host(kind: str, ends: ExitStack, tmp_path: Path) -> None:
    variables, environment = BECOME[kind]
    fleet = Fleet(ends, ["one"], tmp_path)
    fleet.inventory["one"].update(variables)
    for arguments, changed, confirmed in ((["--check"], 1, False), ([], 1, True), (["--diff"], 0, True)):
        done = fleet.play([tasks(APPLY)], arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"changed={changed} " in done.stdout
        assert fleet.confirmed() == {"one": confirmed}
        assert "not implemented" not in done.stdout + done.stderr


@pytest.mark.parametrize("heals", longer([9], [0]))
def test_a_play_that_cuts_its_own_path_fails_and_goes_on(heals: int, ends: ExitStack, tmp_path: Path) -> None:
    """The host is back at its former rules then, and what the play rescues goes on."""
    fleet = Fleet(ends, ["one"], tmp_path)
    fleet.hosts["one"].target(["sh", "-ec", CUT.replace("@HEALS@", str(heals))], check=True)
    apply = {"name": "Apply", "egress.allowlist.nftables": {"ruleset": RULESET, "revert_after": 4}}
    tell = {"name": "Tell", "ansible.builtin.debug": {"msg": "this is why: {{ ansible_failed_result.msg }}"}}
    done = fleet.play([tasks({"name": "Try", "block": [apply], "rescue": [tell]})])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unreachable=0" in done.stdout
    assert "rescued=1" in done.stdout
    expected = (
        "no fresh connection came through in time: "
        if heals
        else "not confirmed: no fresh connection came through since the rules were applied: "
    )
    assert f"this is why: {expected}" in done.stdout
    assert ("went back to the rules before it" in done.stdout) is bool(heals)
    left = fleet.hosts["one"].target(["nft.real", "list", "table", "inet", "egress_allowlist"])
    assert left.returncode, left.stdout


def test_async_is_refused_before_anything_is_touched(ends: ExitStack, tmp_path: Path) -> None:
    fleet = Fleet(ends, ["one"], tmp_path)
    done = fleet.play([tasks({**APPLY, "async": 60, "poll": 5})])
    assert done.returncode == 2
    assert "async is not accepted: nftables confirms over a second connection" in done.stdout
    assert fleet.confirmed() == {"one": False}


@pytest.mark.long
def test_a_second_task_may_confirm(ends: ExitStack, tmp_path: Path) -> None:
    fleet = Fleet(ends, ["one"], tmp_path)
    apply = {**APPLY, "egress.allowlist.nftables": {"ruleset": RULESET, "confirm": False}}
    confirm = {
        "name": "Confirm",
        "egress.allowlist.nftables": {"state": "confirmed", "token": "{{ applied.token }}"},
        "when": "go_on | bool",
    }
    for go_on in ("false", "true"):
        done = fleet.play([tasks(apply, confirm)], ["-e", f"go_on={go_on}"])
        assert done.returncode == 0, done.stdout + done.stderr
        assert fleet.confirmed() == {"one": go_on == "true"}


def test_a_connection_that_has_nothing_to_reset(ends: ExitStack, tmp_path: Path) -> None:
    """Nothing warns of it, and it confirms all the same."""
    fleet = Fleet(ends, ["one"], tmp_path)
    playbook = tmp_path / "local.yml"
    playbook.write_text(yaml.safe_dump([tasks(APPLY)]), "utf-8")
    done = systems.play(fleet.hosts["one"], playbook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=1 " in done.stdout
    assert "reset" not in (done.stdout + done.stderr).lower()
    assert fleet.confirmed() == {"one": True}


@pytest.mark.long
def test_a_run_from_the_host_itself_leaves_the_management_ports(ends: ExitStack, tmp_path: Path) -> None:
    """They are those of its SSH servers, whichever way a run comes in."""
    fleet = Fleet(ends, ["one"], tmp_path)
    host = fleet.hosts["one"]
    host.target(["/usr/sbin/sshd", "-o", "UsePAM=no", "-o", "LogLevel=ERROR", "-p", "2222"], check=True)
    host.target(["sh", "-c", "echo 'Port 2022' >/etc/ssh/sshd_config.d/later.conf"], check=True)
    fleet.inventory["one"]["ansible_port"] = 2222
    playbook = tmp_path / "local.yml"
    playbook.write_text(yaml.safe_dump([tasks(APPLY)]), "utf-8")
    for changed, done in (
        (1, fleet.play([tasks(APPLY)], ["--diff"])),
        (0, systems.play(host, playbook)),
        (0, fleet.play([tasks(APPLY)])),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"changed={changed} " in done.stdout
        assert changed == 0 or "~ management ports: none -> 22, 2022, 2222" in done.stdout
