# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What names need on a host beside the rules: a real dnsmasq, the keeper, /etc/resolv.conf."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.hosts.nftables import HOST, native
from tests.support.names.world import KEEPER, NamesWorld, NftHost, names_world
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import system
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

DROP_IN, RESOLV, CONFIG = "/etc/dnsmasq.d/egress-allowlist.conf", "/etc/resolv.conf", "/etc/egress-allowlist"
ROWS = [row("*.kudoway.com"), row("api.kudo.com", "443", "TCP"), row("104.16.0.0/16")]
# All that we may leave on the host.
OURS = (
    f"ls -d {DROP_IN} {CONFIG} {CONFIG}/* {KEEPER} /var/lib/egress-allowlist /var/lib/egress-allowlist/* "
    "/run/egress-allowlist /run/egress-allowlist/* /etc/systemd/system/egress* 2>/dev/null || true"
)
CLEAN = (
    "set +e; rm -f /etc/dnsmasq.d/*.conf; echo > /etc/dnsmasq.conf; /etc/init.d/dnsmasq stop >/dev/null 2>&1; "
    f"rm -f {RESOLV}"
)


@pytest.fixture(scope="module")
def world() -> Iterator[NamesWorld]:
    """A host with a neighbour that knows names."""
    with names_world("host") as made:
        made.host.shell("sed -i 's/sleep 2$/sleep 0.1/' /etc/init.d/dnsmasq")  # it waits at each restart
        made.zone.put("a.kudoway.com", "52.84.0.1")
        made.zone.put("api.kudo.com", "52.84.0.2")
        yield made


@pytest.fixture
def names(world: NamesWorld) -> Iterator[NamesWorld]:
    """The same, as it is before our first run and after our last."""
    before = f"search corp.example\nnameserver {world.upstream[4]}\noptions timeout:1 attempts:1\n"
    world.host.shell(CLEAN)
    world.host.write(RESOLV, before)
    yield world
    done = world.host.module(state="absent")
    assert not done.get("failed"), done
    assert world.host.shell(OURS) == ""


def apply(on: NamesWorld, *rows: dict, check: bool = False, after: int = 0, **options: Any) -> dict[str, Any]:
    """Run the module with names by dnsmasq and policy deny; returns what it says, failed or not."""
    choices = {"policy": "deny", "scope": "host", "names": "dnsmasq", "names_resolv_conf": True, **options}
    ruleset = native(*(rows or ROWS), **choices)
    return on.host.module(ruleset=ruleset, revert_after=after, check=check)


def applied(on: NamesWorld, *rows: dict, **options: Any) -> dict[str, Any]:
    """Apply; fails where the module fails."""
    done = apply(on, *rows, **options)
    assert not done.get("failed"), done
    return done


def looks(names: NamesWorld) -> str:
    """Return the files, dnsmasq's processes and the rules of the host."""
    files = f"$(find -L {DROP_IN} {CONFIG} {KEEPER} {RESOLV} -type f 2>/dev/null)"
    seen = names.host.shell(f"stat -c '%n %a %i %Y' {files}; cat {files}; pgrep -x dnsmasq || true")
    return seen + names.host.rules()  # type: ignore[attr-defined]


def names_lines(done: dict[str, Any]) -> list[str]:
    """Return the differences that are about names."""
    return [line for line in done["differences"] if "name" in line.split(":")[0]]


