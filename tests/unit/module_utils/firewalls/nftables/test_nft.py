# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft prints of one and the same ruleset, seen on Debian 12 and 13, with and without /etc/protocols."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.differences import entries
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.listing import blocks, digests, named
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.nft import Nft, NftError, Place

# nft 1.0.6 of Debian 12, where the package netbase is installed.
NAMES = """\
table inet egress_allowlist {
\tct timeout tcp_720 {
\t\tprotocol tcp
\t\tl3proto inet
\t\tpolicy = { established : 720 }
\t}

\tct timeout udp_60 {
\t\tprotocol udp
\t\tl3proto inet
\t\tpolicy = { unreplied : 60, replied : 60 }
\t}

\tcounter acme/calls {
\t\tcomment "acme: calls"
\t}

\tset tcp_720_v4 {
\t\ttype ipv4_addr . inet_proto . inet_service
\t\tflags interval
\t\telements = { 203.0.113.0/28 . tcp . 443,
\t\t\t203.0.113.17 . tcp . 17 }
\t}

\tmap allowed4_tcp_6-17 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 203.0.113.0/30 : "acme/calls",
\t\t\t     203.0.113.4/31 : "acme/media", 203.0.113.6 : "acme/calls" }
\t}

\tmap allowed6_udp_17 {
\t\ttype ipv6_addr : counter
\t\tflags interval
\t\telements = { 2001:db8::/48 : "acme/calls",
\t\t\t     2001:db8:1::17 : "acme/media" }
\t}

\tset management {
\t\ttype inet_service
\t\telements = { 6, 17, 22 }
\t}

\tchain baseline {
\t\tmeta l4proto { tcp, udp } th dport 53 ip daddr @dns4 accept
\t}

\tchain egress {
\t\ttcp dport 6-17 counter name ip daddr map @allowed4_tcp_6-17 accept
\t\tudp dport 17 counter name ip6 daddr map @allowed6_udp_17 accept
\t\tlimit rate 10/minute log prefix "egress.allowlist stopped: "
\t\tmeta l4proto tcp reject with tcp reset
\t\treject with icmpx admin-prohibited
\t}

\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\ttcp sport @management tcp flags != syn / syn,ack accept
\t}
}
"""
# The same of a host that has no /etc/protocols.
NUMBERS = (
    NAMES.replace("protocol tcp", "protocol 6")
    .replace("protocol udp", "protocol 17")
    .replace(" . tcp . ", " . 6 . ")
    .replace(" . udp . ", " . 17 . ")
    .replace("{ tcp, udp }", "{ 6, 17 }")
    .replace("l4proto tcp", "l4proto 6")
)


def newer(listing: str) -> str:
    """Return what nft 1.1.3 of Debian 13 prints instead."""
    return (
        listing.replace(": 720 }", ": 12m }")
        .replace("unreplied : 60, replied : 60", "unreplied : 1m, replied : 1m")
        .replace("10/minute log", "10/minute burst 5 packets log")
        .replace("flags != syn / syn,ack", "flags & (syn | ack) != syn")
        .replace('4/31 : "acme/media", 203', '4/31 : "acme/media",\n\t\t\t     203')
    )


LISTINGS = {"1.0.6": NAMES, "1.0.6 numbers": NUMBERS, "1.1.3": newer(NAMES), "1.1.3 numbers": newer(NUMBERS)}
ENTRIES = {
    ("to", "203.0.113.0/30", "tcp", "6-17"): "acme/calls",
    ("to", "203.0.113.4/31", "tcp", "6-17"): "acme/media",
    ("to", "203.0.113.6", "tcp", "6-17"): "acme/calls",
    ("to", "2001:db8::/48", "udp", "17"): "acme/calls",
    ("to", "2001:db8:1::17", "udp", "17"): "acme/media",
}


def nft(**answers: str) -> Nft:
    """Return an nft that answers by its last word."""

    def run(command: list[str], _text: str | None) -> tuple[int, str, str]:
        return 0, answers[command[-1].lstrip("-")], ""

    return Nft("/usr/sbin/nft", run)


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_elements_are_read_alike(listing: str) -> None:
    live = nft(tables="table inet egress_allowlist\n", egress_allowlist=listing).listing(Place())
    assert entries(blocks(live)) == ENTRIES


@pytest.mark.parametrize(
    ("numbers", "names"), [(NUMBERS, NAMES), (newer(NUMBERS), newer(NAMES))], ids=["1.0.6", "1.1.3"]
)
def test_protocols_are_named_so_that_nft_reads_its_listing_back(numbers: str, names: str) -> None:
    """In a ct timeout nft takes only names: a way back with numbers would be refused."""
    assert numbers != names
    assert named(numbers) == names
    assert named(names) == names


def test_counts_change_no_digest() -> None:
    counted = NAMES.replace('comment "acme: calls"\n', 'comment "acme: calls"\n\t\tpackets 7 bytes 420\n')
    assert counted != NAMES
    assert digests(blocks(counted)) == digests(blocks(NAMES))


@pytest.mark.parametrize("version", ["nftables v1.0.2 (Lester Gooch)\n", "nftables v1.1.3 (Commodore Bullmoose #4)\n"])
def test_nft_from_1_0_is_taken(version: str) -> None:
    loaded = []

    def run(command: list[str], text: str | None = None) -> tuple[int, str, str]:
        if "--version" not in command:
            loaded.append((command[1:], text))
        return 0, version, ""

    Nft("/usr/sbin/nft", run).load("table inet x {}", check=True)
    assert loaded == [(["-c", "-f", "-"], "table inet x {}")]


def test_older_nft_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(NftError, match=r"^nft 0\.9\.8 is too old: 1\.0 or newer is needed$"):
        nft(version="nftables v0.9.8 (E.D.S.)\n").load("table inet x {}", check=True)
