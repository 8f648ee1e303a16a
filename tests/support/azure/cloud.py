# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Azure on loopback: network security groups, subnets and interfaces with state, etags and slow operations.

cloud = AzureCloud()
with TlsProxy(cloud.handlers) as proxy: ...
cloud.rules()          # what the group has now
cloud.actions          # the permissions that were used

It checks each payload against the library's models and Azure's documented rules, and is not Azure: what passes here is
contract-checked, no more.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

from azure.mgmt.network import models

from tests.support.azure.contract import Refusal, check_group, conforms
from tests.support.tls_proxy import Request, Response

API, LOGIN = "management.azure.com", "login.microsoftonline.com"
SUBSCRIPTION, TENANT = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
CLIENT, SECRET = "00000000-0000-0000-0000-0000000000cc", "a secret that opens nothing"
RESOURCE_GROUP, GROUP = "booths", "interpreters"
_TOKEN = "a token that opens nothing"
_ROOT = f"/subscriptions/{SUBSCRIPTION}"
_NETWORK = f"{_ROOT}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.Network"
GROUP_ID = f"{_NETWORK}/networkSecurityGroups/{GROUP}"
_KINDS = {
    "networksecuritygroups": ("Microsoft.Network/networkSecurityGroups", models.NetworkSecurityGroup),
    "subnets": ("Microsoft.Network/virtualNetworks/subnets", models.Subnet),
    "networkinterfaces": ("Microsoft.Network/networkInterfaces", models.NetworkInterface),
}
_LISTS = (
    "sourceAddressPrefixes",
    "destinationAddressPrefixes",
    "sourcePortRanges",
    "destinationPortRanges",
)
_DEFAULTS = (
    ("AllowVnetOutBound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65001, "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65500, "Deny", "*", "*"),
)


def foreign(name: str, priority: Any, **properties: Any) -> dict[str, Any]:
    """Return a rule of somebody else."""
    given = {
        "protocol": "Tcp",
        "access": "Allow",
        "direction": "Outbound",
        "priority": priority,
        "sourceAddressPrefix": "10.0.0.0/8",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "203.0.113.7",
        "destinationPortRange": "443",
        "description": "not ours",
    }
    found = {**given, **properties}
    return {"name": name, "properties": {key: value for key, value in found.items() if value is not None}}


