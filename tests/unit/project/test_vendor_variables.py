# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a vendor of the user's own as variables, from the command line to the allowlist."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY

TASKS = """
- egress.allowlist.read_options:
    vendors: acme
  register: given
- egress.allowlist.compile_allowlist:
    vendors: "{{ given.vendors }}"
    vendor_dirs: "{{ catalog_vendor_dirs }}"
    special_addresses: [169.254.10.1]
  register: compiled
- ansible.builtin.debug:
    msg: "{{ opened | map(attribute='names') | flatten + opened | map(attribute='ipv4') | flatten }}"
  vars:
    opened: "{{ compiled.allowlist.groups }}"
"""
TYPED = ["acme_regions=us-east-1", "acme_tenant=Blue", "acme_sbc=10.1.2.3,203.0.113.10", "acme_signaling=5065"]


def run(folder: Path, *given: str, **variables: str) -> str:
    """Return what is printed by a play beside a folder with Acme's file; given: with -e, variables: of the play."""
    (folder / "vendors").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "tests" / "support" / "acme.yml", folder / "vendors")
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": yaml.safe_load(TASKS)}
    play["vars"] = {"catalog_vendor_dirs": ["vendors"], **variables}
    (folder / "site.yml").write_text(yaml.safe_dump([play]))
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    command = [PLAYBOOK, folder / "site.yml", *(word for each in given for word in ("-e", each))]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=120, check=False
    )
    return done.stdout


def test_all_types_of_options_are_read(tmp_path: Path) -> None:
    printed = run(tmp_path, *TYPED)
    assert "failed=0" in printed
    for destination in ("blue.portal.example.com", "turn.us-east-1.example.com", "10.1.2.3/32", "203.0.113.10/32"):
        assert f'"{destination}"' in printed
    assert "eu-west-2" not in printed


def test_a_variable_that_happens_to_be_there_is_not_put_into_names(tmp_path: Path) -> None:
    printed = run(tmp_path, *TYPED[:1], *TYPED[2:], acme_tenant="hidden")
    assert "the variable acme_tenant goes into rules as it is, and acme is not of this collection: give it" in printed
    assert "hidden" not in printed


def test_an_option_without_its_prefix_and_one_that_lacks(tmp_path: Path) -> None:
    assert "'tenant' is not read: write acme_tenant" in run(tmp_path, *TYPED[:1], *TYPED[2:], "tenant=blue")
    missing = run(tmp_path, *TYPED[:1], *TYPED[2:])
    assert "acme: tenant must be given: your tenant, as your invitation names it, such as blue" in missing
