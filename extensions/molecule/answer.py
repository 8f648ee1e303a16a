# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer of the test containers: answers C{ok} to every TCP connection and every datagram on port 7.

C{answer dial ADDRESS PORT} joins standard input and output to a TCP port instead.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

PORT = 7


def serve_tcp() -> None:
    """Answer each connection at once and close it."""
    with socket.create_server(("::", PORT), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True) as server:
        while True:
            connection, _client = server.accept()
            with connection:
                connection.sendall(b"ok")


def serve_udp() -> None:
    """Answer each datagram."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", PORT))
        while True:
            _data, client = server.recvfrom(2048)
            server.sendto(b"ok", client)


def dial(address: str, port: int) -> None:
    """Copy both ways until either side closes."""
    with socket.create_connection((address, port)) as connection:

        def send() -> None:
            while data := os.read(0, 65536):
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        while data := connection.recv(65536):
            os.write(1, data)


if sys.argv[1:2] == ["dial"]:
    dial(sys.argv[2], int(sys.argv[3]))
else:
    threading.Thread(target=serve_udp, daemon=True).start()
    serve_tcp()