def test_from_the_first_run_to_the_last(names: NamesWorld) -> None:
    before = looks(names)
    checked = applied(names, check=True)
    assert looks(names) == before
    done = applied(names)
    assert checked["differences"] == done["differences"]
    assert names_lines(done) == [
        "+ name *.kudoway.com  learned by dnsmasq",
        "+ name api.kudo.com  learned by dnsmasq",
        f"~ names: {RESOLV}: names this host's dnsmasq",
    ]
    assert any("no systemd runs here; let '/usr/local/sbin/egress" in note for note in done["notes"])
    assert names.host.shell(f"grep -v '^#' {RESOLV}").splitlines() == [
        "nameserver 127.0.0.1",
        "search corp.example",
        "options timeout:1 attempts:1",
    ]
    assert not any(names.opens(443, "52.84.0.1"))
    assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")
    assert all(names.opens(443, "52.84.0.1"))
    assert not any(names.opens(443, "52.84.0.2"))
    names.host.shell(f"{KEEPER} run nftables")
    settled = looks(names)
    again = applied(names)
    assert (again["changed"], again["differences"]) == (False, [])
    assert looks(names) == settled
    gone = names.host.module(state="absent")
    assert names_lines(gone) == [
        "- name *.kudoway.com  learned by dnsmasq",
        "- name api.kudo.com  learned by dnsmasq",
        f"~ names: {RESOLV}: as it was before",
    ]
    assert names.host.shell(OURS) == ""
    assert names.host.shell(f"cat {RESOLV}").startswith("search corp.example\nnameserver 198.")
    assert names.host.module(state="absent")["changed"] is False


def test_dns_is_not_touched_before_the_confirmation(names: NamesWorld) -> None:
    resolv = names.host.shell(f"cat {RESOLV}")
    done = applied(names, after=600)
    assert done["armed"]
    assert names.host.shell(OURS).split() == [
        CONFIG,  # in it, hidden, what is not confirmed
        "/run/egress-allowlist",
        *(f"/run/egress-allowlist/nftables.{kind}" for kind in ("lock", "names")),
        *sorted(names.host.shell("ls -d /run/egress-allowlist/nftables.r*").split()),
    ]
    assert names.host.shell(f"cat {RESOLV}") == resolv
    confirmed = names.host.confirm(done)
    assert not confirmed.get("failed"), confirmed
    assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")
    assert all(names.opens(443, "52.84.0.1"))
    assert names.host.confirm(done).get("failed") is None
    assert applied(names)["changed"] is False


def test_a_change_that_goes_back_leaves_dns_alone(names: NamesWorld) -> None:
    resolv = names.host.shell(f"cat {RESOLV}")
    done = applied(names, after=1)
    assert until(lambda: names.host.shell("nft list tables") == "")
    refused = names.host.confirm(done)
    assert refused.get("failed"), refused
    assert names.host.shell(f"cat {RESOLV}") == resolv
    assert "/etc/" not in names.host.shell(OURS)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (f"echo '# more' >> {DROP_IN}", f"~ names: {DROP_IN}: changed on the host since, set back"),
        (f"rm {DROP_IN}", f"~ names: {DROP_IN}: removed on the host since, set back"),
        (f"echo '# more' >> {KEEPER}", f"~ names: {KEEPER}: changed on the host since, set back"),
        (f"rm {KEEPER}", f"~ names: {KEEPER}: removed on the host since, set back"),
        (f"sed -i 's/86400/3600/' {CONFIG}/names-nftables.json", "~ names lease: 3600 -> 86400"),
        (f"echo broken > {CONFIG}/names-nftables.json", "+ name *.kudoway.com  learned by dnsmasq"),
        ("/etc/init.d/dnsmasq stop", "~ names: dnsmasq: stopped on the host since, set back"),
        (f"echo nameserver 198.18.9.9 > {RESOLV}", f"~ names: {RESOLV}: names this host's dnsmasq"),
    ],
)
def test_what_somebody_changed_is_mended(names: NamesWorld, harm: str, line: str) -> None:
    applied(names)
    kept = f"cat {DROP_IN} {KEEPER} {CONFIG}/*.json"
    before = names.host.shell(kept)
    names.host.shell(harm)
    done = applied(names)
    assert line in names_lines(done)
    after = names.host.shell(kept)
    if "198.18.9.9" in harm:  # a lease of another network: those servers are asked from now on
        assert "server=198.18.9.9\n" in names.host.shell(f"cat {DROP_IN}")
        names.host.shell(f"cp {RESOLV} /tmp/resolv.conf")
        names.host.remove()
        assert names.host.shell(f"cat {RESOLV}") == "nameserver 198.18.9.9\n"
    else:
        assert json.dumps(after) == json.dumps(before) or "broken" in harm
        assert applied(names)["changed"] is False
        assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")


