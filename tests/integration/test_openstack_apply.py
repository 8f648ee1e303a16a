# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A security group in a real Neutron: what it lets out is what is wanted, in both forms, and only ours is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.neutron import Cloud, serve
from tests.support.openstack_plans import METADATA, OLD, plan, wanted

pytestmark = pytest.mark.usefixtures("namespaces")
FORMS = ("always", "never")  # address groups


@pytest.fixture(scope="module")
def server() -> Iterator[Cloud]:
    with serve() as cloud:
        yield cloud


@pytest.fixture
def cloud(server: Cloud) -> Iterator[Cloud]:
    with server.inside():
        server.reset()
        yield server


@pytest.mark.parametrize("form", FORMS)
def test_second_run_writes_nothing(cloud: Cloud, form: str) -> None:
    first = cloud.apply(plan(OLD, address_groups=form, policy="deny"))
    assert first["changed"]
    assert cloud.opened() == wanted(OLD) | METADATA
    assert bool(cloud.address_groups()) is (form == "always")
    assert first["calls"] == len(
        [entry for entry in cloud.log() if entry["path"] != "/"]
    )  # there the SDK looks for versions
    cloud.forget()
    second = cloud.apply(plan(OLD, address_groups=form, policy="deny"))
    assert (second["changed"], second["differences"]) == (False, [])
    assert cloud.writes() == []
