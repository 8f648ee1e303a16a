# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time daemons: which servers each asks, and as which user."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host import servers
from ansible_collections.egress.allowlist.plugins.module_utils._host.clocks import Sender, clocks
from ansible_collections.egress.allowlist.plugins.module_utils._host.servers import discover

from tests.support.files import write

CHRONY, ROOT = Sender("_chrony", 101, 0), Sender("root", 0, 123)
ASKED = {"a.pool.example": ["192.0.2.5"], "b.pool.example": ["192.0.2.6"]}


def found(path: Path, file: str, text: str) -> list[tuple]:
    """Return the clocks of a host with one file."""
    write(path, file, text)
    return [tuple(clock) for clock in clocks(nobody)[0]]


def nobody(command: list[str]) -> tuple[int, str, str]:
    """Fail: no command is run where no systemd runs."""
    raise AssertionError(command)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/chrony.conf", "server 192.0.2.1 iburst\n!server 192.0.2.9\n#pool 192.0.2.9\npeer 2001:db8::1\n"),
        ("/etc/chrony/conf.d/mine.conf", "server 192.0.2.1\nserver 2001:db8::1 key 1\nallow 10.0.0.0/8\n"),
        ("/etc/chrony/sources.d/dhcp.sources", "server 192.0.2.1\npool 2001:db8::1\n"),
        ("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=192.0.2.9\nNTP=192.0.2.1\nNTP = 2001:db8::1\n"),
        ("/etc/systemd/timesyncd.conf.d/a.conf", "[Time]\nNTP=192.0.2.1 2001:db8::1\n"),
        ("/etc/ntp.conf", "server 192.0.2.1\nserver 2001:db8::1 prefer\nserver 127.127.1.0\n"),
        ("/etc/openntpd/ntpd.conf", "servers 192.0.2.1\nserver 2001:db8::1 weight 5\n"),
    ],
)
def test_time_servers_by_address(etc: Path, path: str, text: str) -> None:
    write(etc, path, text)
    write(etc, "/usr/lib/systemd/timesyncd.conf", "[Time]\n") if "timesyncd" in path else None
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True)
    assert told == ({"ntp": ["192.0.2.1", "2001:db8::1"]}, {}, [], [], [], [])


@pytest.mark.parametrize(
    ("path", "text", "senders"),
    [
        ("/etc/chrony/chrony.conf", "pool a.pool.example iburst\n", [CHRONY]),
        ("/etc/chrony/chrony.conf", "user tick\npool a.pool.example\n", [Sender("tick", 103, 0)]),
        ("/etc/chrony.conf", "user nobody-here\nserver a.pool.example\n", [CHRONY]),
        ("/etc/chrony.conf", "acquisitionport 1123\nserver a.pool.example\n", [Sender("root", 0, 1123)]),
        ("/etc/chrony.conf", "acquisitionport 0\nserver a.pool.example\n", [CHRONY]),
        ("/etc/chrony.conf", "peer a.pool.example\n", [CHRONY, ROOT]),
        ("/etc/ntpsec/ntp.conf", "pool a.pool.example iburst\n", [ROOT]),
        ("/etc/ntp.conf", "server a.pool.example\n", [ROOT]),
        ("/etc/openntpd/ntpd.conf", "servers a.pool.example\n", [Sender("ntpd", 102, 0)]),
        (
            "/usr/lib/systemd/timesyncd.conf",
            "[Time]\n#FallbackNTP=a.pool.example\n",
            [Sender("systemd-timesync", 997, 0)],
        ),
    ],
)
def test_whose_packets_they_are(
    etc: Path, monkeypatch: pytest.MonkeyPatch, path: str, text: str, senders: list[Sender]
) -> None:
    monkeypatch.setattr(servers, "_resolve", lambda name: ASKED.get(name, []))
    write(etc, path, text)
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True)
    assert told.senders == senders
    assert (told.servers, told.names) == ({"ntp": ["192.0.2.5"]}, {"a.pool.example": ["192.0.2.5"]})
    assert len(told.notes) == 1
    assert " asks a.pool.example, whose addresses change: udp/123 is open to any address for its user " in told.notes[0]
    assert " and ".join(map(str, senders)) in told.notes[0]
    assert "x_egress_ntp_servers" in told.notes[0]