def test_from_one_way_to_another(names: NamesWorld) -> None:
    applied(names)
    lines = names_lines(applied(names, names="resolve", names_resolv_conf=False, names_lease=3600))
    assert lines == [
        "- name *.kudoway.com  learned by dnsmasq",
        "~ names: dnsmasq -> resolve",
        "~ names lease: 86400 -> 3600",
        f"~ names: {RESOLV}: as it was before",
    ]
    assert "egress" not in names.host.shell("ls /etc/dnsmasq.d")
    assert all(names.opens(443, "52.84.0.2")), "looked up before the play ends"
    assert applied(names, names="resolve", names_resolv_conf=False, names_lease=3600)["changed"] is False
    lines = names_lines(applied(names, names="report", names_resolv_conf=False))
    assert lines == ["- name api.kudo.com  looked up"]
    assert names.host.shell(f"ls -d {KEEPER} {CONFIG}/names* 2>/dev/null || true") == ""
    lines = names_lines(applied(names))
    assert "+ name *.kudoway.com  learned by dnsmasq" in lines


@pytest.mark.parametrize(
    ("setting", "drop_in", "absent"),
    [
        ("max-ttl=60", ["max-cache-ttl=86270"], "max-ttl"),
        ("server=198.18.9.9\nno-resolv", ["nftset=/api.kudo.com/"], "server="),
        ("bind-interfaces\nlisten-address=127.0.0.1", ["max-ttl=86270"], "bind-dynamic"),
        ("nftset=/other.example/4#inet#mine#theirs", ["nftset=/api.kudo.com/"], "other.example"),
    ],
)
def test_settings_of_the_users_stand(names: NamesWorld, setting: str, drop_in: list[str], absent: str) -> None:
    names.host.write("/etc/dnsmasq.d/mine.conf", setting + "\n")
    applied(names)
    ours = names.host.shell(f"cat {DROP_IN}")
    assert all(text in ours for text in drop_in)
    assert absent not in ours
    assert names.host.shell("cat /etc/dnsmasq.d/mine.conf") == setting + "\n"
    assert applied(names)["changed"] is False
    names.host.remove()
    assert names.host.shell("cat /etc/dnsmasq.d/mine.conf") == setting + "\n"


LINK = f"mv {RESOLV} /run/{{0}}.conf; ln -s /run/{{0}}.conf {RESOLV}"


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (
            "echo max-cache-ttl=90000 > /etc/dnsmasq.d/x.conf",
            {},
            "max-cache-ttl=90000 in /etc/dnsmasq.d/x.conf is longer",
        ),
        ("echo min-cache-ttl=3600 > /etc/dnsmasq.d/x.conf", {"names_lease": 600}, "at most 470 is accepted"),
        ("echo use-stale-cache > /etc/dnsmasq.d/x.conf", {}, "use-stale-cache in /etc/dnsmasq.d/x.conf gives answers"),
        (
            "printf 'conf-file=/etc/more\\n' > /etc/dnsmasq.conf; echo nftset=/x.api.kudo.com/4#inet#t#s > /etc/more",
            {},
            "nftset=/x.api.kudo.com/ in /etc/more takes the answers of 'x.api.kudo.com'",
        ),
        ("echo port=0 > /etc/dnsmasq.d/x.conf", {}, "dnsmasq is told not to answer (port=0)"),
        ("sed -i s/CONFIG_DIR/CONFIG_OLD/ /etc/default/dnsmasq", {}, "dnsmasq does not read /etc/dnsmasq.d: add"),
        (
            'python3 -c \'import socket, time; s = socket.socket(type=2); s.bind(("0.0.0.0", 53)); '
            'open("/run/up", "w"); time.sleep(999)\' & echo $! > /run/stranger; '
            "until [ -e /run/up ]; do sleep 0.1; done",
            {},
            "answers on port 53 of 0.0.0.0",
        ),
        ("true", {"names_resolv_conf": False}, f"this host asks 198.18.1.1 ({RESOLV}), not its own dnsmasq"),
        (
            f"echo nameserver 127.0.0.53 > {RESOLV}",
            {"names_resolv_conf": False},
            "this host asks 127.0.0.53 (/etc/resolv.conf), not its own dnsmasq, which would learn nothing: write DNS=",
        ),
        (LINK.format("systemd"), {}, f"{RESOLV} is not ours to write, systemd does: write DNS=127.0.0.1"),
        (LINK.format("mine"), {}, f"{RESOLV} is not ours to write, /run/mine.conf does: change /run/mine.conf"),
        (f"echo '# Generated by NetworkManager' >> {RESOLV}", {}, "NetworkManager does: write dns=none into [main]"),
    ],
)
def test_refusals(names: NamesWorld, script: str, options: dict, message: str) -> None:
    names.host.shell(f"cp /etc/default/dnsmasq /run/default; {{ {script}; }} >/dev/null 2>&1")
    try:
        before = looks(names)
        done = apply(names, **options)
        assert done.get("failed"), done
        assert message in done["msg"]
        assert done["msg"].endswith("; the rules are the old ones")
        assert looks(names) == before
    finally:
        names.host.shell(
            "set +e; cp /run/default /etc/default/dnsmasq; kill $(cat /run/stranger 2>/dev/null) 2>/dev/null; true"
        )
        names.host.shell("rm -f /run/stranger /run/up")


