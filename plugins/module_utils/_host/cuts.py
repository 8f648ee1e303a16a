# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of flows to what left the list (C{cut_removed}), when the change is confirmed and not before.

What was open before a change is kept beside its way back; what is open when it is confirmed is read then. Flows of the
first that the second does not allow are ended. With nothing confirmed nothing is ended.
"""

from __future__ import annotations

import json
import os

from . import flows, revert
from .applier import LateError, ToolError
from .ending import end_all
from .files import read, remove, write
from .flows import Opening, Span

NO_EFFECT = "cut_removed ends no flow: only the policy deny stops what left the list"
_SHUT = 32_767  # flows of which the sets of nftables/shut.py hold both ways
_OPEN = "{} of these flows are not kept shut, only {} can be at once: one whose other side sends first may go on"
REOPENED = (
    "{0} does not keep ended flows shut: where a rule of yours lets in what the other side sends next, a flow goes on"
)


class Cuts:
    """The cuts of one backend. C{find} returns the path of a command, C{run} runs one: C{(status, output, errors)}.

    What an C{applier} must have: C{opened()}, which returns two lists of C{flows.Opening}, what the list opens and what
    is let through besides, and C{[(path, source)]} of where all else is stopped; C{standing(native)}; C{revert}; and,
    where it needs more than that conntrack forgets a flow, C{shut(flows)}, and where rules that are not the list's come
    first, C{beyond()}, a list of C{flows.Opening}.
    """

    def __init__(self, backend, find, run):
        self._backend, self._find, self._run = backend, find, run
        self._staged = os.path.join(revert.FOLDER, f"{backend}.cut")
        self._before = None

    def begin(self, applier, native):
        """Keep in mind what is open before a change; returns notes."""
        if applier.standing(native).get("policy") != "deny":
            return [NO_EFFECT]
        listed, others, dummy = applier.opened()  # the user's own additions are among the others
        self._before = [list(opening) for opening in [*listed, *others]]
        if applier.revert.pending():  # what was open before a change that nobody has confirmed yet
            self._before += self._read().get("before", [])
        return []

    def stage(self, token):
        """Leave word of what was open for who confirms, until a boot; without a token forget it."""
        if self._before is None or not token:
            remove(self._staged)
            return
        try:
            write(self._staged, json.dumps({"token": token, "before": self._before}))
        except OSError as error:
            raise LateError(revert.NOT_CONFIRMED.format(error)) from error

    def confirmed(self, token, applier):
        """End the flows of the change that was confirmed; returns notes."""
        staged = self._read()
        if not staged or staged["token"] != token:
            return []
        notes = self.cut(applier, staged["before"])
        remove(self._staged)
        return notes

    def cut(self, applier, before=None):
        """End the flows to what was open before and is not now; returns notes. Raises LateError."""
        before = self._before if before is None else before
        if before is None:
            return []
        try:
            conntrack = self._find("conntrack")
            before = [_opening(each) for each in before]
            found, unseen = self._gone(applier, conntrack, before)
            left = flows.passing(found, getattr(applier, "beyond", list)(), flows.local_addresses())
            passing = set(left)
            found = [flow for flow in found if flow not in passing]
            shuts = hasattr(applier, "shut")
            if found and shuts:
                applier.shut(found[:_SHUT])
            end_all(self._run, conntrack, found)
            again = set(self._gone(applier, conntrack, before)[0]) if found else set()
            left += [flow for flow in found if flow in again]
        except (OSError, ToolError) as error:
            raise LateError(
                f"the rules are in force, but not all flows to what left the list are ended: {error}"
            ) from error
        ended = [flow for flow in found if flow not in again]
        notes = [flows.told(ended)] if ended or not (left or unseen) else []
        notes += ([flows.left(left)] if left else []) + ([flows.UNSEEN] if unseen else [])
        notes += [REOPENED.format(self._backend)] if found and not shuts else []
        return [*notes, _OPEN.format(len(found) - _SHUT, _SHUT)] if shuts and len(found) > _SHUT else notes

    def _gone(self, applier, conntrack, before):
        """Return the flows, of all protocols, that were allowed before and are not now, and whether some are unseen."""
        listed, others, filtered = applier.opened()
        known, now = flows.listed(self._run, conntrack), [*listed, *others]
        return flows.chosen(known, before, now, filtered, flows.local_addresses()), flows.unseen(before, now)

    def forget(self):
        """Remove what waits for a confirmation."""
        remove(self._staged)

    def _read(self):
        try:
            return json.loads(read(self._staged) or "{}")
        except ValueError:
            return {}


def _opening(each):
    """Return the Opening of what JSON made of one."""
    path, source, destination, *rest = each
    return Opening(path, *(Span(*end) if end else None for end in (source, destination)), *rest)
