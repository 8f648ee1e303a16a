# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How vendors print protocols and ports: every notation of a service, and cells drawn from all of them.

C{NOTATIONS} print one service so that it has one reading. C{draw_row} draws two cells that may have one, several or
none; C{mutated} changes one character. All take their choices from a C{random.Random}, which hypothesis can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

TCP, UDP, BOTH = frozenset({"tcp"}), frozenset({"udp"}), frozenset({"tcp", "udp"})
Row = tuple[str, str]  # protocol cell, ports cell


class Service(NamedTuple):
    """Ports C{first} to C{last} of one or two protocols."""

    protocols: frozenset[str]
    first: int
    last: int

    @property
    def rules(self) -> frozenset[tuple[str, int, int]]:
        return frozenset((protocol, self.first, self.last) for protocol in self.protocols)


WORDS = {  # of protocols, in either cell
    TCP: ["TCP", "tcp", "Tcp", "TLS", "SSL", "HTTP/2", "TLS 1.2", "TLSv1.2", "WSS", "WebSocket", "SIP/TLS",
          "TURN over TLS", "SRTP over TCP", "TURN/TCP", "SIP via TLS", "HTTPS over TCP", "SIP over TCP/TLS", "TCP/IP"],
    UDP: ["UDP", "udp", "DTLS", "QUIC", "UDP/SRTP", "SRTP over UDP", "RTP/SRTP over UDP", "DTLS-SRTP", "TURN/UDP",
          "UDP - RTP", "DTLS over UDP", "UDP media", "HTTP/3", "DTLS 1.2"],
    BOTH: ["TCP/UDP", "UDP/TCP", "TCP and UDP", "TCP or UDP", "TCP & UDP", "TCP, UDP", "TCP + UDP", "TCP UDP",
           "SIP over TCP/UDP", "TCP/UDP/TLS", "UDP, TLS"],
}  # fmt: skip
ROW_WORDS = {  # in the protocol cell
    TCP: ["", *WORDS[TCP], "TCP only", "TCP:", "TCP*", "TCP (TURN TLS)", "HTTPS (TCP)", "SIP (TLS)", "HTTPS", "HTTP(S)",
          "TLS 1.2/1.3", "TLS 1.2 or higher", "TLS 1.2+", "TCP protocol", "HTTPS – TLS 1.2"],
    UDP: [*WORDS[UDP], "UDP only", "UDP (RTP/RTCP)", "RTP (UDP)", "UDP¹", "UDP [1]", "UDP (STUN):", "UDP (DTLS-SRTP)"],
    BOTH: [*WORDS[BOTH], "TCP\nUDP", "TCP、UDP", "TCP; UDP", "Both", "both TCP and UDP", "Both (TCP/UDP)",
           "TURN (TCP/UDP)", "TCP (TURN), UDP (STUN)", "either TCP or UDP"],
}  # fmt: skip
DASHES = ["-", " - ", "–", " – ", "—", " — ", "~", ":", " to ", " through ", " thru "]


def thousands(port: int, sign: str) -> str:
    """Return a port as '10,000'."""
    return f"{port:,}".replace(",", sign)


def _span(service: Service, dash: str = "-", sign: str = "") -> str:
    first, last = thousands(service.first, sign), thousands(service.last, sign)
    return first if service.first == service.last else f"{first}{dash}{last}"


