# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol cells and cells of ports of one row: what they say together, and the remarks that they leave."""

from __future__ import annotations

import re

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.services import read_services
from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules import row

# Protocol cell, cell of ports, services, remarks.
READ = [
    ("", "443/TCP", "tcp/443", []),
    ("", "TCP: 443", "tcp/443", []),
    ("", "TCP:443 UDP:3478", "tcp/443 udp/3478", []),
    ("", "443 (TCP)", "tcp/443", []),
    ("", "4000-4031 UDP", "udp/4000-4031", []),
    ("", "TCP/443(HTTPS/WSS)", "tcp/443", ["(HTTPS/WSS)"]),
    ("", "443 UDP/TCP", "tcp/443 udp/443", []),
    ("", "TCP 443, 5061; UDP 3478-3481", "tcp/443 tcp/5061 udp/3478-3481", []),
    ("", "TCP 443 + UDP 3478", "tcp/443 udp/3478", []),
    ("", "443 TCP, 3478 UDP", "tcp/443 udp/3478", []),
    ("", "UDP/5060\nTCP/5060\nTLS/5061", "udp/5060 tcp/5060 tcp/5061", []),
    ("", "TCP port 443, UDP port 443 and UDP ports 49152-65535", "tcp/443 udp/443 udp/49152-65535", []),
    ("", "10000/UDP – 20000/UDP", "udp/10000-20000", []),
    ("", "HTTPS (TCP port 443)", "tcp/443", ["HTTPS"]),
    ("", "SIP (UDP 5060), RTP (UDP 10,000-20,000)", "udp/5060 udp/10000-20000", ["SIP", "RTP"]),
    ("", "TCP 443, UDP 443 (QUIC)", "tcp/443 udp/443", ["(QUIC)"]),
    ("", "TCP 443, all UDP ports > 1024", "tcp/443 udp/1025-65535", []),
    ("", "UDP/5060<br />TCP/5060<br />TLS/5061", "udp/5060 tcp/5060 tcp/5061", []),
    ("UDP (1)", "443 (2)", "udp/443", ["(1)", "(2)"]),
    ("TCP†‡", "443*†", "tcp/443", ["†‡", "*†"]),
    ("", "10,000 (UDP) – 20,000 (UDP)", "udp/10000-20000", []),
    ("", "UDP 10000 - UDP 20000", "udp/10000-20000", []),
    ("", "TCP - 443, UDP - 3478", "tcp/443 udp/3478", []),
    ("", "80 (HTTP), 443 (HTTPS)", "tcp/80 tcp/443", ["(HTTP)", "(HTTPS)"]),
    ("", "443 (TLS 1.2 or higher)", "tcp/443", ["(TLS 1.2 or higher)"]),
    ("", "SRTP over UDP 50000-60000", "udp/50000-60000", []),
    ("", "RTP (UDP) 50000-60000", "udp/50000-60000", []),
    ("", "SCTP 36412", "sctp/36412", []),
    ("", "TCP 443, UDP 443 (1)", "tcp/443 udp/443", ["(1)"]),
    ("UDP*", "123 (1)", "udp/123", ["*", "(1)"]),
    ("UDP", "SIP: 5060, RTP: 10000-20000", "udp/5060 udp/10000-20000", ["SIP", "RTP"]),
    ("UDP", "53 (U)", "udp/53", ["(U)"]),
    ("TLS", "443/TCP", "tcp/443", []),
    ("UDP\nTCP", "53 (1)", "tcp/53 udp/53", ["(1)"]),
    ("UDP", "0-65535", "udp/1-65535", ["0-65535 is 1-65535: there is no port 0"]),
    ("UDP", "80, 443 UDP, 3478", "udp/80 udp/443 udp/3478", []),
    ("TCP/UDP", "443 TCP, 3478 UDP", "tcp/443 udp/3478", []),
    ("ESP, UDP", "any", "udp/1-65535 esp/", []),
    ("ICMP", "type 8", "icmp/echo-request", []),
    ("SCTP", "36412/SCTP", "sctp/36412", []),
]

