# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that a host gets after the rules were applied."""

from __future__ import annotations

import os

import pytest

from tests.support.ends import Ends
from tests.support.hosts.nftables import Host, native
from tests.support.rules import NEW, OLD, row
from tests.support.waiting import GLANCE

pytestmark = pytest.mark.usefixtures("namespaces")

PROGRAM = "/usr/local/sbin/egress-allowlist-servers"
PATH = "egress-allowlist-servers-nftables.path"
SERVICE, TIMER = (f"egress-allowlist-servers-nftables.{kind}" for kind in ("service", "timer"))
FOLDER = "/etc/systemd/system"
FILES = [PROGRAM, f"{FOLDER}/{SERVICE}", f"{FOLDER}/{PATH}", f"{FOLDER}/{TIMER}"]
RENEWED = "nameserver 203.0.113.54\nnameserver 2001:db8::54\noptions edns0\n"
LINE = f"+ {PATH}, which lets name servers be asked that the host gets later"


@pytest.fixture
def renewing(ends: Ends, request: pytest.FixtureRequest) -> Ends:
    """A host and its neighbour; systemd seems to run on the host, and its lease names servers."""
    host = request.getfixturevalue("booted")
    for path in ("/etc/fake/systemctl", "/etc/fake/systemd-run"):
        ends.host.write(path, host.read(path))
    ends.host.shell("mkdir -p /run/systemd/system /etc/units /etc/active; chmod 755 /etc/fake/*")
    ends.host.path = "/etc/fake:" + os.environ["PATH"]
    ends.host.write("/etc/resolv.conf", "nameserver 203.0.113.53\nnameserver 2001:db8::53\n")
    return ends


def asks(ends: Ends, address: str) -> bool:
    """Say whether the host may ask a name server, on UDP and TCP alike, and nothing else of it."""
    assert not ends.datagram(address, 54, seconds=GLANCE)
    with ends.listen(address, 53):
        tcp = ends.connects(address, 53) == "open"
    assert ends.datagram(address, 53, seconds=GLANCE) is tcp
    return tcp


def test_a_lease_with_other_name_servers(renewing: Ends) -> None:
    host, wanted = renewing.host, native(row("203.0.113.9"), policy="deny")
    done = host.apply(wanted)
    assert LINE in done["differences"]
    assert "~ dns servers: none -> those of the host, followed" in done["differences"]
    assert asks(renewing, "203.0.113.53")
    assert asks(renewing, "2001:db8::53")
    assert not asks(renewing, "203.0.113.54")
    host.write("/etc/resolv.conf", RENEWED)
    host.shell(PROGRAM)
    assert asks(renewing, "203.0.113.54")
    assert asks(renewing, "2001:db8::54")
    assert not asks(renewing, "203.0.113.53")
    assert not asks(renewing, "2001:db8::53")
    again = host.module(ruleset=wanted)
    assert (again["changed"], again["differences"]) == (False, [])
    # What flushes all tables, and a boot, load the servers of then, and after them those of now.
    host.boot()
    assert asks(renewing, "203.0.113.54")
    assert not asks(renewing, "203.0.113.53")
    assert host.module(ruleset=wanted)["changed"] is False


@pytest.mark.parametrize("text", ["", "nameserver 127.0.0.53\n", "# none\n", "nameserver x;\n"])
def test_a_lease_that_ends_takes_no_server_away(renewing: Ends, text: str) -> None:
    host, wanted = renewing.host, native(row("203.0.113.9"), policy="deny")
    host.apply(wanted)
    host.write("/etc/resolv.conf", text)
    host.shell(PROGRAM)
    assert asks(renewing, "203.0.113.53")
    assert not host.module(ruleset=wanted)["differences"]


def test_nothing_but_name_servers_is_opened(renewing: Ends) -> None:
    host = renewing.host
    host.apply(native(row("203.0.113.9"), policy="deny"))
    rules = host.rules()
    host.write(
        "/etc/resolv.conf", "nameserver 0.0.0.0/0\nnameserver 203.0.113.54 }; add rule inet x y accept\n" + RENEWED
    )
    host.shell(PROGRAM)
    changed = {*host.rules().splitlines()} ^ {*rules.splitlines()}
    assert all("elements = {" in line for line in changed), changed
    assert "203.0.113.54" in host.rules()


