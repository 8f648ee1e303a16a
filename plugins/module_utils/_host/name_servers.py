# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name servers that this host asks, read from its files; and the program that lets it ask them when they change.

The module nftables puts this file on the host as that program, with a unit that runs it when one of these files
changes: it imports nothing of ours. It brings the sets of name servers in our table, from which only port 53 is open,
to what the host's files name now. It changes nothing where the rules that are in force name servers of their own, where
they are not loaded, and where no file names a server (a lease that ends, say): those of before stay.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import re
import socket
import subprocess

# Where the real servers stand when /etc/resolv.conf names a stub on the loopback.
RESOLVERS = (
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
)
# As it was before /etc/resolv.conf became ours, and whom else the host's dnsmasq asks; not what we told it.
FORMER, MINE = "/var/lib/egress-allowlist/resolv.conf", "# made by egress.allowlist"
FORWARDERS = ("/etc/dnsmasq.conf", "/etc/dnsmasq.d/*")
NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
# Of dnsmasq's files: a server that is asked at port 53, and one with a port.
_TO = r"^\s*(?:(?:server|local)\s*=\s*(?:/\S*/)?|rev-server\s*=\s*[^,\s]+,)([0-9A-Fa-f.:]+)"
_FORWARDER = re.compile(_TO + r"(?:#53)?(?=[@\s]|$)", re.MULTILINE)
FORWARDER_PORTS = re.compile(_TO + r"#(\d{1,5})(?=[@\s]|$)", re.MULTILINE)
_MAPPED, _NOBODY = "::ffff:", ("::1", "::", "0.0.0.0")

FOLLOWED = "those of the host, followed"  # the setting "dns servers" of rules whose sets this program fills
TABLE, SETS = "inet egress_allowlist", {4: "dns4", 6: "dns6"}
RUN = "/run/egress-allowlist"
_LOCK, _ROLLBACK = RUN + "/nftables.lock", RUN + "/nftables.rollback"
_CANDIDATE, _CONFIRMED = "/etc/egress-allowlist/.nftables.nft.unconfirmed", "/etc/egress-allowlist/nftables.nft"
_SETTINGS = re.compile(r"^# settings: (\{.*\})$", re.MULTILINE)


def name_servers():
    """Return the addresses that the host asks for names, without the loopback's; sorted."""
    texts = list(_read_all(RESOLVERS))
    if any(text.startswith(MINE) for text in texts):
        texts += _read_all([FORMER])
    found = [address for text in texts for address in NAMESERVER.findall(text)]
    forwarders = [text for text in _read_all(FORWARDERS) if not text.startswith(MINE)]
    found += [address for text in forwarders for address in _FORWARDER.findall(text)]
    return addresses(found)[0]


def addresses(candidates):
    """Return C{(sorted addresses, others)}: scopes of link-local addresses are cut off, the loopback's left out.

    So are the unspecified ones, which name the host itself; an IPv4 address that is written as one of IPv6 is IPv4.
    """
    found, others = set(), set()
    for candidate in candidates:
        plain = candidate.partition("%")[0]
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                plain = socket.inet_ntop(family, socket.inet_pton(family, plain))
            except OSError:
                continue
            plain = plain[len(_MAPPED) :] if plain.startswith(_MAPPED) and "." in plain else plain
            if not plain.startswith("127.") and plain not in _NOBODY:
                found.add(plain)
            break
        else:
            others.add(candidate)
    return sorted(found), others


def by_version(found):
    """Return C{{4: addresses, 6: addresses}}."""
    return {version: [each for each in found if (":" in each) == (version == 6)] for version in (4, 6)}


def transaction(found):
    """Return what nft takes to have these servers, and no others, in the sets."""
    lines = []
    for version, members in by_version(found).items():
        lines.append(f"flush set {TABLE} {SETS[version]}")
        if members:
            lines.append("add element {} {} {{ {} }}".format(TABLE, SETS[version], ", ".join(members)))
    return "\n".join(lines) + "\n"


def follow():
    """Bring the sets to what the host's files name, until these do not change meanwhile; returns the exit status."""
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    with open(_LOCK, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed: no run changes rules meanwhile
        done, failed = None, False
        while _followed():
            found = name_servers()
            if not found or found == done or f"table {TABLE}" not in _nft("list", "tables").splitlines():
                return 0
            try:
                _nft("-f", "-", text=transaction(found))
                done, failed = found, False
            except SystemExit:  # somebody may have flushed all tables since these were listed: look again, once
                if failed:
                    raise
                failed = True
    return 0


def _followed():
    """True where the rules in force are to follow the host; a change that waits for its confirmation is in force."""
    waits = os.path.exists(_CANDIDATE) and os.path.exists(_ROLLBACK)
    for text in _read_all([_CANDIDATE if waits else _CONFIRMED]):
        found = _SETTINGS.search(text)
        return bool(found) and json.loads(found.group(1)).get("dns servers") == FOLLOWED
    return False


def _read_all(patterns):
    """Yield the texts of all regular files whose paths match; those that cannot be read are passed over."""
    for pattern in patterns:
        for path in filter(os.path.isfile, sorted(glob.glob(pattern))):
            try:
                with open(path, encoding="utf-8", errors="replace") as handle:
                    yield handle.read()
            except OSError:
                continue


def _nft(*arguments, text=None):
    """Run nft with a text as its input; returns its output, ends the program with its complaint where it fails."""
    path = "/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", "/usr/bin:/bin")
    done = subprocess.run(  # pylint: disable=E5103 # no module runs here: there is no run_command
        ["nft", *arguments], input=text, capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False
    )
    if done.returncode:
        raise SystemExit("name servers: nft: " + (done.stderr.strip() or f"status {done.returncode}"))
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(follow())