def test_systemd_resolved_may_ask_dnsmasq(names: NamesWorld) -> None:
    names.host.shell("mkdir -p /etc/systemd/resolved.conf.d; echo nameserver 127.0.0.53 > /etc/resolv.conf")
    names.host.write("/etc/systemd/resolved.conf.d/ours.conf", "[Resolve]\nDNS=127.0.0.1\nDomains=~.\n")
    applied(names, names_resolv_conf=False)
    names.host.shell("rm /etc/systemd/resolved.conf.d/ours.conf")


def test_a_dnsmasq_that_does_not_start(names: NamesWorld) -> None:
    # What its own check admits, and its start does not.
    names.host.write("/etc/dnsmasq.d/x.conf", "bind-interfaces\ninterface=stranger\n")
    resolv = names.host.shell(f"cat {RESOLV}")
    done = apply(names)
    assert done.get("failed"), done
    assert done["msg"].startswith("the rules are as wanted, but what names need is not: names: dnsmasq does not start")
    assert names.host.shell(f"cat {RESOLV}") == resolv
    assert names.host.shell(f"ls {DROP_IN} 2>/dev/null || true") == ""
    names.host.shell("rm /etc/dnsmasq.d/x.conf")
    assert applied(names)["changed"]
    assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")


def test_a_dnsmasq_that_does_not_hear_this_host(names: NamesWorld) -> None:
    names.host.write("/etc/dnsmasq.d/x.conf", f"bind-interfaces\nlisten-address={HOST[4]}\n")
    resolv = names.host.shell(f"cat {RESOLV}")
    done = apply(names)
    assert "dnsmasq does not answer on 127.0.0.1: let it listen there too" in done["msg"]
    assert names.host.shell(f"cat {RESOLV}") == resolv
    names.host.shell("rm /etc/dnsmasq.d/x.conf")


def test_rules_that_are_loaded_anew(names: NamesWorld) -> None:
    applied(names)
    ask = "getent ahostsv4 a.kudoway.com"
    names.host.shell(f"{ask}; {KEEPER} run nftables")
    names.zone.put("b.kudoway.com", "52.84.0.3")
    names.host.shell("getent ahostsv4 b.kudoway.com")
    names.host.shell("nft flush ruleset; sh /etc/egress-allowlist/load-nftables")
    assert names.opens(443, "52.84.0.1", "52.84.0.3") == [False, False]
    names.host.shell(f"{KEEPER} run nftables")
    assert names.opens(443, "52.84.0.1", "52.84.0.3") == [True, False]
    names.host.shell("getent ahostsv4 b.kudoway.com")
    assert names.opens(443, "52.84.0.3") == [True], "not out of the cache, which fills no set"