class AzureCloud:
    """The state, and what answers for it.

    C{slow}: how often an operation is still at work when it is asked about. C{fail_operations}: how many of the next
    writes are taken and then fail, with the code C{failure}.
    """

    def __init__(self) -> None:
        """Begin with a resource group that has a virtual network with two subnets and an interface, and no group."""
        self.resources: dict[str, dict[str, Any]] = {}
        self.actions: set[str] = set()
        self.slow = self.fail_operations = 0
        self.failure = "InternalServerError"
        self._operations: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        for name in ("interpreters", "guests"):
            address = {"addressPrefix": f"10.1.{len(self.resources)}.0/24", "delegations": [], "serviceEndpoints": []}
            self.put(f"{_NETWORK}/virtualNetworks/network/subnets/{name}", {"properties": address})
        addresses = [{"name": "first", "properties": {"primary": True, "privateIPAllocationMethod": "Dynamic"}}]
        card = {"location": "westeurope", "tags": {"owner": "them"}, "properties": {"ipConfigurations": addresses}}
        self.put(f"{_NETWORK}/networkInterfaces/card", card)

    @property
    def handlers(self) -> dict[str, Callable[[Request], Response]]:
        """What answers for which host."""
        return {API: self.answer, LOGIN: self.sign_in}

    # What tests do to it and ask of it

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Write a resource by other means than the API, as another writer does it."""
        self.resources[path.lower()] = {**copy.deepcopy(body), "id": path, "etag": self._etag()}

    def group(self) -> dict[str, Any] | None:
        """Return the group as it was written."""
        return self.resources.get(GROUP_ID.lower())

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules of the group."""
        return (self.group() or {"properties": {}})["properties"].get("securityRules") or []

    def add(self, *rules: dict[str, Any], **more: Any) -> None:
        """Add rules to the group as somebody else does; creates it where it is not."""
        group = self.group() or {"location": "westeurope", **more, "properties": {}}
        known = group["properties"].get("securityRules") or []
        self.put(GROUP_ID, {**group, "properties": {**group["properties"], "securityRules": [*known, *rules]}})

    def change(self, name: str, **properties: Any) -> None:
        """Change a rule of the group as somebody else does."""
        group = copy.deepcopy(self.group())
        assert group
        [rule] = [rule for rule in group["properties"]["securityRules"] if rule["name"] == name]
        rule["properties"].update(properties)
        self.put(GROUP_ID, group)

    def attached(self) -> list[str]:
        """Return what the group is attached to."""
        return sorted(
            resource["id"].rpartition("/")[2]
            for resource in self.resources.values()
            if (resource["properties"].get("networkSecurityGroup") or {}).get("id", "").lower() == GROUP_ID.lower()
        )

    def snapshot(self) -> str:
        """Return all that is there, without etags, to be compared."""
        return json.dumps(
            {path: {**body, "etag": None} for path, body in self.resources.items()},
            sort_keys=True,
        )

    # The API

    def sign_in(self, request: Request) -> Response:
        """Answer for the host that gives tokens."""
        if request.path.endswith("/.well-known/openid-configuration"):
            place = f"https://{request.host}/{TENANT}/oauth2/v2.0"
            ends = {"authorization_endpoint": f"{place}/authorize", "token_endpoint": f"{place}/token"}
            return Response(body={**ends, "issuer": f"https://{request.host}/{TENANT}/v2.0"})
        if request.path.endswith("/oauth2/v2.0/token"):
            if f"client_id={CLIENT}" not in request.body.decode() or "opens+nothing" not in request.body.decode():
                return Response(401, {"error": "invalid_client", "error_description": "AADSTS7000215: no such secret"})
            return Response(body={"token_type": "Bearer", "expires_in": 3600, "access_token": _TOKEN})
        if request.path == "/common/discovery/instance":
            aliases = [{"preferred_network": LOGIN, "preferred_cache": LOGIN, "aliases": [LOGIN]}]
            place = f"https://{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"
            return Response(body={"tenant_discovery_endpoint": place, "metadata": aliases})
        return Response(404)

    def answer(self, request: Request) -> Response:
        """Answer for the API."""
        if request.headers.get("authorization") != f"Bearer {_TOKEN}":
            return _error(401, "AuthenticationFailed", "Authentication failed.")
        if "api-version" not in request.query:
            return _error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        operation = re.fullmatch(rf"{_ROOT}/providers/Microsoft\.Network/locations/.+/operations/(\w+)", request.path)
        if operation:
            self.actions.add("Microsoft.Network/locations/operations/read")
            return self._operation(operation[1])
        try:
            return self._resource(request)
        except Refusal as refusal:
            return _error(refusal.status, refusal.code, refusal.message)

    def _resource(self, request: Request) -> Response:
        path, kinds = request.path.lower(), request.path.lower().split("/")
        if not path.startswith(f"{_ROOT}/resourcegroups/".lower()) or kinds[-2] not in _KINDS:
            raise Refusal("ResourceNotFound", request.path, 404)
        if not path.startswith(_NETWORK.lower()):
            raise Refusal("ResourceGroupNotFound", f"Resource group '{request.path.split('/')[4]}' was not found.", 404)
        kind, model = _KINDS[kinds[-2]]
        verb = {"GET": "read", "PUT": "write", "DELETE": "delete"}[request.method]
        self.actions.add(f"{kind}/{verb}")
        known = self.resources.get(path)
        if request.method == "GET":
            if known is None:
                raise Refusal("ResourceNotFound", f"The Resource '{request.path}' was not found.", 404)
            return Response(body=self._shown(known, kind))
        self._precondition(request, known)
        if any(operation["left"] for operation in self._operations.values()):
            raise Refusal("AnotherOperationInProgress", "Another operation is in progress.", 429)
        if request.method == "DELETE":
            return self._delete(path, known)
        return self._put(request, path, known, kind, model)

    def _precondition(self, request: Request, known: dict[str, Any] | None) -> None:
        expected = request.headers.get("if-match")
        if (expected and (known or {}).get("etag") != expected) or (known and request.headers.get("if-none-match")):
            raise Refusal("PreconditionFailed", "Precondition failed.", 412)

    def _put(self, request: Request, path: str, known: Any, kind: str, model: Any) -> Response:
        body = {key: value for key, value in request.json.items() if key not in ("id", "name", "type", "etag")}
        conforms(model, body)
        attached = (body["properties"].get("networkSecurityGroup") or {}).get("id")
        if attached:
            if attached.lower() not in self.resources:
                raise Refusal("InvalidResourceReference", f"Resource {attached} was not found.")
            self.actions.add("Microsoft.Network/networkSecurityGroups/join/action")
        if model is models.NetworkSecurityGroup:
            check_group(body)
            if known and known["location"] != body.get("location"):
                raise Refusal("InvalidResourceLocation", "The resource is in another location.", 409)
            if not body.get("location"):
                raise Refusal("LocationRequired", "The location property is required for this definition.")
        old = copy.deepcopy(known)
        self.put(request.path, body)
        headers = self._begin(path, old)
        state = "Updating" if headers else "Succeeded"
        return Response(200 if known else 201, self._shown(self.resources[path], kind, state), headers)

    def _delete(self, path: str, known: dict[str, Any] | None) -> Response:
        if known is None:
            return Response(204)
        if self.attached():
            raise Refusal("InUseNetworkSecurityGroupCannotBeDeleted", f"{path} is in use.")
        del self.resources[path]
        headers = self._begin(path, known)
        # Azure names this place in another header than that of a write.
        return Response(202, None, {"Location": headers["Azure-AsyncOperation"]}) if headers else Response(204)

    def _begin(self, path: str, old: dict[str, Any] | None) -> dict[str, str]:
        """Begin an operation, and return the headers that say where to ask about it."""
        if not self.slow and not self.fail_operations:
            return {}
        number = f"o{next(self._numbers)}"
        failing = self.fail_operations > 0
        self.fail_operations -= failing
        self._operations[number] = {"left": self.slow, "fails": failing, "path": path, "old": old}
        place = f"https://{API}{_ROOT}/providers/Microsoft.Network/locations/westeurope/operations/{number}"
        return {"Azure-AsyncOperation": f"{place}?api-version=2026-03-01"}

    def _operation(self, number: str) -> Response:
        operation = self._operations[number]
        if operation["left"]:
            operation["left"] -= 1
            return Response(body={"status": "InProgress"}, headers={"Retry-After": "1"})
        if operation["fails"]:
            if operation["old"] is None:
                self.resources.pop(operation["path"], None)
            else:
                self.resources[operation["path"]] = operation["old"]
            return Response(
                body={"status": "Failed", "error": {"code": self.failure, "message": "It came to nothing."}}
            )
        return Response(body={"status": "Succeeded"})

    def _etag(self) -> str:
        return f'W/"{next(self._numbers)}"'

    def _shown(self, resource: dict[str, Any], kind: str, state: str = "Succeeded") -> dict[str, Any]:
        """Return a resource as Azure shows it: with what only Azure writes, empty lists, and an order of its own."""
        found = copy.deepcopy(resource)
        found.update(name=resource["id"].rpartition("/")[2], type=kind)
        found["properties"]["provisioningState"] = state
        if kind.endswith("networkSecurityGroups"):
            rules = found["properties"].setdefault("securityRules", [])
            rules.reverse()
            for rule in rules:
                self._show_rule(rule, resource)
            found["properties"]["defaultSecurityRules"] = [_default(resource["id"], *rule) for rule in _DEFAULTS]
            found["properties"]["resourceGuid"] = "00000000-0000-0000-0000-0000000000dd"
            for key, part in (("subnets", "/subnets/"), ("networkInterfaces", "/networkInterfaces/")):
                ids = [self.resources[path]["id"] for path in self._attached_paths() if part.lower() in path]
                if ids:
                    found["properties"][key] = [{"id": one} for one in ids]
        return found

    def _attached_paths(self) -> list[str]:
        return [
            path
            for path, body in self.resources.items()
            if (body["properties"].get("networkSecurityGroup") or {}).get("id", "").lower() == GROUP_ID.lower()
        ]

    @staticmethod
    def _show_rule(rule: dict[str, Any], resource: dict[str, Any]) -> None:
        rule.update(
            id=f"{resource['id']}/securityRules/{rule['name']}",
            etag=resource["etag"],
            type="Microsoft.Network/networkSecurityGroups/securityRules",
        )
        rule["properties"]["provisioningState"] = "Succeeded"
        for key in _LISTS:
            rule["properties"][key] = sorted(rule["properties"].get(key) or [], reverse=True)


def _default(group: str, name: str, priority: int, access: str, source: str, destination: str) -> dict[str, Any]:
    sides = {"sourceAddressPrefix": source, "destinationAddressPrefix": destination}
    everything = {"protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*"}
    properties = {**everything, **sides, "access": access, "priority": priority, "direction": "Outbound"}
    return {"id": f"{group}/defaultSecurityRules/{name}", "name": name, "properties": properties}


def _error(status: int, code: str, message: str) -> Response:
    return Response(status, {"error": {"code": code, "message": message}})
