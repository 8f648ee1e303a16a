# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read firewalld's objects, from files or as they run, and say in a person's words how two sets of them differ.

Files of either hand, ours and firewalld's own, and what firewalld says of what runs are brought to one shape, a dict:

  - a policy: C{short, description, target, priority, ingress, egress, rules, more}
  - an ipset: C{short, description, type, options, entries}
  - a service: C{short, description, ports, more}, with protocols among the ports

with lists in ascending order, and in C{more} what we never write. They are kept by name: C{policies/egress-allow-host}.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from ansible_collections.egress.allowlist.plugins.module_utils._host.files import encode
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors
from ansible_collections.egress.allowlist.plugins.module_utils._model.protocols import (
    canonical_type,
    printed,
    service,
)

MARK = "Made by egress.allowlist."
_TOLD = ("short", "description")
_KINDS = {"policies": "policy", "ipsets": "ipset", "services": "service"}
_SERVERS = {"dns": "name server", "ntp": "time server", "dhcp": "DHCP server", "sources": "source"}
_OPENED = re.compile(r'(destination|source) ipset="([^"]+)" service name="([^"]+)" accept$')
_TYPE = re.compile(
    r'family="ipv([46])".* (destination|source) ipset="(egress-(?!allow-)[^"]+)" icmp-type name="([^"]+)" accept$'
)
_SET = re.compile(r"ipsets/egress-allow-(dns|ntp|dhcp|sources)-[46]$")
# What the host fills, so that its entries are nowhere in firewalld's words; and what keeps special addresses out of it.
_LEARNED = "ipsets/egress-n-"
_GUARD = 'destination ipset="egress-allow-special-'
_ASKING = re.compile(r"services/|ipsets/egress-(?!allow-|n-)")  # whose short description names who asks
_BOUNDS = {"timeout": "names lease", "maxelem": "names max addresses"}
_MORE = (
    "protocols",
    "icmp_blocks",
    "masquerade",
    "forward_ports",
    "source_ports",
    "modules",
    "includes",
    "helpers",
)


def is_ours(found):
    """True for an object (None: one that cannot be read) that bears our mark."""
    return found is not None and found["description"].startswith(MARK)


def parse(kind, text):
    """Return the object of a file of C{kind} (C{policies}), None where the text is none."""
    try:
        return _parsed(kind, ElementTree.fromstring(encode(text)))
    except (ElementTree.ParseError, ValueError, TypeError):  # somebody broke it
        return None


def _parsed(kind, root):
    """Return the object of an element, None of another kind; raises ValueError or TypeError where it is broken."""
    found = {"short": "", "description": ""}
    if root.tag != _KINDS[kind]:
        return None
    if kind == "policies":
        found.update(target=root.get("target", "CONTINUE"), priority=int(root.get("priority", "-1")))
        found.update(ingress=[], egress=[], rules=[], more=[])
    elif kind == "ipsets":
        found.update(type=root.get("type", ""), options={}, entries=[])
    else:
        found.update(ports=[], more=[])
    for part in root:
        _add(found, part)
    return _ordered(found)


def _add(found, part):
    """Add what one element of a file says."""
    if part.tag in ("short", "description"):
        found[part.tag] = part.text or ""
    elif part.tag in ("ingress-zone", "egress-zone") and "rules" in found:
        found[part.tag.partition("-")[0]].append(part.get("name"))
    elif part.tag == "rule" and "rules" in found:
        found["rules"].append(_rule(part))
    elif part.tag == "option" and "options" in found:
        found["options"][part.get("name")] = part.get("value", "")
    elif part.tag == "protocol" and "ports" in found:
        found["ports"].append(printed(part.get("value", "")))
    elif part.tag == "entry" and "entries" in found:
        found["entries"].append(_entry(part.text or ""))
    elif part.tag == "port" and "ports" in found:
        found["ports"].append("{}/{}".format(part.get("protocol"), part.get("port")))
    else:
        found.setdefault("more", []).append(_words(part))


def running(kind, settings):
    """Return the object that firewalld says it runs, in the shape of C{parse}."""
    found = {"short": settings.get("short", ""), "description": settings.get("description", "")}
    if kind == "policies":
        found.update(target=settings["target"], priority=int(settings.get("priority", -1)))
        found.update(ingress=settings.get("ingress_zones", []), egress=settings.get("egress_zones", []))
        found.update(rules=settings.get("rich_rules", []), more=_more(settings, "services", "ports"))
    elif kind == "ipsets":
        found.update(type=settings["type"], options=settings["options"])
        found.update(entries=[_entry(entry) for entry in settings["entries"]])
    else:
        found.update(ports=["{1}/{0}".format(*port) for port in settings.get("ports", [])])
        found["ports"] += [printed(protocol) for protocol in settings.get("protocols", [])]
        found.update(more=_more({name: value for name, value in settings.items() if name != "protocols"}))
    return _ordered(found)


def _more(settings, *others):
    """Return what we never write: C{services ssh}."""
    found = []
    for name in (*_MORE, *others):
        value = settings.get(name) or []
        for item in value if isinstance(value, (list, tuple)) else [value]:
            found.append("{} {}".format(name, "/".join(item) if isinstance(item, (list, tuple)) else item))
    return found


def _ordered(found):
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


def _rule(element):
    """Return a rich rule as firewalld writes it on one line."""
    attributes = "".join(f' {name}="{element.get(name)}"' for name in ("priority", "family") if element.get(name))
    order = ("source", "destination", "", "log", "audit", "accept", "reject", "drop", "mark")
    place = {tag: number for number, tag in enumerate(order)}
    parts = sorted(element, key=lambda part: place.get(part.tag, 2))
    return "rule" + attributes + "".join(" " + _words(part) for part in parts)


