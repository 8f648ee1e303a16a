# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection's Python meets Ansible: plain copies, the folder of the play, tasks of the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible import context  # type: ignore[import-untyped] # Ansible has no type hints
from ansible.errors import AnsibleActionFail, AnsibleError  # type: ignore[import-untyped]
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]

_PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def plain(value: Any) -> Any:
    """Return a deep copy made of exact dict, list, str, int, float, bool and None only.

    Ansible's containers are lazy and its strings tagged: walking them is slow, and code that asks
    for C{type(x)} is surprised. A date that YAML made of an unquoted C{2022-03-01} becomes that text again.
    Raises ValueError for anything else.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int or kind is float:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
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
