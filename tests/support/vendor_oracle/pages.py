# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reader for each vendor's page: tables and prose in, facts out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import (
    IPv4Network,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)

from .tables import html_rows, piped_rows

Destination = IPv4Network | IPv6Network | str  # a str is a name, lower case, perhaps with a leading '*.'
Ports = tuple[str, int, int]  # protocol, first and last port
When = tuple[tuple[str, frozenset[object]], ...]  # option -> the values of which one must be chosen; all must hold


@dataclass(frozen=True)
class Fact:
    """One protocol, one range of ports, one destination that a vendor asks for, and when."""

    vendor: str
    protocol: str  # tcp or udp
    first: int  # port, inclusive
    last: int  # port, inclusive
    destination: Destination
    when: When = ()
    requirement: str = "required"
    ports_option: str = ""  # the customer's own ports, given by this option, stand in for the printed ones
    direction: str = "outbound"


PORTS_OF = re.compile(r"\b(TCP|UDP) (\d{1,3}(?:,\d{3})+|\d+)(?:-(\d{1,3}(?:,\d{3})+|\d+))?")
NAME = re.compile(r"(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z]{2,}")
_TRANSPORT = {"TLS": "tcp", "WSS": "tcp", "HTTPS": "tcp", "HTTP(S)": "tcp", "TCP": "tcp", "UDP": "udp"}


def when(**choices: object) -> When:
    """Return the condition that each option has one of these values: when(regions='us'), when(teams=True)."""
    return tuple((option, frozenset([value])) for option, value in sorted(choices.items()))


def destinations(text: str) -> list[Destination]:
    """Return what a cell with one destination means: a name, or the networks of an address, prefix or range."""
    cell = text.strip().removeprefix("https://").rstrip("/")
    if NAME.fullmatch(cell):
        return [cell]
    ends = re.split(r"\s*[-–]\s*", cell)
    if len(ends) == 2:
        return list(summarize_address_range(ip_address(ends[0]), ip_address(ends[1])))
    return [ip_network(cell)]


def ports_in(prose: str) -> list[Ports]:
    """Return what a sentence like 'TCP 443, UDP 10,000-60,000 and UDP 3478' names."""
    found = []
    for protocol, first, last in PORTS_OF.findall(prose):
        low = int(first.replace(",", ""))
        found.append((protocol.lower(), low, int(last.replace(",", "")) if last else low))
    return found


def facts(
    vendor: str, ports: Iterable[Ports], cells: Iterable[str], condition: When = (), **more: str
) -> Iterator[Fact]:
    """Yield a fact for each of these ports at each of these destinations."""
    reached = [destination for cell in cells for destination in destinations(cell)]
    for protocol, first, last in ports:
        for destination in reached:
            yield Fact(vendor, protocol, first, last, destination, condition, **more)


def _cell_ports(protocols: str, ports: str) -> list[Ports]:
    """Return what the cells of protocol and port of one row of a Kore.ai table mean together."""
    words = re.sub(r"\(.*?\)", "", protocols).replace("/", ",").split(",")
    transports = [_TRANSPORT[word.strip()] if word.strip() else "tcp" for word in words]
    found = []
    grouped = re.sub(r"(?<=\d),(?=\d{3}\b)", "", ports)
    for part in re.split(r"[/,]", grouped):
        ends = [int(end) for end in re.split(r"\s*[-–]\s*", part.strip())]
        found += [(transport, ends[0], ends[-1]) for transport in transports]
    return found


def kore_ai(page: str, region: str) -> Iterator[Fact]:
    """Read a page of Kore.ai: six columns, protocol second, destination fifth, ports last."""
    for cells in html_rows(page) if "<table>" in page else piped_rows(page):
        if len(cells) == 6 and re.search(r"\d+\.\d+|\*\.|[a-z]\.[a-z]", cells[4]):
            yield from facts("kore_ai", _cell_ports(cells[1], cells[5]), [cells[4]], when(regions=region))


KUDO_REGIONS = {"USA": "usa", "Europe": "europe", "Canada": "canada", "Canadian": "canada", "CHINA": "china"}


