# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves Neutron or Keystone on loopback; runs on the Python of the sandbox's second system (see neutron.py).

neutron_server.py neutron PORT KEYSTONE_PORT     0: no Keystone, callers are taken for whom the gate says
neutron_server.py keystone PORT NEUTRON_PORT

In front of Neutron stands a gate, which keeps a log of all requests, spoils those that it is told to, and answers
below /-/ itself: /-/reset, /-/configure, /-/spoil, /-/requests, /-/sql and /-/programmed (bodies and answers are
JSON).
"""

from __future__ import annotations

import base64
import json
import os
import re
import runpy
import sqlite3
import sys
import threading
import time
import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

HOME = Path("/tmp/openstack")
WRITES = ("POST", "PUT", "DELETE", "PATCH")
NEUTRON = """
[DEFAULT]
auth_strategy = {auth}
core_plugin = ml2
service_plugins =
transport_url = fake://
rpc_workers = 0
rpc_state_report_workers = 0
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
api_paste_config = {home}/paste.ini
state_path = {home}
use_stderr = true
[oslo_concurrency]
lock_path = {home}
[database]
connection = sqlite:///{home}/neutron.db
[ml2]
mechanism_drivers =
type_drivers = local
tenant_network_types = local
[quotas]
quota_security_group_rule = 100
quota_security_group = 10
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:{keystone}/v3
auth_url = http://127.0.0.1:{keystone}/v3
auth_type = password
username = neutron
password = neutron-password
project_name = service
user_domain_id = default
project_domain_id = default
"""
PASTE = """
[composite:neutron]
use = egg:Paste#urlmap
/: versions
/v2.0: v2

[pipeline:versions]
pipeline = proxy versions_app

[composite:v2]
use = call:neutron.auth:pipeline_factory
noauth = proxy request_id catch_errors context extensions v2_app
keystone = proxy request_id catch_errors token context extensions v2_app

[filter:proxy]
paste.filter_factory = oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:catch_errors]
paste.filter_factory = oslo_middleware:CatchErrors.factory
[filter:token]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = neutron.auth:NeutronKeystoneContext.factory
[filter:extensions]
paste.filter_factory = neutron.api.extensions:plugin_aware_extension_middleware_factory
[app:versions_app]
paste.app_factory = neutron.pecan_wsgi.app:versions_factory
[app:v2_app]
paste.app_factory = neutron.api.v2.router:APIRouter.factory
"""
KEYSTONE = """
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{home}/keystone.db
[token]
provider = fernet
[fernet_tokens]
key_repository = {home}/fernet
[fernet_receipts]
key_repository = {home}/fernet
[identity]
password_hash_rounds = 4
[credential]
key_repository = {home}/fernet
"""
# What leaves the groups' hosts: group, IP version, protocol, ports, destination; null is "any".
OPEN = """
SELECT g.name, r.ethertype, r.protocol, r.port_range_min, r.port_range_max, coalesce(a.address, r.remote_ip_prefix)
FROM securitygrouprules r JOIN securitygroups g ON g.id = r.security_group_id
LEFT JOIN address_associations a ON a.address_group_id = r.remote_address_group_id
WHERE r.direction = 'egress' AND r.remote_group_id IS NULL
  AND (r.remote_address_group_id IS NULL OR a.address IS NOT NULL) ORDER BY 1, 2, 3, 4, 5, 6
"""


def database(name: str) -> sqlite3.Connection:
    """Return a connection of our own to a service's database."""
    return sqlite3.connect(HOME / f"{name}.db", timeout=30, isolation_level=None)


