# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells that could be read in two ways: what has one reading is read, everything else is refused with its readings."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.additions import allow_rules
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.destinations import expand_ranges
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.protocols import expand_protocols
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from hypothesis import assume, example, given
from hypothesis import strategies as st

TWO = "can be read in two ways"
OPEN = "is not a name but looks like an address with a part left open or mistyped"
NO_HOST = "is not a destination: no host has an address"

DESTINATIONS = [
    # Lists of names stay lists
    ("a.example.com b.example.com", ["a.example.com", "b.example.com"]),
    ("a.example.com\nb.example.com", ["a.example.com", "b.example.com"]),
    ("a.example.com.,b.example.com.", ["a.example.com", "b.example.com"]),
    ("pbx.site.corp.local, pbx.example.de", ["pbx.site.corp.local", "pbx.example.de"]),
    ("pbx.site.corp.local pbx.example.local", ["pbx.site.corp.local", "pbx.example.local"]),
    (
        "pbx.localdomain a.example.edu b.example.gov c.example.org",
        [*["pbx.localdomain", "a.example.edu", "b.example.gov", "c.example.org"]],
    ),
    ("a.example.net 192.0.2.1", ["a.example.net", "192.0.2.1/32"]),
    ("a.example.museum b.example.museum", ["a.example.museum", "b.example.museum"]),
    ("https://a.example.com/ https://b.example.com", ["a.example.com", "b.example.com"]),
    ("*.example.com\n*.example.org", ["*.example.com", "*.example.org"]),
    # The same bullet before every line
    ("- 192.0.2.1\n- 192.0.2.9", ["192.0.2.1/32", "192.0.2.9/32"]),
    ("• 192.0.2.1\n• a.example.com", ["192.0.2.1/32", "a.example.com"]),
    ("* 192.0.2.1\r\n* 192.0.2.9", ["192.0.2.1/32", "192.0.2.9/32"]),
    ("  – 192.0.2.1 – 192.0.2.2\n\n  – *.example.com\n", ["192.0.2.1/32", "192.0.2.2/32", "*.example.com"]),
    # Masks
    ("80.81.128.0 255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0\t255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0/255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0 / 255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0 0.0.15.255", ["80.81.128.0/20"]),
    ("80.81.128.0 netmask 255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0 Subnet Mask: 255.255.240.0", ["80.81.128.0/20"]),
    ("80.81.128.0 (255.255.240.0)", ["80.81.128.0/20"]),
    ("192.0.2.0 255.255.255.0\n80.81.128.0 255.255.240.0", ["192.0.2.0/24", "80.81.128.0/20"]),
    ("192.0.2.0 255.255.255.0, 198.51.100.7", ["192.0.2.0/24", "198.51.100.7/32"]),
    ("192.0.2.1 255.255.255.255", ["192.0.2.1/32"]),
    ("16.0.0.0 240.0.0.0", ["16.0.0.0/4"]),
    ("52.112.0.0 /14", ["52.112.0.0/14"]),
    ("52.112.0.0/ 14, 2001:db8:: / 32", ["52.112.0.0/14", "2001:db8::/32"]),
    ("0.0.0.0/0", ["0.0.0.0/0"]),
    ("0.0.0.0/1, 128.0.0.0/1", ["0.0.0.0/1", "128.0.0.0/1"]),
    ("0.0.0.0 - 255.255.255.255", ["0.0.0.0/0"]),
    ("1.0.0.0, 239.255.255.255", ["1.0.0.0/32", "239.255.255.255/32"]),
    # Names with digits and hyphens
    ("pbx.site.corp.local", ["pbx.site.corp.local"]),
    ("163.com 360.cn", ["163.com", "360.cn"]),
    ("pbx.example.lan1", ["pbx.example.lan1"]),
    ("1.2.3.4.example.com", ["1.2.3.4.example.com"]),
    ("10.0.0.0, 224.0.0.0", ["10.0.0.0/32", "224.0.0.0/32"]),
    ("::/0", ["::/0"]),
    ("1.2.3.4.example.com", ["1.2.3.4.example.com"]),
    ("x.example.com", ["x.example.com"]),
    ("sip1-sip4.example.com", ["sip1-sip4.example.com"]),
    ("www.example.com-v2.edgekey.net", ["www.example.com-v2.edgekey.net"]),
    ("a.one.co.uk-b.two.co.uk", ["a.one.co.uk-b.two.co.uk"]),
    ("foo.xn--p1ai", ["foo.xn--p1ai"]),
    # Numbers that belong to names
    ("0.pool.ntp.org 1.pool.ntp.org\n2.pool.ntp.org", ["0.pool.ntp.org", "1.pool.ntp.org", "2.pool.ntp.org"]),
    ("2.sip.example.com, 1.rtp.example.com", ["2.sip.example.com", "1.rtp.example.com"]),
    ("52-1-2-3.example.com, 54-3-2-1.example.com", ["52-1-2-3.example.com", "54-3-2-1.example.com"]),
    # Each address with its own length or mask
    ("192.0.2.0 /24, 198.51.100.0 /24", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.0/24 198.51.100.0 /24", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.0 /24 198.51.100.0/24", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.0 /24\n198.51.100.0/ 24", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.7, 198.51.100.0/24", ["192.0.2.7/32", "198.51.100.0/24"]),
    ("198.51.100.0 /24, 192.0.2.7", ["198.51.100.0/24", "192.0.2.7/32"]),
    ("192.0.2.0 255.255.255.0\n198.51.100.0 0.0.0.255\n", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.0 255.255.255.0 198.51.100.0 255.255.255.0", ["192.0.2.0/24", "198.51.100.0/24"]),
    ("192.0.2.1 – 192.0.2.2, 198.51.100.0 /24", ["192.0.2.1/32", "192.0.2.2/32", "198.51.100.0/24"]),
    ("2001:db8:1:: /48 2001:db8:2:: /48", ["2001:db8:1::/48", "2001:db8:2::/48"]),
    # Last labels with digits
    *(
        (f"pbx.example.{end}1", [f"pbx.example.{end}1"])
        for end in ("lan", "local", "internal", "corp", "home", "intra")
    ),
    ("pbx.example.intranet12", ["pbx.example.intranet12"]),
    ("v2.example.com", ["v2.example.com"]),
    ("json.example.com", ["json.example.com"]),
    # Capitals
    ("TURN.EXAMPLE.COM", ["turn.example.com"]),
    ("*.TURN.EXAMPLE.COM.", ["*.turn.example.com"]),
    ("WWW.example.com", ["www.example.com"]),
    ("HTTPS://www.Example.com", ["www.example.com"]),
    ("Teams-Bot.KUDOway.com", ["teams-bot.kudoway.com"]),
    ("sipxx.example.com", ["sipxx.example.com"]),
    ("A1.example.com", ["a1.example.com"]),
    # IPv6
    ("2001:db8:0:0:0:0:1:443", ["2001:db8::1:443/128"]),
    ("2001:db8::1:443/128", ["2001:db8::1:443/128"]),
    ("2001:db8::443", ["2001:db8::443/128"]),
    ("2001:db8::f:123", ["2001:db8::f:123/128"]),
    ("2001:db8::1:444", ["2001:db8::1:444/128"]),
    ("2001:db8::1:0443", ["2001:db8::1:443/128"]),
    ("::/3, ::/0", ["::/3", "::/0"]),
    ("0:0:0:1::/64", ["0:0:0:1::/64"]),
    ("2001:0db8:11:22:33:44:55:66", ["2001:db8:11:22:33:44:55:66/128"]),
]

REFUSED_DESTINATIONS = [
    *(
        (f"media.eu-west-2{gap}example.com", TWO, "'media.eu-west-2.example.com' for one name")
        for gap in (". ", ".\n", ".\t", ".\u00a0", ".\u3000", ".  ", ".\r\n", " ", "\n")
    ),
    ("media.eu-west-2. example.com", TWO, "write 'media.eu-west-2.example.com' for one name"),
    ("media.eu-west-2. *.example.com", TWO, "write each name by itself"),
    ("*.media.eu-west-2. example.com", TWO, "'*.media.eu-west-2.example.com'"),
    ("https://media.eu-west-2. example.com", TWO, "'https://media.eu-west-2.example.com'"),
    ("a.example.com. b.example.com", TWO, "or 'a.example.com, b.example.com' for two"),
    ("media.exam ple.com", TWO, "write 'media.example.com' for one name, or 'media.exam, ple.com' for two"),
    ("media.exam\nple.com", TWO, "'media.example.com'"),
    ("b.example.org, media.exam ple.com", TWO, "'media.example.com'"),
    ("media. example.com", TWO, "write 'media.example.com' for one name"),
    ("media.example. com", TWO, "write 'media.example.com' for one name"),
    ("foo .example.com", "has a space inside a name", "write 'foo.example.com'"),
    ("media.eu-west-2 .example.com", "has a space inside a name", "write 'media.eu-west-2.example.com'"),
    ("sip- example.com", "is not a range of whole addresses", "names have no ranges"),
    ("sip -example.com", "is not a range of whole addresses", "names have no ranges"),
    ("media.eu-\nwest-2.example.com", TWO, "dash at the line break"),
    ("media.\u200bexample.com", "invisible character", "U+200B"),
    ("media\u00adeu.example.com", "invisible character", "U+00AD"),
    # Bullets
    *(
        (f"192.0.2.1{gap}192.0.2.9", TWO, "write '192.0.2.1, 192.0.2.9' or '192.0.2.1 - 192.0.2.9'")
        for gap in ("\n- ", "\n– ", "\n-", "\n — ", "\r\n- ", " -\n", "-\n", "\n\n- ", "\n− ")
    ),
    ("192.0.2.1\n-\n192.0.2.9", TWO, "write it on one line"),
    ("– 192.0.2.1\n- 192.0.2.9", TWO, "write '192.0.2.1, 192.0.2.9'"),
    ("- 192.0.2.1\n192.0.2.9", "is not a range", ""),
    ("- 192.0.2.1", "is not a range", ""),
    ("192.0.2.1\n* 192.0.2.9", "'*' is a word for any address, and stands beside others", ""),
    ("1. 192.0.2.1\n2. 192.0.2.9", "'1.' is not an address", ""),
    # Masks
    ("10.0.0.0 255.0.255.0", "the mask 255.0.255.0 is neither a netmask nor a wildcard mask", ""),
    ("10.0.0.0/255.0.255.0", "the mask 255.0.255.0 is neither a netmask nor a wildcard mask", ""),
    ("10.0.0.0 0.255.0.255", "the mask 0.255.0.255 is neither", ""),
    ("10.0.0.0 0.0.0.0", "is /0 as a netmask and /32 as a wildcard mask", ""),
    ("0.0.0.0 255.255.255.255", NO_HOST, ""),
    ("0.0.0.0/224.0.0.0", "the mask 224.0.0.0 is shorter than /4", ""),
    ("10.0.0.0/192.0.2.1", "the mask 192.0.2.1 is neither", ""),
    ("192.0.2.0/255.255.255.256", "octet 256 is larger than 255", ""),
    ("10.0.0.0 224.0.0.0", TWO, "'10.0.0.0, 224.0.0.0' for two addresses"),
    ("10.0.0.0 192.0.0.0", TWO, "'10.0.0.0, 192.0.0.0' for two addresses"),
    ("16.0.0.0 15.255.255.255", TWO, "'16.0.0.0, 15.255.255.255' for two addresses"),
    ("80.81.129.5 255.255.240.0", "host bits are set", "the network is 80.81.128.0/20"),
    ("80.81.128.0\n255.255.240.0", NO_HOST, "'/20' behind the address"),
    ("80.81.128.0, 255.255.240.0", NO_HOST, "'/20' behind the address"),
    ("80.81.128.0, 0.0.15.255", NO_HOST, "'/20' behind the address"),
    ("192.0.2.0/24 255.255.255.0", NO_HOST, "'/24' behind the address"),
    ("192.0.2.0-192.0.2.9 255.255.255.0", NO_HOST, "'/24' behind the address"),
    ("255.255.255.0 192.0.2.0", NO_HOST, "'/24' behind the address"),
    ("a.example.com 255.255.255.0", NO_HOST, "'/24' behind the address"),
    ("192.0.2.0 – 255.255.255.0", NO_HOST, ""),
    ("192.0.2.0 198.51.100.0 255.255.255.0", TWO, "may belong to"),
    ("2001:db8:: ffff:ffff::", "looks like a netmask", "write the prefix with its length"),
    ("0.0.0.0", NO_HOST, "in 0.0.0.0/8"),
    ("0.1.2.3/32", NO_HOST, "in 0.0.0.0/8"),
    ("0.0.0.0/8", NO_HOST, "any address is 0.0.0.0/0"),
    ("0.0.0.0/4", NO_HOST, "any address is 0.0.0.0/0"),
    ("240.0.0.0/4", NO_HOST, "any address is 0.0.0.0/0"),
    ("0.0.0.1-255.255.255.254", NO_HOST, "any address is 0.0.0.0/0"),
    ("240.0.0.0/24", NO_HOST, "from 240.0.0.0 up"),
    ("250.1.2.3", NO_HOST, "from 240.0.0.0 up"),
    ("255.255.255.255", NO_HOST, "from 240.0.0.0 up"),
    ("239.255.255.255-240.0.0.0", NO_HOST, "from 240.0.0.0 up"),
    ("192.0.2.0\n/24", "a name has no path and no prefix length", ""),
    ("192.0.2.1 / 192.0.2.2", "the mask 192.0.2.2 is neither", ""),
    # Addresses that are none
    ("192.0.2.x", OPEN, "'192.0.2.0/24' for all of these addresses"),
    ("192.0.2.X", OPEN, "'192.0.2.0/24' for all of these addresses"),
    ("192.0.2.xxx", OPEN, "'192.0.2.0/24'"),
    ("192.0.2.*", OPEN, "'192.0.2.0/24'"),
    ("192.0.2.n", OPEN, "'192.0.2.0/24'"),
    ("192.0.2.x/24", OPEN, "'192.0.2.0/24'"),
    ("192.0.2.x/26", OPEN, "write the address, its prefix or its range"),
    ("172.16-31.x.x", OPEN, "write the address, its prefix or its range"),
    ("192.0.2-3.x", OPEN, "write the address, its prefix or its range"),
    ("192.0.2.1xx", OPEN, "write the address, its prefix or its range"),
    ("192.0.aa.bb", OPEN, "write the address, its prefix or its range"),
    ("aaa.bbb.ccc.ddd", OPEN, "write the address, its prefix or its range"),
    ("192.0.2.1sip.example.com", "it begins with an address", ""),
    ("media.eu-west-2, example.com", "'eu-west-2' is not one that names end in", ""),
    ("media.eu-west-2 192.0.2.1", "'eu-west-2' is not one that names end in", ""),
    ("node1.example.cloud-9", "'cloud-9' is not one that names end in", ""),
    ("a.b", "'b' is not one that names end in", ""),
    ("U.S., 192.0.2.1", "'s' is not one that names end in", ""),
    ("pbx.example.com1", "'com1' is not one that names end in", ""),
    ("\u212audoway.com", "(U+212A) stands for another letter or digit", "write that"),
    ("rtc.live kit.cloud", TWO, "'rtc.livekit.cloud' for one name, or 'rtc.live, kit.cloud' for two"),
    ("sip.tel\nnyx.com", TWO, "'sip.telnyx.com' for one name"),
    ("10.0.0.0\n224.0.0.0", TWO, "'10.0.0.0, 224.0.0.0' for two addresses"),
    ("8.0.0.0\n7.255.255.255", TWO, "write '8.0.0.0' with its prefix length"),
    ("::", "no other host has this address", "any address is ::/0"),
    ("2001:db8:: ::ffff", "no other host has this address", ""),
    ("2001:db8:: fffe::", "looks like a netmask", ""),
    ("fff0::", "looks like a netmask", ""),
    ("::fffe:ffff:ffff-::1:0:0:0", "it holds all of IPv4 written as IPv6", ""),
    ("http://192.0.2.x/", OPEN, "'192.0.2.0/24'"),
    ("192.0.x.x", OPEN, "'192.0.0.0/16'"),
    ("10.x.x.x", OPEN, "'10.0.0.0/8'"),
    ("x.x.x.x", OPEN, "like 192.0.2.0/24 or 192.0.2.1-192.0.2.9"),
    ("a.b.c.d", OPEN, ""),
    ("10.x", OPEN, ""),
    ("x.y", OPEN, ""),
    ("192.0.2.1a", OPEN, ""),
    ("192.0.2.1O", OPEN, ""),
    ("192.0.2.l", OPEN, ""),
    ("192.0.2.lO", OPEN, ""),
    ("192.0.2.any", OPEN, ""),
    ("192.0.2.0-x", OPEN, ""),
    ("192.0.2.x-192.0.2.y", OPEN, ""),
    ("192.0.2.1-192.0.2.x", OPEN, ""),
    ("192.0.2.a-192.0.2.f", OPEN, ""),
    ("*.0.2.x", OPEN, ""),
    ("192.0.2.1, 192.0.2.x", OPEN, ""),
    ("192.0.2", "'192.0.2' is not an IPv4 address", ""),
    ("192.0.2.1.5", "'192.0.2.1.5' is not an IPv4 address", ""),
    ("192.O.2.1", "is not an IPv4 address", ""),
    ("192.0.2.[1-9]", "stands in brackets", ""),
    ("pbx.example.3com", "its last label '3com' begins with a digit", ""),
    ("example.1a", "its last label '1a' begins with a digit", ""),
    # Ranges of names
    ("sip1.example.com-sip4.example.com", TWO, "write 'sip1.example.com, sip4.example.com' for the two"),
    ("SIP1.example.com-sip4.Example.com", TWO, "write 'sip1.example.com, sip4.example.com' for the two"),
    ("sip1.a.example.com-sip4.b.example.com", TWO, "each host of a range by itself"),
    ("a.one.co.uk-b.one.co.uk", TWO, "each host of a range by itself"),
    ("example.com-example.com", TWO, "write 'example.com, example.com'"),
    ("*.a.example.com-b.example.com", TWO, "write '*.a.example.com, b.example.com'"),
    ("https://a.example.com-b.example.com", TWO, "write 'a.example.com, b.example.com'"),
    ("a-1.example.com-a-9.example.com", TWO, "write 'a-1.example.com, a-9.example.com'"),
    ("192.0.2.1-sip.example.com", TWO, "write '192.0.2.1, sip.example.com'"),
    ("192.0.2.x-sip.example.com", TWO, ""),
    ("sip1.example.com-sip4", TWO, "each host of a range by itself"),
    ("sip1.example.com-04", TWO, "each host of a range by itself"),
    ("sip1.example.de-sip4", TWO, "each host of a range by itself"),
    ("sip1.example.com–sip4.example.com", "names have no ranges: write each by itself", ""),
    ("sip01.example.com – sip04.example.com", "names have no ranges: write each by itself", ""),
    ("sip1.example.com..sip4.example.com", "a label between the dots is empty", ""),
    ("sip1.example.com to sip4.example.com", "'to' is not a name", ""),
    # Numbers of lines that stick to names
    ("1.sip.vendor.com\n2.rtp.vendor.com", TWO, "write 'sip.vendor.com, rtp.vendor.com' if they do"),
    (
        "1.sip.vendor.com, 2.rtp.vendor.com, 4.api.vendor.com",
        TWO,
        "write 'sip.vendor.com, rtp.vendor.com, api.vendor.com'",
    ),
    ("1-sip.vendor.com; 2-rtp.vendor.com", TWO, "write 'sip.vendor.com, rtp.vendor.com' if they do"),
    ("1.sip.vendor.com\n192.0.2.1\n2.rtp.vendor.com", TWO, "write 'sip.vendor.com, 192.0.2.1, rtp.vendor.com'"),
    # Broken names
    ("api.info bip.com", TWO, "write 'api.infobip.com' for one name, or 'api.info, bip.com' for two"),
    ("rtc.int ercom.io", TWO, "write 'rtc.intercom.io' for one name, or 'rtc.int, ercom.io' for two"),
    ("media.corp\norate.com", TWO, "write 'media.corporate.com' for one name"),
    ("sip.test rail.com", TWO, "write 'sip.testrail.com' for one name"),
    ("sip.example corp.com", TWO, "write 'sip.examplecorp.com' for one name"),
    ("api.local iq.com", TWO, "write 'api.localiq.com' for one name"),
    ("api.lan guage.com", TWO, "write 'api.language.com' for one name"),
    ("api.biz zabo.com", TWO, "write 'api.bizzabo.com' for one name"),
    ("api.mil lion.com", TWO, "write 'api.million.com' for one name"),
    ("sip.tel nyx.com foo.tel", TWO, "write 'sip.telnyx.com' for one name, or 'sip.tel, nyx.com' for two"),
    ("foo.tel sip.tel nyx.com bar.tel", TWO, "write 'foo.telsip.tel' for one name"),
    # One length or mask behind several addresses
    *(
        (cell, TWO, "write each prefix with its length, like 192.0.2.0/24")
        for cell in (
            *("192.0.2.0 198.51.100.0 /24", "192.0.2.0\n198.51.100.0 /24", "192.0.2.0, 198.51.100.0 /24"),
            *("203.0.113.0 192.0.2.0 198.51.100.0 / 24", "192.0.2.0, 198.51.100.0/ 24", "192.0.2.0; 198.51.100.0 /24"),
            *("2001:db8:1:: 2001:db8:2:: /48", "2001:db8:1::, 2001:db8:2:: / 48", "2001:db8:1::\n2001:db8:2:: /48"),
            *("192.0.2.0, 198.51.100.0 255.255.255.0", "192.0.2.0; 198.51.100.0 255.255.255.0"),
            *("192.0.2.0\n198.51.100.0 255.255.255.0", "192.0.2.0, 198.51.100.0 0.0.0.255"),
            *("192.0.2.0, 198.51.100.0 (255.255.255.0)", "192.0.2.0, 198.51.100.0 mask 255.255.255.0"),
            *("192.0.2.0\t198.51.100.0\t255.255.255.0", "192.0.2.0, 198.51.100.0 / 255.255.255.0"),
            "203.0.113.0/24, 192.0.2.0, 198.51.100.0 /24",
        )
    ),
    # A length that a space broke, or printed without its slash
    ("52.112.0.0/1 4", "has a number alone, '4'", "write '52.112.0.0/14' if it does"),
    ("52.112.0.0/1\n4", "has a number alone, '4'", "write '52.112.0.0/14' if it does"),
    ("192.0.2.0 24", "has a number alone, '24'", "write '192.0.2.0/24' if it does"),
    ("192.0.2.1 24", "has a number alone, '24'", "write the prefix like 192.0.2.0/24"),
    ("52.112.0.0/1", "host bits are set", "write the length that is meant, or the single address without '/1'"),
    # Last labels that are none
    ("rtc.livekit.cloud1", "'cloud1' is not one that names end in", ""),
    ("turn.example.app2", "'app2' is not one that names end in", ""),
    ("api.v2", "'v2' is not one that names end in", ""),
    ("pbx.example.localhost1", "'localhost1' is not one that names end in", ""),
    *(
        (f"prefixes.{end}", f"'{end}' is not one that names end in", "")
        for end in ["json", "pdf", "html", "htm", "php", "txt", "csv", "xml", "xls", "xlsx", "doc", "docx"]
    ),
    ("https://example.com/list.json", "is a URL with a path", "write 'example.com'"),
    # Placeholders
    ("turn.REGION.example.com", "'REGION' can be a placeholder", "write 'turn.region.example.com' if it is the name"),
    ("https://TENANT.example.com", "'TENANT' can be a placeholder", "write 'tenant.example.com' if it is the name"),
    ("*.YOUR-ID.example.com", "'YOUR' can be a placeholder", "write '*.your-id.example.com' if it is the name"),
    ("sipXX.example.com", "'sipXX' can be a placeholder", "write 'sipxx.example.com' if it is the name"),
    ("sipX.example.com", "'sipX' can be a placeholder", "write 'sipx.example.com' if it is the name"),
    ("sipN.example.com", "'sipN' can be a placeholder", "write 'sipn.example.com' if it is the name"),
    ("sip-0X.example.com", "'0X' can be a placeholder", "write 'sip-0x.example.com' if it is the name"),
    ("X.example.com", "'X' can be a placeholder", "write 'x.example.com' if it is the name"),
    ("a.example.com, sipN.example.com", "'sipN' can be a placeholder", "write 'sipn.example.com' if it is the name"),
    # IPv6 that no host has, or that is none
    *(
        (cell, "no host has an address in ::/64", "any address is ::/0")
        for cell in (
            *("::192.0.2.1", "::/96", "::/80", "::/64", "::fffe:0:0/95", "::2", "::/127", "::1.0.0.1", "::/16", "::/4"),
            *("::5-::9", "::5 – 2001:db8::1", "::ffff:ffff:0:0/96", "0:0:0:0:1::"),
        )
    ),
    ("00:11:22:33:44:55:66:77", "network card (EUI-64)", "write '0000:0011:0022:0033:0044:0055:0066:0077'"),
    ("AA:BB:CC:DD:EE:FF:00:11", "network card (EUI-64)", "write '00aa:00bb:00cc:00dd:00ee:00ff:0000:0011'"),
    ("20:01:0d:b8:00:00:00:01/64", "network card (EUI-64)", "write '0020:0001:000d:00b8:0000:0000:0000:0001'"),
    # Advice
    ("https://192.0.2.0/24", "is a URL with a path or a prefix length", "write '192.0.2.0/24' if the prefix is meant"),
    (
        "https://192.0.2.0/255.255.255.0",
        "is a URL with a path or a prefix length",
        "write '192.0.2.0/255.255.255.0' if",
    ),
    ("https://192.0.2.1/24", "is a URL with a path or a prefix length", "write the address alone if it is meant"),
    ("0.x.x.x", OPEN, "write the address, its prefix or its range"),
    ("240.0.0.x", OPEN, "write the address, its prefix or its range"),
    ("255.0.0.0 128.0.0.0", NO_HOST, ""),
    ("https://192.0.2.1/room", "is a URL with a path", "write '192.0.2.1'"),
    ("https://2001:db8::1", "would stand in brackets", "write the address alone"),
    ("https://2001:db8::1:443", "would stand in brackets", "write the address alone"),
    ("https://[2001:db8::1]", "is a URL with brackets", "write the IPv6 address alone"),
    ("https://https://a.com", "is a URL with a path", "write the name or the address alone"),
    ("https://a.example.com:443", "is a URL with a port", "write 'a.example.com', and the port in the ports cell"),
    ("..example.com", "a label between the dots is empty", "accepted are names like"),
    (":443", "has a port", "write a name or an address here, and ports in the ports cell"),
    ("12:30", "has a port", "write a name or an address here, and ports in the ports cell"),
    ("192.0.2.1′", "'′' (U+2032) is no letter of a name", "remove it"),
    ("a.example.com♦", "'♦' (U+2666) is no letter of a name", "remove it"),
    ("•", "'•' (U+2022) is no letter of a name", "remove it"),
    ("• 192.0.2.1", "'•' (U+2022) is no letter of a name", "remove it"),
    ("127.1", "'127.1' is not an IPv4 address", "an address is four numbers from 0 to 255, like 192.0.2.1"),
    ("192.0.2.256", "octet 256 is larger than 255", "an octet is a number from 0 to 255"),
    ("192.0.2.1-9", "is not a range of whole addresses", "write '192.0.2.1-192.0.2.9' if that is meant"),
    ("192.0.2.1 – 9", "is not a range of whole addresses", "write '192.0.2.1-192.0.2.9' if that is meant"),
    ("192.0.2.9-4", "is not a range of whole addresses", "an address is four numbers"),
    ("N/A", "a name has no path and no prefix length", "accepted are names like live.example.com"),
    ("any/any", "a name has no path and no prefix length", "accepted are names like live.example.com"),
    ("::ffff:0:0/96", "is IPv4 written as IPv6", "write the IPv4 address or prefix"),
    ("a.example.com\n- b.example.com", TWO, "write 'a.example.com, b.example.com'"),
    # As printed
    ("192.0.2.9 – 192.0.2.4", "destination '192.0.2.9 – 192.0.2.4' is not a range", ""),
    ("192.0.2.9—192.0.2.4", "destination '192.0.2.9—192.0.2.4' is not a range", ""),
    ("192.0.2.1, 192.0.2.9  -  192.0.2.4", "destination '192.0.2.9  -  192.0.2.4' is not a range", ""),
    ("192.0.2.4 –", "destination '192.0.2.4 –' is not a range", ""),
    ("– 192.0.2.4", "destination '– 192.0.2.4' is not a range", ""),
]

PORTS = [
    ("- 80\n- 443", ["80", "443"]),
    ("* 80\n* 443", ["80", "443"]),
    ("• 80\n• 443", ["80", "443"]),
    ("– 80 – 90\n– 443", ["80-90", "443"]),
    ("Ports:\n- 80\n- 443", ["80", "443"]),
    ("1-1023\n5000-6000", ["1-1023", "5000-6000"]),
    ("1\n2\n3", ["1", "2", "3"]),
    ("8\t443", ["8", "443"]),
    ("5349/443", ["5349", "443"]),
    ("8443/443", ["8443", "443"]),
    ("443/5349", ["443", "5349"]),
    ("443/80", ["443", "80"]),
    ("5061/60", ["5061", "60"]),
    ("80/81", ["80", "81"]),
    ("50000/21", ["50000", "21"]),
    ("65535/6", ["65535", "6"]),
    ("10,000/10,005", ["10000", "10005"]),
    ("5060, 61", ["5060", "61"]),
    ("5060,61", ["5060", "61"]),
    ("5060; 61", ["5060", "61"]),
    ("5060 61", ["5060", "61"]),
    ("80, 443, and 44", ["80", "443", "44"]),
    # Lines, and ranges, that nobody numbered
    ("1 – 80", ["1-80"]),
    ("80, 443\n8080, 8443", ["80", "443", "8080", "8443"]),
    ("10,000\n20,000", ["10000", "20000"]),
    ("10000-20000, 15000-30000", ["10000-20000", "15000-30000"]),
    ("1-1023, 1-1023", ["1-1023"]),
    ("1-80, 81-443", ["1-80", "81-443"]),
    ("1-80, 53", ["1-80", "53"]),
    ("- 1, 80\n- 443", ["1", "80", "443"]),
    # Numbers that no space broke
    ("1024-6553, 5", ["1024-6553", "5"]),
    ("6000-6010 53", ["6000-6010", "53"]),
    ("6000-6010\n443", ["6000-6010", "443"]),
    ("- 1024-6553\n- 5", ["1024-6553", "5"]),
    ("34\n78", ["34", "78"]),
    ("34\t78", ["34", "78"]),
    ("34, 78", ["34", "78"]),
    ("80 8443", ["80", "8443"]),
    ("443 444", ["443", "444"]),
    ("5222/69", ["5222", "69"]),
    ("8801:8810", ["8801-8810"]),
]

REFUSED_PORTS = [
    *((f"80{gap}443", "two ways", "write '80, 443' or '80 - 443'") for gap in ("\n- ", "\n– ", "\n-", "\n — ", " -\n")),
    ("80\r\n- 443", "two ways", "write '80, 443' or '80 - 443'"),
    ("80,\n- 443", "two ways", "write '80, 443' or '80 - 443'"),
    ("80\n-\n443", "two ways", "write it on one line"),
    ("-80\n-443", "two ways", "write '80, 443' or '80 - 443'"),
    ("- 80\n– 443", "two ways", "write '80, 443'"),
    ("Port: 80\n- 443", "two ways", "write '80, 443'"),
    ("80\u2028- 443", "invisible character (U+2028)", ""),
    ("80\x0b- 443", "control character (U+000B)", ""),
    ("80\x85- 443", "control character (U+0085)", ""),
    ("80\r- 443", "control character (U+000D)", ""),
    ("- 80\n443", "a port is missing before", ""),
    ("- 80", "a port is missing before", ""),
    ("80\n:443", "a port is missing before", ""),
    ("80:\n443", "two ways", "before a colon and a space stands a label"),
    ("1: 80", "two ways", "before a colon and a space stands a label"),
    ("1: 80\n2: 443", "two ways", "its lines seem to be numbered"),
    ("1 - 80\n2 - 443", "two ways", "its lines seem to be numbered"),
    ("5 - 80\n6 - 443", "two ways", "its lines seem to be numbered"),
    ("10 – 80\n11 – 443\n12 – 5060", "two ways", "its lines seem to be numbered"),
    ("3:80\n4:443", "two ways", "its lines seem to be numbered"),
    ("1 80\n2 81", "two ways", "its lines seem to be numbered"),
    ("1. 80\n2. 443", "two ways", "its lines seem to be numbered"),
    ("5060/61", "more than one way", "write '5060, 61' or '5060-5061'"),
    ("5060 / 61", "more than one way", "write '5060, 61' or '5060-5061'"),
    ("5060/\n61", "more than one way", "write '5060, 61' or '5060-5061'"),
    ("5060 & 61", "more than one way", "write '5060, 61' or '5060-5061'"),
    ("5060 and 61", "more than one way", "write '5060, 61' or '5060-5061'"),
    ("3478/79", "more than one way", "write '3478, 79' or '3478-3479'"),
    ("5004/5", "more than one way", "write '5004, 5' or '5004-5005'"),
    ("10000/1", "more than one way", "write '10000, 1' or '10000-10001'"),
    ("10,000/1", "more than one way", "write '10000, 1' or '10000-10001'"),
    ("50000/20", "more than one way", "write '50000, 20' or '50000, 50020' or '50000-50020'"),
    ("8080/90", "more than one way", "write '8080, 90' or '8080, 8090' or '8080-8090'"),
    ("5060/61/62", "more than one way", "write '5060, 61, 62' or '5060, 5061, 5062'"),
    ("443, 5060/61", "more than one way", "write '443, 5060, 61' or '443, 5060, 5061'"),
    ("5060-5061/62", "more than one way", "write '5060-5061, 62' or '5060-5061, 5062'"),
    ("5060/61-65", "more than one way", "write '5060, 61-65' or '5060, 5061-5065'"),
    ("5060-61", "5060 is larger than 61", "write '5060-5061' or '5060, 61'"),
    ("3478–79", "3478 is larger than 79", "write '3478-3479' or '3478, 79'"),
    ("443-", "a port is missing at the end", ""),
    ("-443", "a port is missing before", ""),
    ("443.5", "'.5' is not understood", ""),
    ("44O", "'O' is not understood", ""),
    # Numbers of lines
    ("1 – 80\n3 – 443", "two ways", "write '80, 443' or '1-443'"),
    ("10 – 80\n20 – 443", "two ways", "write '80, 443' or '10-443'"),
    ("1 - 443, 2 - 8443", "two ways", "write '443, 8443' or '1-8443'"),
    ("1 – 80\n443\n2 – 8080", "two ways", "write '80, 443, 8080' or '1-8080'"),
    ("2 – 80\n1 – 443", "two ways", "write '80, 443' or '1-443'"),
    ("1:80, 3:443", "two ways", "write '80, 443' or '1-443'"),
    ("1-1023; 1000-2000", "two ways", "write '1023, 2000' or '1-2000'"),
    ("10000-20000, 1-443, 300-15000", "two ways", "write '20000, 443, 15000' or '1-20000'"),
    ("1, 80\n2, 443", "two ways", "its lines seem to be numbered"),
    ("1;80\n2;443", "two ways", "its lines seem to be numbered"),
    ("1,80\n3,443", "more than one way", "write '1, 80, 3, 443' or '1, 80, 3443'"),
    ("10, 80\n20, 443\n30, 5060", "two ways", "its lines seem to be numbered"),
    ("1, 80\n443\n2, 8080", "two ways", "its lines seem to be numbered"),
    ("1\t80\n3\t443", "two ways", "its lines seem to be numbered"),
    ("1 / 8443\n3 / 5060", "two ways", "its lines seem to be numbered"),
    ("1 & 8443\n3 and 5060", "two ways", "its lines seem to be numbered"),
    ("1, 80; 3, 443", "two ways", "its lines seem to be numbered"),
    ("- 1, 80\n- 2, 443", "two ways", "its lines seem to be numbered"),
    # Numbers that a space or a line break may have broken
    ("1024-6553\n5", "more than one way", "write '1024-6553, 5' or '1024-65535'"),
    ("1024-6553 5", "more than one way", "write '1024-6553, 5' or '1024-65535'"),
    ("1024 – 6553\r\n5, 443", "more than one way", "write '1024-6553, 5, 443' or '1024-65535, 443'"),
    ("1-655\n35", "more than one way", "write '1-655, 35' or '1-65535'"),
    ("10,000-6,553 5", "10000 is larger than 6", "write no comma or gap inside a port"),
    ("443\n5060-61", "5060 is larger than 61", "write '5060-5061' or '5060, 61'"),
    ("49152-6553\n5", "49152 is larger than 6553", "write no comma or gap inside a port"),
    ("3478-34\n79", "3478 is larger than 34", "write no comma or gap inside a port"),
    ("1024-6553  5", "more than one way", "write '1024-6553, 5' or '1024-65535'"),
    ("1024-6553\t5", "more than one way", "write '1024-6553, 5' or '1024-65535'"),
    ("80 4 43", "more than one way", "write '80, 4, 43' or '804, 43' or '80, 443'"),
    ("80\n44 3", "more than one way", "write '80, 44, 3' or '8044, 3' or '80, 443'"),
    ("10\n24-65535", "more than one way", "write '10, 24-65535' or '1024-65535'"),
    ("10 24-65535", "more than one way", "write '10, 24-65535' or '1024-65535'"),
    ("34 78", "more than one way", "write '34, 78' or '3478'"),
    ("34\u00a078", "more than one way", "write '34, 78' or '3478'"),
    ("4 43", "more than one way", "write '4, 43' or '443'"),
    ("44 3", "more than one way", "write '44, 3' or '443'"),
    ("50 60", "more than one way", "write '50, 60' or '5060'"),
    ("4 4 3", "more than one way", "write '4, 3' or '44, 3' or '4, 43' or '443'"),
    ("8443, 50 60", "more than one way", "write '8443, 50, 60' or '8443, 5060'"),
    ("80, 44\n3, 8443", "more than one way", "write '80, 44, 3, 8443' or '80, 443, 8443'"),
    # A colon with a space
    ("443 : 8443", "two ways", "before a colon and a space stands a label"),
    ("1 : 80", "two ways", "before a colon and a space stands a label"),
    ("443 :8443", "two ways", "before a colon and a space stands a label"),
    ("443: 8443", "two ways", "before a colon and a space stands a label"),
    # Advice
    ("8801 / 02", "port 02 has a leading zero, which no port has", "write the whole port"),
    ("6000/01", "port 01 has a leading zero, which no port has", "write the whole port"),
    ("5060/080", "port 080 has a leading zero, which no port has", "write the whole port"),
    ("20, 021", "port 021 has a leading zero, which no port has", "write the whole port"),
    ("1\t024", "port 024 has a leading zero, which no port has", "write the whole port"),
    ("65535 - 8061", "65535 is larger than 8061", "write the lower port first"),
    ("8443\n- 4430", "two ways", "write '8443, 4430'"),
    ("80\nO", "'O' is not understood", ""),
    ("0x50", "'x50' is not understood", ""),
    ("٤٤٣", "is not understood", ""),
]

ROW = {"vendor": "kudo", "service": "media", "row": 12, "destination": "192.0.2.0/24", "ports": "443"}


@pytest.mark.parametrize(("cell", "expected"), DESTINATIONS)
def test_a_destination_with_one_reading_is_read(cell: str, expected: list[str]) -> None:
    assert expand_ranges(cell) == expected
    assert sorted(expand_ranges(cell, collapse=True)) == sorted(expand_ranges(expected, collapse=True))


@pytest.mark.parametrize(("cell", "expected"), PORTS)
def test_ports_with_one_reading_are_read(cell: str, expected: list[str]) -> None:
    assert expand_ports(cell) == expected


@pytest.mark.parametrize(
    ("column", "cell", "reason", "way"),
    [
        *(("destination", *refused) for refused in REFUSED_DESTINATIONS),
        *(("ports", *refused) for refused in REFUSED_PORTS),
    ],
)
def test_a_cell_with_two_readings_is_refused_with_both(column: str, cell: str, reason: str, way: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        expand_rows([ROW, {**ROW, column: cell, "wide_because": "for the test"}])
    message = str(caught.value)
    assert message.startswith(f"kudo: media: row 12: {column} ")
    assert repr(cell) in message
    assert way in message
    expand = {"destination": expand_ranges, "ports": expand_ports}[column]
    for advised in re.findall(r"(?:write|or) '([^']+)'", message):
        assert expand(advised), advised


def _advice(cases: list[tuple[str, str, str]], known: str) -> list[Any]:
    """Return each way to write that an error must offer, and that must therefore be read."""
    ways = [way for _cell, _reason, text in cases for way in re.findall(r"'([^']+)'", text)]
    return [pytest.param(way, id=way) for way in dict.fromkeys(ways) if re.search(known, way)]


@pytest.mark.parametrize("way", _advice(REFUSED_DESTINATIONS, r"\w\.\w"))
def test_what_is_advised_for_a_destination_is_read(way: str) -> None:
    assert expand_ranges(way)


@pytest.mark.parametrize("way", _advice(REFUSED_PORTS, r"\d"))
def test_what_is_advised_for_ports_is_read(way: str) -> None:
    assert expand_ports(way)


def test_the_broadcast_address_is_for_allow_only() -> None:
    row = {"destination": "255.255.255.255", "ports": "67", "protocol": "UDP"}
    assert [rule["destination"] for rule in allow_rules([row], "nftables_egress_allow")] == ["255.255.255.255/32"]
    for destination in ("255.255.255.254", "255.255.255.254/31", "255.255.255.0", "0.0.0.0"):
        with pytest.raises(
            ValueError, match=re.escape(f"nftables_egress_allow: baseline: row 1: destination '{destination}'")
        ):
            allow_rules([{**row, "destination": destination}], "nftables_egress_allow")
    with pytest.raises(ValueError, match=NO_HOST):
        expand_rows([{**ROW, "destination": "255.255.255.255"}])


@pytest.mark.parametrize("cell", ["TCP (DTLS)", "TLS (DTLS)", "UDP, TLS (TURN/DTLS)"])
def test_dtls_is_not_over_tcp(cell: str) -> None:
    with pytest.raises(ValueError, match="DTLS travels over UDP, and the protocol is TCP"):
        expand_protocols(cell)


def test_dtls_is_over_udp() -> None:
    assert expand_protocols("UDP (DTLS)") == ["udp"]


@given(
    st.integers(4, 32),
    st.integers(1 << 24, (240 << 24) - 1),
    st.sampled_from(["{} {}", "{}/{}", "{} / {}", "{} ({})", "{} mask {}"]),
    st.booleans(),
)
def test_an_address_and_its_mask_are_the_prefix(length: int, address: int, form: str, wildcard: bool) -> None:
    network = ipaddress.IPv4Network((address, length), strict=False)
    assume(network.network_address >= ipaddress.IPv4Address("1.0.0.0"))
    mask = network.hostmask if wildcard else network.netmask
    cell = form.format(network.network_address, mask)
    if wildcard and (length == 32 or (length < 8 and "/" not in form)):
        with pytest.raises(ValueError, match="destination "):
            expand_ranges(cell)
    else:
        assert expand_ranges(cell) == [str(network)]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**24 - 1) | st.integers(1, 24).map(lambda ones: 2**24 - (1 << 24 - ones)),
    st.sampled_from([" ", "\n", ", ", "/", " mask ", "\n- "]),
)
def test_no_mask_is_a_host(address: int, rest: int, gap: str) -> None:
    """What begins with 255 belongs to the address before it, or is refused."""
    mask = ipaddress.IPv4Address(255 << 24 | rest)
    try:
        found = expand_ranges(f"{ipaddress.IPv4Address(address)}{gap}{mask}")
    except ValueError as exc:
        assert str(exc).startswith("destination ")  # noqa: PT017
        return
    assert found == [str(ipaddress.IPv4Network(f"{ipaddress.IPv4Address(address)}/{mask}"))]


