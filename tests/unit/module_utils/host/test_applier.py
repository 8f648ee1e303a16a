# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying through a tool's files: confirm, go back, fail, and be killed before each single change of the disk."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import revert, systemd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import Applier, LateError, ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read

from tests.support.commands import run
from tests.support.waiting import until

OLD = {"rules": "old\n", "rules6": "old six\n", "default": "accept\n"}
NEW = {"rules": "new\n", "rules6": "new six\n", "default": "deny\n", "sets": "a set\n"}
LIVE = "cat rules rules6 default sets"


class Tool:
    """A firewall whose rules in force are one file that follows the others."""

    name, unit = "tool", "tool.service"

    def __init__(self, folder: Path, up: bool = True) -> None:
        self.folder, self.home, self.up = folder, str(folder / "etc"), up
        self.refuses = self.breaks = False

    def files(self, native: dict[str, str] | None) -> dict[str, str | None]:
        return {f"{self.home}/{name}": (native or OLD).get(name) for name in NEW}

    def differences(self, files: dict[str, str | None]) -> list[str]:
        return [f"~ {path}" for path, text in files.items() if text != read(path, missing=None)]

    def check(self, files: dict[str, str | None]) -> None:
        if self.refuses:
            raise ToolError("refused")

    def running(self) -> bool:
        return self.up

    def load(self, files: dict[str, str | None]) -> None:
        if self.up:
            subprocess.run(["sh", "-c", self.prepare("")], check=True)
        if self.breaks:
            self.breaks = False
            raise ToolError("broken")

    def standing(self) -> dict[str, str]:
        return {"policy": "deny"}

    def completed(self, native: dict[str, str] | None) -> dict[str, str] | None:
        return native

    def seen(self) -> dict[str, str]:
        return {"live": read(str(self.folder / "live"))}

    def prepare(self, folder: str) -> str:
        return f"cd {self.home} && {{ {LIVE} 2>/dev/null >../live.new; mv ../live.new ../live; }}"

    def notes(self) -> list[str]:
        return ["a note"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(revert, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(systemd, "FOLDER", str(tmp_path / "units"))
    monkeypatch.setattr(systemd, "runs", lambda: False)
    for name in ("etc", "units"):
        (tmp_path / name).mkdir()
    for name, text in OLD.items():
        (tmp_path / "etc" / name).write_text(text, "utf-8")
    Tool(tmp_path).load({})
    return tmp_path


def applier(folder: Path, **options: Any) -> Applier:
    check_mode = options.pop("check_mode", False)
    return Applier(Tool(folder, **options), run, check_mode)


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (folder / "etc").iterdir() if path.name[0] != "."}


def live(folder: Path) -> str:
    return (folder / "live").read_text("utf-8")


def whole(names: dict[str, str]) -> str:
    return "".join(names.get(name, "") for name in LIVE.split()[1:])


def leftovers(folder: Path) -> list[str]:
    """Return what is left of a way back, a journal or a write."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in found if re.search("unconfirmed|egress-allowlist|rollback|revert-", path.name))


def test_a_mode_that_depends_on_a_text_changes_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed before it loads has left no file with the new text and the old mode."""
    path = folder / "etc" / "rules"
    path.chmod(0o640)

    def killed(self: Tool, files: dict[str, str | None]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tool, "load", killed)
    monkeypatch.setattr(Tool, "modes", lambda self, files: {str(path): 0o750}, raising=False)
    with pytest.raises(KeyboardInterrupt):
        applier(folder).present(NEW, 600)
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("new\n", 0o750)


def kill_all(argument: str) -> None:
    """Kill every process with this text in its command line, as the end of the machine does."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if argument.encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def boot(folder: Path) -> None:
    """Do what a boot does: /run is empty, the drop-in comes before the tool reads its files."""
    kill_all(f"{folder}/run")
    subprocess.run(["rm", "-rf", str(folder / "run")], check=True)
    for hook in list((folder / "units").rglob("*.conf")):
        command = re.findall("^ExecStartPre=-(.*)$", hook.read_text("utf-8"), re.MULTILINE)
        subprocess.run(["sh", "-c", command[0]], check=False, stderr=subprocess.DEVNULL)
    Tool(folder).load({})


def test_confirmed_rules_stay(folder: Path) -> None:
    done = applier(folder).present(NEW, 30)
    assert done["changed"]
    assert done["armed"]
    assert (files(folder), live(folder)) == (NEW, whole(NEW))
    for _twice in range(2):
        assert applier(folder).confirmed(done["token"]) == {"notes": ["a note"]}
    assert leftovers(folder) == []
    boot(folder)
    assert (files(folder), live(folder)) == (NEW, whole(NEW))
    assert not applier(folder).present(NEW, 30).get("changed")


def test_a_wrong_token_confirms_nothing(folder: Path) -> None:
    done = applier(folder).present(NEW, 30)
    with pytest.raises(LateError, match="another run took over: it applied other rules, which are in force and wait "):
        applier(folder).confirmed("0" * 16)
    applier(folder).confirmed(done["token"])


CHANGES = {
    "a file": lambda folder: (folder / "etc" / "rules").write_text("mine\n", "utf-8"),
    "what runs": lambda folder: (folder / "live").write_text("mine\n", "utf-8"),
    "back again": lambda folder: (Tool(folder).folder / "etc" / "sets").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_since_is_not_confirmed(folder: Path, change: str) -> None:
    applier(folder).present(NEW, 0)
    done = applier(folder).present({**NEW, "rules": "third\n"}, 600)
    CHANGES[change](folder)
    with pytest.raises(ToolError, match="what runs is not what was applied: ~ "):
        applier(folder).confirmed(done["token"])
    assert applier(folder).revert.pending()
    applier(folder).present(OLD, 0)


def test_a_tool_that_does_not_run_any_more_is_not_confirmed(folder: Path) -> None:
    done = applier(folder).present(NEW, 600)
    with pytest.raises(ToolError, match="tool does not run any more"):
        applier(folder, up=False).confirmed(done["token"])
    assert applier(folder).confirmed(done["token"]) == {"notes": ["a note"]}


def test_a_probe_that_fails_changes_nothing(folder: Path) -> None:
    """Whether the tool runs is not known: applied without a way back, the rules might be loaded all the same."""
    unknown = applier(folder)

    def fail() -> bool:
        raise ToolError("the lock is held")

    unknown.tool.running = fail
    for after in (0, 600):
        with pytest.raises(ToolError, match="the lock is held"):
            unknown.present(NEW, after)
    assert (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), [])


@pytest.mark.parametrize("after", [0, 600])
def test_what_cannot_be_set_back_at_once_is_set_back_later(folder: Path, after: int) -> None:
    broken = applier(folder)
    (folder / "live.new").mkdir()  # nothing can be loaded then: neither the new rules nor the old ones

    def load(files: dict[str, str | None]) -> None:
        (folder / "live").write_text("half\n", "utf-8")
        raise ToolError("no memory")

    broken.tool.load = load
    with pytest.raises(LateError, match=r"no memory; .* at once: no memory; the host goes on trying"):
        broken.present(NEW, after)
    assert files(folder) == OLD
    assert until(broken.revert.hindrance)
    taking = applier(folder)
    taking.tool.load = load
    with pytest.raises(LateError):  # a run that fails as well leaves the way back at work
        taking.present({**NEW, "rules": "third\n"}, after)
    (folder / "live.new").rmdir()
    assert until(lambda: not (folder / "etc" / ".egress_allowlist.unconfirmed").exists())
    assert (files(folder), live(folder)) == (OLD, whole(OLD))


@pytest.mark.parametrize(("after", "told"), [(0, ""), (600, ", until the host goes back by itself")])
def test_what_fails_after_the_change_does_not_say_that_the_rules_are_old(folder: Path, after: int, told: str) -> None:
    made = applier(folder)

    def fail() -> list[str]:
        raise ToolError("the lock is held")

    made.tool.notes = fail
    with pytest.raises(LateError, match=f"^the new rules are in force{told}; .* not known: the lock is held$"):
        made.present(NEW, after)
    assert live(folder) == whole(NEW)


def test_a_run_takes_over_from_a_way_back_that_is_hindered(folder: Path) -> None:
    done = applier(folder).present(NEW, 600)
    made = applier(folder)
    (folder / "live.new").mkdir()
    subprocess.Popen(["setsid", "sh", f"{folder}/run/tool.revert-{done['token']}", done["token"]])
    assert until(made.revert.hindrance)
    with pytest.raises(LateError, match=r"not confirmed in time, and the host goes back .* hindered by: "):
        applier(folder).confirmed(done["token"])
    (folder / "live.new").rmdir()
    # If it came too late, the host has gone back by itself meanwhile.
    notes = made.present(NEW, 0)["notes"]
    assert notes == ["a note"] or "this run took over" in notes[-1]
    assert (files(folder), live(folder), leftovers(folder)) == (NEW, whole(NEW), [])


def test_nobody_confirms(folder: Path) -> None:
    done = applier(folder).present(NEW, 1)
    assert until(lambda: (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), []))
    with pytest.raises(ToolError, match="not confirmed in time"):
        applier(folder).confirmed(done["token"])


def test_a_reboot_before_the_confirmation(folder: Path) -> None:
    applier(folder).present(NEW, 30)
    boot(folder)
    assert (files(folder), live(folder)) == (OLD, whole(OLD))
    assert leftovers(folder) == []


def test_a_reboot_while_the_way_back_is_hindered(folder: Path) -> None:
    done = applier(folder).present(NEW, 600)
    (folder / "live.new").mkdir()
    subprocess.Popen(["setsid", "sh", f"{folder}/run/tool.revert-{done['token']}", done["token"]])
    assert until(applier(folder).revert.hindrance)
    assert live(folder) == whole(NEW)
    (folder / "live.new").rmdir()
    boot(folder)
    assert (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), [])
    with pytest.raises(LateError, match="went back to the rules before it"):
        applier(folder).confirmed(done["token"])


def test_a_reboot_that_did_not_know_of_us_is_made_up_for(folder: Path) -> None:
    applier(folder).present(NEW, 30)
    kill_all(f"{folder}/run")
    subprocess.run(["rm", "-rf", str(folder / "run")], check=True)
    assert applier(folder).present(NEW, 0)["changed"]
    boot(folder)
    assert (files(folder), leftovers(folder)) == (NEW, [])


def test_a_second_change_before_the_first_is_confirmed(folder: Path) -> None:
    applier(folder).present(NEW, 30)
    third = {**NEW, "rules": "third\n"}
    applier(folder).present(third, 30)
    assert files(folder) == third
    boot(folder)
    assert (files(folder), live(folder)) == (OLD, whole(OLD))


def test_a_refusal_changes_nothing(folder: Path) -> None:
    refusing = applier(folder)
    refusing.tool.refuses = True
    with pytest.raises(ToolError, match="refused"):
        refusing.present(NEW, 30)
    assert (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), [])


def test_a_load_that_fails_goes_back(folder: Path) -> None:
    breaking = applier(folder)
    breaking.tool.breaks = True
    with pytest.raises(ToolError, match="broken"):
        breaking.present(NEW, 30)
    assert (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), [])


def test_a_load_that_fails_leaves_an_older_change_waiting(folder: Path) -> None:
    token = applier(folder).present(NEW, 30)["token"]
    breaking = applier(folder)
    breaking.tool.breaks = True
    with pytest.raises(ToolError, match="broken"):
        breaking.present({**NEW, "rules": "third\n"}, 30)
    assert (files(folder), live(folder)) == (NEW, whole(NEW))
    applier(folder).confirmed(token)
    assert leftovers(folder) == []


def test_a_tool_that_does_not_run_needs_no_confirmation(folder: Path) -> None:
    done = applier(folder, up=False).present(NEW, 30)
    assert not done["armed"]
    assert (files(folder), live(folder), leftovers(folder)) == (NEW, whole(OLD), [])


def test_check_mode_touches_nothing(folder: Path) -> None:
    before = sorted(map(str, folder.rglob("*")))
    done = applier(folder, check_mode=True).present(NEW, 30)
    assert done["changed"]
    assert len(done["differences"]) == len(NEW)
    assert (files(folder), sorted(map(str, folder.rglob("*")))) == (OLD, before)


def test_absent(folder: Path) -> None:
    applier(folder).present(NEW, 0)
    assert applier(folder).absent()["changed"]
    assert (files(folder), live(folder), leftovers(folder)) == (OLD, whole(OLD), [])
    assert not applier(folder).absent().get("changed")
    assert not (folder / "run").exists()


def killed_before(folder: Path, number: int, after: int) -> bool:
    """Apply and confirm in a process that ends before its C{number}th change of the disk; False: it got through."""
    child = os.fork()
    if child == 0:
        left = [number]

        def counted(real: Any) -> Any:
            def change(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)
                return real(*arguments, **options)

            return change

        for name in ("replace", "unlink", "fsync", "rmdir", "chmod", "open"):
            setattr(os, name, counted(getattr(os, name)))
        status = 1
        try:
            made = applier(folder)
            made.tool.load = counted(made.tool.load)
            done = made.present(NEW, after)
            if after:
                applier(folder).confirmed(done["token"])
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


@pytest.mark.parametrize("after", [0, 30])
def test_killed_before_each_change_of_the_disk(folder: Path, after: int) -> None:
    ends = set()
    for number in range(1, 200):
        killed = killed_before(folder, number, after)
        boot(folder)
        assert files(folder) in (OLD, NEW), number
        assert live(folder) == whole(files(folder)), number
        ends.add(files(folder) == NEW)
        applier(folder).present(NEW, 0)
        assert (files(folder), leftovers(folder)) == (NEW, []), number
        applier(folder).absent()
        assert (files(folder), live(folder)) == (OLD, whole(OLD)), number
        if not killed:
            break
    assert number > 20
    assert ends == {True, False}


@pytest.mark.parametrize(
    ("answer", "notes"),
    [
        ("UnitFileState=enabled", ["tool.service loads the rules at boot, from {home}"]),
        ("UnitFileState=disabled", ["nothing loads the rules at boot: tool.service is disabled"]),
        ("UnitFileState=masked", ["nothing loads the rules at boot: tool.service is masked"]),
        ("UnitFileState=", ["nothing loads the rules at boot: tool.service is not there"]),
        ("", None),
    ],
)
def test_what_a_reboot_brings_is_said_from_the_units_state(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, notes: list[str] | None
) -> None:
    """When it is applied, confirmed, and when nothing changes. What cannot be asked is an error."""
    monkeypatch.setattr(systemd, "runs", lambda: True)
    drop_ins = ["systemctl", "show", "--property=DropInPaths", "tool.service"]
    asked = ["systemctl", "show", "--property=UnitFileState", "tool.service"]

    def answered(command: list[str], text: str | None = None) -> tuple[int, str, str]:
        if command[0] != "systemctl":
            return run(command, text)
        if command == drop_ins:
            return 0, "DropInPaths=\n", ""
        return (0, answer + "\n", "") if answer and command == asked else (1, "", "no bus")

    one = Applier(Tool(folder), answered, False)
    if notes is None:
        with pytest.raises(OSError, match="no bus"):
            one.present(NEW, 0)
        assert files(folder) == OLD
        return
    wanted = ["a note", *(note.format(home=folder / "etc") for note in notes)]
    done = one.present(NEW, 0)
    assert done["notes"] == one.confirmed(done["token"])["notes"] == one.present(NEW, 0)["notes"] == wanted
    assert one.absent()["notes"] == ["a note"]


HOOK = "units/tool.service.d/egress-allowlist.conf"


@pytest.mark.parametrize(
    ("shown", "status", "reloads", "told"),
    [
        ("DropInPaths=/etc/x.conf {}", 0, True, ""),
        ("DropInPaths={}", 0, True, ""),
        ("DropInPaths=/etc/x.conf {}.d/x.conf /x{}", 0, False, ""),  # others
        ("DropInPaths=", 0, False, ""),
        ("", 0, False, ""),  # no such property
        ("DropInPaths={}", 1, True, "tells it, or 'systemctl daemon-reload'. What hindered: [Errno 1] no bus: "),
    ],
)
@pytest.mark.parametrize("ending", ["confirmed", "absent", "failed", "killed"])
def test_systemd_is_told_where_it_has_read_the_drop_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shown: str, status: int, reloads: bool, told: str, ending: str
) -> None:
    monkeypatch.setattr(systemd, "runs", lambda: True)
    calls: list[str] = []
    hook = folder / HOOK

    def answered(command: list[str], text: str | None = None) -> tuple[int, str, str]:
        if command[0] == "systemd-run":
            return 1, "", "no bus"
        if command[0] != "systemctl":
            return run(command, text)
        if command[1] == "daemon-reload":
            assert not hook.exists()
            calls.append(command[1])
            return status, "", "no bus"
        known = "" if calls and not status else shown.replace("{}", str(hook))
        return 0, known if "--property=DropInPaths" in command else "UnitFileState=enabled", ""

    tool = Tool(folder)
    one = Applier(tool, answered, False)
    tool.breaks = ending == "failed"
    if tool.breaks:
        with pytest.raises(ToolError, match="broken"):
            one.present(NEW, 30)
    elif ending == "killed":  # when the drop-in was removed, and before systemd was told
        notes = one.present(OLD, 30)["notes"]
    else:
        token = one.present(NEW, 30)["token"]
        calls.clear()
        notes = (one.confirmed(token) if ending == "confirmed" else one.absent())["notes"]
    assert set(calls) == ({"daemon-reload"} if reloads else set())
    assert not hook.exists()
    if ending != "failed":
        assert (told in str(notes)) if told else "daemon-reload" not in str(notes)
