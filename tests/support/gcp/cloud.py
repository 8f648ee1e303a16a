# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of Google Cloud with state, as far as firewall rules go, behind the contract of its API.

cloud = Cloud()
with TlsProxy(cloud.handlers()) as proxy: ...
cloud.allows("tcp", "192.0.2.1", 443, tags=["web"])      # as Google evaluates the rules
cloud.broken                                             # requests that the API does not describe: must stay empty

What a write does is there when its operation is done, and that only when somebody waits for it.
"""

from __future__ import annotations

import copy
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import jwt

from tests.support.gcp.contract import Broken, check, check_answer
from tests.support.tls_proxy import Handler, Request, Response

API = "compute.googleapis.com"
LOGIN = "oauth2.googleapis.com"
BOUNDARIES = "iamcredentials.googleapis.com"  # google-auth asks it by itself where an account may be used
PROJECT = "acme-video"
NETWORK = "production"
TOKEN = "token-of-nobody-made-for-tests-only"
URL = "https://www.googleapis.com/compute/v1/"
PERMISSIONS = {  # what each method needs, by Google's reference
    "compute.projects.get": ["compute.projects.get"],
    "compute.networks.get": ["compute.networks.get"],
    "compute.firewalls.list": ["compute.firewalls.list"],
    "compute.firewalls.insert": ["compute.firewalls.create", "compute.networks.updatePolicy"],
    "compute.firewalls.patch": ["compute.firewalls.update", "compute.networks.updatePolicy"],
    "compute.firewalls.delete": ["compute.firewalls.delete", "compute.networks.updatePolicy"],
    "compute.globalOperations.wait": ["compute.globalOperations.get"],
    "compute.regionOperations.wait": ["compute.regionOperations.get"],
    "compute.networkFirewallPolicies.get": ["compute.firewallPolicies.get"],
    "compute.networkFirewallPolicies.patch": ["compute.firewallPolicies.update"],
    "compute.regionNetworkFirewallPolicies.get": ["compute.regionFirewallPolicies.get"],
    "compute.regionNetworkFirewallPolicies.patch": ["compute.regionFirewallPolicies.update"],
}
_RFC1035 = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,255}\Z)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+")
_DEFAULTS = range(2147483644, 2147483648)  # priorities that a policy has from the beginning


class Refusal(Exception):
    """An answer that refuses: status, reason, message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.answer = Response(
            status, {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
        )


class Cloud:
    """The project; C{quota}: VPC firewall rules; C{page}: items of a page; C{granted}: permissions, None for all.

    C{effects}: called after each change. C{fail}: answers C{(code, status)} for an operation that is to fail.
    """

    def __init__(self, *, quota: int = 100, page: int = 500) -> None:
        self.quota, self.page = quota, page
        self.networks: dict[str, dict[str, Any]] = {}
        self.firewalls: dict[str, dict[str, Any]] = {}
        self.policies: dict[tuple[str, str], dict[str, Any]] = {}
        self.dns: dict[str, list[str]] = {}
        self.granted: set[str] | None = None
        self.used: set[str] = set()
        self.broken: list[str] = []
        self.effects: list[Callable[[], None]] = []
        self.fail: Callable[[str, dict[str, str]], tuple[str, int] | None] = lambda method, given: None
        self.public_key: Any = None
        self.tokens = {TOKEN}
        self._operations: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, str] = {}
        self._number = 1000
        self.add_network(NETWORK)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers of the hosts."""
        anywhere = Response(200, {"locations": [], "encodedLocations": "0x0"})
        return {API: self.handle, LOGIN: self.login, BOUNDARIES: lambda request: anywhere}

    # What a test arranges by hand, past the API.

    def add_network(self, name: str, **more: Any) -> None:
        """Make a network."""
        self.networks[name] = {
            "kind": "compute#network",
            "name": name,
            "id": self._id(),
            "selfLink": f"{URL}projects/{PROJECT}/global/networks/{name}",
            "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
            **more,
        }

    def add_firewall(self, name: str, *, network: str = NETWORK, **body: Any) -> None:
        """Make a rule as somebody else does."""
        given = {"direction": "EGRESS", "priority": 1000, **body, "name": name}
        self._store(given | {"network": f"projects/{PROJECT}/global/networks/{network}"})

    def add_policy(self, name: str, *rules: dict[str, Any], region: str = "", associated: bool = True) -> None:
        """Make a network firewall policy with its default rules and others."""
        layers = {"layer4Configs": [{"ipProtocol": "all"}]}
        defaults = [
            {
                "priority": priority,
                "direction": "EGRESS" if priority % 2 else "INGRESS",
                "action": "goto_next",
                "description": "default rule",
                "enableLogging": False,
                "match": {**layers, "destIpRanges" if priority % 2 else "srcIpRanges": [everywhere]},
            }
            for priority, everywhere in zip(_DEFAULTS, ["::/0", "::/0", "0.0.0.0/0", "0.0.0.0/0"], strict=True)
        ]
        network = f"{URL}projects/{PROJECT}/global/networks/{NETWORK}"
        self.policies[region, name] = {
            "kind": "compute#firewallPolicy",
            "name": name,
            "id": self._id(),
            "fingerprint": self._fingerprint(),
            "rules": [self._shown(rule) for rule in [*rules, *defaults]],
            "associations": [{"name": "a", "attachmentTarget": network}] if associated else [],
        }

    # The API.

    def login(self, request: Request) -> Response:
        """Give a token for a signed assertion of the service account."""
        given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        try:
            claims = jwt.decode(
                given["assertion"], self.public_key, algorithms=["RS256"], audience=f"https://{LOGIN}/token"
            )
        except jwt.PyJWTError as exc:
            return Response(400, {"error": "invalid_grant", "error_description": str(exc)})
        if claims["scope"] not in ("https://www.googleapis.com/auth/compute",):
            return Response(400, {"error": "invalid_scope"})
        token = f"token-{uuid.uuid4()}"
        self.tokens.add(token)
        return Response(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def handle(self, request: Request) -> Response:
        """Answer a request to the API."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Refusal(401, "authError", "Request had invalid authentication credentials.").answer
        try:
            method, given, body = check(request)
            if method not in PERMISSIONS:
                raise Broken(f"{method} is not of those that the documentation lists")
            self._permit(method, given)
            answer = self._answer(method, given, body)
            check_answer(method, answer)
        except Broken as exc:
            self.broken.append(str(exc))
            return Refusal(400, "invalid", str(exc)).answer
        except Refusal as exc:
            return exc.answer
        return Response(200, copy.deepcopy(answer))

    def _permit(self, method: str, given: dict[str, str]) -> None:
        for permission in PERMISSIONS[method]:
            if self.granted is not None and permission not in self.granted:
                text = f"Required '{permission}' permission for 'projects/{PROJECT}'"
                raise Refusal(403, "forbidden", text)
            self.used.add(permission)
        if given["project"] != PROJECT:
            raise Refusal(404, "notFound", f"The resource 'projects/{given['project']}' was not found")

    def _answer(self, method: str, given: dict[str, str], body: Any) -> dict[str, Any]:
        kind, _dot, verb = method.removeprefix("compute.").partition(".")
        if verb == "wait":
            return self._wait(given)
        if kind == "projects":
            quota = {"metric": "FIREWALLS", "limit": float(self.quota), "usage": float(len(self.firewalls))}
            return {"kind": "compute#project", "name": PROJECT, "quotas": [quota]}
        if kind == "networks":
            return self._known(self.networks, given["network"])
        if kind == "firewalls":
            return self._list(given) if verb == "list" else self._firewall(method, verb, given, body)
        place = (given.get("region", ""), given["firewallPolicy"])
        policy = self._known(self.policies, place)
        if verb == "get":
            return policy
        if body.get("fingerprint") != policy["fingerprint"]:
            raise Refusal(412, "conditionNotMet", "Invalid fingerprint.")
        check_policy(body["rules"])
        rules = [self._shown(rule) for rule in body["rules"]]
        return self._begin(
            method, given, lambda: policy.update(rules=rules, fingerprint=self._fingerprint()), place[0]
        )  # fmt: skip

    def _firewall(self, method: str, verb: str, given: dict[str, str], body: Any) -> dict[str, Any]:
        if verb == "insert":
            if body["name"] in self.firewalls:
                raise Refusal(409, "alreadyExists", f"The resource '{body['name']}' already exists")
            check_firewall(body)
            if len(self.firewalls) >= self.quota:
                raise Refusal(403, "quotaExceeded", f"Quota 'FIREWALLS' exceeded. Limit: {self.quota} globally.")
            return self._begin(method, given, lambda: self._store(body))
        old = self._known(self.firewalls, given["firewall"])
        if verb == "delete":
            return self._begin(method, given, lambda: self.firewalls.pop(given["firewall"], None))
        if not body.keys() >= {"name"} or body["name"] != given["firewall"]:
            raise Refusal(400, "invalid", "name of the body and of the path differ")
        fixed = {"direction", "network"} & body.keys()
        if fixed or ("allowed" in body and "allowed" not in old) or ("denied" in body and "denied" not in old):
            raise Refusal(400, "invalid", "direction, network and action of a rule cannot be changed")
        merged = {key: value for key, value in {**old, **body}.items() if value != []}
        check_firewall(merged)
        return self._begin(method, given, lambda: self._store(merged))

    def _list(self, given: dict[str, str]) -> dict[str, Any]:
        names = sorted(self.firewalls)
        start = int(given.get("pageToken", "0"))
        end = start + min(self.page, int(given.get("maxResults", "500")))
        found: dict[str, Any] = {"kind": "compute#firewallList", "id": "list"}
        if names[start:end]:
            found["items"] = [self.firewalls[name] for name in names[start:end]]
        if end < len(names):
            found["nextPageToken"] = str(end)
        return found

    def _begin(self, method: str, given: dict[str, str], effect: Callable[[], Any], region: str = "") -> dict[str, Any]:
        """Return an operation that has just begun, the same for a request that is repeated."""
        number = given["requestId"] if "requestId" in given else str(uuid.uuid4())
        if str(uuid.UUID(number)) != number or not int(uuid.UUID(number)):
            raise Refusal(400, "invalid", "requestId is not a UUID")
        if number in self._asked:
            return self._shown_operation(self._asked[number])
        name = self._asked[number] = f"operation-{self._id()}"
        self._operations[name] = {
            "region": region, "status": "PENDING", "effect": effect, "failure": self.fail(method, given),
        }  # fmt: skip
        return self._shown_operation(name)

    def _wait(self, given: dict[str, str]) -> dict[str, Any]:
        operation = self._known(self._operations, given["operation"])
        if operation["region"] != given.get("region", ""):
            raise Refusal(404, "notFound", "the operation is of another scope")
        if operation["status"] == "PENDING":
            operation["status"] = "RUNNING"
        elif operation["status"] == "RUNNING":
            operation["status"] = "DONE"
            if not operation["failure"]:
                operation["effect"]()
                for effect in self.effects:
                    effect()
        return self._shown_operation(given["operation"])

    def _shown_operation(self, name: str) -> dict[str, Any]:
        operation = self._operations[name]
        found: dict[str, Any] = {"kind": "compute#operation", "name": name, "status": operation["status"]}
        if operation["failure"] and operation["status"] == "DONE":
            code, status = operation["failure"]
            found["error"] = {"errors": [{"code": code, "message": f"it failed: {code}"}]}
            found["httpErrorStatusCode"] = status
        return found

    def _known(self, things: dict[Any, Any], name: Any) -> Any:
        if name not in things:
            raise Refusal(404, "notFound", f"The resource '{name}' was not found")
        return things[name]

    def _store(self, body: dict[str, Any]) -> None:
        network = body["network"].partition("projects/")[2]
        shown = copy.deepcopy(body)
        # As the API does: a full address, and no promise on the order of lists.
        shown["network"] = f"{URL}projects/{network}"
        shown["destinationRanges"] = [*reversed(shown.get("destinationRanges") or ["0.0.0.0/0"])]
        shown.setdefault("disabled", False)
        shown.setdefault("logConfig", {"enable": False})
        shown.setdefault("description", "")
        shown.setdefault("id", self._id())
        shown |= {"kind": "compute#firewall", "selfLink": f"{URL}projects/{PROJECT}/global/firewalls/{body['name']}"}
        self.firewalls[body["name"]] = shown

    def _shown(self, rule: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"kind": "compute#firewallPolicyRule", "disabled": False, **copy.deepcopy(rule)}
        for tags in (shown.get("targetSecureTags", []), shown["match"].get("srcSecureTags", [])):
            for tag in tags:
                tag["state"] = "EFFECTIVE"
        count = sum(len(value) for value in shown["match"].values() if isinstance(value, list))
        return {**shown, "ruleTupleCount": count}

    def _id(self) -> str:
        self._number += 1
        return str(self._number)

    def _fingerprint(self) -> str:
        return f"fingerprint{self._id()}="

    # How Google evaluates the rules.

    def allows(
        self,
        protocol: str,
        address: str,
        port: int,
        *,
        network: str = NETWORK,
        tags: Iterable[str] = (),
        account: str = "",
        policy: tuple[str, str] | None = None,
    ) -> bool:
        """Tell whether a first packet leaves an instance: VPC rules first, then the policy's, then the implied rule."""
        where = ipaddress.ip_address(address)
        rules = [rule for rule in self.firewalls.values() if rule["network"].endswith(f"/{network}")]
        # By priority; of two alike the one that denies.
        for rule in sorted(rules, key=lambda rule: (rule["priority"], "denied" not in rule)):
            mine = not rule.get("targetTags") or {*rule["targetTags"]} & {*tags}
            mine = mine and (not rule.get("targetServiceAccounts") or account in rule["targetServiceAccounts"])
            if rule["direction"] != "EGRESS" or rule["disabled"] or not mine:
                continue
            services = [(each["IPProtocol"], each.get("ports")) for each in rule.get("allowed") or rule["denied"]]
            if _reaches(where, rule["destinationRanges"]) and _serves(services, protocol, port):
                return "allowed" in rule
        for rule in sorted(self.policies[policy]["rules"], key=lambda rule: rule["priority"]) if policy else []:
            mine = not rule.get("targetServiceAccounts") or account in rule["targetServiceAccounts"]
            if rule["direction"] != "EGRESS" or rule["disabled"] or not mine or rule.get("targetSecureTags"):
                continue
            match = rule["match"]
            resolved = [text for name in match.get("destFqdns", []) for text in self.dns.get(name, [])[:32]]
            services = [(each["ipProtocol"], each.get("ports")) for each in match["layer4Configs"]]
            reached = _reaches(where, [*match.get("destIpRanges", []), *resolved])
            if reached and _serves(services, protocol, port) and rule["action"] != "goto_next":
                return bool(rule["action"] == "allow")
        return True


