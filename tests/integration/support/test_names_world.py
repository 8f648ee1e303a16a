# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own DNS, and the worlds in which names are learned, before anything of ours is applied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.names.dns_client import NO_ANSWER, TURNED_AWAY, Answer, ask
from tests.support.names.world import NamesWorld, elements, names_world
from tests.support.packets import UDP
from tests.support.systems import longer
from tests.support.waiting import GLANCE, PATIENCE

pytestmark = pytest.mark.usefixtures("namespaces")

TABLE = """
table inet t {
    set zoom4 { type ipv4_addr; flags timeout; timeout 1h; size 1000; }
    set pexip4 { type ipv4_addr; flags timeout; timeout 1h; size 1000; }
}
"""


@pytest.fixture(scope="module", params=longer(["gateway"], ["host"]))
def names(request: pytest.FixtureRequest) -> Iterator[NamesWorld]:
    with names_world(request.param) as made:
        yield made


def asked(names: NamesWorld, name: str, kind: str = "A", version: int = 4, seconds: float = PATIENCE) -> Answer:
    """Ask the zone itself."""
    return ask(names.world.host, names.upstream[version], name, kind, seconds=seconds)


def test_the_zone_says_what_its_table_says(names: NamesWorld) -> None:
    zone = names.zone
    zone.put("a.zoom.us", "52.84.0.1", "52.84.0.2", "2600:9000::1", ttl=0)
    zone.alias("b.zoom.us", "edge.example.net", ttl=86400)
    zone.alias("edge.example.net", "A.zoom.us", ttl=1)
    found = asked(names, "A.Zoom.us")
    assert (found.rcode, sorted(found.addresses), found.ttl) == ("NOERROR", ["52.84.0.1", "52.84.0.2"], 0)
    assert asked(names, "b.zoom.us", "AAAA", 6) == Answer(
        "NOERROR", ("2600:9000::1",), ("edge.example.net", "A.zoom.us"), 0
    )
    assert asked(names, "zoom.us") == Answer("NOERROR")  # it has names below it
    assert asked(names, "evilzoom.us") == Answer("NXDOMAIN")
    zone.put("a.zoom.us", "52.84.0.3", ttl=7)
    assert asked(names, "a.zoom.us") == Answer("NOERROR", ("52.84.0.3",), (), 7)
    assert asked(names, "a.zoom.us", "AAAA") == Answer("NOERROR")
    zone.drop("a.zoom.us")
    assert asked(names, "a.zoom.us") == Answer("NXDOMAIN")
    assert zone.times("a.zoom.us") == 4


def test_the_zone_fails_as_it_is_told(names: NamesWorld) -> None:
    for how, rcode in (("SERVFAIL", "SERVFAIL"), ("REFUSED", "REFUSED"), ("SILENT", NO_ANSWER)):
        names.zone.fail("bad.zoom.us", how)
        assert asked(names, "bad.zoom.us", seconds=GLANCE if how == "SILENT" else PATIENCE).rcode == rcode
    assert ask(names.world.host, names.upstream[4], "bad.zoom.us", port=54).rcode == TURNED_AWAY
    names.zone.alias("1.loop.test", "2.loop.test")
    names.zone.alias("2.loop.test", "1.loop.test")
    assert asked(names, "1.loop.test").rcode == "SERVFAIL"


def test_a_long_answer_comes_by_tcp(names: NamesWorld) -> None:
    addresses = [f"52.84.1.{number}" for number in range(100)]
    names.zone.put("many.zoom.us", *addresses)
    found = asked(names, "many.zoom.us")
    assert found.tcp
    assert sorted(found.addresses) == sorted(addresses)


def test_packets_and_flows_get_out(names: NamesWorld) -> None:
    for port, address in ((443, "52.84.0.9"), (443, "2600:9000::9")):
        flow = names.flow(address, port)
        assert flow.turn()
        flow.close()
    assert names.opens(443, "52.84.0.9", "8.8.8.8", "2600::1") == [True] * 3
    assert names.opens(3478, "52.84.0.9", protocol=UDP) == [True]


def test_what_dnsmasq_does_with_a_set(names: NamesWorld) -> None:
    """The facts on which learning rests: the question decides, and what the cache answers is not learned."""
    space, zone = names.world.host, names.zone
    space.target(["nft", "-f", "-"], check=True, input=TABLE)  # of the system whose dnsmasq fills the sets
    lines = "nftset=/zoom.us/4#inet#t#zoom4\nnftset=/pexip.com/4#inet#t#pexip4\n"
    names.host.shell(f"printf '{lines}' > /etc/dnsmasq.d/test.conf")
    names.restart_dnsmasq()
    zone.put("b.pexip.com", "8.1.1.1", ttl=300)
    zone.alias("a.zoom.us", "b.pexip.com", ttl=300)
    assert names.ask("a.zoom.us").addresses == ("8.1.1.1",)
    assert set(elements(space, "inet t", "zoom4")) == {"8.1.1.1"}
    assert names.ask("b.pexip.com").addresses == ("8.1.1.1",)
    assert zone.times("b.pexip.com") == 0, "the cache answered"
    assert not elements(space, "inet t", "pexip4")
    names.restart_dnsmasq()
    assert names.ask("b.pexip.com").addresses == ("8.1.1.1",)
    assert set(elements(space, "inet t", "pexip4")) == {"8.1.1.1"}
    names.host.shell("rm /etc/dnsmasq.d/test.conf")
