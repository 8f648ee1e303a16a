# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and gateways with a real dnsmasq, a DNS above it that a test changes, and packets to what was learned.

gateway:  client ──veth── gateway (dnsmasq) ──veth── outside (the zone; answers for C{LIVE})
host:     host (dnsmasq) ──veth── outside
"""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any

from tests.support.hosts import firewalld, nftables
from tests.support.hosts.module import ModuleHost
from tests.support.names.dns_client import Answer, ask, ask_both
from tests.support.names.zone import Zone
from tests.support.namespaces import BITS, ENVIRONMENT, MACS, Namespace, add_addresses
from tests.support.packets import GATEWAY, NEXT_HOP, SOURCE, TCP, World, gateway_world, host_world
from tests.support.systems import system
from tests.support.waiting import GLANCE, PATIENCE, until

# What the outside answers for besides its own addresses: no special addresses, for those are never learned.
LIVE = {4: "52.84.0.0/16", 6: "2600:9000::/32"}
KEEPER = "/usr/local/sbin/egress-allowlist-names"
_DNSMASQ = "/etc/init.d/dnsmasq"


class NftHost(nftables.Host):
    """A host of the module nftables whose files and Python are those of its own system."""

    path: str = ENVIRONMENT["PATH"]

    def write(self, path: str, text: str) -> None:
        """Write a file of the host's; a link is replaced."""
        script = f"rm -f {path}; mkdir -p $(dirname {path}); cat > {path}"
        self.space.target(["sh", "-ec", script], input=text, check=True)

    def read(self, path: str) -> str:
        """Return a file's text, '' where there is none."""
        return self.space.target(["cat", path]).stdout


@dataclass
class NamesWorld:
    """A host or gateway with dnsmasq; C{upstream} and C{resolver}: who answers it, and whom its clients ask."""

    world: World
    host: ModuleHost
    zone: Zone
    upstream: dict[int, str]
    resolver: dict[int, str]

    def learn(self, *rows: dict, **options: Any) -> dict[str, Any]:
        """Apply rows with policy deny and dnsmasq, unless the filter's C{options} say else; return what is said."""
        choices = {"policy": "deny", "scope": self.world.scope, "names": "dnsmasq", **options}
        if self.world.scope == "host" and choices["names"] == "dnsmasq":
            choices.setdefault("names_resolv_conf", True)
        render = nftables.native if isinstance(self.host, NftHost) else firewalld.native
        return self.host.apply(render(*rows, **choices))

    @property
    def client(self) -> Namespace:
        """Return where the questions and the packets come from."""
        return self.world.sender

    def ask(
        self, name: str, kind: str = "A", *, version: int = 4, tcp: bool = False, seconds: float = PATIENCE
    ) -> Answer:
        """Ask dnsmasq; C{version} is that of the way to it."""
        return ask(self.client, self.resolver[version], name, kind, tcp=tcp, seconds=seconds)

    def ask_both(self, name: str) -> list[str]:
        """Ask dnsmasq for the addresses of both IP versions."""
        return ask_both(self.client, self.resolver[4], name)

    def opens(self, port: int, *addresses: str, protocol: int = TCP) -> list[bool]:
        """Say of each address whether the first packet to its port gets out."""
        parsed = [ip_address(address) for address in addresses]
        return self.world.probe([(protocol, address.version, int(address), port) for address in parsed])

    def left(self, domain: str, kind: str = "leased", version: int = 4) -> dict[str, float]:
        """Return the addresses of a domain in one of its sets (asked, leased), and how many seconds each is left."""
        return elements(self.world.host, self.table, f"{kind}{version}_{domain}")

    def copied(self, name: str) -> list[str]:
        """Return the addresses that firewalld has in its sets C{name-4} and C{name-6}."""
        return [address for v in (4, 6) for address in elements(self.world.host, "inet firewalld", f"{name}-{v}")]

    @property
    def table(self) -> str:
        """Return where the sets of names are."""
        return "inet egress_allowlist" if isinstance(self.host, NftHost) else "inet egress_allowlist_names"

    def keep(self) -> str:
        """Run the keeper once, as the timer does; returns what it says."""
        return self.host.shell(f"{KEEPER} run {self.host.name} 2>&1")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Run the keeper every second, as the timer does, until the end of the block."""
        end = threading.Event()

        def go_on() -> None:
            while not end.wait(1):
                self.keep()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def pause(self, seconds: float, *, forget: bool = True) -> None:
        """Take C{seconds} off what each address has left, as if they had passed; conntrack forgets its flows too."""
        pass_time(self.world.host, self.table, seconds)
        for family in ("ipv4", "ipv6") if forget else ():
            self.world.run(["conntrack", "-F", "-f", family], check=True)

    def flow(self, address: str, port: int) -> Flow:
        """Return a UDP flow from the client to an address of C{LIVE}."""
        return Flow(self.client, self.world.wire, address, port)

    def restart_dnsmasq(self) -> None:
        """Restart dnsmasq as a user does: its cache is empty afterwards."""
        self.host.shell(f"{_DNSMASQ} restart >/dev/null 2>&1")


# In one transaction, which fails when somebody else changed a set meanwhile: every element again with less time left.
_AGE = """
import json, subprocess, sys
family, table, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
listed = json.loads(subprocess.run(["nft", "-j", "list", "table", family, table], stdout=-1, check=True).stdout)
lines = []
for entry in listed["nftables"]:
    for member in entry.get("set", {}).get("elem", []):
        if isinstance(member, dict) and "expires" in member.get("elem", {}):
            where, element = f"element {family} {table} " + entry["set"]["name"], member["elem"]
            lines.append("delete %s { %s }" % (where, element["val"]))
            if element["expires"] > seconds:
                lines.append("add %s { %s expires %ds }" % (where, element["val"], element["expires"] - seconds))