def _reaches(where: Any, ranges: Iterable[str]) -> bool:
    return any(where in ipaddress.ip_network(text) for text in ranges)


def _serves(services: Iterable[tuple[str, list[str] | None]], protocol: str, port: int) -> bool:
    for name, ports in services:
        if name not in ("all", protocol):
            continue
        spans = [text.partition("-") for text in ports or ["0-65535"]]
        if any(int(first) <= port <= int(last or first) for first, _dash, last in spans):
            return True
    return False


def check_firewall(body: dict[str, Any]) -> None:
    """Raise Refusal for what Google's reference and limits do not admit in a VPC firewall rule."""
    _limit(bool(_RFC1035.fullmatch(body.get("name", ""))), "name")
    _limit("network" in body, "network")
    _limit(0 <= body.get("priority", 1000) <= 65535, "priority")
    _limit(("allowed" in body) != ("denied" in body), "either allowed or denied")
    _limit(body.get("direction") == "EGRESS" and "sourceTags" not in body, "egress")
    _layers(body.get("allowed") or body["denied"], "IPProtocol")
    _ranges(body.get("destinationRanges", []))
    tags, accounts = body.get("targetTags", []), body.get("targetServiceAccounts", [])
    _limit(len(tags) <= 70 and all(_RFC1035.fullmatch(tag) for tag in tags), "targetTags")
    _limit(len(accounts) <= 10 and all("@" in account for account in accounts), "targetServiceAccounts")
    _limit(not (tags and accounts), "targetTags together with targetServiceAccounts")
    _limit(len(body.get("description", "")) <= 2048, "description")


