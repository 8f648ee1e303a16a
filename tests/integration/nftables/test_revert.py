# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that nobody confirms is taken back by the host itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.ends import Ends, connect, listen
from tests.support.hosts.module import kill
from tests.support.hosts.nftables import BOOT, CANDIDATE, LOADER, RUN, Host, alone, native
from tests.support.rules import NEW, OLD, row
from tests.support.systems import longer
from tests.support.taking_over import SOON, TAKEN, check_taken_over
from tests.support.waiting import GLANCE, PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

USERS = """table inet filter {
    chain output { type filter hook output priority filter; policy drop; oif "lo" accept; ct state established accept; }
}
"""
INTO = {"family": "inet", "table": "filter", "chain": "output", "jump": True}


@pytest.fixture
def host() -> Iterator[Host]:
    with alone() as made:
        made.load(USERS)
        yield made


OWN, OWN_NEW = {"policy": "deny"}, {"policy": "audit", "scope": "both"}
USERS_PLACE = {"policy": "unmanaged", "into": INTO}
WAYS = {
    "from nothing": (None, (OLD, OWN)),
    "own table": ((OLD, OWN), (NEW, OWN_NEW)),
    "from nothing into the user's table": (None, (NEW, USERS_PLACE)),
    "in the user's table": ((OLD, USERS_PLACE), (NEW, USERS_PLACE)),
    "into the user's table": ((OLD, OWN), (NEW, USERS_PLACE)),
    "out of the user's table": ((OLD, USERS_PLACE), (NEW, OWN)),
    "no more jump": ((OLD, USERS_PLACE), (OLD, {"policy": "unmanaged", "into": {**INTO, "jump": False}})),
}


DAMAGED = {
    "emptied": (": >{0}", "is not whole"),
    "gone": ("rm {0}", "is not whole"),
    "cut off": ("sed -i '$ d' {0}", "is not whole"),
    "cut off in the middle": ("head -c 300 {0} >{0}.new; mv {0}.new {0}", "is not whole"),
    "another's": ("echo no rules >{0}", "is not whole"),
    "not readable by nft": ("sed -i '1 s/^/no rules\\n/' {0}", "syntax error"),
    "other rules": (
        "sed -i 's/dport 443/dport 444/' {0}",
        "table inet egress_allowlist is not what it was before the change",
    ),
    "no rules": ("echo '# whole' >{0}", "table inet egress_allowlist is not what it was before the change"),
}


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGED)
def test_nobody_confirms_while_the_way_back_is_hindered(host: Host, damage: str) -> None:
    host.apply(native(*OLD, **OWN))
    rules = host.rules()
    applied = host.apply(native(*NEW, **OWN_NEW), after=600)
    before = host.read(f"{RUN}/nftables.rollback")
    script, said = DAMAGED[damage]
    host.shell(script.format(f"{RUN}/nftables.rollback"))
    host.elapse()
    assert until(lambda: said in host.hindrance(), 20), host.hindrance()
    assert host.read(CANDIDATE) != ""
    if damage != "gone":
        failed = host.confirm(applied)
        assert failed.get("failed"), failed
        assert (
            "was not confirmed in time, and the host goes back to the rules before it, hindered by: " in failed["msg"]
        )
        assert said in failed["msg"]
    host.write(f"{RUN}/nftables.rollback", before)
    assert until(lambda: host.rules() == rules)
    assert until(lambda: host.read(CANDIDATE) == "")


# Ends a command in its first calls, as the kernel does it where memory is short.
KILLED = """#!/bin/sh
calls=$(/bin/cat /etc/fake/{0}.calls 2>/dev/null)
echo $((calls + 1)) >/etc/fake/{0}.calls
[ "$calls" != "{1}" ] || kill -9 $$
exec {2} "$@"
"""
COMMANDS = {"cat": [""], "sed": ["", "1", "2", "3"], "tail": [""], "sort": [""], "sha256sum": [""]}
ENDED = [(command, after) for command, afters in COMMANDS.items() for after in afters]
ENDED += [("nft", after) for after in ["", *map(str, range(1, 9))]]


def killed(host: Host, command: str, after: str) -> None:
    """Have a command end once, when it was called so many times before."""
    path = host.shell(f"command -v {command}").strip()
    host.write(f"/etc/fake/{command}", KILLED.format(command, after, path))
    host.shell(f"chmod 755 /etc/fake/{command}")


