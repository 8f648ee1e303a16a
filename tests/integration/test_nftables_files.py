# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for the next boot, where, and that nothing of it remains afterwards."""

from __future__ import annotations

import os
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
