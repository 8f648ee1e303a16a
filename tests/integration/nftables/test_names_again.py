# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of learned addresses when rules come again, change, go back and go."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.ends import Ends
from tests.support.hosts.nftables import BOOT, CANDIDATE, Host, normalised
from tests.support.names.learned import LEARNED, OTHER, ROWS, TABLE, left, named, put, reaching, with_rules
from tests.support.names.world import NftHost
from tests.support.namespaces import Namespace
from tests.support.rules import row
from tests.support.systems import system

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.fixture
def ends() -> Iterator[Ends]:
    with reaching() as made:
        yield made


def test_a_second_run_changes_nothing_while_addresses_come_and_go(ends: Ends) -> None:
    host, form = ends.host, named(scope="both")
    with_rules(host, form)
    for kind, version in itertools.product(("asked", "leased"), (4, 6)):
        put(host, f"{kind}{version}_example.com", LEARNED[version])
    put(host, "known4", LEARNED[4])
    before, files = host.rules(), host.files()
    again = with_rules(host, form)
    assert (again["changed"], again["differences"]) == (False, [])
    assert (host.rules(), host.files()) == (before, files)
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]


def test_names_are_told_like_addresses(ends: Ends) -> None:
    host = ends.host
    told = host.apply({**named(), "names": {}}, check=True)["differences"]
    done = with_rules(host, named())["differences"]
    assert told == done
    assert [line for line in done if "example" in line] == [
        "+ udp/3478 to *.example.com  acme: media",
        "+ tcp/8443 to a.example.com  acme: more",
        "+ tcp/443 to *.example.com  acme: web",
        "+ tcp/5000-5010 to *.example.com  acme: web",
        "+ tcp/443 to b.example.net  beta: web",
    ]
    changed = with_rules(host, named(*ROWS[1:]))["differences"]
    assert changed == ["- tcp/443 to *.example.com  acme: web", "- tcp/5000-5010 to *.example.com  acme: web"]


def test_what_is_wanted_still_stays_learned_and_the_rest_goes(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named())
    put(host, "leased4_example.com", LEARNED[4])
    put(host, "asked6_example.com", LEARNED[6])
    put(host, "leased4_b.example.net", OTHER[4])
    put(host, "known4", LEARNED[4])
    with_rules(host, named(*ROWS[:2], row("203.0.113.0/25"), policy="audit", scope="both"))
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]
    assert list(left(host, "asked6_example.com")) == [LEARNED[6]]
    assert list(left(host, "known4")) == [LEARNED[4]]
    assert "example.net" not in host.rules()
    with_rules(host, named(names="report"))
    assert not re.search("leased|asked|known|special", host.rules())


def test_what_wildcards_learned_is_not_kept_for_names_that_are_looked_up(ends: Ends) -> None:
    host = ends.host
    rows = [row("*.example.com"), row("example.com"), row("b.example.net")]
    with_rules(host, named(*rows))
    for name in ("leased4_example.com", "leased4_b.example.net"):
        put(host, name, LEARNED[4])
    with_rules(host, named(*rows[1:]))  # dnsmasq cannot tell the one from those below it
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]
    with_rules(host, named(*rows))
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]
    with_rules(host, named(*rows, names="resolve"))
    assert left(host, "leased4_example.com") == {}
    assert list(left(host, "leased4_b.example.net")) == [LEARNED[4]]


