# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a host or in a cloud already, and must not change because of a vendor's own playbook.

A state is C{{"vendors": names of vendors, "policy", "scope", "names", "allow": text}}, without what a backend does not
have or does not know; an empty one where nothing of ours is there.
"""

from __future__ import annotations

import re

CHOICES = ["vendors", "policy", "scope", "names", "allow"]
OPTION = {"type": "list", "elements": "str", "choices": CHOICES, "default": []}
_ASKING = re.compile(r"(?:^|, )([A-Za-z][A-Za-z0-9_-]*)[ :/]")


def vendors(labels, but=()):
    """Return the vendors that labels C{kudo: media, zoom: meetings} name; C{but}: names that are no vendors."""
    return {name for label in labels for name in _ASKING.findall(label)} - {*but}


def hindrance(unchanged, now, wanted, prefix):
    """Return why what is wanted may not be applied, '' where it may.

    C{unchanged}: what must stay, of C{CHOICES}; C{now}, C{wanted}: states; C{prefix}: how the user's variables begin,
    C{nftables_egress}.
    """
    found = []
    go = sorted(now.get("vendors", set()) - wanted.get("vendors", set())) if "vendors" in unchanged else []
    if go:
        both = ",".join(sorted({*now["vendors"], *wanted.get("vendors", ())}))
        found.append(
            f"{', '.join(go)} would go: to have all, run playbooks/apply.yml -e apply_vendors={both} with the options "
            "of each; to replace what is there, add -e apply_replace=true"
        )
    for name in CHOICES[1:]:
        before, after = now.get(name), wanted.get(name)
        if name in unchanged and now and before is not None and before != (after or ""):
            variable = f"{prefix}_{name}"
            if name == "allow":
                keep = f"give {variable}, which opened {before}" if before else f"leave out {variable}"
                found.append(f"allow would change: {keep}")
            else:
                shown = f"from {before or 'none'} to {after or 'none'}"
                found.append(
                    f"{name} would change {shown}: keep it with -e {variable}={before}, or say -e {variable}={after}"
                )
    if not found:
        return ""
    return "there is an allowlist already, and this playbook changes only its own vendor. " + "; ".join(found)
