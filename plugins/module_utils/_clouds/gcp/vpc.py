# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC firewall rules as the place of our rules: what is there, what there is room for, one request for each change."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.call import (
    Refused,
    over,
    restricts_nothing,
    unit,
)

from .api import ApiError
from .rules import Rule, destination, is_ours, services_of, steps

_KEPT = {  # what a rule of ours has, and what is not ours to decide
    "kind", "id", "creationTimestamp", "selfLink", "name", "description", "network", "priority", "direction",
    "destinationRanges", "allowed", "denied", "targetTags", "targetServiceAccounts", "disabled", "logConfig",
}  # fmt: skip
_MOST = 5000  # destination ranges of a rule
_ALL = {"0.0.0.0/0", "::/0"}


class Vpc:
    """The VPC firewall rules of one network; C{most}: destinations of a rule."""

    most = _MOST

    def __init__(self, api, params):
        self._api, self._name = api, params["name"]
        self._project = "projects/{}".format(params["project"])
        self._firewalls = f"{self._project}/global/firewalls"
        self._network = "{}/global/networks/{}".format(self._project, params["network"])
        self.scope = self._network
        self._words = "the network {} of the project {}".format(params["network"], params["project"])
        self._found = None
        self._limit = None
        self._items = []

    def read(self, absent=False):
        """Return the rules of ours that are there, by name; raises Refused for a network that is not there."""
        if self._found is None and not absent:
            try:
                self._found = self._api.get(self._network)
            except ApiError as error:
                if error.status == 404:
                    raise Refused(f"there is no such network: {self._words}") from error
                raise
        self._items = self._api.pages(self._firewalls)
        ours = [item for item in self._items if self._is_ours(item)]
        return {item["name"]: _read(item) for item in ours}

    def arrange(self, wanted, standing):
        """Return the wanted rules; raises Refused for a name that somebody else has."""
        for item in self._items:
            if item["name"] in wanted and not self._is_ours(item):
                raise Refused(
                    "the VPC firewall rule {} has the name of a rule of ours and not our mark: rename it, or choose "
                    "another gcp_egress_name".format(item["name"])
                )
        return wanted

    def units(self, standing, wanted):
        """Return what the project's quota holds before and after, foreign rules counted."""
        if self._limit is None:
            quotas = self._api.get(self._project).get("quotas", [])
            self._limit = int(next((each["limit"] for each in quotas if each["metric"] == "FIREWALLS"), -1))
        before = len(self._items)
        after = before - len(standing) + len(wanted)
        return [unit(self._quota(), before, after, self._limit)] if self._limit >= 0 else []

    def check(self, standing, wanted):
        """Raise Refused where there is no room for what must stand there meanwhile: additions come before removals."""
        free = self.units(standing, wanted) and self._limit - len(self._items)
        need = sum(1 for verb, _rule in steps(standing, wanted, self.most) if verb == "insert")
        if free != [] and need > max(free, 0):
            ways = [
                f"raise the quota 'VPC firewall rules' (FIREWALLS) to {len(self._items) + need}",
                "fewer engines or regions",
            ]
            raise Refused(over(self._quota(), need, max(free, 0), ways))

    def write(self, standing, wanted, current):
        """Make the wanted rules of those that stand, and keep C{current} up to date; raises ApiError."""
        for verb, rule in steps(standing, wanted, self.most):
            path = f"{self._firewalls}/{rule.name}"
            if verb == "insert":
                self._api.write("POST", self._firewalls, self._body(rule))
            elif verb == "patch":
                self._api.write("PATCH", path, self._patch(current[rule.name], rule))
            else:
                self._api.write("DELETE", path)
            if verb == "delete":
                current.pop(rule.name)
            else:
                current[rule.name] = rule

    def notes(self, policy, wanted):
        """Return what a person should know of the network and of foreign rules in it."""
        found = [
            "the VPC firewall rule {} bears our name and not our mark: it stays".format(item["name"])
            for item in self._items
            if item["name"].startswith(self._name + "-")
            and self._in_network(item)
            and not self._is_ours(item)
            and not (item.get("description") or "").startswith("[egress.allowlist ")
        ]
        if policy is None:
            return found
        if policy != "deny":
            found.append(restricts_nothing(f"the implied egress rule of {self._words}"))
        order = (self._found or {}).get("networkFirewallPolicyEnforcementOrder")
        if order == "BEFORE_CLASSIC_FIREWALL" and self._found.get("firewallPolicy"):
            found.append(
                "the firewall policy {} comes before VPC firewall rules in this network ({})".format(
                    self._found["firewallPolicy"].rsplit("/", 1)[-1], order
                )
            )
        return found + self._others(policy, wanted)

    def _others(self, policy, wanted):
        """Return notes on foreign egress rules that come before ours."""
        allowing = [rule.priority for rule in wanted.values() if rule.action == "allow"]
        denying = [rule.priority for rule in wanted.values() if rule.action == "deny"]
        found = []
        for item in self._items:
            egress = item.get("direction") == "EGRESS" and not item.get("disabled") and self._in_network(item)
            if not egress or self._is_ours(item):
                continue
            said = "the VPC firewall rule {} (priority {}) ".format(item["name"], item["priority"])
            everything = {destination(text) for text in item.get("destinationRanges", ["0.0.0.0/0"])} & _ALL
            if item.get("denied") and allowing and item["priority"] <= min(allowing):
                found.append(f"{said}comes before ours, and stops what it names")
            if policy == "deny" and item.get("allowed") and everything and item["priority"] < min(denying):
                found.append(f"{said}lets out to everywhere before our deny")
        return found

    def _quota(self):
        return "VPC firewall rules per project"

    def _in_network(self, item):
        return item.get("network", "").endswith("/" + self._network)

    def _is_ours(self, item):
        return self._in_network(item) and is_ours(self._name, item["name"], item.get("description"))

    def _body(self, rule):
        """Return a rule as it is inserted."""
        verb = "allowed" if rule.action == "allow" else "denied"
        return {
            "name": rule.name,
            "network": self._network,
            "direction": "EGRESS",
            "priority": rule.priority,
            "description": rule.description,
            "destinationRanges": sorted(rule.destinations),
            "disabled": False,
            verb: _protocols(rule),
            **_targets(rule),
        }

    def _patch(self, old, rule):
        """Return what changes of a rule: all else, logging too, stays as it is."""
        whole, was = self._body(rule), self._body(old)
        changed = {key: value for key, value in whole.items() if value != was.get(key)}
        if old.disabled:
            changed["disabled"] = False
        if old.targets != rule.targets:
            changed.update({"targetTags": [], "targetServiceAccounts": [], **_targets(rule)})
        return {"name": rule.name, **changed, **{field: [] for field in old.odd}}


def _read(item):
    """Return a rule as the API has it."""
    protocols = {}
    for each in item.get("allowed") or item.get("denied") or []:
        protocols.setdefault(each["IPProtocol"], []).extend(each.get("ports", []))
    targets = ["tag " + text for text in item.get("targetTags", [])]
    targets += ["account " + text for text in item.get("targetServiceAccounts", [])]
    return Rule(
        item["name"],
        "allow" if item.get("allowed") else "deny",
        services_of(protocols),
        frozenset(destination(text) for text in item.get("destinationRanges", [])),
        item["priority"],
        item.get("description", ""),
        tuple(sorted(targets)),
        bool(item.get("disabled")),
        tuple(sorted(key for key, value in item.items() if value and key not in _KEPT)),
    )


def _protocols(rule):
    return [{"IPProtocol": protocol, **({"ports": [*ports]} if ports else {})} for protocol, ports in rule.services]


def _targets(rule):
    found = {}
    for text in rule.targets:
        kind, _space, value = text.partition(" ")
        found.setdefault({"tag": "targetTags", "account": "targetServiceAccounts"}[kind], []).append(value)
    return found
