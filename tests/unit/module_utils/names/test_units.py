# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units that run the keeper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._names import interpreter, keeper
from ansible_collections.egress.allowlist.plugins.module_utils._names.units import SHUT_IN, Units

TIMER = {"UnitFileState": "enabled", "ActiveState": "active", "Result": "success"}
SERVICE = {"UnitFileState": "static", "ActiveState": "inactive", "Result": "success"}


class Systemd:
    """A systemctl with the states of the timer and the service; C{asked}: the other commands."""

    def __init__(self, timer: dict[str, str], service: dict[str, str]) -> None:
        self.states = [TIMER | timer, SERVICE | {"ExecMainStatus": "0"} | service]
        self.asked: list[list[str]] = []

    def run(self, command: list[str]) -> tuple[int, str, str]:
        if command[1] == "show":
            return 0, "\n\n".join("\n".join(f"{k}={v}" for k, v in each.items()) for each in self.states) + "\n", ""
        self.asked.append(command[1:])
        return 0, "", ""


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have systemd run."""
    monkeypatch.setattr(systemd, "runs", lambda: True)


@pytest.mark.usefixtures("there")
def test_units(tmp_path: Path) -> None:
    made = Units("nftables", Systemd({}, {}).run).files("/usr/local/sbin/keeper", 7)
    service, timer = list(made.values())
    assert [path.rpartition("/")[2] for path in made] == [
        "egress-allowlist-names-nftables.service",
        "egress-allowlist-names-nftables.timer",
    ]
    assert "\nExecStart=/usr/local/sbin/keeper run nftables\n" in service
    assert all(f"\n{setting}\n" in service for setting in SHUT_IN)
    assert "\nOnUnitActiveSec=7\n" in timer
    assert set(Units("ufw", Systemd({}, {}).run).files("", 7, wanted=False).values()) == {None}


@pytest.mark.usefixtures("there")
def test_a_unit_that_is_a_link_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "FOLDER", str(tmp_path))
    (tmp_path / "egress-allowlist-names-ufw.timer").symlink_to("/dev/null")
    for wanted in (True, False):
        assert list(Units("ufw", Systemd({}, {}).run).files("keeper", 7, wanted=wanted)) == [
            f"{tmp_path}/egress-allowlist-names-ufw.service"
        ]


FAILED = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "203"}


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("timer", "service", "failed", "stopped"),
    [
        ({}, {}, "", False),
        ({}, FAILED, "egress-allowlist-names-ufw.service: failed (exit-code, status 203)", False),
        # Between two runs of a timer the service may be inactive: its result tells.
        ({}, {"Result": "timeout"}, "egress-allowlist-names-ufw.service: failed (timeout, status 0)", False),
        ({"ActiveState": "failed", "Result": "resources"}, {}, "egress-allowlist-names-ufw.timer: failed", True),
        ({"UnitFileState": "disabled"}, {}, "", True),
        ({"ActiveState": "inactive"}, {}, "", True),
    ],
)
def test_the_state_of_the_units(timer: dict, service: dict, failed: str, stopped: bool) -> None:
    found = Units("ufw", Systemd(timer, service).run)
    assert found.failed().startswith(failed)
    assert bool(found.failed()) is bool(failed)
    assert found.stopped() is stopped


@pytest.mark.usefixtures("there")
def test_a_service_that_fails_when_it_is_tried_out() -> None:
    with pytest.raises(ToolError, match=r"failed \(exit-code, status 203\): 'journalctl -u egress.*' says why"):
        Units("ufw", Systemd({}, FAILED).run).try_out()
    Units("ufw", Systemd({}, {}).run).try_out()


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(("state", "asked"), [("enabled", True), ("disabled", True), ("masked", False), ("", False)])
def test_a_timer_that_is_not_there_or_masked_need_not_be_stopped(state: str, asked: bool) -> None:
    machine = Systemd({"UnitFileState": state}, {})
    Units("ufw", machine.run).stop()
    assert bool(machine.asked) is asked


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ({"ActiveState": "activating"}, ["stop"]),
        ({"ActiveState": "deactivating"}, ["stop"]),
        (FAILED, ["reset-failed"]),
        ({}, []),
    ],
)
def test_a_run_that_is_under_way_ends_with_its_timer(service: dict, asked: list[str]) -> None:
    """It waits for answers of name servers for long, and loads the table of names when it finds none."""
    machine = Systemd({}, service)
    Units("ufw", machine.run).stop()
    timer, *others = machine.asked
    assert timer == ["disable", "--now", "egress-allowlist-names-ufw.timer"]
    assert others == [[word, "egress-allowlist-names-ufw.service"] for word in asked]


# Which interpreters are there, Ansible's own first, and which of them the unit can run.
HOME, TEMPORARY, USUAL, OTHER = "/home/me/.venv/bin/python3", "/tmp/x/python", interpreter.USUAL, "/opt/x/bin/python3"


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("there_are", "good", "present", "chosen", "tried"),
    [
        ([USUAL], [USUAL], "", USUAL, [USUAL]),
        ([USUAL], [USUAL], USUAL, USUAL, []),
        ([OTHER, USUAL], [OTHER, USUAL], USUAL, OTHER, [OTHER]),
        ([OTHER, USUAL], [USUAL], "", USUAL, [OTHER, USUAL]),
        ([HOME, USUAL], [HOME, USUAL], "", USUAL, [USUAL]),
        ([TEMPORARY, USUAL], [TEMPORARY, USUAL], USUAL, USUAL, []),
        ([HOME, USUAL, OTHER], [], "", None, [USUAL, OTHER]),
    ],
)
def test_the_keepers_interpreter(
    monkeypatch: pytest.MonkeyPatch, there_are: list, good: list, present: str, chosen: str | None, tried: list
) -> None:
    monkeypatch.setattr(interpreter, "_candidates", lambda: there_are)
    monkeypatch.setattr(interpreter.os, "access", lambda _path, _mode: True)
    asked = []

    def run(command: list[str]) -> tuple[int, str, str]:
        assert [f"--property={setting}" for setting in SHUT_IN] == command[5 : 5 + len(SHUT_IN)]
        path = command[5 + len(SHUT_IN)]
        asked.append(path)
        return (0, "", "") if path in good else (203, "", "")

    if chosen:
        assert interpreter.choose(run, present) == chosen
    else:
        with pytest.raises(ToolError) as error:
            interpreter.choose(run, present)
        assert f"{HOME} ({HOME} is hidden from the unit); {USUAL} (it ends with status 203)" in str(error.value)
        assert "install the package python3" in str(error.value)
    assert asked == tried


@pytest.mark.usefixtures("there")
def test_a_systemd_that_does_not_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "_candidates", lambda: [USUAL])
    with pytest.raises(ToolError, match="cannot be found out: Failed to connect to bus: No such file"):
        interpreter.choose(lambda _command: (1, "", "Failed to connect to bus: No such file or directory\n"))


def test_what_the_keeper_needs_is_tried() -> None:
    """What it imports stands in lines of the form that the trial is made of."""
    source = Path(keeper.__file__).read_text()
    assert source.count("import ") - source.count("\nimport ") == 0


def own_python(**states: Any) -> None:
    """Nothing is asked where no systemd runs."""


def test_without_systemd_it_is_ansibles_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "runs", lambda: False)
    assert interpreter.choose(own_python) == interpreter.own()
