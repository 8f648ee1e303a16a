# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All vendors together applied to one host, against an empty play and against nft alone.

C{python tests/benchmarks/bench_apply.py [rounds]} (5 rounds, as root) prints medians in seconds and their ratios to the
empty play; it asserts nothing. The plays take turns, so that a busy moment of the machine hits all of them
alike, and run in a sandbox, so that nothing of the machine changes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[2]
SANDBOX = REPOSITORY / "tests" / "support" / "sandbox"
VENDORS = [
    {"name": "kore_ai", "regions": "all"},
    {"name": "kudo", "regions": "all", "teams": True},
    {"name": "securevideo", "engines": "all", "one_click_regions": "all", "ocsp": True, "inbound": True},
    {"name": "eschat", "signaling_port": 7400, "ios": True},
    {"name": "zoom", "inbound": True},
    {"name": "twilio", "regions": "all"},
    {"name": "vsee"},
]
EMPTY = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n"
WORK = ("empty play", "nft alone", "first run", "second run")


def timed(command: list[str], changes: bool | None = None) -> float:
    """Return the seconds that a command takes; a play must change something, or nothing, as is said."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY, env=environment)
    seconds = time.perf_counter() - start
    if done.returncode or (changes is not None and changes == ("changed=0 " in done.stdout)):
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return seconds


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each work in each round; to be called in a sandbox."""
    taken: dict[str, list[float]] = {name: [] for name in WORK}
    playbook = str(REPOSITORY / ".venv" / "bin" / "ansible-playbook")
    with tempfile.TemporaryDirectory() as folder:
        empty, ruleset = Path(folder, "empty.yml"), Path(folder, "ruleset.nft")
        empty.write_text(EMPTY, "utf-8")
        said = json.dumps(
            {"catalog_vendors": VENDORS, "nftables_egress_policy": "deny", "nftables_egress_names": "report"}
        )
        apply = [playbook, "playbooks/apply.yml", "-e", said]
        for number in range(rounds + 1):
            subprocess.run(["nft", "flush", "ruleset"], check=True)
            subprocess.run("rm -rf /etc/egress-allowlist /run/egress-allowlist", shell=True, check=True)
            found = {"empty play": timed([playbook, str(empty)]), "first run": timed(apply, changes=True)}
            found["second run"] = timed(apply, changes=False)
            with ruleset.open("w", encoding="utf-8") as file:
                subprocess.run(["nft", "-s", "list", "ruleset"], check=True, stdout=file)
            subprocess.run(["nft", "flush", "ruleset"], check=True)
            found["nft alone"] = timed(["nft", "-f", str(ruleset)])
            for name in WORK if number else ():  # the first round fills caches
                taken[name].append(found[name])
    return taken


def main(arguments: list[str]) -> None:
    """Measure in a sandbox and print a table."""
    rounds = arguments[-1] if arguments else "5"
    if arguments[:1] == ["--measure"]:
        print(json.dumps(measure(int(rounds))))
        return
    command = [str(SANDBOX), "--", sys.executable, str(Path(__file__).resolve()), "--measure", rounds]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}the plays could not be measured")
    taken = {name: (median(times), min(times), max(times)) for name, times in json.loads(done.stdout).items()}
    for name in WORK:
        middle, low, high = taken[name]
        ratio = middle / taken["empty play"][0]
        print(f"{name:12} {middle:7.3f} s ({low:.3f} to {high:.3f})  {ratio:5.2f} times an empty play")


if __name__ == "__main__":
    main(sys.argv[1:])
