# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply KUDO's allowlist with policy deny, send a few real packets, apply it again.

Runs inside the sandbox that demo.sh makes: no packet leaves it, no file of the machine changes. At the other end of
a veth pair a peer plays the internet: it has the addresses that are asked and answers on all their ports.
"""

from __future__ import annotations

import re
import select
import socket
import subprocess
import sys
import tempfile
import time

PLAYBOOK = [".venv/bin/ansible-playbook", "playbooks/apply-kudo.yml", "-e", "nftables_egress_policy=deny"]
ACCEPTED = ["-e", "nftables_egress_names=report"]
PACKETS = [  # protocol, address, port, what it is
    ("tcp", "44.194.123.245", 443, "KUDO's server in the USA"),
    ("udp", "3.25.48.193", 3478, "KUDO's media"),
    ("tcp", "168.100.127.255", 443, "KUDO's media, the last address of the last prefix"),
    ("tcp", "44.194.123.245", 80, "the same server, another port"),
    ("udp", "3.25.48.193", 3479, "the same media address, one port further"),
    ("tcp", "3.25.48.191", 443, "one address before a media prefix"),
    ("tcp", "192.0.2.1", 443, "somebody else"),
]
IP_PKTINFO = 8
WANTED = [True] * 3 + [False] * 4


class Failed(Exception):
    """What went otherwise than it should, in words for the reader."""


def main() -> int:
    """Run the demonstration; the exit status is 0 when all of it went as it should, else the reason is on stderr."""
    peer = subprocess.Popen(["unshare", "--net", sys.executable, __file__, "peer"], stdout=subprocess.PIPE, text=True)
    try:
        hear(peer, "here")
        ip(f"link add out type veth peer name in netns {peer.pid}")
        ip("address add 198.18.0.1/30 dev out", "link set out up", "route add default via 198.18.0.2")
        hear(peer, "ready")
        demonstrate()
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    finally:
        peer.kill()
    return 0


def hear(peer: subprocess.Popen[str], word: str) -> None:
    """Wait until the peer says the word; raise Failed when it ends instead."""
    if peer.stdout.readline().strip() != word:
        raise Failed(f"the peer that plays the internet ended before it was {word}")


def demonstrate() -> None:
    """Apply the allowlist, send packets, apply it again; raise Failed at the first step that goes otherwise."""
    title("First run: ansible-playbook playbooks/apply-kudo.yml")
    play("the first run")
    title("Real packets")
    wrong = 0
    for (protocol, address, port, what), wanted in zip(PACKETS, WANTED, strict=True):
        arrived = reach(protocol, address, port)
        remark = "" if arrived == wanted else f" -- should be {'allowed' if wanted else 'stopped'}"
        wrong += arrived != wanted
        print(f"  {'allowed' if arrived else 'stopped'}  {protocol}/{port:<5} {address:<16} {what}{remark}", flush=True)
    if wrong:
        raise Failed(f"{wrong} of {len(PACKETS)} packets went otherwise than the allowlist says")
    title("Second run")
    recap = play("the second run", quiet=True).splitlines()[-1]
    print(recap, flush=True)
    if "changed=0 " not in recap:
        raise Failed("the second run changed something")


def play(name: str, quiet: bool = False) -> str:
    """Run the playbook and return what it printed without empty lines; the summary's lines lose their quotes.

    Warnings on stderr are shown only when the run fails; then Failed is raised.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(PLAYBOOK + ACCEPTED, stdout=subprocess.PIPE, stderr=complaints, text=True)
        lines = []
        for line in process.stdout:
            text = re.sub(r'^ {8}"(.*?)",?$', r"\1", line.rstrip("\n")).replace('\\"', '"')
            lines.append(text)
            if not quiet and text.strip():
                print("" if text.endswith('"msg": [') else text, flush=True)
        printed = "\n".join(line for line in lines if line.strip())
        if process.wait() == 0 and printed:
            return printed
        if quiet:
            print(printed, flush=True)
        complaints.seek(0)
        sys.stderr.write(complaints.read())
    raise Failed(f"{name} failed: ansible-playbook ended with {process.returncode} and said the above")


def reach(protocol: str, address: str, port: int) -> bool:
    """Tell whether the peer answers."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as client:
        client.settimeout(2)
        try:
            client.connect((address, port))
            client.send(b"hello")
            return client.recv(5) == b"hello"
        except OSError:
            return False


def play_the_internet() -> None:
    """Be the peer: the addresses of the packets are its own, and what is sent to it comes back."""
    print("here", flush=True)
    while subprocess.run(["ip", "link", "show", "in"], capture_output=True, check=False).returncode:
        time.sleep(0.02)
    ip("link set lo up", "address add 198.18.0.2/30 dev in", "link set in up")
    ip(*(f"route replace local {address} dev lo" for dummy, address, dummy, dummy in PACKETS))
    servers = []
    for kind, port in {(socket.SOCK_STREAM if p == "tcp" else socket.SOCK_DGRAM, n) for p, dummy, n, dummy in PACKETS}:
        server = socket.socket(socket.AF_INET, kind)
        server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        server.bind(("", port))
        servers.append(server)
    print("ready", flush=True)
    answer(servers)


def answer(servers: list[socket.socket]) -> None:
    """Send back the first bytes of every connection and datagram."""
    for server in servers:
        if server.type == socket.SOCK_STREAM:
            server.listen()
    while True:
        for server in select.select(servers, [], [])[0]:
            if server.type == socket.SOCK_STREAM:
                with server.accept()[0] as connection:
                    connection.sendall(connection.recv(5))
            else:
                # Answer from the address that was asked, whichever it was.
                data, control, dummy, client = server.recvmsg(5, 64)
                server.sendmsg([data], control, 0, client)


def ip(*commands: str) -> None:
    """Run commands of ip(8)."""
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["peer"]:
        play_the_internet()
    sys.exit(main())
