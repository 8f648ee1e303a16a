# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what nft prints and what we write, and say in a person's words how two rulesets differ.

Both texts have the same shape, C{table { <kind> <name> { ... } ... }}, so that one reader serves for
the ruleset that is wanted, the file of the last run, and the live listing of the kernel.
"""

from __future__ import annotations

import hashlib
import json
import re

_BLOCK = re.compile(r"^\t([a-z][a-z ]*) (\S+) \{[^\n]*\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)
_MAP = re.compile(r"(allowed|inbound)[46]_(tcp|udp)_(\d+(?:-\d+)?)$")  # a map's name
_ENTRY = re.compile(r'([0-9a-f.:]+(?:[-/][0-9a-f.:]+)?)(?: \. \w+)? : "([^"]+)"')
_NUMBERS = {"6": "tcp", "17": "udp"}  # what nft prints where the host has no /etc/protocols
_HEADERS = ("settings", "place", "loaded")
# Where it prints them: in a ct timeout, a rule, an element of a set.
_NUMBER = re.compile(r"((?: \.|^\t\tprotocol|\bl4proto) )(6|17)(?= \. \d| reject| : |$)", re.MULTILINE)
_HEADER = re.compile(r"^# ({}): (\{{.*\}})$".format("|".join(_HEADERS)), re.MULTILINE)
# Sets that fill while packets flow; a chain of the services of a name, and its rules for first packets.
_LEARNED = re.compile(r"(?:asked|leased)[46]_\S+|known[46]")
_NAME = re.compile(r"name[46]_(\S+)")
_PATTERNS = re.compile(r'^\t\tcomment "([^"]*)"$', re.MULTILINE)
_FIRST = re.compile(r'(tcp|udp) dport (\S+) ct state \S+ (?:ct timeout set "\S+" )?counter name "([^"]+)" accept')
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


def digests(found):
    """Return C{{"kind name": digest}} of blocks; counts, the order of elements and learned ones do not matter."""
    bodies = {key: _ELEMENTS.sub("", body) if learned(key) else body for key, body in sorted(found.items())}
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
        longest = int(float(declared["timeout"]))
        seconds = min(int(_seconds(left)), longest) if left else longest
        if seconds:
            found.append((-seconds, address))
    return [f"{address} expires {-seconds}s" for seconds, address in sorted(found)[: int(declared["size"])]]


def headers(text):
    """Return what a file of ours carries in comments."""
    found = {name: json.loads(value) for name, value in _HEADER.findall(text)}
    return {name: found.get(name, {}) for name in _HEADERS}


def header(name, value):
    """Return the comment line that C{headers} reads."""
    return f"# {name}: {json.dumps(value, sort_keys=True)}\n"


def entries(found):
    """Return C{{(direction, prefix, protocol, ports): label}} of the maps and the names among the blocks."""
    table = {}
    for (kind, name), body in found.items():
        service = _MAP.search(name) if kind == "map" else None
        if service:
            word, protocol, ports = service.groups()
            direction = "from" if word == "inbound" else "to"
            for prefix, label in _ENTRY.findall(body):
                full = "/128" if ":" in prefix else "/32"
                prefix = prefix[: -len(full)] if prefix.endswith(full) else prefix
                table[(direction, prefix, protocol, ports)] = label
        named_after = _NAME.fullmatch(name) if kind == "chain" else None
        if named_after:
            patterns = _PATTERNS.search(found.get(("set", name.replace("name", "leased", 1)), ""))
            patterns = patterns.group(1) if patterns else named_after.group(1)
            for protocol, ports, label in _FIRST.findall(body):
                table[("to", patterns, protocol, ports)] = label
    return table


def difference(old, new, owned):
    """Return lines C{- udp/3478 to 3.25.48.0/28  kudo: media} and C{+ ...} that lead from old to new entries."""
    lines = []
    for key in sorted(
        set(old.items()) ^ set(new.items()), key=lambda item: (item[1], item[0], new.get(item[0]) == item[1])
    ):
        (direction, prefix, protocol, ports), label = key
        sign = "+" if new.get(key[0]) == label else "-"
        lines.append(f"{sign} {protocol}/{ports} {direction} {prefix}  {words(label, owned)}")
    return lines


def words(label, owned):
    """Return C{kudo: media, zoom: meetings} for the counter C{kudo/media.zoom/meetings}."""
    return label[len(owned) :].replace(".", ", ").replace("/", ": ")


def settings_difference(old, new):
    """Return lines C{~ policy: audit -> deny} for the settings that differ."""
    names = sorted(name for name in set(old) | set(new) if old.get(name) != new.get(name))
    return ["~ {}: {} -> {}".format(name, old.get(name) or "none", new.get(name) or "none") for name in names]


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
