# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's files of rules, as we read and write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import rules

from tests.support.ufw_files import FILE, FRESH

ONE = "allow udp 3478,8801:8810 192.0.2.0/28 any 0.0.0.0/0 out # kudo media"
TWO = "allow tcp 443 192.0.2.7 any 0.0.0.0/0 out # kudo media, zoom meetings"
STOP = "route:deny any any 0.0.0.0/0 any 10.0.0.0/8 in # egress stop"


def composed(text: str, *wanted: str, stops: tuple[str, ...] = (), first: bool = False) -> str:
    return rules.compose(rules.parse(text), list(wanted), list(stops), first)


def labels(text: str) -> list[str]:
    return [entry.label for entry in rules.parse(text).blocks]


@pytest.mark.parametrize("text", [FILE, FRESH])
def test_what_is_put_in_can_be_taken_out(text: str) -> None:
    assert composed(text) == text
    made = composed(text, ONE, TWO, stops=(STOP,))
    assert composed(made, ONE, TWO, stops=(STOP,)) == made
    assert composed(made) == text
    assert made.count("\n### tuple ### ") == text.count("\n### tuple ### ") + 3


def test_a_rule_as_ufw_writes_it() -> None:
    assert (
        rules.block(*rules.split(ONE)).text
        == """
### tuple ### allow udp 3478,8801:8810 192.0.2.0/28 any 0.0.0.0/0 out comment={}
-A ufw-user-output -p udp -m multiport --dports 3478,8801:8810 -d 192.0.2.0/28 -j ACCEPT
""".format(b"kudo media (egress.allowlist)".hex())
    )


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ("allow tcp 443 192.0.2.7 any 0.0.0.0/0 out", ["-A ufw-user-output -p tcp -d 192.0.2.7 --dport 443 -j ACCEPT"]),
        ("allow any 53 2001:db8::1 any ::/0 out",
         [f"-A ufw6-user-output -p {name} -d 2001:db8::1 --dport 53 -j ACCEPT" for name in ("tcp", "udp")]),
        ("allow udp 67,68 0.0.0.0/0 67,68 0.0.0.0/0 out",
         ["-A ufw-user-output -p udp -m multiport --dports 67,68 -m multiport --sports 67,68 -j ACCEPT"]),
        ("allow udp 67 0.0.0.0/0 68 0.0.0.0/0 out", ["-A ufw-user-output -p udp --dport 67 --sport 68 -j ACCEPT"]),
        ("route:allow tcp 443 192.0.2.0/28 any 10.0.0.0/24 in",
         ["-A ufw-user-forward -p tcp -d 192.0.2.0/28 --dport 443 -s 10.0.0.0/24 -j ACCEPT"]),
        ("route:deny any any 0.0.0.0/0 any 10.0.0.0/24 in", ["-A ufw-user-forward -s 10.0.0.0/24 -j DROP"]),
        ("route:reject any any ::/0 any fd00::/8 in", ["-A ufw6-user-forward -s fd00::/8 -j REJECT"]),
        ("allow udp 500 0.0.0.0/0 any 192.0.2.0/28 in",
         ["-A ufw-user-input -p udp --dport 500 -s 192.0.2.0/28 -j ACCEPT"]),
    ],
)  # fmt: skip
def test_the_lines_of_a_tuple(spec: str, lines: list[str]) -> None:
    assert rules.lines_of(spec) == lines


def test_only_the_comment_tells_what_is_ours() -> None:
    assert labels(composed(FILE, ONE)) == ["", "", "", "kudo media"]
    for comment in ("", " comment=", " comment=zz", " comment=ff", " comment=" + b"(egress.allowlist) no".hex()):
        text = FILE.replace(" comment=6d7920737368", comment)
        assert composed(composed(text, ONE)) == text


def test_the_users_own_identical_rule_stands_for_ours() -> None:
    text = FILE.replace("allow any any 10.1.1.1 any 0.0.0.0/0 out_eth0", TWO.partition(" # ")[0])
    assert labels(composed(text, ONE, TWO)) == ["", "", "", "kudo media"]


def test_places() -> None:
    last, first = composed(FILE, ONE), composed(FILE, ONE, first=True)
    assert labels(first) == ["kudo media", "", "", ""]
    assert labels(composed(first, ONE, TWO)) == ["kudo media", "kudo media, zoom meetings", "", "", ""]
    assert composed(last, ONE, first=True) == first
    stopped = composed(FILE, ONE, stops=(STOP,), first=True)
    assert labels(stopped) == ["kudo media", "", "", "", "egress stop"]
    later = rules.parse(stopped)
    moved = rules.Rules(later.head, [*later.blocks[:2], later.blocks[4], *later.blocks[2:4]], later.tail)
    assert rules.compose(moved, [ONE], [STOP], False) == stopped


