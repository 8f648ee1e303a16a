# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this what the controller made? A native form is checked before anything is read or touched.

A shape says what a value is: a type; a set of texts, one of which it is; C{Text}, a text of one kind; C{[shape]}, a
list of any length; C{(shape, shape)}, a list of that length; C{{str: shape}}, a dictionary with any keys, and with a
C{Text} in the place of C{str} with keys of that kind; C{{"key": shape, "key?": shape}}, one with these keys, of which
the second may be missing; C{Maybe} of such a one, which may also be empty.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

# Filters by a key that only what they return has.
_TOLD_BY = {
    "ruleset": "nftables_ruleset",
    "chained": "ufw_rules",
    "files": "firewalld_objects",
    "groups_needed": "aws_security_group_plan",
    "priorities": "azure_security_group_plan",
    "lists": "gcp_security_group_plan",
    "parts": "openstack_security_group_plan",
    "provenance": "merge_vendors",
}
_WORDS = (
    (bool, "true or false"),  # before the numbers, of which it is one in Python
    (int, "a whole number"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a dictionary"),
    (type(None), "nothing"),
)


class Text:
    """The shape of a text that a pattern matches as a whole; C{words}: what such a text is."""

    def __init__(self, words, pattern):
        self.words, self._pattern = words, re.compile(pattern)

    def takes(self, text):
        """True for a text of this kind."""
        return self._pattern.fullmatch(text) is not None


class Prefix(Text):
    """The shape of an address or a prefix, or of '' where it may be empty."""

    def __init__(self, empty=False):
        super().__init__("an address or a prefix", "[0-9a-fA-F.:]+(?:/[0-9]+)?" + ("|" if empty else ""))

    def takes(self, text):
        """True for a prefix of IPv4 or IPv6."""
        try:
            return super().takes(text) and (not text or bool(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            return False


# What a shape that is no type is a shape of.
_KINDS = ((set, str), (Text, str), (list, list), (tuple, list), (dict, dict))


class Form(NamedTuple):
    """What a filter returns: its name, and the shape."""

    filter: str
    shape: dict


class Maybe(dict):
    """The shape of a dictionary that has its keys or is empty."""


def check(module, option, form):
    """End the module where its option with the native form is given and needed, and is not what the filter returns."""
    given = module.params[option]
    if given is None or module.params["state"] == "absent":
        return
    others = [name for key, name in _TOLD_BY.items() if key in given]
    if others and form.filter not in others:
        wrong = f"it is what the filter egress.allowlist.{others[0]} returns"
    else:
        wrong = problem(given, form.shape)
    if wrong:
        module.fail_json(msg=f"{option} is not what the filter egress.allowlist.{form.filter} returns: {wrong}")


def problem(value, shape, path=""):
    """Return in words what first keeps a value from having a shape, '' where nothing does. C{path}: where it is."""
    kind = shape if isinstance(shape, type) else next(kind for of, kind in _KINDS if isinstance(shape, of))
    found = next(known for known, _word in _WORDS if isinstance(value, known))
    if found is not kind:
        words = dict(_WORDS)
        return f"'{path}' is {words[found]}, not {words[kind]}"
    if isinstance(shape, set) and value not in shape:
        return f"'{path}' is '{value}', not one of {', '.join(map(repr, sorted(shape)))}"
    if isinstance(shape, Text) and not shape.takes(value):
        return f"'{path}' is {_quoted(value)}, not {shape.words}"
    if isinstance(shape, tuple) and len(value) != len(shape):
        return f"'{path}' has {len(value)} items, not {len(shape)}"
    parts = []
    if isinstance(shape, (list, tuple)):
        parts = [(item, shape[at % len(shape)], f"{path}[{at}]") for at, item in enumerate(value)]
    elif isinstance(shape, dict) and (value or not isinstance(shape, Maybe)):
        before = path + "." if path else ""
        keys = next((key for key in shape if not isinstance(key, str)), None)  # of a dictionary with any keys
        if isinstance(keys, Text):
            wrong = [key for key in value if not keys.takes(key)]
            if wrong:
                return f"'{path}' has the key {_quoted(wrong[0])}, which is not {keys.words}"
        shapes = dict.fromkeys(value, shape[keys]) if keys else {key.rstrip("?"): shape[key] for key in shape}
        missing = [key for key in shapes if key not in value and key in shape]
        if missing:
            return f"'{before}{missing[0]}' is missing"
        unknown = [key for key in value if key not in shapes]
        if unknown:
            return f"'{before}{unknown[0]}' is not known: it is of another version of this collection"
        parts = [(value[key], shapes[key], before + key) for key in shapes if key in value]
    return next(filter(None, (problem(*part) for part in parts)), "")


def _quoted(text):
    """Return a text as a message shows it: on one line, its beginning only where it is long."""
    shown = repr(text)
    return shown if len(shown) <= 80 else f"{shown[:75]}...'"
