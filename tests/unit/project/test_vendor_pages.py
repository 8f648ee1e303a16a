# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendor files of whole pages, written by the documentation alone: what they open is what was counted on the pages.

The figures were counted by hand on the pages, not taken from what the files open.
"""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_network
from typing import Any, NamedTuple

import pytest
from ansible_collections.egress.allowlist.plugins.filter.compile_allowlist import compile_allowlist
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.reader import read_file
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.schema import check_definition

from tests.support.repository import REPOSITORY

FILES = REPOSITORY / "tests" / "support" / "vendor_files"
ALL = ["required", "recommended", "optional"]


class Counted(NamedTuple):
    """What a service opens: the same C{services} to each of so many names, addresses of IPv4, and prefixes of IPv6."""

    services: str
    names: int = 0
    addresses: int = 0
    ipv6: int = 0


def definitions() -> dict[str, dict[str, Any]]:
    return {
        key.removeprefix("catalog_"): definition
        for path in sorted(FILES.glob("*.yml"))
        for key, definition in read_file(path).items()
    }


def compiled(vendor: str, requirements: list[str], **options: Any) -> dict[str, Any]:
    return compile_allowlist(
        definitions(), [{"name": vendor, **options}], requirements=requirements, any_address=True, today="2026-11-30"
    )


def opened(vendor: str, requirements: list[str], **options: Any) -> dict[str, set[Counted]]:
    """Return what is open by service: for each set of protocols and ports, to how many."""
    services: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry in compiled(vendor, requirements, **options)["allowlist"]["provenance"]:
        for destination in entry["destinations"]:
            key = (entry["service"], entry.get("direction", ""), destination)
            services[key].add(f"{entry['protocol']}/{entry['ports']}")
    there: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (service, direction, destination), texts in services.items():
        there[service, " ".join([direction, *sorted(texts)]).lstrip()].add(destination)
    found: dict[str, set[Counted]] = defaultdict(set)
    for (service, text), destinations in there.items():
        prefixes = [ip_network(destination) for destination in destinations if "/" in destination]
        addresses = sum(prefix.num_addresses for prefix in prefixes if prefix.version == 4)
        ipv6 = sum(prefix.version == 6 for prefix in prefixes)
        found[service].add(Counted(text, len(destinations) - len(prefixes), addresses, ipv6))
    return dict(found)


def ports(protocol: str, *texts: Any) -> str:
    return " ".join(f"{protocol}/{text}" for text in sorted(map(str, texts)))


VIDEO = ports("tcp", 80, 443, 3433, 3478, "4700-5000", 5668, 5669, 6080, 6443, 8667, 9667)
CONVERTER = ports("tcp", 80, 443, 3433, 3478, "4700-5000", 5668, 5669, 6080, 6443, 8667, 9667, "30011-30013")
MESSAGES = ports("tcp", 443, 9591, 9593, 27387)
STREAM = ports("tcp", 80, 3433, "4700-5000", 5668, 5669, 6080, 6443, 8667, 9667)
NATIVE = (
    f"{ports('tcp', 443, 7384, 8443, 9130, 9131, 9136, 9137, 9140, 9141)} "
    f"{ports('udp', 1080, 3000, 8000, 8130, 8443, 9120, 9121, 9700, 25000)}"
)
WEST = {"regions": "us-west-2", "instance": "blue", "bucket": "blue-files", "domains": "my_connect_aws"}
HOSTS = {"turn": "hosts", "cloudfront": "hosts"}
RELAYS = "tcp/443 udp/443 udp/49152-65535"
ANYWHERE = 2**32
CASES: list[tuple[str, list[str], dict[str, Any], dict[str, set[Counted]]]] = [
    ("agora", ALL, {"products": "all"}, {
        "video_web": {Counted(f"{VIDEO} udp/3478 udp/4700-5000", names=7)},
        "signalling_web_message": {Counted(MESSAGES, names=14)},
        "signalling_web_stream": {Counted(f"{STREAM} udp/3478 udp/4700-5000", names=4)},
        "signalling_native_message": {Counted(NATIVE, names=1)},
    }),
    ("agora", ALL, {"products": "video_web", "rtmp_converter": True, "video_web_versions": "before_2_9_0"}, {
        "video_web": {Counted(f"{CONVERTER} udp/10000-65535 udp/3478", names=7)},
    }),
    ("agora", ALL, {"products": "signalling_web_message", "signalling_1x": True}, {
        "signalling_web_message": {Counted(ports("tcp", 443, 9591, 9593, 9601, 27387), names=14)},
    }),
    # Eight lines of video bridges, of which one has three prefixes and one five; four relays in each of ten regions.
    ("jaas", ALL, {"regions": "all", "cloudflare": True, "webhooks": True, "webhook_ports": 8443}, {
        "core": {Counted("tcp/443", names=6)},
        "auxiliary": {Counted("tcp/443", names=12)},
        "analytics": {Counted("tcp/443", names=6)},
        "cloudflare_ipv4": {Counted("tcp/1-65535 udp/1-65535", addresses=5 * 2**10 + 3 * 2**12 + 2 * 2**14 + 2**15
                                    + 2**17 + 2 * 2**19 + 2**18)},
        "cloudflare_ipv6": {Counted("tcp/1-65535 udp/1-65535", ipv6=7)},
        "bridges": {Counted("udp/10000", addresses=128 + 7 * 256)},
        "turn": {Counted(RELAYS, addresses=40)},
        "webhooks": {Counted("inbound tcp/8443", addresses=3)},
    }),
    # Nobody without webhooks is asked for their ports, and Toronto has relays only.
    ("jaas", ["required"], {"regions": "toronto", "cloudflare": False}, {
        "core": {Counted("tcp/443", names=6)},
        "turn": {Counted(RELAYS, addresses=4)},
    }),
    # With the wildcards no name has the subdomain in it.
    ("livekit", ALL, {"static_ips": True}, {
        "corporate": {
            Counted("tcp/443", names=2), Counted("udp/3478", names=1),
            Counted("tcp/7881 udp/50000-60000", addresses=ANYWHERE, ipv6=1),
        },
        "static": {Counted("tcp/443 tcp/7881 udp/3478 udp/50000-60000", addresses=2**11 + 2**13)},
    }),
    ("livekit", ["required"], {"names": "hosts", "subdomain": "blue", "static_ips": True}, {
        "minimum": {Counted("tcp/443", names=45 + 43)},
        "static": {Counted("tcp/443", addresses=2**11 + 2**13)},
    }),
    # Only who has onboarded to it is asked about Global Resiliency.
    ("amazon_connect", ALL, WEST, {"domains": {Counted("tcp/443", names=7), Counted("udp/3478", names=1)}}),
    ("amazon_connect", ALL, {**WEST, **HOSTS, "without_saml": True, "scheduling": True}, {
        "domains": {Counted("tcp/443", names=6)},
        "cloudfront": {Counted("tcp/443", names=2)},
        "no_saml": {Counted("tcp/443", names=1)},
        "nlb": {Counted("udp/3478", names=3)},
        "scheduling": {Counted("tcp/443", names=2)},
    }),
    ("amazon_connect", ALL, {**WEST, "global_resiliency": True, "instance_id": "12-3", "source_region": "us-east-1"}, {
        "domains": {Counted("tcp/443", names=9), Counted("udp/3478", names=1)},
    }),
    # Twelve regions; the names of my.connect.aws and CloudFront are the same in all of them.
    ("amazon_connect", ALL, {**WEST, **HOSTS, "regions": "all", "without_saml": True}, {
        "domains": {Counted("tcp/443", names=5 * 12 + 1)},
        "cloudfront": {Counted("tcp/443", names=15)},
        "no_saml": {Counted("tcp/443", names=11)},
        "nlb": {Counted("udp/3478", names=15)},
    }),
]  # fmt: skip


def test_the_files_are_sound() -> None:
    found = definitions()
    assert list(found) == ["agora", "amazon_connect", "jaas", "livekit"]
    for vendor, definition in found.items():
        check_definition(vendor, definition)


@pytest.mark.parametrize(("vendor", "requirements", "options", "counted"), CASES)
def test_what_is_open_is_what_was_counted_on_the_page(
    vendor: str, requirements: list[str], options: dict[str, Any], counted: dict[str, set[Counted]]
) -> None:
    assert opened(vendor, requirements, **options) == counted


def test_a_name_of_two_placeholders_is_the_printed_one() -> None:
    """The page prints them with a dot between in one pair of backticks."""
    chosen = {**WEST, "global_resiliency": True, "instance_id": "12-3", "source_region": "us-east-1"}
    allowlist = compiled("amazon_connect", ["required"], **chosen)["allowlist"]
    names = {name for group in allowlist["groups"] for name in group["names"] if name.endswith(".connect.aws")}
    assert names == {
        "12-3.us-east-1.sign-in.connect.aws", "*.us-east-1.region-discovery.connect.aws", "blue.my.connect.aws"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("vendor", "options", "message"),
    [
        ("amazon_connect", {**WEST, "global_resiliency": True},
         "amazon_connect: instance_id must be given: your instance ID, for Global Resiliency, such as 12345678-1234-"),
        ("jaas", {"regions": "all", "cloudflare": False, "webhooks": True},
         "jaas: webhook_ports must be given: the TCP ports at which your servers take webhooks; the page prints none"),
        ("livekit", {"names": "hosts"}, "livekit: subdomain must be given: your-subdomain, the first label"),
    ],
)  # fmt: skip
def test_who_needs_an_option_is_asked_for_it(vendor: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=f"^{vendor}: ") as caught:
        compiled(vendor, ["required"], **options)
    assert str(caught.value).startswith(message)


def test_ports_that_a_row_does_not_print_are_the_authors() -> None:
    allowlist = compiled("amazon_connect", ["required"], **WEST, scheduling=True)["allowlist"]
    told = {entry["read_as"] for entry in allowlist["provenance"] if entry["service"] == "scheduling"}
    assert told == {"ports, which the row does not print, read as 'TCP 443' by the author of the file"}


def test_an_option_of_optional_rows_alone_is_told() -> None:
    notes = compiled("amazon_connect", ["required"], **WEST, without_saml=True)["selection"]["vendors"][0]["notes"]
    assert [note["service"] for note in notes if "without_saml opens nothing here" in note["note"]] == ["no_saml"]
