# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may go wrong on the way to Google Cloud: credentials, permissions, throttling, lost answers, other writers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._clouds.gcp import api
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.gcp.cloud import API, LOGIN, PERMISSIONS, PROJECT, TOKEN
from tests.support.gcp.contract import Broken, check, check_answer
from tests.support.gcp.module import World, google, planned
from tests.support.repository import REPOSITORY
from tests.support.rules import row
from tests.support.tls_proxy import Request, Response, fail_write, once_before, throttle

ROWS = [row("192.0.2.0/28"), row("198.51.100.0/24", "80"), row("2001:db8::/32", "3478", "UDP", service="media")]


def writes(request: Request) -> bool:
    return request.host == API and request.writes and not request.path.endswith("/wait")


# Credentials


@pytest.fixture(scope="module")
def account() -> dict[str, Any]:
    """A service account's file; its public key under C{public}."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return {
        "public": key.public_key(),
        "file": {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "0123456789abcdef",
            "private_key": private,
            "client_email": "ansible@acme-video.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"https://{LOGIN}/token",
        },
    }


@pytest.mark.parametrize("how", ["file", "contents", "environment", "application"])
def test_a_service_account(world: World, account: dict[str, Any], how: str, tmp_path: Path) -> None:
    world.cloud.public_key = account["public"]
    path = tmp_path / "account.json"
    path.write_text(json.dumps(account["file"]), "utf-8")
    environment, params = {
        "file": ({}, {"auth_kind": "serviceaccount", "service_account_file": str(path)}),
        "contents": ({}, {"auth_kind": "serviceaccount", "service_account_contents": account["file"]}),
        "environment": ({"GCP_AUTH_KIND": "serviceaccount", "GCP_SERVICE_ACCOUNT_FILE": str(path)}, {}),
        "application": ({"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, {}),
    }[how]
    said = world.run(plan=planned(ROWS), environment=environment, **params)
    assert not said.get("failed"), said
    assert len([request for request in world.proxy.requests if request.host == LOGIN]) == 1
    assert account["file"]["private_key"][40:80] not in json.dumps(said)


def test_an_access_token_of_the_environment(world: World) -> None:
    said = world.run(plan=planned(ROWS), environment={"GCP_AUTH_KIND": "accesstoken", "GCP_ACCESS_TOKEN": TOKEN})
    assert said["changed"]
    assert TOKEN not in json.dumps(said)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"auth_kind": "accesstoken", "access_token": "a-token-that-nobody-knows"}, "the credentials are not accepted"),
        ({"auth_kind": "accesstoken"}, "auth_kind accesstoken needs access_token"),
        ({"auth_kind": "application"}, "no credentials for Google Cloud (auth_kind application)"),
        ({"auth_kind": "serviceaccount", "service_account_file": "/nonexistent"}, "/nonexistent"),
        ({"auth_kind": "serviceaccount", "service_account_contents": {"type": "service_account"}}, "no credentials"),
    ],
)  # fmt: skip
def test_credentials_that_are_not_good(world: World, params: dict, reason: str) -> None:
    said = world.run(plan=planned(ROWS), environment={}, **params)
    assert said.get("failed"), said
    assert reason in said["msg"]
    assert world.asked() == []


@pytest.mark.parametrize(("flag", "library"), [("HAS_REQUESTS", "requests"), ("HAS_GOOGLE_AUTH", "google-auth")])
def test_a_missing_library_says_what_installs_it(
    world: World, monkeypatch: pytest.MonkeyPatch, flag: str, library: str
) -> None:
    monkeypatch.setattr(api, flag, False)
    said = world.run(plan=planned(ROWS))
    assert said.get("failed"), said
    assert f"the Python library {library} is missing" in said["msg"]
    assert f"{sys.executable} -m pip install google-auth requests" in said["msg"]


# Permissions


def documented() -> dict[str, set[str]]:
    """The permissions of the two blocks in the documentation."""
    text = (REPOSITORY / "docs" / "gcp.md").read_text("utf-8")
    blocks = re.findall(r"includedPermissions:\n((?:- compute\.\S+\n)+)", text)
    assert len(blocks) == 2
    names = ("vpc", "policy")
    return {name: set(re.findall(r"compute\.\S+", block)) for name, block in zip(names, blocks, strict=True)}


@pytest.mark.parametrize("place", ["vpc", "policy"])
def test_the_documented_permissions_are_enough_and_needed(world: World, place: str) -> None:
    world.cloud.granted = documented()[place]
    regions = ["", "europe-west1"] if place == "policy" else [""]
    for region in regions:
        world.cloud.add_policy("web", region=region)
        params = {"firewall_policy": "web", "region": region} if place == "policy" else {}
        options = {"firewall_policy": "web"} if place == "policy" else {}
        for rows in (ROWS, ROWS[:1], [row("192.0.2.0/29")]):
            world.apply(rows, policy="deny", params=params, **options)
        assert world.run(state="absent", **params)["changed"]
    assert world.cloud.used == world.cloud.granted


@pytest.mark.parametrize("permission", sorted({needed for listed in PERMISSIONS.values() for needed in listed}))
def test_a_missing_permission_is_named(world: World, permission: str) -> None:
    world.cloud.add_policy("web")
    world.cloud.add_policy("web", region="europe-west1")
    world.cloud.granted = {needed for listed in PERMISSIONS.values() for needed in listed} - {permission}
    policy = "irewallPolicies" in permission
    params = {"firewall_policy": "web"} if policy or "region" in permission else {}
    if "region" in permission:
        params["region"] = "europe-west1"
    said: dict[str, Any] = {}
    for rows in (ROWS, [row("192.0.2.0/29")]):  # made, changed and removed
        said = world.run(plan=planned(rows, firewall_policy=params.get("firewall_policy", "")), **params)
        if said.get("failed"):
            break
    assert said.get("failed"), said
    assert f"Required '{permission}' permission" in said["msg"]


# Throttling and lost answers


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, None),
        (503, {"error": {"code": 503, "message": "Service unavailable"}}),
        (403, {"error": {"code": 403, "message": "Rate Limit Exceeded", "errors": [{"reason": "rateLimitExceeded"}]}}),
        (400, {"error": {"code": 400, "message": "It is not ready", "errors": [{"reason": "resourceNotReady"}]}}),
    ],
)
def test_throttling_is_waited_for(world: World, status: int, body: Any) -> None:
    world.proxy.hooks.append(throttle(3, [API], status=status, body=body))
    said = world.apply(ROWS)
    assert said["changed"]
    assert said["calls"] == len(world.asked(writes=False))


def test_throttling_without_end_is_told(world: World) -> None:
    world.proxy.hooks.append(throttle(99, [API], body={"error": {"code": 429, "message": "Too many"}}))
    said = world.run(plan=planned(ROWS))
    assert said.get("failed"), said
    assert "429 Too many" in said["msg"]
    assert said["calls"] == 8


def test_pauses_grow_and_obey_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(api.time, "sleep", slept.append)
    for attempt in range(8):
        api._pause(attempt, None)
    assert all(min(2**n, 32) / 2 <= seconds <= min(2**n, 32) for n, seconds in enumerate(slept))
    api._pause(0, "7")
    assert slept[-1] == 7


def test_a_lost_answer_does_nothing_twice(world: World) -> None:
    """The cloud has done what was asked, and nobody hears of it: the request comes again, with its own id."""
    lost: list[str] = []

    def lose(request: Request) -> Response | None:
        if writes(request) and len(lost) < 3:
            lost.append(request.query["requestId"][0])
            world.cloud.handle(request)
            return Response(503, None, {"Retry-After": "0"})
        return None

    world.proxy.hooks.append(lose)
    assert world.apply(ROWS)["changed"]
    ids = [request.query["requestId"][0] for request in world.proxy.requests if writes(request)]
    # The first three attempts all were the first rule's.
    assert lost == ids[:3] == [ids[0]] * 3
    assert len(set(ids)) == 3
    assert len(world.ours()) == 3


def test_pages(world: World) -> None:
    for number in range(7):
        world.cloud.add_firewall(f"other{number}", allowed=[{"IPProtocol": "icmp"}])
    world.cloud.page = 2
    said = world.apply(ROWS)
    assert said["units"][0]["before"] == 7
    assert said["units"][0]["after"] == 10
    assert not world.apply(ROWS)["changed"]


# Other writers


def remove(world: World) -> None:
    world.cloud.firewalls.pop(next(iter(world.ours())))


def add(world: World) -> None:
    body = next(iter(world.ours().values()))
    more = {key: body[key] for key in ("allowed", "description", "destinationRanges")}
    world.cloud.add_firewall("egress-allowlist-deadbeef-v4-1", **more)


def change(world: World) -> None:
    next(iter(world.ours().values()))["destinationRanges"] = ["203.0.113.0/24"]


@pytest.mark.parametrize("verb", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("act", [remove, add, change], ids=lambda act: act.__name__)
def test_somebody_else_at_the_same_time(world: World, verb: str, act: Callable[[World], None]) -> None:
    """Whatever another does between our reading and our writing, the run ends with what is wanted."""
    world.apply(ROWS)
    wanted = [row("192.0.2.0/29"), row("2001:db8::/32", "1", "UDP"), ROWS[2]]  # one patch, one insert, one delete
    hook = once_before(lambda request: writes(request) and request.method == verb, lambda: act(world))
    world.proxy.hooks.append(hook)
    said = world.apply(wanted)
    assert said["changed"]
    world.proxy.hooks.clear()
    world.proxy.requests.clear()
    assert not world.apply(wanted)["changed"]
    assert "egress-allowlist-deadbeef-v4-1" not in world.cloud.firewalls


def test_somebody_made_the_same_rule_first(world: World) -> None:
    with google() as other:
        other.apply(ROWS)
        same = other.cloud.firewalls
    act = once_before(writes, lambda: world.cloud.firewalls.update(same))
    world.proxy.hooks.append(act)
    assert not world.run(plan=planned(ROWS)).get("failed")
    assert set(world.ours()) == set(same)


def test_somebody_who_never_stops(world: World) -> None:
    world.apply(ROWS)

    def other() -> None:
        next(iter(world.ours().values()))["priority"] += 1

    world.proxy.hooks.append(once_before(lambda request: request.path.endswith("/firewalls"), other, times=99))
    said = world.run(plan=planned(ROWS))
    assert said.get("failed"), said
    assert "somebody else keeps changing the rules" in said["msg"]


# Partial failure


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_failure_in_the_middle_is_told_and_completed(world: World, number: int) -> None:
    answer = Response(400, {"error": {"code": 400, "message": "not today", "errors": [{"reason": "invalid"}]}})

    def hook(request: Request) -> Response | None:
        return failing(request) if writes(request) else None

    failing = fail_write(number, answer, [API])
    world.proxy.hooks.append(hook)
    said = world.run(plan=planned(ROWS, policy="deny"))
    assert said.get("failed"), said
    assert "not today" in said["msg"]
    assert len(world.ours()) == number - 1
    # What is told is what was done: the three that allow come first, then the two that deny.
    assert len([text for text in said["differences"] if "acme" in text]) == min(number - 1, 3)
    assert said["msg"].endswith("the next run completes it" if number > 1 else "nothing was written")
    assert said["changed"] is (number > 1)
    world.proxy.hooks.clear()
    world.apply(ROWS, policy="deny")
    assert len(world.ours()) == 5
    assert not world.apply(ROWS, policy="deny")["changed"]


def test_an_operation_that_fails_later(world: World) -> None:
    """The request is accepted and its operation ends in an error."""
    world.cloud.fail = lambda method, given: ("RESOURCE_IN_USE", 400) if method.endswith("insert") else None
    said = world.run(plan=planned(ROWS))
    assert said.get("failed"), said
    assert "it failed: RESOURCE_IN_USE" in said["msg"]
    assert world.ours() == {}


# The contract itself: a judge that accepts all is none.


def request(method: str, path: str, body: Any = None, **query: str) -> Request:
    url = f"/compute/v1/projects/{PROJECT}/global/{path}"
    data = b"" if body is None else json.dumps(body).encode()
    return Request(method, API, url, {name: [value] for name, value in query.items()}, {}, data)


RULE = {"name": "web", "network": "global/networks/default", "priority": 1, "allowed": [{"IPProtocol": "tcp"}]}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (request("PUT", "firewalls", RULE), "the API has no PUT"),
        (request("GET", "firewall"), "the API has no GET"),
        (request("GET", "firewalls", max="1"), "unknown parameter max"),
        (request("GET", "firewalls", maxResults="x"), "is no number"),
        (request("GET", "firewalls", {}), "takes no body"),
        (request("POST", "firewalls", [RULE]), "is not of type object"),
        (request("POST", "firewalls", {**RULE, "name": "Web"}), "does not match"),
        (request("POST", "firewalls", {**RULE, "priority": "1"}), "is not of type integer"),
        (request("POST", "firewalls", {**RULE, "priority": True}), "is not of type integer"),
        (request("POST", "firewalls", {**RULE, "priority": 1 << 31}), "does not fit int32"),
        (request("POST", "firewalls", {**RULE, "direction": "OUT"}), "is none of EGRESS, INGRESS"),
        (request("POST", "firewalls", {**RULE, "destRanges": []}), "unknown field destRanges"),
        (request("POST", "firewalls", {**RULE, "allowed": [{"protocol": "tcp"}]}), "unknown field protocol"),
        (request("POST", "firewalls", {**RULE, "id": "1"}), "field id is output only"),
        (request("PATCH", "firewalls/web", {"priority": 1}), "field name is missing"),
    ],
)
def test_what_the_contract_refuses(wrong: Request, reason: str) -> None:
    with pytest.raises(Broken, match=re.escape(reason)):
        check(wrong)


def test_what_the_contract_accepts() -> None:
    assert check(request("POST", "firewalls", RULE, requestId="x"))[0] == "compute.firewalls.insert"
    with pytest.raises(Broken, match="unknown field rules"):
        check_answer("compute.firewalls.list", {"rules": []})


@pytest.mark.parametrize(
    "broken",
    [
        {"destinationRanges": ["192.0.2.0/28", "2001:db8::/32"]},
        {"destinationRanges": [f"10.{n // 256}.{n % 256}.0/24" for n in range(5001)]},
        {"destinationRanges": ["192.0.2.1/28"]},
        {"targetTags": ["web"], "targetServiceAccounts": ["a@b.example.com"]},
        {"denied": [{"IPProtocol": "all"}]},
        {"priority": 65536},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["2-1"]}]},
    ],
)
def test_what_the_cloud_refuses(world: World, broken: dict) -> None:
    rule = {**RULE, "network": f"projects/{PROJECT}/global/networks/default", "direction": "EGRESS"}
    sent = request("POST", "firewalls", {**rule, **broken})
    authorized = Request(sent.method, sent.host, sent.path, {}, {"authorization": f"Bearer {TOKEN}"}, sent.body)
    assert world.cloud.handle(authorized).status == 400
    assert world.cloud.broken == []