@example("1\n/\n1")
@given(st.text(alphabet="0123456789 -–\n,/", max_size=16))
def test_no_range_of_ports_is_read_across_a_line_break(cell: str) -> None:
    try:
        found = expand_ports(cell)
    except ValueError:
        return
    lines = [line for line in cell.replace("–", "-").split("\n") if line.strip(" ,/")]
    apart = [text for line in lines for text in expand_ports(re.sub(r"\A *- +|[ ,/]+\Z|\A[ ,/]+", "", line))]
    assert found == list(dict.fromkeys(apart))


@given(st.integers(1, 65535), st.integers(1, 65535), st.sampled_from(["/", " / ", " & ", " and "]))
def test_shorthand_is_refused_up_to_twenty_above(first: int, second: int, joint: str) -> None:
    full = int(str(first)[: -len(str(second))] + str(second)) if len(str(second)) < len(str(first)) else 0
    if first < full <= min(first + 20, 65535):
        with pytest.raises(ValueError, match="more than one way") as caught:
            expand_ports(f"{first}{joint}{second}")
        assert f"'{first}, {second}'" in str(caught.value)
        assert f"-{full}'" in str(caught.value)
    else:
        assert expand_ports(f"{first}{joint}{second}") == list(dict.fromkeys([str(first), str(second)]))


