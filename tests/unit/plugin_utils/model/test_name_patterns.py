# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which texts are names of rules, and which of them are patterns."""

from __future__ import annotations

import time

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.name_patterns import (
    EXACT,
    INNER,
    SUFFIX,
    is_name,
    kind_of,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("api.example.com", EXACT),
        ("localhost", EXACT),
        ("*.example.com", SUFFIX),
        ("*.com", SUFFIX),
        ("*-wss.example.com", INNER),
        ("rtc*.connect.example.com", INNER),
        ("*cdn.example.net", INNER),
        ("turn-*.elb.*.example.com", INNER),
        ("a.*.example.com", INNER),
        ("*.*.example.com", INNER),
        ("*.elb.*.example.com", INNER),
        ("a*b*c.example.com", INNER),
        ("turn-*.elb.REGION.example.com", INNER),
        ("*.elb.REGION.example.com", INNER),
        ("*.sipXX.example.com", INNER),
        ("*.REGION2-a.example.com", INNER),
        ("Turn-REGION-*.example.com", INNER),
    ],
)
def test_names_and_their_kinds(name: str, kind: str) -> None:
    assert is_name(name)
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    "text",
    ["", "*", "**.example.com", "a**.example.com", "*.example.*", "example.c*m", "*..example.com", ".*.example.com",
     "-*.example.com", "*-.example.com", "*.example.com.", "*.Example.com", "Turn-*.example.com", "REGION.example.com",
     "*.REGIONx.example.com", "*.example.COM", "a/b*.example.com", "a *.example.com", "é*.example.com",
     "*.example.com\n", "a*\n.example.com", 'a"*.example.com', "a*,b.example.com", f"*{'a' * 63}.example.com",
     "*." * 121 + "a.example.com"],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["*a" * 50_000, "*" + "A1" * 50_000, "a*." * 80 + "!", "*.a" * 84, "*" + ".A" * 126])
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    is_name(text)
    assert time.process_time() - start < 0.5
