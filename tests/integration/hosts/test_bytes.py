# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users have in their files need not be UTF-8, nor text: it is read, and is the same to the byte afterwards."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.hosts import firewalld, nftables, ufw
from tests.support.hosts.module import ModuleHost
from tests.support.names.world import NftHost, names_world
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import longer, system
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

ROWS = [row("203.0.113.0/25"), row("2001:db8::/64", "10000-60000,3478", "UDP", "media")]
# What is put at the end of a file, as printf(1) has it.
KINDS = {
    "latin1": "# caf\\351 \\377\\n",
    "nul": "# \\000 nul\\n",
    "carriage return": "# end\\r\\n\\r\\n# \\r\\n",
    "other line ends": "# \\302\\205 \\342\\200\\250 \\013 \\014 \\034\\n",
    "no end": "# no end of line",
}
SERVERS = ["/etc/resolv.conf", "/etc/chrony/chrony.conf", "/etc/systemd/timesyncd.conf", "/etc/dnsmasq.conf"]
FILES = {
    "ufw": [
        "/etc/default/ufw", "/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/after.init",
        "/etc/ufw/before.rules", "/etc/ufw/ufw.conf", *SERVERS,
    ],
    "firewalld": ["/etc/firewalld/firewalld.conf", *SERVERS],
    "nftables": ["/etc/nftables.conf", *SERVERS],
}  # fmt: skip
DEFAULTS = {
    "/etc/chrony/chrony.conf": "server 198.51.100.123\n",
    "/etc/systemd/timesyncd.conf": "[Time]\nNTP=198.51.100.124\n",
    "/etc/dnsmasq.conf": "server=198.51.100.53\n",
    "/etc/resolv.conf": "nameserver 198.18.1.1\n",
}
ZONE = """<?xml version="1.0" encoding="iso-8859-1"?>
<zone><short>caf\\351</short><description>\\377 # \\r\\n</description><service name="ssh"/></zone>
"""
IPSET = """<?xml version="1.0" encoding="iso-8859-1"?>
<ipset type="hash:ip"><short>caf\\351</short><entry>192.0.2.1</entry></ipset>
"""
POLICY = """<?xml version="1.0" encoding="iso-8859-1"?>
<policy target="CONTINUE"><short>caf\\351</short><ingress-zone name="HOST"/><egress-zone name="ANY"/></policy>
"""


@contextmanager
def host_of(backend: str) -> Iterator[ModuleHost]:
    """Yield a host of this backend, without a network."""
    if backend == "ufw":
        with ufw.alone("bookworm", users=["ufw allow out to 10.1.1.1"]) as made:
            made.shell("mkdir -p /etc/systemd/system; ufw reload")
            yield made
    elif backend == "firewalld":
        with firewalld.alone() as other:
            yield other
    else:
        space = Namespace(system("bookworm"))
        try:
            yield NftHost(space)
        finally:
            space.close()


def native(backend: str, **options: object) -> dict:
    """Return a native form with all that is written into files."""
    made = {"nftables": nftables.native, "ufw": ufw.native, "firewalld": firewalld.native}[backend]
    return made(*ROWS, policy="deny", **options)


def put(host: ModuleHost, path: str, text: str) -> None:
    """Write a file; C{text} is for printf."""
    host.shell(f"rm -f {path}; mkdir -p $(dirname {path}); printf {shlex.quote(text.replace('%', '%%'))} >{path}")


def sums(host: ModuleHost, paths: list[str]) -> list[str]:
    """Return the digests of files."""
    return host.shell(f"sha256sum {' '.join(paths)}").splitlines()


@pytest.mark.parametrize("kind", longer(["latin1"], [kind for kind in KINDS if kind != "latin1"]))
@pytest.mark.parametrize("backend", FILES)
def test_files_of_the_users_are_the_same_to_the_byte(backend: str, kind: str) -> None:
    with host_of(backend) as host:
        paths = FILES[backend]
        for path in paths:
            if path in DEFAULTS:
                put(host, path, DEFAULTS[path])
            if (path, kind) != ("/etc/firewalld/firewalld.conf", "latin1"):  # firewalld itself refuses that
                host.shell(f"printf {shlex.quote(KINDS[kind])} >>{path}")
        host.shell("[ ! -e /etc/ufw/after.init ] || chmod 750 /etc/ufw/after.init")  # ours to use where it is changed
        before = sums(host, paths)
        options = {"sets": True} if backend == "ufw" else {}
        applied = host.apply(native(backend, **options), after=600)
        assert any(
            "198.51.100.123" in line or "198.51.100.123" in json.dumps(applied) for line in applied["differences"]
        )
        host.elapse()
        assert until(lambda: sums(host, paths) == before)
        assert until(lambda: host.hindrance() == "")
        applied = host.apply(native(backend, **options), after=600)
        confirmed = host.confirm(applied)
        assert not confirmed.get("failed"), confirmed
        assert host.apply(native(backend, **options))["changed"] is False
        host.remove()
        assert sums(host, paths) == before