@pytest.mark.parametrize("text", ["", "nonsense", FILE.replace("### RULES ###\n", ""), FILE.replace("*filter\n", "")])
def test_what_is_no_file_of_rules(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a file of ufw's rules$"):
        rules.parse(text)


def test_differences_in_words() -> None:
    old = rules.parse(composed(FILE, ONE, "allow any 53 2001:db8::1 any ::/0 out # baseline DNS"))
    routed = "route:allow tcp 443 192.0.2.7 any 10.0.0.0/8 in # kudo media"
    let_in = "allow udp 67,68 0.0.0.0/0 67,68 192.0.2.0/24 in # zoom inbound"
    new = rules.parse(composed(FILE, TWO, routed, let_in, stops=(STOP,)))
    assert rules.difference(rules.opened(old), rules.opened(new)) == [
        "- udp/3478,8801-8810 to 192.0.2.0/28  kudo: media",
        "+ tcp/443 to 192.0.2.7 from 10.0.0.0/8 (forwarded)  kudo: media",
        "+ tcp/443 to 192.0.2.7  kudo: media, zoom: meetings",
        "+ udp/67,68 from 192.0.2.0/24  zoom: inbound",
        "+ stop from 10.0.0.0/8 (forwarded)",
        "- tcp+udp/53 to 2001:db8::1  baseline: DNS",
    ]
    assert rules.difference(rules.opened(old), rules.opened(old)) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("deny any any 10.0.0.0/8 any 0.0.0.0/0 out", "deny out to 10.0.0.0/8"),
        ("route:reject any any ::/0 any fd00::/8 in_eth0", "route reject in on eth0 from fd00::/8 to any"),
        ("deny tcp 443 0.0.0.0/0 any 0.0.0.0/0 out", "deny out to any port 443 proto tcp"),
    ],
)
def test_a_rule_of_the_users_in_words(spec: str, words: str) -> None:
    assert rules.spoken(spec) == words


BROKEN = [
    "",
    "allow",
    "allow any",
    "allow tcp 22 0.0.0.0/0 any",
    "deny tcp http 0.0.0.0/0 any 0.0.0.0/0 out",
    "x " * 12,
]


@pytest.mark.parametrize("spec", BROKEN)
@pytest.mark.parametrize("comment", ["", f" comment={b'kudo media (egress.allowlist)'.hex()}"])
def test_what_ufw_passes_over_hinders_nothing(spec: str, comment: str) -> None:
    """A tuple that somebody broke: the user's stays, one of ours goes."""
    text = FILE.replace("### RULES ###\n", f"### RULES ###\n\n### tuple ### {spec.strip()}{comment}\n", 1)
    found = rules.parse(text)
    assert len(found.blocks) == len(rules.parse(FILE).blocks) + 1
    made = composed(text, ONE)
    assert (f"### tuple ### {spec.strip()}\n" in made) is not bool(comment)
    assert f"### tuple ### {rules.split(ONE)[0]}" in made
    assert rules.stoppers(rules.parse(made).blocks, {}) == []
    assert len(rules.openers(rules.parse(made).blocks, {"out"})) == 1
    lines = rules.difference(rules.opened(found), rules.opened(rules.parse(made)))
    gone = {f"- '{spec.strip()}'  kudo media"} if comment else set()
    assert set(lines) == {"+ udp/3478,8801-8810 to 192.0.2.0/28  kudo: media", *gone}


@pytest.mark.parametrize("spoil", [lambda text: text.replace("\n", "\r\n"), lambda text: text.rstrip("\n")])
def test_a_file_with_other_ends_of_lines(spoil: Callable[[str], str]) -> None:
    text = spoil(FILE)
    assert [entry.spec for entry in rules.parse(text).blocks] == [entry.spec for entry in rules.parse(FILE).blocks]
    made = composed(text, ONE, stops=(STOP,))
    assert composed(made, ONE, stops=(STOP,)) == made
    assert composed(made) == text


@pytest.mark.parametrize(
    ("users", "ours", "stops"),
    [
        ("deny any any 203.0.113.0/24 any 0.0.0.0/0 out", "allow esp any 203.0.113.9 any 0.0.0.0/0 out", True),
        (
            "deny any any 203.0.113.0/24 any 0.0.0.0/0 out",
            "allow icmp echo-request 203.0.113.9 any 0.0.0.0/0 out",
            True,
        ),
        ("deny esp any 0.0.0.0/0 any 0.0.0.0/0 out", "allow esp any 203.0.113.9 any 0.0.0.0/0 out", True),
        ("deny gre any 0.0.0.0/0 any 0.0.0.0/0 out", "allow esp any 203.0.113.9 any 0.0.0.0/0 out", False),
        ("deny any 53 0.0.0.0/0 any 0.0.0.0/0 out", "allow esp any 203.0.113.9 any 0.0.0.0/0 out", False),
        ("deny any any 0.0.0.0/0 53 0.0.0.0/0 out", "allow icmp any 203.0.113.9 any 0.0.0.0/0 out", False),
        ("deny any any 0.0.0.0/0 any 0.0.0.0/0 out", "allow sctp 5060 203.0.113.9 any 0.0.0.0/0 out", True),
        ("deny any 5060 0.0.0.0/0 any 0.0.0.0/0 out", "allow sctp 5060 203.0.113.9 any 0.0.0.0/0 out", False),
        ("deny tcp 5060 0.0.0.0/0 any 0.0.0.0/0 out", "allow sctp 5060 203.0.113.9 any 0.0.0.0/0 out", False),
    ],
)
def test_rules_of_the_users_that_stop_other_protocols(users: str, ours: str, stops: bool) -> None:
    found = rules.stoppers([rules.Block(users, "", "")], {ours: "acme calls"})
    assert bool(found) is stops
    assert not found or rules.words(ours, "acme calls") in found[0]


def test_words_of_other_protocols() -> None:
    assert rules.words("allow esp any 203.0.113.9 any 0.0.0.0/0 out", "acme calls") == "esp to 203.0.113.9  acme: calls"
    spec = "route:allow icmp echo-request 203.0.113.9 any 10.0.0.0/8 in"
    assert (
        rules.words(spec, "acme calls") == "icmp/echo-request to 203.0.113.9 from 10.0.0.0/8 (forwarded)  acme: calls"
    )


def test_lines_of_other_protocols_are_as_ufw_writes_them() -> None:
    assert rules.lines_of("allow esp any 203.0.113.9 any 0.0.0.0/0 out") == [
        "-A ufw-user-output -p esp -d 203.0.113.9 -j ACCEPT"
    ]
