# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Neutron, Debian's, on the loopback of a sandbox that has no way out.

with serve() as cloud, cloud.inside():       this thread is in the sandbox's network, and module() runs in this process
    cloud.reset(rules=100, groups=10)        an empty cloud; all requests are those of a member of PROJECT
    cloud.spoil(method="POST", status=503)   the next POST is answered so, and not carried out
    done = cloud.module(plan=...)
    cloud.writes()                           what was asked for since, reads left out
    cloud.opened("acme")                     what the API says the group lets out
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import http.client
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tests.support.namespaces import ENVIRONMENT, MOUNTED, Namespace, WorldError
from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY
from tests.support.systems import system

PROJECT = "acce5500000000000000000000000001"
NEUTRON, KEYSTONE = 9696, 5000  # ports
NAME = "egress-allowlist"  # the module's default
WRITES = ("POST", "PUT", "DELETE", "PATCH")
_SERVER = Path(__file__).with_name("neutron_server.py")
_UP = 120  # seconds that a loaded machine may take
# What the machine's own OpenStack or proxies would need must not be found.
_SCRUBBED = ("OS_", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

Opened = set[tuple[str, int, int, str]]  # protocol, first and last port, prefix; "any", 0, 65535 is everything


class RefusedError(Exception):
    """The test's own request was refused."""


@dataclass
class Cloud:
    """The sandbox with Neutron in it."""

    space: Namespace
    keystone: bool = False
    token: str = ""

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer to an administrator's request; from inside only. It is not in the log."""
        status, answer = self.call(method, path, body, **{"X-Project-Id": PROJECT, **headers})
        if status >= 400:
            raise RefusedError(f"{method} {path}: {status} {answer}")
        return answer

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and answer of a request; from inside only."""
        server = http.client.HTTPConnection("127.0.0.1", NEUTRON, timeout=120)
        try:
            text = None if body is None else json.dumps(body)
            own = {"Content-Type": "application/json", "X-Test": "own", "X-Auth-Token": self.token}
            server.request(method, path, text, {**own, **headers})
            response = server.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None
        finally:
            server.close()

    def as_admin(self) -> Cloud:
        """Return the same cloud with the token of Keystone's administrator for the test's own requests."""
        who = {"name": "admin", "domain": {"id": "default"}, "password": "admin-password"}
        identity = {"methods": ["password"], "password": {"user": who}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        server = http.client.HTTPConnection("127.0.0.1", KEYSTONE, timeout=120)
        try:
            body = json.dumps({"auth": {"identity": identity, "scope": scope}})
            server.request("POST", "/v3/auth/tokens", body, {"Content-Type": "application/json"})
            response = server.getresponse()
            response.read()
            return replace(self, token=response.headers["X-Subject-Token"])
        finally:
            server.close()

    def reset(self, *, rules: int = 100, groups: int = 10, watch: bool = False) -> None:
        """Empty Neutron, the log and the list of faults; set the project's quotas (-1: none).

        watch: each write in the log tells what was open after it.
        """
        self.request("POST", "/-/reset", {"project": PROJECT, "watch": watch})
        self.quota(rules=rules, groups=groups)

    def quota(self, *, rules: int, groups: int = 10) -> None:
        """Set the project's quotas."""
        quota = {"security_group_rule": rules, "security_group": groups}
        self.request("PUT", f"/v2.0/quotas/{PROJECT}", {"quota": quota})

    def spoil(self, **fault: Any) -> None:
        """Add a fault.

        method, path: regular expressions, matched and searched; skip: how many pass first; times: how many are met;
        status, headers, error or answer: what is answered instead, late: after it was carried out; before, after:
        requests (C{method}, C{path}, C{body}) of somebody else around it.
        """
        self.request("POST", "/-/spoil", fault)

    def heal(self) -> None:
        """Forget the faults."""
        self.request("POST", "/-/configure", {"faults": []})

    def log(self) -> list[dict[str, Any]]:
        """Return all requests since C{forget} or C{reset}: method, path, query, bytes, status, seconds, done, open."""
        return list(self.request("POST", "/-/requests"))

    def writes(self) -> list[str]:
        """Return the writes of the log, as C{POST /security-groups}."""
        found = [entry for entry in self.log() if entry["method"] in WRITES]
        return [f"{entry['method']} {entry['path'].removeprefix('/v2.0')}" for entry in found]

    def forget(self) -> None:
        """Empty the log."""
        self.request("POST", "/-/configure", {"log": []})

    # What is there

    def groups(self, name: str = NAME) -> list[dict[str, Any]]:
        """Return the project's security groups of a name."""
        return list(self.request("GET", f"/v2.0/security-groups?name={name}")["security_groups"])

    def group(self, name: str = NAME) -> dict[str, Any]:
        """Return the security group of a name; there must be one."""
        (found,) = self.groups(name)
        return found

    def rules(self, name: str = NAME, direction: str = "egress") -> list[dict[str, Any]]:
        """Return the rules of a security group as the list of rules shows them."""
        query = f"security_group_id={self.group(name)['id']}&direction={direction}"
        return list(self.request("GET", f"/v2.0/security-group-rules?{query}")["security_group_rules"])

    def address_groups(self) -> list[dict[str, Any]]:
        """Return all address groups."""
        return list(self.request("GET", "/v2.0/address-groups")["address_groups"])

    def opened(self, name: str = NAME) -> Opened:
        """Return what a security group lets out, address groups spelled out."""
        sets = {found["id"]: found["addresses"] for found in self.address_groups()}
        found: Opened = set()
        for rule in self.rules(name):
            prefixes = sets.get(rule["remote_address_group_id"], [])
            if not rule["remote_address_group_id"]:
                prefixes = [rule["remote_ip_prefix"] or everywhere(rule["ethertype"])]
            assert all(
                everywhere(rule["ethertype"])[:2] == everywhere(f"IPv{ip_network(p).version}")[:2] for p in prefixes
            )
            found |= {opening(rule["protocol"], rule["port_range_min"], rule["port_range_max"], p) for p in prefixes}
        return found

    def programmed(self, port: str) -> dict[str, list[list[str]]]:
        """Return what Neutron's own drivers, C{iptables} and C{ovn}, make of a port's egress rules."""
        return dict(self.request("POST", "/-/programmed", {"port": port}))

    # Somebody else's

    def new_group(self, name: str, **more: Any) -> str:
        """Make a security group; returns its id."""
        body = {"security_group": {"name": name, "project_id": PROJECT, **more}}
        return str(self.request("POST", "/v2.0/security-groups", body)["security_group"]["id"])

    def new_rule(self, group: str, prefix: str | None = None, ports: Sequence[int] | None = None, **more: Any) -> str:
        """Make a rule, tcp to a prefix unless said otherwise; returns its id."""
        rule = {"security_group_id": group, "project_id": PROJECT, "direction": "egress", "protocol": "tcp"}
        rule |= {"ethertype": "IPv6" if prefix and ":" in prefix else "IPv4", "remote_ip_prefix": prefix}
        if ports:
            rule |= {"port_range_min": ports[0], "port_range_max": ports[-1]}
        body = {"security_group_rule": {**rule, **more}}
        return str(self.request("POST", "/v2.0/security-group-rules", body)["security_group_rule"]["id"])

    def new_address_group(self, name: str, *addresses: str, **more: Any) -> str:
        """Make an address group; returns its id."""
        body = {"address_group": {"name": name, "project_id": PROJECT, "addresses": list(addresses), **more}}
        return str(self.request("POST", "/v2.0/address-groups", body)["address_group"]["id"])

    def new_port(self, *groups: str) -> str:
        """Make a port in a network of its own that is in these security groups; returns its id."""
        body: dict[str, Any] = {"network": {"name": "net", "project_id": PROJECT}}
        network = self.request("POST", "/v2.0/networks", body)["network"]["id"]
        body = {"port": {"network_id": network, "project_id": PROJECT, "security_groups": list(groups)}}
        return str(self.request("POST", "/v2.0/ports", body)["port"]["id"])

    def delete(self, kind: str, identity: str) -> None:
        """Delete something, as C{security-group-rules}."""
        self.request("DELETE", f"/v2.0/{kind}/{identity}")

    # Ours

    def module(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        """Run the module in this process, which must be inside; returns what it says, failed or not."""
        where = {} if self.keystone else {"cloud": cloud(), "project": PROJECT}
        arguments = {"_ansible_check_mode": check, "_ansible_diff": True, **where, **params}
        return run_module({key: value for key, value in arguments.items() if value is not None})

    def apply(self, plan: dict[str, Any], **params: Any) -> dict[str, Any]:
        """Apply a plan; fails where the module fails."""
        done = self.module(plan=plan, **params)
        assert not done.get("failed"), done
        return done

    def play(
        self, playbook: str | Path, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook inside, its modules on the controller's Python."""
        command = [PLAYBOOK, "--inventory=localhost,", "--connection=local"]
        command += ["--extra-vars", f"ansible_python_interpreter={sys.executable}", playbook, *arguments]
        return self.space.run(command, cwd=REPOSITORY, env={**scrubbed(), **environment})

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Take this thread into the sandbox's network: nothing but its loopback is there."""
        libc = ctypes.CDLL(None, use_errno=True)
        before = dict(os.environ)
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{self.space.pid}/ns/net", "rb") as there:
            if libc.setns(there.fileno(), 0x40000000):
                raise WorldError(f"the network namespace cannot be entered: {os.strerror(ctypes.get_errno())}")
            os.environ.clear()
            os.environ.update(scrubbed(before))
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)
                if libc.setns(home.fileno(), 0x40000000):
                    os.abort()  # never go on in a namespace that is not ours


def scrubbed(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment without anything that leads to another cloud."""
    found = dict(os.environ if environment is None else environment)
    kept = {name: value for name, value in found.items() if not name.startswith(_SCRUBBED)}
    return {**kept, "OS_CLIENT_CONFIG_FILE": "/nonexistent/clouds.yaml", "no_proxy": "*"}


def cloud() -> dict[str, Any]:
    """Return the option C{cloud} for a Neutron without Keystone."""
    return {"auth_type": "none", "auth": {"endpoint": f"http://127.0.0.1:{NEUTRON}"}}


def everywhere(ethertype: str) -> str:
    """Return the prefix of all addresses of an IP version."""
    return {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}[ethertype]


def opening(protocol: str | None, first: int | None, last: int | None, prefix: str) -> tuple[str, int, int, str]:
    """Return what one rule opens, in one way of writing."""
    low, high = (0, 65535) if first is None or last is None else (first, last)
    return protocol or "any", low, high, str(ip_network(prefix))


def run_module(arguments: dict[str, Any], name: str = "openstack_security_group") -> dict[str, Any]:
    """Run a module's C{main} in this process; returns what it says."""
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        import_module(f"ansible_collections.egress.allowlist.plugins.modules.{name}").main()
    return dict(json.loads(out.getvalue()))


@contextmanager
def serve(*, keystone: bool = False) -> Iterator[Cloud]:
    """Start Neutron, with Keystone in front of it if asked for; both end with the context."""
    space = Namespace(system("neutron"))
    try:
        services = [("neutron", NEUTRON, KEYSTONE if keystone else 0)]
        services += [("keystone", KEYSTONE, NEUTRON)] if keystone else []
        started = []
        for name, port, other in services:
            command = f"setsid chroot {MOUNTED} python3 -P {_SERVER} {name} {port} {other}"
            command += f" >/run/{name}.log 2>&1 </dev/null & echo $!"
            started.append((name, port, space.run(["sh", "-c", command], check=True, env=ENVIRONMENT).stdout.strip()))
        for name, port, process in started:
            _wait(space, name, port, process)
        yield Cloud(space, keystone)
    finally:
        space.close()


@cache
def shared() -> Cloud:
    """Return the one Neutron of this process; it ends with it."""
    ends = ExitStack()
    atexit.register(ends.close)
    return ends.enter_context(serve())


@contextmanager
def empty(**options: Any) -> Iterator[Cloud]:
    """Be inside the process's Neutron, emptied; options as of C{reset}. A test that fails shows Neutron's own log."""
    found = shared()
    with found.inside():
        found.reset(**options)
        try:
            yield found
        except AssertionError as error:
            error.add_note(found.space.run(["tail", "-n", "80", "/run/neutron.log"]).stdout)
            raise


def _wait(space: Namespace, name: str, port: int, process: str) -> None:
    """Wait until a service listens; raises WorldError with its log when its process ends or takes too long."""
    listening = f":{port:04X} 00000000:0000 0A"
    for dummy in range(_UP * 10):
        if listening in space.run(["cat", "/proc/net/tcp"]).stdout:
            return
        if space.run(["kill", "-0", process]).returncode:
            break
        time.sleep(0.1)
    raise WorldError(f"{name} does not come up: {space.run(['tail', '-n', '30', f'/run/{name}.log']).stdout}")