def _words(element):
    """Return an element as a rich rule writes it."""
    attributes = [f'{name}="{value}"' for name, value in element.items() if (name, value) != ("burst", "0")]
    return " ".join([element.tag, *attributes, *(_words(part) for part in element)])


def _entry(entry):
    for full in ("/32", "/128"):
        if entry.endswith(full) and (":" in entry) == (full == "/128"):
            return entry[: -len(full)]
    return entry


def differences(old, new):
    """Return lines that lead from the objects C{{name: object}} of C{old} to those of C{new}."""
    lines = _differing(_opened(old), _opened(new)) + _differing(_listed(old), _listed(new))
    before, after = _settings(old), _settings(new)
    for name in sorted(set(before) | set(after)):
        if before.get(name) != after.get(name):
            lines.append("~ {}: {} -> {}".format(name, before.get(name, "none"), after.get(name, "none")))
    if before == after:
        for name in sorted(set(old) & set(new)):
            if old[name] and name.startswith("policies/"):
                lines += _differing(_others(old[name], name), _others(new[name], name))
    lines += _bounds(old, new)
    if not lines:
        changed = sorted(name for name in set(old) | set(new) if old.get(name) != new.get(name))
        lines = [f"~ {name}: {_reason(old.get(name), new.get(name))}" for name in changed]
    return lines


def _reason(old, new):
    """Return why an object differs that says nothing else than before of what is open."""
    plain = [{key: value for key, value in (found or {}).items() if key not in _TOLD} for found in (old, new)]
    return "described anew" if old and new and plain[0] == plain[1] else "changed on the host since, set back"


def _bounds(old, new):
    """Return for how long and how many addresses of names are kept, where that differs."""
    lines = set()
    for name in set(old) & set(new):
        if name.startswith(_LEARNED) and old[name] and new[name]:
            for option, words in _BOUNDS.items():
                before, after = (found[name]["options"].get(option, "none") for found in (old, new))
                if before != after:
                    lines.add(f"~ {words}: {before} -> {after}")
    return sorted(lines)


def anew(native):
    """Return the lines that lead from nothing to a native form."""
    found = {name[: -len(".xml")]: (name.partition("/")[0], text) for name, text in native["files"].items()}
    return differences({}, {name: parse(kind, text) for name, (kind, text) in found.items()})


def standing(found):
    """Return the state of objects C{{name: object}}, see C{_model/standing.py}."""
    if not found:
        return {}
    settings = _settings(found)
    asked = vendors(each["short"] for name, each in found.items() if _ASKING.match(name))
    sources = {entry for name, each in found.items() if "/egress-allow-sources-" in name for entry in each["entries"]}
    state = {"vendors": asked, "sources": ", ".join(sorted(sources))}
    if settings:
        state.update(policy=settings.get("policy"), scope=settings.get("scope"), allow=settings.get("allow", ""))
    return state


def _differing(old, new):
    return [f"{'+' if line in new else '-'} {line}" for line in sorted(old ^ new)]


def _opened(objects):
    """Return lines C{udp/3478 to 3.25.48.0/28  kudo: media} of what rules let through, by address or by name."""
    lines = set()
    for policy, found in objects.items():
        for rule in found["rules"] if found and policy.startswith("policies/") else ():
            match = _OPENED.search(rule)
            if not match:
                lines.update(_typed(rule, objects))
                continue
            name = "ipsets/" + match.group(2)
            entries, opened = objects.get(name), objects.get("services/" + match.group(3))
            if entries and opened:
                ends = entries["short"].split(", ") if name.startswith(_LEARNED) else entries["entries"]
                way = {"destination": "to", "source": "from"}[match.group(1)]
                label = _label(opened["short"])
                lines.update(f"{ports} {way} {end}  {label}" for ports in opened["ports"] for end in ends)
    return lines


def _typed(rule, objects):
    """Yield lines C{icmp/echo-request to 3.25.48.0/28  kudo: media} of a rule about a type of ICMP."""
    match = _TYPE.search(rule)
    entries = objects.get("ipsets/" + match.group(3)) if match else None
    if entries:
        protocol = "icmp" if match.group(1) == "4" else "icmpv6"
        name, way = canonical_type(protocol, match.group(4)), {"destination": "to", "source": "from"}[match.group(2)]
        label = _label(entries["short"])
        for end in entries["entries"]:
            yield f"{service(protocol, name)} {way} {end}  {label}"


def _label(short):
    """Return C{kudo: media, zoom: meetings} of C{kudo media, zoom meetings}."""
    return ", ".join(words.replace(" ", ": ", 1) for words in short.split(", "))


def _listed(objects):
    """Return lines C{name server 192.0.2.53} of the sets that are no vendor's."""
    lines = set()
    for name, found in objects.items():
        match = _SET.match(name)
        if match and found:
            lines.update(f"{_SERVERS[match.group(1)]} {entry}" for entry in found["entries"])
    return lines


def _settings(objects):
    """Return the choices that the policies tell of."""
    for name in ("policies/egress-allow-host", "policies/egress-allow-gw"):
        if is_ours(objects.get(name)):
            told = objects[name]["description"][len(MARK) :].strip()
            return dict(part.split(": ", 1) for part in told.split("; ") if ": " in part)
    return {}


def _others(found, name):
    """Return the rules of a policy that open nothing to a vendor, and its target."""
    where = name.partition("/")[2]
    opening = (_OPENED, _TYPE)
    rules = [rule for rule in found["rules"] if not any(way.search(rule) for way in opening) and _GUARD not in rule]
    rules += found["more"]
    return {f"{rule}  in {where}" for rule in rules} | {"target {}  of {}".format(found["target"], where)}