def test_where_no_rule_asks_whose_a_packet_is(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_resolve", lambda name: ASKED.get(name, []))
    write(etc, "/etc/chrony.conf", "pool a.pool.example\nserver gone.example\nserver 192.0.2.1\n")
    told = discover(["ntp"], {}, "x_egress", nobody)
    assert told.senders == []
    assert told.servers == {"ntp": ["192.0.2.1", "192.0.2.5"]}
    assert told.notes == [
        "the clock may stop: time server a.pool.example is open where it was found first, a pool moves on: "
        "name servers by address in x_egress_ntp_servers",
        "the clock may stop: time server gone.example stays shut, it could not be looked up: "
        "name servers by address in x_egress_ntp_servers",
    ]


def test_a_user_that_is_not_there(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwnam", lambda name: {}[name])
    monkeypatch.setattr(servers, "_resolve", lambda name: ASKED.get(name, []))
    assert found(etc, "/etc/chrony.conf", "pool a.pool.example\n") == [("chrony", ["a.pool.example"], [], [], [])]
    assert discover(["ntp"], {}, "x_egress", nobody, by_user=True).notes[0].startswith("the clock may stop: ")


def test_names_are_looked_up_once(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ASKED.get(name, [])

    monkeypatch.setattr(servers, "_resolve", resolve)
    write(etc, "/etc/chrony/chrony.conf", "pool a.pool.example iburst\nserver gone.example\nserver known.example\n")
    told = discover(["ntp"], {"known.example": ["192.0.2.9"]}, "x_egress", nobody)
    assert told.names == {"a.pool.example": ["192.0.2.5"], "known.example": ["192.0.2.9"]}
    assert told.servers == {"ntp": ["192.0.2.5", "192.0.2.9"]}
    assert sorted(asked) == ["a.pool.example", "gone.example"]


def test_servers_that_no_file_names(etc: Path, unit: Callable) -> None:
    told = discover(["ntp"], {}, "x_egress", unit(file="enabled"), by_user=True)
    assert told.senders == [Sender("systemd-timesync", 997, 0)]
    assert told.notes[0].startswith("systemd-timesyncd asks servers that no file names: udp/123 is open to any address")
    told = discover(["ntp"], {}, "x_egress", unit(file="enabled"))
    assert told.notes[0].startswith("the clock may stop: no file names the servers that systemd-timesyncd asks: ")


def test_name_servers_that_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "name_servers", lambda: ["192.0.2.53", "2001:db8::53"])
    told = discover(["dns"], {}, "x_egress", nobody)
    assert told.servers == {"dns": ["192.0.2.53", "2001:db8::53"]}
    assert told.notes == [
        "name servers are those that the host has now (192.0.2.53, 2001:db8::53): when they change, apply again, or "
        "name them in x_egress_dns_servers"
    ]
    assert discover(["dns"], {}, "x_egress", nobody, followed=True).notes == []


@pytest.mark.parametrize(
    ("path", "text", "ntp", "asked"),
    [
        ("/etc/chrony.conf", "SERVER 192.0.2.1\nPool 192.0.2.2 iburst\npeeR 192.0.2.3\n", [1, 2, 3], []),
        ("/etc/chrony.conf", "; server 192.0.2.9\n% server 192.0.2.9\nserver 192.0.2.1\n", [1], []),
        ("/etc/chrony.conf", "server 192.0.2.1 iburst port 1123\n", [], ["udp/1123 to 192.0.2.1"]),
        ("/etc/chrony.conf", "server 192.0.2.1 PORT 123\n", [1], []),
        ("/etc/chrony.conf", "server 192.0.2.1 port 70000\nserver 192.0.2.2 port\n", [1, 2], []),
        ("/etc/chrony.conf", "server 192.0.2.1 nts\n", [1], ["tcp/4460 to 192.0.2.1"]),
        ("/etc/chrony.conf", "server 192.0.2.1 iburst NTS ntsport 4461\n", [1], ["tcp/4461 to 192.0.2.1"]),
        ("/etc/chrony.conf", "server 192.0.2.1 nts port 124\n", [], ["tcp/4460 to 192.0.2.1", "udp/124 to 192.0.2.1"]),
        ("/etc/ntpsec/ntp.conf", "server 192.0.2.1 nts\n", [1], ["tcp/4460 to 192.0.2.1"]),
        ("/etc/ntp.conf", "server -4 192.0.2.1\npool -6 192.0.2.2 iburst\nserver -4\n", [1, 2], []),
        ("/etc/openntpd/ntpd.conf", "server 192.0.2.1 port 1\nservers 192.0.2.2 # nts\n", [1, 2], []),
        ("/etc/chrony.conf", "server 0.0.0.0\nserver ::\nserver ::ffff:192.0.2.1\nserver 127.0.0.1\n", [1], []),
    ],
)
def test_what_a_time_server_is_asked(etc: Path, path: str, text: str, ntp: list[int], asked: list[str]) -> None:
    write(etc, path, text)
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True, extra=True)
    assert told.servers == {"ntp": [f"192.0.2.{last}" for last in ntp]}
    assert [str(each) for each in told.asked] == asked
    assert (told.notes, told.senders, told.sent) == ([], [], [])
    told = discover(["ntp"], {}, "x_egress", nobody, extra=False)
    shut = f"asks at {', '.join(asked)}, which the baseline does not open: name it in x_egress_allow"
    assert ([shut in note and note.startswith("the clock may stop: ") for note in told.notes], told.asked) == (
        [True] * bool(asked),
        [],
    )
    assert discover(["ntp"], {}, "x_egress", nobody).notes == []  # what the host asks is not filtered


def test_chrony_by_name_with_nts(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_resolve", lambda name: ASKED.get(name, []))
    write(etc, "/etc/chrony.conf", "server a.pool.example nts\nserver b.pool.example port 1123\n")
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True, extra=True)
    assert told.servers == {"ntp": ["192.0.2.5"]}
    assert [str(each) for each in told.asked] == ["tcp/4460 to 192.0.2.5", "udp/1123 to 192.0.2.6"]
    assert (told.senders, told.sent) == ([CHRONY], [(CHRONY, "tcp", 4460), (CHRONY, "udp", 1123)])
    assert told.notes == [
        "chrony asks a.pool.example, b.pool.example, whose addresses change: udp/123 and tcp/4460 and udp/1123 are "
        "open to any address for its user alone (_chrony); to open less, "
        "name servers by address in x_egress_ntp_servers"
    ]


def test_chrony_by_name_at_one_other_port(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_resolve", lambda name: ASKED.get(name, []))
    write(etc, "/etc/chrony.conf", "server a.pool.example port 1123\n")
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True, extra=True)
    assert (told.servers, told.senders, told.sent) == ({"ntp": []}, [], [(CHRONY, "udp", 1123)])
    assert "whose addresses change: udp/1123 is open to any address" in told.notes[0]


def test_files_that_the_configuration_names(etc: Path) -> None:
    lines = f"include {etc}/mine.conf\nINCLUDE {etc}/many/*.conf\nconfdir {etc}/a {etc}/b\nsourcedir {etc}/sources\n"
    write(etc, "/etc/chrony/chrony.conf", lines + f"include {etc}/nowhere.conf\nserver 192.0.2.1\n")
    write(etc, "/mine.conf", f"server 192.0.2.2\ninclude {etc}/mine.conf\ninclude {etc}/etc/chrony/chrony.conf\n")
    write(etc, "/many/x.conf", "server 192.0.2.3\n")
    write(etc, "/a/x.conf", "server 192.0.2.4\n")
    write(etc, "/b/x.conf", "server 192.0.2.5\n")
    write(etc, "/b/x.txt", "server 192.0.2.99\n")
    write(etc, "/sources/x.sources", "server 192.0.2.6\n")
    write(etc, "/sources/x.conf", "server 192.0.2.99\n")
    told = discover(["ntp"], {}, "x_egress", nobody, by_user=True)
    assert told.servers == {"ntp": [f"192.0.2.{last}" for last in range(1, 7)]}


@pytest.mark.parametrize(("name", "more"), [("/etc/ntp.conf", "more.conf"), ("/etc/ntpsec/ntp.conf", "more.conf")])
def test_files_that_ntpd_includes(etc: Path, name: str, more: str) -> None:
    write(etc, name, f'includefile "{more}"\nserver 192.0.2.1\n')
    write(etc, f"{Path(name).parent}/{more}", "server -6 2001:db8::1\n")
    assert discover(["ntp"], {}, "x_egress", nobody).servers == {"ntp": ["192.0.2.1", "2001:db8::1"]}


@pytest.mark.parametrize("servers_too", [True, False])
def test_constraints_by_https(etc: Path, servers_too: bool) -> None:
    lines = 'constraints from "https://www.example.com"\nconstraint from "https://192.0.2.9"\n'
    write(etc, "/etc/openntpd/ntpd.conf", lines + "servers 192.0.2.1\n" * servers_too)
    for extra in (True, False):
        told = discover(["ntp"], {}, "x_egress", nobody, by_user=True, extra=extra)
        assert told.notes == [
            "the clock may stop: OpenNTPD asks https://www.example.com, https://192.0.2.9 for the time, which the "
            "baseline does not open: name it in x_egress_allow"
        ]
        assert told.servers == {"ntp": ["192.0.2.1"] * servers_too}