def test_another_lease_or_bound_keeps_what_fits_and_lengthens_nothing(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named(names_lease=5000))
    expiries = ", ".join(f"52.84.3.{last} expires {last * 100}s" for last in range(1, 7))
    host.load(f"add element {TABLE} leased4_example.com {{ {expiries} }}")
    put(host, "asked6_example.com", LEARNED[6])
    with_rules(host, named(names_lease=9000))
    now = left(host, "leased4_example.com")
    assert {address: round(seconds / 100) for address, seconds in now.items()} == {
        f"52.84.3.{last}": last for last in range(1, 7)
    }
    assert 4900 < left(host, "asked6_example.com")[LEARNED[6]] <= 5000
    with_rules(host, named(names_lease=450, names_max_addresses=4))
    now = left(host, "leased4_example.com")
    assert sorted(now) == [f"52.84.3.{last}" for last in (3, 4, 5, 6)]
    assert {address: round(seconds / 50) * 50 for address, seconds in now.items()} == {
        "52.84.3.3": 300, "52.84.3.4": 400, "52.84.3.5": 450, "52.84.3.6": 450,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("meddled", "told"),
    [
        ("delete element {0} special4 {{ 10.0.0.0/8 }}", "~ set special4: "),
        ("insert rule {0} name4_example.com drop", "~ chain name4_example.com: "),
        ("flush chain {0} names6", "~ chain names6: "),
        ("flush chain {0} name4_example.com", "~ chain name4_example.com: "),
        ("delete table {0}", f"~ our rules in table {TABLE}: "),
    ],
)
def test_what_somebody_changed_is_told_and_mended(ends: Ends, meddled: str, told: str) -> None:
    host, form = ends.host, named()
    with_rules(host, form)
    wanted = host.rules()
    host.load(meddled.format(TABLE))
    done = with_rules(host, form)
    assert any(line.startswith(told) for line in done["differences"]), done["differences"]
    assert host.rules() == wanted


def test_a_bound_that_somebody_changed_is_mended_and_what_was_learned_stays(ends: Ends) -> None:
    host, form = ends.host, named()
    with_rules(host, form)
    wanted = host.rules()
    changed = wanted.replace("size 4096", "size 4000")
    assert changed != wanted
    host.load(f"delete table {TABLE}\n{changed}")
    put(host, "leased4_example.com", LEARNED[4])
    done = with_rules(host, form)
    assert "~ set leased4_example.com: changed on the host since, set back" in done["differences"]
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]
    host.load(f"delete element {TABLE} leased4_example.com {{ {LEARNED[4]} }}")
    assert host.rules() == wanted


def test_the_boot_file_has_nothing_learned_in_it_and_loads(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named())
    wanted = host.rules()
    put(host, "leased4_example.com", LEARNED[4])
    with_rules(host, named(*ROWS, row("192.0.2.0/24")))
    with_rules(host, named())
    assert LEARNED[4] not in host.read(BOOT)
    host.boot()
    assert host.rules() == wanted


def way_back(host: Host) -> None:
    """Go back at once, as the host does when nobody confirms."""
    (script,) = host.shell("ls /run/egress-allowlist/nftables.revert-* | grep -v pid").split()
    token = script.rpartition("-")[2]
    host.shell(f"sh {script} {token} || ! test -e {CANDIDATE}")  # its end tidies, and may find nothing to


def test_the_way_back_keeps_what_was_learned_before_and_since(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named())
    before = host.rules()
    put(host, "leased4_example.com", LEARNED[4])
    put(host, "leased6_b.example.net", LEARNED[6])
    assert with_rules(host, named(*ROWS[:3], row("c.example.org"), policy="audit"), after=600)["armed"]
    put(host, "leased4_example.com", "52.84.7.7")
    put(host, "asked4_example.com", "52.84.7.8")
    put(host, "asked4_c.example.org", "52.84.7.9")
    way_back(host)
    assert set(left(host, "leased4_example.com")) == {LEARNED[4], "52.84.7.7"}
    assert set(left(host, "asked4_example.com")) == {"52.84.7.8"}
    assert set(left(host, "leased6_b.example.net")) == {LEARNED[6]}
    for name in ("leased4_example.com", "asked4_example.com", "leased6_b.example.net"):
        host.load(f"flush set {TABLE} {name}")
    assert host.rules() == before


def test_the_way_back_with_a_full_set_and_with_another_bound(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named(names_max_addresses=2))
    before = host.rules()
    put(host, "leased4_example.com", "52.84.7.1", "52.84.7.2")
    assert with_rules(host, named(*ROWS[:3], names_max_addresses=2), after=600)["armed"]
    host.load(f"delete element {TABLE} leased4_example.com {{ 52.84.7.1 }}")
    put(host, "leased4_example.com", "52.84.7.3")
    way_back(host)
    assert set(left(host, "leased4_example.com")) == {"52.84.7.2", "52.84.7.3"}
    assert with_rules(host, named(names_max_addresses=3), after=600)["armed"]
    put(host, "leased4_example.com", "52.84.7.4")
    way_back(host)
    assert set(left(host, "leased4_example.com")) == {"52.84.7.2", "52.84.7.3"}
    host.load(f"flush set {TABLE} leased4_example.com")
    assert host.rules() == before