class Gate:
    """A WSGI application in front of another one."""

    def __init__(self, app: Any, keystone: bool) -> None:
        self.app, self.keystone = app, keystone
        self.lock = threading.Lock()
        self.log: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.watch = False
        self.project, self.roles = "acme", "member"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a request."""
        from webob import Request, Response

        request = Request(environ)
        if request.path.startswith("/-/"):
            try:
                answer = Response(json=getattr(self, request.path[3:])(json.loads(request.body or "{}")))
            except Exception as error:  # said to the test
                answer = Response(repr(error), status=500)
            return answer(environ, start_response)
        return self.answer(request, environ, start_response)

    def answer(self, request: Any, environ: dict[str, Any], start_response: Any) -> Any:
        """Let a request through, or spoil it; either way it is in the log, unless it is the test's own."""
        from webob import Response

        if request.headers.get("X-Test"):
            self._identify(request)
            return request.get_response(self.app)(environ, start_response)
        entry: dict[str, Any] = {"method": request.method, "path": request.path, "query": request.query_string}
        entry["bytes"], began = len(request.body), time.monotonic()
        with self.lock:
            self.log.append(entry)
            fault = next((fault for fault in self.faults if self._meets(fault, request)), {})
        for step in fault.get("before", []):
            self.step(step)
        if "status" in fault and not fault.get("late"):
            response = None
        else:
            self._identify(request)
            response = request.get_response(self.app)
        entry["done"] = response.status_int if response else 0
        if "status" in fault:
            error = {"NeutronError": {"type": fault.get("error", "Spoiled"), "message": "spoiled by the test"}}
            answer, headers = fault.get("answer", error), list(fault.get("headers", {}).items())
            response = Response(json=answer, status=fault["status"], headerlist=headers)
            response.content_type = "application/json"
        assert response
        for step in fault.get("after", []):
            self.step(step)
        entry["status"], entry["seconds"] = response.status_int, time.monotonic() - began
        if self.watch and request.method in WRITES:
            entry["open"] = self.sql({"query": OPEN})
        return response(environ, start_response)

    def step(self, step: dict[str, Any]) -> None:
        """Do what another client does: a request as the cloud's administrator, or a statement of SQL."""
        from webob import Request

        if "query" in step:
            self.sql(step)
            return
        request = Request.blank(step["path"], method=step["method"], headers={"X-Project-Id": self.project})
        self._identify(request)
        if "body" in step:
            request.json = step["body"]
        done = request.get_response(self.app)
        if done.status_int >= 400:
            raise ValueError(f"{step}: {done.text}")

    def _identify(self, request: Any) -> None:
        """Say who the caller is, as Keystone's middleware would; a caller who names a project is its administrator."""
        asked = request.headers.get("X-Project-Id")
        if not self.keystone:
            who = {"X-User-Id": "somebody", "X-Project-Id": asked or self.project}
            request.headers.update({**who, "X-Roles": "admin" if asked else self.roles})

    @staticmethod
    def _meets(fault: dict[str, Any], request: Any) -> bool:
        if not re.fullmatch(fault.get("method", ".*"), request.method) or fault.get("times", 1) <= 0:
            return False
        if not re.search(fault.get("path", ""), request.path_qs):
            return False
        if fault.get("skip", 0):
            fault["skip"] -= 1
            return False
        fault["times"] = fault.get("times", 1) - 1
        return True

    def reset(self, options: dict[str, Any]) -> None:
        """Forget all that is in Neutron's database, the log and the faults; callers are members of C{project}."""
        base = database("neutron")
        base.execute("BEGIN IMMEDIATE")
        for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            base.execute(f'DELETE FROM "{table}"')
        base.execute("COMMIT")
        base.close()
        self.log, self.faults = [], []
        self.watch = options.get("watch", False)
        self.project, self.roles = options.get("project", "acme"), options.get("roles", "member")

    def configure(self, options: dict[str, Any]) -> None:
        """Set C{log} or C{faults} (lists), C{watch}, C{project} or C{roles}."""
        with self.lock:
            for name, value in options.items():
                setattr(self, name, value)

    def spoil(self, fault: dict[str, Any]) -> None:
        """Add a fault."""
        with self.lock:
            self.faults.append(fault)

    def sql(self, options: dict[str, Any]) -> list[Any]:
        """Run one statement on Neutron's database; returns its rows."""
        base = database("neutron")
        try:
            return base.execute(options["query"], options.get("values", [])).fetchall()
        finally:
            base.close()

    def programmed(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return what Neutron's own drivers make of the rules of C{port}."""
        own = runpy.run_path(str(Path(__file__).with_name("neutron_drivers.py")))
        return dict(own["programmed"](options["port"]))

    def requests(self, dummy: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the log."""
        with self.lock:
            return list(self.log)


def write(name: str, text: str, **values: Any) -> str:
    """Write a file of configuration; returns its path."""
    path = HOME / name
    path.write_text(text.format(home=HOME, **values), "utf-8")
    return str(path)


def in_wal(name: str) -> None:
    """Make a database that takes readers while somebody writes."""
    base = database(name)
    base.execute("PRAGMA journal_mode = WAL")
    base.close()


def neutron(keystone: int) -> Any:
    """Return Neutron behind its gate, with an empty database."""
    config = write("neutron.conf", NEUTRON, keystone=keystone, auth="keystone" if keystone else "noauth")
    write("paste.ini", PASTE)
    in_wal("neutron")
    import_module(
        "neutron.plugins.ml2.plugin"
    )  # before all models, or Neutron does not tell what rules are described as
    from neutron import server
    from neutron.db.migration.models import head
    from neutron.server.api_eventlet import eventlet_api_server
    from neutron_lib.db.api import get_context_manager

    sys.argv[1:] = ["--config-file", config]
    server._init_configuration()
    head.get_metadata().create_all(get_context_manager().writer.get_engine())
    return Gate(eventlet_api_server(), bool(keystone))


def keystone(port: int, neutron: int) -> Any:
    """Return Keystone with a project C{acme}, its member C{somebody}, and Neutron's own user."""
    config = write("keystone.conf", KEYSTONE)
    keys = HOME / "fernet"
    keys.mkdir(mode=0o700)
    for number in (0, 1):
        (keys / str(number)).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
    in_wal("keystone")
    from keystone.cmd import bootstrap
    from keystone.common import provider_api, sql
    from keystone.server.flask import core

    sys.argv[1:] = []
    application = core.initialize_application("public", config_files=[config])
    with sql.session_for_write() as session:
        sql.ModelBase.metadata.create_all(session.get_bind())
    bootstrap.backends.load_backends = dict  # they are loaded
    first = bootstrap.Bootstrapper()
    first.admin_username = first.admin_role_name = first.project_name = "admin"
    first.admin_password, first.region_id, first.service_name = "admin-password", "RegionOne", "keystone"
    first.public_url = first.internal_url = first.admin_url = f"http://127.0.0.1:{port}/v3"
    first.bootstrap()
    roles = {"admin": first.admin_role_id, "member": first.member_role_id}
    providers = provider_api.ProviderAPIs
    for project, user, role in (("service", "neutron", "admin"), ("acme", "somebody", "member")):
        identity = uuid.uuid4().hex
        place = {"id": identity, "name": project, "domain_id": "default", "enabled": True, "description": ""}
        providers.resource_api.create_project(identity, place)
        person = {"name": user, "password": f"{user}-password", "domain_id": "default", "enabled": True}
        made = providers.identity_api.create_user(person)
        providers.assignment_api.add_role_to_user_and_project(made["id"], identity, roles[role])
    service, url = uuid.uuid4().hex, f"http://127.0.0.1:{neutron}"
    providers.catalog_api.create_service(
        service, {"id": service, "type": "network", "name": "neutron", "enabled": True}
    )
    for interface in ("public", "internal", "admin"):
        endpoint = {"id": uuid.uuid4().hex, "region_id": "RegionOne", "service_id": service, "enabled": True}
        providers.catalog_api.create_endpoint(endpoint["id"], {**endpoint, "interface": interface, "url": url})
    return application


def main() -> None:
    """Serve until the sandbox ends."""
    service, port, other = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    HOME.mkdir(exist_ok=True)
    os.environ["HOME"] = str(HOME)
    application = neutron(other) if service == "neutron" else keystone(port, other)
    import waitress

    waitress.serve(application, listen=f"127.0.0.1:{port}", threads=8, _quiet=True)


if __name__ == "__main__":
    main()
