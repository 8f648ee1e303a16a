#!/bin/sh
# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What a firewall's own tool says, what the kernel filters by, and what the tool's files hold.
#
#     state ufw save NAME        remember it as NAME
#     state ufw compare NAME     fail where it is no longer so, and show what differs; the same for firewalld, nftables
set -eu

ufw_says() {
    ufw status verbose
    ufw status numbered
    for family in iptables ip6tables; do
        echo "== $family"
        # Without counters and the time of day; below, without what a set draws by lot.
        $family-save | sed -e '/^#/d' -e 's/ \[[0-9]*:[0-9]*\]$//'
    done
    ipset save | sed 's| bucketsize .*||' | sort
    files /etc/ufw /etc/default/ufw
}

firewalld_says() {
    for what in zones policies; do
        firewall-cmd --list-all-$what
        firewall-cmd --permanent --list-all-$what
    done
    nft list table inet firewalld
    iptables-save | sed -e '/^#/d' -e 's/ \[[0-9]*:[0-9]*\]$//'
    files /etc/firewalld
}

# Rules in their order; tables, sets and so on by name, for a change leaves them in another order than a boot does. Without what has
# a timeout: addresses behind names come and go.
nftables_says() {
    nft --json --stateless list ruleset | python3 -c '
import json, sys
lines = []
for kind, entry in (pair for item in json.load(sys.stdin)["nftables"] for pair in item.items()):
    if "timeout" in entry:
        entry.pop("elem", None)
    place = kind, entry.get("table", ""), entry.get("chain") or entry.get("name", "")
    lines.append((place, json.dumps({key: entry[key] for key in entry if key not in ("handle", "packets", "bytes")})))
print(*(f"{kind} {line}" for (kind, *_where), line in sorted(lines, key=lambda line: line[0])), sep="\n")
'
    systemctl is-active dnsmasq || true
    systemctl list-timers --all --legend=no | grep -o 'egress.*' | sort || true
    files /etc/nftables.conf /etc/dnsmasq.conf /etc/dnsmasq.d /etc/default /etc/resolv.conf
}

# files PATH...: contents and rights, without the copies that firewalld makes of ours when it rewrites them.
files() {
    find "$@" -type f ! -name 'egress-*.old' -exec sha256sum {} + | sort -k 2
    find "$@" -type f ! -name 'egress-*.old' -exec stat -c '%a %n' {} + | sort -k 2
}

mkdir -p /root/states
case "$2" in
    save) "$1_says" >"/root/states/$3" ;;
    compare) "$1_says" | diff -u "/root/states/$3" - ;;
esac
