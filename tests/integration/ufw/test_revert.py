# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With ufw too: a change that nobody confirms is taken back, by the host itself or by its next boot."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.ends import WORLD, connect, listen
from tests.support.hosts.module import finish
from tests.support.hosts.nftables import HOST, PEER
from tests.support.hosts.ufw import CANDIDATE, DEFAULTS, OLD, RUN, USER4, Host, alone, native
from tests.support.namespaces import BITS, ENVIRONMENT, MACS, Namespace, add_addresses, add_default_routes, link
from tests.support.rules import NEW
from tests.support.systems import longer
from tests.support.taking_over import SOON, TAKEN, check_taken_over
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("namespaces")

DENY = native(*NEW, policy="deny", scope="both", stopped="reject")


def test_never_confirmed(host: Host) -> None:
    host.apply(native(*OLD))
    kernel, files = host.kernel(), host.files()
    applied = host.apply(DENY, after=600)
    assert applied["armed"]
    assert host.kernel() != kernel
    assert "egress-allowlist.conf" in host.shell("ls /etc/systemd/system/ufw.service.d")
    assert host.elapse() == ["600"]
    assert until(lambda: host.kernel() == kernel)
    assert until(lambda: host.read(CANDIDATE) == "")
    assert until(lambda: host.files() == files)
    assert until(lambda: host.shell(f"ls -A {RUN}") == "ufw.confirmed\nufw.lock\n")
    late = host.confirm(applied)
    assert late.get("failed"), late
    assert "went back to the rules before it" in late["msg"]


def test_confirmed_in_time_and_twice(host: Host) -> None:
    applied = host.apply(DENY, after=600)
    waiting = host.waiting()
    assert host.module(state="confirmed", token="no such token")["failed"]
    assert "failed" not in host.confirm(applied)
    assert "failed" not in host.confirm(applied)
    kernel, files = host.kernel(), host.files()
    assert until(lambda: not host.running(*waiting)), "the way back waits still"
    assert (host.kernel(), host.files()) == (kernel, files)
    assert host.apply(DENY)["changed"] is False
    assert "unconfirmed" not in "".join(files)


@pytest.mark.parametrize("ending", longer(SOON, [ending for ending in TAKEN if ending not in SOON]))
def test_another_run_took_over(host: Host, ending: str) -> None:
    check_taken_over(host, CANDIDATE, ending, native(*OLD), DENY)


def test_two_changes_that_wait_go_back_to_what_was_confirmed(host: Host) -> None:
    host.apply(native(*OLD))
    kernel, texts = host.kernel(), host.texts()
    host.apply(native(*NEW), after=500)
    applied = host.apply(DENY, after=600)
    assert applied["armed"]
    assert host.elapse() == ["600"]
    assert until(lambda: host.kernel() == kernel)
    assert until(lambda: host.texts() == texts)


def test_a_boot_in_between(host: Host) -> None:
    host.apply(native(*OLD))
    kernel, files = host.kernel(), host.files()
    host.apply(DENY, after=600)
    host.reboot()
    assert (host.kernel(), host.files()) == (kernel, files)
    confirmed = host.apply(DENY, after=600)
    host.confirm(confirmed)
    kernel, files = host.kernel(), host.files()
    host.reboot()
    assert (host.kernel(), host.files()) == (kernel, files)
    assert host.apply(DENY)["changed"] is False


def test_a_boot_in_between_without_the_drop_in_is_mended_by_the_next_run(host: Host) -> None:
    host.apply(native(*OLD))
    kernel, files = host.kernel(), host.files()
    host.apply(DENY, after=600)
    host.shell("rm -r /etc/systemd/system/ufw.service.d")
    host.reboot()
    assert host.kernel() != kernel
    assert host.apply(native(*OLD))["changed"] is False
    assert (host.kernel(), host.files()) == (kernel, files)


def test_ufw_that_was_switched_off_meanwhile_is_left_alone(host: Host) -> None:
    texts = host.texts()
    host.apply(DENY, after=600)
    host.shell("ufw disable")
    host.elapse()
    assert until(lambda: host.texts() == texts)
    assert until(lambda: host.read(CANDIDATE) == "")
    assert "iptables -P OUTPUT ACCEPT" in host.kernel()
    assert not any("ufw-user-output" in line for line in host.kernel())
    host.shell("ufw --force enable; ufw reload")


