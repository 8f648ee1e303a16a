# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulesets of ours, as nft lists them."""

from __future__ import annotations

# As nft 1.0.6 lists it.
LISTING = """table inet egress_allowlist {
\tcounter acme/calls {
\t\tcomment "acme: calls"
\t\tpackets 12 bytes 720
\t}

\tct timeout udp_60 {
\t\tprotocol udp
\t\tl3proto inet
\t\tpolicy = { unreplied : 60, replied : 60 }
\t}

\tmap allowed4_tcp_443 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 192.0.2.7 : "acme/calls", 192.0.2.8/31 : "other/web",
\t\t\t     198.51.100.3-198.51.100.9 : "acme/calls" }
\t}

\tmap allowed4_udp_10000-60000 {
\t\ttype ipv4_addr : counter
\t\tflags interval
\t\telements = { 203.0.113.0/25 : "acme/calls.other/media" }
\t}

\tmap inbound6_tcp_443 {
\t\ttype ipv6_addr : counter
\t\tflags interval
\t\telements = { 2001:db8::/32 : "acme/calls",
\t\t\t     2001:db9::/128 : "acme/calls" }
\t}

\tset management {
\t\ttype inet_service
\t\telements = { 22, 2222 }
\t}

\tchain egress {
\t}

\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\tct state { established, related } accept
\t\tjump egress
\t}
}
"""
# As nft 1.0.6 and 1.1.3 list it.
LEARNED = """table inet egress_allowlist {
\tset asked6_example.com {
\t\ttype ipv6_addr
\t\tsize 10
\t\ttimeout 1d
\t\tcomment "*.example.com"
\t\telements = { 2600:9000::1 expires 23h59m59s996ms }
\t}

\tset leased4_example.com {
\t\ttype ipv4_addr
\t\tsize 10
\t\tflags dynamic,timeout
\t\ttimeout 1d1h1m1s
\t\tcomment "*.example.com, example.com"
\t\telements = { 52.84.1.1 expires 2h3m4s5ms, 52.84.1.2 timeout 1h expires 996ms,
\t\t\t     52.84.1.3 timeout 2d expires 1d23h, 52.84.1.4 }
\t}

\tset known4 {
\t\ttype ipv4_addr
\t\tsize 20
\t\tflags dynamic,timeout
\t\ttimeout 1d
\t\telements = { 52.84.1.1 expires 2h }
\t}

\tmap allowed4_tcp_443 {
\t\ttype ipv4_addr . inet_proto : counter
\t\tflags interval
\t\telements = { 203.0.113.0/28 . tcp : "acme/calls",
\t\t\t     203.0.113.17 . tcp : "acme/calls" }
\t}

\tchain name4_example.com {
\t\ttcp dport 443 update @leased4_example.com { ip daddr }
\t\ttcp dport 443 update @known4 { ip daddr }
\t\ttcp dport 443 ct state invalid,new,untracked ct timeout set "tcp_720" counter name "acme/calls" accept
\t\tudp dport 1-9 ct state invalid,new,untracked counter name "acme/calls.zoom/web" accept
\t}
}
"""
