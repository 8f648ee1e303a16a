# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of ports as /etc/services and IANA have them: those that mean one port wherever they are used.

Left out is what means another port in TCP than in UDP (C{syslog}), or another one on some systems (C{rtmp}).
"""

from __future__ import annotations

PORTS = {
    "amqp": 5672, "amqps": 5671, "bgp": 179, "dns": 53, "domain": 53, "domain-s": 853, "ftp": 21, "ftps": 990,
    "http": 80, "https": 443, "iax": 4569, "imap": 143, "imaps": 993, "ipsec-nat-t": 4500, "isakmp": 500,
    "kerberos": 88, "l2tp": 1701, "ldap": 389, "ldaps": 636, "mdns": 5353, "mqtt": 1883, "ms-wbt-server": 3389,
    "mysql": 3306, "nfs": 2049, "nntp": 119, "nntps": 563, "ntp": 123, "ntske": 4460, "openvpn": 1194, "pop3": 110,
    "pop3s": 995, "postgresql": 5432, "pptp": 1723, "radius": 1812, "radius-acct": 1813, "rdp": 3389, "rsync": 873,
    "rtsp": 554, "secure-mqtt": 8883, "sip": 5060, "sips": 5061, "smtp": 25, "smtps": 465, "snmp": 161,
    "snmptrap": 162, "ssh": 22, "stun": 3478, "stuns": 5349, "submission": 587, "submissions": 465, "syslog-tls": 6514,
    "telnet": 23, "tftp": 69, "turn": 3478, "turns": 5349, "whois": 43, "xmpp-client": 5222, "xmpp-server": 5269,
}  # fmt: skip
