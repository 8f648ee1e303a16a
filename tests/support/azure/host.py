# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module azure_security_group as tests call it: in this process, against the Azure of cloud.py only."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from ansible.module_utils import basic
from ansible_collections.egress.allowlist.plugins.modules import azure_security_group
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.azure import plan

from tests.support.azure.cloud import CLIENT, GROUP, RESOURCE_GROUP, SECRET, SUBSCRIPTION, TENANT, AzureCloud
from tests.support.rules import merged
from tests.support.tls_proxy import TlsProxy

CREDENTIALS = {
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_SECRET": SECRET,
    "AZURE_TENANT": TENANT,
    "AZURE_TOKEN_CREDENTIALS": "prod",  # nothing of a developer's machine is asked for a token
}


def planned(*rows: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return what the filter azure_security_group_plan makes of rows."""
    return plan(merged(*rows), **options)


class AzureHost:
    """A controller with one Azure."""

    def __init__(self, cloud: AzureCloud, proxy: TlsProxy) -> None:
        """Take the cloud and the proxy in front of it."""
        self.cloud, self.proxy = cloud, proxy

    def call(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run the module and return its result; C{failed} is among it where it failed."""
        given = {"resource_group": RESOURCE_GROUP, "security_group": GROUP, "location": "westeurope", **params}
        given = {key: value for key, value in given.items() if value is not None}
        arguments = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **given}}
        out = io.StringIO()
        with (
            patch.object(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode()),
            patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
            contextlib.redirect_stdout(out),
            contextlib.suppress(SystemExit),
        ):
            azure_security_group.main()
        assert not self.proxy.refused, self.proxy.refused
        assert not self.proxy.errors, self.proxy.errors
        found = json.loads(out.getvalue())
        assert "Traceback" not in json.dumps(found), found
        return found

    def apply(self, wanted: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Run the module with a plan, and let it succeed."""
        found = self.call(plan=wanted, **params)
        assert not found.get("failed"), found
        return found

    def writes(self) -> list[str]:
        """Return what was written since the last question, and forget it."""
        found = [f"{one.method} {one.path.rpartition('/')[2]}" for one in self.proxy.requests if one.writes]
        self.proxy.requests.clear()
        return [text for text in found if not text.endswith(" token")]


@contextmanager
def azure() -> Iterator[AzureHost]:
    """Give a fresh Azure, and an environment in which nothing else can be reached."""
    cloud = AzureCloud()
    with TlsProxy(cloud.handlers) as proxy, patch.dict("os.environ", {**proxy.environment(), **CREDENTIALS}):
        yield AzureHost(cloud, proxy)
