# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names need on a host: commands, the keeper, and differences in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._names import host, interpreter, words

LEARNED = "learned by dnsmasq"


def config(*patterns: str, **changes: Any) -> dict[str, Any]:
    """Return a configuration of names."""
    domains = {pattern.removeprefix("*."): {"patterns": [pattern]} for pattern in patterns}
    return {"mode": "dnsmasq", "lease": 600, "refresh": 60, "most": 10, "domains": domains} | changes


@pytest.mark.parametrize(
    ("former", "wanted", "lines"),
    [
        ({}, config("*.b.example", "a.example"), [f"+ name *.b.example  {LEARNED}", f"+ name a.example  {LEARNED}"]),
        (config("a.example", mode="resolve"), {}, ["- name a.example  looked up"]),
        (
            config("a.example"),
            config("*.a.example"),
            [f"+ name *.a.example  {LEARNED}", f"- name a.example  {LEARNED}"],
        ),
        (config("a.example", mode="resolve"), config("a.example"), ["~ names: resolve -> dnsmasq"]),
        (
            config("a.example"),
            config("a.example", lease=700, refresh=10, most=5),
            ["~ names lease: 600 -> 700", "~ names refresh: 60 -> 10", "~ names max addresses: 10 -> 5"],
        ),
        (config("a.example"), config("a.example"), []),
        ({}, {}, []),
    ],
)
def test_differences_in_words(former: dict, wanted: dict, lines: list[str]) -> None:
    assert words.differences(former, wanted) == lines


def test_the_keeper_is_a_script(tmp_path: Path) -> None:
    first, rest = interpreter.source_of(interpreter.own()).split("\n", 1)
    assert os.access(first.removeprefix("#!"), os.X_OK)
    compile(rest, "keeper", "exec")
    assert "ansible" not in rest, "it needs Python alone"


@pytest.mark.parametrize(
    ("backend", "mode", "commands"),
    [
        ("nftables", "dnsmasq", {"dnsmasq": "dnsmasq"}),
        ("nftables", "resolve", {}),
        ("ufw", "resolve", {"ipset": "ipset"}),
        ("ufw", "", {}),
    ],
)
def test_commands(backend: str, mode: str, commands: dict[str, str]) -> None:
    assert host.commands(backend, config("a.example", mode=mode) if mode else {}) == commands
