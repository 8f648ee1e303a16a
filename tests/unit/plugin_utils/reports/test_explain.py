"""Why something is open."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination

from tests.support.rules import merged

PAGE = {"source": "Firewall page", "date": "2026-03"}
ROWS: list[dict[str, Any]] = [
    {"vendor": "kudo", "service": "media", "row": 1, "destination": "192.0.2.0/25", "ports": "443", **PAGE},
    {
        "vendor": "zoom",
        "service": "calls",
        "row": 9,
        "destination": "192.0.2.0/24",
        "protocol": "UDP",
        "ports": "8801:8810",
    },
    {"vendor": "kudo", "service": "names", "row": 2, "destination": "*.example.com", "ports": "443", **PAGE},
    {
        "vendor": "zoom",
        "service": "back",
        "row": 3,
        "destination": "2001:db8::/48",
        "ports": "1-9",
        "direction": "inbound",
    },
]
TUNNEL = {
    "vendor": "kudo",
    "service": "tunnel",
    "destination": "198.51.100.0/24",
    "protocol": "ESP, ICMP type 8",
    **PAGE,
}
ALLOWLIST = merged(*ROWS, TUNNEL)
MEDIA = "tcp/443 to 192.0.2.0/25  kudo: media: row 1 of Firewall page, 2026-03 (required)"
CALLS = "udp/8801-8810 to 192.0.2.0/24  zoom: calls: row 9 of no document (required)"
NAMES = "tcp/443 to *.example.com  kudo: names: row 2 of Firewall page, 2026-03 (required)"
ESP = "esp to 198.51.100.0/24  kudo: tunnel: row 5 of Firewall page, 2026-03 (required)"
PING = "icmp/echo-request to 198.51.100.0/24  kudo: tunnel: row 5 of Firewall page, 2026-03 (required)"
BACK = "tcp/1-9 from 2001:db8::/48  zoom: back: row 3 of no document (required)"


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        (("192.0.2.0",), [MEDIA, CALLS]),
        (("192.0.2.127",), [MEDIA, CALLS]),
        (("192.0.2.128",), [CALLS]),
        (("192.0.2.0/23",), [MEDIA, CALLS]),
        (("192.0.2.64/26", "tcp"), [MEDIA]),
        (("192.0.2.1", "udp", 8800), []),
        (("192.0.2.1", "udp", 8801), [CALLS]),
        (("192.0.2.1", "", 8810), [CALLS]),
        (("192.0.2.1", "", 8811), []),
        (("203.0.113.1",), []),
        (("198.51.100.1",), [ESP, PING]),
        (("198.51.100.1", "50"), [ESP]),
        (("198.51.100.1", "ICMP"), [PING]),
        (("198.51.100.1", "icmp/echo-request"), [PING]),
        (("198.51.100.1", "icmp/8"), [PING]),
        (("198.51.100.1", "1/ping"), [PING]),
        (("198.51.100.1", "icmp/echo-reply"), []),
        (("192.0.2.1", "udp/8811"), []),
        (("192.0.2.1", "UDP/8811", 8811), []),
        (("198.51.100.1", "", 500), []),
        (("2001:db8::1",), [BACK]),
        (("live.example.com",), [NAMES]),
        (("a.b.EXAMPLE.com",), [NAMES]),
        (("example.com",), []),
        (("evilexample.com",), []),
        (("*.example.com",), [NAMES]),
    ],
)
def test_rows_that_open_something(asked: tuple[Any, ...], lines: list[str]) -> None:
    assert explain_destination(ALLOWLIST, *asked) == lines


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (("192.0.2.256",), "destination '192.0.2.256': octet 256 is larger than 255"),
        (("192.0.2.1/24",), "host bits are set"),
        (
            ("192.0.2.1", "xtp"),
            "protocol 'xtp' is unknown; accepted are tcp, udp, other protocols by name .*, or nothing",
        ),
        (("192.0.2.1", "esp", 500), "port '500' is not accepted: esp has no ports: leave it out"),
        (("192.0.2.1", "", 65536), "port '65536' is not accepted: write a number from 1 to 65535, or 0 for all"),
        (("a_b",), "destination 'a_b': is not a name"),
        (("192.0.2.1", "icmp/256"), "'256' is no type of icmp: accepted are numbers from 0 to 255 and echo-reply"),
        (("192.0.2.1", "esp/50"), "protocol 'esp/50' is not accepted: esp has no ports: write 'esp'"),
        (("192.0.2.1", "tcp/0"), "ports '0': '0' is not a port from 1 to 65535"),
        (("192.0.2.1", "tcp/1-9"), "protocol 'tcp/1-9' is not accepted: ask for one port of the range at a time"),
        (("192.0.2.1", "tcp/443", 80), "protocol 'tcp/443' and port '80' are not the same: write one of them"),
        (("192.0.2.1", "/443"), "protocol '' is unknown"),
        (("192.0.2.1", "icmp/8", 80), "port '80' is not accepted: icmp has no ports: leave it out"),
    ],
)
def test_what_cannot_be_asked(asked: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        explain_destination(ALLOWLIST, *asked)
