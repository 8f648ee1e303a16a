# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network firewall policy as the place of our rules: all of it is written at once, if nobody else was quicker."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    Refused,
    over,
    restricts_nothing,
    unit,
)

from .api import ApiError
from .rules import Rule, destination, is_ours, services_of

BAND = 1000  # priorities from the first one on
_MOST = 5000  # destination ranges of a rule
_OUTPUT = ("kind", "ruleTupleCount")  # what the API says of a rule and does not take
_KEPT = {  # what a rule of ours has, and what is not ours to decide
    *_OUTPUT, "ruleName", "description", "priority", "match", "action", "direction", "enableLogging", "disabled",
    "targetServiceAccounts", "targetSecureTags", "targetType",
}  # fmt: skip
_MATCH = {"destIpRanges", "destFqdns", "layer4Configs"}
_ALL = {"0.0.0.0/0", "::/0"}


class Policy:
    """A network firewall policy, global or of a region; C{most}: destinations of a rule."""

    most = _MOST

    def __init__(self, api, params):
        self._api, self._name = api, params["name"]
        place = "regions/{}".format(params["region"]) if params["region"] else "global"
        self._path = "projects/{}/{}/firewallPolicies/{}".format(params["project"], place, params["firewall_policy"])
        self.scope = self._path
        self._words = "the firewall policy {} ({}) of the project {}".format(
            params["firewall_policy"], params["region"] or "global", params["project"]
        )
        self._policy = {}
        self._first = None

    def read(self, absent=False):
        """Return the rules of ours that are there, by name; raises Refused for a policy that is not there."""
        try:
            self._policy = self._api.get(self._path)
        except ApiError as error:
            if error.status != 404:
                raise
            if not absent:
                raise Refused(f"there is no such policy: {self._words}; it is yours to make") from error
            self._policy = {}
        return {rule["ruleName"]: _read(rule) for rule in self._rules() if self._is_ours(rule)}

    def arrange(self, wanted, standing):
        """Return the wanted rules, each with a priority of its own: the one that it has, or the first free one.

        Raises Refused for a foreign rule in the band.
        """
        denying = sorted(name for name, rule in wanted.items() if rule.action == "deny")
        allowing = sorted(name for name in wanted if name not in denying)
        if not allowing and not denying:
            return wanted
        self._first = min(
            [wanted[name].priority - BAND + 2 for name in denying] or [wanted[name].priority for name in allowing]
        )
        band = range(self._first, self._first + BAND)
        for rule in self._rules():
            if rule["priority"] in band and not self._is_ours(rule):
                raise Refused(
                    "priority {} of {} is taken by the rule {}: priorities {} to {} are ours; move it, or choose "
                    "another gcp_egress_priority".format(
                        rule["priority"], self._words, rule.get("ruleName") or "without a name", band[0], band[-1]
                    )
                )
        if len(wanted) > BAND:
            raise Refused(over(self._quota(), len(wanted), BAND, ["fewer engines or regions"]))
        arranged = {name: wanted[name]._replace(priority=band[-2] + at) for at, name in enumerate(denying)}
        free = dict.fromkeys(band[: BAND - 2])
        kept = {}
        for name in allowing:
            if name in standing and standing[name].priority in free:
                kept[name] = standing[name].priority
                del free[standing[name].priority]
        left = iter(free)
        for name in allowing:
            arranged[name] = wanted[name]._replace(priority=kept[name] if name in kept else next(left))
        return arranged

    def units(self, standing, wanted):
        """Return what the band holds before and after."""
        return [unit(self._quota(), len(standing), len(wanted), BAND)]

    def check(self, standing, wanted):
        """Room is found when rules are arranged."""

    def write(self, standing, wanted, current):
        """Write the whole policy, old or new and nothing between; raises ApiError, 412 if it is another by now."""
        before = {rule["ruleName"]: rule for rule in self._rules() if self._is_ours(rule)}
        rules = [_plain(rule) for rule in self._rules() if not self._is_ours(rule)]
        rules += [_body(rule, before.get(name, {})) for name, rule in sorted(wanted.items())]
        rules.sort(key=lambda rule: rule["priority"])
        self._api.write("PATCH", self._path, {"rules": rules, "fingerprint": self._policy["fingerprint"]})
        current.clear()
        current.update(wanted)

    def notes(self, policy, wanted):
        """Return what a person should know of the policy and of foreign rules in it."""
        if policy is None:
            return []
        found = []
        if not self._policy.get("associations"):
            found.append(f"{self._words} is associated with no network: its rules apply nowhere yet")
        if policy == "deny":
            found.append(
                "VPC firewall rules of a network come first, and one that allows overrules our deny, unless the "
                "network's enforcement order is BEFORE_CLASSIC_FIREWALL"
            )
        else:
            found.append(restricts_nothing("the implied egress rule of the networks"))
        allowing = [rule.priority for rule in wanted.values() if rule.action == "allow"]
        denying = [rule.priority for rule in wanted.values() if rule.action == "deny"]
        for rule in self._rules():
            if rule.get("direction") != "EGRESS" or rule.get("disabled") or self._is_ours(rule):
                continue
            said = "rule {} (priority {}) of {} ".format(
                rule.get("ruleName") or "without a name", rule["priority"], self._words
            )
            if rule["action"] == "deny" and allowing and rule["priority"] < min(allowing):
                found.append(f"{said}comes before ours, and stops what it names")
            everything = _ALL & {destination(text) for text in rule.get("match", {}).get("destIpRanges", [])}
            if rule["action"] == "allow" and everything and denying and rule["priority"] < min(denying):
                found.append(f"{said}lets out to everywhere before our deny")
        return found

    def _quota(self):
        return f"the {BAND:,} priorities of ours in {self._words}"

    def _rules(self):
        return self._policy.get("rules", [])

    def _is_ours(self, rule):
        return is_ours(self._name, rule.get("ruleName"), rule.get("description"))


