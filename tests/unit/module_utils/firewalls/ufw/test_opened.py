# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw's own before.rules let through, whatever the list says."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import opened
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import ALL_PORTS, FORWARD, OUT, span


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-A ufw6-before-output -p icmpv6 --icmpv6-type echo-request -j ACCEPT", [(OUT, "icmpv6", 128, 128)]),
        ("-A ufw6-before-forward -p ipv6-icmp --icmpv6-type 129 -j ACCEPT", [(FORWARD, "ipv6-icmp", 129, 129)]),
        ("-A ufw6-before-output -p esp -j ACCEPT", [(OUT, "esp", *ALL_PORTS)]),
        ("-A ufw6-before-output -j ACCEPT", [(OUT, "", *ALL_PORTS)]),
        ("-A ufw6-before-output -o lo -j ACCEPT", []),
        ("-A ufw6-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", []),
        ("-A ufw6-before-output -p icmpv6 --icmpv6-type 141 -m hl --hl-eq 255 -j ACCEPT", []),
        ("-A ufw6-before-output -p icmpv6 --icmpv6-type 130 -s fe80::/10 -j ACCEPT", []),
        ("-A ufw6-before-input -p icmpv6 --icmpv6-type echo-request -j ACCEPT", []),
    ],
)
def test_what_goes_out_before_the_list(line: str, expected: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "read_all", lambda paths: [f"*filter\n{line}\nCOMMIT\n"])
    everywhere = span("::/0")
    assert opened.beyond([6]) == [(path, everywhere, everywhere, *rest) for path, *rest in expected]
