# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud's HTTPS hosts on loopback: a proxy that ends TLS with an authority of its own and answers by itself.

with TlsProxy({"management.example": answer}) as proxy:
    run(["tool"], env={**os.environ, **proxy.environment()})
proxy.requests      # what was asked, in order
proxy.refused       # other hosts that somebody tried to reach: always empty in a good run

Nothing is ever passed on: a host without a handler gets 403, by CONNECT as by plain HTTP.
"""

from __future__ import annotations

import atexit
import datetime
import json
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

READS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Request:
    """One request: C{path} without the query, C{query} with the values of each key, header names in lower case."""

    method: str
    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body, read as JSON; None where there is none. Raises ValueError."""
        return json.loads(self.body) if self.body else None

    @property
    def writes(self) -> bool:
        """Whether the method may change anything."""
        return self.method not in READS


@dataclass(frozen=True)
class Response:
    """One answer: anything that is not bytes is sent as JSON, None as an empty body."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]
Hook = Callable[[Request], Response | None]


def fail_write(number: int, answer: Response, hosts: Iterable[str]) -> Hook:
    """Return a hook that answers the n-th write (from 1) to these hosts in their place; they never see it."""
    chosen, seen = frozenset(hosts), [0]

    def hook(request: Request) -> Response | None:
        if not request.writes or request.host not in chosen:
            return None
        seen[0] += 1
        return answer if seen[0] == number else None

    return hook


def throttle(times: int, hosts: Iterable[str], seconds: int = 0, status: int = 429, body: Any = None) -> Hook:
    """Return a hook that turns the first requests to these hosts away for the time being, with Retry-After."""
    chosen, left = frozenset(hosts), [times]

    def hook(request: Request) -> Response | None:
        if request.host not in chosen or not left[0]:
            return None
        left[0] -= 1
        return Response(status, body, {"Retry-After": str(seconds)})

    return hook


def once_before(wanted: Callable[[Request], bool], act: Callable[[], object], times: int = 1) -> Hook:
    """Return a hook that acts before each of the first requests that are wanted: another writer, just in time."""
    left = [times]

    def hook(request: Request) -> Response | None:
        if left[0] and wanted(request):
            left[0] -= 1
            act()
        return None

    return hook


class TlsProxy:
    """The proxy; handlers and hooks run one at a time, so that they need no locks of their own.

    C{hooks}: called before each request in turn; the first that returns an answer gives it in the handler's place.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        """Take a handler for each host name; listening begins with the context."""
        self.handlers = dict(handlers)
        self.hooks: list[Hook] = []
        self.requests: list[Request] = []
        self.refused: list[str] = []
        self.errors: list[BaseException] = []  # a handler's own: the test must look
        self._lock = threading.Lock()
        self._context, self._authority = _certified(tuple(sorted(self.handlers)))
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.proxy = self

    def __enter__(self) -> TlsProxy:
        """Listen on a free port of loopback."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """Return the variables that send a program's HTTP through here, and make it trust the authority."""
        url = f"http://127.0.0.1:{self._server.server_port}"
        proxies = dict.fromkeys(
            ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"), url
        )
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), self._authority)
        return {**proxies, **trust, "NO_PROXY": "", "no_proxy": ""}

    def forget(self) -> None:
        """Forget what was asked and the hooks, for the next test."""
        for kept in (self.requests, self.refused, self.errors, self.hooks):
            kept.clear()

    def answer(self, request: Request) -> Response:
        """Return the hooks' or the handler's answer, and record the request."""
        with self._lock:
            self.requests.append(request)
            for hook in self.hooks:
                answer = hook(request)
                if answer is not None:
                    return answer
            try:
                return self.handlers[request.host](request)
            except Exception as exc:  # said to the client too, so that it does not wait for ever
                self.errors.append(exc)
                return Response(500, {"error": {"code": "FakeError", "message": repr(exc)}})

    def refuse(self, host: str) -> None:
        """Record a host that is not ours."""
        with self._lock:
            self.refused.append(host)

    def secure(self, connection: Any) -> Any:
        """Return the connection behind TLS, as a server."""
        return self._context.wrap_socket(connection, server_side=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: TlsProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Connection(BaseHTTPRequestHandler):
    """A client's connection: CONNECT first, then requests to one host, as many as it likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server
    host = ""

    def do_CONNECT(self) -> None:
        """Open the way to a host that has a handler."""
        host, _colon, port = self.path.rpartition(":")
        if self.host or host not in self.server.proxy.handlers or port != "443":
            self._refuse(self.path)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connection = self.server.proxy.secure(self.connection)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", -1)
        self.host, self.close_connection = host, False

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        asked = self.headers.get("Host", "").removesuffix(":443")
        if not self.host or asked != self.host:
            self._refuse(f"{asked or self.path} inside {self.host or 'plain HTTP'}")
            return
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, self.host, parts.path, query, headers, self.rfile.read(size))
        self._send(self.server.proxy.answer(request))

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _refuse(self, what: str) -> None:
        self.server.proxy.refuse(what)
        self.close_connection = True
        self._send(Response(403, {"error": f"this proxy passes nothing on to {what}"}, {"Connection": "close"}))

    def _send(self, answer: Response) -> None:
        plain = isinstance(answer.body, bytes)
        body = answer.body if plain else b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {"Content-Length": str(len(body)), **answer.headers}
        if body and not plain:
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def finish(self) -> None:
        """Close what TLS took over from the server."""
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the requests are recorded."""


@cache
def _certified(hosts: tuple[str, ...]) -> tuple[ssl.SSLContext, str]:
    """Return a server's context with a certificate for the hosts, and the file of the authority that signed it."""
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of egress.allowlist")])
    keys = [ec.generate_private_key(ec.SECP256R1()) for _each in range(2)]

    def certificate(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        start = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(key)
        start = start.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key())
        start = start.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        return start.not_valid_after(now + datetime.timedelta(days=1)).add_extension(known, critical=False)

    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = certificate(name, keys[0].public_key()).add_extension(x509.BasicConstraints(True, 0), critical=True)
    signed = authority.add_extension(usage, critical=True).sign(keys[0], hashes.SHA256())
    leaf = certificate(x509.Name([]), keys[1].public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=True)
    leaf = leaf.add_extension(x509.BasicConstraints(False, None), critical=True)

    home = Path(tempfile.mkdtemp(prefix="egress-allowlist-tls-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    pem = serialization.Encoding.PEM
    (home / "authority.pem").write_bytes(signed.public_bytes(pem))
    secret = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (home / "server.pem").write_bytes(secret + leaf.sign(keys[0], hashes.SHA256()).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "server.pem")
    return context, str(home / "authority.pem")