def test_servers_that_the_user_named_stay(renewing: Ends) -> None:
    host = renewing.host
    host.apply(native(row("203.0.113.9"), policy="deny"))
    program = host.read(PROGRAM)
    waits = host.apply(native(row("203.0.113.9"), policy="deny", dns_servers=["203.0.113.60"]), after=600)
    host.write("/etc/resolv.conf", RENEWED)
    host.shell(PROGRAM)  # a change that waits for its confirmation is in force
    assert asks(renewing, "203.0.113.60")
    assert not asks(renewing, "203.0.113.54")
    assert not host.confirm(waits).get("failed")
    assert host.shell(f"ls {' '.join(FILES)} 2>/dev/null || :") == ""
    host.write("/etc/by-hand", program)
    host.shell("python3 /etc/by-hand")
    assert not asks(renewing, "203.0.113.54")


def test_where_the_table_is_gone_nothing_is_made(renewing: Ends) -> None:
    host = renewing.host
    host.apply(native(row("203.0.113.9"), policy="deny"))
    host.shell(f"nft flush ruleset; {PROGRAM}")
    assert host.rules() == ""


@pytest.mark.parametrize("after", ["true", "nft.real -f /etc/egress-allowlist/nftables.nft"])
def test_a_flush_while_it_works_is_no_failure(renewing: Ends, after: str) -> None:
    """A restart of nftables.service: the tables go between two of the program's calls of nft, and may come again."""
    host = renewing.host
    host.apply(native(row("203.0.113.9"), policy="deny"))
    host.write("/etc/resolv.conf", RENEWED)
    host.write(
        "/etc/nft",
        '#!/bin/sh\nPATH=$PATH:/etc/real\n[ $1 = -f ] && [ ! -e /etc/once ] || exec nft.real "$@"\n'
        f'touch /etc/once; nft.real flush ruleset; nft.real "$@"; status=$?; {after}; exit $status\n',
    )
    host.shell("mkdir /etc/real; cp /usr/sbin/nft /etc/real/nft.real; chmod 755 /etc/nft")
    host.shell(f"mount --bind /etc/nft /usr/sbin/nft; {PROGRAM}; umount /usr/sbin/nft; ls /etc/once")
    if after == "true":
        assert host.rules() == ""
    else:
        assert asks(renewing, "203.0.113.54")
        assert not asks(renewing, "203.0.113.53")


def test_absent_removes_it(booted: Host) -> None:
    files = [*booted.files(), booted.shell("ls /usr/local/sbin")]
    booted.apply(native(*OLD))
    assert booted.shell(f"ls {' '.join(FILES)}").split() == sorted(FILES)
    assert booted.shell(f"stat -c %a {PROGRAM}") == "755\n"
    gone = booted.module(state="absent")
    assert {f"- {path}" for path in FILES} <= set(gone["differences"])
    assert [*booted.files(), booted.shell("ls /usr/local/sbin")] == files
    assert "disable --now " + PATH in booted.read("/etc/asked")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (f"rm /etc/active/{PATH}", f"~ {PATH}: stopped on the host since, set back"),
        (f"echo disabled >/etc/units/{PATH}", f"~ {PATH}: stopped on the host since, set back"),
        (f"rm /etc/active/{TIMER}", f"~ {TIMER}: stopped on the host since, set back"),
        (f"echo disabled >/etc/units/{SERVICE}", f"~ {SERVICE}: disabled on the host since, set back"),
        (f"chmod 644 {PROGRAM}", f"~ {PROGRAM}: mode 0644 -> 0755"),
        (f"rm {PROGRAM}", f"~ {PROGRAM}: removed on the host since, set back"),
        (f"echo >>{FOLDER}/{PATH}", f"~ {FOLDER}/{PATH}: changed on the host since, set back"),
        (
            "nft add element inet egress_allowlist dns4 { 192.0.2.99 }",
            "~ name servers: changed on the host since, set back",
        ),
        ("nft flush set inet egress_allowlist dns6", "~ name servers: changed on the host since, set back"),
    ],
)
def test_what_somebody_changed_is_mended(booted: Host, change: str, line: str) -> None:
    booted.apply(native(*OLD))
    rules = booted.rules()
    booted.shell(change)
    assert booted.apply(native(*OLD), check=True)["differences"] == [line]
    assert booted.apply(native(*OLD))["differences"] == [line]
    assert booted.rules() == rules
    assert booted.apply(native(*OLD))["changed"] is False


