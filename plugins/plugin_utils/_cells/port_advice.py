# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to write each reading of a cell of ports: what an error advises is read, and as what the error says."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import format_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import readable

from .port_numbers import Item

INSTEAD = "write each protocol in front of its ports, and a semicolon before the next one"
_LONGEST = 200  # characters of a way to write


def written(items: list[Item]) -> str:
    """Return how to write ports: C{80, 443}, C{TCP 443, 5061; UDP 3478}; '' where only some have protocols."""
    parts: list[tuple[tuple[str, ...] | None, list[str]]] = []
    for item in items:
        text = format_ports(item.low, item.high)
        if parts and parts[-1][0] == item.protocols:
            if text not in parts[-1][1]:
                parts[-1][1].append(text)
        else:
            parts.append((item.protocols, [text]))
    if len(parts) > 1 and any(protocols is None for protocols, _texts in parts):
        return ""
    return "; ".join(f"{'/'.join(protocols or ()).upper()} {', '.join(texts)}".strip() for protocols, texts in parts)


def advice(ways: list[list[Item]], read: Callable[[str], list[Item]], least: int = 2) -> str:
    """Say how to write each reading, if these are short and read as what they mean; C{least}: how many must be."""
    texts = {written(way): way for way in ways}

    def check(text: str) -> None:
        if _meant(read(text)) != _meant(texts[text]):
            raise ValueError(f"{text} is read otherwise")

    offered = readable((text for text in texts if len(text) <= _LONGEST), check)
    listed = " or ".join(f"'{text}'" for text in offered)
    if len(offered) >= least:
        return f"write {listed}"
    if any(item.protocols for way in ways for item in way):
        return INSTEAD
    return "write ', ' between two ports and nothing inside a port"


def _meant(items: list[Item]) -> list[tuple[int, int, tuple[str, ...] | None]]:
    return list(dict.fromkeys((item.low, item.high, item.protocols) for item in items))
