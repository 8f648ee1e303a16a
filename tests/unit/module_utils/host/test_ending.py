# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of many flows: what is asked of conntrack, and what its answers are taken for."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import cuts, ending
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import LateError, ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import Flow, Opening, span

ESP = Flow(4, "50", "", "192.0.2.1", "203.0.113.9", (), "203.0.113.9", "192.0.2.1", ())


def flow(port: int, version: int = 4, zone: str = "") -> Flow:
    source, to = {4: ("192.0.2.1", "203.0.113.9"), 6: ("2001:db8::1", "2001:db8::9")}[version]
    return Flow(version, "udp", zone, source, to, (1024, port), to, source, (port, 1024))


class Link:
    """A netlink socket that answers each request by its number."""

    def __init__(self, codes: dict[int, int]) -> None:
        self.codes, self.sent, self.answers = codes, 0, b""

    def send(self, data: bytes) -> None:
        while data:
            size, kind, flags, number, _port = struct.unpack_from("=IHHII", data)
            assert (kind, flags) == (0x102, 5)
            code = struct.pack("=i", -self.codes.get(self.sent, 0))
            self.answers += struct.pack("=IHHII", 36, 2, 0, number, 0) + code + data[:16]
            self.sent += 1
            data = data[size:]

    def recv(self, _size: int) -> bytes:
        found, self.answers = self.answers, b""
        return found

    def bind(self, _address: tuple) -> None:
        pass

    def settimeout(self, _seconds: int) -> None:
        pass

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def linked(monkeypatch: pytest.MonkeyPatch, codes: dict[int, int]) -> Link:
    link = Link(codes)
    monkeypatch.setattr(ending.socket, "socket", lambda *_: link)
    return link


def run(command: list[str]) -> tuple[int, str, str]:
    RUNS.append(command)
    return 0, "", ""


RUNS: list[list[str]] = []


@pytest.mark.parametrize(("version", "zone", "size"), [(4, "", 72), (6, "", 96), (4, "7", 80)])
def test_a_request_names_the_whole_flow(version: int, zone: str, size: int) -> None:
    made = ending.request(flow(443, version, zone), 5)
    assert struct.unpack_from("=IHHII", made) == (size, 0x102, 5, 5, 0)
    assert len(made) == size
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    for address in flow(443, version)[3:5]:
        assert socket.inet_pton(family, address) in made
    assert struct.pack("!H", 443) in made
    assert not zone or made.endswith(struct.pack("=HH", 6, 18) + struct.pack("!H", 7) + b"\0\0")


def test_those_with_ports_are_ended_without_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    RUNS.clear()
    link = linked(monkeypatch, {3: errno.ENOENT})  # it ended meanwhile
    ending.end_all(run, "conntrack", [*(flow(port) for port in range(1000, 1200)), ESP, flow(443, 6)])
    assert link.sent == 201
    assert [command[:6] for command in RUNS] == [["conntrack", "-D", "-f", "ipv4", "-p", "50"]]


def test_a_flow_that_cannot_be_ended_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    linked(monkeypatch, {70: errno.EPERM})
    with pytest.raises(ToolError, match=r"conntrack does not end the flow udp/1070 to 203.0.113.9: Operation not perm"):
        ending.end_all(run, "conntrack", [flow(port) for port in range(1000, 1200)])


def test_what_takes_too_long_says_how_many_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    linked(monkeypatch, {})
    now = iter([0, 1, 2, 100])
    monkeypatch.setattr(ending.time, "monotonic", lambda: next(now))
    with pytest.raises(ToolError, match="it takes longer than 60 seconds, 72 of 200 are left"):
        ending.end_all(run, "conntrack", [flow(port) for port in range(1000, 1200)])


class Cutting:
    """An applier of which no list opens anything now."""

    def __init__(self) -> None:
        self.shut_now: list[Flow] = []

    def opened(self) -> tuple[list, list, list]:
        return [], [], [("out", None)]

    def shut(self, found: list[Flow]) -> None:
        self.shut_now = found


@pytest.mark.parametrize("more", [0, 2])
def test_more_flows_than_can_be_kept_shut(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    linked(monkeypatch, {})
    monkeypatch.setattr(cuts, "_SHUT", 198)
    monkeypatch.setattr(cuts.flows, "listed", lambda *_: [flow(port) for port in range(1000, 1198 + more)])
    monkeypatch.setattr(cuts.flows, "local_addresses", lambda: {"192.0.2.1"})
    applier = Cutting()
    opening = Opening("out", None, span("203.0.113.0/24"), "udp", 1, 65535)
    notes = cuts.Cuts("nftables", lambda _name: "conntrack", run).cut(applier, [list(opening)])
    assert len(applier.shut_now) == 198
    told = "2 of these flows are not kept shut, only 198 can be at once: one whose other side sends first may go on"
    assert notes[1:] == ([told] if more else [])


def test_what_is_not_ended_is_an_error_that_says_what_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    linked(monkeypatch, {0: errno.EPERM})
    monkeypatch.setattr(cuts.flows, "listed", lambda *_: [flow(443)])
    monkeypatch.setattr(cuts.flows, "local_addresses", lambda: {"192.0.2.1"})
    opening = Opening("out", None, span("203.0.113.0/24"), "udp", 1, 65535)
    with pytest.raises(LateError, match=r"the rules are in force, but not all flows .* are ended: conntrack does not"):
        cuts.Cuts("nftables", lambda _name: "conntrack", run).cut(Cutting(), [list(opening)])
