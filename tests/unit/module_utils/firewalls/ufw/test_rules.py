# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's files as we read and write them, and the kernel's rules that follow from them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.ufw import kernel, rules

# As ufw writes it, with rules of the user's.
FILE = """*filter
:ufw-user-input - [0:0]
:ufw-user-output - [0:0]
:ufw-user-forward - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=6d7920737368
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### allow_log tcp 80 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-logging-input -p tcp --dport 80 -m conntrack --ctstate NEW -j LOG --log-prefix "[UFW ALLOW] "
-A ufw-user-logging-input -p tcp --dport 80 -j RETURN
-A ufw-user-input -p tcp --dport 80 -j ufw-user-logging-input
-A ufw-user-input -p tcp --dport 80 -j ACCEPT

### tuple ### allow any any 10.1.1.1 any 0.0.0.0/0 out_eth0
-A ufw-user-output -o eth0 -d 10.1.1.1 -j ACCEPT

### END RULES ###

### LOGGING ###
-A ufw-after-logging-input -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10
-A ufw-after-logging-forward -j LOG --log-prefix "[UFW BLOCK] " -m limit --limit 3/min --limit-burst 10
-I ufw-logging-deny -m conntrack --ctstate INVALID -j RETURN -m limit --limit 3/min --limit-burst 10
### END LOGGING ###
COMMIT
"""
# As the package installs it: no end of rules, other lines directly below their start.
FRESH = """*filter
:ufw-user-limit - [0:0]
### RULES ###
-A ufw-user-limit -j REJECT
-A ufw-user-limit-accept -j ACCEPT
COMMIT
"""
ONE = "allow udp 3478,8801:8810 192.0.2.0/28 any 0.0.0.0/0 out # kudo media"
TWO = "allow tcp 443 192.0.2.7 any 0.0.0.0/0 out # kudo media, zoom meetings"
STOP = "route:deny any any 0.0.0.0/0 any 10.0.0.0/8 in # egress stop"
DEFAULTS = (
    '# IPV6\nIPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\nDEFAULT_FORWARD_POLICY=DROP\n'
)


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


def test_a_default_policy_is_set_and_given_back() -> None:
    made = kernel.with_policies(DEFAULTS, {"OUTPUT": "DROP", "FORWARD": "DROP"})
    assert kernel.policies(made) == {"INPUT": "DROP", "OUTPUT": "DROP", "FORWARD": "DROP"}
    assert '# egress.allowlist: DEFAULT_OUTPUT_POLICY was "ACCEPT", set to DROP\nDEFAULT_OUTPUT_POLICY="DROP"\n' in made
    assert kernel.with_policies(made, {"OUTPUT": "DROP", "FORWARD": "DROP"}) == made
    assert kernel.with_policies(made, {}) == DEFAULTS
    other = kernel.with_policies(made, {"OUTPUT": "REJECT", "FORWARD": "REJECT"})
    assert kernel.policies(other) == {"INPUT": "DROP", "OUTPUT": "REJECT", "FORWARD": "REJECT"}
    assert kernel.with_policies(other, {}) == DEFAULTS
    assert kernel.with_policies(other, {"OUTPUT": "DROP"}) == made


def test_a_default_policy_that_the_user_changed_stays() -> None:
    made = kernel.with_policies(DEFAULTS, {"OUTPUT": "DROP"})
    changed = made.replace('OUTPUT_POLICY="DROP"', 'OUTPUT_POLICY="REJECT"')
    assert kernel.with_policies(changed, {}) == DEFAULTS.replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="REJECT"')
    assert kernel.with_policies(changed, {"OUTPUT": "DROP"}) == made


def test_a_default_policy_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"/etc/default/ufw has no DEFAULT_OUTPUT_POLICY$"):
        kernel.with_policies("IPV6=yes\n", {"OUTPUT": "DROP"})