REFUSED = [
    ("UDP", "443/TCP", "names TCP, and the protocol is 'UDP', UDP: write the one that is meant"),
    ("TCP/UDP", "443/TCP", "names TCP, and the protocol is 'TCP/UDP', TCP and UDP"),
    ("TCP", "TCP:443 UDP:3478", "names TCP and UDP, and the protocol is 'TCP'"),
    ("ESP", "443/TCP", "esp has no ports"),
    ("", "80, 443 TCP, 3478", "it is not clear to which of its ports a protocol belongs: write 'TCP 80, 443, 3478'"),
    ("", "443, 3478 UDP", "write 'TCP 443; UDP 3478' or 'UDP 443, 3478'"),
    ("", "UDP 3478\n3479", "write 'UDP 3478; TCP 3479' or 'UDP 3478, 3479'"),
    ("", "• UDP 3478\n• 3479", "it is not clear to which of its ports"),
    ("", "10000/UDP – 20000/TCP", "write 'UDP 10000; TCP 20000' or 'TCP/UDP 10000-20000'"),
    ("", "10000/UDP – 20000", "the dash between two protocols has no single reading"),
    ("", "TCP 443 - UDP 3478", "the dash between two protocols has no single reading"),
    ("", "10000/UDP:20000/UDP", "it is not clear to which of its ports"),
    ("", "10000/UDP to 20000/UDP", "'to 20000/UDP' is not understood there"),
    ("", "443 over TCP", "'over TCP' is not understood"),
    ("", "443 and over TCP 8443", "'over TCP 8443' is not understood"),
    ("", "TCP 443/UDP 3478", "it is not clear to which of its ports"),
    ("", "443 (TCP preferred)", "the remark '(TCP preferred)' may change what is meant"),
    ("", "443 (TCP only)", "the remark '(TCP only)' may change what is meant"),
    ("", "UDP 5060/61", "write 'UDP 5060, 61' or 'UDP 5060-5061'"),
    ("", "5060/UDP & 61/UDP", "write 'UDP 5060, 61' or 'UDP 5060-5061'"),
    ("", "UDP 22,443", "write 'UDP 22, 443' or 'UDP 22443'"),
    ("", "UDP 34 78", "write 'UDP 34, 78' or 'UDP 3478'"),
    ("", "UDP 1-80, UDP 3-443", "its ranges overlap"),
    ("", "80 and up to 443", "write '1-443, 80' or '80-443'"),
    ("", "> 1024 and < 2000", "write '1025-1999'"),
    ("", "HTTPS, UDP 3478", "'HTTPS, UDP' may be a port of the list"),
    ("", "HTTPS\n8443", "write '8443 (HTTPS)' or '443, 8443'"),
    ("", "HTTP/2443", "'HTTP' may be a port of the list"),
    ("", "443 (DTLS)", "DTLS travels over UDP, and the protocol is TCP"),
    ("TCP/UDP", "443 (TLS), 3478 (DTLS)", "it is not clear to which of its ports"),
    ("TCP", "123 (NTP)", "NTP travels over UDP"),
    ("", "53 (DNS)", "may be on UDP or TCP, and the row says neither"),
    ("UDP", "54 (DNS)", "'DNS' is on port 53: write '53'"),
    ("UDP", "53 (T)", "'(T)' may be TCP, or a footnote"),
    ("", "53 (U)", "'(U)' may be UDP, or a footnote"),
    ("TCP", None, "the column 'ports' is missing: tcp needs a value"),
    ("", "`443", "has a backtick (`) without its other half"),
    ("", "443 (not UDP)", "the remark '(not UDP)' may change what is meant"),
    ("", "443 (ТСР)", "may change what is meant"),
    ("", "ТСР 443", "is not understood"),
    ("", "443 (optional)", "write 'requirement: optional' in the row"),
    ("", "any except 25", "'except 25' is not understood"),
    ("", "any of 80, 443", "'of 80, 443' is not understood"),
]


