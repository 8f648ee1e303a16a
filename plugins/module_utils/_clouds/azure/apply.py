# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a network security group what a plan says, or as if there had never been one.

A group is written whole, in one request and only if it is still as it was read: it has the old rules or the new, and
the rules of others go along as they were read.
"""

from __future__ import annotations

import time

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import TRIES, Refused, refuse_changes

from . import report, rules
from .api import Changed

_READ_ONLY = (
    "defaultSecurityRules",
    "networkInterfaces",
    "subnets",
    "flowLogs",
    "resourceGuid",
    "provisioningState",
)


class Work:
    """One call: what is done so far stands in C{before} and C{after}, lines in the user's words."""

    def __init__(self, api, params, check):
        """Take the API, the module's parameters, and whether nothing may be written."""
        self._api, self._params, self._check = api, params, check
        self._name, self._where = params["name"], (params["resource_group"], params["security_group"])
        self._id = api.group_id(*self._where)
        self.before, self.after, self.notes, self.units = [], [], [], []
        self.written, self.trying = False, None  # what is tried now: a word for it, and its lines
        self._lost = {}  # what may have been done although the answer was lost, in the same form

    def run(self):
        """Do it; begins anew from a fresh read where somebody else was quicker. Raises Refused."""
        once, last = self._present if self._params["state"] == "present" else self._absent, None
        for attempt in range(TRIES):
            self.notes, self.units = [], []
            try:
                once()
            except Changed as error:
                last = error
                if error.perhaps_done:
                    self._lost[self.trying[0]] = self.trying[1:]
                self.trying = None
                time.sleep(0.2 * 2**attempt)
                continue
            for before, after in self._lost.values():  # nothing of it was left to do
                self._done(before, after)
            return
        raise Refused(
            f"network security group '{self._where[1]}' changed under us {TRIES} times in a row, so somebody "
            f"else writes to it: try again later ({last})"
        )

    def _do(self, what, before, after, write, *arguments):
        """Write one thing, and only then say that it is done; C{what}: a word for it."""
        self._lost.pop(what, None)
        if not self._check:
            self.trying = (what, before, after)
            write(*arguments)
            self.trying = None
        self._done(before, after)

    def _done(self, before, after):
        self.written = not self._check
        self.before += before
        self.after += after

    def _places(self):
        """Return C{(place, what was read, id of its group)} of all subnets and interfaces that the user named."""
        found = []
        for kind in ("subnets", "interfaces"):
            for text in self._params[kind]:
                place = self._api.place(text, self._where[0], kind)
                found.append((place, *place.read()))
        return found

    def _is_ours(self, group):
        return (group or "").lower() == self._id.lower()

    def _present(self):
        plan, group = self._params["plan"], self._api.group(*self._where)
        places = self._places()
        for place, read, attached in places:
            if read is None:
                raise Refused(f"{place.words} does not exist")
            if attached and not self._is_ours(attached):
                raise Refused(
                    f"{place.words} has another network security group: {attached}. It can have only one: name that "
                    "one as security_group, or detach it"
                )
        body = self._body(group)
        old = body["properties"].get("securityRules") or []
        if not self.written:  # what is there may be ours then
            who = [label for rule in plan["rules"] for label in rule["asked"]]
            then = (who, plan["policy"], plan["vendors"])
            refuse_changes(self._params["unchanged"], "azure", report.asked(old, self._name), then)
        new = [rule for rule in old if rules.whose(rule) != self._name] + rules.wanted(plan, self._name, old)
        self.units = report.units(old, new, plan["limits"])
        self.notes = report.notes(new, self._name, plan)
        tags = {**(body.get("tags") or {}), **(self._params["tags"] or {})}
        changed = report.changed_settings(old, new)
        lines = [report.lines(listed, plan, self._name, changed) for listed in (old, new)]
        if group is None:
            tags[rules.TAG] = self._name
            lines[1].append(f"network security group {self._where[1]}")
        for key, value in (self._params["tags"] or {}).items():
            had = (body.get("tags") or {}).get(key)
            if had != value:
                lines[0] += [f"tag {key}: {had}"] if had is not None else []
                lines[1] += [f"tag {key}: {value}"]
        if group is None or _ordered(old) != _ordered(new) or tags != (body.get("tags") or {}):
            body["properties"]["securityRules"] = [rules.written(rule) for rule in new]
            if tags:
                body["tags"] = tags
            etag = group["etag"] if group else None
            self._do("group", *lines, self._api.write_group, *self._where, body, etag)
        for place, read, attached in places:
            if not attached:
                self._do(place.words, [], [f"attached to {place.words}"], place.write, read, self._id)
        self._note_attachment(group, places)

    def _body(self, group):
        """Return a group as it is sent: as it was read, without what only Azure writes; else a new one."""
        if group is None:
            if not self._params["location"]:
                raise Refused(
                    f"network security group '{self._where[1]}' does not exist in the resource group "
                    f"'{self._where[0]}': create it, or say the location in which it is to be created"
                )
            return {"location": self._params["location"], "properties": {}}
        body = {key: group[key] for key in ("location", "tags") if key in group}
        body["properties"] = {
            key: value for key, value in (group.get("properties") or {}).items() if key not in _READ_ONLY
        }
        listed = body["properties"].get("securityRules") or []
        body["properties"]["securityRules"] = [rules.written(rule) for rule in listed]
        return body

    def _note_attachment(self, group, places):
        if not places and not _attached(group or {}):
            self.notes.append("the network security group is attached to nothing: no packet is filtered by it yet")

    def _absent(self):
        group = self._api.group(*self._where)
        if group is None:
            return
        body = self._body(group)
        old = body["properties"]["securityRules"]
        new = [rule for rule in old if rules.whose(rule) != self._name]
        lines = [report.lines(listed, None, self._name, ()) for listed in (old, new)]
        etag = group["etag"]
        if (group.get("tags") or {}).get(rules.TAG) == self._name:
            named = [found for found in self._places() if self._is_ours(found[2])]
            if not new and _attached(group) <= {read["id"].lower() for _place, read, _group in named}:
                self._delete(named, etag, [*lines[0], f"network security group {self._where[1]}"], lines[1])
                return
            self.notes.append(
                "the network security group stays: it has rules of others, or is attached to more than what is named"
            )
        if len(new) != len(old):
            body["properties"]["securityRules"] = new
            self._do("group", *lines, self._api.write_group, *self._where, body, etag)

    def _delete(self, named, etag, before, after):
        """Detach the group from what the user named, and delete it."""
        for place, read, _group in named:
            self._do(place.words, [f"attached to {place.words}"], [], place.write, read, None)
        if named and not self._check:
            etag = self._api.group(*self._where)["etag"]
        self._do("group", before, after, self._api.delete_group, *self._where, etag)


def _attached(group):
    """Return the ids of what a group is attached to."""
    there = group.get("properties") or {}
    return {one["id"].lower() for key in ("subnets", "networkInterfaces") for one in there.get(key) or []}


def _ordered(listed):
    """Return rules in an order that does not depend on Azure's."""
    return sorted((rules.written(rule) for rule in listed), key=lambda rule: rule["name"])