def _notations() -> dict[str, Callable[[Service], Row | None]]:
    notations: dict[str, Callable[[Service], Row | None]] = {}

    def by_row(name: str, form: Callable[[Service], str | None]) -> None:
        """Add a form of ports, in a row with a protocol."""

        def notation(service: Service) -> Row | None:
            cell = form(service)
            return None if cell is None else (ROW_WORDS[service.protocols][-1], cell)

        notations[name] = notation

    def by_cell(name: str, form: str) -> None:
        """Add a form of ports with their protocol, in a row without one."""

        def notation(service: Service) -> Row | None:
            if "{w}" in form and service.first < 100:  # a number and a word touch only with 3 digits or more
                return None
            if "({ports})" in form and (service.first < 10 or (service.first, service.last) == (17, 17)):
                return None  # a mark, or the number of UDP
            cell = form.replace("{w}", "{word}").format(word=WORDS[service.protocols][0], ports=_span(service))
            return "", cell

        notations[name] = notation

    for dash in DASHES:
        by_row(f"range with {dash!r}", lambda service, dash=dash: _span(service, dash))
    for sign in (",", ".", " "):
        by_row(
            f"thousands with {sign!r}",
            lambda service, sign=sign: _span(service, " - ", sign) if _grouped(service) else None,
        )
    for form in (
        "{}", "Port {}", "Ports: {}", "port: {}", "{} only", "only {}", "port number {}", "port no. {}", "`{}`", "{},",
        "{};", "{}*", "{} †", "{}¹", "{} ²", "{}[1]", "{} [a]", "{} (1)", "{} (a)", "{} (B)", "{}**", "{}、",
        "Port Range: {}", " {} ", "\t{}", "{}\n", "{}, {}", "{}; {}", "{}\n{}", "- {}\n- {}", "• {},\n• {}",
    ):  # fmt: skip
        by_row(f"ports as {form!r}", lambda service, form=form: _formed(service, form))
    for form in ("between {} and {}", "from {} to {}", "ports between {} and {}"):
        by_row(
            form,
            lambda service, form=form: (
                form.format(service.first, service.last) if service.first < service.last else None
            ),
        )
    for form in ("{}+", "{} and above", "{} and up", "{} or higher", ">= {}", "≥{}", "at least {}", "from {} up"):
        by_row(form, lambda service, form=form: form.format(service.first) if service.last == 65535 else None)
    for form in ("> {}", ">{}", "above {}", "any port above {}", "greater than {}", "more than {}"):
        by_row(
            form,
            lambda service, form=form: (
                form.format(service.first - 1) if service.last == 65535 and service.first > 1 else None
            ),
        )
    for form in ("<= {}", "≤ {}", "up to {}", "at most {}", "{} and below", "{} or lower"):
        by_row(form, lambda service, form=form: form.format(service.last) if service.first == 1 else None)
    for form in ("< {}", "below {}", "under {}", "less than {}"):
        by_row(
            form,
            lambda service, form=form: (
                form.format(service.last + 1) if service.first == 1 and service.last < 65535 else None
            ),
        )
    for word in ("any", "ALL", "*", "all ports", "any port", "Ports: any", "0-65535", "0 – 65,535"):
        by_row(word, lambda service, word=word: word if (service.first, service.last) == (1, 65535) else None)
    for form in (
        "{word} {ports}", "{word}: {ports}", "{word}:{ports}", "{word}/{ports}", "{word} - {ports}",
        "{word} port {ports}", "{word} ports: {ports}", "Port {word} {ports}", "{w}{ports}", "{word} ({ports})",
        "{word}\t{ports}", "{word}:\n{ports}", "{word}\n{ports}", "{ports}/{word}", "{ports} {word}",
        "{ports} ({word})", "{ports}({word})", "{ports} - {word}", "{ports}/{word},", "{ports} {word}*",
    ):  # fmt: skip
        by_cell(form, form)
    return notations


def _grouped(service: Service) -> bool:
    """Tell whether its ports have thousands, and with separators instead would not be valid."""
    grouped = [port for port in (service.first, service.last) if port > 999]
    inverted = service.first > 999 and service.first < service.last and service.first % 1000 > service.last // 1000
    return inverted or any(port % 1000 < 100 for port in grouped)


def _formed(service: Service, form: str) -> str | None:
    ports = _span(service)
    if (form == "{}**" and service.last < 100) or (form.count("{}") > 1 and service.first < service.last):
        return None
    return form.format(*[ports] * form.count("{}"))


NOTATIONS = _notations()


def _of_two(form: str) -> Callable[[Service, Service], str]:
    """Return what prints two services in one cell."""

    def notation(one: Service, other: Service) -> str:
        words = [WORDS[service.protocols][0] for service in (one, other)]
        return form.format(w=words[0], p=_span(one), v=words[1], q=_span(other))

    return notation


LISTS = {  # of two services of different protocols, in a row without a protocol
    form: _of_two(form)
    for form in (
        "{w} {p}, {v} {q}", "{w} {p}; {v} {q}", "{w}: {p}; {v}: {q}", "{w}:{p} {v}:{q}", "{w} {p} {v} {q}",
        "{w}/{p}, {v}/{q}", "{w} {p} and {v} {q}", "{w} {p} + {v} {q}", "{w} {p} / {v} {q}", "{w} {p}\n{v} {q}",
        "{w}: {p}\n{v}: {q}", "• {w} {p}\n• {v} {q}", "{w}:\n{p}\n{v}:\n{q}", "{w}\n{p}\n{v}\n{q}",
        "{p} {w}, {q} {v}", "{p}/{w} {q}/{v}", "{p} ({w}), {q} ({v})", "{p} {w}\n{q} {v}", "{p} {w} and {q} {v}",
        "{p}/{w}/{q}/{v}", "{w} {p}\n{q} {v}", "{w} port {p}, {v} ports: {q}", "{w} {p} | {v} {q}",
    )
}  # fmt: skip
