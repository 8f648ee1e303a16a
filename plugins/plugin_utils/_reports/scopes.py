# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's firewall filters by its scope and sources, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .layout import wrapped

_OWN_LEFT = "what this host itself sends is not filtered"


def scope_lines(backend: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines on the scope of a policy that filters, where not all that the host sends is meant alone.

    C{backend}: as summarise_allowlist has it, with C{scope} host, gateway or both, and C{sources}, prefixes or none.
    """
    scope = backend.get("scope", "host")
    if scope == "host" or backend.get("policy") not in ("deny", "audit"):
        return
    sources = backend.get("sources") or []
    if sources:
        # One prefix may be given as text.
        prefixes = sources if isinstance(sources, str) else ", ".join(map(str, sources))
        forwarded = f"what it forwards from {prefixes}"
        rest = ["what it forwards from any other source is not filtered"]
    else:
        forwarded, rest = "all that it forwards, in both directions", []
    if scope == "both":
        filtered = f"what this host itself sends, and {forwarded}"
    else:
        filtered, rest = forwarded.replace("it forwards", "this host forwards"), [_OWN_LEFT, *rest]
    yield from wrapped(f"Scope {scope}: {'; '.join([filtered, *rest])}", "")
