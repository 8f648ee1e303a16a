# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that stands for the clouds: what it answers, and that nothing gets past it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.support.tls_proxy import Request, Response, TlsProxy, fail_write, once_before, throttle

HOST = "management.example"


def _echo(request: Request) -> Response:
    return Response(body={"method": request.method, "path": request.path, "query": request.query, "json": request.json})


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[TlsProxy]:
    """A proxy with one host, which the test's own environment names."""
    with TlsProxy({HOST: _echo}) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


def test_it_answers_for_a_host_over_one_connection(proxy: TlsProxy) -> None:
    with requests.Session() as session:
        first = session.put(f"https://{HOST}/a/b?x=1&x=2&y=", json={"n": 1}, timeout=5)
        second = session.get(f"https://{HOST}/c", timeout=5)
    assert first.json() == {"method": "PUT", "path": "/a/b", "query": {"x": ["1", "2"], "y": [""]}, "json": {"n": 1}}
    assert second.json()["path"] == "/c"
    assert [(request.method, request.host, request.writes) for request in proxy.requests] == [
        ("PUT", HOST, True),
        ("GET", HOST, False),
    ]
    assert not proxy.refused


@pytest.mark.parametrize("url", ["https://other.example/", f"https://{HOST}:8443/"])
def test_it_refuses_every_other_host(proxy: TlsProxy, url: str) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get(url, timeout=5)
    assert len(proxy.refused) == 1
    assert not proxy.requests


def test_it_refuses_plain_http_and_another_host_inside_the_tunnel(proxy: TlsProxy) -> None:
    assert requests.get("http://192.0.2.1/metadata", timeout=5).status_code == 403
    assert requests.get(f"https://{HOST}/", headers={"Host": "other.example"}, timeout=5).status_code == 403
    assert proxy.refused == ["192.0.2.1 inside plain HTTP", f"other.example inside {HOST}"]
    assert not proxy.requests


def test_clients_that_do_not_trust_the_authority_get_nothing(proxy: TlsProxy) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": proxy.environment()["HTTPS_PROXY"]}
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://{HOST}/", timeout=5)
    assert not proxy.requests


def test_faults(proxy: TlsProxy) -> None:
    acted: list[str] = []
    proxy.hooks += [
        throttle(1, [HOST], seconds=3),
        fail_write(2, Response(500, {"error": "no"}), [HOST]),
        once_before(lambda request: request.method == "PUT", lambda: acted.append("now")),
    ]
    with requests.Session() as session:
        answers = [session.request(method, f"https://{HOST}/", timeout=5) for method in ("GET", "PUT", "PUT", "PUT")]
    assert [answer.status_code for answer in answers] == [429, 200, 500, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert acted == ["now"]


def test_an_error_of_a_handler_is_answered_and_kept(proxy: TlsProxy) -> None:
    def broken(_request: Request) -> Response:
        raise KeyError("state")

    proxy.handlers[HOST] = broken
    assert requests.get(f"https://{HOST}/", timeout=5).status_code == 500
    assert [type(error) for error in proxy.errors] == [KeyError]
