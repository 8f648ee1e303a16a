# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all clouds have in common: their options, their words and the shape of what they return."""

from __future__ import annotations

import sys

from ansible_collections.egress.allowlist.plugins.module_utils._model import standing
from ansible_collections.egress.allowlist.plugins.module_utils._model.labels import vendors
from ansible_collections.egress.allowlist.plugins.module_utils._model.opened import differences

TRIES = 5  # how often a change is begun anew from a fresh read when somebody else was quicker


class Refused(Exception):
    """What cannot be done, in words for the user; nothing was written."""


def arguments(**own):
    """Return the argument spec of a module: the common options and those of its own."""
    return {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "default": "egress-allowlist"},
        "plan": {"type": "dict"},
        "unchanged": standing.OPTION,
        **own,
    }


def refuse_changes(unchanged, cloud, now, wanted):
    """Raise Refused where something would change that must not.

    C{unchanged}: the module's option; C{now}: labels and policy of what is there, None where nothing is; C{wanted}:
    labels, policy and vendors of a plan. What becomes of names cannot be read back from a cloud.
    """
    hindrance = standing.hindrance(unchanged, _state(*now) if now else {}, _state(*wanted), f"{cloud}_egress")
    if hindrance:
        raise Refused(hindrance)


def _state(labels, policy, asked=None):
    """Return a state, see C{_model/standing.py}."""
    named = vendors(labels)
    added = {name for name in named if name.endswith("_egress_allow")}
    allow = "destinations of yours" if added else ""
    return {"vendors": named - added if asked is None else set(asked), "policy": policy, "allow": allow}


def missing_library(module, library, package, error):
    """End the module: a Python library is missing, and this installs it. C{error}: an exception, or a traceback."""
    lines = str(error).strip().splitlines() or ["not found"]
    install = f"'{sys.executable} -m pip install {package}'"
    module.fail_json(
        msg=f"the Python library {library} is missing on {sys.executable}: install it with {install} ({lines[-1]})",
        exception=str(error),
    )


def over(quota, need, limit, ways=()):
    """Return the message for what is above a limit: C{quota} in the user's words, need, limit, and the ways out."""
    text = f"this does not fit: {quota}: {need:,} needed, {limit:,} free, {need - limit:,} too many"
    return text + ". Ways out: {}".format("; ".join(ways)) if ways else text


def so_far(written):
    """Return how the message of a failed call ends. C{written}: whether anything was written."""
    return "what stands in differences was done, and the next run completes it" if written else "nothing was written"


def unit(quota, before, after, limit):
    """Return a line of the account: units of a quota, before and after, and how many there are."""
    return {"quota": quota, "before": before, "after": after, "limit": limit}


def restricts_nothing(what):
    """Return the note on a rule that lets everything out, whatever the allowlist says. C{what}: which rule, where."""
    return f"this restricts nothing: {what} lets everything out; policy deny overrules it"


def result(module, before, after, notes, units, calls, changed=None):
    """Return the common results of a call.

    C{before}, C{after}: lines of what stood there and of what stands there now (in check mode: would stand);
    C{units}: as C{unit} makes them; C{calls}: API requests; C{changed}: whether anything was written, where the
    lines do not tell.
    """
    lines = differences(before, after)
    returned = {
        "changed": bool(lines) if changed is None else changed,
        "differences": lines,
        "notes": list(dict.fromkeys(notes)),
        "units": list(units),
        "calls": calls,
    }
    if getattr(module, "_diff", False) and lines:
        returned["diff"] = {"prepared": "\n".join(lines) + "\n"}
    return returned
