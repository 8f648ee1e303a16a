# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft prints of one and the same ruleset, seen on Debian 12 and 13, with and without /etc/protocols."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils import _nft, _nft_text

# nft 1.0.6 of Debian 12, where the package netbase is installed.
NAMES = """\
table inet egress_allowlist {
	ct timeout tcp_720 {
		protocol tcp
		l3proto inet
		policy = { established : 720 }
	}

	ct timeout udp_60 {
		protocol udp
		l3proto inet
		policy = { unreplied : 60, replied : 60 }
	}

	counter acme/calls {
		comment "acme: calls"
	}

	set tcp_720_v4 {
		type ipv4_addr . inet_proto . inet_service
		flags interval
		elements = { 203.0.113.0/28 . tcp . 443,
			203.0.113.17 . tcp . 17 }
	}

	map allowed4 {
		type ipv4_addr . inet_proto . inet_service : counter
		flags interval
		elements = { 203.0.113.5 . tcp . 6-17 : "acme/calls",
			203.0.113.6/31 . udp . 6000-60000 : "acme/media" }
	}

	map allowed6 {
		type ipv6_addr . inet_proto . inet_service : counter
		flags interval
		elements = { 2001:db8::/48 . tcp . 443 : "acme/calls",
			2001:db8:1::17 . udp . 17 : "acme/media" }
	}

	set management {
		type inet_service
		elements = { 6, 17, 22 }
	}

	chain baseline {
		meta l4proto { tcp, udp } th dport 53 ip daddr @dns4 accept
	}

	chain egress {
		limit rate 10/minute log prefix "egress.allowlist stopped: "
		meta l4proto tcp reject with tcp reset
		reject with icmpx admin-prohibited
	}

	chain output {
		type filter hook output priority filter; policy accept;
		tcp sport @management tcp flags != syn / syn,ack accept
	}
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
    )


LISTINGS = {"1.0.6": NAMES, "1.0.6 numbers": NUMBERS, "1.1.3": newer(NAMES), "1.1.3 numbers": newer(NUMBERS)}
ENTRIES = {
    ("to", "203.0.113.5", "tcp", "6-17"): "acme/calls",
    ("to", "203.0.113.6/31", "udp", "6000-60000"): "acme/media",
    ("to", "2001:db8::/48", "tcp", "443"): "acme/calls",
    ("to", "2001:db8:1::17", "udp", "17"): "acme/media",
}


def nft(monkeypatch: pytest.MonkeyPatch, **answers: str) -> _nft.Nft:
    """Return an nft that answers by its last word."""

    def run(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, answers[command[-1].lstrip("-")], "")

    monkeypatch.setattr(_nft.subprocess, "run", run)
    return _nft.Nft("/usr/sbin/nft")


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_elements_are_read_alike(monkeypatch: pytest.MonkeyPatch, listing: str) -> None:
    live = nft(monkeypatch, tables="table inet egress_allowlist\n", egress_allowlist=listing).listing(_nft.Place())
    assert _nft_text.entries(_nft_text.blocks(live)) == ENTRIES


@pytest.mark.parametrize(
    ("numbers", "names"), [(NUMBERS, NAMES), (newer(NUMBERS), newer(NAMES))], ids=["1.0.6", "1.1.3"]
)
def test_protocols_are_named_so_that_nft_reads_its_listing_back(numbers: str, names: str) -> None:
    """In a ct timeout nft takes only names: a way back with numbers would be refused."""
    assert numbers != names
    assert _nft_text.named(numbers) == names
    assert _nft_text.named(names) == names


def test_counts_change_no_digest() -> None:
    counted = NAMES.replace('comment "acme: calls"\n', 'comment "acme: calls"\n\t\tpackets 7 bytes 420\n')
    assert counted != NAMES
    assert _nft_text.digests(_nft_text.blocks(counted)) == _nft_text.digests(_nft_text.blocks(NAMES))


@pytest.mark.parametrize("version", ["nftables v1.0.2 (Lester Gooch)\n", "nftables v1.1.3 (Commodore Bullmoose #4)\n"])
def test_nft_from_1_0_is_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    loaded: list[object] = []
    found = nft(monkeypatch, version=version)
    run = found.run
    monkeypatch.setattr(
        found,
        "run",
        lambda *arguments, **_options: run(*arguments) if "--version" in arguments else loaded.append(arguments),
    )
    found.load("table inet x {}", check=True)
    assert loaded == [("-c", "-f", "-")]


def test_older_nft_is_refused_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(_nft.NftError, match=r"^nft 0\.9\.8 is too old: 1\.0 or newer is needed$"):
        nft(monkeypatch, version="nftables v0.9.8 (E.D.S.)\n").load("table inet x {}", check=True)
