# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests that choose at random with ever new seeds, as long as there is time.

    soak.py --minutes 60                   go on with the last run, or begin one with a new seed
    soak.py --seed 7 --minutes 60          go on with the run of seed 7, or begin it
    soak.py --seed 7 --restart             begin it anew
    soak.py --seed 7 --only aws --block 3  repeat one block
    soak.py --slice                        a small block of each kind with a new seed, three minutes at most

The seed alone decides what a block does: block N of a kind has a seed of its own, made of the three. Where a run stands
is kept in the cache, so that one that was ended goes on with the next block. Each run, but a slice or a repeated block,
adds its line to docs/soak.md. Exit code: 1 if a block found something.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "egress-allowlist", "soak")
PAGE = ROOT / "docs/soak.md"
AT_ONCE = 2  # blocks
SLICE = 180  # seconds; no block of a slice begins in the last third
GRACE = 15  # seconds for a block that is ended to remove its machines and namespaces

UNIT, INTEGRATION = "tests/unit", "tests/integration"
KINDS = {  # name -> what pytest runs
    "properties": ["-m", "hypothesis", UNIT],
    "kernel": ["-m", "hypothesis", f"{INTEGRATION}/nftables/test_kernel.py"],
    "packets": [f"{INTEGRATION}/hosts/test_packets.py::test_packets_pass_as_the_documents_say"],
    "nftables": [f"{INTEGRATION}/nftables/test_faults.py::test_killed_at_random_moments"],
    "ufw": [f"{INTEGRATION}/ufw/test_faults.py::test_killed_at_random_moments"],
    "firewalld": [f"{INTEGRATION}/firewalld/test_faults.py::test_killed_at_random_moments"],
    "beside": [f"{INTEGRATION}/nftables/test_boot.py::test_a_host_beside_others"],
    "monkey": [f"{INTEGRATION}/hosts/test_monkey.py::test_a_sequence"],
    "aws": ["-m", "hypothesis", f"{INTEGRATION}/aws/test_sequences.py", f"{INTEGRATION}/support/test_aws_server.py"],
    "azure": ["-m", "hypothesis", f"{INTEGRATION}/azure/test_sequences.py"],
    "gcp": ["-m", "hypothesis", f"{INTEGRATION}/gcp/test_vpc_rules.py"],
    "openstack": ["-m", "hypothesis", f"{INTEGRATION}/openstack/test_sequences.py"],
}
FIRST = ("monkey",)  # in a slice: what takes longest
# Many times what a slice has time for: these are not in it at all, those smaller.
TOO_LARGE = ("beside",)
SMALLER = {
    "packets": ["-k", "all and vendors"],
    "properties": ["-k", "merge or plan or ports or destinations or test_fit or test_parts"],
}


@dataclass
class State:
    """Where a run stands; C{blocks}: how many of each kind were done; C{found}: which of them found something."""

    seed: str
    blocks: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return CACHE / f"{hashlib.sha256(self.seed.encode()).hexdigest()[:16]}.json"

    def save(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)), "utf-8")
        new.replace(self.path)


def begun(seed: str | None) -> State:
    """Return the run of a seed, without one the last that was at work, else a new one."""
    kept = sorted(CACHE.glob("*.json"), key=lambda path: path.stat().st_mtime)
    states = [State(**json.loads(path.read_text("utf-8"))) for path in kept]
    fitting = [state for state in states if seed in (None, state.seed)]
    return fitting[-1] if fitting else State(seed or new_seed())


def new_seed() -> str:
    return str(secrets.randbelow(10**9))


