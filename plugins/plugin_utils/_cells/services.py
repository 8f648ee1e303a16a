# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a row: its protocol cell and its cell of ports, read together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted, readable

from .ip_protocols import range_of
from .marks import capped
from .port_purposes import check_fit
from .ports import PortCell, read_ports, unlabelled
from .protocols import read_protocols
from .text import clean, is_bulleted, joined, plain, unbulleted


def read_services(protocol: str | int | None, ports: str | int | None) -> tuple[list[tuple[str, str]], list[str]]:
    """Return C{(services, remarks)} of a row's protocol cell and its cell of ports.

    Services: C{(protocol, ports)} in printed order, each once; by protocol and then by ports where only the protocol
    cell names protocols. Remarks: footnote marks and purposes as printed, for the row's label. Where both cells name
    protocols, these are the same. Raises ValueError that quotes the cell.
    """
    protocols, marks = read_protocols(protocol)
    printed = protocol is not None and bool(str(protocol).strip())
    services: list[tuple[str, str]] = []
    cell: PortCell | None = None
    for name in protocols:
        if not has_ports(name):
            services.append((name.partition("/")[0], range_of(name, ports)))
        elif ports is None:
            raise ValueError(f"the column 'ports' is missing: {name} needs a value")
        elif cell is None:
            ported = [each for each in protocols if has_ports(each)]
            cell = read_ports(ports, tuple(ported) if printed else ())
            if printed:
                _check_same(protocol, ports, cell, ported)
            check_fit(ports, cell.purposes, ported, printed=printed)
            if len(ported) > 1 and not cell.named():
                _check_lines(str(protocol), str(ports))
            services += cell.services(ported)
    return services, capped([*marks, *(cell.labels if cell else ())])


def _check_lines(protocol: str, ports: str) -> None:
    """Raise ValueError where both cells have the same number of lines: each may be for the line of the other cell.

    Line breaks beside a separator are none.
    """
    names, numbers = _lines(protocol, str.strip), _lines(ports, unlabelled)
    if len(names) == 1 or len(names) != len(numbers):
        return
    named = [_upper(read_protocols(name)[0], "/") for name in names]
    each = "; ".join(f"{name} {number}" for name, number in zip(named, numbers, strict=True))
    every = f"{_upper(read_protocols(protocol)[0], '/')} {', '.join(numbers)}"
    ways = [f"'{way}'" for way in readable([each, every], lambda way: read_services("", way))]
    raise ValueError(
        f"protocol {quoted(protocol)} and ports {quoted(ports)} can be read in two ways: each line of one may belong "
        f"to a line of the other, or all to all: write {' or '.join(ways) or 'each protocol in front of its ports'}, "
        "as the cell of ports"
    )


def _lines(cell: str, bared: Callable[[str], str]) -> list[str]:
    """Return the lines of a cell that can be read, without bullets; C{bared}: takes from the cell what is no line."""
    text = bared(plain(clean(cell, "the cell"), "the cell"))
    bare = unbulleted(text, "the cell", str)
    return [line.removesuffix(",") for line in (bare if is_bulleted(text) else joined(bare)).split("\n")]


def _check_same(protocol: str | int | None, ports: str | int | None, cell: PortCell, protocols: Sequence[str]) -> None:
    """Raise ValueError where a cell of ports names other protocols than the row's protocol cell."""
    named = cell.named()
    if named and named != set(protocols):
        raise ValueError(
            f"ports {quoted(str(ports))} names {_upper(named)}, and the protocol is {quoted(str(protocol))}, "
            f"{_upper(protocols)}: write the one that is meant, in one of the two cells"
        )


def _upper(protocols: Sequence[str] | set[str], between: str = " and ") -> str:
    return between.join(name.upper() for name in sorted(protocols))