def kudo(page: str) -> Iterator[Fact]:
    """Read KUDO's page: each destination gets the two ports printed for the whole page."""
    (tcp,) = re.findall(r"Required TCP port: (\d+)", page)
    (udp,) = re.findall(r"Recommended UDP port: (\d+)", page)
    teams_ports = [("tcp", int(port), int(port)) for port in re.findall(r"^- TCP port: (\d+)", page, re.M)]

    def everywhere(cell: str, condition: When) -> Iterator[Fact]:
        yield from facts("kudo", [("tcp", int(tcp), int(tcp))], [cell], condition)
        yield from facts("kudo", [("udp", int(udp), int(udp))], [cell], condition, requirement="recommended")

    region: When = ()
    for line in page.splitlines():
        section = re.fullmatch(r"(\w+) (?:region|Server \(.*\))", line)
        if section:
            region = when(regions=KUDO_REGIONS[section[1]])
        elif line.startswith(("KUDO Media", "Microsoft Teams", "PORTS")):
            region = ()
        wildcard = re.match(r"- (\*\.\S+)(?: \(if your account is in the (\w+) region\))?$", line)
        host = re.match(r"- (https://\S+)$", line)
        address = re.match(r'"?(\d+\.\d+\.\d+\.\d+(?:/\d+)?)"?,?$', line)
        if wildcard and wildcard[2]:
            yield from everywhere(wildcard[1], when(names="wildcard", regions=KUDO_REGIONS[wildcard[2]]))
        elif wildcard:
            yield from everywhere(wildcard[1], ())
        elif host and "//teams-" in line:
            yield from everywhere(host[1], when(teams=True))
            yield from facts("kudo", teams_ports, [host[1]], when(teams=True))
        elif host:
            yield from everywhere(host[1], (*when(names="hosts"), *region))
        elif address:
            yield from everywhere(address[1], region)


