# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a row: its protocol cell and its cell of ports, read together."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.egress.allowlist.plugins.plugin_utils._model.services import has_ports
from ansible_collections.egress.allowlist.plugins.plugin_utils._model.text import quoted

from .ip_protocols import range_of
from .marks import capped
from .port_purposes import check_fit
from .ports import PortCell, read_ports
from .protocols import read_protocols


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
            services += cell.services(ported)
    return services, capped([*marks, *(cell.labels if cell else ())])


def _check_same(protocol: str | int | None, ports: str | int | None, cell: PortCell, protocols: Sequence[str]) -> None:
    """Raise ValueError where a cell of ports names other protocols than the row's protocol cell."""
    named = cell.named()
    if named and named != set(protocols):
        raise ValueError(
            f"ports {quoted(str(ports))} names {_upper(named)}, and the protocol is {quoted(str(protocol))}, "
            f"{_upper(protocols)}: write the one that is meant, in one of the two cells"
        )


def _upper(protocols: Sequence[str] | set[str]) -> str:
    return " and ".join(sorted(protocols)).upper().replace(" AND ", " and ")