class Blocks:
    """Runs blocks until C{end} (a monotonic time); C{stop} ends those that are at work."""

    def __init__(self, seed: str, *, small: bool, end: float) -> None:
        self._seed, self._small, self.end = seed, small, end
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, kind: str, number: int) -> bool | None:
        """Run a block; return whether it passed, None where it was ended before it was done."""
        chosen = int(hashlib.sha256(f"{self._seed} {kind} {number}".encode()).hexdigest()[:8], 16)
        environment = {**os.environ, "SOAK_SEED": str(chosen)}
        environment |= {} if self._small else {"LONG_RUNS": "1", "HYPOTHESIS_PROFILE": "long"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", f"--hypothesis-seed={chosen}", *KINDS[kind]]
        command += SMALLER.get(kind, []) if self._small else []
        began = time.monotonic()
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
        output, _errors = process.communicate()
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                return None
        passed = process.returncode == 0
        summary = [f"ended with {process.returncode}", *output.strip().splitlines()][-1].strip("= ")
        if process.returncode in (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
            print(f"{kind} {number}: somebody ended it", flush=True)
            return None
        print(f"{kind} {number}: {summary}; {time.monotonic() - began:.0f} s", flush=True)
        if not passed:
            again = f"scripts/soak.py --seed {self._seed} --only {kind} --block {number}"
            print(f"{output}\nagain: .venv/bin/python {again}{' --slice' if self._small else ''}", flush=True)
        return passed

    def stop(self) -> None:
        """End the blocks that are at work, each of which removes what it made; after GRACE seconds the hard way."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def work(self, each: Iterator[tuple[str, int]], done: Callable[[str, int, bool], None]) -> None:
        """Run blocks, some at once, and tell C{done} of those that came to their end."""
        lock = threading.Lock()

        def go_on() -> None:
            while time.monotonic() < self.end:
                with lock:
                    block = next(each, None)
                if block is None:
                    return
                passed = self.run(*block)
                if passed is not None:
                    with lock:
                        done(*block, passed)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for worker in [pool.submit(go_on) for _number in range(AT_ONCE)]:
                worker.result()


def run_slice(seed: str, kinds: list[str]) -> int:
    """Run a small block of each kind, in an order of the seed's; return the exit code."""
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    blocks = Blocks(seed, small=True, end=began + SLICE * 2 / 3)
    timer = threading.Timer(SLICE - GRACE, blocks.stop)
    timer.start()
    order = sorted(kinds, key=lambda kind: (kind not in FIRST, hashlib.sha256(f"{seed} {kind}".encode()).hexdigest()))
    results: dict[str, bool] = {}
    blocks.work(iter([(kind, 0) for kind in order]), lambda kind, _number, passed: results.update({kind: passed}))
    timer.cancel()
    found = sorted(kind for kind, passed in results.items() if not passed)
    unseen = sorted(set(kinds) - set(results))
    print(
        f"seed {seed}: {len(results)} of {len(kinds)} kinds in {time.monotonic() - began:.0f} s, "
        f"no time for: {', '.join(unseen) or 'none'}; found: {', '.join(found) or 'nothing'}"
    )
    return bool(found)


def soak(state: State, kinds: list[str], minutes: float) -> int:
    """Run blocks of each kind by turns until the time is over, and write a line; return the exit code."""
    print(f"seed {state.seed}, after {sum(state.blocks.values())} blocks", flush=True)
    began = time.monotonic()
    blocks = Blocks(state.seed, small=False, end=began + 60 * minutes)
    done_now: dict[str, int] = {}
    found_now: list[str] = []

    def each() -> Iterator[tuple[str, int]]:
        nexts = dict(state.blocks)
        while True:
            # The kind that is behind is next.
            kind = min(kinds, key=lambda kind: (nexts.get(kind, 0), kinds.index(kind)))
            number = nexts.get(kind, 0)
            nexts[kind] = number + 1
            yield kind, number

    def done(kind: str, number: int, passed: bool) -> None:
        state.blocks[kind] = max(state.blocks.get(kind, 0), number + 1)
        done_now[kind] = done_now.get(kind, 0) + 1
        if not passed:
            state.found.append(f"{kind} {number}")
            found_now.append(f"{kind} {number}")
        state.save()

    def interrupted(_signal: int, _frame: object) -> None:
        blocks.end = 0
        blocks.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    blocks.work(each(), done)
    if done_now:
        size = ", ".join(f"{kind} {count}" for kind, count in sorted(done_now.items()))
        spent = f"{(time.monotonic() - began) / 60:.0f} min"
        line = f"| {datetime.date.today()} | {state.seed} | {size} | {spent} | {', '.join(found_now) or 'nothing'} |\n"
        with PAGE.open("a", encoding="utf-8") as page:
            page.write(line)
        print(line, end="")
    return bool(found_now)


def main() -> int:
    """Do what the arguments say; return the exit code."""
    description, _newline, epilog = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", help="of the run; without it the last run goes on, or a new one begins")
    parser.add_argument("--minutes", type=float, default=60, help="no block begins after them (60)")
    parser.add_argument("--restart", action="store_true", help="begin at block 0; without --seed with a new one")
    parser.add_argument("--only", action="append", choices=sorted(KINDS), help="kinds of blocks (all)")
    parser.add_argument("--block", type=int, help="run this block alone, of the kind that --only names")
    parser.add_argument("--slice", action="store_true", help="a small block of each kind")
    given = parser.parse_args()
    # Who was started in the background ignores it, and so would the blocks.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = given.only or list(KINDS)
    if given.block is not None:
        if given.seed is None or len(kinds) != 1:
            parser.error("--block needs --seed and one --only")
        passed = Blocks(given.seed, small=given.slice, end=0).run(kinds[0], given.block)
        return not passed
    if given.slice:
        return run_slice(given.seed or new_seed(), [kind for kind in kinds if kind not in TOO_LARGE])
    state = State(given.seed or new_seed()) if given.restart else begun(given.seed)
    return soak(state, kinds, given.minutes)


if __name__ == "__main__":
    sys.exit(main())