def told(services: list[tuple[str, str]]) -> str:
    return " ".join("/".join(service) for service in services)


@pytest.mark.parametrize(("protocol", "ports", "services", "remarks"), READ)
def test_read(protocol: str, ports: str, services: str, remarks: list[str]) -> None:
    found, labels = read_services(protocol, ports)
    assert told(found) == services
    assert labels == remarks


@pytest.mark.parametrize(("protocol", "ports", "reason"), REFUSED)
def test_refused_with_its_readings(protocol: str, ports: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        read_services(protocol, ports)
    message = str(caught.value)
    assert ports is None or message.startswith(f"ports {ports!r}")
    for way in re.findall(r"(?:write|or) '([^']+)'", message):
        if not way.startswith("requirement:"):
            assert read_services(protocol, way)[0], way


def test_what_readings_mean_is_what_the_error_says() -> None:
    """Each way to write is another set of services."""
    for _protocol, ports, reason in REFUSED:
        ways = re.findall(r"'([^']+)'", reason.partition("write ")[2]) if reason.count("' or '") else []
        meanings = [frozenset(read_services("", way)[0]) for way in ways]
        assert len(set(meanings)) == len(meanings), ports


def test_the_filter_returns_ports_of_one_protocol_only() -> None:
    assert expand_ports("443/TCP") == expand_ports("TCP 443") == ["443"]
    assert expand_ports("TCP/UDP: 3478, 3479") == ["3478", "3479"]
    with pytest.raises(ValueError, match=r"its ports have different protocols.*use expand_rows"):
        expand_ports("TCP:443 UDP:3478")
    with pytest.raises(ValueError, match="may be UDP, or a footnote"):
        expand_ports("53 (U)")


def test_remarks_stand_in_the_label_of_a_rule() -> None:
    printed = expand_rows([row("192.0.2.1", "123 (1)", "UDP", label="Clock")])
    assert [rule["label"] for rule in printed] == ["Clock; (1)"]
    assert "label" not in expand_rows([row("192.0.2.1", "123", "UDP")])[0]


@pytest.mark.parametrize("cell", ["443 (TURN TLS) " + "(TLS)" * 1500, "443 " + "(1)" * 2000, "443 " + "¹" * 5000])
def test_a_label_is_short(cell: str) -> None:
    _services, labels = read_services("TCP", cell)
    assert 0 < sum(map(len, labels)) <= 200


# Ranges from below 1024 may be numbered ports, and so may short numbers.
HIGH = st.integers(1024, 65535)
ITEM = st.tuples(HIGH, HIGH).map(sorted).map(tuple) | st.integers(256, 65535).map(lambda port: (port, port))
PAIR = st.tuples(st.sampled_from(["TCP", "UDP", "TCP/UDP", "tcp", "UDP/TCP"]), ITEM)
FORMS = [
    ("{p} {n}", ", "), ("{p}: {n}", " "), ("{p}:{n}", ", "), ("{p}/{n}", " "), ("{p} {n}", "; "), ("{p} {n}", "\n"),
    ("{n} {p}", ", "), ("{n}/{p}", ", "), ("{n} ({p})", " "), ("{n} {p}", "\n"), ("{n} ({p})", " and "),
    ("{p} ({n})", ", "), ("{p} port {n}", " + "), ("{p} {n}*", ", "), ("{n} ({p}) (1)", ", "),
]  # fmt: skip


@given(st.lists(PAIR, min_size=1, max_size=5), st.sampled_from(FORMS))
def test_pairs_of_protocol_and_ports_are_read_as_they_are_written(
    pairs: list[tuple[str, tuple[int, int]]], form: tuple[str, str]
) -> None:
    """Whatever the order: the oracle is the list that was written down."""
    texts = [(name, f"{low}-{high}" if low < high else str(low)) for name, (low, high) in pairs]
    cell = form[1].join(form[0].format(p=name, n=text) for name, text in texts)
    wanted = [(name, text) for names, text in texts for name in sorted(names.lower().split("/"))]
    assert read_services("", cell)[0] == list(dict.fromkeys(wanted))


WORDS = [
    "80", "443", "3478", "5060", "61", "10", "000", "8,801", "10,000", "0", "65535", "TCP", "UDP", "TLS", "HTTPS",
    "http", "DTLS", "SIP", "STUN", "DNS", "any", "all", "*", "ports", "port", " ", " ", ",", ", ", "; ", "/", " / ",
    "-", " – ", ":", ": ", "\n", "+", " + ", " and ", " or ", " & ", " to ", "(", ")", "(TCP)", "(UDP)", "(TLS)",
    "(1)", "(a)", "[1]", "†", "¹", ">", "<= ", " and above", " and up", " only", "from ", "between ", "up to ", "over ",
    "TCP/UDP", "|", "`", "、", ".", "(443)", "(U)", "1.2", "• ", "http(s)", "HTTP/2", "SCTP", "ESP", "not ", "#",
]  # fmt: skip


def _read(protocol: str, cell: str) -> tuple[list[tuple[str, str]], str]:
    """Return the services of two cells, or the error."""
    try:
        return read_services(protocol, cell)[0], ""
    except ValueError as exc:
        return [], str(exc)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map("".join), st.sampled_from(["", "TCP", "TCP/UDP"]))