subprocess.run(["nft", "-f", "-"], input="\\n".join(lines).encode(), check=True)
"""


def pass_time(space: Namespace, table: str, seconds: float) -> None:
    """Take C{seconds} off what each element of a table's sets has left, as if they had passed."""
    age = [sys.executable, "-c", _AGE, *table.split(), str(seconds)]
    assert until(lambda: space.run(age).returncode == 0), "its sets never stay as they were"


class Flow:
    """One UDP flow, both ends of it; C{there} answers each datagram with the same bytes."""

    def __init__(self, client: Namespace, outside: Namespace, address: str, port: int) -> None:
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = address
        self._port, self._count = port, 0
        self._there = outside.call(partial(_bound, self._family, address, port))
        self._client = client
        self._caller: tuple = ()
        self._here = self._open()

    def _open(self) -> socket.socket:
        return self._client.call(partial(socket.socket, self._family, socket.SOCK_DGRAM))

    def renew(self) -> None:
        """Go on from another port: a new flow to the same service."""
        self._here.close()
        self._here = self._open()

    def turn(self) -> bool:
        """Send a datagram there and its answer back; say whether both arrived."""
        return self._turn(PATIENCE)

    def stopped(self) -> bool:
        """Send a datagram there; say whether it was stopped."""
        return not self._turn(GLANCE)

    def _turn(self, seconds: float) -> bool:
        self._count += 1
        payload = b"%d" % self._count
        self._there.settimeout(seconds)
        try:
            self._here.sendto(payload, (self.address, self._port))
            while True:
                found, client = self._there.recvfrom(99)
                if found == payload:
                    break
        except OSError:
            return False
        self._caller = client
        return self.back(payload)

    def back(self, payload: bytes = b"back") -> bool:
        """Send a datagram to where the last one came from; say whether it arrived."""
        self._here.settimeout(PATIENCE)
        self._there.sendto(payload, self._caller)
        try:
            return self._here.recv(99) == payload
        except OSError:
            return False

    def close(self) -> None:
        """Close both ends."""
        self._there.close()
        self._here.close()


def _bound(family: int, address: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.bind((address, port))
    return opened


def elements(space: Namespace, table: str, name: str) -> dict[str, float]:
    """Return the addresses of a kernel set, and how many seconds each is left (inf: for ever)."""
    listed = space.target(["nft", "list", "set", *table.split(), name], check=True).stdout
    found = re.search(r"elements = \{(.*?)\}", listed, re.DOTALL)
    members = {}
    for member in found.group(1).split(",") if found else ():
        left = re.search(r"expires (\S+)", member)
        members[member.split()[0]] = _seconds(left.group(1)) if left else float("inf")
    return members


def _seconds(text: str) -> float:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[dhms])", text))


@contextmanager
def names_world(scope: str, backend: str = "nftables", suite: str = "bookworm") -> Iterator[NamesWorld]:
    """Yield a host or gateway (C{scope}) of this Debian, on which nothing runs yet; firewalld is started."""
    with (gateway_world if scope == "gateway" else host_world)(system(suite)) as world:
        upstream = NEXT_HOP if scope == "gateway" else GATEWAY
        if scope == "host":
            add_addresses(world.wire, "wire0", GATEWAY, BITS)
            world.wire.script(
                "".join(
                    f"ip -{version} neighbour replace {address} lladdr {MACS[0]} dev wire0 nud permanent\n"
                    for version, address in SOURCE.items()
                )
            )
        world.wire.script(
            "echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind\n"
            + "".join(f"ip -{version} route add local {prefix} dev lo\n" for version, prefix in LIVE.items())
        )
        zone = Zone(world.wire, list(upstream.values()))
        host = NftHost(world.host) if backend == "nftables" else firewalld.Host(world.host)
        host.shell(f"printf 'nameserver {upstream[4]}\\n' > /etc/resolv.conf; rm -f /etc/dnsmasq.d/*.conf")
        resolver = GATEWAY if scope == "gateway" else {4: "127.0.0.1", 6: "::1"}
        if isinstance(host, firewalld.Host):
            host.shell("firewall-offline-cmd --zone=public --add-service=dns >/dev/null")  # as who serves names has it
            host.shell(f"sed -i s/NftablesTableOwner=yes/NftablesTableOwner=no/ {firewalld.HOME}/firewalld.conf")
            # From 2.0 on firewalld asks no policy about packets between interfaces that are in no zone.
            for device in ("inside0", "outside0") if scope == "gateway" else ():
                host.shell(f"firewall-offline-cmd --zone=public --add-interface={device} >/dev/null")
            host.start()
        try:
            yield NamesWorld(world, host, zone, upstream, resolver)
        finally:
            zone.close()
