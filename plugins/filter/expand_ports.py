# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter C(expand_ports)."""

from __future__ import annotations

DOCUMENTATION = r"""
name: expand_ports
short_description: Turn a cell of ports into ports and port ranges
version_added: "0.1.0"
description:
  - Turns what a vendor prints in a port column into a list of ports and port ranges.
  - Accepts a port, a range with any dash, a colon or C(to), lists separated by commas, semicolons, slashes,
    ampersands, plus signs, C(and), C(or) or spaces, C(any), C(> 1024), C(1024+) and the like; words such as C(Port:)
    and C(only), footnote marks, and a remark in parentheses on what the traffic is for.
  - The cell may name the protocols of its ports, C(443/TCP), C(UDP 3478, 3479), if all have the same. Ports with
    different ones, C(TCP:443 UDP:3478), are an error; P(egress.allowlist.expand_rows#filter) reads them.
  - A comma, a point or a space between one or two digits and exactly three may group thousands. If all of a cell as
    thousands give valid ports and all as separators do not, they do (C(10,000), C(8,801-8,810)). If both are valid,
    the cell is an error. Otherwise every mixture is tried, and one that is valid is taken (C(80,443,10,000-20,000)).
    C(8,443) may be ports 8 and 443 or port 8443, which is an error; C(8443) and C(8, 443) say what is meant. A point
    only ever groups.
  - Behind a slash, an ampersand, a plus sign, C(and) or C(or), a number with fewer digits may be shorthand.
    C(5060/61) may be ports 5060 and 61 or 5060 and 5061, which is an error where the completed port is 1 to 20 above
    the one before. C(443/5349) and C(5349/443) are lists.
  - Lines that all begin with the same bullet are a list. A dash at a line break, which may be a bullet or belong to a
    range, is an error, and so are numbers that may count lines (C(1 - 80) above C(3 - 443)), a port that a space may
    have broken (C(34 78)), and a colon with a space beside it.
  - Port 0, ports above 65535, leading zeros, an inverted range and an empty cell are errors; C(0-65535) is
    C(1-65535). C(docs/cells.md) of the collection lists every form.
options:
  _input:
    description: A cell; a number is accepted for a single port.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Lists and ranges, as vendors print them
  ansible.builtin.assert:
    that:
      - "'443/5349' | egress.allowlist.expand_ports == ['443', '5349']"
      - "'80 &443' | egress.allowlist.expand_ports == ['80', '443']"
      - "'6000-65535' | egress.allowlist.expand_ports == ['6000-65535']"
      - "'8801:8810' | egress.allowlist.expand_ports == ['8801-8810']"
      - "'any' | egress.allowlist.expand_ports == ['1-65535']"
      - "'1024 and above' | egress.allowlist.expand_ports == ['1024-65535']"
      - "'Ports 443/TCP (1)' | egress.allowlist.expand_ports == ['443']"

- name: Commas that group thousands, and commas that separate
  ansible.builtin.assert:
    that:
      - "'10,000 – 60,000' | egress.allowlist.expand_ports == ['10000-60000']"
      - "'10,000-60,000, 443' | egress.allowlist.expand_ports == ['10000-60000', '443']"
      - "'1,2' | egress.allowlist.expand_ports == ['1', '2']"
"""

RETURN = r"""
_value:
  description: Ports and inclusive port ranges in printed order, each once.
  type: list
  elements: str
  sample: ["443", 6000-60000]
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.egress.allowlist.plugins.plugin_utils._ansible import plain
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.ports import expand_ports


def expand_ports_filter(cell: Any) -> list[str]:
    """Return expand_ports of plain copies; what is wrong becomes an error of the filter."""
    try:
        return expand_ports(plain(cell))
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return it under its name."""
        return {"expand_ports": expand_ports_filter}
