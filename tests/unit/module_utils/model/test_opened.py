# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open, and what changes of it, in words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._model import opened

UDP = "udp/3478 to 3.25.48.0/28  kudo: media"
TCP = "tcp/443 to 3.25.48.0/28  kudo: media"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (("udp", 3478, 3478, "3.25.48.0/28", "kudo: media"), UDP),
        (("tcp", 8801, 8810, "3.25.48.0/28", ""), "tcp/8801-8810 to 3.25.48.0/28"),
        (("tcp", 443, None, "3.25.48.0/28"), "tcp/443 to 3.25.48.0/28"),
        (("tcp", 443, 443, "::/0", ["kudo: media", "zoom: web"]), "tcp/443 to ::/0  kudo: media, zoom: web"),
        (("-1", None, None, "0.0.0.0/0"), "all to 0.0.0.0/0"),
        (("all", 0, 65535, "everywhere"), "all to everywhere"),
        (("icmp", None, None, "0.0.0.0/0"), "icmp to 0.0.0.0/0"),
        (("icmp", 8, -1, "0.0.0.0/0"), "icmp/echo-request to 0.0.0.0/0"),
        (("1", "8", None, "0.0.0.0/0"), "icmp/echo-request to 0.0.0.0/0"),
        (("icmp", 3, 4, "0.0.0.0/0"), "icmp/destination-unreachable code 4 to 0.0.0.0/0"),
        (("icmpv6", -1, -1, "::/0"), "icmpv6 to ::/0"),
        (("58", 128, None, "::/0"), "icmpv6/echo-request to ::/0"),
        (("50", -1, -1, "0.0.0.0/0"), "esp to 0.0.0.0/0"),
        (("Esp", None, None, "0.0.0.0/0"), "esp to 0.0.0.0/0"),
        (("253", 0, 0, "0.0.0.0/0"), "253 to 0.0.0.0/0"),
        (("132", 5060, 5061, "0.0.0.0/0"), "sctp/5060-5061 to 0.0.0.0/0"),
        (("udp", 0, 0, "0.0.0.0/0"), "udp/0 to 0.0.0.0/0"),
    ],
)
def test_a_rule_in_words(rule: tuple[Any, ...], text: str) -> None:
    assert opened.line(*rule) == text


def test_differences_say_first_what_goes() -> None:
    kept = "tcp/80 to 3.25.48.0/28  kudo: media"
    assert opened.differences([UDP, kept], [kept, TCP, "a"]) == [f"- {UDP}", "+ a", f"+ {TCP}"]
    assert opened.differences([UDP, kept], [kept, UDP]) == []
