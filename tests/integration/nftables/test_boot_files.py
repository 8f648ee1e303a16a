# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for the next boot, where, and that nothing of it remains afterwards."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from tests.support.hosts.nftables import BOOT, LOADER, MAIN, Host, native
from tests.support.hosts.other_tables import OTHERS
from tests.support.rules import NEW, OLD
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("namespaces")


def test_absent_removes_all_that_is_ours(host: Host) -> None:
    host.load(OTHERS)
    rules, files = host.rules(counts=True), host.files()
    host.confirm(host.apply(native(*OLD, policy="deny"), after=600))
    host.apply(native(*NEW, policy="deny"), after=600)  # and one that still waits for its confirmation
    assert host.module(state="absent")["changed"] is True
    assert (host.rules(counts=True), host.files()) == (rules, files)
    assert host.module(state="absent") | {"invocation": 0} == {
        "changed": False, "armed": False, "missing": False, "differences": [], "notes": [], "ip_versions": [4, 6],
        "invocation": 0,
    }  # fmt: skip
    assert host.files() == files
    assert host.shell("pgrep -f [e]gress-allowlist-nftables-revert || true") == ""


DRAFT = "flush ruleset\ntable inet filter { chain input { type filter hook input priority filter; policy drop; }; }\n"
MAINS = {
    "none": None,
    "empty": "",
    "a draft": DRAFT,
    "no line end": "flush ruleset",
    "a pattern above a flush": 'include "/etc/nftables.d/*.nft"\nflush ruleset\n',
    "a pattern of all": 'flush ruleset\ninclude "/etc/*.nft"\n',
    "not UTF-8": "flush ruleset # \udce4\n",
    "broken": "table {\n",
}


@pytest.mark.parametrize("main", MAINS)
def test_the_users_file_is_neither_read_nor_written(host: Host, main: str | None) -> None:
    host.shell(f"rm {MAIN}; mkdir -p /etc/nftables.d; touch /etc/nftables.d/x.nft")
    text = MAINS[main]
    if text is not None:
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        host.shell(f"base64 -d > {MAIN} <<'END'\n{b64encode(text.encode(errors='surrogateescape')).decode()}\nEND")
        host.shell(f"chmod 640 {MAIN}; chown root:daemon {MAIN}")
        assert digest in host.shell(f"sha256sum {MAIN}")
    files = host.files()
    host.confirm(host.apply(native(*OLD, policy="deny"), after=600))
    assert [line for line in host.files() if "/etc/egress-allowlist" not in line and "/run/" not in line] == files
    rules = host.rules()
    host.shell(f"nft flush ruleset; sh {LOADER}")
    assert host.rules() == rules
    host.remove()
    assert host.files() == files


def test_the_boot_file_loads_what_the_module_loaded(host: Host) -> None:
    for ruleset in (native(*OLD, policy="deny"), native(*NEW, policy="audit", scope="both")):
        host.apply(ruleset)
        live = host.rules()
        host.shell(f"nft -f {BOOT}; nft -f {BOOT}; sh {LOADER}; sh {LOADER}")
        assert host.rules() == live
        host.boot()
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
    host.remove()
    assert host.rules() == before


UNIT = "egress-allowlist-nftables.service"
AT_BOOT = f"{UNIT} loads the rules at boot, from {BOOT}"
UNIT_FILE, DROP_IN = f"/etc/systemd/system/{UNIT}", "/etc/systemd/system/nftables.service.d/egress-allowlist.conf"


def fixed(*rows: dict, **options: object) -> dict:
    """Return a native form that names its name servers: nothing follows the host's."""
    return native(*rows, dns_servers=["192.0.2.53"], **options)


def changing_calls(host: Host) -> list[str]:
    """Return what systemd was asked to do since the last call, without questions."""
    asked = host.read("/etc/asked").splitlines()
    host.write("/etc/asked", "")
    passed_over = ("systemctl show", "systemctl stop egress-allowlist-nftables-revert", "systemd-run")
    return [line for line in asked if not line.startswith(passed_over)]


def test_a_unit_of_ours_loads_the_rules_and_the_distributions_is_left_alone(booted: Host) -> None:
    booted.write("/etc/units/nftables.service", "enabled\n")
    files = booted.files()
    foretold = booted.apply(fixed(*OLD), check=True)
    assert f"+ {UNIT}, which loads the rules at boot" in foretold["differences"]
    assert foretold["notes"][-1] == f"{AT_BOOT}, after nftables.service"
    applied = booted.apply(fixed(*OLD), after=600)
    assert changing_calls(booted) == [], "nothing is enabled before it is confirmed"
    assert not any("at boot" in note for note in applied["notes"])
    assert booted.confirm(applied)["notes"] == [f"{AT_BOOT}, after nftables.service"]
    assert changing_calls(booted) == ["systemctl daemon-reload", f"systemctl enable {UNIT}"]
    assert booted.confirm(booted.apply(fixed(*NEW), after=600))["notes"] == [f"{AT_BOOT}, after nftables.service"]
    again = booted.apply(fixed(*NEW))
    assert (again["changed"], again["notes"][-1]) == (False, f"{AT_BOOT}, after nftables.service")
    assert changing_calls(booted) == []
    booted.remove()
    assert changing_calls(booted) == [f"systemctl disable --now {UNIT}", "systemctl daemon-reload"]
    assert booted.files() == files
    assert booted.read("/etc/units/nftables.service") == "enabled\n"


