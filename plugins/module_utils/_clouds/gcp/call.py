# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the module for Google Cloud: read, compute, check, write, and read again what has become of it."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    TRIES,
    Refused,
    refuse_changes,
    result,
    so_far,
)

from .api import Api, ApiError
from .policy import Policy
from .rules import asked, attributes, desired, labels_of, lines
from .vpc import Vpc

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?\Z")  # the rest of 63 characters is the rule's own
_TAG = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+\Z")
_SECURE = re.compile(r"tagValues/[0-9]+\Z")
_MOST = {"target_tags": 70, "target_service_accounts": 10, "target_secure_tags": 256}


class _Call:
    """What a call knows: rules at its beginning, and rules as they are now."""

    def __init__(self, module, api, place, targets):
        self.module, self.api, self.place, self.targets = module, api, place, targets
        self.params = module.params
        self.plan = self.params["plan"] if self.params["state"] == "present" else None
        self.labels = labels_of(self.plan)
        self.first, self.now = None, {}
        self.units, self.notes = [], []

    def go(self):
        """Do what is asked for; raises Refused, ApiError."""
        last = ""
        for _attempt in range(TRIES):
            self.now = self.place.read(absent=self.plan is None)
            if self.first is None:
                self.first = dict(self.now)
                if self.plan:
                    now = asked(self.now.values(), self.params["name"]) if self.now else None
                    then = (self.labels.values(), self.plan["policy"], self.plan["vendors"])
                    refuse_changes(self.params["unchanged"], "gcp", now, then)
            wanted = self._wanted()
            self._account(wanted)
            if wanted == self.now:
                return
            self.place.check(self.now, wanted)
            if self.module.check_mode:
                self.now = wanted
                return
            try:
                self.place.write(dict(self.now), wanted, self.now)
            except ApiError as error:
                if not error.changed:
                    raise
                last = f" (last: {error})"
        self.now = self.place.read(absent=self.plan is None)
        if self.now != self._wanted():
            raise ApiError(
                0, "changed", f"somebody else keeps changing the rules: {TRIES} times they were others than read{last}"
            )

    def told(self):
        """Return the common results as far as the call has come."""
        name = self.params["name"]
        first = self.first or {}
        before = lines(first, self.labels, name) | set(attributes(first, self.now, name))
        after = lines(self.now, self.labels, name) | set(attributes(self.now, first, name))
        told = result(self.module, before, after, self.notes, self.units, self.api.calls, changed=first != self.now)
        return {**told, "widened": self.plan["widened"] if self.plan else []}

    def _wanted(self):
        if self.plan is None:
            return {}
        wanted = desired(self.plan, self.params["name"], self.place.scope, self.targets, self.now)
        return self.place.arrange(wanted, self.now)

    def _account(self, wanted):
        policy = self.plan["policy"] if self.plan else None
        units = self.place.units(self.now, wanted)
        # What was there before is what the first read has found.
        self.units = [{**new, "before": (self.units or units)[at]["before"]} for at, new in enumerate(units)]
        self.notes = (self.plan["notes"] if self.plan else []) + self.place.notes(policy, wanted)


def run(module):
    """Do what the module's options ask for, and end it."""
    call = None
    try:
        targets = _targets(module.params)
        api = Api(module.params)
        place = Policy(api, module.params) if module.params["firewall_policy"] else Vpc(api, module.params)
        call = _Call(module, api, place, targets)
        call.go()
    except (Refused, ApiError) as error:
        told = call.told() if call else {}
        module.fail_json(msg="{}; {}".format(error, so_far(told.get("changed"))), **told)
    module.exit_json(**call.told())


def _targets(params):
    """Return the targets of the rules, C{("tag web",)}; raises Refused for options that do not belong together."""
    if not _NAME.match(params["name"]):
        raise Refused(
            "name '{}' is not accepted: up to 40 of a to z, 0 to 9 and '-', a letter first: names of rules begin with "
            "it".format(params["name"])
        )
    if not params["firewall_policy"] and not params["network"]:
        raise Refused("network is missing: name the VPC network, or a firewall_policy")
    if params["region"] and not params["firewall_policy"]:
        raise Refused("region is of a firewall_policy only: VPC firewall rules are global")
    _check_plan(params)
    wrong = "target_tags" if params["firewall_policy"] else "target_secure_tags"
    if params[wrong]:
        instead = "target_secure_tags" if params["firewall_policy"] else "target_tags"
        where = "a firewall policy" if params["firewall_policy"] else "VPC firewall rules"
        raise Refused(f"{wrong} are not for {where}: use {instead} or target_service_accounts")
    found = []
    for option, kind, form in (
        ("target_tags", "tag", _TAG),
        ("target_secure_tags", "secure", _SECURE),
        ("target_service_accounts", "account", _ACCOUNT),
    ):
        if len(params[option]) > _MOST[option]:
            raise Refused(f"{option}: {len(params[option])} are too many for a rule: it has up to {_MOST[option]}")
        if found and params[option]:
            raise Refused(f"{option} cannot be used together with tags: choose one of the two")
        for value in params[option]:
            if not form.match(value):
                raise Refused(f"{option}: '{value}' is not accepted")
        found += [f"{kind} {value}" for value in params[option]]
    return tuple(sorted(set(found)))


def _check_plan(params):
    plan = params["plan"]
    if params["state"] == "absent":
        return
    if plan["firewall_policy"] != params["firewall_policy"]:
        raise Refused(
            "firewall_policy '{}' is not the one that was planned for, '{}': give both the same".format(
                params["firewall_policy"], plan["firewall_policy"]
            )
        )