@pytest.mark.parametrize(
    ("protocol", "ports", "reason"),
    [
        ("TCP", "3478 (DTLS)", "DTLS travels over UDP, and the protocol is TCP"),
        ("", "3478 (DTLS)", "DTLS travels over UDP, and the protocol is TCP"),
        ("", "50000-60000 (SRTP)", "SRTP may be on UDP or TCP, and the row says neither: write UDP"),
        (None, "50000-60000 (RTP)", "RTP may be on UDP or TCP, and the row says neither: write UDP"),
        *(
            ("", f"{port} ({remark})", f"'({remark})' may be on UDP or TCP, and the row says neither: write TCP or UDP")
            for port, remark in (
                *(("49152-65535", "TURN allocated"), ("49152-65535", "allocated"), ("3478", "STUN"), ("3478", "TURN")),
                *(("10000-20000", "media"), ("443", "ICE"), ("443", "WebRTC"), ("5060", "SIP"), ("3478", "STUN/TURN")),
            )
        ),
        ("UDP", "443 (TLS)", "TLS travels over TCP, and the protocol is UDP"),
        ("UDP", "443 (turn https)", "HTTPS travels over TCP, and the protocol is UDP"),
        ("UDP (WSS)", "443", "WSS travels over TCP, and the protocol is UDP"),
        ("UDP (XMPP)", "443", "XMPP travels over TCP, and the protocol is UDP"),
    ],
)
def test_a_remark_that_does_not_fit_the_protocol_is_refused(protocol: str | None, ports: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^kudo: media: row 12: p.*{re.escape(reason)}"):
        expand_rows([{**ROW, "protocol": protocol, "ports": ports}])


@pytest.mark.parametrize(
    ("protocol", "ports", "wanted"),
    [
        ("TCP", "443 (TLS)", {"tcp"}),
        ("", "443 (HTTPS)", {"tcp"}),
        ("UDP", "3478 (DTLS)", {"udp"}),
        ("TCP, UDP", "3478 (TURN)", {"tcp", "udp"}),
        ("", "443 (TURN TLS)", {"tcp"}),
        ("", "5061 (SIP/TLS)", {"tcp"}),
        ("", "443 (secure)", {"tcp"}),
        ("TCP", "50000-60000 (SRTP)", {"tcp"}),
        ("UDP", "50000-60000 (SRTP)", {"udp"}),
        ("TCP (TURN TLS)", "443 (TURN)", {"tcp"}),
        ("TCP/UDP", "443 (TLS)", {"tcp", "udp"}),
        ("TCP/UDP", "3478 (DTLS)", {"tcp", "udp"}),
    ],
)
def test_a_remark_that_fits_the_protocol_is_read(protocol: str, ports: str, wanted: set[str]) -> None:
    assert {rule["protocol"] for rule in expand_rows([{**ROW, "protocol": protocol, "ports": ports}])} == wanted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"destination": []}, "destination is an empty list"),
        ({"source_ip": []}, "source_ip [] is empty"),
        ({"source_ip": 0}, "source_ip 0: 0 is neither text nor a list of texts"),
        ({"source_port": False}, "source_port: ports 'False': this is neither a number nor text"),
    ],
)
def test_what_is_empty_in_another_way_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^kudo: media: row 12: {re.escape(reason)}"):
        expand_rows([{**ROW, **change}])