def check_policy(rules: list[dict[str, Any]]) -> None:
    """Raise Refusal for what Google's reference and limits do not admit as all rules of a policy."""
    priorities = [rule["priority"] for rule in rules]
    _limit(len(set(priorities)) == len(priorities), "priorities that are not unique")
    _limit({*_DEFAULTS} <= {*priorities}, "default rules are missing")
    for rule in rules:
        match = rule["match"]
        _limit(0 <= rule["priority"] <= 2147483647, "priority")
        _limit(rule["action"] in ("allow", "deny", "goto_next"), "action")
        _limit(not (rule["action"] == "goto_next" and rule.get("enableLogging")), "goto_next is not logged")
        _layers(match["layer4Configs"], "ipProtocol")
        if rule["direction"] == "EGRESS":
            ranges, names = match.get("destIpRanges", []), match.get("destFqdns", [])
            _limit(bool(ranges or names), "an egress rule without destination")
            _ranges(ranges)
            _limit(len(names) <= 100 and all(_HOST.fullmatch(name) for name in names), "destFqdns")
        tags, accounts = rule.get("targetSecureTags", []), rule.get("targetServiceAccounts", [])
        _limit(len(tags) <= 256 and not (tags and accounts), "targets")
        _limit(len(rule.get("description", "")) <= 2048, "description")


def _layers(layers: list[dict[str, Any]], key: str) -> None:
    _limit(bool(layers), "protocols")
    for each in layers:
        number = str(each.get(key)).isdigit() and 0 <= int(each[key]) <= 255
        _limit(number or each.get(key) in ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all"), key)
        _limit("ports" not in each or each[key] in ("tcp", "udp", "sctp"), "ports")
        for text in each.get("ports", []):
            first, dash, last = text.partition("-")
            _limit(0 <= int(first) <= int(last if dash else first) <= 65535, "ports")


def _ranges(ranges: list[str]) -> None:
    _limit(len(ranges) <= 5000, "more than 5000 ranges")
    _limit(len({":" in text for text in ranges}) <= 1, "IPv4 and IPv6 in one rule")
    _limit(len(set(ranges)) == len(ranges), "ranges that are not unique")
    for text in ranges:
        try:
            ipaddress.ip_network(text)
        except ValueError as exc:
            raise Refusal(400, "invalid", str(exc)) from exc


def _limit(kept: bool, what: str) -> None:
    if not kept:
        raise Refusal(400, "invalid", f"Invalid value: {what}")
