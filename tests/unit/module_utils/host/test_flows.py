# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flows only an earlier list allowed."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import flows
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import (
    ALL_PORTS,
    FORWARD,
    OUT,
    Flow,
    Opening,
    span,
)

LOCAL = {"198.51.100.1", "2001:db8::1"}
OTHER = "192.0.2.99"  # a client behind the host


def flow(
    to: str,
    port: int | None,
    *,
    protocol: str = "udp",
    source: str = "198.51.100.1",
    by: str = "",
    question: tuple[str, ...] = (),
) -> Flow:
    """Return a flow; C{by}: who really answers, behind a translation of addresses."""
    ports, back = ((1024, port), (port, 1024)) if port is not None else ((), ())
    return Flow(6 if ":" in to else 4, protocol, "", source, to, ports, by or to, source, back, question)


def opening(
    to: str | None, first: int = 443, last: int = 0, *, protocol: str = "udp", path: str = OUT, source: str = ""
) -> Opening:
    """Return what lets through."""
    return Opening(path, span(source) if source else None, to and span(to), protocol, first, last or first)


CASES = {
    "a prefix": (flow("203.0.113.9", 443), [opening("203.0.113.0/24")], [], True),
    "a range": (flow("203.0.113.9", 443), [opening("203.0.113.8-203.0.113.9")], [], True),
    "its neighbour": (flow("203.0.113.10", 443), [opening("203.0.113.8-203.0.113.9")], [], False),
    "another port": (flow("203.0.113.9", 444), [opening("203.0.113.9")], [], False),
    "the last port": (flow("203.0.113.9", 450), [opening("203.0.113.9", 443, 450)], [], True),
    "another protocol": (flow("203.0.113.9", 443, protocol="tcp"), [opening("203.0.113.9")], [], False),
    "ESP, which conntrack has by its number": (
        flow("203.0.113.9", None, protocol="50"),
        [opening("203.0.113.9", *ALL_PORTS, protocol="esp")],
        [],
        True,
    ),
    "ESP that a name opens still": (
        flow("203.0.113.9", None, protocol="50"),
        [opening("203.0.113.9", *ALL_PORTS, protocol="esp")],
        [opening("203.0.113.0/24", *ALL_PORTS, protocol="50")],
        False,
    ),
    "a question by ICMP": (
        flow("203.0.113.9", None, protocol="icmp", question=("8", "0", "7")),
        [opening("203.0.113.9", 8, protocol="icmp")],
        [],
        True,
    ),
    "a question by ICMP of another type": (
        flow("203.0.113.9", None, protocol="icmp", question=("13", "0", "7")),
        [opening("203.0.113.9", 8, protocol="icmp")],
        [],
        False,
    ),
    "a question by ICMP, of which all types are open now": (
        flow("203.0.113.9", None, protocol="icmp", question=("8", "0", "7")),
        [opening("203.0.113.9", 8, protocol="icmp")],
        [opening("203.0.113.0/24", *ALL_PORTS, protocol="1")],
        False,
    ),
    "a question by ICMPv6, of which another type is open now": (
        flow("2001:db8::9", None, protocol="icmpv6", source="2001:db8::1", question=("128", "0", "7")),
        [opening("2001:db8::9", *ALL_PORTS, protocol="ipv6-icmp")],
        [opening("2001:db8::9", 139, protocol="icmpv6")],
        True,
    ),
    "a question by ICMP to the host": (
        flow("198.51.100.1", None, protocol="icmp", source="203.0.113.9", question=("8", "0", "7")),
        [opening("203.0.113.9", *ALL_PORTS, protocol="icmp")],
        [],
        False,
    ),
    "any protocol": (flow("203.0.113.9", 443), [opening("203.0.113.9", protocol="")], [], True),
    "another IP version": (flow("2001:db8::9", 443, source="2001:db8::1"), [opening("0.0.0.0/0")], [], False),
    "IPv6": (flow("2001:db8::9", 443, source="2001:db8::1"), [opening("2001:db8::/64")], [], True),
    "in a wider prefix now": (flow("203.0.113.9", 443), [opening("203.0.113.9")], [opening("203.0.113.0/24")], False),
    "in a smaller one still": (flow("203.0.113.9", 443), [opening("203.0.113.0/24")], [opening("203.0.113.9")], False),
    "to anywhere": (flow("203.0.113.9", 443), [opening("203.0.113.9")], [opening(None)], False),
    "to anywhere on another port": (flow("203.0.113.9", 443), [opening("203.0.113.9")], [opening(None, 123)], True),
    "the same entry": (flow("203.0.113.9", 443), [opening("203.0.113.9")], [opening("203.0.113.9")], False),
    "never allowed": (flow("203.0.113.9", 443), [opening("192.0.2.1")], [], False),
    "of a client": (flow("203.0.113.9", 443, source=OTHER), [opening("203.0.113.9")], [], False),
    "of a client, forwarded": (
        flow("203.0.113.9", 443, source=OTHER),
        [opening("203.0.113.9", path=FORWARD, source="192.0.2.0/24")],
        [],
        True,
    ),
    "of a client whose source has no entry now": (
        flow("203.0.113.9", 443, source=OTHER),
        [opening("203.0.113.9", path=FORWARD, source="192.0.2.0/25")],
        [opening("203.0.113.9", path=FORWARD, source="192.0.2.0/26")],
        True,
    ),
    "open for the host only now": (
        flow("203.0.113.9", 443, source=OTHER),
        [opening("203.0.113.9", path=FORWARD)],
        [opening("203.0.113.9")],
        True,
    ),
    "in to the host": (
        flow("198.51.100.1", 443, source="203.0.113.9"),
        [opening("0.0.0.0/0", path=FORWARD)],
        [],
        False,
    ),
    "to itself": (flow("127.0.0.1", 443, source="127.0.0.1"), [opening("0.0.0.0/0", path=FORWARD)], [], False),
    "to a translated address": (flow("10.0.0.1", 443, by="203.0.113.9"), [opening("203.0.113.9")], [], True),
    "without ports": (
        flow("203.0.113.9", None, protocol="gre"),
        [opening("203.0.113.9", *ALL_PORTS, protocol="gre")],
        [],
        True,
    ),
    "without ports, of a rule with some": (
        flow("203.0.113.9", None, protocol="gre"),
        [opening("203.0.113.9", protocol="")],
        [],
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_which_flows_are_ended(name: str) -> None:
    under_way, before, after, ends = CASES[name]
    assert flows.chosen([under_way], before, after, [(OUT, None), (FORWARD, None)], LOCAL) == (
        [under_way] if ends else []
    )


@pytest.mark.parametrize(
    ("filtered", "ends"),
    [
        ([], False),
        ([(OUT, None)], False),
        ([(FORWARD, None)], True),
        ([(FORWARD, span("192.0.2.0/24"))], True),
        ([(FORWARD, span("10.0.0.0/8")), (FORWARD, span("192.0.2.99"))], True),
        ([(FORWARD, span("10.0.0.0/8"))], False),
    ],
)
def test_where_nothing_is_stopped_nothing_ends(filtered: list, ends: bool) -> None:
    """A path that left the scope, or a client that is no source any more, is let through now."""
    under_way = flow("203.0.113.9", 443, source=OTHER)
    found = flows.chosen([under_way], [opening("203.0.113.9", path=FORWARD)], [], filtered, LOCAL)
    assert found == ([under_way] if ends else [])


def test_ports_in_all_spellings() -> None:
    assert flows.ports("443") == [(443, 443)]
    assert flows.ports("8801-8810") == [(8801, 8810)]
    assert flows.ports("443,8801:8810") == [(443, 443), (8801, 8810)]
    assert flows.ports("any") == flows.ports("") == [ALL_PORTS]


@pytest.mark.parametrize(
    ("protocol", "text", "expected"),
    [
        ("tcp", "443,8801:8810", [(443, 443), (8801, 8810)]),
        ("esp", "", [ALL_PORTS]),
        ("icmp", "any", [ALL_PORTS]),
        ("icmp", "echo-request", [(8, 8)]),
        ("icmp", "42", [(42, 42)]),
        ("ipv6-icmp", "nd-neighbor-solicit", [(135, 135)]),
        ("icmpv6", "neighbour-solicitation", [(135, 135)]),
        ("", "443", [(443, 443)]),
    ],
)
def test_ports_and_types_of_a_service(protocol: str, text: str, expected: list) -> None:
    assert flows.numbers(protocol, text) == expected


@pytest.mark.parametrize(
    ("before", "after", "unseen"),
    [
        ("2001:db8::/64", None, True),
        ("2001:db8::/64", "2001:db8::/65", True),
        ("2001:db8::/64", "2001:db8::/64", False),
        ("2001:db8::/64", "2001:db8::/32", False),
        ("203.0.113.0/24", None, False),
    ],
)
def test_ah_over_ipv6_is_not_seen(before: str, after: str | None, unseen: bool) -> None:
    now = [opening(after, *ALL_PORTS, protocol="51")] if after else []
    assert flows.unseen([opening(before, *ALL_PORTS, protocol="ah")], now) is unseen


LISTING = """<?xml version="1.0" encoding="utf-8"?>
<conntrack>
<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>192.0.2.1</src><dst>192.0.2.9</dst></layer3>
<layer4 protonum="17" protoname="udp"><sport>50695</sport><dport>443</dport></layer4></meta><meta direction="reply">
<layer3 protonum="2" protoname="ipv4"><src>10.0.0.9</src><dst>198.51.100.7</dst></layer3><layer4 protonum="17"
protoname="udp"><sport>8443</sport><dport>1</dport></layer4></meta><meta direction="independent"><zone>7</zone>
</meta></flow>
<flow><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>192.0.2.1</src><dst>192.0.2.9</dst></layer3>
<layer4 protonum="50" protoname="unknown"></layer4></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4">
<src>192.0.2.9</src><dst>192.0.2.1</dst></layer3><layer4 protonum="50" protoname="unknown"></layer4></meta></flow>
</conntrack>"""


def test_what_conntrack_lists() -> None:
    asked = []

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.append(command)
        return 0, LISTING if "ipv4" in command else "", "conntrack v1.4.7: 0 flow entries have been shown.\n"

    known = flows.listed(run, "conntrack")
    assert known == [
        Flow(4, "udp", "7", "192.0.2.1", "192.0.2.9", (50695, 443), "10.0.0.9", "198.51.100.7", (8443, 1)),
        Flow(4, "50", "", "192.0.2.1", "192.0.2.9", (), "192.0.2.9", "192.0.2.1", ()),
    ]
    asked.clear()
    for each in known:
        flows.end(run, "conntrack", each)
    ends = ["-s", "192.0.2.1", "-d", "192.0.2.9"]
    assert asked == [
        [*["conntrack", "-D", "-f", "ipv4", "-p", "udp"], *ends, "--sport", "50695", "--dport", "443", "-w", "7"],
        [*["conntrack", "-D", "-f", "ipv4", "-p", "50"], *ends],
    ]
    assert flows.told(known) == "flows to what left the list were ended: 2 (50 to 192.0.2.9, udp/8443 to 10.0.0.9)"


QUESTIONS = """<conntrack><flow><meta direction="original"><layer3 protonum="10" protoname="ipv6"><src>2001:db8::1</src>
<dst>2001:db8::9</dst></layer3><layer4 protonum="58" protoname="icmpv6"></layer4></meta><meta direction="reply">
<layer3 protonum="10" protoname="ipv6"><src>2001:db8::9</src><dst>2001:db8::1</dst></layer3><layer4 protonum="58"
protoname="icmpv6"></layer4></meta></flow></conntrack>"""
IN_TEXT = (
    "icmpv6   58 29 src=2001:db8::1 dst=2001:db8::9 type=128 code=0 id=9 [UNREPLIED] src=2001:db8::9 dst=2001:db8::2 "
    "type=129 code=0 id=9 mark=0 zone=7 use=1\n"
)


def test_questions_by_icmp_are_listed_with_their_type() -> None:
    asked = []

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.append(command)
        return 0, "" if "ipv4" in command else QUESTIONS if "xml" in command else IN_TEXT, ""

    (known,) = flows.listed(run, "conntrack")
    ends = "2001:db8::1", "2001:db8::9", (), "2001:db8::9", "2001:db8::2", ()
    assert known == Flow(6, "icmpv6", "7", *ends, ("128", "0", "9"))
    flows.end(run, "conntrack", known)
    assert " ".join(asked[-1]) == (
        "conntrack -D -f ipv6 -p icmpv6 -s 2001:db8::1 -d 2001:db8::9 "
        "--icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 9 -w 7"
    )
    assert flows.told([known]).endswith("1 (icmpv6/echo-request to 2001:db8::9)")
    assert flows.left([known]).endswith(
        "go on, let through by what is no rule of the list: 1 (icmpv6/echo-request to 2001:db8::9)"
    )


def test_a_conntrack_that_fails_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"conntrack does not list the flows: Operation failed: x"):
        flows.listed(
            lambda command: (1, "", "conntrack v1.4.7 (conntrack-tools): \nOperation failed: x\n"), "conntrack"
        )
    gone = flow("203.0.113.9", 443)
    flows.end(lambda command: (1, "", "conntrack v1.4.7: 0 flow entries have been deleted.\n"), "conntrack", gone)
    with pytest.raises(ToolError, match=r"conntrack does not end the flow udp/443 to 203\.0\.113\.9: status 1"):
        flows.end(lambda command: (1, "", ""), "conntrack", gone)
