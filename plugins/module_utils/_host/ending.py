# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of many flows: conntrack is told over one netlink socket, thousands in a second.

Flows of protocols without ports are few, and ended by one command each.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time

from . import flows
from .applier import ToolError

SECONDS = 60  # for all flows together
_NETFILTER = 12  # the family of netlink sockets
_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_REQUEST, _ACKNOWLEDGED = 1, 4  # NLM_F_REQUEST, NLM_F_ACK
_ERROR = 2  # NLMSG_ERROR, which an acknowledgement is too
_NESTED = 0x8000
# Of linux/netfilter/nfnetlink_conntrack.h.
_TUPLE, _ZONE, _ADDRESSES, _PROTOCOL = 1, 18, 1, 2
_ENDS = {4: (1, 2), 6: (3, 4)}  # CTA_IP_V4_SRC and its siblings
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_HEADER = struct.Struct("=IHHII")
_NUMBERS = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132, "udplite": 136}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_AT_ONCE = 64  # requests whose answers the socket holds with ease


def end_all(run, conntrack, found):
    """Have conntrack forget flows; those that have ended meanwhile are no error.

    C{run}, C{conntrack}: as in C{flows.end}. Raises ToolError, which says how many are left, and OSError.
    """
    deadline = time.monotonic() + SECONDS
    told = [flow for flow in found if flow.ports and flow.protocol in _NUMBERS]
    others = [flow for flow in found if not (flow.ports and flow.protocol in _NUMBERS)]
    left = len(found)

    def in_time():
        if time.monotonic() > deadline:
            raise ToolError(f"it takes longer than {SECONDS} seconds, {left} of {len(found)} are left")

    if told:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as link:
            link.bind((0, 0))
            link.settimeout(SECONDS)
            for first in range(0, len(told), _AT_ONCE):
                in_time()
                part = told[first : first + _AT_ONCE]
                _end(link, part)
                left -= len(part)
    for flow in others:
        in_time()
        flows.end(run, conntrack, flow)
        left -= 1


def _end(link, part):
    """Have some flows forgotten; each request is answered."""
    link.send(b"".join(request(flow, number) for number, flow in enumerate(part)))
    answers = 0
    while answers < len(part):
        data = link.recv(1 << 16)
        while data:
            size, kind, dummy, number, dummy = _HEADER.unpack_from(data)
            if kind != _ERROR:
                raise ToolError(f"conntrack answers with a message of the unknown kind {kind}")
            code = -struct.unpack_from("=i", data, _HEADER.size)[0]
            if code not in (0, errno.ENOENT):
                raise ToolError(f"conntrack does not end the flow {part[number]}: {os.strerror(code)}")
            answers += 1
            data = data[size + -size % 4 :]


def request(flow, number):
    """Return the netlink message that has a flow forgotten; C{number}: by which its answer is known."""
    pair = zip(_ENDS[flow.version], (flow.source, flow.destination))  # noqa: B905 # Python 3.8 knows no strict
    addresses = b"".join(_attribute(kind, socket.inet_pton(_FAMILIES[flow.version], end)) for kind, end in pair)
    protocol = _attribute(_NUMBER, struct.pack("=B", _NUMBERS[flow.protocol]))
    protocol += _attribute(_SOURCE_PORT, struct.pack("!H", flow.ports[0]))
    protocol += _attribute(_DESTINATION_PORT, struct.pack("!H", flow.ports[1]))
    ends = _attribute(_ADDRESSES | _NESTED, addresses) + _attribute(_PROTOCOL | _NESTED, protocol)
    body = struct.pack("=BBH", _FAMILIES[flow.version], 0, 0) + _attribute(_TUPLE | _NESTED, ends)
    if flow.zone:
        body += _attribute(_ZONE, struct.pack("!H", int(flow.zone)))
    return _HEADER.pack(_HEADER.size + len(body), _DELETE, _REQUEST | _ACKNOWLEDGED, number, 0) + body


def _attribute(kind, value):
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)
