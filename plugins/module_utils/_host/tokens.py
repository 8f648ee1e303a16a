# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of changes that wait for their confirmation, and what became of a change that does not wait any more.

A token is C{ID_RULES_BEFORE}: a random identity of the change, a digest of what it applies, and the identity of the
confirmed change that it follows, C{0} where there is none. So two runs with the same rules know each other's, and a
change that went back is told from one that another run took over.
"""

from __future__ import annotations

import hashlib
import json
import secrets

from . import revert
from .files import encode

SAME = "another run applied the same rules to this host meanwhile: these are confirmed"
_TAKEN = "not confirmed: another run took over: it applied other rules, which "
WAITS = _TAKEN + "are in force and wait for their own confirmation"
CONFIRMED = _TAKEN + "were confirmed"
REMOVED = (
    "not confirmed: nothing of this collection is left of the change on this host: another run removed it (state "
    "absent), or the host was restarted"
)
_LENGTH = 16  # hexadecimal digits of an identity and of a digest
_NONE = "0"


def new(before, *applied):
    """Return a token; C{before}: that of the confirmed change, '' for none; C{applied}: what JSON can write."""
    digest = hashlib.sha256(encode(json.dumps(applied, sort_keys=True))).hexdigest()[:_LENGTH]
    return f"{secrets.token_hex(_LENGTH // 2)}_{digest}_{_parts(before)[0] or _NONE}"


def matching(token, waiting, confirmed):
    """Return the token of the change that waits or, else, was confirmed last, where it is this one or applies the same.

    '' where it is neither, and where the one that was confirmed is the one before. C{waiting}, C{confirmed}: '' for
    none.
    """
    if token in (waiting, confirmed):
        return token
    dummy, rules, before = _parts(token)
    last = waiting or confirmed
    identity, applied, dummy = _parts(last)
    return last if rules and rules == applied and (waiting or identity != before) else ""


def fate(token, waiting, confirmed, untouched):
    """Return in words what became of a change whose token neither waits nor was confirmed.

    C{waiting}, C{confirmed}: the tokens of the changes that do and that was last, '' for none; C{untouched}: whether
    this host is as one on which no run was since it was started.
    """
    before = _parts(token)[2]
    if waiting:
        return WAITS
    if confirmed and _parts(confirmed)[0] != before:
        return CONFIRMED
    if not confirmed and (untouched or before != _NONE):
        return REMOVED
    return revert.GONE_BACK


def _parts(token):
    """Return C{[identity, digest, identity before]} of a token, '' for parts that it has not."""
    return [*token.split("_"), "", "", ""][:3]
