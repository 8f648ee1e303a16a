# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of this host that the policy deny stops although they began before it, and notes about them."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._host import connections, flows
from ansible_collections.egress.allowlist.plugins.module_utils._host.flows import Flow

from .opened import opened
from .released import ANY, completed

_MOST = 5  # connections that a note names
_REMEDY = "apply the policy audit first: conntrack knows a connection once a packet of it has passed"


def resets(find, run, wanted, live, settings):
    """Return a note on TCP connections that conntrack does not know and the wanted rules do not let through.

    C{find} and C{run}: as for C{connections.unknown}; C{wanted}: the text of the rules; C{live}: the blocks that run;
    C{settings}: of the wanted rules, with the local ports whose answers pass. Raises ToolError where conntrack does not
    answer.
    """
    found = connections.unknown(find, run)
    if found is None:
        return [
            "which connections of this host conntrack knows cannot be read (install the package conntrack); those that "
            f"it does not know are stopped when the host sends next, unless they are allowed: {_REMEDY}"
        ]
    management = settings.get("management ports", "").split(", ")
    ends = {_flow(each): each for each in found if str(each.local_port) not in management}
    listed, others, filtered = opened(completed(wanted, live))
    stopped = flows.chosen(ends, ANY, [*listed, *others], filtered, {each.local for each in found})
    if not stopped:
        return []
    shown = sorted({str(ends[flow]) for flow in stopped})
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    count = f"{len(stopped)} established TCP connection{'s' * (len(stopped) > 1)} of this host"
    return [
        f"conntrack does not know {count} ({', '.join(shown[:_MOST])}{more}), and takes the next packet for that of a "
        f"new one: stopped when the host sends it; {_REMEDY}"
    ]


def _flow(each):
    return Flow(
        6 if ":" in each.local else 4, "tcp", "", each.local, each.remote, (each.local_port, each.remote_port),
        each.remote, each.local, (each.remote_port, each.local_port),
    )  # fmt: skip
