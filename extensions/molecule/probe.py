# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send real packets and compare with what is expected.

    probe "open tcp 3.25.48.1 443" "stopped udp 2001:db8::1 53"

open: the peer answered; stopped: it did not, within a second and a half. Exit code 1 and one line for each mismatch.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 1.5  # seconds


def answers(protocol: str, address: str, port: int) -> bool:
    """Whether the peer's C{ok} comes back."""
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[protocol]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.settimeout(PATIENCE)
        try:
            probe.connect((address, port))
            if protocol == "udp":
                probe.send(b"?")
            return probe.recv(16) == b"ok"
        except OSError:
            return False


def mismatch(line: str) -> str | None:
    """The line with what was seen, or None where it is as expected."""
    expected, protocol, address, port = line.split()
    if expected not in ("open", "stopped"):
        raise ValueError(f"'{line}': expected is open or stopped")
    seen = "open" if answers(protocol, address, int(port)) else "stopped"
    return None if seen == expected else f"{line}: seen {seen}"


if len(sys.argv) < 2:
    sys.exit("nothing to probe")
with ThreadPoolExecutor(32) as pool:
    wrong = [result for result in pool.map(mismatch, sys.argv[1:]) if result]
print("\n".join(wrong) or f"{len(sys.argv) - 1} probes as expected")
sys.exit(bool(wrong))
