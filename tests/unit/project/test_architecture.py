# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/architecture.md: its files and folders exist, its folders are all that there are, its row goes this very way."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.shipped import read_catalog
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls import ufw
from ansible_collections.egress.allowlist.plugins.plugin_utils._firewalls.nftables import ruleset
from ansible_collections.egress.allowlist.plugins.plugin_utils._reports.explain import explain_destination

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
UTILS = [REPOSITORY / "plugins" / "plugin_utils", REPOSITORY / "plugins" / "module_utils"]


def test_files_and_folders_that_it_names_exist() -> None:
    named = set(re.findall(r"`([\w/.]+(?:\.py|\.yml|/))`", PAGE))
    assert len(named) > 40
    files = [*REPOSITORY.glob("plugins/**/*.py"), *REPOSITORY.glob("playbooks/*.yml")]
    tails = {"/".join(path.parts[-depth:]) for path in files for depth in (1, 2, 3)}
    missing = {name for name in named if not (REPOSITORY / name).exists() and name not in tails}
    assert missing == {"plugin_utils/", "module_utils/"}, "these two are headings of tables"


@pytest.mark.parametrize("folder", UTILS, ids=lambda folder: folder.name)
def test_every_station_is_in_its_table(folder: Path) -> None:
    table = PAGE[PAGE.index(f"| `{folder.name}/` | |") :].partition("\n\n")[0]
    stations = {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(re.findall(r"^\| `(_\w+)` \|", table, re.MULTILINE)) == stations


def test_the_row_goes_the_way_that_it_tells() -> None:
    catalog = read_catalog([], {}, REPOSITORY).vendors
    selection = select_rows(catalog, [{"name": "kudo", "regions": "usa"}], today=datetime.date(2026, 11, 30))
    [row] = [row for row in selection["rows"] if (row["service"], row["row"], row["ports"]) == ("media", 10, "3478")]
    rules = expand_rows(selection["rows"])
    [rule] = [rule for rule in rules if (rule["service"], rule["row"], rule["ports"]) == ("media", 10, "3478")]
    shown = [json.loads(text + "}") for text in re.findall(r"^ +(\{.*), \.\.\.\}$", PAGE, re.MULTILINE)]
    assert len(shown) == 2
    for told, found in zip(shown, (row, rule), strict=True):
        assert told == {key: found[key] for key in told}
    allowlist = merge_vendors(rules)
    [group] = [group for group in allowlist["groups"] if "3.25.48.192/28" in group["ipv4"]]
    assert group["services"] == ["tcp/443", "udp/3478"]
    for line in (
        next(line.strip() for line in ruleset.render(allowlist)["ruleset"].splitlines() if "3.25.48.192/28" in line),
        next(rule for rule in ufw.render(allowlist)["rules"] if rule.startswith("allow udp 3478 3.25.48.192/28")),
        explain_destination(allowlist, "3.25.48.193", "udp")[1],
    ):
        assert line in PAGE