def eschat(page: str) -> Iterator[Fact]:
    """Read ESChat's page: a table whose cells run over several lines; signaling and data ports are the customer's."""
    flat = " ".join(page.split())

    def between(start: str, end: str) -> str:
        return flat[flat.index(start) : flat.index(end, flat.index(start))]

    def addresses(text: str) -> list[str]:
        return re.findall(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?", text)

    def tcp(text: str) -> list[Ports]:
        (printed,) = re.findall(r"\| (\d+) & ?(\d+) \| TCP", text)
        return [("tcp", int(port), int(port)) for port in printed]

    for start in ("ESChat Provisioning Server |", "ESChat Web Portal |"):
        part = between(start, "| TCP |") + "| TCP |"
        yield from facts("eschat", tcp(part), addresses(part))

    part = between("ESChat Signaling Port |", "ESChat Data Ports |")
    (example,) = re.findall(r"\(Example: (\d+) TCP\)", part)
    yield from facts("eschat", [("tcp", int(example), int(example))], addresses(part), ports_option="signaling_port")

    part = between("ESChat Data Ports |", "| UDP |")
    ((first, last),) = re.findall(r"Port Range: (\d+)-(\d+)", part)
    yield from facts("eschat", [("udp", int(first), int(last))], addresses(part), ports_option="data_ports")

    part = between("Apple APNS (iOS Only) |", "Google requires a port")
    yield from facts("eschat", tcp(part), addresses(part), when(ios=True))

    part = flat[flat.index("Client Mapping Tiles |") :]
    yield from facts("eschat", tcp(part), [*NAME.findall(part), *re.findall(r"requires the DNS name: (\S+)", flat)])


def vsee(page: str) -> Iterator[Fact]:
    """Read VSee's page: the simplified rules, all for *.vsee.com; a protocol without a port is no rule."""
    simplified = page[page.index("Simplified Rules") : page.index("Network Security Diagram")]
    (name,) = set(re.findall(r"\*\.[a-z.]+[a-z]", simplified))
    for line in simplified.splitlines():
        cells = line.split("|")
        if len(cells) < 2:
            continue
        printed = re.sub(r" – TLS( 1\.2)?", "", cells[1])
        for words, numbers in re.findall(r"(UDP|TCP|HTTPS|HTTP\(S\)|TLS)(?: \([A-Z]+\))?:?((?: ?[\d–,]+)+)", printed):
            for part in numbers.split(","):
                ends = [int(end) for end in part.split("–")]
                yield from facts("vsee", [(_TRANSPORT[words], ends[0], ends[-1])], [name])


def twilio_ranges(page: str) -> dict[str, list[str]]:
    """Return the ranges of each of Twilio's regions: {'us1': ['34.203.254.0 - 34.203.254.255', ...], ...}."""
    rows = [line.split("|") for line in page.splitlines() if re.match(r"[a-z]{2}\d \|", line)]
    return {row[0].strip(): [cell.strip() for cell in row[2].split(",")] for row in rows}


@dataclass(frozen=True)
class SecureVideo:
    """What SecureVideo's page says of each engine; other vendors' facts are made of it too."""

    application: list[Fact]
    zoom_names: list[tuple[Ports, str]]
    zoom_ports: list[Ports]
    zoom_ipv4: list[str]
    zoom_ipv6: list[str]
    signaling: list[tuple[Ports, str]]
    media_ports: list[Ports]
    media_ranges: list[str]


def securevideo(page: str) -> SecureVideo:
    """Read SecureVideo's page, which is prose throughout."""
    application: list[Fact] = []
    for ports, hosts in re.findall(r"[Aa]llow outbound (TCP \d+) to (.*?)\.?$", page, re.M):
        condition = when(ocsp=True) if "digicert" in hosts else ()
        application += facts("securevideo", ports_in(ports), NAME.findall(hosts), condition)
    allows = re.findall(r"^- allow \(?(.*?)\)? to (.*)$", page, re.M)
    ((name_ports, names),) = [(a, b) for a, b in allows if "zoom.us" in b]
    ((ports, ipv4),) = [(a, b) for a, b in allows if "3.7.35.0/25" in b]
    ((ports_again, ipv6),) = [(a, b) for a, b in allows if "::" in b]
    assert ports == ports_again, "the two lists of Zoom's addresses have the same ports"
    one_click = page[page.index("\nOne-Click Firewall Settings") : page.index("The above list is sufficient")]
    (signaling,) = re.findall(r"^Signaling .*?: (TCP \d+)", one_click, re.M)
    (media,) = re.findall(r"^Media .*?: (.*)$", one_click, re.M)
    return SecureVideo(
        application=application,
        zoom_names=[(port, name) for port in ports_in(name_ports) for name in NAME.findall(names)],
        zoom_ports=ports_in(ports),
        zoom_ipv4=re.findall(r"[\d.]+/\d+", ipv4),
        zoom_ipv6=re.findall(r"[0-9A-Fa-f:]+::/\d+", ipv6),
        signaling=[
            (port, name) for port in ports_in(signaling) for name in re.findall(r"^[a-z0-9.]+$", one_click, re.M)
        ],
        media_ports=ports_in(media),
        media_ranges=re.findall(r"^[\d.]+ - [\d.]+$", one_click, re.M),
    )


def securevideo_facts(page: SecureVideo, regions: dict[str, list[str]], vsee_facts: Iterable[Fact]) -> Iterator[Fact]:
    """Yield the facts of SecureVideo with its three engines; One-Click's media ranges are those of Twilio's regions."""
    yield from page.application
    for fact in _zoom("securevideo", page, [*page.zoom_ipv4, *page.zoom_ipv6]):
        yield replace(fact, when=(*when(engines="zoom"), *fact.when))
    for port, name in page.signaling:
        yield from facts("securevideo", [port], [name], when(engines="one_click"))
    assert set(page.media_ranges) == {*regions["us1"], *regions["us2"]}, "One-Click's ranges are Twilio's us1 and us2"
    for region, ranges in regions.items():
        condition = when(engines="one_click", one_click_regions=region)
        yield from facts("securevideo", page.media_ports, ranges, condition)
    for fact in vsee_facts:
        yield replace(fact, vendor="securevideo", when=when(engines="vsee"))


def _zoom(vendor: str, page: SecureVideo, prefixes: Iterable[str]) -> Iterator[Fact]:
    outbound = [fact for port, name in page.zoom_names for fact in facts(vendor, [port], [name])]
    outbound += facts(vendor, page.zoom_ports, prefixes)
    yield from outbound
    for fact in outbound:  # "it is recommended to apply all rules to inbound connections"
        yield replace(fact, when=when(inbound=True), direction="inbound", requirement="recommended")


def zoom_facts(newer: str, page: SecureVideo) -> Iterator[Fact]:
    """Yield the facts of Zoom on its own: the newer list, which prints no ports, with those that the older prints."""
    yield from _zoom("zoom", page, newer.split())


def twilio_facts(page: SecureVideo, regions: dict[str, list[str]]) -> Iterator[Fact]:
    """Yield the facts of Twilio on its own: its ranges, which it prints without ports, with One-Click's media ports."""
    for region, ranges in regions.items():
        yield from facts("twilio", page.media_ports, ranges, when(regions=region))
