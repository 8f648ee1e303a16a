# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a host or in a cloud already, and must not change because of a vendor's own playbook.

A state is C{{"vendors": names, "policy", "scope", "sources", "names", "allow": text}}, without what a backend does not
have or cannot read back; an empty one where nothing of ours is there.
"""

from __future__ import annotations

CHOICES = ["vendors", "policy", "scope", "sources", "names", "allow"]
OPTION = {"type": "list", "elements": "str", "choices": CHOICES, "default": []}
_CHANGES = "{} would change from {} to {}: write -e {}={} to keep it, or -e {}={}"


def hindrance(unchanged, now, wanted, prefix):
    """Return why what is wanted may not be applied, '' where it may.

    C{unchanged}: what must stay, of C{CHOICES}; C{now}, C{wanted}: states; C{prefix}: how the user's variables begin,
    C{nftables_egress}.
    """
    found = []
    gone = sorted(now.get("vendors", set()) - wanted.get("vendors", set()))
    if gone and "vendors" in unchanged:
        every = ",".join(sorted(now["vendors"] | wanted["vendors"]))
        found.append(
            f"{', '.join(gone)} would go: to have all, run {_command(now, every, prefix)}; to replace what is there, "
            "add -e apply_replace=true"
        )
    for name in ("policy", "scope", "names"):
        before, after = now.get(name), wanted.get(name)
        if name in unchanged and before is not None and before != after:
            variable = f"{prefix}_{name}"
            found.append(_CHANGES.format(name, before, after, variable, before, variable, after))
    for name in ("sources", "allow"):
        before, after = now.get(name), wanted.get(name)
        # Policy unmanaged has no baseline that could be added to.
        used = name == "sources" or wanted.get("policy") != "unmanaged"
        if name in unchanged and used and before is not None and before != after:
            change = f"from {before or 'nothing'} to {after or 'nothing'}"
            found.append(f"{prefix}_{name} would change {change}: give it as it is to be")
    return f"an allowlist is there already, which this playbook would change: {'; '.join(found)}" if found else ""


def _command(now, every, prefix):
    """Return the command that applies all vendors and changes nothing else, with what the user has to add to it."""
    backend = prefix.partition("_")[0]
    other = "" if backend == "nftables" else f" -e apply_backend={backend}"
    command = f"playbooks/apply.yml{other} -e apply_vendors={every}"
    defaults = {"policy": "audit" if backend in ("nftables", "firewalld") else "unmanaged", "scope": "host"}
    # What becomes of names must be said where the policy is deny.
    defaults.update({} if now.get("policy") == "deny" else {"names": "report"})
    for name in ("policy", "scope", "names"):
        if now.get(name) not in (None, defaults.get(name)):
            command += f" -e {prefix}_{name}={now[name]}"
    if now.get("sources"):
        command += f" -e {prefix}_sources={now['sources'].replace(' ', '')}"
    added = [f"{prefix}_names as it is"] if now.get("policy") == "deny" and "names" not in now else []
    added += [f"{prefix}_allow as it is ({now['allow']})"] if now.get("allow") else []
    return f"{command} with {' and '.join(['the options of each', *added])}"