def test_a_rule_of_the_users_meanwhile_is_kept_beside(host: Host) -> None:
    texts = host.texts()
    host.apply(DENY, after=600)
    host.shell("ufw allow 4711/tcp")
    host.elapse()
    assert until(lambda: host.texts() == texts)
    assert "4711" in host.read(f"{USER4}.before-revert")
    assert until(lambda: not any("4711" in line for line in host.kernel()))
    host.shell("rm /etc/ufw/*.before-revert")


def test_ufw_commands_at_the_same_time(host: Host) -> None:
    """Each waits for the other: no rule of the user's is lost, nor one of ours that the next run does not mend.

    ufw reads its rules before it takes its lock: what it read before we held that, it may write over ours.
    """
    ports = [5000, 5001, 5002]
    for wanted, port in zip((DENY, native(*OLD), DENY), ports, strict=True):
        users = subprocess.Popen(
            [*host.space.enter(), "chroot", "/run/system", "/usr/sbin/ufw", "allow", f"{port}/tcp"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
        done = finish(host.begin(rules=wanted, revert_after=0))
        users.communicate()
        assert users.returncode == 0
        assert not done.get("failed"), done
        host.apply(wanted)
        assert host.apply(wanted)["changed"] is False
        assert f"{port}/tcp" in host.status()
    for port in ports:
        host.shell(f"ufw delete allow {port}/tcp")


@pytest.fixture(scope="module")
def legacy() -> Iterator[Host]:
    """A host whose iptables takes the lock of xtables, which that for nftables does not."""
    with alone("bookworm", enabled=False, users="") as made:
        made.shell("for t in iptables ip6tables; do update-alternatives --set $t /usr/sbin/$t-legacy; done")
        made.shell("ufw --force enable; ufw reload; mkdir -p /etc/systemd/system")
        made.write("/usr/local/bin/logger", '#!/bin/sh\necho "$*" >>/tmp/log\n')
        made.shell("chmod 755 /usr/local/bin/logger")
        assert not made.module(rules=native(*OLD), revert_after=0).get("failed")
        yield made


def hold(host: Host) -> str:
    """Hold the lock of xtables; returns the process that does."""
    script = "exec 9>/run/xtables.lock; flock 9; echo held >/tmp/held; exec sleep 9999"
    process = host.shell(f"rm -f /tmp/held; setsid sh -c '{script}' >/dev/null 2>&1 </dev/null & echo $!").strip()
    assert until(lambda: host.read("/tmp/held") != "")
    return process


def test_the_lock_of_xtables_is_held_while_it_goes_back(legacy: Host) -> None:
    """It is tried until it is done; nobody can confirm meanwhile, and the journal says what hinders it, once."""
    kernel, files = legacy.kernel(), legacy.files()
    applied = legacy.apply(DENY, after=600)
    changed = legacy.kernel()
    assert "iptables -P OUTPUT DROP" in changed
    holder = hold(legacy)
    legacy.go_back(applied)
    assert until(lambda: "holding the xtables lock" in legacy.hindrance())
    late = legacy.confirm(applied)
    assert "holding the xtables lock" in late["msg"]
    assert "the rules are the old ones" not in late["msg"]
    assert legacy.read(CANDIDATE), "it is not done"
    legacy.shell(f"kill {holder}")
    assert until(lambda: legacy.read(CANDIDATE) == "")
    assert (legacy.kernel(), legacy.files()) == (kernel, files)
    assert until(lambda: "daemon.notice" in legacy.read("/tmp/log"))  # it is logged when all is done
    log = legacy.shell("cat /tmp/log; rm /tmp/log").splitlines()
    assert [line.partition(" -- ")[0] for line in log] == [
        "-t egress-allowlist -p daemon.warning",
        "-t egress-allowlist -p daemon.notice",
    ]
    assert "holding the xtables lock" in log[0]


@pytest.mark.long
@pytest.mark.parametrize("after", [0, 600])
def test_the_lock_of_xtables_is_held_while_we_apply(legacy: Host, after: int) -> None:
    """Nothing is written and nothing is loaded: whether ufw runs is not known then."""
    kernel, files = legacy.kernel(), legacy.files()
    holder = hold(legacy)
    try:
        failed = legacy.module(rules=DENY, revert_after=after)
    finally:
        legacy.shell(f"kill {holder}")
    assert failed.get("failed"), failed
    assert "holding the xtables lock" in failed["msg"]
    assert (legacy.kernel(), legacy.files()) == (kernel, files)
    assert "revert" not in legacy.shell(f"ls {RUN}")


CHANGES = {
    "rules that were flushed": "iptables -F ufw-user-output",
    "a policy that was set": "iptables -P OUTPUT ACCEPT",
    "IPv6 rules that were flushed": "ip6tables -F ufw6-user-output",
    "a rule of ours that was deleted": "ufw delete allow out proto tcp to 203.0.113.0/25 port 443",
    "ufw that was switched off": "ufw disable",
}


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_meanwhile_is_not_confirmed(host: Host, change: str) -> None:
    applied = host.apply(DENY, after=600)
    host.shell(CHANGES[change])
    failed = host.confirm(applied)
    assert failed.get("failed"), failed
    assert "not confirmed: " in failed["msg"]
    assert "goes back to the old rules by itself" in failed["msg"]
    assert host.read(CANDIDATE)
    host.shell("ufw --force enable; ufw reload")


def test_a_change_is_seen_where_no_network_can_be_made(host: Host) -> None:
    """Some containers do not allow that: what was loaded is remembered there until it is confirmed."""
    why = "unshare: unshare failed: Operation not permitted"
    host.shell("mv /usr/bin/unshare /usr/bin/was")
    host.write("/usr/bin/unshare", f"#!/bin/sh\necho {why} >&2; exit 1\n")
    host.shell("chmod 755 /usr/bin/unshare")
    try:
        applied = host.apply(DENY, after=600)
        assert f"what runs could not be compared with ufw's files: {why}" in applied["notes"]
        host.shell("iptables -I ufw-user-output -j ACCEPT")
        assert "ufw-user-output of IPv4: changed" in host.confirm(applied)["msg"]
        host.shell("iptables -D ufw-user-output 1")
        assert not host.confirm(applied).get("failed")
    finally:
        host.shell("mv /usr/bin/was /usr/bin/unshare")


def test_a_reload_of_the_same_and_a_rule_of_the_users_are_confirmed(host: Host) -> None:
    applied = host.apply(DENY, after=600)
    host.shell("ufw reload; ufw allow 4711/tcp")
    assert not host.confirm(applied).get("failed")
    host.shell("ufw delete allow 4711/tcp")


def test_calls_live_on_and_the_way_back_reopens() -> None:
    """A connection that the new rules do not allow goes on; after the way back new ones work again."""
    with alone("bookworm") as host:
        peer = Namespace()
        try:
            link(host.space, "up0", peer, "peer0")
            add_addresses(host.space, "up0", HOST, BITS)
            add_addresses(peer, "peer0", PEER, BITS)
            peer.script("\n".join(f"ip -{version} route add local {net} dev lo" for version, net in WORLD.items()))
            add_default_routes(host.space, "up0", PEER, MACS[1])
            service = listen(peer, "203.0.113.200", 9999)
            with connect(host.space, "203.0.113.200", 9999) as call:
                answered, _address = service.accept()
                echo(call, answered)
                host.apply(native(*OLD, policy="deny", stopped="reject"), after=600)
                echo(call, answered)
                with pytest.raises(OSError, match=r"refused"):
                    connect(host.space, "203.0.113.200", 9999)
                host.elapse()
                assert until(lambda: 'POLICY="ACCEPT"' in host.read(DEFAULTS))
                assert until(lambda: "iptables -P OUTPUT ACCEPT" in host.kernel())
                connect(host.space, "203.0.113.200", 9999).close()
                echo(call, answered)
        finally:
            peer.close()


def echo(here: socket.socket, there: socket.socket) -> None:
    """Send something each way."""
    for sender, receiver in ((here, there), (there, here)):
        receiver.settimeout(PATIENCE)
        sender.sendall(b"voice")
        assert receiver.recv(100) == b"voice"
