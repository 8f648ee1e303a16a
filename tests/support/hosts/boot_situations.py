# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else filters on a machine, and what is done to nftables.service there, as shell scripts."""

from __future__ import annotations

from dataclasses import dataclass

# A table that nobody loads at boot, as Docker and others have them: it shows who flushed what.
SOMEBODY = "table ip somebody"
BY_HAND = "nft 'add table ip somebody; add chain ip somebody forward { type filter hook forward priority 5; };'"
OWN_CONF = """#!/usr/sbin/nft -f
flush ruleset
table inet filter {
    set friends { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 }; }
    chain input {
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        tcp dport { 22, 443 } counter accept
        ip saddr @friends accept
    }
    chain output { type filter hook output priority filter; policy accept; counter; }
}
include "/etc/*.nft"
"""
MORE_CONF = """table ip more {
    chain output {
        type filter hook output priority 10; policy accept;
        udp dport 9 drop
    }
}
"""
DRAFT = """#!/usr/sbin/nft -f
flush ruleset
table inet draft {
    chain input {
        type filter hook input priority filter; policy drop;
        tcp dport 443 accept
    }
}
"""
UFW_RULES = "ufw allow 22/tcp; ufw deny out 25/tcp; ufw limit 8022/tcp; ufw default deny incoming; ufw --force enable"
RESET = "systemctl reset-failed nftables firewalld ufw 2>/dev/null; true"  # the limit of starts counts from here


@dataclass(frozen=True)
class Situation:
    """What else filters on the machine. Shell scripts."""

    prepare: str
    restore: str  # all that it filters is there again, and nftables.service in the state that it was in
    seen: str  # in its rules, when all are there
    policy: str = "deny"
    either: tuple[str, ...] = ()  # suites where it ends when nftables.service starts, and the reverse


SITUATIONS = {
    "ufw": Situation(
        UFW_RULES,
        "iptables-save | grep -q -e '-A ufw-user-output -p tcp -m tcp --dport 25' || ufw reload",
        "-A ufw-user-output -p tcp -m tcp --dport 25",
    ),
    "firewalld": Situation(
        "systemctl enable --now firewalld; firewall-cmd --permanent --add-port=8443/tcp; firewall-cmd --reload",
        "systemctl is-active firewalld && nft list ruleset | grep -q 'tcp dport 8443' || systemctl restart firewalld",
        "tcp dport 8443",
        either=("bookworm",),
    ),
    "own_conf": Situation(
        f"cat >/etc/nftables.conf <<'END'\n{OWN_CONF}END\ncat >/etc/more.nft <<'END'\n{MORE_CONF}END\n"
        "systemctl enable --now nftables",
        "nft list table inet filter >/dev/null 2>&1 || grep -v '^flush' /etc/nftables.conf | nft -f -",
        "udp dport 9 drop",
    ),
    "draft": Situation(f"cat >/etc/nftables.conf <<'END'\n{DRAFT}END\n", "true", "table ip somebody", policy="audit"),
}

POSTINST = """
export DPKG_MAINTSCRIPT_PACKAGE=nftables DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_MAINTSCRIPT_NAME=postinst
export DPKG_ADMINDIR=/var/lib/dpkg
export DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) DPKG_MAINTSCRIPT_DEBUG=0 DPKG_ROOT=
export DPKG_RUNNING_VERSION=$(dpkg-query --show --showformat '${Version}' dpkg)
/var/lib/dpkg/info/nftables.postinst configure 0.9
"""
# The package as dpkg knows it, with a higher version; without the network there is no other.
UPGRADE = """
set -e
new=/var/tmp/new version=$(dpkg-query --show --showformat '${Version}' nftables)
rm -rf $new && mkdir -p $new/DEBIAN
dpkg --listfiles nftables | while read -r path; do
    if [ ! -d "$path" ] && { [ -e "$path" ] || [ -L "$path" ]; }; then
        mkdir -p "$new${path%/*}" && cp -a "$path" "$new$path"
    fi
done
for part in conffiles postinst postrm preinst prerm triggers; do
    [ ! -e /var/lib/dpkg/info/nftables.$part ] || cp /var/lib/dpkg/info/nftables.$part $new/DEBIAN/$part
done
dpkg-query --status nftables | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' \
    -e "s/^Version:.*/Version: $version+again/" >$new/DEBIAN/control
dpkg-deb --build -Znone $new $new.deb
dpkg --force-confold --install $new.deb
rm -rf $new $new.deb
"""

OPERATIONS = {
    f"{verb} of nftables.service": f"systemctl {verb} nftables"
    for verb in ("start", "restart", "try-restart", "reload", "stop")
}
PACKAGING = {"postinst": POSTINST, "upgrade": UPGRADE}
FLUSHES = {*OPERATIONS, *PACKAGING} - {"start of nftables.service"}
RESTARTS = "for try in 1 2 3 4 5 6 7 8 9 10; do systemctl restart nftables; done"
STARTS = "for try in 1 2 3 4 5; do systemctl stop nftables; systemctl start nftables; done"
