# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw's own before.rules let through before any rule of the allowlist is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import surroundings
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.ufw import render

from tests.support.rules import merged, row

# As ufw 0.36.2 brings them, in short.
STOCK = {
    4: """*filter
:ufw-before-forward - [0:0]
-A ufw-before-output -o lo -j ACCEPT
-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-forward -p icmp --icmp-type time-exceeded -j ACCEPT
-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT
#-A ufw-before-forward -p icmp --icmp-type source-quench -j ACCEPT
""",
    6: """*filter
-A ufw6-before-forward -m rt --rt-type 0 -j DROP
-A ufw6-before-output -p icmpv6 --icmpv6-type echo-request -j ACCEPT
-A ufw6-before-forward -p icmpv6 --icmpv6-type echo-reply -j ACCEPT
""",
}
FORWARDS = "forwards before any rule of the allowlist is asked:"
ICMP4 = f"{FORWARDS} -p icmp --icmp-type time-exceeded, -p icmp --icmp-type echo-request"
ICMP6 = f"{FORWARDS} -p icmpv6 --icmpv6-type echo-reply"
REMEDY = "; to stop that, put # before these lines and run 'ufw reload'"
LAN4, LAN6 = "10.0.0.0/8", "fd00::/8"


@pytest.fixture(autouse=True)
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    files = {version: tmp_path / f"before{version}.rules" for version in STOCK}
    for version, text in STOCK.items():
        files[version].write_text(text)
    monkeypatch.setattr(surroundings, "BEFORE", {version: str(path) for version, path in files.items()})
    return files


def noted(before: dict[int, Path], *versions: int, policy: str = "deny", **options: Any) -> list[str]:
    """Return the notes, with the files' names as their IP version."""
    native = render(merged(row("192.0.2.0/24")), policy=policy, **options)
    notes = surroundings.opened_before(native, versions or (4, 6))
    for version, path in before.items():
        notes = [note.replace(str(path), f"v{version}") for note in notes]
    return notes


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        ({"scope": "host"}, []),
        ({"scope": "gateway"}, [f"v4 {ICMP4}{REMEDY}", f"v6 {ICMP6}{REMEDY}"]),
        ({"scope": "both"}, [f"v4 {ICMP4}{REMEDY}", f"v6 {ICMP6}{REMEDY}"]),
        ({"scope": "gateway", "sources": [LAN4]}, [f"v4 {ICMP4}{REMEDY}"]),
        ({"scope": "both", "sources": [LAN6]}, [f"v6 {ICMP6}{REMEDY}"]),
        ({"scope": "both", "policy": "unmanaged"}, []),
    ],
)
def test_what_ufw_brings(before: dict[int, Path], options: dict[str, Any], notes: list[str]) -> None:
    assert noted(before, **options) == notes
    assert noted(before, 4, **options) == [note for note in notes if note.startswith("v4")]


@pytest.mark.parametrize(
    ("chain", "match", "scope"),
    [
        ("forward", "-s 10.8.0.0/24", "gateway"),
        ("forward", "-i tun0 -o eth0 -m conntrack --ctstate NEW,ESTABLISHED", "both"),
        ("forward", "-i docker0 -m state --state NEW", "both"),
        ("output", "-d 198.51.100.0/24", "host"),
        ("output", "-o eth1", "both"),
        ("output", "-p udp --dport 500", "host"),
    ],
)
def test_what_a_user_adds(before: dict[int, Path], chain: str, match: str, scope: str) -> None:
    before[4].write_text(f"-A ufw-before-{chain} {match} -j ACCEPT\n")
    word = {"output": "lets out", "forward": "forwards"}[chain]
    assert noted(before, 4, scope=scope) == [f"v4 {word} before any rule of the allowlist is asked: {match}{REMEDY}"]


def test_what_is_not_open(before: dict[int, Path]) -> None:
    lines = ["forward -j ufw-mine", "forward -s 10.8.0.0/24 -j DROP", "forward -m state --state ESTABLISHED -j ACCEPT",
             "input -j ACCEPT", "output -p ipv6-icmp -j ACCEPT", "output -o lo -j ACCEPT"]  # fmt: skip
    before[4].write_bytes(b"# \xff\n" + "".join(f"-A ufw-before-{line}\n" for line in lines).encode())
    before[6].unlink()
    assert noted(before, scope="both") == []
    before[4].write_text("-A ufw-before-forward -j ACCEPT\n")
    assert "asked: everything;" in noted(before, scope="both")[0]
