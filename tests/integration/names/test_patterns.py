# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a C{*} means to dnsmasq, ipset and nft: the tables of the documentation are what these tools do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.names.dns_client import ask
from tests.support.namespaces import Namespace
from tests.support.repository import REPOSITORY
from tests.support.systems import longer, system

pytestmark = pytest.mark.usefixtures("namespaces")

PAGE = (REPOSITORY / "docs" / "names.md").read_text("utf-8")
PATTERNS = ["example.com", "*.example.com", "rtc*.example.com", "*cdn.example.com", "a.*.example.com"]
NAMES = [
    *("example.com", "a.example.com", "a.b.example.com", "rtc1.example.com", "x.rtc1.example.com"),
    *("mycdn.example.com", "badexample.com"),
]
LITERAL = ["*.example.com", "rtc*.example.com", "*cdn.example.com", "a.*.example.com"]
ADDRESS = "192.0.2.7"
ABOVE = 5300


@pytest.fixture(scope="module", params=longer(["bookworm"], ["trixie"]))
def space(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A system with a dnsmasq that answers for every name, and one for each pattern that asks it, each with a set."""
    made = Namespace(system=system(request.param))
    try:
        made.script("ip link set lo up\nnft add table inet t")
        dnsmasq(made, ABOVE, f"--address=/#/{ADDRESS}")
        for number, pattern in enumerate(PATTERNS, 1):
            made.script(f"nft 'add set inet t s{number} {{ type ipv4_addr; }}'")
            dnsmasq(made, ABOVE + number, f"--server=127.0.0.1#{ABOVE}", f"--nftset=/{pattern}/4#inet#t#s{number}")
        yield made
    finally:
        made.close()


def dnsmasq(space: Namespace, port: int, *options: str) -> None:
    """Start a dnsmasq that caches nothing; it answers when this returns."""
    common = ["--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--cache-size=0", "--user=root", "--pid-file="]
    listen = [f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
    space.target(["dnsmasq", *common, *listen, *options], check=True)


def learned(space: Namespace, number: int, name: str) -> bool:
    """Ask for a name the dnsmasq of a pattern; say whether the address came into its set."""
    space.script(f"nft flush set inet t s{number}")
    assert ask(space, "127.0.0.1", name, port=ABOVE + number).addresses == (ADDRESS,)
    return ADDRESS in space.run(["nft", "list", "set", "inet", "t", f"s{number}"], check=True).stdout


def test_the_table_of_the_documentation_is_what_dnsmasq_does(space: Namespace) -> None:
    lines = [
        f"| `nftset=/…/` | {' | '.join(f'`{name}`' for name in NAMES)} |",
        "|---|" + "---|" * len(NAMES),
    ]
    for number, pattern in enumerate(PATTERNS, 1):
        cells = ["yes" if learned(space, number, name) else "" for name in NAMES]
        lines.append(f"| `{pattern}` | {' | '.join(cells)} |")
    assert "\n".join(lines) + "\n\n" in PAGE


@pytest.mark.parametrize("name", LITERAL)
def test_a_star_is_a_letter_like_others_to_dnsmasq(space: Namespace, name: str) -> None:
    """The name itself, with its star, is the only one that such a line takes, with those below it."""
    number = PATTERNS.index(name) + 1
    assert learned(space, number, name)
    assert not learned(space, number, name.replace("*", "x"))


def test_ipset_and_nft_know_no_star(space: Namespace) -> None:
    space.target(["ipset", "create", "names", "hash:ip"], check=True)
    added = space.target(["ipset", "add", "names", "*.example.com"])
    assert added.returncode
    assert "cannot parse *.example.com" in added.stderr
    ruled = space.target(["nft", "add set inet t n { type ipv4_addr; }; add element inet t n { *.example.com }"])
    assert ruled.returncode
    assert "syntax error, unexpected " in ruled.stderr