@pytest.mark.parametrize(
    ("ports", "reason"),
    [("443 " * 3000, "the cell has 12000 characters"), ("9" * 5000, "is larger than 65535"), (10**5000, "no port")],
    ids=("long", "many digits", "number"),
)
def test_a_very_long_cell_is_refused_in_few_words(ports: str | int, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^kudo: media: row 12: ports") as caught:
        expand_rows([{**ROW, "ports": ports}])
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        ("1.2.3." + "4" * 5000, "an octet is a number from 0 to 255"),
        ("1.2.3." + "0" * 5000, "has a leading zero"),
        ("192.0.2.0/" + "2" * 5000, "is not a number from 0 to 32"),
        ("9" * 5000, "is not an IPv4 address"),
        ("192.0.2.1:" + "4" * 5000, "has a port"),
        ("a" * 5000 + ".example.com", "has 5012 characters"),
        ("." * 50_000, "more than 253"),
        ("h" * 5000 + "://a.example.com", "has the scheme"),
        ("192.0.2.1-192.0.2.2" + "–" * 50_000, "is not a range"),
        (["192.0.2.1", ["192.0.2.2"] * 5000], "is not text"),
    ],
    ids=("octet", "zeros", "length", "number", "port", "label", "dots", "scheme", "dashes", "list"),
)
def test_a_very_long_destination_is_refused_in_few_words(destination: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^kudo: media: row 12: destination") as caught:
        expand_rows([{**ROW, "destination": destination}])
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("gap", [" ", "\t", "\n", " \n", "\u00a0"])
def test_a_run_of_spaces_is_read_in_time(gap: str) -> None:
    """A regular expression that begins with a space tries it at each of them: that would take minutes."""
    cell = f"192.0.2.1 - 192.0.2.2{gap * 200_000}a.example.com"
    assert expand_ranges(cell) == ["192.0.2.1/32", "192.0.2.2/32", "a.example.com"]


def test_a_row_without_a_name_says_what_is_known_of_it() -> None:
    with pytest.raises(ValueError, match=r"^kudo: row 12: service '  ' is not a name"):
        expand_rows([{**ROW, "service": "  "}])
    with pytest.raises(ValueError, match=r"^row 12: vendor None is not a name"):
        expand_rows([{**ROW, "vendor": None}])


def test_a_long_protocol_is_quoted_in_part() -> None:
    with pytest.raises(ValueError, match=r"^kudo: media: row 12: protocol 'x{57}\.\.\.'"):
        expand_rows([{**ROW, "protocol": "x" * 200}])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("direction", "inbound"),
        ("direction", "outbound"),
        ("own", True),
        ("vendor", "zoom"),
        ("service", "media"),
        ("row", 7),
        ("requirement", "recommended"),
        ("wide_because", "because"),
        ("special_because", "because"),
        ("port", "443"),
        (443, "443"),
    ],
)
def test_an_addition_has_no_other_columns(column: Any, value: Any) -> None:
    """A direction above all: what is added is let out."""
    rows = [{"destination": "192.0.2.1", "ports": "443"}, {"destination": "192.0.2.7", "ports": "443", column: value}]
    reason = rf"^nftables_egress_allow: row 2: unknown column '{column}'; known are destination, ports, protocol"
    with pytest.raises(ValueError, match=reason):
        allow_rules(rows, "nftables_egress_allow")