@pytest.mark.parametrize("place", longer([OWN], [USERS_PLACE]), ids=["own", "users"])
@pytest.mark.parametrize(
    ("command", "after"), longer(ENDED[::4], [each for each in ENDED if each not in ENDED[::4]], unpack=True)
)
def test_a_command_of_the_way_back_is_killed(host: Host, command: str, after: str, place: dict) -> None:
    host.apply(native(*OLD, **place))
    rules = host.rules()
    path = host.path
    if command == "nft":
        host.write("/etc/fake/nft", '#!/bin/sh\nexec nft "$@"\n'.replace("nft", host.shell("command -v nft").strip()))
        host.shell("chmod 755 /etc/fake/nft")
        host.path = f"/etc/fake:{path}"
    applied = host.apply(native(*NEW, **place), after=600)
    host.shell("rm -f /etc/fake/nft")
    killed(host, command, after)
    script = f"{RUN}/nftables.revert-{applied['token']}"
    host.shell(f"PATH=/etc/fake:$PATH timeout 60 sh {script} {applied['token']}")
    assert host.rules() == rules
    assert host.read(CANDIDATE) == ""


@pytest.mark.parametrize("place", longer([OWN], [USERS_PLACE]), ids=["own", "users"])
@pytest.mark.parametrize(
    ("command", "after"), longer([("cat", ""), ("sed", "")], [("sed", "1"), ("tail", "")], unpack=True)
)
def test_a_command_of_the_loader_is_killed(host: Host, command: str, after: str, place: dict) -> None:
    """It loads nothing and says so, or all."""
    host.apply(native(*OLD, **place))
    rules = host.rules()
    killed(host, command, after)
    for removed in (False, True):
        host.shell(f"rm -f /etc/fake/{command}.calls")
        if removed:
            host.shell("nft flush ruleset")
            host.load(USERS)
        done = host.space.run(["sh", "-c", f"PATH=/etc/fake:$PATH sh {LOADER}"])
        assert host.rules() == rules or (removed and done.returncode != 0)


@pytest.mark.parametrize("place", longer([OWN], [USERS_PLACE]), ids=["own", "users"])
@pytest.mark.parametrize("damage", [": >{0}", "sed -i '$ d' {0}", "head -c 300 {0} >{0}.new; mv {0}.new {0}", "rm {0}"])
def test_the_loader_does_not_load_half_a_file(host: Host, damage: str, place: dict) -> None:
    host.apply(native(*OLD, **place))
    rules = host.rules()
    host.shell(damage.format(BOOT))
    done = host.space.run(["sh", LOADER])
    assert done.returncode != 0
    assert "is not whole: the allowlist is not loaded" in done.stderr
    assert host.rules() == rules


@pytest.mark.parametrize("how", ["delete table inet filter", "flush ruleset", "delete chain inet filter output"])
@pytest.mark.parametrize("before", longer(["users"], ["nothing", "own"]))
def test_the_user_removes_their_table_while_a_change_waits(host: Host, before: str, how: str) -> None:
    """What is left to go back to is the rest; the table does not come again."""
    rules = {"nothing": None, "own": OWN, "users": USERS_PLACE}[before]
    if rules:
        host.apply(native(*OLD, **rules))
    own = host.rules().count("table inet egress_allowlist")
    applied = host.apply(native(*NEW, **USERS_PLACE), after=600)
    host.shell(f"nft '{'flush chain inet filter output; ' if 'chain' in how else ''}{how}'")
    host.shell(f"timeout 60 sh {RUN}/nftables.revert-{applied['token']} {applied['token']}")
    assert host.read(CANDIDATE) == ""
    now = host.rules()
    assert now.count("table inet egress_allowlist") == own
    assert now.count("table inet filter") == ("chain" in how)
    assert "hook output" not in now.replace("table inet egress_allowlist", "") or before == "own"
    assert ("chain egress_allowlist" in now) == (before == "users" and "chain" in how)


@pytest.mark.parametrize("way", WAYS)
def test_never_confirmed(host: Host, way: str) -> None:
    before, after = WAYS[way]
    if before:
        host.apply(native(*before[0], **before[1]))
    rules, files = host.rules(), host.files()
    applied = host.apply(native(*after[0], **after[1]), after=600)
    assert applied["armed"]
    assert host.rules() != rules
    assert host.elapse() == ["600"]
    assert until(lambda: host.rules() == rules)
    assert until(
        lambda: [line for line in host.files() if RUN not in line] == [line for line in files if RUN not in line]
    )
    assert until(lambda: host.shell(f"ls -A {RUN}") == "nftables.lock\n")
    late = host.confirm(applied)
    assert late.get("failed"), late
    assert "was not confirmed in time" in late["msg"]
    assert "went back to the rules before it" in late["msg"]
    assert host.rules() == rules
    if before:
        assert host.apply(native(*before[0], **before[1]))["changed"] is False


