# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain copies of Ansible's containers."""

from __future__ import annotations

import enum
from collections import OrderedDict, UserDict
from datetime import date
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain


class Text(str):
    """A text like the tagged ones of Ansible, which says something else of itself."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not this"


class Number(enum.IntEnum):
    ONE = 1


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {type(key): _types(item) for key, item in value.items()}
    return [_types(item) for item in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("value", [None, True, False, 0, 1.5, "text", "", [], {}, [1, ["a", {"b": None}]]])
def test_plain_values_stay(value: Any) -> None:
    assert plain(value) == value
    assert _types(plain(value)) == _types(value)


def test_other_types_become_exact_ones() -> None:
    value = OrderedDict({Text("a"): (Text("b"), Number.ONE), "c": UserDict(d=date(2022, 3, 1))})
    copy = plain(value)
    assert copy == {"a": ["b", 1], "c": {"d": "2022-03-01"}}
    assert copy.__class__ is dict
    assert [type(key) for key in copy] == [str, str]
    assert [type(item) for item in copy["a"]] == [str, int]
    assert copy["c"].__class__ is dict


def test_copies_are_deep() -> None:
    value = {"rows": [{"ports": ["443"]}]}
    copy = plain(value)
    copy["rows"][0]["ports"].append("80")
    assert value == {"rows": [{"ports": ["443"]}]}


@pytest.mark.parametrize("value", [b"bytes", object(), [1, {2: b"x"}]])
def test_what_is_no_data_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="is neither text, a number, a list nor a dictionary"):
        plain(value)


def test_a_vaulted_value_of_ansible_core_2_18() -> None:
    """It is a sequence of its own kind, which decrypts itself as text."""
    vaulted = type("AnsibleVaultEncryptedUnicode", (), {"__str__": lambda _self: "7400"})()
    assert plain({"port": vaulted}) == {"port": "7400"}


def test_tagged_values_of_ansible() -> None:
    """What a play hands to a filter: a tagged text in a lazy container."""
    tags = pytest.importorskip("ansible._internal._datatag._tags")
    text = tags.Origin(path="/vars.yml").tag("443")
    assert text.__class__ is not str
    copy = plain({"ports": [text]})
    assert copy["ports"][0].__class__ is str
    assert copy == {"ports": ["443"]}
