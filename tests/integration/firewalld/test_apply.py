# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a real firewalld: once, again, beside what is the user's, after others changed something, and away."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from tests.support.hosts.firewalld import HOME, SUITES, Host, alone, native
from tests.support.rules import NEW, OLD, row
from tests.support.systems import longer

pytestmark = pytest.mark.usefixtures("namespaces")

USERS = {  # what a user has, below /etc/firewalld
    "zones/mine.xml": '<zone><short>mine</short><port port="9997" protocol="tcp"/></zone>',
    "zones/public.xml": '<zone><service name="ssh"/><port port="8443" protocol="tcp"/><rule family="ipv4">'
    '<source address="192.0.2.9"/><reject/></rule></zone>',
    "policies/egress-mine.xml": '<policy target="CONTINUE" priority="-7"><ingress-zone name="HOST"/>'
    '<egress-zone name="ANY"/><port port="9999" protocol="tcp"/></policy>',
    "ipsets/egress-theirs.xml": '<ipset type="hash:net"><entry>192.0.2.64/26</entry></ipset>',
    "direct.xml": '<direct><rule ipv="ipv4" table="filter" chain="OUTPUT" priority="0">-p tcp --dport 9998 -j ACCEPT'
    "</rule></direct>",
}
DENY, AUDIT = native(*OLD, policy="deny"), native(*NEW, policy="audit")
FROM_OLD_TO_NEW = [
    "- tcp/80 to 192.0.2.7  acme: web",
    "+ udp/10000-60000 to 2001:db8::/63  acme: media",
    "- udp/10000-60000 to 2001:db8::/64  acme: media",
    "+ udp/3478 to 198.51.100.0/24  acme: calls",
    "~ policy: deny -> audit",
    "~ stopped: reject -> none",
]


