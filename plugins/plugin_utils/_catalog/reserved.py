# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that no vendor has: its options are variables that begin with its name, and these begin others already.

A vendor C{ansible} with an option C{password} would read the password of a host.
"""

from __future__ import annotations

from pathlib import Path

ROLES = Path(__file__).resolve().parents[3] / "roles"
PLAYBOOKS = ROLES.parent / "playbooks"

# Words in labels.
_LABELS = frozenset(("and", "baseline", "egress"))
# What Ansible's own variables begin with.
_ANSIBLE = frozenset(
    ("ansible", "discovered", "environment", "group", "groups", "hostvars", "inventory", "omit", "play", "playbook",
     "role", "vars")
)  # fmt: skip


def roles() -> frozenset[str]:
    """Return the names of the collection's roles, whose variables begin with C{<role>_egress_} or C{catalog_}."""
    return frozenset(path.name for path in ROLES.iterdir() if path.is_dir())


def _playbooks() -> frozenset[str]:
    """Return what variables of the playbooks begin with: C{apply} of apply.yml; one word follows: C{apply_hosts}."""
    return frozenset(path.stem.replace("-", "_").partition("_")[0] for path in PLAYBOOKS.glob("*.yml"))


_WORDS = _LABELS | _ANSIBLE | roles() | _playbooks()
_BEGINNINGS = tuple(
    [f"{word}_" for word in sorted(_ANSIBLE | {"catalog"})] + [f"{role}_egress" for role in sorted(roles())]
)


def is_reserved(vendor: str) -> bool:
    """Tell whether the options of a vendor of this name could be variables of the collection, or Ansible's."""
    return vendor in _WORDS or vendor.startswith(_BEGINNINGS) or vendor.endswith("_egress_allow")
