# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what nft prints and what we write.

Both texts have the same shape, C{table { <kind> <name> { ... } ... }}, so that one reader serves for
the ruleset that is wanted, the file of the last run, and the live listing of the kernel.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re

_BLOCK = re.compile(r"^\t([a-z][a-z ]*) (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_NUMBERS = {"6": "tcp", "17": "udp"}  # what nft prints where the host has no /etc/protocols
_HEADERS = ("settings", "vendors", "place", "loaded")
# Where it prints them: in a ct timeout, a rule, an element of a set.
_NUMBER = re.compile(r"((?: \.|^\t\tprotocol|\bl4proto) )(6|17)(?= \. \d| reject| : |$)", re.MULTILINE)
_HEADER = re.compile(r"^# ({}): (\{{.*\}})$".format("|".join(_HEADERS)), re.MULTILINE)
# Sets that fill while packets flow.
_LEARNED = re.compile(r"(?:asked|leased)[46]_\S+|known[46]")
_LEASE = re.compile(r"([0-9a-f.:]*[.:][0-9a-f.:]*)(?: timeout \w+)?(?: expires (\w+))?")
_TIME = re.compile(r"(\d+)(ms|[dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_COUNTS = re.compile(r"packets \d+ bytes \d+")
_ELEMENTS = re.compile(r"elements = \{(.*?)\}", re.DOTALL)


def blocks(text, owned=""):
    """Return C{{(kind, name): body}} of the blocks of a table whose names start with C{owned}.

    The chain of that name without its trailing underscore is ours too.
    """
    return {
        (match.group(1), match.group(2)): match.group(3)
        for match in _BLOCK.finditer(text)
        if match.group(2).startswith(owned) or match.group(2) == owned.rstrip("_")
    }


def named(listing):
    """Return a listing as nft prints it where it knows the names of protocols; it does not read all numbers back."""
    listing = _NUMBER.sub(lambda match: match.group(1) + _NUMBERS[match.group(2)], listing)
    return listing.replace("meta l4proto { 6, 17 }", "meta l4proto { tcp, udp }")


def asleep(listing):
    """True when somebody switched a table off."""
    return re.search(r"^\tflags .*\bdormant\b", listing, re.MULTILINE) is not None


def digests(found, filled=()):
    """Return C{{"kind name": digest}} of blocks; counts, the order of elements and learned ones do not matter.

    C{filled}: the C{(kind, name)} of sets that something else fills.
    """
    free = {key for key in found if learned(key) or key in filled}
    bodies = {key: _ELEMENTS.sub("", body) if key in free else body for key, body in sorted(found.items())}
    return {" ".join(key): hashlib.sha256(_normal(body).encode()).hexdigest()[:16] for key, body in bodies.items()}


def learned(key):
    """True for the C{(kind, name)} of a set that fills while packets flow."""
    return key[0] == "set" and _LEARNED.fullmatch(key[1]) is not None


def alike(body, other):
    """True when two learned sets are declared alike, whichever nft printed them."""
    return _declared(body) == _declared(other)


def _declared(body):
    """Return the lines of a declaration; a timeout in seconds, and without the flag that it stands for."""
    lines = set()
    for line in declaration(body).split("; "):
        name, dummy, value = line.partition(" ")
        if name == "flags":
            value = sorted(set(value.split(",")) - {"timeout"})
        lines.add((name, str(_seconds(value) if name == "timeout" else value)))
    return lines - {("flags", "[]")}


def _seconds(text):
    """Return the seconds of C{1d2h}, or of C{86400s}."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _TIME.findall(text))


def moved(live, wanted):
    """Return what a learned set holds, as elements of one that is declared as C{wanted}.

    No lease becomes longer than it is, nor than the new one; where not all fit, those go that end first.
    """
    match, declared = _ELEMENTS.search(live), dict(_declared(wanted))
    found = []
    for address, left in _LEASE.findall(match.group(1)) if match else []:
        longest = int(float(declared.get("timeout", 0)))
        seconds = min(int(_seconds(left)), longest) if left else longest
        if seconds:
            found.append((-seconds, address))
    return [f"{address} expires {-seconds}s" for seconds, address in sorted(found)[: int(declared.get("size", 0))]]


def headers(text):
    """Return what a file of ours carries in comments."""
    found = {}
    for name, value in _HEADER.findall(text):
        with contextlib.suppress(ValueError):  # somebody changed it: then it says nothing
            found[name] = json.loads(value)
    return {name: found.get(name, {}) for name in _HEADERS}


def header(name, value):
    """Return the comment line that C{headers} reads."""
    return f"# {name}: {json.dumps(value, sort_keys=True)}\n"


def declaration(body):
    """Return the body of a set or map without its elements, fit for C{add set}."""
    return "; ".join(line.strip() for line in _ELEMENTS.sub("", body).splitlines() if line.strip())


def _normal(body):
    """Return a body in which only its meaning is left."""
    body = _COUNTS.sub("", body)
    match = _ELEMENTS.search(body)
    members = sorted(" ".join(member.split()) for member in match.group(1).split(",")) if match else []
    rest = [" ".join(line.split()) for line in _ELEMENTS.sub("", body).splitlines()]
    return "\n".join([line for line in rest if line] + members)
