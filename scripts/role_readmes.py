# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write README.md and meta/main.yml of every role from its meta/argument_specs.yml: what Galaxy shows of a role.

The argument spec has the description, the example and the variables, as C(ansible-doc -t role) shows them. An entry
of the description that begins with "Needs " becomes the section "Dependencies".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.md import MDFormatter, to_md
from antsibull_docs_parser.parser import Context, parse

ROOT = Path(__file__).resolve().parents[1]
NOTICE = "Written by `make readmes` from meta/argument_specs.yml: change that file."


class _Formatter(MDFormatter):
    """Ansible's markup as Markdown that is also readable as text: backticks, and no escape that is not needed."""

    def format_text(self, part: dom.TextPart) -> str:
        return re.sub(r"([\\`*<\[\]])", r"\\\1", part.text)

    def format_code(self, part: dom.CodePart) -> str:
        return _code(part.text)

    def format_option_value(self, part: dom.OptionValuePart) -> str:
        return _code(part.value)

    def format_option_name(self, part: dom.OptionNamePart, url: str | None) -> str:
        return _code(part.name if part.value is None else f"{part.name}: {part.value}")

    def format_error(self, part: dom.ErrorPart) -> str:
        raise ValueError(part.message)


def _code(text: str) -> str:
    return f"`{text}`"


def _markdown(text: str | list[str]) -> list[str]:
    """Return a description, one string or a list of them, as paragraphs of Markdown.

    ValueError: markup that Ansible does not know.
    """
    return [
        to_md(parse(paragraph, Context()), formatter=_Formatter(), par_start="", par_end="")
        for paragraph in ([text] if isinstance(text, str) else text)
    ]


def _value(value: Any) -> str:
    """Return a value as it would be typed in YAML: text bare, everything else as in JSON."""
    return _code(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def _rows(options: dict[str, dict[str, Any]], prefix: str = "") -> Iterator[list[str]]:
    """Yield a table row for each option, and behind it those of its own options: C(x.y), or C(x[].y) in a list."""
    for name, option in options.items():
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        yield [
            _code(prefix + name),
            kind,
            "**required**" if option.get("required") else _value(option["default"]) if "default" in option else "",
            ", ".join(_value(choice) for choice in option.get("choices", [])),
            " ".join(_markdown(option["description"])),
        ]
        yield from _rows(option.get("options", {}), f"{prefix}{name}{'[]' if option['type'] == 'list' else ''}.")


def _table(rows: list[list[str]]) -> str:
    lines = [["variable", "type", "default", "choices", "meaning"], ["---"] * 5, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def readme(role: Path) -> str:
    """Return the text of a role's README.md."""
    spec = _spec(role)
    paragraphs = _markdown(spec["description"])
    needs = [paragraph for paragraph in paragraphs if paragraph.startswith("Needs ")]
    page = f"docs/{role.name}.md"
    links = [f"More: [{page}](../../{page}), and the comments in [defaults/main.yml](defaults/main.yml)."]
    if role.name != "catalog":
        links.append("What is allowed: [variables of egress.allowlist.catalog](../catalog/README.md#variables).")
    parts = [
        f"<!-- {NOTICE} -->",
        f"# egress.allowlist.{role.name}",
        f"{spec['short_description']}.",
        *(paragraph for paragraph in paragraphs if paragraph not in needs),
        "## Example",
        f"```yaml\n{spec['examples'].strip()}\n```",
        "## Variables",
        _table(list(_rows(spec["options"]))),
        " ".join(links),
        "## Dependencies",
        *needs,
    ]
    return "\n\n".join(parts) + "\n"


def metadata(role: Path) -> str:
    """Return the text of a role's meta/main.yml: Galaxy takes the line about a role from there."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    found = {
        "galaxy_info": {
            "author": galaxy["authors"][0],
            "description": _spec(role)["short_description"],
            "license": galaxy["license"][0],
            "min_ansible_version": re.findall(r"\d+\.\d+", runtime["requires_ansible"])[0],
        },
        "dependencies": [],
    }
    return f"---\n# {NOTICE}\n{yaml.safe_dump(found, sort_keys=False, width=150)}"


def _spec(role: Path) -> dict[str, Any]:
    """Return the argument spec of the entry point main, the only one that a role here has."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return dict(specs["main"])


def files() -> dict[Path, str]:
    """Return all files that are written, with their text."""
    written = {}
    for spec in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        role = spec.parents[1]
        written[role / "README.md"] = readme(role)
        written[role / "meta" / "main.yml"] = metadata(role)
    return written


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
