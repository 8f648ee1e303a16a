# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for the next boot, where, and that nothing of it remains afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.support.nft_host import BOOT, MAIN, NEW, OLD, Host, alone, native
from tests.support.other_tables import OTHERS

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.fixture
def host() -> Iterator[Host]:
    with alone() as made:
        yield made


def test_absent_removes_all_that_is_ours(host: Host) -> None:
    host.load(OTHERS)
    rules, files = host.rules(counts=True), host.files()
    host.confirm(host.apply(native(*OLD, policy="deny"), after=30))
    host.apply(native(*NEW, policy="deny"), after=30)  # and one that still waits for its confirmation
    assert host.module(state="absent")["changed"] is True
    assert (host.rules(counts=True), host.files()) == (rules, files)
    assert host.module(state="absent") | {"invocation": 0} == {
        "changed": False, "armed": False, "missing": False, "differences": [], "notes": [], "invocation": 0,
    }  # fmt: skip
    assert host.files() == files
    assert host.shell("pgrep -f [e]gress-allowlist-nftables-revert || true") == ""


@pytest.mark.parametrize("text", ["", "flush ruleset\n", "flush ruleset", "#!/usr/sbin/nft -f\n", None])
def test_absent_leaves_the_main_file_as_it_was(host: Host, text: str | None) -> None:
    host.shell(f"rm {MAIN}")
    if text is not None:
        host.write(MAIN, text)
        host.shell(f"chmod 640 {MAIN}; chown root:daemon {MAIN}")
    files = host.files()
    host.apply(native(*OLD))
    rules = host.rules()
    host.shell(f"nft flush ruleset; nft -f {MAIN}")
    assert host.rules() == rules
    host.module(state="absent")
    assert host.files() == files
    if text is not None:
        host.shell(f"nft -f {MAIN}")


def test_an_own_include_of_the_folder_is_enough(host: Host) -> None:
    host.write(MAIN, 'flush ruleset\ninclude "/etc/nftables.d/*.nft"\n')
    host.apply(native(*OLD))
    assert host.read(MAIN) == 'flush ruleset\ninclude "/etc/nftables.d/*.nft"\n'
    old = host.rules()
    host.apply(native(*NEW), after=30)
    host.shell(f"nft -f {MAIN}")  # a reboot before the confirmation
    assert host.rules() == old


def test_the_boot_file_loads_what_the_module_loaded(host: Host) -> None:
    for ruleset in (native(*OLD, policy="deny"), native(*NEW, policy="audit", scope="both")):
        host.apply(ruleset)
        live = host.rules()
        host.shell(f"nft -f {BOOT}; nft -f {BOOT}")
        assert host.rules() == live
        host.shell(f"nft flush ruleset; nft -f {MAIN}")
        assert host.rules() == live
        assert host.apply(ruleset)["changed"] is False


def test_from_an_own_table_into_the_users_and_back(host: Host) -> None:
    users = (
        "table inet filter { chain output { type filter hook output priority filter; policy drop; oif lo accept; }; }"
    )
    host.load(users)
    before = host.rules()
    host.apply(native(*OLD))
    own = host.rules()
    into = {"family": "inet", "table": "filter", "chain": "output", "jump": True}
    host.apply(native(*OLD, policy="unmanaged", into=into))
    assert "table inet egress_allowlist" not in host.rules()
    assert "jump egress_allowlist" in host.rules()
    host.apply(native(*OLD))
    assert host.rules() == own
    host.module(state="absent")
    assert host.rules() == before


@pytest.mark.parametrize(
    ("release", "main", "folder"),
    [
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "/etc/sysconfig/nftables.conf", "/etc/nftables"),
        ("ID=fedora\n", "/etc/sysconfig/nftables.conf", "/etc/nftables"),
        ("ID=ubuntu\nID_LIKE=debian\n", "/etc/nftables.conf", "/etc/nftables.d"),
    ],
)
def test_the_distributions_own_place_is_used(host: Host, release: str, main: str, folder: str) -> None:
    host.write("/etc/os-release", release)
    host.shell(f"mkdir -p {os.path.dirname(main)}")
    before = host.files()
    host.apply(native(*OLD))
    live = host.rules()
    host.shell(f"nft flush ruleset; nft -f {main}; test -s {folder}/egress_allowlist.nft")
    assert host.rules() == live
    host.module(state="absent")
    assert host.files() == before


# Stands in for systemd, which namespaces do not have: it knows one service and starts timers.
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> /etc/asked
case "$*" in
*is-enabled*) cat /etc/enabled ;;
*enable*) echo enabled > /etc/enabled ;;
*disable*) echo disabled > /etc/enabled ;;
*stop*) true ;;
esac
"""
SYSTEMD_RUN = """#!/bin/sh
echo "systemd-run $*" >> /etc/asked
for word; do case $word in --on-active=*) seconds=${word#*=} ;; esac; done
while [ "${1#--}" != "$1" ]; do shift; done
setsid sh -c 'sleep ${0%s}; exec "$@"' "$seconds" "$@" >/dev/null 2>&1 </dev/null &
"""


@pytest.fixture
def booted(host: Host) -> Host:
    """Return a host on which systemd seems to run."""
    for name, text in (("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)):
        host.write(f"/etc/fake/{name}", text)
    host.shell("mkdir -p /run/systemd/system; chmod 755 /etc/fake/*; touch /etc/asked; echo disabled > /etc/enabled")
    host.path = "/etc/fake:" + os.environ["PATH"]
    return host


@pytest.mark.parametrize("state", ["enabled", "disabled"])
def test_the_service_is_enabled_and_left_as_it_was(booted: Host, state: str) -> None:
    booted.write("/etc/enabled", state + "\n")
    applied = booted.apply(native(*OLD), after=30)
    assert booted.read("/etc/enabled").strip() == state, "nothing is enabled before it is confirmed"
    assert booted.confirm(applied)["notes"] == [f"nftables.service loads the rules at boot, from {BOOT}"]
    assert booted.read("/etc/enabled") == "enabled\n"
    assert booted.confirm(booted.apply(native(*NEW), after=30))["changed"] is False
    assert booted.apply(native(*NEW))["changed"] is False
    booted.module(state="absent")
    assert booted.read("/etc/enabled").strip() == state


def test_the_way_back_is_a_timer_where_systemd_runs(booted: Host) -> None:
    booted.confirm(booted.apply(native(*OLD), after=30))
    rules = booted.rules()
    booted.write("/etc/asked", "")
    applied = booted.apply(native(*NEW), after=1)
    unit = f"egress-allowlist-nftables-revert-{applied['token']}"
    started = [line for line in booted.read("/etc/asked").splitlines() if line.startswith("systemd-run")]
    assert len(started) == 1
    assert f"--unit={unit}" in started[0]
    assert "--on-active=1s" in started[0]
    deadline = time.monotonic() + 5
    while booted.rules() != rules:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    confirmed = booted.apply(native(*NEW), after=30)
    booted.confirm(confirmed)
    assert f"systemctl stop egress-allowlist-nftables-revert-{confirmed['token']}.timer" in booted.read("/etc/asked")