@pytest.fixture(scope="module", params=longer(SUITES[:1], SUITES[1:]))
def started(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A Debian with firewalld, in which a user has objects of all kinds."""
    with alone(request.param, start=False) as host:
        for path, text in USERS.items():
            host.shell(f"printf %s {shlex.quote(text)} > {HOME}/{path}")
        host.shell(f"sed -i s/^DefaultZone=.*/DefaultZone=internal/ {HOME}/firewalld.conf")
        host.start()
        yield host


@pytest.fixture
def host(started: Host) -> Iterator[Host]:
    """The same, as it was before, at the end of each test too."""
    before = started.users(), started.files()
    yield started
    done = started.module(state="absent")
    assert not done.get("failed"), done
    assert (started.users(), started.files()) == before
    assert started.module(state="absent")["changed"] is False


@pytest.mark.parametrize("started", longer(SUITES[:1], SUITES[1:]), indirect=True)
def test_once_and_again_and_after_a_restart(host: Host) -> None:
    users = host.users()
    predicted = host.apply(DENY, check=True)
    assert host.users() == users
    applied = host.apply(DENY)
    assert applied["differences"] == predicted["differences"]
    assert applied["differences"] == [
        "+ tcp/443 to 203.0.113.0/25  acme: calls",
        "+ tcp/80 to 192.0.2.7  acme: web",
        "+ udp/10000-60000 to 2001:db8::/64  acme: media",
        "+ name server 198.18.1.1",
        "+ name server 2001:2::1:1",
        "~ log rate: none -> 10/minute",
        "~ policy: none -> deny",
        "~ scope: none -> host",
        "~ stopped: none -> reject",
    ]
    loaded, rules = host.loaded(), host.rules()
    assert host.apply(DENY)["changed"] is False
    assert host.loaded() == loaded, "nothing changed, and firewalld loaded its rules anew"
    assert host.daemon
    host.daemon.restart()
    assert host.rules() == rules
    assert host.apply(DENY)["changed"] is False
    listed = host.shell("firewall-cmd --info-policy=egress-allow-host; firewall-cmd --info-service=egress-acme-media")
    assert 'destination ipset="egress-acme-calls-4" service name="egress-acme-calls" accept' in listed
    assert "target: REJECT" in listed
    assert "ports: 10000-60000/udp" in listed
    assert host.apply(AUDIT)["differences"] == FROM_OLD_TO_NEW
    assert host.apply(AUDIT)["changed"] is False
    kept = {"egress-mine", "egress-theirs", "mine"}
    names = host.shell("firewall-cmd --get-policies; firewall-cmd --get-ipsets; firewall-cmd --get-zones").split()
    assert kept <= set(names)


@pytest.mark.long
def test_what_firewalld_itself_wrote_anew_is_no_change(host: Host) -> None:
    host.apply(DENY)
    loaded = host.loaded()
    for turn in ("add", "remove"):
        host.shell(f"firewall-cmd --permanent --policy=egress-allow-host --{turn}-service=ssh")
        host.shell(f"firewall-cmd --permanent --ipset=egress-acme-calls-4 --{turn}-entry=1.1.1.1")
    host.shell(
        f"test -e {HOME}/policies/egress-allow-host.xml.old; ! grep -q 1.1.1.1 {HOME}/ipsets/egress-acme-calls-4.xml"
    )
    assert host.apply(DENY)["changed"] is False
    assert host.loaded() == loaded


@pytest.mark.long
def test_drift_in_the_files_and_in_what_runs(host: Host) -> None:
    host.apply(DENY)
    rules = host.rules()
    host.shell("firewall-cmd --permanent --policy=egress-allow-host --set-target=ACCEPT")
    host.shell("firewall-cmd --permanent --ipset=egress-acme-calls-4 --remove-entry=203.0.113.0/25")
    assert host.rules() == rules
    shown = ["+ tcp/443 to 203.0.113.0/25  acme: calls", "+ target REJECT  of egress-allow-host"]
    found = host.apply(DENY)
    assert [line for line in found["differences"] if line.startswith("+")] == shown
    assert host.rules() == rules
    host.shell("firewall-cmd --policy=egress-allow-host --add-service=ssh")
    host.shell("firewall-cmd --ipset=egress-acme-media-6 --add-entry=2001:db9::/32")
    assert host.apply(DENY)["differences"] == [
        "- udp/10000-60000 to 2001:db9::/32  acme: media",
        "- services ssh  in egress-allow-host",
    ]
    assert host.rules() == rules
    host.shell("firewall-cmd --permanent --delete-policy=egress-allow-host; firewall-cmd --reload")
    assert "~ policy: none -> deny" in host.apply(DENY)["differences"]
    host.shell(f"echo '<broken' >> {HOME}/ipsets/egress-acme-calls-4.xml")
    assert host.apply(DENY)["differences"] == ["+ tcp/443 to 203.0.113.0/25  acme: calls"]
    assert host.rules() == rules
    assert host.apply(DENY)["changed"] is False


@pytest.mark.long
def test_a_reload_does_not_lose_what_others_changed(host: Host) -> None:
    before, rules = host.files(), host.rules()
    host.shell(
        "firewall-cmd --zone=public --add-port=81/tcp; firewall-cmd --ipset=egress-theirs --add-entry=10.9.0.0/16"
    )
    failed = host.module(objects=DENY)
    assert failed.get("failed"), failed
    assert 'zone public: ports ["81", "tcp"] runs only' in failed["msg"]
    assert "ipset egress-theirs: entries 10.9.0.0/16 runs only" in failed["msg"]
    assert "--runtime-to-permanent" in failed["msg"]
    assert host.files() == before
    host.apply(DENY, lose_runtime=True)
    assert "81/tcp" not in host.shell("firewall-cmd --zone=public --list-ports")
    host.remove()
    assert host.rules() == rules


def test_firewalld_is_stopped(host: Host) -> None:
    assert host.daemon
    host.daemon.stop()
    done = host.module(objects=DENY, revert_after=30)
    assert (done["changed"], done["armed"]) == (True, False)
    assert any("firewalld is not running" in note for note in done["notes"])
    assert host.apply(DENY)["changed"] is False
    assert host.module(state="absent")["changed"]
    assert host.module(objects=AUDIT, revert_after=30)["differences"][:1] == [
        "+ tcp/443 to 203.0.113.0/25  acme: calls"
    ]
    host.start()
    assert "egress-allow-host" in host.shell("firewall-cmd --get-policies")
    assert host.apply(AUDIT)["changed"] is False


def test_a_name_of_ours_that_is_the_users(host: Host) -> None:
    host.shell("firewall-cmd --permanent --new-ipset=egress-acme-calls-4 --type=hash:net; firewall-cmd --reload")
    failed = host.module(objects=DENY)
    assert failed.get("failed"), failed
    assert f"{HOME}/ipsets/egress-acme-calls-4.xml is not ours" in failed["msg"]
    assert host.module(state="absent")["changed"] is False
    host.shell(f"rm {HOME}/ipsets/egress-acme-calls-4.xml; firewall-cmd --reload")


def test_other_managers_and_settings_that_do_not_fit(host: Host) -> None:
    before = host.files()
    host.shell("cp -a /etc/ufw/ufw.conf /etc/ufw/was; sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf")
    failed = host.module(objects=DENY)
    assert "another firewall manager is at work on this host: ufw" in failed["msg"]
    assert host.apply(DENY, beside_others=True)["changed"]
    assert host.module(state="absent")["changed"]
    host.shell("mv /etc/ufw/was /etc/ufw/ufw.conf")
    for setting in ("FirewallBackend=iptables", "FlushAllOnReload=no"):
        host.shell(f"cp -a {HOME}/firewalld.conf /etc/was; echo {setting} >> {HOME}/firewalld.conf")
        failed = host.module(objects=DENY)
        assert setting in failed["msg"]
        host.shell(f"mv /etc/was {HOME}/firewalld.conf")
    assert host.files() == before


def test_a_zone_that_does_not_exist(host: Host) -> None:
    before, loaded = host.files(), host.loaded()
    failed = host.module(objects=native(*OLD, scope="gateway", ingress_zones=["lan"]))
    assert "'lan' not among existing zones" in failed["msg"]
    assert (host.files(), host.loaded()) == (before, loaded)


@pytest.mark.long
def test_a_clock_keeps_the_address_that_was_found_first(host: Host) -> None:
    host.shell("mkdir -p /etc/chrony; echo 'pool clock.example iburst' > /etc/chrony/chrony.conf")
    for address in ("192.0.2.123", "192.0.2.124"):
        host.shell(f"cp /etc/hosts /run/hosts; echo {address} clock.example >> /run/hosts")
        host.shell("cp -a /etc/hosts /etc/hosts.was; cp /run/hosts /etc/hosts")
        done = host.apply(native(*OLD, policy="deny"))
        host.shell("mv /etc/hosts.was /etc/hosts")
        assert done["changed"] is (address == "192.0.2.123"), done["differences"]
    assert "192.0.2.123" in host.shell("firewall-cmd --info-ipset=egress-allow-ntp-4")
    host.shell("rm -r /etc/chrony")


@pytest.mark.long
@pytest.mark.parametrize("started", SUITES, indirect=True)
def test_both_directions_and_both_scopes(host: Host) -> None:
    zoom = row("198.51.100.0/28", "8801-8810", "UDP", "inbound", direction="inbound")
    both = native(*OLD, zoom, policy="deny", scope="both", sources=["10.0.0.0/8"], stopped="drop")
    done = host.apply(both)
    assert "+ udp/8801-8810 from 198.51.100.0/28  acme: inbound" in done["differences"]
    said = any("no zone has an interface" in note for note in done["notes"])
    assert said is host.shell("firewall-cmd --version").startswith("2.")
    assert any("no source of IPv6 is named" in note for note in done["notes"])
    assert host.apply(both)["changed"] is False
    policies = host.shell("firewall-cmd --get-policies").split()
    assert {f"egress-allow-{name}" for name in ("host", "in", "gw", "gwin")} <= set(policies)


@pytest.mark.long
def test_a_firewalld_that_is_too_old() -> None:
    with alone("bullseye") as host:
        before = host.files()
        failed = host.module(objects=DENY)
        assert "firewalld 0.9.3 is too old" in failed["msg"]
        assert host.module(state="absent")["changed"] is False
        assert host.files() == before
