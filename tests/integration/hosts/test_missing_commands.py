# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package that is installed and whose command is not there: the play fails, and does not claim to have applied."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.namespaces import Namespace
from tests.support.systems import enable_ufw, longer, play, start_firewalld, system

KUDO = json.dumps({"catalog_vendors": [{"name": "kudo", "regions": "usa"}]})
COMMANDS = {"nftables": "nft", "ufw": "ufw", "firewalld": "firewall-cmd"}

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.mark.parametrize("backend", longer(["ufw"], ["firewalld", "nftables"]))
def test_a_command_that_is_missing_after_the_installation_is_an_error(backend: str) -> None:
    command = COMMANDS[backend]
    space = Namespace(system("bookworm"))
    try:
        space.target(["sh", "-ec", f"rm $(command -v {command})"], check=True)
        chosen = ["-e", KUDO, "-e", f"apply_backend={backend}", "-e", f"{backend}_egress_names=report"]
        done = play(space, "playbooks/apply.yml", *chosen)
    finally:
        space.close()
    assert done.returncode, done.stdout
    assert "failed=1" in done.stdout
    assert f"{command} (package {backend}) is not installed, although its package was installed just now" in done.stdout


def lines(output: str) -> set[str]:
    """Return the lines of a diff that are about vendors and settings, not about files."""
    return set(
        re.findall(r"^(?:[+-] .* kudo: .*|~ (?:policy|scope|names)\b.*|\+ name (?!server ).*)$", output, re.MULTILINE)
    )


@pytest.mark.parametrize("backend", longer(["nftables"], ["firewalld", "ufw"]))
@pytest.mark.parametrize("names", longer(["report"], ["resolve"]))
def test_check_mode_tells_all_before_the_tool_is_there(backend: str, names: str) -> None:
    """As on a host that has the tool, and nothing of ours."""
    command = COMMANDS[backend]
    chosen = {"apply_backend": backend, f"{backend}_egress_names": names, f"{backend}_egress_policy": "deny"}
    variables = json.dumps({"catalog_vendors": [{"name": "kudo", "regions": "usa", "names": "hosts"}], **chosen})
    told = []
    for present in (True, False):
        space = Namespace(system("bookworm"))
        try:
            if not present:
                space.target(["sh", "-ec", f"rm $(command -v {command})"], check=True)
            told.append(play(space, "playbooks/apply.yml", "-e", variables, "--check", "--diff"))
        finally:
            space.close()
    there, missing = told
    assert there.returncode == missing.returncode == 0, there.stdout + missing.stdout
    assert lines(missing.stdout) == lines(there.stdout)
    assert len(lines(missing.stdout)) > 10
    assert f"{command} (package {backend}) is not installed: it would be, before anything else" in missing.stdout
    assert "not installed: it would" not in there.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("backend", "command", "settings"),
    [
        ("nftables", "dnsmasq", {"nftables_egress_names": "dnsmasq", "nftables_egress_names_resolv_conf": True}),
        ("ufw", "ipset", {"ufw_egress_sets": True, "ufw_egress_names": "report"}),
        ("ufw", "ipset", {"ufw_egress_names": "resolve"}),
        ("firewalld", "dnsmasq", {"firewalld_egress_names": "dnsmasq"}),
    ],
)
def test_check_mode_where_only_what_goes_with_the_tool_is_missing(
    backend: str, command: str, settings: dict[str, object]
) -> None:
    """What is there already is compared, not nothing."""
    kudo = {"catalog_vendors": [{"name": "kudo", "regions": "usa", "names": "hosts"}], "apply_backend": backend}
    space = Namespace(system("bookworm"))
    try:
        if backend == "ufw":
            enable_ufw(space)
        elif backend == "firewalld":
            start_firewalld(space)
        first = json.dumps({**kudo, f"{backend}_egress_names": "report"})
        before = play(space, "playbooks/apply.yml", "-e", first)
        space.target(["sh", "-ec", f"rm $(command -v {command})"], check=True)
        done = play(space, "playbooks/apply.yml", "-e", json.dumps({**kudo, **settings}), "--check", "--diff")
    finally:
        space.close()
    assert before.returncode == done.returncode == 0, before.stdout + done.stdout
    assert f"{command} (package " in done.stdout
    assert "not installed: it would be" in done.stdout
    assert not [line for line in lines(done.stdout) if line.startswith("- ")]
    assert "udp/3478 to 3.25.48.192/28" not in done.stdout
