# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of ports."""

from __future__ import annotations

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.port_names import PORTS

# Lines of Debian's /etc/services: a name, a port with its protocol, other names.
SERVICES = """
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
http 80/tcp www
kerberos 88/tcp
kerberos 88/udp
pop3 110/tcp
ntp 123/udp
snmp 161/udp
imap2 143/tcp imap
ldap 389/tcp
ldap 389/udp
https 443/tcp
https 443/udp
submissions 465/tcp ssmtp smtps urd
isakmp 500/udp
submission 587/tcp
ldaps 636/tcp
domain-s 853/tcp
imaps 993/tcp
pop3s 995/tcp
mysql 3306/tcp
ms-wbt-server 3389/tcp
ipsec-nat-t 4500/udp
iax 4569/udp
sip 5060/tcp
sip 5060/udp
sip-tls 5061/tcp
xmpp-client 5222/tcp
mdns 5353/udp
amqps 5671/tcp
syslog 514/udp
shell 514/tcp cmd syslog
"""


def known() -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for line in SERVICES.split("\n")[1:-1]:
        name, place, *others = line.split()
        for each in (name, *others):
            found.setdefault(each, set()).add(int(place.partition("/")[0]))
    return found


def test_names_mean_what_systems_take_them_for() -> None:
    shared = known().keys() & PORTS.keys()
    assert len(shared) > 25
    assert {name: {PORTS[name]} for name in shared} == {name: known()[name] for name in shared}


@pytest.mark.parametrize("name", ["syslog", "shell", "rtmp", "sip-trunk", ""])
def test_what_is_in_doubt_is_not_among_them(name: str) -> None:
    assert name not in PORTS


def test_names_are_those_of_ports() -> None:
    assert all(name == name.lower() and not name[0].isdigit() and 0 < port < 65536 for name, port in PORTS.items())
    assert list(PORTS) == sorted(PORTS)
