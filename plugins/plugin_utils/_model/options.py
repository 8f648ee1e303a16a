# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of options that more than one package needs, so that all refuse in the same words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from .name_patterns import EXACT, INNER, SUFFIX, kind_of
from .services import service_of, service_text
from .text import briefly

MODES = ("report", "resolve", "dnsmasq")  # what becomes of names
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # no dot, no slash and no space: these join labels
_MOST, _LONGEST_LIST = 100, 2_000  # names that a message lists, and about how many characters
# What may be meant is looked for only where that takes no time: to compare two names takes longer than all else.
_LONGEST_NAME, _MOST_COMPARED, _HINTS = 40, 300, 5


def one_of(name: str, value: object, accepted: tuple) -> None:
    """Raise ValueError that lists what is accepted, unless C{value} is."""
    if value not in accepted:
        raise ValueError(f"{name} '{value}' is not accepted: choose one of {', '.join(filter(None, accepted))}")


class Hints:
    """How many times more it is looked what may be meant by an unknown name: a few times for each file."""

    def __init__(self, left: int = _HINTS) -> None:
        self._left = left

    def close_to(self, name: str, known: Iterable[str]) -> str:
        """Return the one of the known names that a short name may stand for, '' where none is close enough."""
        if len(name) > _LONGEST_NAME or self._left < 1:
            return ""
        self._left -= 1
        alike = (each for each in known if abs(len(each) - len(name)) <= 2 + len(name) // 3)
        spelled = {each.lower(): each for each in islice(alike, _MOST_COMPARED)}
        return next((spelled[each] for each in difflib.get_close_matches(name.lower(), spelled, n=1)), "")


def unknown(kind: str, name: object, known: Collection[str], hints: Hints | None = None) -> str:
    """Return the words for a name that is not among the known ones, with the one that may be meant.

    C{hints}: how often that is looked for, where many such errors are told at once.
    """
    said = briefly(name)
    if not known:
        return f"unknown {kind} '{said}': there are none"
    text = f"unknown {kind} '{said}': known are {listed(known)}"
    close = (hints or Hints()).close_to(said, known)
    return f"{text}; did you mean {close}?" if close else text


def listed(names: Collection[str]) -> str:
    """Return names with commas between them: the first hundred, fewer of long ones, and how many more there are."""
    told: list[str] = []
    length = 0
    for name in islice(names, _MOST):
        told.append(briefly(name))
        length += len(told[-1])
        if length > _LONGEST_LIST:
            break
    more = len(names) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def vendors_of(allowlist: Mapping[str, Any]) -> list[str]:
    """Return the vendors that ask for anything, also for what stays shut because it is only known by name."""
    return sorted({entry["vendor"] for entry in allowlist["provenance"]})


def check_labels(allowlist: dict, where: str) -> None:
    """Raise ValueError for a vendor, service or protocol that cannot stand in C{where} ("a counter's name").

    Nothing of an allowlist is ever quoted or escaped. Prefixes and ports are written from numbers, and need no check.
    """
    for entry in allowlist["provenance"]:
        for key in ("vendor", "service"):
            if not _LABEL.fullmatch(entry[key]):
                raise ValueError(
                    f"{key} {entry[key]!r} cannot be part of {where}: write letters, digits, '_' or '-', a letter first"
                )
        try:
            service_of(entry["protocol"], entry["ports"])
        except ValueError as exc:
            raise ValueError(f"{entry['vendor']}: {entry['service']}: {exc}") from None


def check_services(rules: Iterable[Mapping[str, Any]], refused: Callable[[str, str], str]) -> None:
    """Raise ValueError that names the rule whose service a backend cannot open.

    rules: of the user, or entries of an allowlist. refused: the reason for a protocol and the text of its ports, ''
    where the backend can.
    """
    for rule in rules:
        if reason := refused(rule["protocol"], rule["ports"]):
            service = service_text(service_of(rule["protocol"], rule["ports"]))
            row = f"row {rule['row']}: " if "row" in rule else ""
            raise ValueError(f"{rule['vendor']}: {rule['service']}: {row}{service}: {reason}")


def check_names(
    allowlist: dict, policy: str, names: str, prefix: str, instead: str, modes: Sequence[str] = MODES
) -> None:
    """Stop a policy that would shut out names in silence: C{names}, one of C{modes}, says what becomes of them.

    C{prefix}: how the user's variables begin, C{nftables_egress}; C{instead}: the policy to use otherwise.
    """
    one_of("names", names, ("", *modes))
    wanted = sorted(name for group in allowlist["groups"] for name in group["names"])
    if wanted and policy == "deny" and not names:
        raise ValueError(
            f"policy deny would stop {len(wanted)} names that a packet filter cannot enforce: {_first(wanted)}. "
            f"Set {prefix}_names to report to accept that (the summary lists them){_enforced(wanted, modes)}, or use "
            f"the policy {instead}"
        )


def _enforced(names: Sequence[str], modes: Sequence[str]) -> str:
    """Return in words which of the modes open some of the names, and which names they do not; '' where none does."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in (EXACT, SUFFIX, INNER)}
    for name in names:
        by_kind[kind_of(name)].append(name)
    below = by_kind[SUFFIX]  # learned from answers, and never looked up
    followed = [mode for mode in modes if mode != "report" and (by_kind[EXACT] or (mode == "dnsmasq" and below))]
    if not followed:
        return ""
    lacking = []
    if below and followed != ["dnsmasq"]:
        how = "only dnsmasq learns" if "dnsmasq" in followed else "none are learned of"
        lacking.append(f"{how} {_first(below)}{'' if 'dnsmasq' in followed else ': only exact names are looked up'}")
    if by_kind[INNER]:
        lacking.append(f"none are learned of {_first(by_kind[INNER])}: no tool matches such a '*'")
    told = f" ({'; '.join(lacking)})" if lacking else ""
    return f", to {' or '.join(followed)} to open the addresses that they have{told}"


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
