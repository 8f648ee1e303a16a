# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a host's dnsmasq, and our drop-in file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.module_utils._host.applier import ToolError
from ansible_collections.egress.allowlist.plugins.module_utils._names import dnsmasq

from tests.support.files import write

CAPS = ["nftset=/a.example/4#inet#t#s", "max-cache-ttl=470", "max-ttl=470"]


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
