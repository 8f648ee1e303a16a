# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of others, as they stand on hosts with containers, virtual machines and an administrator."""

OTHERS = """
table ip nat {
    chain DOCKER { iifname "docker0" return; }
    chain PREROUTING {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local counter packets 7 bytes 420 jump DOCKER
    }
    chain POSTROUTING {
        type nat hook postrouting priority srcnat; policy accept;
        oifname != "docker0" ip saddr 172.17.0.0/16 counter packets 3 bytes 180 masquerade
    }
}
table ip filter {
    chain DOCKER-USER { counter packets 11 bytes 900 return; }
    chain FORWARD {
        type filter hook forward priority filter; policy drop;
        counter packets 11 bytes 900 jump DOCKER-USER
        oifname "docker0" ct state related,established counter packets 0 bytes 0 accept
    }
}
table inet netavark {
    set networks { type ipv4_addr; flags interval; elements = { 10.88.0.0/16 }; }
    chain NETAVARK-ISOLATION-1 { }
    chain FORWARD {
        type filter hook forward priority filter; policy accept;
        ip daddr @networks ct state established,related accept
        jump NETAVARK-ISOLATION-1
    }
}
table ip6 libvirt_network {
    chain guest_output { iif "lo" counter packets 1 bytes 80 reject; }
    chain forward { type filter hook forward priority filter; policy accept; jump guest_output; }
}
table inet filter {
    comment "the administrator's"
    counter seen { packets 42 bytes 4242 }
    set blocked { type ipv4_addr; timeout 1d; size 1000; flags dynamic,timeout; }
    chain input { type filter hook input priority filter; policy accept; tcp dport 22 counter name "seen" accept; }
}
table bridge lan {
    chain forward { type filter hook forward priority filter; policy accept; }
}
"""
