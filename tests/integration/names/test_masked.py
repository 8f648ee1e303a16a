# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dnsmasq that names need and that somebody masked: found before anything is armed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hosts.boot_machine import Machine

PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.nftables
  vars:
    catalog_vendors:
      - {name: kudo, regions: usa, names: hosts}
    nftables_egress_policy: deny
    nftables_egress_names: dnsmasq
    nftables_egress_names_resolv_conf: true
"""
# The image has no dnsmasq, and who is masked is not asked for more than to be there.
STANDS_FOR = "printf '#!/bin/sh\\n' >/usr/sbin/dnsmasq; chmod 755 /usr/sbin/dnsmasq"

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.mark.long
def test_a_masked_dnsmasq_is_found_before_anything_is_armed(key: Path, tmp_path: Path) -> None:
    with Machine("bookworm", "masked", key) as machine:
        machine.run(f"{STANDS_FOR}; systemctl mask dnsmasq.service")
        done = machine.play(PLAY, tmp_path)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "names: dnsmasq.service is masked" in done.stdout
        assert "changed=0 " in done.stdout
        assert machine.run("nft list ruleset; ls /etc/egress-allowlist 2>/dev/null || true") == ""
