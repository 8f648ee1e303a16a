# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Azure accepts as a network resource: its own library's models, and the rules that its documentation states.

conforms(models.NetworkSecurityGroup, payload)     # types, required fields, enumerations, nothing unknown
check_group(payload)                               # priorities, limits, prefixes: Refusal with Azure's code
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import types
import typing
from bisect import bisect_right
from collections import Counter
from enum import Enum
from functools import cache
from typing import Any

from azure.mgmt.network import models
from azure.mgmt.network._utils.model_base import Model, SdkJSONEncoder

MOST_RULES, MOST_VALUES, MOST_DESCRIPTION = 1000, 4000, 140
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9.]*")


class Refusal(Exception):
    """Azure's answer to a bad request: its code, and a message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


def conforms(model: type[Model], payload: Any) -> None:
    """Raise Refusal where a payload is not what the library's model says, field by field, or does not survive it."""
    _conforms(model, payload, model.__name__)
    again = json.loads(json.dumps(model(payload), cls=SdkJSONEncoder, exclude_readonly=True))
    if again != payload:
        raise Refusal("InvalidRequestFormat", f"{model.__name__} is another thing after the library read it: {again}")


@cache
def _fields(model: type[Model]) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field by its name in JSON, and whether only Azure writes it."""
    model({})  # names and types are worked out with the first object
    hints = typing.get_type_hints(model, {**vars(typing), "_models": models})
    fields = model._attr_to_rest_field.items()
    return {field._rest_name: (hints[name], field._visibility == ["read"]) for name, field in fields}


def _conforms(hint: Any, value: Any, where: str) -> None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        if value is None and len(kinds) < len(arguments):
            return
        enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
        _conforms(enums[0] if enums else kinds[0], value, where)
    elif origin is list:
        if not isinstance(value, list):
            raise Refusal("InvalidRequestFormat", f"{where} is no list: {value!r}")
        for number, one in enumerate(value):
            _conforms(arguments[0], one, f"{where}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            raise Refusal("InvalidRequestFormat", f"{where} is no object: {value!r}")
        for key, one in value.items():
            _conforms(arguments[1], one, f"{where}.{key}")
    elif isinstance(hint, type) and issubclass(hint, Enum):
        if value not in [str(one.value) for one in hint]:
            raise Refusal("InvalidRequestFormat", f"{where} is none of {[one.value for one in hint]}: {value!r}")
    elif isinstance(hint, type) and issubclass(hint, Model):
        _object(hint, value, where)
    elif hint in (str, int, bool, float) and (not isinstance(value, hint) or isinstance(value, bool) > (hint is bool)):
        raise Refusal("InvalidRequestFormat", f"{where} is no {hint.__name__}: {value!r}")


def _object(model: type[Model], value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise Refusal("InvalidRequestFormat", f"{where} is no object: {value!r}")
    fields = _fields(model)
    for key, one in value.items():
        if key not in fields:
            raise Refusal("InvalidRequestContent", f"{where}.{key} is not known")
        if fields[key][1]:
            raise Refusal("InvalidRequestContent", f"{where}.{key} is only read")
        _conforms(fields[key][0], one, f"{where}.{key}")
    for key, (hint, _read) in fields.items():
        if key not in value and types.NoneType not in typing.get_args(hint):
            raise Refusal("InvalidRequestContent", f"{where}.{key} is required")


def check_group(payload: dict[str, Any]) -> None:
    """Raise Refusal where a group breaks what Azure's documentation says of rules and their limits."""
    rules = payload.get("properties", {}).get("securityRules") or []
    if len(rules) > MOST_RULES:
        raise Refusal("SecurityRuleCountLimitReached", f"A security group cannot have more than {MOST_RULES} rules.")
    names = Counter(rule.get("name", "").lower() for rule in rules)
    places = Counter((rule["properties"]["direction"], rule["properties"]["priority"]) for rule in rules)
    for found, code in ((names, "DuplicateResourceName"), (places, "SecurityRuleConflict")):
        for key, count in found.items():
            if count > 1:
                raise Refusal(code, f"{key} stands {count} times.")
    for rule in rules:
        _check_rule(rule)
    for many in ("sourceAddressPrefix", "destinationAddressPrefix", "sourcePortRange", "destinationPortRange"):
        count = sum(len(_values(rule["properties"], many)) for rule in rules)
        if count > MOST_VALUES:
            raise Refusal(
                "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached",
                f"The group has {count} {_plural(many)}. It cannot have more than {MOST_VALUES}.",
            )


def _plural(one: str) -> str:
    return f"{one}es" if one.endswith("x") else f"{one}s"


def _values(properties: dict[str, Any], one: str) -> list[str]:
    return ([properties[one]] if properties.get(one) else []) + (properties.get(_plural(one)) or [])