def test_confirmed_in_time(host: Host) -> None:
    host.apply(native(*OLD))
    applied = host.apply(native(*NEW, policy="deny"), after=600)
    rules, waiting = host.rules(), host.waiting()
    assert host.read(BOOT) != host.read(CANDIDATE) != ""
    assert host.confirm(applied)["changed"] is False
    assert not host.confirm(applied).get("failed")  # said twice, over a connection that was lost
    assert until(lambda: not host.running(*waiting)), "the way back waits still"
    assert host.rules() == rules
    assert host.read(CANDIDATE) == ""
    host.boot()
    host.load(USERS)
    assert host.rules() == rules
    assert host.apply(native(*NEW, policy="deny"))["changed"] is False


def test_a_token_confirms_only_its_own_rules(host: Host) -> None:
    first = host.apply(native(*NEW), after=600)
    host.remove()
    assert host.confirm(first)["failed"]
    second = host.apply(native(*OLD), after=600)
    assert first["token"] != second["token"]
    assert host.confirm(first)["failed"]
    assert host.confirm(second)["changed"] is False
    # Somebody's change is mended, that is not confirmed, and the same list stands in the boot file all the time.
    host.load('add element inet egress_allowlist allowed4_tcp_443 { 8.8.8.8 : "acme/calls" }')
    drifted = host.rules()
    third = host.apply(native(*OLD), after=1)
    assert until(lambda: host.rules() == drifted)
    assert host.confirm(third)["failed"]


@pytest.mark.parametrize("ending", longer(SOON, [ending for ending in TAKEN if ending not in SOON]))
def test_another_run_took_over(host: Host, ending: str) -> None:
    check_taken_over(host, CANDIDATE, ending, native(*OLD, policy="deny"), native(*NEW, policy="deny"))


def test_the_module_is_killed_after_loading(host: Host) -> None:
    rules = host.rules()
    process = host.begin(ruleset=native(*OLD, policy="deny"), revert_after=600)
    assert until(lambda: host.rules() != rules)
    kill(process)
    host.elapse()
    assert until(lambda: host.rules() == rules)


def test_a_second_change_keeps_the_older_way_back(host: Host) -> None:
    host.apply(native(*OLD))
    rules = host.rules()
    first = host.apply(native(*NEW), after=500)
    waiting = host.waiting()
    second = host.apply(native(*OLD, *NEW[2:], policy="deny"), after=600)
    changed = host.rules()
    assert second["differences"] == [
        "- udp/10000-60000 to 2001:db8::/63  acme: media",
        "+ udp/10000-60000 to 2001:db8::/64  acme: media",
        "+ tcp/80 to 192.0.2.7  acme: web",
        "~ policy: audit -> deny",
        "~ stopped: none -> reject",
    ]
    assert host.confirm(first)["failed"]
    assert until(lambda: not host.running(*waiting)), "the first change's way back is still armed"
    assert host.rules() == changed
    assert host.elapse() == ["600"]
    assert until(lambda: host.rules() == rules)


def test_a_second_change_in_the_users_table_leaves_nothing(host: Host) -> None:
    host.apply(native(*OLD, **USERS_PLACE))
    rules = host.rules()
    host.apply(native(*NEW, **USERS_PLACE), after=500)
    host.apply(native(row("192.0.2.99", service="more"), **USERS_PLACE), after=600)
    assert host.elapse() == ["600"]
    assert until(lambda: host.rules() == rules)


def test_a_second_change_elsewhere_leaves_nothing(host: Host) -> None:
    host.load("table ip other { chain out { type filter hook output priority filter; policy accept; }; }")
    host.apply(native(*OLD))
    rules = host.rules()
    host.apply(native(*NEW, **USERS_PLACE), after=500)
    into = {"family": "ip", "table": "other", "chain": "out", "jump": True}
    host.apply(native(*NEW, policy="unmanaged", into=into), after=600)
    assert host.elapse() == ["600"]
    assert until(lambda: host.rules() == rules)