@pytest.mark.parametrize("unit", [SERVICE, PATH, TIMER])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("echo masked >/etc/units/{0}", "{0} is masked"),
        ("echo Result=exit-code >/etc/properties/{0}; echo ExecMainStatus=203 >>/etc/properties/{0}",
         "{0} failed when it last ran (exit-code, status 203): journalctl -u {0} says why"),
        ("echo 'ExecStart={{ path=/bin/false ; argv[]=/bin/false ; }}' >/etc/properties/{0}",
         "{0} is overridden (its ExecStart is another)"),
    ],
)  # fmt: skip
def test_who_does_not_watch_is_not_said_to_watch(booted: Host, unit: str, change: str, said: str) -> None:
    booted.apply(native(*OLD))
    booted.shell(f"mkdir -p /etc/properties; {change.format(unit)}")
    notes = booted.apply(native(*OLD))["notes"]
    if unit == SERVICE or "masked" in change:
        assert f"name servers that the host gets later are not asked: {said.format(unit)}" in notes
    else:
        assert f"name servers that the host gets later may be asked too: {PATH} watches for them" in notes


def test_a_python_that_the_unit_does_not_see_does_not_run_it(booted: Host) -> None:
    """One of Ansible's in a home, also behind a link elsewhere, is hidden from the unit."""
    booted.apply(native(*OLD))
    assert booted.read(PROGRAM).startswith("#!/usr/bin/python3\n")
    assert "systemd-run --quiet --wait --pipe --collect" in booted.read("/etc/asked")
    booted.shell(f"sed -i '1 s,.*,#!/usr/local/bin/none,' {PROGRAM}")
    assert booted.apply(native(*OLD))["differences"] == [f"~ {PROGRAM}: changed on the host since, set back"]


def test_a_masked_unit_stays_and_is_told(booted: Host) -> None:
    booted.shell(f"mkdir -p {FOLDER}; ln -s /dev/null {FOLDER}/{PATH}")
    told = booted.apply(native(*OLD))["notes"]
    assert any(note.startswith("name servers are those that the host has now (") for note in told)
    booted.remove()
    assert booted.shell(f"readlink {FOLDER}/{PATH}") == "/dev/null\n"


def test_where_no_systemd_runs_it_is_told(host: Host) -> None:
    told = host.apply(native(*OLD))["notes"]
    assert any("when they change, apply again, or name them in nftables_egress_dns_servers" in note for note in told)
    assert host.shell(f"ls {PROGRAM} 2>/dev/null || :") == ""
    assert not host.apply(native(*NEW, policy="deny", dns_servers=["192.0.2.1"]))["notes"][0].startswith("name servers")


def test_from_the_rules_of_before(booted: Host) -> None:
    """Servers by address give way to those of the host, and back again."""
    booted.apply(native(*OLD, dns_servers=["192.0.2.53"]))
    done = booted.apply(native(*OLD))
    assert LINE in done["differences"]
    assert booted.apply(native(*OLD))["changed"] is False
    back = booted.apply(native(*OLD, dns_servers=["192.0.2.53"]))
    assert {f"- {path}" for path in FILES} <= set(back["differences"])
    assert booted.apply(native(*OLD, dns_servers=["192.0.2.53"]))["changed"] is False
    assert booted.shell(f"ls {PROGRAM} 2>/dev/null || :") == ""