def test_systemd_is_told_of_what_is_gone_by_the_next_run_where_the_first_was_killed(booted: Host) -> None:
    files = booted.files()
    booted.apply(fixed(*OLD))
    changing_calls(booted)
    booted.shell("touch /etc/kills-daemon-reload")
    assert booted.begin(state="absent").communicate() == ("", "")
    assert changing_calls(booted) == [f"systemctl disable --now {UNIT}", "systemctl daemon-reload"]
    assert booted.module(state="absent")["changed"] is True
    assert changing_calls(booted) == ["systemctl daemon-reload"]
    assert booted.files() == files


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (f"echo disabled > /etc/units/{UNIT}", f"~ {UNIT}: disabled on the host since, set back"),
        (f"rm {UNIT_FILE}", f"~ {UNIT_FILE}: removed on the host since, set back"),
        (f"echo >> {DROP_IN}", f"~ {DROP_IN}: changed on the host since, set back"),
    ],
)
def test_a_unit_that_somebody_changed_is_mended(booted: Host, change: str, line: str) -> None:
    booted.apply(fixed(*OLD))
    files = booted.files()
    booted.shell(change)
    assert booted.apply(fixed(*OLD), check=True)["differences"] == [line]
    mended = booted.apply(fixed(*OLD))
    assert (mended["differences"], mended["notes"][-1]) == ([line], AT_BOOT)
    assert [entry for entry in booted.files() if BOOT not in entry] == [entry for entry in files if BOOT not in entry]
    assert booted.apply(fixed(*OLD))["changed"] is False


def test_masked_links_of_an_administrator_stay(booted: Host) -> None:
    booted.apply(fixed(*OLD))
    booted.shell(f"ln -sf /dev/null {UNIT_FILE}; ln -sf /dev/null {DROP_IN}; echo masked > /etc/units/{UNIT}")
    applied = booted.apply(fixed(*NEW))
    assert applied["notes"][-1] == f"nothing loads the rules at boot: {UNIT} is masked"
    booted.remove()
    assert booted.shell(f"readlink {UNIT_FILE} {DROP_IN}; test -c /dev/null") == "/dev/null\n/dev/null\n"


def test_a_masked_unit_beside_an_enabled_nftables_service(booted: Host) -> None:
    """Its start at boot loads the rules by our drop-in, unless it is overridden."""
    booted.apply(fixed(*OLD))
    booted.shell(f"ln -sf /dev/null {UNIT_FILE}; cd /etc/units; echo masked > {UNIT}; echo enabled > nftables.service")
    masked = f"{UNIT} is masked"
    assert booted.apply(fixed(*OLD))["notes"][-1] == f"nftables.service loads the rules at boot, from {BOOT}: {masked}"
    booted.shell(f"ln -sf /dev/null {DROP_IN}")
    assert booted.apply(fixed(*OLD))["notes"][-1] == f"nothing loads the rules at boot: {masked}"


def test_a_systemd_that_does_not_answer_is_an_error(booted: Host) -> None:
    booted.apply(fixed(*OLD))
    rules, files = booted.rules(), booted.files()
    booted.shell("touch /etc/deaf")
    for params in ({"ruleset": fixed(*NEW), "revert_after": 0}, {"state": "absent"}):
        failed = booted.module(**params)
        assert failed.get("failed"), failed
        assert "systemctl show failed: Failed to connect to bus" in failed["msg"]
        assert (booted.rules(), booted.files()) == (rules, files)


def test_the_way_back_is_a_timer_where_systemd_runs(booted: Host) -> None:
    booted.confirm(booted.apply(fixed(*OLD), after=600))
    rules = booted.rules()
    booted.write("/etc/asked", "")
    applied = booted.apply(fixed(*NEW), after=1)
    unit = f"egress-allowlist-nftables-revert-{applied['token']}"
    started = [line for line in booted.read("/etc/asked").splitlines() if line.startswith("systemd-run")]
    assert len(started) == 1
    assert f"--unit={unit}" in started[0]
    assert "--on-active=1s" in started[0]
    assert until(lambda: booted.rules() == rules)
    confirmed = booted.apply(fixed(*NEW), after=600)
    booted.confirm(confirmed)
    assert f"systemctl stop egress-allowlist-nftables-revert-{confirmed['token']}.timer" in booted.read("/etc/asked")
