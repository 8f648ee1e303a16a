# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module gcp_security_group in this process, against the project of cloud.py and nothing else.

with google() as world:
    said = world.run(plan=planned([row("192.0.2.0/28")]), check=True)
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest import mock

from ansible.module_utils import basic
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.gcp import plan

from tests.support.gcp.cloud import API, NETWORK, PROJECT, TOKEN, Cloud
from tests.support.rules import merged
from tests.support.tls_proxy import TlsProxy

METADATA = ("169.254.169.254 ", "metadata.google.internal ")
MODULE = "ansible_collections.egress.allowlist.plugins.modules.gcp_security_group"


def planned(rows: list[dict], **options: Any) -> dict[str, Any]:
    """Return the plan of rows."""
    return plan(merged(*rows), **options)


@dataclass
class World:
    """The cloud, the proxy before it, and the module."""

    cloud: Cloud
    proxy: TlsProxy

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment in which nothing but the fake can be reached, nor any credentials be found."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GCP_", "GOOGLE_", "GCE_"))}
        return {**kept, **self.proxy.environment(), "CLOUDSDK_CONFIG": "/nonexistent", **more}

    def run(self, *, check: bool = False, environment: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
        """Run the module; returns what it says, failed or not. Raises AssertionError for a broken contract."""
        given: dict[str, Any] = {"_ansible_check_mode": check, "_ansible_diff": True, "project": PROJECT}
        if "firewall_policy" not in params:
            given["network"] = NETWORK
        if environment is None:
            given |= {"auth_kind": "accesstoken", "access_token": TOKEN}
        text = json.dumps({"ANSIBLE_MODULE_ARGS": {**given, **params}}).encode()
        told = io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment(**(environment or {})), clear=True),
            mock.patch.multiple(basic, _ANSIBLE_ARGS=text, _ANSIBLE_PROFILE="legacy"),
            mock.patch.object(sys, "argv", ["gcp_security_group"]),
            redirect_stdout(told),
            suppress(SystemExit),
        ):
            try:
                import_module(MODULE).main()
            finally:  # google-auth has threads of its own, which must not outlive this environment
                for thread in [*threading.enumerate()]:
                    if type(thread).__module__.startswith("google."):
                        thread.join()
        assert not self.cloud.broken, self.cloud.broken
        # Where there are no credentials at all, google-auth looks for a machine's own; nobody answers it here.
        assert [host for host in self.proxy.refused if not host.startswith(METADATA)] == []
        assert not self.proxy.errors, self.proxy.errors
        said: dict[str, Any] = json.loads(told.getvalue())
        return said

    def apply(self, rows: list[dict], *, check: bool = False, params: dict | None = None, **options: Any) -> dict:
        """Plan rows and apply them; fails where the module fails."""
        said = self.run(plan=planned(rows, **options), check=check, **(params or {}))
        assert not said.get("failed"), said
        return said

    def asked(self, *, writes: bool = True) -> list[tuple[str, str]]:
        """Return method and last part of the path of each request to the API since the last call of this."""
        found = [
            (request.method, request.path.rpartition("/")[2])
            for request in self.proxy.requests
            if request.host == API and (not writes or (request.writes and not request.path.endswith("/wait")))
        ]
        self.proxy.requests.clear()
        return found

    def ours(self) -> dict[str, dict[str, Any]]:
        """Return the VPC firewall rules that carry our mark."""
        return {
            name: rule
            for name, rule in self.cloud.firewalls.items()
            if rule["description"].startswith("[egress.allowlist ")
        }


@contextmanager
def google(**options: Any) -> Iterator[World]:
    """Yield a project with a network, and the module in front of it; C{options} as of C{Cloud}."""
    cloud = Cloud(**options)
    with TlsProxy(cloud.handlers()) as proxy:
        yield World(cloud, proxy)
