# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the summary says of a user's own C{..._egress_allow}, on each backend and on a second run too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.hosts import firewalld, nftables, ufw
from tests.support.namespaces import Namespace
from tests.support.systems import longer, play

pytestmark = pytest.mark.usefixtures("namespaces")

ALLOW = [{"destination": "0.0.0.0/0", "ports": "443"}, {"destination": "2001:db8::/64", "ports": "22"}]
VENDOR = {
    "title": "Acme",
    "sources": [{"id": "page", "title": "Page", "date": "2026-01"}],
    "services": [
        {
            "name": "calls",
            "title": "Calls",
            "source": "page",
            "rows": [{"destination": "203.0.113.0/28", "protocol": "TCP", "ports": "443"}],
        }
    ],
}


@contextmanager
def space_of(backend: str) -> Iterator[Namespace]:
    """Yield the namespace of a host of this backend, without a network."""
    if backend == "nftables":
        with nftables.alone() as made:
            yield made.space
    elif backend == "ufw":
        with ufw.alone("bookworm") as other:
            yield other.space
    else:
        with firewalld.alone("bookworm") as third:
            yield third.space


@pytest.mark.parametrize("backend", longer(["nftables"], ["ufw", "firewalld"]))
def test_the_summary_tells_of_additions_on_each_run(backend: str) -> None:
    variables = {
        "catalog_custom_vendors": {"acme": VENDOR},
        "catalog_vendors": ["acme"],
        "apply_backend": backend,
        "ansible_become": False,
        f"{backend}_egress_policy": "deny",
        f"{backend}_egress_allow": ALLOW,
        f"{backend}_egress_ntp_servers": ["192.0.2.123"],
        f"{backend}_egress_dns_servers": ["192.0.2.53"],
    }
    with space_of(backend) as space:
        for run in ("first", "second"):
            done = play(space, "playbooks/apply.yml", "-e", json.dumps(variables))
            assert done.returncode == 0, done.stdout + done.stderr
            assert ("changed=0" in done.stdout) == (run == "second")
            summary = " ".join(done.stdout.replace('"', " ").replace(",", " ").split())
            assert "all other egress is stopped" not in summary
            opens = f"{backend}_egress_allow opens any IPv4 address (tcp/443): only what that leaves is stopped"
            assert opens in summary
            assert f"Open besides by {backend}_egress_allow: 2 rules to 4 294 967 296 addresses in 1 prefix" in summary
