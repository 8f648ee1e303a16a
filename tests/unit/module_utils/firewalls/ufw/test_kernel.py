# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's default policies and log rules, and the kernel's rules that follow from its files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import kernel

from tests.support.ufw_files import FILE, FRESH

DEFAULTS = (
    '# IPV6\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\nDEFAULT_FORWARD_POLICY=DROP\n'
)


def test_a_default_policy_is_set_and_given_back() -> None:
    made = kernel.with_policies(DEFAULTS, {"OUTPUT": "DROP", "FORWARD": "DROP"})
    assert kernel.policies(made) == {"INPUT": "DROP", "OUTPUT": "DROP", "FORWARD": "DROP"}
    assert '# egress.allowlist: DEFAULT_OUTPUT_POLICY was "ACCEPT", set to DROP\nDEFAULT_OUTPUT_POLICY="DROP"\n' in made
    assert kernel.with_policies(made, {"OUTPUT": "DROP", "FORWARD": "DROP"}) == made
    assert kernel.with_policies(made, {}) == DEFAULTS
    other = kernel.with_policies(made, {"OUTPUT": "REJECT", "FORWARD": "REJECT"})
    assert kernel.policies(other) == {"INPUT": "DROP", "OUTPUT": "REJECT", "FORWARD": "REJECT"}
    assert kernel.with_policies(other, {}) == DEFAULTS
    assert kernel.with_policies(other, {"OUTPUT": "DROP"}) == made


def test_a_default_policy_that_the_user_changed_stays() -> None:
    made = kernel.with_policies(DEFAULTS, {"OUTPUT": "DROP"})
    changed = made.replace('OUTPUT_POLICY="DROP"', 'OUTPUT_POLICY="REJECT"')
    assert kernel.with_policies(changed, {}) == DEFAULTS.replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="REJECT"')
    assert kernel.with_policies(changed, {"OUTPUT": "DROP"}) == made


def test_a_default_policy_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"/etc/default/ufw has no DEFAULT_OUTPUT_POLICY$"):
        kernel.with_policies("IPV6=yes\n", {"OUTPUT": "DROP"})


@pytest.mark.parametrize(
    ("level", "output", "lines"),
    [
        ("low", "ACCEPT", ["input BLOCK", "forward BLOCK"]),
        ("low", "DROP", ["input BLOCK", "output BLOCK", "forward BLOCK"]),
        ("medium", "ACCEPT", ["input BLOCK", "output ALLOW", "forward BLOCK"]),
        ("full", "REJECT", ["input BLOCK", "output BLOCK", "forward BLOCK"]),
    ],
)
def test_log_rules_follow_the_default_policies(level: str, output: str, lines: list[str]) -> None:
    made = kernel.with_logging(FILE, {"INPUT": "DROP", "OUTPUT": output, "FORWARD": "DROP"}, level)
    found = re.findall(r'^-A ufw-after-logging-(\w+) -j LOG --log-prefix "\[UFW (\w+)\] "(.*)$', made, re.MULTILINE)
    assert [f"{chain} {word}" for chain, word, _limit in found] == lines
    assert {bool(limit) for _chain, _word, limit in found} == {level != "full"}
    assert kernel.with_logging(made, {"INPUT": "DROP", "OUTPUT": "ACCEPT", "FORWARD": "DROP"}, "low") == FILE


@pytest.mark.parametrize("level", ["off", ""])
def test_without_logging_nothing_is_logged(level: str) -> None:
    assert kernel.with_logging(FILE, {"OUTPUT": "DROP"}, level) == FILE
    assert kernel.with_logging(FRESH, {"OUTPUT": "DROP"}, "low") == FRESH


@pytest.mark.parametrize("output", ["ACCEPT", "DROP", "REJECT"])
@pytest.mark.parametrize("forward", ["ACCEPT", "DROP", "REJECT"])
def test_the_way_back_loads_what_we_load(tmp_path: Path, output: str, forward: str) -> None:
    """The script makes the same transactions of the files as the module does."""
    text = kernel.with_policies(DEFAULTS, {"OUTPUT": output, "FORWARD": forward})
    (tmp_path / "default").write_text(text, "utf-8")
    (tmp_path / "user.rules").write_text(FILE, "utf-8")
    (tmp_path / "user6.rules").write_text(FILE.replace("ufw-", "ufw6-"), "utf-8")
    for tool in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "ipset"):
        catch = f'case "$*" in *-restore*|*-n) cat >{tmp_path}/{tool}.got;; esac\n'
        lists = "echo '-N ufw-user-output'\n" if tool == "iptables" else ""
        (tmp_path / tool).write_text(f"#!/bin/sh\n{catch if 'restore' in tool else lists}exit 0\n", "utf-8")
        (tmp_path / tool).chmod(0o755)
    script = kernel.SCRIPT.replace("PATH=", f"PATH={tmp_path}:")
    script = script.replace("/etc/default/ufw", f"{tmp_path}/default").replace("/etc/ufw", str(tmp_path))
    subprocess.run(["sh", "-c", script], check=True)
    defaults = kernel.policies(text)
    assert (tmp_path / "iptables-restore.got").read_text() == kernel.transaction(FILE, defaults, 4)
    wanted = kernel.transaction(FILE.replace("ufw-", "ufw6-"), defaults, 6)
    assert (tmp_path / "ip6tables-restore.got").read_text() == wanted


def test_only_what_decides_counts_as_drift() -> None:
    listing = "-P INPUT DROP\n-P OUTPUT DROP\n-N ufw-user-output\n-N ufw-user-limit\n-A ufw-user-output -j ACCEPT\n"
    wanted = kernel.listed(listing + "-A ufw-user-limit -j REJECT\n-A OUTPUT -j ufw-user-output\n")
    assert kernel.drifted(wanted, wanted) == []
    live = kernel.listed(listing.replace("INPUT DROP", "INPUT ACCEPT"))
    assert kernel.drifted(wanted, live) == []
    live = kernel.listed(listing.replace("OUTPUT DROP", "OUTPUT ACCEPT").replace("-j ACCEPT", "-j DROP"))
    assert kernel.drifted(wanted, live) == ["policy of OUTPUT", "ufw-user-output"]
    assert kernel.drifted(wanted, {}) == ["policy of OUTPUT", "ufw-user-output"]