def test_nothing_is_opened_that_is_not_printed(cell: str, protocol: str) -> None:
    """The ends of each range stand in the cell, are those of all ports, or next to one that a sign excludes."""
    services, message = _read(protocol, cell)
    assert not message or (message.startswith("ports ") and len(message) < 1500)
    thousands = [head + tail for head, tail in re.findall(r"(?<!\d)(\d{1,2})[,. ](\d{3})(?!\d)", cell)]
    printed = {int(text) for text in re.findall(r"\d+", cell) + thousands}
    lowered = cell.lower()
    if re.search(r"any|all|\*|[<>+]|over|above|up", lowered) or 0 in printed:
        printed |= {1, 65535} | {port + step for port in printed for step in (-1, 1)}
    printed |= {443} if "https" in lowered else set()
    printed |= {80} if "http" in lowered else set()
    assert {int(end) for _protocol, ports in services for end in ports.split("-")} <= printed


@pytest.mark.parametrize("separator", ["\n", "<br>", " <br /> "])
def test_lines_of_both_cells_may_belong_to_each_other(separator: str) -> None:
    """The error offers both readings, and each of them is read in the same row."""
    protocol, ports = (separator.join(lines) for lines in (("TCP", "UDP"), ("443", "3478-3481")))
    with pytest.raises(ValueError, match="each line of one may belong to a line of the other, or all to all") as caught:
        read_services(protocol, ports)
    each, every = re.findall(r"'((?:TCP|TCP/UDP) 443[^']*)'", str(caught.value))
    assert read_services(protocol, each)[0] == [("tcp", "443"), ("udp", "3478-3481")]
    assert sorted(read_services(protocol, every)[0]) == [(p, q) for p in ("tcp", "udp") for q in ("3478-3481", "443")]


def test_no_error_offers_any_port_for_a_mark() -> None:
    with pytest.raises(
        ValueError, match="may be any port, or the mark of a footnote: write the cell without it"
    ) as caught:
        read_services("", "443 TCP *")
    assert "65535" not in str(caught.value)


@pytest.mark.parametrize("cell", ["HTTPS (" + "TCP 44 " * 800 + "x)", "SIP (" + "UDP 50 " * 1000 + ")", "all " * 900])
def test_brackets_with_services_are_read_in_time(cell: str) -> None:
    """No way to share a long cell between its parts is tried twice."""
    with pytest.raises(ValueError, match=r"^ports "):
        read_services("", cell)
