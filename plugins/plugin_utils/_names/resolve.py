# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of an allowlist's exact names, looked up on the controller by the system's resolver."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from .domains import Domain, domains
from .special import SPECIAL

# An answer: there is no such name, or it has no such address. All other failures say nothing about the name.
_NONE = {getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")}
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_AT_ONCE = 16
_PAUSE = 0.5  # seconds between two tries
_SPECIAL = {version: [ip_network(prefix) for prefix in prefixes] for version, prefixes in SPECIAL.items()}

Ask = Callable[[str, int], list[str]]
Found = dict[tuple[str, int], list[str] | Exception | None]  # by name and family


class NoAnswer(ValueError):
    """Some names have no answer, which says nothing about their addresses; the message names them and who asks."""


def resolve(
    allowlist: Mapping[str, Any], *, seconds: float = 20, tries: int = 3, ask: Ask | None = None
) -> dict[str, list[str]]:
    """Return C{{name: addresses}} for each exact name that packets leave to, addresses of both versions ascending.

    A name that does not exist, or has no address that may be opened, has none. C{seconds}: for all look-ups together;
    C{tries}: for each; C{ask}: C{(name, family) -> addresses}, the system's resolver unless told.
    Raises NoAnswer, and ValueError for numbers that cannot be and for what is no host name.
    """
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise ValueError(f"tries '{tries}' is not a whole number from 1")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        raise ValueError(f"seconds '{seconds}' is not a number above 0")
    wanted = domains(allowlist, "resolve")
    found = _look_up([domain.name for domain in wanted], ask or system_resolver, time.monotonic() + seconds, tries)
    addresses: dict[str, list[str]] = {}
    failed: list[tuple[Domain, str]] = []
    for domain in wanted:
        told: set[str] = set()
        reasons = []
        for family in _FAMILIES:
            answer = found[domain.name, family]
            if isinstance(answer, list):
                told.update(answer)
            else:
                reasons.append(_reason(answer))
        addresses[domain.name] = _opened(told)
        failed += [(domain, reasons[0])] if reasons else []
    if failed:
        raise NoAnswer(_message(failed))
    return addresses


def system_resolver(name: str, family: int) -> list[str]:
    """Return the addresses of a name; raises OSError where nobody knows."""
    try:
        # The dot at the end: never the search domains of this machine. No flags: never without a family of its own.
        answers = socket.getaddrinfo(name + ".", None, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NONE:
            return []
        raise
    return [str(answer[4][0]) for answer in answers]


def _look_up(names: list[str], ask: Ask, deadline: float, tries: int) -> Found:
    """Return what was answered, the last error, or None where the time was over before."""
    found: Found = {(name, family): None for name in names for family in _FAMILIES}
    # Into a copy: what comes too late must not change what was read.
    answers, waiting = dict(found), queue.SimpleQueue[tuple[str, int]]()
    for key in found:
        waiting.put(key)

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                key = waiting.get_nowait()
            except queue.Empty:
                return
            answers[key] = _try(key, ask, deadline, tries)

    # Daemons: a resolver that never answers cannot be interrupted, and must not keep the play from ending.
    threads = [threading.Thread(target=work, daemon=True) for _number in range(min(_AT_ONCE, len(found)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    return {**found, **answers.copy()}


def _try(key: tuple[str, int], ask: Ask, deadline: float, tries: int) -> list[str] | Exception:
    last: Exception = TimeoutError()
    for number in range(tries):
        if number:
            time.sleep(_PAUSE)
        if time.monotonic() >= deadline:
            break
        try:
            return ask(*key)
        except (OSError, UnicodeError) as error:
            last = error
    return last


def _reason(error: Exception | None) -> str:
    if error is None or isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)


def _message(failed: list[tuple[Domain, str]]) -> str:
    lines = []
    for domain, reason in failed:
        asking = sorted({": ".join(label) for service in domain.services for label in service[3]})
        lines.append(f"{domain.name} ({', '.join(asking)}): {reason}")
    number = "1 name has" if len(failed) == 1 else f"{len(failed)} names have"
    return f"{number} no answer, so nothing is known of their addresses: {'; '.join(lines)}"


def _opened(addresses: set[str]) -> list[str]:
    """Return what may be opened of a name's addresses, ascending, IPv4 first."""
    parsed = {ip_address(address.partition("%")[0]) for address in addresses}
    kept = [address for address in parsed if not any(address in special for special in _SPECIAL[address.version])]
    return [str(address) for address in sorted(kept, key=_order)]


def _order(address: IPv4Address | IPv6Address) -> tuple[int, int]:
    return address.version, int(address)
