# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that are asked at another port than 53: dnsmasq's with a port, and those of systemd-resolved by TLS."""

from __future__ import annotations

import glob
import os
import re

from .extras import Asked
from .files import read_all
from .name_servers import FORWARDER_PORTS, FORWARDERS, MINE, NAMESERVER, addresses

DNS, DNS_TLS = 53, 853
_ROOTS = ("/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd", "/etc/systemd")  # a later one wins
_ASKED = "/run/systemd/resolve/resolv.conf"
# What systemd-resolved and systemd-networkd keep of a link, whose settings may be NetworkManager's.
_LINKS = ("/run/systemd/resolve/netif/*", "/run/systemd/netif/links/*")
_LINK = re.compile(r"^DNS_OVER_TLS=(\S+)", re.MULTILINE | re.IGNORECASE)
_LINK_SERVERS = re.compile(r"^(?:SERVERS|DNS)=(.*)$", re.MULTILINE)
_OFF = {"no", "false", "off", "0", "n", "f", ""}
# A server as resolved.conf has it: address, port, interface, name of its certificate.
_SERVER = re.compile(r"(?:\[([^]]+)\]|([\d.]+)(?=[:%#]|$)|([0-9A-Fa-f:.]+))(?::(\d{1,5}))?(?:%[^#]*)?(?:#.*)?")


def asked():
    """Return what the host asks its name servers at other ports, as sorted C{Asked} with addresses."""
    found = _of_dnsmasq() + _of_resolved()
    plain = {each.server: addresses([each.server])[0] for each in found}
    return sorted({Asked(place, *each[1:]) for each in found for place in plain[each.server]})


def _of_dnsmasq():
    texts = [text for text in read_all(FORWARDERS) if not text.startswith(MINE)]
    told = [each for text in texts for each in FORWARDER_PORTS.findall(text)]
    return [Asked(server, kind, int(port)) for server, port in told if int(port) != DNS for kind in ("tcp", "udp")]


def _of_resolved():
    """Return what systemd-resolved asks by TLS, or at a port that its files name."""
    settings = _settings()
    found = [each for word in settings["DNS"] for each in _server(word)]
    extra = [Asked(server, kind, port) for server, port in found if port not in (0, DNS) for kind in ("tcp", "udp")]
    links = list(read_all(_LINKS))
    whole = settings["DNSOverTLS"][-1:] or [""]
    on_link = any(_is_on(value) for text in links for value in _LINK.findall(text))
    if not _is_on(whole[0]) and not on_link:
        return extra
    servers = [server for server, port in found if not port] if _is_on(whole[0]) else []
    servers += [server for text in read_all([_ASKED]) for server in NAMESERVER.findall(text)]
    words = [word for text in links for line in _LINK_SERVERS.findall(text) for word in line.split()]
    servers += [server for word in words for server, port in _server(word) if not port]
    return extra + [Asked(server, "tcp", DNS_TLS) for server in servers]


def _is_on(value):
    return value.lower() not in _OFF


def _server(word):
    """Return C{[(address, port)]} of a server as resolved.conf has it, 0 where it names no port; [] for others."""
    match = _SERVER.fullmatch(word)
    return [(match.group(1) or match.group(2) or match.group(3), int(match.group(4) or 0))] if match else []


def _settings():
    """Return C{{setting: words}} of resolved.conf and its drop-ins, in the order in which they count."""
    found = {"DNS": [], "DNSOverTLS": []}
    main = [path for path in (os.path.join(root, "resolved.conf") for root in reversed(_ROOTS)) if os.path.isfile(path)]
    drop_ins = {}
    for root in _ROOTS:
        paths = glob.glob(os.path.join(glob.escape(root), "resolved.conf.d", "*.conf"))
        drop_ins.update((os.path.basename(path), path) for path in paths)
    paths = [*main[:1], *(drop_ins[name] for name in sorted(drop_ins))]
    for text in read_all(glob.escape(path) for path in paths):
        section = ""
        for line in map(str.strip, text.splitlines()):
            section = line if line.startswith("[") else section
            name, equals, value = (part.strip() for part in line.partition("="))
            if section == "[Resolve]" and equals and name in found:
                found[name] = [*found[name], *value.split()] if value else []
    return found
