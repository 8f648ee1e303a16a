# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection's Python meets Ansible: plain copies, the folder of the play, tasks of controller and hosts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import Any

from ansible import context  # type: ignore[import-untyped] # Ansible has no type hints
from ansible.errors import (  # type: ignore[import-untyped]
    AnsibleActionFail,
    AnsibleConnectionFailure,
    AnsibleError,
)
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]
from ansible.plugins.connection import ConnectionBase  # type: ignore[import-untyped]
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.reasons import reasons_of_diff

_PAUSE = 1  # second between two attempts to connect
_LATER = 10  # seconds after which the host has begun to go back, as it was told to
_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def plain(value: Any) -> Any:
    """Return a deep copy made of exact dict, list, str, int, float, bool and None only.

    Ansible's containers are lazy and its strings tagged: walking them is slow, and code that asks
    for C{type(x)} is surprised. A date that YAML made of an unquoted C{2022-03-01} becomes that text again.
    Raises ValueError for anything else, and for what nests deeper than anybody writes.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise ValueError("a value nests its lists and dictionaries hundreds of levels deep") from None


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int or kind is float:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, date):
        return value.isoformat()
    if kind.__name__ == "AnsibleVaultEncryptedUnicode":  # of ansible-core 2.18; as text it is what was encrypted
        return str(value)
    raise ValueError(f"a value of type {kind.__name__} is neither text, a number, a list nor a dictionary")


def base_folder(playbook_dir: str) -> Path:
    """Return the folder from which the user's relative paths are taken: that of the play.

    For the collection's own playbooks, which lie in no folder of the user's: that of the playbook on the command line
    which imports them, or the current one.
    """
    if Path(playbook_dir).resolve() != _PLAYBOOKS:
        return Path(playbook_dir)
    called = context.CLIARGS.get("args", ())
    for playbook in called if isinstance(called, (list, tuple)) else ():
        folder = Path(playbook).resolve().parent
        if Path(playbook).is_file() and folder != _PLAYBOOKS:
            return folder
    return Path(os.getcwd())


class ControllerTask(ActionBase):  # type: ignore[misc]
    """A task that is done on the controller; the host is not asked for anything, and nothing is changed."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    spec: Mapping[str, Any]  # of its options

    @property
    def play(self) -> Any:
        """The play that the task is in."""
        parent = self._task._parent
        while not getattr(parent, "_play", None):
            parent = parent._parent
        return parent._play

    def answer(self, given: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result for checked options and the host's variables. Raises ValueError, or an AnsibleError."""
        raise NotImplementedError

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what C{answer} returns; what is wrong is the task's message, without a trace."""
        result = super().run(tmp, task_vars)
        _checked, given = self.validate_argument_spec(self.spec)
        try:
            return {**result, "changed": False, **self.answer(given, task_vars or {})}
        except (AnsibleError, ValueError) as exc:
            raise AnsibleActionFail(str(exc)) from None


class HostTask(ActionBase):  # type: ignore[misc]
    """A task that applies to a host by the module C{<backend>_host}, and confirms over a fresh connection.

    It is one task, so that no host waits armed for what a play does on others.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True
    backend: str
    spec: Mapping[str, Any]  # of its options
    required_if: Sequence[tuple[str, str, list[str]]]
    _cut_off = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the module returns, after the confirmation that of both calls."""
        if self._task.async_val:
            raise AnsibleActionFail(
                f"async is not accepted: {self.backend} confirms over a second connection, which takes seconds; for "
                "many hosts at once raise forks, or use the strategy free"
            )
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, given = self.validate_argument_spec(self.spec, required_if=self.required_if)
        confirm = given.pop("confirm")
        options = {name: plain(value) for name, value in given.items() if value is not None}
        applied = self._on_host(options, task_vars)
        result.update(applied)
        if "diff" in result:
            result["diff"] = self._with_reasons(result["diff"], task_vars or {})
        if confirm and applied.get("armed"):
            del result["token"]
            confirmed = self._confirm(applied["token"], options["revert_after"], task_vars)
            result["notes"] = list(dict.fromkeys([*result["notes"], *confirmed.pop("notes", [])]))
            result.update(armed=False, **{name: confirmed[name] for name in ("failed", "msg") if name in confirmed})
        return result

    def cleanup(self, force: bool = False) -> None:
        """Remove the temporary folder on the host, unless that cannot be reached any more, which the result says."""
        with suppress(AnsibleConnectionFailure) if self._cut_off else nullcontext():
            super().cleanup(force)

    def _with_reasons(self, diff: dict[str, str], task_vars: Mapping[str, Any]) -> dict[str, str]:
        """Return the diff with the reasons of what is added, where the role C{catalog} compiled the allowlist."""
        compiled = task_vars.get("catalog_compiled")
        if not isinstance(compiled, Mapping) or "allowlist" not in compiled:
            return diff
        reasons = plain(compiled["allowlist"].get("reasons", []))
        provenance = plain(compiled["allowlist"].get("provenance", [])) if reasons else []
        lines = reasons_of_diff(diff["prepared"], reasons, provenance)
        return {**diff, "prepared": diff["prepared"] + "".join(f"{line}\n" for line in lines)}

    def _on_host(self, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module; returns its result without the echo of its options, which are long."""
        found = self._execute_module(f"egress.allowlist.{self.backend}_host", options, task_vars=task_vars)
        return {name: value for name, value in found.items() if name != "invocation"}

    def _confirm(self, token: str, seconds: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Confirm over a fresh connection, tried until the host has gone back; returns what the module returns."""
        end, failure = time.monotonic() + seconds + _LATER, ""
        while True:
            try:
                self._reconnect()
                confirmed = self._on_host({"state": "confirmed", "token": token}, task_vars)
                break
            except AnsibleConnectionFailure as error:
                failure = str(error).strip()
            if time.monotonic() > end:
                self._cut_off = True
                return {
                    "failed": True,
                    "msg": f"not confirmed: no fresh connection came through since the rules were applied: {failure}; "
                    f"the host goes back to the former rules by itself, {seconds} seconds after it applied",
                }
            time.sleep(_PAUSE)
        if failure and confirmed.get("failed"):
            confirmed["msg"] = f"no fresh connection came through in time: {failure}; {confirmed.get('msg', '')}"
        return confirmed

    def _reconnect(self) -> None:
        """Let the next module open a connection of its own: what was open may pass where nothing new does."""
        if type(self._connection).reset is ConnectionBase.reset:  # which only warns that there is none
            self._connection.close()
            self._connection._connect()
        else:
            self._connection.reset()
