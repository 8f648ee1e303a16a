# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the public suffixes that the collection ships, from the list as publicsuffix.org publishes it.

C{python scripts/public_suffixes.py public_suffix_list.dat}; C{make public-suffixes FROM=public_suffix_list.dat}.
The list is at https://publicsuffix.org/list/public_suffix_list.dat; PyPI's publicsuffixlist and Debian's publicsuffix
hold it too.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

TARGET = Path(__file__).parents[1] / "plugins" / "plugin_utils" / "_model" / "public_suffixes.txt"
PARTS = {"ICANN": "[registries]", "PRIVATE": "[private]"}
_HEAD = """\
# The Public Suffix List of https://publicsuffix.org, version {version}, without its comments.
# Subject to the terms of the Mozilla Public License, v. 2.0: https://mozilla.org/MPL/2.0/.
# A parent, then its labels; '*' is any label, '!' an exception. Written by scripts/public_suffixes.py.
"""
_RULE = re.compile(r"!?(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def parts(text: str) -> dict[str, list[str]]:
    """Return the rules of each part of the list, in their ASCII form.

    Raises ValueError for a list without its parts or its version, and for a line that is no rule.
    """
    found: dict[str, list[str]] = {}
    part = ""
    for line in text.splitlines():
        if mark := re.match(r"// ===(BEGIN|END) (\w+) DOMAINS===", line):
            part = mark.group(2) if mark.group(1) == "BEGIN" else ""
        elif part and line.strip() and not line.startswith("//"):
            rule = ascii_rule(line.split()[0])
            if not _RULE.fullmatch(rule):
                raise ValueError(f"{line!r} is no rule")
            found.setdefault(part, []).append(rule)
    if set(found) != set(PARTS):
        raise ValueError(f"the list has the parts {sorted(found)}, not {sorted(PARTS)}")
    return found


def ascii_rule(rule: str) -> str:
    """Return a rule with each label in its ASCII form."""
    mark = "!" if rule.startswith("!") else ""
    labels = rule.removeprefix("!").lower().split(".")
    return mark + ".".join(label if label.isascii() else label.encode("idna").decode() for label in labels)


def compact(rules: list[str]) -> list[str]:
    """Return a line for each parent, with its labels, sorted."""
    children: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        label, _dot, parent = rule.partition(".")
        children[parent or "."].add(label)
    return [" ".join([parent, *sorted(children[parent])]) for parent in sorted(children)]


def written(text: str) -> str:
    """Return what the collection ships of the list."""
    version = re.search(r"^// VERSION: (\d{4}-\d\d-\d\d)", text, re.MULTILINE)
    if not version:
        raise ValueError("the list has no line '// VERSION: ...' with its date")
    lines = [_HEAD.format(version=version.group(1)).rstrip("\n")]
    for part, rules in parts(text).items():
        lines += [PARTS[part], *compact(rules)]
    return "\n".join(lines) + "\n"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("write the path of the list: make public-suffixes FROM=public_suffix_list.dat")
    try:
        text = written(Path(sys.argv[1]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise SystemExit(f"{sys.argv[1]}: {exc}") from None
    TARGET.write_text(text, encoding="ascii")
    print(f"{TARGET}: {len(text)} bytes")


if __name__ == "__main__":
    main()