def _check_rule(rule: dict[str, Any]) -> None:
    name, properties = rule.get("name", ""), rule["properties"]
    if not _NAME.fullmatch(name):
        raise Refusal("InvalidResourceName", f"Resource name '{name}' is invalid.")
    if len(properties.get("description") or "") > MOST_DESCRIPTION:
        raise Refusal("SecurityRuleInvalidDescription", f"'{name}': more than {MOST_DESCRIPTION} characters.")
    if not 100 <= properties["priority"] <= 4096:
        raise Refusal("SecurityRuleInvalidPriority", f"'{name}': {properties['priority']}.")
    families = set()
    for side in ("source", "destination"):
        groups = properties.get(f"{side}ApplicationSecurityGroups")
        prefixes, ports = (_values(properties, f"{side}{what}") for what in ("AddressPrefix", "PortRange"))
        if bool(groups) is bool(prefixes) or not ports:
            raise Refusal("SecurityRuleParameterMissing", f"'{name}' needs a {side} and its ports, each in one form.")
        if properties.get(f"{side}PortRange") and properties.get(f"{side}PortRanges"):
            raise Refusal("SecurityRuleParameterConflict", f"'{name}': {side} ports in two forms.")
        if properties.get(f"{side}AddressPrefix") and properties.get(f"{side}AddressPrefixes"):
            raise Refusal("SecurityRuleParameterConflict", f"'{name}': {side} in two forms.")
        several = properties.get(f"{side}AddressPrefixes") or []
        networks = [_network(name, text, text in several) for text in prefixes]
        known = [network for network in networks if network]
        families |= {network.version for network in known}
        for one, other in itertools.pairwise(sorted(known, key=lambda net: (net.version, net.network_address))):
            if one.overlaps(other):
                raise Refusal("SecurityRuleParameterContainsOverlap", f"'{name}': {one} and {other} overlap.")
        _check_ports(name, ports)
    if len(families) > 1:
        raise Refusal(
            "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
            f"'{name}' contains prefixes that belong to different address families.",
        )


def _network(name: str, text: str, several: bool) -> Any:
    """Return the network of a prefix, None for a tag or C{*}, which only stand alone."""
    if text == "*" or _TAG.fullmatch(text):
        if several:
            raise Refusal("SecurityRuleParameterContainsUnsupportedValue", f"'{name}' cannot list {text}.")
        return None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise Refusal("SecurityRuleInvalidAddressPrefix", f"'{name}': {text}.") from None


def _check_ports(name: str, ports: list[str]) -> None:
    if ports == ["*"]:
        return
    taken: list[tuple[int, int]] = []
    for text in ports:
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last <= 65535:
            raise Refusal("SecurityRuleInvalidPortRange", f"'{name}': {text}.")
        taken.append((first, last))
    for (_first, last), (first, _last) in itertools.pairwise(sorted(taken)):
        if first <= last:
            raise Refusal("SecurityRuleParameterContainsOverlap", f"'{name}': ports {ports} overlap.")


class Outbound:
    """The rules of a group as a table in which a packet is looked up quickly."""

    def __init__(self, rules: list[dict[str, Any]]) -> None:
        """Take the rules as Azure has them."""
        self._rules: list[tuple[str, bool, dict[int, list[tuple[int, int]]], list[tuple[int, int]]]] = []
        for rule in sorted(rules, key=lambda rule: rule["properties"]["priority"]):
            one = rule["properties"]
            if one["direction"] == "Outbound":
                self._rules.append((one["protocol"].lower(), one["access"] == "Allow", _reached(one), _ranges(one)))

    def lets_out(self, protocol: str, version: int, address: int, port: int) -> bool:
        """Say whether a first packet to the Internet leaves.

        The lowest priority that matches decides; where none does, Azure's default rule lets it out.
        """
        for wanted, allows, reached, ports in self._rules:
            if wanted in ("*", protocol) and any(first <= port <= last for first, last in ports):
                ranges = reached[version]
                at = bisect_right(ranges, (address, 1 << 128)) - 1
                if at >= 0 and address <= ranges[at][1]:
                    return allows
        return True


def opened(rules: list[dict[str, Any]], protocol: str, address: str, port: int) -> bool:
    """Say whether the rules of a group let one first packet out to the Internet; for many, make an Outbound."""
    wanted = ipaddress.ip_address(address)
    return Outbound(rules).lets_out(protocol, wanted.version, int(wanted), port)


def _reached(properties: dict[str, Any]) -> dict[int, list[tuple[int, int]]]:
    """Return the addresses that a rule matches, by IP version, ascending; a rule's own prefixes do not overlap."""
    found: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for text in _values(properties, "destinationAddressPrefix"):
        if text in ("*", "Internet"):
            return {4: [(0, (1 << 32) - 1)], 6: [(0, (1 << 128) - 1)]}
        if not _TAG.fullmatch(text):
            network = ipaddress.ip_network(text)
            found[network.version].append((int(network.network_address), int(network.broadcast_address)))
    return {version: sorted(ranges) for version, ranges in found.items()}


def _ranges(properties: dict[str, Any]) -> list[tuple[int, int]]:
    found = []
    for text in _values(properties, "destinationPortRange"):
        first, _dash, last = ("0-65535" if text == "*" else text).partition("-")
        found.append((int(first), int(last or first)))
    return found
