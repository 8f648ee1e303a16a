# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several errors at once: what a message lists, and what it stands for."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.faults import Faults, faults_of


def noted(count: int) -> ValueError:
    """Return the error of so many errors."""
    faults = Faults()
    with pytest.raises(ValueError, match="row 1") as caught:  # noqa: PT012 - the last that is noted may stop it
        for number in range(1, count + 1):
            with faults.noted("acme: "):
                raise ValueError(f"row {number}")
        faults.stop()
    return caught.value


@pytest.mark.parametrize("count", [1, 20, 21, 199])
def test_a_message_lists_twenty_and_stands_for_all(count: int) -> None:
    error = noted(count)
    assert faults_of(error) == [f"acme: row {number}" for number in range(1, count + 1)]
    more = [f"and {count - 20} more errors"] if count > 20 else []
    assert str(error).splitlines() == [*faults_of(error)[:20], *more]


def test_after_two_hundred_no_more_are_looked_for() -> None:
    error = noted(1_000)
    assert faults_of(error)[199:] == ["acme: row 200", "after so many errors no more are looked for"]
    assert str(error).endswith("and 180 or more errors")


def test_what_is_met_again_is_told_once() -> None:
    faults = Faults(["a", "b", "a"])
    with pytest.raises(ValueError, match=r"^a\nb$") as caught:
        faults.stop()
    assert faults_of(caught.value) == ["a", "b"]


def test_the_errors_of_a_service_stand_together_in_the_order_of_its_rows() -> None:
    faults = Faults(
        [
            "acme: option x: a", "acme: b: row 10: a", "acme: timer 1: a", "acme: a: row 2: a",
            "acme: b: row 1: b", "acme: b: traffic 2: a", "acme: b: row 1: a", "acme: b: a", "other: b: row 3: a",
        ]
    )  # fmt: skip
    wanted = [
        "acme: option x: a", "acme: b: a", "acme: b: traffic 2: a", "acme: b: row 1: b", "acme: b: row 1: a",
        "acme: b: row 10: a", "acme: timer 1: a", "acme: a: row 2: a", "other: b: row 3: a",
    ]  # fmt: skip
    assert faults.text().splitlines() == wanted
    with pytest.raises(ValueError, match="acme") as caught:
        faults.stop()
    assert faults_of(caught.value) == wanted


def test_several_errors_inside_are_each_told_with_the_place() -> None:
    inner, faults = Faults(["row 1: a", "row 2: b"]), Faults()
    with faults.noted("acme: media: "):
        inner.stop()
    assert faults == ["acme: media: row 1: a", "acme: media: row 2: b"]


def test_any_other_error_stands_for_itself() -> None:
    assert faults_of(ValueError("x")) == ["x"]