@pytest.mark.parametrize(
    ("level", "output", "lines"),
    [
        ("low", "ACCEPT", ["input BLOCK", "forward BLOCK"]),
        ("low", "DROP", ["input BLOCK", "output BLOCK", "forward BLOCK"]),
        ("medium", "ACCEPT", ["input BLOCK", "output ALLOW", "forward BLOCK"]),
        ("full", "REJECT", ["input BLOCK", "output BLOCK", "forward BLOCK"]),
    ],
)
def test_log_rules_follow_the_default_policies(level: str, output: str, lines: list[str]) -> None:
    made = kernel.with_logging(FILE, {"INPUT": "DROP", "OUTPUT": output, "FORWARD": "DROP"}, level)
    found = re.findall(r'^-A ufw-after-logging-(\w+) -j LOG --log-prefix "\[UFW (\w+)\] "(.*)$', made, re.MULTILINE)
    assert [f"{chain} {word}" for chain, word, _limit in found] == lines
    assert {bool(limit) for _chain, _word, limit in found} == {level != "full"}
    assert kernel.with_logging(made, {"INPUT": "DROP", "OUTPUT": "ACCEPT", "FORWARD": "DROP"}, "low") == FILE


@pytest.mark.parametrize("level", ["off", ""])
def test_without_logging_nothing_is_logged(level: str) -> None:
    assert kernel.with_logging(FILE, {"OUTPUT": "DROP"}, level) == FILE
    assert kernel.with_logging(FRESH, {"OUTPUT": "DROP"}, "low") == FRESH


@pytest.mark.parametrize("output", ["ACCEPT", "DROP", "REJECT"])
@pytest.mark.parametrize("forward", ["ACCEPT", "DROP", "REJECT"])
def test_the_way_back_loads_what_we_load(tmp_path: Path, output: str, forward: str) -> None:
    """The script makes the same transactions of the files as the module does."""
    text = kernel.with_policies(DEFAULTS, {"OUTPUT": output, "FORWARD": forward})
    (tmp_path / "default").write_text(text, "utf-8")
    (tmp_path / "user.rules").write_text(FILE, "utf-8")
    (tmp_path / "user6.rules").write_text(FILE.replace("ufw-", "ufw6-"), "utf-8")
    for tool in ("iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "ipset"):
        catch = f'case "$*" in *-restore*|*-n) cat >{tmp_path}/{tool}.got;; esac\n'
        lists = "echo '-N ufw-user-output'\n" if tool == "iptables" else ""
        (tmp_path / tool).write_text(f"#!/bin/sh\n{catch if 'restore' in tool else lists}exit 0\n", "utf-8")
        (tmp_path / tool).chmod(0o755)
    script = kernel.SCRIPT.replace("PATH=", f"PATH={tmp_path}:")
    script = script.replace("/etc/default/ufw", f"{tmp_path}/default").replace("/etc/ufw", str(tmp_path))
    subprocess.run(["sh", "-c", script], check=True)
    defaults = kernel.policies(text)
    assert (tmp_path / "iptables-restore.got").read_text() == kernel.transaction(FILE, defaults, 4)
    wanted = kernel.transaction(FILE.replace("ufw-", "ufw6-"), defaults, 6)
    assert (tmp_path / "ip6tables-restore.got").read_text() == wanted


def test_only_what_decides_counts_as_drift() -> None:
    listing = "-P INPUT DROP\n-P OUTPUT DROP\n-N ufw-user-output\n-N ufw-user-limit\n-A ufw-user-output -j ACCEPT\n"
    wanted = kernel.listed(listing + "-A ufw-user-limit -j REJECT\n-A OUTPUT -j ufw-user-output\n")
    assert kernel.drifted(wanted, wanted) == []
    live = kernel.listed(listing.replace("INPUT DROP", "INPUT ACCEPT"))
    assert kernel.drifted(wanted, live) == []
    live = kernel.listed(listing.replace("OUTPUT DROP", "OUTPUT ACCEPT").replace("-j ACCEPT", "-j DROP"))
    assert kernel.drifted(wanted, live) == ["policy of OUTPUT", "ufw-user-output"]
    assert kernel.drifted(wanted, {}) == ["policy of OUTPUT", "ufw-user-output"]