def _read(rule):
    """Return a rule as the API has it."""
    match = rule.get("match", {})
    protocols = {}
    for each in match.get("layer4Configs", []):
        protocols.setdefault(each["ipProtocol"], []).extend(each.get("ports", []))
    targets = ["account " + text for text in rule.get("targetServiceAccounts", [])]
    targets += ["secure " + each["name"] for each in rule.get("targetSecureTags", [])]
    odd = [key for key, value in match.items() if value and key not in _MATCH]
    odd += [key for key, value in rule.items() if value and key not in _KEPT]
    return Rule(
        rule["ruleName"],
        rule["action"],
        services_of(protocols),
        frozenset(destination(text) for text in match.get("destIpRanges", []) + match.get("destFqdns", [])),
        rule["priority"],
        rule.get("description", ""),
        tuple(sorted(targets)),
        bool(rule.get("disabled")),
        tuple(sorted(odd)),
    )


def _body(rule, before):
    """Return a rule of ours as it is written; whether it is logged stays as it was."""
    layers = [{"ipProtocol": protocol, **({"ports": [*ports]} if ports else {})} for protocol, ports in rule.services]
    prefixes = sorted(text for text in rule.destinations if "/" in text)
    names = sorted(text for text in rule.destinations if "/" not in text)
    match = {"layer4Configs": layers}
    match.update({"destIpRanges": prefixes} if prefixes else {}, **({"destFqdns": names} if names else {}))
    body = {
        "ruleName": rule.name,
        "description": rule.description,
        "priority": rule.priority,
        "direction": "EGRESS",
        "action": rule.action,
        "match": match,
        "enableLogging": bool(before.get("enableLogging")),
        "disabled": False,
    }
    for text in rule.targets:
        kind, _space, value = text.partition(" ")
        if kind == "account":
            body.setdefault("targetServiceAccounts", []).append(value)
        else:
            body.setdefault("targetSecureTags", []).append({"name": value})
    return body


def _plain(rule):
    """Return a foreign rule as it was read, without what the API only says."""
    copy = {key: value for key, value in rule.items() if key not in _OUTPUT}
    if "targetSecureTags" in copy:
        copy["targetSecureTags"] = [{"name": each["name"]} for each in copy["targetSecureTags"]]
    match = copy.get("match", {})
    if "srcSecureTags" in match:
        copy["match"] = {**match, "srcSecureTags": [{"name": each["name"]} for each in match["srcSecureTags"]]}
    return copy