def test_a_resolv_conf_that_is_a_mount(names: NamesWorld) -> None:
    names.host.shell(f"cp {RESOLV} /run/mounted; mount --bind /run/mounted {RESOLV}")
    before = names.host.shell(f"cat {RESOLV}")
    applied(names)
    assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")
    names.host.remove()
    assert names.host.shell(f"cat {RESOLV}; umount {RESOLV}") == before


def test_without_dnsmasq(names: NamesWorld) -> None:
    names.host.shell("mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away")
    try:
        done = apply(names)
        assert done["msg"] == (
            "dnsmasq is not installed: install the package dnsmasq, or set nftables_egress_install to true"
        )
        ruleset = native(*ROWS, policy="deny", scope="host", names="dnsmasq", names_resolv_conf=True)
        assert names.host.module(ruleset=ruleset, missing_ok=True)["missing"] is True
    finally:
        names.host.shell("mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq")


@pytest.mark.long
def test_a_dnsmasq_of_old() -> None:
    space = Namespace(system("bullseye"))
    try:
        host = NftHost(space)
        host.shell("echo nameserver 127.0.0.1 > /etc/resolv.conf")
        ruleset = native(*ROWS, policy="deny", scope="host", names="dnsmasq", names_resolv_conf=True)
        done = host.module(ruleset=ruleset)
        assert "dnsmasq 2.85 cannot fill sets of nftables, 2.87 and newer can" in done["msg"]
    finally:
        space.close()


def test_what_is_another_backends_stays(names: NamesWorld) -> None:
    applied(names)
    names.host.shell(f"cp {CONFIG}/names-nftables.json {CONFIG}/names-firewalld.json")
    before = names.host.shell(f"cat {DROP_IN} {RESOLV} {KEEPER}")
    refused = apply(names)
    assert f"dnsmasq learns for another backend already ({CONFIG}/names-firewalld.json)" in refused["msg"]
    names.host.remove()
    assert names.host.shell(f"cat {DROP_IN} {RESOLV} {KEEPER}") == before
    names.host.shell(f"mv {CONFIG}/names-firewalld.json {CONFIG}/names-nftables.json")


LEFT = {  # by a removal that was killed, from early to late
    "all but the configuration": f"rm -r {CONFIG}",
    "what it learned": f"rm -r {CONFIG} {KEEPER} {DROP_IN}",
    "folders": f"rm -r {CONFIG}/* {KEEPER} {DROP_IN} /var/lib/egress-allowlist/*",
}


@pytest.mark.parametrize("left", LEFT)
def test_leftovers_go_too(names: NamesWorld, left: str) -> None:
    applied(names)
    names.host.shell(f"{LEFT[left]}; mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away")
    try:
        gone = names.host.module(state="absent")
        assert not gone.get("failed"), gone
        assert names.host.shell(OURS) == ""
    finally:
        names.host.shell("mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq")


HINDRANCES = {  # what is done to a path, undone, and named by the error
    "immutable": ("chattr +i {}", "chattr -i {}"),
    "append-only": ("chattr +a {}", "chattr -a {}"),
    "read-only": ("mount --bind {0} {0} && mount -o remount,bind,ro {0}", "umount {}"),
}


@pytest.mark.parametrize(
    ("path", "hindrance"),
    [
        *((RESOLV, hindrance) for hindrance in HINDRANCES),
        *((folder, "read-only") for folder in ("/etc/dnsmasq.d", "/usr/local/sbin", "/var/lib")),
    ],
)
def test_what_names_need_is_tried_before_anything_is_armed(path: str, hindrance: str, names: NamesWorld) -> None:
    """Deny would be in force and confirmed, and then no name could be asked."""
    applied(names, policy="audit", names="report", names_resolv_conf=False)
    set_up, undo = (script.format(path) for script in HINDRANCES[hindrance])
    names.host.shell(set_up)
    try:
        before = looks(names)
        for check in (True, False):
            done = apply(names, after=600, check=check)
            assert done.get("failed"), done
            assert "cannot be changed" in done["msg"]
            assert path in done["msg"]
            assert done["msg"].endswith("the rules are the old ones")
            assert looks(names) == before
        assert names.host.shell("ls /run/egress-allowlist") == "nftables.lock\n", "something is armed"
    finally:
        names.host.shell(undo)