@pytest.mark.long
def test_firewalld_with_objects_of_other_encodings() -> None:
    with host_of("firewalld") as host:
        for name, text in (("zones/mine.xml", ZONE), ("ipsets/mine.xml", IPSET), ("policies/my.xml", POLICY)):
            put(host, f"/etc/firewalld/{name}", text.replace("\n", "\\n"))
        host.shell("touch \"$(printf '/etc/firewalld/caf\\351')\"; firewall-cmd --reload >/dev/null")
        assert isinstance(host, firewalld.Host)
        digests = "cd /etc/firewalld; find . -type f -print0 | sort -z | xargs -0 sha256sum | base64"
        before = host.shell(digests), host.rules()
        applied = host.apply(native("firewalld"), after=600)
        assert not host.confirm(applied).get("failed")
        assert host.apply(native("firewalld"))["changed"] is False
        host.remove()
        assert (host.shell(digests), host.rules()) == before


@pytest.mark.long
@pytest.mark.parametrize("sets", [False, True])
def test_a_rule_of_the_users_that_is_no_text_is_named(sets: bool) -> None:
    """What is printed can be read and stored by anybody: a byte that is no text stands there as an escape."""
    with host_of("ufw") as host:
        line = "\\n### tuple ### allow any 99 0.0.0.0/0 any 0.0.0.0/0 out_caf\\351\\n"
        line += "-A ufw-user-output -o caf\\351 -p tcp --dport 99 -j ACCEPT\\n"
        host.shell(
            f"sed -i '/^### RULES ###$/r /dev/stdin' /etc/ufw/user.rules <<END\n$(printf {shlex.quote(line)})\nEND\n"
        )
        done = host.apply(native("ufw", sets=sets))
        told = [note for note in done["notes"] if "let out more than the allowlist" in note]
        assert "caf\\xe9" in told[0]
        json.dumps(done, ensure_ascii=False).encode()
        assert host.apply(native("ufw", sets=sets))["changed"] is False


def test_nftables_into_a_table_with_comments_that_are_no_text() -> None:
    with host_of("nftables") as host:
        host.shell(
            "printf 'table inet mine { chain output { type filter hook output priority 0; "
            'counter comment "caf\\351"; }; }\' | nft -f -'
        )
        into = {"into": {"family": "inet", "table": "mine", "chain": "output", "jump": True}, "policy": "unmanaged"}
        before = host.shell("nft -s list ruleset | base64")
        form = nftables.native(*ROWS, **into)
        applied = host.apply(form, after=600)
        host.elapse()
        assert until(lambda: host.shell("nft -s list ruleset | base64") == before)
        applied = host.apply(form, after=600)
        assert not host.confirm(applied).get("failed")
        assert host.apply(form)["changed"] is False
        host.remove()
        assert host.shell("nft -s list ruleset | base64") == before


@pytest.mark.parametrize("kind", longer(["latin1"], [kind for kind in KINDS if kind != "latin1"]))
def test_files_of_names_are_the_same_to_the_byte(kind: str) -> None:
    paths = ["/etc/resolv.conf", "/etc/dnsmasq.conf", "/etc/default/dnsmasq", "/etc/dnsmasq.d/mine.conf"]
    with names_world("host") as names:
        names.host.shell("sed -i 's/sleep 2$/sleep 0.1/' /etc/init.d/dnsmasq")
        put(names.host, "/etc/dnsmasq.d/mine.conf", "cache-size=100\\n")
        for path in paths:
            if kind != "nul" or path == "/etc/resolv.conf":  # dnsmasq ends at one
                names.host.shell(f"printf {shlex.quote(KINDS[kind])} >>{path}")
        names.host.shell("printf '#\\351\\n' >\"$(printf '/etc/dnsmasq.d/caf\\351.conf')\"")
        names.zone.put("a.kudoway.com", "52.84.0.1")
        before = sums(names.host, paths)
        names.learn(row("*.kudoway.com"))
        assert names.host.shell("getent ahostsv4 a.kudoway.com").startswith("52.84.0.1")
        assert all(names.opens(443, "52.84.0.1"))
        names.host.remove()
        assert sums(names.host, paths) == before
