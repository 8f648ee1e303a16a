# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/check.yml, run without an inventory."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.definitions import GOOD
from tests.support.playbooks import PLAYBOOK
from tests.support.repository import REPOSITORY


def check(folder: Path, *given: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return the status, the results that tasks show, and all that was printed."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [PLAYBOOK, REPOSITORY / "playbooks" / "check.yml", *given],
        cwd=folder, env=environment, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    results = re.findall(
        r"^(?:ok|fatal): \[localhost\](?:: FAILED!)? => (\{.*?\})$", done.stdout, re.MULTILINE | re.DOTALL
    )
    return done.returncode, [json.loads(result) for result in results], done.stdout + done.stderr


def write(folder: Path, vendor: str, definition: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{vendor}.yml").write_text(yaml.safe_dump({f"catalog_{vendor}": definition}))


def test_sound_files_and_what_they_would_open(tmp_path: Path) -> None:
    write(tmp_path / "vendors", "example", GOOD)
    write(tmp_path / "more", "other", GOOD)
    for given in ("check_path=vendors/,more/other.yml", json.dumps({"check_path": ["vendors", "more"]})):
        status, results, printed = check(tmp_path, "-e", given)
        assert status == 0, printed
        [lines] = [result["msg"] for result in results if "msg" in result and isinstance(result["msg"], list)]
        assert [line for line in lines if not line.startswith(" ") and line] == [
            "Example (example), vendors/example.yml",
            "Example (other), more/other.yml",
        ]
        assert any(
            re.match(r" +inbound udp/3478  128 addresses in 1 prefix +recommended +regions: east; extra: true", line)
            for line in lines
        )


def test_all_errors_are_printed_before_the_play_stops(tmp_path: Path) -> None:
    write(tmp_path / "vendors", "good", GOOD)
    write(tmp_path / "vendors", "bad", {**GOOD, "services": [], "timers": []} | {"sources": [{"id": "page"}]})
    status, results, printed = check(tmp_path, "-e", "check_path=vendors,missing.yml")
    assert status == 2, printed
    errors, lines = [result["msg"] for result in results if "msg" in result and isinstance(result["msg"], list)]
    assert errors == [
        "vendors/bad.yml: bad: page: title is missing",
        "missing.yml: it cannot be read: No such file or directory",
    ]
    assert lines[0] == "Example (good), vendors/good.yml"
    assert results[-1]["msg"] == "not sound: 2 errors, named above"
    assert printed.count("bad: page: title is missing") == 1
    assert check(tmp_path, "-e", "check_path=missing.yml")[1][-1]["msg"] == "not sound: 1 error, named above"


def test_it_is_said_what_was_meant(tmp_path: Path) -> None:
    for given, meant in (
        ([], "check_path is not given: write -e check_path=vendors/"),
        (["-e", "check_paths=vendors"], "'check_paths' is not read: write check_path"),
    ):
        status, results, printed = check(tmp_path, *given)
        assert status == 2, printed
        assert results[-1]["msg"].startswith(meant)


def test_all_names_are_listed_with_verbosity(tmp_path: Path) -> None:
    rows = [{"destination": f"host-{number}.example.com", "ports": "443"} for number in range(25)]
    write(tmp_path / "vendors", "many", {**GOOD, "services": [{**GOOD["services"][0], "rows": rows}], "timers": []})
    for given, found in (((), False), (("-v",), True)):
        status, _results, printed = check(tmp_path, "-e", "check_path=vendors", *given)
        assert (status, "host-24.example.com" in printed, "listed with -v" in printed) == (0, found, not found)
