# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether ufw's chains are in the kernel, and the jumps to them: without a jump they decide nothing.

A policy that stops what no chain allows would stop everything then. C{listings} are C{{IP version: what iptables -S or
ip6tables -S prints}}.
"""

from __future__ import annotations

# What the built-in chains lead to, in this order. ufw makes these chains and jumps once and keeps them, empty, also
# while it is disabled; a reload fills them and makes all other chains anew.
_LED = ("before-logging", "before", "after", "after-logging", "reject", "track")
_DIRECTIONS = {"INPUT": "input", "OUTPUT": "output", "FORWARD": "forward"}
_SHUT = (" -o lo -j ACCEPT", "-j DROP", "-j LOG")  # rules that let nothing out
_MOST = 4  # chains and jumps that an error names
_AGAIN = (
    "for c in {led}; do {tool} -N {name}-$c-{direction}; {tool} -D {builtin} -j {name}-$c-{direction}; "
    "{tool} -A {builtin} -j {name}-$c-{direction}; done 2>/dev/null"
)


def name(version):
    """Return how the names of ufw's chains begin."""
    return "ufw6" if version == 6 else "ufw"


def tool(version):
    """Return the command for the rules of an IP version."""
    return "ip6tables" if version == 6 else "iptables"


def filled(listing, version):
    """True where the chains for the user's rules are there: only while ufw runs."""
    return f"-N {name(version)}-user-output" in listing.splitlines()


def loaded(listings):
    """Return True where the kernel has ufw's rules for each of these IP versions, False where it has them for none.

    Raises ValueError, which says what is missing and how it comes back, where a part of them is there.
    """
    if not any(filled(listing, version) for version, listing in listings.items()):
        return False
    parts, remedies = [], []
    for version, listing in sorted(listings.items()):
        missing, broken = _missing(listing, version)
        if missing:
            all_of_it = not filled(listing, version)
            shown = "all of its rules" if all_of_it else ", ".join(missing[:_MOST])
            more = len(missing) - _MOST if not all_of_it else 0
            parts.append(f"of IPv{version} {shown}" + (f" and {more} more" if more > 0 else ""))
        remedies += [_again(version, builtin) for builtin in broken]
    if not parts:
        return True
    remedy = "'ufw reload' loads them: run this again after it"
    if remedies:
        remedy = (
            "ufw itself brings these back only after a restart of the host; without one, run "
            f"{' and '.join(remedies)}, then 'ufw reload', and this again"
        )
    raise ValueError(f"ufw is enabled, and a part of its rules is not in the kernel: {'; '.join(parts)}; {remedy}")


def left(listings):
    """Return what the kernel has of ufw's, or of a policy, while ufw does not run: C{the policy DROP of ... OUTPUT}."""
    found = []
    for version, listing in sorted(listings.items()):
        if filled(listing, version):
            found.append(f"rules of ufw for IPv{version}")
        else:
            found += [
                f"the policy DROP of {builtin} in {tool(version)}"
                for builtin in sorted(_DIRECTIONS)
                if f"-P {builtin} DROP" in listing.splitlines()
            ]
    return found


def not_shut(listing, builtins):
    """Return why these built-in chains of ip6tables let through more than the loopback, [] where they do not."""
    found = ["ufw's rules for it are loaded"] if filled(listing, 6) else []
    for builtin in builtins:
        if f"-P {builtin} DROP" not in listing.splitlines():
            found.append(f"the policy of {builtin} is not DROP")
        found += [
            f"rule {line[3:]}"
            for line in listing.splitlines()
            if line.startswith(f"-A {builtin} ") and not line.endswith(_SHUT) and f"-j {name(6)}-" not in line
        ]
    return found


def _missing(listing, version):
    """Return C{(chains and jumps that are not there, built-in chains of which a reload does not bring them back)}."""
    lines, prefix = set(listing.splitlines()), name(version)
    made = f"-N {prefix}-before-logging-input" in lines  # by this one ufw tells whether it has made them
    found, broken = [], []
    for builtin, direction in _DIRECTIONS.items():
        led = [f"{prefix}-{kind}-{direction}" for kind in _LED]
        kept = [f"chain {chain}" for chain in led if f"-N {chain}" not in lines]
        kept += [f"jump {builtin} to {chain}" for chain in led if f"-A {builtin} -j {chain}" not in lines]
        before, user = led[1], f"{prefix}-user-{direction}"
        others = [f"{prefix}-skip-to-policy-{direction}", user]
        anew = [f"chain {chain}" for chain in others if f"-N {chain}" not in lines]
        anew += [f"jump {before} to {user}"] if f"-A {before} -j {user}" not in lines else []
        found += kept + anew
        broken += [builtin] if kept and made else []
    return sorted(found), broken


def _again(version, builtin):
    """Return the shell command that makes the jumps of a built-in chain again, in their order."""
    names = {"tool": tool(version), "name": name(version), "builtin": builtin, "direction": _DIRECTIONS[builtin]}
    return "'" + _AGAIN.format(led=" ".join(_LED), **names) + "'"
