# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw with sets: its own commands keep them, bring them back and take them away."""

from __future__ import annotations

import stat
import time

import pytest

from tests.support.hosts.ufw import INIT, OLD, Host, native
from tests.support.rules import NEW, row
from tests.support.systems import LONG
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")

HOOK = "/etc/ufw/after.init"
LAN = ["10.1.0.0/16", "fd00:1::/64"]
WANTED = native(*OLD, *NEW, policy="deny", scope="both", sources=LAN, stopped="reject", sets=True)
SET_BACK = "changed on the host since, set back"


def test_ufw_brings_them_back(each: Host) -> None:
    before = each.kernel(), each.texts(), each.files(), each.sets()
    foreseen = each.apply(WANTED, check=True)["differences"]
    assert (each.kernel(), each.texts(), each.files(), each.sets()) == before
    assert each.apply(WANTED)["differences"] == foreseen
    assert "+ stop from 10.1.0.0/16 (forwarded)" in foreseen
    kernel, sets = each.kernel(), each.sets()
    assert len(sets) == 5
    each.shell("ufw reload")
    assert (each.kernel(), each.sets()) == (kernel, sets)
    each.shell("ufw allow 1/tcp; ufw delete allow 1/tcp; ufw logging medium; ufw logging low")
    assert (each.kernel(), each.sets()) == (kernel, sets)
    each.shell(f"{INIT} stop")
    assert (each.sets(), [line for line in each.kernel() if "egress" in line]) == ([], [])
    each.reboot()
    assert (each.kernel(), each.sets()) == (kernel, sets)
    assert each.apply(WANTED)["changed"] is False
    each.remove()
    assert (each.kernel(), each.texts(), each.files(), each.sets()) == before


DRIFTS = {
    "iptables -F egress-allowlist-output": [f"~ egress-allowlist-output: {SET_BACK}"],
    "iptables -D ufw-after-output -j egress-allowlist-output": [f"~ ufw-after-output: {SET_BACK}"],
    "ipset add $(ipset list -n | grep _4_ | head -n 1) 192.0.2.254": ["~ set egress_allowlist_4_"],
    "ipset flush $(ipset list -n | grep _6_ | head -n 1)": ["~ set egress_allowlist_6_"],
    "sed -i s/443/444/ /etc/ufw/egress_allowlist.rules; ufw reload": [],
    f"chmod a-x {HOOK}": [f"+ line in {HOOK}"],
    f"sed -i 2d {HOOK}; chmod 640 {HOOK}": [f"+ line in {HOOK}"],
    "rm /etc/ufw/egress_allowlist.init": ["~ /etc/ufw/egress_allowlist.init: "],
}


@pytest.mark.long
def test_what_somebody_changed_is_mended(host: Host) -> None:
    host.apply(WANTED)
    kernel, sets, files = host.kernel(), host.sets(), host.files()
    for change, lines in DRIFTS.items():
        host.shell(change)
        foreseen = host.apply(WANTED, check=True)["differences"]
        assert foreseen, change
        assert not lines or [len(foreseen), foreseen[0].startswith(lines[0])] == [1, True], (change, foreseen)
        assert host.apply(WANTED)["changed"], change
        assert (host.kernel(), host.sets(), host.files()) == (kernel, sets, files), change
        assert host.apply(WANTED)["changed"] is False, change


def went_back(host: Host) -> None:
    """Let nobody confirm, and wait until the host has gone back."""
    waiting = host.waiting()
    host.elapse()
    assert until(lambda: not host.running(*waiting))


def test_rules_become_sets_and_rules_again(host: Host) -> None:
    rules = native(*OLD, policy="deny")
    host.apply(rules)
    kernel, files = host.kernel(), host.files()
    assert host.apply(native(*OLD, policy="deny", sets=True))["differences"] == [
        "~ our rules look into sets: yes",
        f"+ line in {HOOK}",
    ]
    assert host.apply(native(*NEW, policy="deny", sets=True), after=600)["armed"]
    went_back(host)
    assert host.apply(native(*OLD, policy="deny", sets=True))["changed"] is False
    assert host.apply(rules, after=600)["differences"] == ["~ our rules look into sets: no"]
    went_back(host)
    assert len(host.sets()) == 3
    assert host.apply(native(*OLD, policy="deny", sets=True))["changed"] is False
    host.confirm(host.apply(rules, after=600))
    assert (host.kernel(), host.files(), host.sets()) == (kernel, files, [])
    applied = host.apply(native(*OLD, policy="deny", sets=True), after=600)
    assert applied["armed"]
    went_back(host)
    assert (host.kernel(), host.files(), host.sets()) == (kernel, files, [])


def test_an_after_init_of_the_users(host: Host) -> None:
    before = host.kernel(), host.files()
    host.shell(f"cp -p {HOOK} /tmp/hook; echo 'touch /tmp/mine' >> {HOOK}")
    refused = host.module(rules=WANTED)
    assert "is yours and not executable" in refused["msg"]
    host.write(HOOK, "#!/usr/bin/python3\nprint()\n")
    host.shell(f"chmod 750 {HOOK}")
    refused = host.module(rules=WANTED)
    assert f"{HOOK} is not a shell script: set ufw_egress_sets to false" in refused["msg"]
    host.write(HOOK, "#!/bin/sh\ntouch /tmp/mine\n")
    host.shell(f"chmod 755 {HOOK}")
    own = host.files()
    host.apply(WANTED)
    host.shell("ufw reload; rm /tmp/mine")
    host.remove()
    assert host.files() == own
    host.shell(f"rm {HOOK}; mv /tmp/hook {HOOK}")
    assert (host.kernel(), host.files()) == before


@pytest.mark.sized
def test_everything_and_a_long_list(host: Host) -> None:
    """Prefixes of length 0, which ipset does not know, and more members than a set has room for by default."""
    why = {"service": "a", "wide_because": "anywhere"}
    every = [row("::/0", "4443", **why)]
    nets = 700 if LONG else 20
    many = [row(f"100.{n // 256}.{n % 256}.{2 * m}", "443") for n in range(nets) for m in range(100)]
    assert host.apply(native(*every, *many, sets=True))["changed"]
    assert len(host.sets()) == nets * 100 + 2
    again = time.monotonic()
    assert host.apply(native(*every, *many, sets=True))["changed"] is False
    print(f"second run with {nets * 100} prefixes: {time.monotonic() - again:.1f} s")


def test_the_hook_has_its_mode_again(host: Host) -> None:
    host.apply(WANTED)
    mode = int(host.shell(f"stat -c %a {HOOK}"), 8)
    assert mode & stat.S_IXUSR
    host.remove()
    assert host.shell(f"stat -c %a {HOOK}") == "640\n"