def test_the_way_back_when_the_rules_are_gone(ends: Ends) -> None:
    host = ends.host
    with_rules(host, named())
    put(host, "leased4_example.com", LEARNED[4])
    assert with_rules(host, named(*ROWS[:3]), after=600)["armed"]
    host.shell("nft flush ruleset")
    way_back(host)
    assert list(left(host, "leased4_example.com")) == [LEARNED[4]]
    assert "leased4_b.example.net" in host.rules()


def test_removal_leaves_nothing(ends: Ends) -> None:
    host = ends.host
    rules, files = host.rules(), host.files()
    with_rules(host, named(scope="both", names_dns="redirect", sources="10.0.0.0/8"))
    put(host, "asked4_example.com", LEARNED[4])
    assert host.module(state="absent")["changed"]
    assert (host.rules(), host.files()) == (rules, files)


class OtherHost(NftHost):
    """A host that is looked at by its own nft: an older one cannot list what a newer one has loaded."""

    def load(self, text: str) -> None:
        done = self.space.target(["nft", "-f", "-"], input=text)
        assert done.returncode == 0, (text, done.stderr)

    def rules(self, *, counts: bool = False) -> str:
        return normalised(self.shell("nft list ruleset" if counts else "nft -s list ruleset"))


def test_an_nft_that_prints_otherwise() -> None:
    """That of Debian 13 lists, keeps, moves and brings back the same."""
    space = Namespace(system("trixie"))
    try:
        host = OtherHost(space)
        timer = {"vendor": "acme", "services": ["web"], "protocol": "tcp", "seconds": 720, "printed": "12 min"}
        with_rules(host, named(timers=[timer]))
        before = host.rules()
        put(host, "leased4_example.com", LEARNED[4])
        put(host, "asked6_example.com", LEARNED[6])
        again = with_rules(host, named(timers=[timer]))
        assert (again["changed"], again["differences"]) == (False, [])
        changed = with_rules(host, named(*ROWS[1:], timers=[timer], names_lease=9000), after=600)
        assert changed["differences"] == [
            "- tcp/443 to *.example.com  acme: web", "- tcp/5000-5010 to *.example.com  acme: web",
        ]  # fmt: skip
        assert 8900 < left(host, "leased4_example.com")[LEARNED[4]] <= 9000
        way_back(host)
        assert left(host, "leased4_example.com")[LEARNED[4]] > 9000
        assert list(left(host, "asked6_example.com")) == [LEARNED[6]]
        for name in ("leased4_example.com", "asked6_example.com"):
            host.load(f"flush set {TABLE} {name}")
        assert host.rules() == before
    finally:
        space.close()


@contextmanager
def calling(ends: Ends, address: str, port: int) -> Iterator[list[bool]]:
    """Begin a flow of datagrams every few milliseconds until the end of the block; yield whether each was let out."""
    end, passed = threading.Event(), list[bool]()

    def call() -> None:
        while not end.wait(0.003):
            with ends.host.space.call(lambda: socket.socket(type=socket.SOCK_DGRAM)) as here:
                try:
                    here.sendto(b"x", (address, port))
                except OSError:
                    passed.append(False)
                else:
                    passed.append(True)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield passed
    finally:
        end.set()
        thread.join()


def test_no_packet_is_stopped_while_rules_are_applied_again(ends: Ends) -> None:
    """Each is the first of its flow, so that it is the sets that let it out."""
    host = ends.host
    with_rules(host, named())
    put(host, "leased4_example.com", LEARNED[4])
    with calling(ends, LEARNED[4], 3478) as passed:
        for form in (
            named(*ROWS[:3], row("192.0.2.0/24")),
            named(names_lease=9000),
            named(names_max_addresses=10, names_lease=9000),
            named(scope="both", policy="audit"),
            named(),
        ):
            done = with_rules(host, form)
            assert done["changed"]
    assert len(passed) > 50
    assert all(passed)
