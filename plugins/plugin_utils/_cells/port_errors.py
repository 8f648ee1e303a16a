# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with words and signs in a cell of ports, and what to write instead."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .ip_protocols import PORTLESS
from .port_atoms import NUMBER, Atom
from .protocols import check_remark
from .words import EPHEMERAL, PURPOSES, REQUIREMENTS, WRITE_INSTEAD, words_of

ACCEPTED = "accepted are ports from 1 to 65535 (443), ranges (6000-60000), lists of them (443, 8443) and 'any'"


def doubtful_plus(before: Atom, phrase: str, atoms: list[Atom]) -> str:
    """Say how a plus sign behind a port may be meant; C{phrase}: the protocol behind it, if nothing else is."""
    whole = len(atoms) < 2 or atoms[-2].kind != NUMBER or atoms[-1].gap not in (",", " ", ".")
    ways = [f"{before.text}-65535 {phrase}".strip(), *([] if phrase else [before.text])]
    valid = whole and not before.text.startswith("0") and int(before.text[:6]) <= 65535
    listed = " or ".join(f"'{way}'" for way in ways) if valid else "the range in full"
    return f"the '+' can be read in two ways, as 'and up' or as 'and': write {listed}, and 'and' between two ports"


def check_parentheses(where: str, text: str) -> None:
    """Raise ValueError for what stands in parentheses and is nothing that is read."""
    words = words_of(text)
    for word in words:
        if word in REQUIREMENTS:
            raise ValueError(
                f"{where}: {quoted(f'({text})')} says whether the row is needed, not what it opens: write "
                f"'requirement: {REQUIREMENTS[word]}' in the row, and the cell without it"
            )
        if word in EPHEMERAL or word in PORTLESS:
            raise ValueError(f"{where}: {unknown(word)}")
    check_remark(where, text)
    raise ValueError(f"{where}: {quoted(f'({text})')} stands where it has no single meaning: write the cell without it")


def check_part(port: str, mark: str, where: str) -> None:
    """Raise ValueError for marks that may stand for digits: C{50**}."""
    if len(mark) > 1 and mark[0] == "*" and len(port) < 3:
        raise ValueError(
            f"{where}: {quoted(port + mark)} may be a port with a part left open, or marks of a footnote: write the "
            "port alone, or the ports that are meant"
        )


def without_ports(name: str) -> str:
    """Say that a protocol has no ports."""
    return f"{name} has no ports: name it in the protocol cell, and write a row of its own for it"


def unknown(rest: str) -> str:
    """Say what is wrong with a text that begins with what is not understood, and what to write."""
    word = match[0].lower() if (match := re.match(r"[a-z]+(?:\(s\))?", rest, re.IGNORECASE)) else ""
    if word in EPHEMERAL:
        return f"{quoted(rest)} is not understood: such ports differ: write the range, '49152-65535' or '1024-65535'"
    if word in REQUIREMENTS:
        return f"{quoted(rest)} is not understood: write 'requirement: {REQUIREMENTS[word]}' in the row"
    if word in PURPOSES and word not in WRITE_INSTEAD:
        return f"{quoted(rest)} is no port: write what ports are for in parentheses behind them, '10000-20000 ({word})'"
    if word in WRITE_INSTEAD:
        return f"{quoted(rest)} is not a port: write its number, '{WRITE_INSTEAD[word]}' if that is meant"
    if word in PORTLESS:
        return without_ports(word)
    return f"{quoted(rest)} is not understood: {ACCEPTED}"
