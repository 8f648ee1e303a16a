# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's default policies and log rules, and the kernel's rules that follow from its files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import kernel
from ansible_collections.egress.allowlist.plugins.module_utils._host.files import encode, read

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


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("last", ["", "\udcff\0", "# no end of line"])
def test_a_default_policy_is_given_back_to_the_byte(end: str, last: str) -> None:
    before = f"# caf\udce9 \0{end}{DEFAULTS}".replace("\n", end) + last
    made = kernel.with_policies(before, {"OUTPUT": "DROP", "FORWARD": "REJECT"})
    assert kernel.policies(made) == {"INPUT": "DROP", "OUTPUT": "DROP", "FORWARD": "REJECT"}
    assert kernel.with_policies(made, {"OUTPUT": "DROP", "FORWARD": "REJECT"}) == made
    assert kernel.with_policies(made, {}) == before


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
    loaded_alike(tmp_path, text, FILE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("### RULES ###\n", "### RULES ###\n# \udce9 \udcff \0 \u2028 \x85\n"),
        lambda text: text.rstrip("\n"),
    ],
)
def test_the_way_back_loads_what_is_no_text_too(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    loaded_alike(tmp_path, spoil(DEFAULTS), spoil(FILE))
    plain = kernel.transaction(FILE, kernel.policies(DEFAULTS), 4)
    made = kernel.transaction(spoil(FILE), kernel.policies(spoil(DEFAULTS)), 4)
    assert [line for line in made.split("\n") if "\udce9" not in line] == plain.split("\n")


def loaded_alike(tmp_path: Path, text: str, rules: str) -> None:
    """Assert that the script makes the module's transactions of /etc/default/ufw and of a file of rules."""
    (tmp_path / "default").write_bytes(encode(text))
    (tmp_path / "user.rules").write_bytes(encode(rules))
    (tmp_path / "user6.rules").write_bytes(encode(rules.replace("ufw-", "ufw6-")))
    for tool in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "ipset"):
        catch = f'case "$*" in *-restore*|*-n) cat >{tmp_path}/{tool}.got;; esac\n'
        ufw = "ufw6" if tool.startswith("ip6") else "ufw"
        jumps = "".join(f"-A {chain.upper()} -j {ufw}-before-{chain}\\n" for chain in ("output", "forward"))
        lists = f"printf '%b' '-N {ufw}-user-output\\n{jumps}'\n"
        (tmp_path / tool).write_text(f"#!/bin/sh\n{catch if 'restore' in tool else lists}exit 0\n", "utf-8")
        (tmp_path / tool).chmod(0o755)
    script = kernel.SCRIPT.replace("PATH=", f"PATH={tmp_path}:")
    script = script.replace("/etc/default/ufw", f"{tmp_path}/default").replace("/etc/ufw", str(tmp_path))
    subprocess.run(["sh", "-c", script], check=True)
    defaults = kernel.policies(text)
    assert read(str(tmp_path / "iptables-restore.got")) == kernel.transaction(rules, defaults, 4)
    wanted = kernel.transaction(rules.replace("ufw-", "ufw6-"), defaults, 6)
    assert read(str(tmp_path / "ip6tables-restore.got")) == wanted


def test_only_what_decides_counts_as_drift() -> None:
    listing = "-P INPUT DROP\n-P OUTPUT DROP\n-N ufw-user-output\n-N ufw-user-limit\n-A ufw-user-output -j ACCEPT\n"
    wanted = kernel.listed(listing + "-A ufw-user-limit -j REJECT\n-A OUTPUT -j ufw-user-output\n")
    assert kernel.drifted(wanted, wanted) == []
    live = kernel.listed(listing.replace("INPUT DROP", "INPUT ACCEPT"))
    assert kernel.drifted(wanted, live) == []
    live = kernel.listed(listing.replace("OUTPUT DROP", "OUTPUT ACCEPT").replace("-j ACCEPT", "-j DROP"))
    assert kernel.drifted(wanted, live) == ["policy of OUTPUT", "ufw-user-output"]
    assert kernel.drifted(wanted, {}) == ["policy of OUTPUT", "ufw-user-output"]
