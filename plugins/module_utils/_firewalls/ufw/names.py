# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets beside ufw whose members come from looking names up: declared here, filled by the keeper on the host.

Members are nobody's difference and nobody's drift: they lapse by the kernel's clock, also while ufw is stopped, and
stay as long as the name is wanted. A set's name ends in a digest of its lease and size: C{ipset create -exist} refuses
a set that is there with others, and what is in the files must always load, also when a way back has put them there.
"""

from __future__ import annotations

import re

PREFIX = "egress_names_"
_LIMITS = 6  # characters at the end of a set's name, for its lease and size
_FAMILIES = {"4": "inet", "6": "inet6"}
_HEAD = re.compile(r"^# (\S+)\n(create (egress_names_\w+) .* timeout (\d+) maxelem (\d+))$", re.MULTILINE)
_MEMBER = re.compile(r"^add (egress_names_\w+) (\S+) timeout (\d+)", re.MULTILINE)
_CREATED = re.compile(r"^create (egress_names_\w+) ", re.MULTILINE)


def heads(names):
    """Return the lines of the file of sets that declare those of C{names}, a native form's part: all empty."""
    lines = ""
    for name, domain in sorted(names.get("domains", {}).items()):
        for version, wanted in sorted(domain["leased"].items()):
            limits = "timeout {} maxelem {}".format(names["lease"], names["most"])
            lines += f"# {name}\ncreate {wanted} hash:ip family {_FAMILIES[version]} {limits}\n"
    return lines


def named(text):
    """Return C{{set: name}} of the file of sets."""
    return {found[2]: found[0] for found in _HEAD.findall(text or "")}


def there(live):
    """Return the sets of names in the kernel, of what C{ipset save} prints."""
    return set(_CREATED.findall(live))


def members(live):
    """Return C{{set: addresses}} of the sets of names in the kernel, of what C{ipset save} prints."""
    found = {}
    for name, member, dummy in _MEMBER.findall(live):
        found.setdefault(name, []).append(member)
    return found


def repair(text, live):
    """Return what C{ipset restore} needs so that all sets of the file are there; C{live}: what C{ipset save} prints.

    A set that is there keeps its members. A new one gets those that the same name had with another lease or size: as
    many as fit, none for longer than the new lease.
    """
    lines, found = "", there(live)
    for dummy, head, wanted, lease, most in _HEAD.findall(text):
        if wanted not in found:
            members = [
                (min(int(left), int(lease)), member)
                for former, member, left in _MEMBER.findall(live)
                if former[:-_LIMITS] == wanted[:-_LIMITS] and int(left)
            ]
            lines += head + "\n"
            for left, member in sorted(members, reverse=True)[: int(most)]:
                lines += f"add {wanted} {member} timeout {left}\n"
    return lines
