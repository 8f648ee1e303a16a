# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of all that happens to a host, on machines that boot: see tests/support/monkey.

The seed decides a sequence: SOAK_SEED, the backend and the number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.support.hosts.boot_situations import BY_HAND
from tests.support.monkey import steps
from tests.support.monkey.lists import Choice
from tests.support.monkey.machine import WiredMachine
from tests.support.monkey.others import SITUATIONS
from tests.support.monkey.sequence import Sequence
from tests.support.systems import LONG, SOAK, longer

# Sequences for each backend, and steps of each. A slice of a soak has time for one: the seed says of which backend.
COUNT, STEPS = (4, 10) if LONG else (1, 5)
LISTS = "ABC" if LONG else "AB"
FILE = "tests/integration/hosts/test_monkey.py"
BACKENDS = list(SITUATIONS) if LONG or not SOAK else [Random(SOAK).choice(list(SITUATIONS))]


@contextmanager
def begun(backend: str, situation: str, random: Random, key: Path, directory: Path) -> Iterator[Sequence]:
    """Yield a sequence on two new machines, after its first look."""
    suite = random.choice(("bookworm", "trixie"))
    with (
        WiredMachine(suite, f"{backend}-monkey", key) as machine,
        WiredMachine(suite, f"{backend}-twin", key) as twin,
    ):
        sequence = Sequence(backend, situation, random, machine, twin, directory, LISTS)
        try:
            sequence.begin()
            yield sequence
        finally:
            print("\n".join(sequence.log))
            sequence.end()


@pytest.mark.soak
@pytest.mark.parametrize("number", range(COUNT))
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sequence(backend: str, number: int, key: Path, tmp_path: Path) -> None:
    random = Random(f"{SOAK}monkey {backend} {number}")
    with begun(backend, random.choice(SITUATIONS[backend]), random, key, tmp_path) as sequence:
        sequence.again = f"{'LONG_RUNS=1 ' * LONG}SOAK_SEED={SOAK} .venv/bin/pytest {FILE} -k {backend}-{number}"
        for name in sequence.choices:
            sequence.learn(name)
        steps.do(sequence, STEPS)
        sequence.finish()


# The monkey's own eyes: what is done to the machine alone, and what must be said then. Ours is mended after each.
NONE, BOOT = "what runs is none of", "the files of the next boot"
NEW_ONES = "tcp dport 22 ct state new reject with tcp reset"
REFUSES = f"nft 'table inet no {{ chain c {{ type filter hook input priority -9; {NEW_ONES}; }}; }}'"
MISCHIEF = {
    "nftables": {
        "nft add rule inet egress_allowlist egress accept": NONE,
        "nft flush chain inet egress_allowlist output": NONE,
        "echo >>/etc/egress-allowlist/nftables.nft": BOOT,
    },
    "ufw": {
        "iptables -D ufw-user-output $(iptables -S ufw-user-output | grep -c ^-A)": NONE,
        "sed -i '0,/6567726573732e616c6c6f776c697374/s/tcp 443/tcp 444/' /etc/ufw/user.rules": BOOT,
    },
    "firewalld": {
        "rm /etc/firewalld/policies/egress-allow-host.xml": BOOT,
        "firewall-cmd --policy=egress-allow-host --add-port=1-65535/tcp": NONE,
    },
}
OF_OTHERS = {
    "nftables": {"nft delete table ip somebody": "-table ip somebody"},
    "ufw": {
        "iptables -D ufw-user-output 1": "these are gone, or in another order",
        "ufw --force delete deny out 25/tcp": "-### tuple ### deny tcp 25",
    },
    "firewalld": {"firewall-cmd --remove-port=8443/tcp": r"-\t\ttcp dport 8443"},
}
EVERYWHERE = {"echo 192.0.2.1 name >>/etc/hosts": "[+]/etc/hosts", REFUSES: "a new SSH connection fails"}


@pytest.mark.parametrize("backend", longer([], sorted(MISCHIEF)))
def test_the_monkey_sees_it(backend: str, key: Path, tmp_path: Path) -> None:
    with begun(backend, SITUATIONS[backend][0], Random(1), key, tmp_path) as sequence:
        facts = (
            ("tcp", 443, 443, "20.0.0.0/24"),
            ("udp", 3478, 3478, "20.1.0.0/24"),
            ("tcp", 80, 80, "2a00:1234::/64"),
        )
        sequence.use({"A": Choice("A", facts, "deny", "host")})
        sequence.script(BY_HAND)
        sequence.learn("A")
        for mischief, told in MISCHIEF[backend].items():
            sequence.machine.run(mischief)
            with pytest.raises(pytest.fail.Exception, match=told):
                sequence.look(mischief)
            sequence.apply("A")
            sequence.look("mended")
        for mischief, told in {**OF_OTHERS[backend], **EVERYWHERE}.items():
            sequence.machine.run(mischief)
            with pytest.raises(pytest.fail.Exception, match=told):
                sequence.look(mischief)
