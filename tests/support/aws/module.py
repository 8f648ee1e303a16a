# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module aws_security_group in this process, against the strict AWS of server.py.

with in_process(aws) as run:
    said = run(plan=planned([("tcp", "443", "198.51.100.0/24")], policy="deny"), check=True)
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from importlib import import_module
from typing import Any
from unittest import mock

import boto3
from ansible.module_utils import basic
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.support.aws.account import Packets
from tests.support.aws.server import KEY, StrictAws
from tests.support.peers import peers

MODULE = "ansible_collections.egress.allowlist.plugins.modules.aws_security_group"
Run = Callable[..., dict[str, Any]]
_clients: dict[str, Any] = {}
_plain_client = boto3.session.Session.client


def credentials(aws: StrictAws) -> dict[str, Any]:
    """Return the options that keep the module on loopback."""
    keys = {"access_key": KEY["aws_access_key_id"], "secret_key": KEY["aws_secret_access_key"]}
    return {"region": aws.region, "endpoint_url": aws.url, **keys}


def environment(aws: StrictAws) -> dict[str, str]:
    """Return the same for a process: nothing of the machine's own configuration, no proxy, no other endpoint."""
    return {
        "AWS_ACCESS_KEY_ID": KEY["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEY["aws_secret_access_key"],
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


def _same_client(session: Any, *given: Any, **named: Any) -> Any:
    """Make a client once: what takes long about it is reading botocore's description of EC2."""
    known = repr((given, sorted((key, value) for key, value in named.items() if key != "config")))
    config = named.get("config")
    known += repr(sorted(vars(config).items(), key=repr)) if config else ""
    if known not in _clients:
        client = _clients[known] = _plain_client(session, *given, **named)
        client.meta.events.plain_register = client.meta.events.register
        client.of_last_run = []
    client = _clients[known]
    events = client.meta.events
    while client.of_last_run:  # whoever counts its calls gets a client that nobody listened to before
        events.unregister(*client.of_last_run.pop())

    def register(event: str, handler: Callable[..., Any], *more: Any, **options: Any) -> None:
        client.of_last_run.append((event, handler))
        events.plain_register(event, handler, *more, **options)

    events.register = register
    return client


class _Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def _send(aws: StrictAws, request: Any) -> AWSResponse:
    """Answer a request of botocore's; there is nowhere else that it could go."""
    assert request.url.startswith(aws.url), request.url
    headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
    body = request.body.encode() if isinstance(request.body, str) else request.body
    environ = EnvironBuilder(method=request.method, base_url=aws.url, headers=headers, data=body).get_environ()
    answer, status, told = run_wsgi_app(aws, environ)
    return AWSResponse(request.url, int(status.split()[0]), dict(told), _Body(b"".join(answer)))


@contextmanager
def in_process(aws: StrictAws, *, quick: bool = True) -> Iterator[Run]:
    """Give a function that runs the module and returns what it says, failed or not.

    quick: nobody sleeps, a client is made once, and requests go to the server without a socket between.
    """
    if str(peers()) not in sys.path:
        sys.path.append(str(peers()))
    main = import_module(MODULE).main
    sleep = time.sleep
    patches = [mock.patch.dict(os.environ, environment(aws))]
    if quick:
        patches += [
            mock.patch.object(time, "sleep", lambda seconds: sleep(min(seconds, 0.001))),
            mock.patch.object(boto3.session.Session, "client", _same_client),
            mock.patch.object(URLLib3Session, "send", lambda _session, request: _send(aws, request)),
        ]

    def run(*, check: bool = False, diff: bool = True, **params: Any) -> dict[str, Any]:
        given = {**credentials(aws), **params, "_ansible_check_mode": check, "_ansible_diff": diff}
        said = io.StringIO()
        with (
            mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()),
            mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
            redirect_stdout(said),
            suppress(SystemExit),
        ):
            main()
        return json.loads(said.getvalue())

    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield run


def allowlist_of(rules: Iterable[tuple[str, str, str]], service: str = "calls") -> dict[str, Any]:
    """Return the allowlist of rules in a vendor's words: protocol, ports, destination."""
    from tests.support.rules import merged, row

    return merged(*(row(destination, ports, protocol, service) for protocol, ports, destination in rules))


def planned(allowlist: Any, **options: Any) -> dict[str, Any]:
    """Return the plan of an allowlist, or of rules in a vendor's words, as it arrives at the module."""
    from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.aws import plan

    found = allowlist if isinstance(allowlist, dict) else allowlist_of(allowlist)
    return json.loads(json.dumps(plan(found, **options)))


def packets(rules: Iterable[tuple[str, str, str]]) -> list[Packets]:
    """Return rules in a vendor's words as what they let out."""
    found = []
    for protocol, ports, destination in rules:
        first, _dash, last = ports.partition("-")
        found.append((protocol.lower(), int(first), int(last or first), destination))
    return found
