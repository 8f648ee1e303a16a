# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host's DNS, and what is written for names, in files of a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._names import dnsmasq, host, resolv_conf
from ansible_collections.egress.allowlist.plugins.module_utils._names.units import units

LEARNED = "learned by dnsmasq"
CAPS = ["nftset=/a.example/4#inet#t#s", "max-cache-ttl=470", "max-ttl=470"]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files that are looked at into a folder, of which all paths begin with a slash."""
    for module, name in ((dnsmasq, "MAIN"), (dnsmasq, "FOLDER"), (dnsmasq, "DROP_IN"), (resolv_conf, "PATH")):
        monkeypatch.setattr(module, name, str(tmp_path) + getattr(module, name))
    monkeypatch.setattr(resolv_conf, "FORMER", f"{tmp_path}{resolv_conf.FORMER}")
    monkeypatch.setattr(dnsmasq, "_STARTERS", (f"{tmp_path}/etc/default/dnsmasq",))
    monkeypatch.setattr(resolv_conf, "_RESOLVED", (f"{tmp_path}/etc/systemd/resolved.conf",))
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    """Write a file below the folder."""
    (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    (root / path.lstrip("/")).write_text(text)


def test_settings_of_dnsmasq(etc: Path) -> None:
    write(etc, "/etc/dnsmasq.conf", f"# port=1\n port = 5353 # why\nno-resolv\nconf-file={etc}/etc/a\n#conf-file=/x\n")
    write(etc, "/etc/a", f"server=198.51.100.1#53\nconf-file={etc}/etc/dnsmasq.conf\nconf-dir={etc}/etc/b,*.conf\n")
    write(etc, "/etc/b/one.conf", 'domain="b.example"\n')
    write(etc, "/etc/b/two.txt", "port=3\n")
    found = [(option, value, path.removeprefix(str(etc))) for option, value, path in dnsmasq.settings()]
    assert found == [
        ("port", "5353", "/etc/dnsmasq.conf"),
        ("no-resolv", "", "/etc/dnsmasq.conf"),
        ("conf-file", f"{etc}/etc/a", "/etc/dnsmasq.conf"),
        ("server", "198.51.100.1#53", "/etc/a"),
        ("conf-file", f"{etc}/etc/dnsmasq.conf", "/etc/a"),
        ("conf-dir", f"{etc}/etc/b,*.conf", "/etc/a"),
        ("domain", "b.example", "/etc/b/one.conf"),
    ]
    assert dnsmasq.port(dnsmasq.settings()) == 5353


@pytest.mark.parametrize(
    ("path", "text", "reads"),
    [
        ("/etc/default/dnsmasq", "CONFIG_DIR={}/etc/dnsmasq.d,.dpkg-dist,.dpkg-old\n", True),
        ("/etc/default/dnsmasq", "#CONFIG_DIR={}/etc/dnsmasq.d\n", False),
        ("/etc/dnsmasq.conf", "conf-dir={}/etc/dnsmasq.d/,*.conf\n", True),
        ("/etc/dnsmasq.conf", "conf-dir={}/etc/dnsmasq.d,.rpmnew,.rpmsave,.rpmorig\n", True),
        ("/etc/dnsmasq.conf", "conf-dir={}/etc/dnsmasq.d,*.cfg\n", False),
        ("/etc/dnsmasq.conf", "conf-dir={}/etc/dnsmasq.d,.conf\n", False),
        ("/etc/dnsmasq.conf", "conf-dir={}/etc/dnsmasq\n", False),
    ],
)
def test_whether_our_drop_in_is_read(etc: Path, path: str, text: str, reads: bool) -> None:
    write(etc, path, text.format(etc))
    assert (dnsmasq.FOLDER in dnsmasq.folders()) is reads
    for name in ("egress-allowlist.conf", "mine.conf"):
        write(etc, f"/etc/dnsmasq.d/{name}", "port=7\n")
    assert [path.rpartition("/")[2] for option, _value, path in dnsmasq.settings() if option == "port"] == (
        ["mine.conf"] if reads else []
    )


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ("", [*CAPS, "server=198.51.100.1"]),
        ("max-ttl=470\nmax-cache-ttl=60\n", [CAPS[0], "server=198.51.100.1"]),
        ("server=/corp.example/198.51.100.7\n", [*CAPS, "server=198.51.100.1"]),
        ("server=198.51.100.7\n", CAPS),
        ("resolv-file=/run/x\n", CAPS),
    ],
)
def test_the_drop_in(etc: Path, own: str, lines: list[str]) -> None:
    write(etc, "/etc/dnsmasq.conf", own)
    text = dnsmasq.Dnsmasq(None, None).drop_in({"dnsmasq": CAPS}, ["198.51.100.1"])
    assert [line for line in text.splitlines() if not line.startswith("#") and line != "bind-dynamic"] == lines


@pytest.mark.parametrize("own", ["max-ttl=471", "max-cache-ttl=0", "max-ttl=x"])
def test_what_is_cached_longer_than_leased_is_refused(etc: Path, own: str) -> None:
    write(etc, "/etc/dnsmasq.conf", own + "\n")
    with pytest.raises(ToolError, match=rf"{own} in \S+ is longer than a lease lasts: at most 470 is accepted"):
        dnsmasq.Dnsmasq(None, None).drop_in({"dnsmasq": CAPS}, [])


def test_resolv_conf_comes_and_goes(etc: Path) -> None:
    before = "domain corp.example\nnameserver 198.51.100.1\nnameserver 2001:db8::1\n# x\noptions edns0\n"
    write(etc, "/etc/resolv.conf", before)
    text, former, servers = resolv_conf.wanted(True)
    assert former == before
    assert servers == ["198.51.100.1", "2001:db8::1"]
    assert text.splitlines()[1:] == ["nameserver 127.0.0.1", "domain corp.example", "options edns0"]
    assert resolv_conf.wanted(False) == (before, None, [])
    write(etc, "/etc/resolv.conf", text)
    write(etc, resolv_conf.FORMER.removeprefix(str(etc)), before)
    assert resolv_conf.wanted(True) == (text, before, servers), "the same again"
    assert resolv_conf.wanted(False) == (before, None, [])
    other = "nameserver 198.51.100.2\n"
    write(etc, "/etc/resolv.conf", other)
    assert resolv_conf.wanted(True)[1:] == (other, ["198.51.100.2"]), "who wrote it since is asked"
    assert resolv_conf.wanted(False) == (other, None, []), "and is not undone"


def test_a_resolv_conf_that_names_this_host_already_is_left_alone(etc: Path) -> None:
    write(etc, "/etc/resolv.conf", "nameserver ::1\nnameserver 127.0.0.1\n")
    assert resolv_conf.wanted(True) == ("nameserver ::1\nnameserver 127.0.0.1\n", None, [])
    resolv_conf.check(False)


@pytest.mark.parametrize(("resolved", "passes"), [("DNS=127.0.0.1 ::1", True), ("DNS=127.0.0.1 198.51.100.1", False)])
def test_the_stub_of_systemd_resolved(etc: Path, resolved: str, passes: bool) -> None:
    write(etc, "/etc/resolv.conf", "nameserver 127.0.0.53\n")
    write(etc, "/etc/systemd/resolved.conf", f"[Resolve]\n{resolved}\nDomains=~.\n")
    if passes:
        resolv_conf.check(False)
    else:
        with pytest.raises(ToolError, match=r"this host asks 127\.0\.0\.53"):
            resolv_conf.check(False)


@pytest.mark.parametrize(
    ("family", "address", "kind"),
    [
        (socket.AF_INET, "127.0.0.7", socket.SOCK_STREAM),
        (socket.AF_INET, "0.0.0.0", socket.SOCK_DGRAM),
        (socket.AF_INET6, "::1", socket.SOCK_DGRAM),
        (socket.AF_INET6, "::", socket.SOCK_STREAM),
    ],
)
def test_who_listens(family: int, address: str, kind: int) -> None:
    with socket.socket(family, kind) as listening:
        listening.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            listening.listen()
        port = listening.getsockname()[1]
        comm = Path("/proc/self/comm").read_text().strip()
        assert resolv_conf.listeners(port) == [(address, os.getpid(), comm)]
    assert resolv_conf.listeners(port) == []


def config(*patterns: str, **changes: Any) -> dict[str, Any]:
    """Return a configuration of names."""
    domains = {pattern.removeprefix("*."): {"patterns": [pattern]} for pattern in patterns}
    return {"mode": "dnsmasq", "lease": 600, "refresh": 60, "most": 10, "domains": domains} | changes


@pytest.mark.parametrize(
    ("former", "wanted", "lines"),
    [
        ({}, config("*.b.example", "a.example"), [f"+ name *.b.example  {LEARNED}", f"+ name a.example  {LEARNED}"]),
        (config("a.example", mode="resolve"), {}, ["- name a.example  looked up"]),
        (
            config("a.example"),
            config("*.a.example"),
            [f"+ name *.a.example  {LEARNED}", f"- name a.example  {LEARNED}"],
        ),
        (config("a.example", mode="resolve"), config("a.example"), ["~ names: resolve -> dnsmasq"]),
        (
            config("a.example"),
            config("a.example", lease=700, refresh=10, most=5),
            ["~ names lease: 600 -> 700", "~ names refresh: 60 -> 10", "~ names max addresses: 10 -> 5"],
        ),
        (config("a.example"), config("a.example"), []),
        ({}, {}, []),
    ],
)
def test_differences_in_words(former: dict, wanted: dict, lines: list[str]) -> None:
    assert host._in_words(former, wanted) == lines


def test_the_keeper_is_a_script(tmp_path: Path) -> None:
    first, rest = host._keeper().split("\n", 1)
    assert os.access(first.removeprefix("#!"), os.X_OK)
    compile(rest, "keeper", "exec")
    assert "ansible" not in rest, "it needs Python alone"


def test_units(tmp_path: Path) -> None:
    made = units("nftables", "/usr/local/sbin/keeper", 7)
    service, timer = made.values()
    assert [path.rpartition("/")[2] for path in made] == [
        "egress-allowlist-names-nftables.service",
        "egress-allowlist-names-nftables.timer",
    ]
    assert "\nExecStart=/usr/local/sbin/keeper run nftables\n" in service
    assert "\nOnUnitActiveSec=7\n" in timer


@pytest.mark.parametrize(
    ("backend", "mode", "commands"),
    [
        ("nftables", "dnsmasq", {"dnsmasq": "dnsmasq"}),
        ("nftables", "resolve", {}),
        ("ufw", "resolve", {"ipset": "ipset"}),
        ("ufw", "", {}),
    ],
)
def test_commands(backend: str, mode: str, commands: dict[str, str]) -> None:
    assert host.commands(backend, config("a.example", mode=mode) if mode else {}) == commands
