# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of systemd-timesyncd, by its files and by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import timesyncd
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError

from tests.support.files import write

AS_SHIPPED = "# The compile time defaults.\n\n[Time]\n#NTP=\n#FallbackNTP=0.pool.example 1.pool.example\n"
COMPILED = ["0.pool.example", "1.pool.example"]
ETC, LIB = "/etc/systemd/timesyncd.conf", "/usr/lib/systemd/timesyncd.conf"


def unasked(command: list[str]) -> tuple[int, str, str]:
    """Fail: no command is run where no systemd runs."""
    raise AssertionError(command)


@pytest.mark.parametrize("path", [ETC, LIB, "/run/systemd/timesyncd.conf", "/usr/local/lib/systemd/timesyncd.conf"])
def test_as_a_distribution_ships_it(etc: Path, path: str) -> None:
    write(etc, path, AS_SHIPPED)
    assert timesyncd.servers(unasked, False) == (COMPILED, [])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({ETC: "[Time]\nNTP=a b\nFallbackNTP=c\n"}, ["a", "b"]),  # a fallback is asked only where there is nothing else
        ({ETC: "[Time]\nNTP=a\nNTP=b\n"}, ["a", "b"]),
        ({ETC: "[Time]\nNTP=a\nNTP=\nNTP=b\n"}, ["b"]),
        ({ETC: "[Time]\nNTP = a \\\n  b\n"}, ["a", "b"]),
        ({ETC: "[Time]\n#NTP=x\n; NTP=y\n"}, []),
        ({ETC: "[Other]\nNTP=x\n[Time]\nFallbackNTP=c\n"}, ["c"]),
        ({ETC: AS_SHIPPED + "FallbackNTP=c d\n"}, ["c", "d"]),
        ({ETC: AS_SHIPPED + "FallbackNTP=\n"}, COMPILED),  # as the daemon does: nothing was named
        ({ETC: AS_SHIPPED + "FallbackNTP=c\nFallbackNTP=\n"}, []),
        ({ETC: "[Time]\nNTP=a\n", LIB: "[Time]\nNTP=x\n"}, ["a"]),
        ({ETC: "[Time]\n#FallbackNTP=x\n", LIB: AS_SHIPPED}, COMPILED),
        ({ETC: "[Time]\n", LIB: AS_SHIPPED}, COMPILED),
        ({LIB: AS_SHIPPED, "/etc/systemd/timesyncd.conf.d/a.conf": "[Time]\nNTP=a\n"}, ["a"]),
        ({LIB: AS_SHIPPED, "/run/systemd/timesyncd.conf.d/a.conf": "[Time]\nFallbackNTP=a\n"}, ["a"]),
        (
            {
                ETC: AS_SHIPPED,
                "/etc/systemd/timesyncd.conf.d/20.conf": "[Time]\nNTP=a\n",
                "/usr/lib/systemd/timesyncd.conf.d/10.conf": "[Time]\nNTP=b\n",
                "/usr/lib/systemd/timesyncd.conf.d/20.conf": "[Time]\nNTP=x\n",  # hidden by the one in /etc
                "/run/systemd/timesyncd.conf.d/30.conf": "[Time]\nNTP=c\n",
            },
            ["b", "a", "c"],
        ),
        (
            {ETC: AS_SHIPPED, "/run/systemd/netif/state": "OPER_STATE=routable\nNTP=192.0.2.1 t.example\n"},
            ["192.0.2.1", "t.example"],
        ),
        ({ETC: AS_SHIPPED, "/run/systemd/netif/links/2": "NTP=192.0.2.1\n"}, ["192.0.2.1"]),
        (
            {ETC: "[Time]\nNTP=a\n", "/run/systemd/netif/state": "NTP=192.0.2.1\nNTP=\n"},
            ["a", "192.0.2.1"],
        ),
    ],
)
def test_what_files_say(etc: Path, files: dict[str, str], expected: list[str]) -> None:
    for path, text in files.items():
        write(etc, path, text)
    assert timesyncd.servers(unasked, False) == (expected, [])


def test_where_it_is_not_the_clock(etc: Path, unit: Callable) -> None:
    assert timesyncd.servers(unasked, False) is None  # it is not installed
    write(etc, ETC, AS_SHIPPED)
    assert timesyncd.servers(unasked, True) is None  # nobody can be asked, and another one is configured
    assert timesyncd.servers(unit(), False) is None
    assert timesyncd.servers(unit(file="masked"), False) is None
    assert timesyncd.servers(unit(file=""), False) is None
    assert timesyncd.servers(unit(file="enabled"), True) == (COMPILED, [])


def test_what_it_says_itself(etc: Path, unit: Callable) -> None:
    write(etc, ETC, AS_SHIPPED)

    def says(text: str) -> tuple[list[str], list[str]]:
        return timesyncd.servers(unit("active", "enabled", (0, text, "")), False)

    fallback = "FallbackNTPServers=x.example y.example\nServerName=x.example\n"
    assert says("LinkNTPServers=\nSystemNTPServers=\n" + fallback) == (["x.example", "y.example"], [])
    assert says("LinkNTPServers=192.0.2.1\nSystemNTPServers=s.example\n" + fallback) == (["s.example", "192.0.2.1"], [])
    assert says("RuntimeNTPServers=r.example\n" + fallback) == (["r.example"], [])


def test_where_it_cannot_be_asked(etc: Path, unit: Callable) -> None:
    write(etc, ETC, AS_SHIPPED)
    servers, notes = timesyncd.servers(unit("active", "enabled", (1, "", "Failed to connect to bus\n")), False)
    assert servers == COMPILED
    assert notes == [
        "timedatectl does not tell the servers of systemd-timesyncd (Failed to connect to bus): its files do"
    ]
    unit()
    with pytest.raises(ToolError, match="systemctl show failed: no answer"):
        timesyncd.servers(lambda command: (1, "", ""), False)