def test_a_reboot_before_the_confirmation_brings_the_old_rules(host: Host) -> None:
    host.apply(native(*OLD))
    host.boot()
    rules = host.rules()
    applied = host.apply(native(*NEW, policy="deny"), after=600)
    host.boot()
    host.shell(f"rm -r {RUN}")
    assert host.rules() == rules
    assert host.confirm(applied)["failed"]
    assert host.rules() == rules
    again = host.apply(native(*NEW, policy="deny"), after=600)
    assert again["changed"]
    host.confirm(again)
    assert host.apply(native(*NEW, policy="deny"))["changed"] is False


MEANWHILE = {
    "the old rules are loaded again": "sh /etc/egress-allowlist/load-nftables",
    "all tables are flushed": "nft flush ruleset",
    "a rule is put in": "nft insert rule inet egress_allowlist egress accept",
    "an element goes": "nft delete element inet egress_allowlist allowed4_tcp_443 '{ 203.0.113.0/25 }'",
    "the table is switched off": "nft add table inet egress_allowlist '{ flags dormant; }'",
}


@pytest.mark.parametrize("change", MEANWHILE)
def test_rules_that_changed_since_they_were_applied_are_not_confirmed(host: Host, change: str) -> None:
    host.apply(native(*OLD))
    rules, kept = host.rules(), host.read(BOOT)
    applied = host.apply(native(*NEW, policy="deny"), after=600)
    host.shell(MEANWHILE[change])
    failed = host.confirm(applied)
    assert failed.get("failed"), failed
    assert "since they were applied, somebody changed or reloaded the rules" in failed["msg"]
    assert host.read(BOOT) == kept
    host.shell(f"sh {RUN}/nftables.revert-{applied['token']} {applied['token']} || ! test -e {CANDIDATE}")
    host.shell("nft -f - <<'END'\n" + ("" if "table inet filter" in host.rules() else USERS) + "END")
    assert host.rules() == rules


def test_a_jump_that_went_since_it_was_applied_is_not_confirmed(host: Host) -> None:
    applied = host.apply(native(*OLD, **USERS_PLACE), after=600)
    host.shell("nft flush chain inet filter output")
    assert "(jump)" in host.confirm(applied)["msg"]


@pytest.mark.parametrize("address", ["198.18.1.2", "2001:2::1:2"])
def test_a_change_that_cuts_the_way_to_the_host_heals(ends: Ends, address: str) -> None:
    """The controller manages the host over a service of its own that the change shuts out."""
    with listen(ends.host.space, address, 2222) as service:
        assert reaches(ends, service, address)
        # Every answer of the host is stopped, also those of connections that are open already.
        cutting = native(row("203.0.113.9"), policy="deny", stopped="drop")
        for known in ('oif "lo" accept', "ct state established,related accept", "tcp sport @management"):
            cutting["ruleset"] = "\n".join(line for line in cutting["ruleset"].splitlines() if known not in line) + "\n"
        assert ends.host.apply(cutting, after=600)["armed"]
        assert not reaches(ends, service, address, seconds=GLANCE)
        ends.host.elapse()
        assert until(lambda: reaches(ends, service, address, seconds=1))
        assert until(lambda: ends.host.rules() == "")


def test_the_connection_that_ansible_came_by_is_let_through(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is found in the environment; answers from there pass even when conntrack knows nothing of them."""
    monkeypatch.setenv("SSH_CONNECTION", "198.18.1.1 50000 198.18.1.2 2222")
    strict = native(row("203.0.113.9"), policy="deny", stopped="drop")
    without = {**strict, "ruleset": strict["ruleset"].replace("ct state established,related accept", "")}
    with listen(ends.host.space, "198.18.1.2", 2222) as service, listen(ends.host.space, "198.18.1.2", 2223) as other:
        applied = ends.host.apply(without, after=600)
        assert "~ management ports: none -> 22, 2222" in applied["differences"]
        assert reaches(ends, service, "198.18.1.2")
        assert not reaches(ends, other, "198.18.1.2", 2223, GLANCE)


def reaches(ends: Ends, service: socket.socket, address: str, port: int = 2222, seconds: float = PATIENCE) -> bool:
    """Say whether a fresh connection from the controller to a service of the host's carries data both ways."""
    try:
        with connect(ends.peer, address, port, seconds) as there:
            here, _client = service.accept()
            with here:
                here.settimeout(seconds)
                there.sendall(b"ping")
                assert here.recv(4) == b"ping"
                here.sendall(b"pong")
                return there.recv(4) == b"pong"
    except OSError:
        return False
