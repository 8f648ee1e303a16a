# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that the monkey chooses from.

Each does something, says in the model what is possible then, and returns its
name. A step returns "" where it does not apply to the present state; another one is chosen then.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.support.hosts.boot_situations import RESET
from tests.support.monkey.others import BREAKS, LOCKS, RUNTIME_BACK, RUNTIME_ONLY
from tests.support.monkey.sequence import LONG_WAY, OLD_RULES, Result, Sequence

GAVE_UP = "another run holds"
Step = Callable[[Sequence], str]
# Ends the time of each way back that waits, and waits until it has done its work.
ELAPSE = """
set -- $(systemctl list-units --all --plain --no-legend 'egress-allowlist-*-revert-*.timer' | cut -d ' ' -f 1)
for timer; do
    systemctl start "${timer%.timer}.service"
    for try in $(seq 600); do
        case "$(systemctl is-active "${timer%.timer}.service")" in active | activating) sleep 0.1 ;; *) break ;; esac
    done
    systemctl stop "$timer" # one whose time is over by itself is gone
done
echo $#
"""
PLAY = """
- hosts: all
  gather_facts: false
  roles:
    - egress.allowlist.{backend}
  vars: {variables}
"""


def _other(sequence: Sequence) -> str:
    """Return a list that is not the only one that may run."""
    names = [name for name in sequence.choices if sequence.model.live != {name} or sequence.model.boot != {name}]
    return sequence.random.choice(names)


def apply(sequence: Sequence) -> str:
    """Apply any list, also the same again: then nothing changes."""
    name = sequence.random.choice(list(sequence.choices))
    same = not sequence.model.broken and sequence.model.live == sequence.model.boot == {name} and not sequence.armed
    same = same and not sequence.model.files
    done = sequence.apply(name)
    if same and done["answer"]["changed"]:
        sequence.fail(f"{name} again changes: {done['answer']['differences']}")
    return f"apply {name}{' again' if same else ''}"


def play(sequence: Sequence) -> str:
    """Apply a list by the whole role, from the controller, over SSH."""
    name = sequence.random.choice(list(sequence.choices))
    choice = sequence.choices[name]
    options = {f"{sequence.backend}_egress_{key}": value for key, value in choice.options().items()}
    if sequence.backend != "nftables":
        options[f"{sequence.backend}_egress_beside_others"] = True
    variables = {"catalog_custom_vendors": choice.vendor(), "catalog_vendors": [{"name": "acme"}], **options}
    content = PLAY.format(backend=sequence.backend, variables=json.dumps(variables))
    done = sequence.machine.play(content, sequence.directory)
    if done.returncode:
        sequence.fail(f"the play of {name} fails: {done.stdout[-4000:]}{done.stderr[-2000:]}")
    sequence.settled(name)
    return f"play {name}"


def check_mode(sequence: Sequence) -> str:
    """Ask what would change."""
    name = sequence.random.choice(list(sequence.choices))
    sequence.expect(sequence.module(_ansible_check_mode=True, **sequence.present(name, LONG_WAY)))
    return f"check mode of {name}"


def absent(sequence: Sequence) -> str:
    """Remove all that is ours."""
    sequence.apply("")
    return "absent"


def kill(sequence: Sequence) -> str:
    """Kill the module with its process group at one of its events, or shortly after it."""
    random, model = sequence.random, sequence.model
    name = random.choice([_other(sequence), _other(sequence), *([] if model.live == {""} else [""])])
    after = random.choice((0, LONG_WAY)) if name else 0
    whole = sequence.events["present"]
    at = {
        # Removing takes as many, as long as nobody has seen it.
        "event": 1 + int(random.random() ** 0.5 * sequence.events.get("present" if name else "absent", whole)),
        "delay": random.choice((0, 0, random.uniform(0, 0.15))),
    }
    params = sequence.present(name, after) if name else {"state": "absent"}
    done = sequence.module(kill=at, **params)
    moment = f"event {at['event']} + {at['delay']:.3f} s"
    what = f"{f'apply {name}' if name else 'absent'}{', armed' if after else ''}"
    if done["status"] >= 0:
        _ended(sequence, done, name)
        return f"{what}, ended before {moment}"
    if after:
        model.armed()
    model.live |= {name}
    model.files = model.files | model.live | {name}
    model.left = True
    if after:
        sequence.armed = True
    else:
        model.boot |= {name}
    model.by_family = sequence.backend == "ufw"
    return f"{what}, killed at {moment}"


def _ended(sequence: Sequence, done: Result, name: str) -> None:
    """Say what is possible after a run that came to its end, and may have failed."""
    answer, model = done["answer"], sequence.model
    if answer.get("failed"):
        if OLD_RULES not in answer["msg"]:
            model.live |= {name}
            model.boot |= {name}
            model.files = model.files | model.live
            model.left = True
            model.by_family = sequence.backend == "ufw"
    elif answer.get("armed"):
        model.armed()
        model.live, model.files = {name}, set()
        model.by_family = model.broken = model.mixed = False
        sequence.armed, sequence.token = True, (answer["token"], name)
    else:
        sequence.settled(name)


def vanish(sequence: Sequence) -> str:
    """Apply a list, armed, and never confirm it."""
    name = _other(sequence)
    done = sequence.expect(sequence.module(**sequence.present(name, LONG_WAY)))
    _ended(sequence, done, name)
    return f"apply {name}, armed, not confirmed"


def confirm_late(sequence: Sequence) -> str:
    """Confirm, in time or too late, what was applied armed."""
    token, name = sequence.token
    if not token:
        return ""
    sequence.token = ("", "")
    done = sequence.module(state="confirmed", token=token)
    if not done["answer"].get("failed"):
        sequence.settled(name)
        return f"confirm {name}, late"
    return f"confirm too late: {done['answer']['msg'][:150]}"


def elapse(sequence: Sequence) -> str:
    """Let the time of the way back be over."""
    if not sequence.armed:
        return ""
    waited = int(sequence.machine.run(ELAPSE))
    if waited:
        sequence.model.went_back()
    sequence.armed = False
    return f"the time of {waited} ways back is over"


def reboot(sequence: Sequence) -> str:
    """Boot again."""
    killed = sequence.random.random() < 0.5
    sequence.reboot(killed=killed)
    return "killed and booted" if killed else "booted"


def restart(sequence: Sequence) -> str:
    """Others restart what is theirs."""
    script, model = sequence.random.choice(sequence.others.restarts), sequence.model
    sequence.script(script)
    # Files are loaded that a killed module has left; nftables.service flushes, and what a boot brings is loaded again.
    model.loaded(sequence.backend)
    model.live |= model.boot if sequence.backend == "nftables" else set()
    return f"restart: {script.removeprefix(RESET + '; ')}"


def edit(sequence: Sequence) -> str:
    """Others change what is theirs."""
    script = sequence.random.choice(sequence.others.edits).replace("N", str(sequence.random.randint(1, 3)))
    # A rule that somebody adds while a change of ufw's files waits goes with that change; a copy of the file is kept.
    if sequence.backend == "ufw" and sequence.waited and script.startswith("ufw"):
        return ""
    sequence.script(script)
    model = sequence.model
    if "reload" in script or script.startswith("ufw"):
        model.loaded(sequence.backend)
    return f"edit: {script}"


def break_ours(sequence: Sequence) -> str:
    """Somebody changes ours; the next run says so and mends it."""
    model = sequence.model
    if model.live != model.boot or len(model.live) != 1 or model.live == {""} or sequence.armed or model.files:
        return ""
    (name,) = model.live
    script = sequence.random.choice(BREAKS[sequence.backend])
    sequence.machine.steps(script)
    model.broken = True
    sequence.look(f"broken: {script}")
    done = sequence.apply(name)
    return f"apply {name}, which mends {len(done['answer']['differences'])} things"


def two(sequence: Sequence) -> str:
    """Two controllers at once: both apply, both want to confirm; the one that came last has its way."""
    names = [sequence.random.choice(list(sequence.choices)) for _number in range(2)]
    done = sequence.run(*({"params": sequence.present(name, LONG_WAY)} for name in names))
    # On a busy machine the second may wait for longer than it has patience.
    ran = [(name, one) for name, one in zip(names, done, strict=True) if GAVE_UP not in one["answer"].get("msg", "")]
    names = [name for name, one in ran if sequence.expect(one)]
    kept = []
    for name, one in ran:
        if one["answer"]["armed"]:
            confirmed = sequence.module(state="confirmed", token=one["answer"]["token"])
            kept += [] if confirmed["answer"].get("failed") else [name]
    unchanged = [name for name, one in ran if not one["answer"]["changed"]]
    if len(set(names)) == 2 and len(kept) != 1 and not unchanged:
        sequence.fail(f"two controllers applied {names}, and these are confirmed: {kept}")
    sequence.settled(kept[-1] if kept else names[0])
    return f"two controllers: {' and '.join(names)}, {' and '.join(kept)} confirmed"


def locked(sequence: Sequence) -> str:
    """Somebody holds a lock: for a while, and the run waits; or for longer than it waits, and it changes nothing."""
    how, path = sequence.random.choice(LOCKS[sequence.backend])
    name, seconds = _other(sequence), sequence.random.choice((1.5, 1.5, 1.5, 40))
    sequence.machine.guest(task="lock", path=path, how=how, seconds=seconds)
    what = f"apply {name} while {path} is held for {seconds} s"
    if seconds < 2 or "xtables" in path:  # nobody uses that one here: iptables is the one of nf_tables
        sequence.apply(name)
        return what
    answer = sequence.module(**sequence.present(name, LONG_WAY))["answer"]
    if not answer.get("failed") or OLD_RULES not in answer["msg"]:
        sequence.fail(f"{what}: {answer}")
    return f"{what}: {answer['msg']}"


def full(sequence: Sequence) -> str:
    """No file can become larger than this: the run fails before it changes anything, or succeeds."""
    random = sequence.random
    name, size = _other(sequence), random.choice((0, 1, 50, 200, 1000, 3000, 6000))
    after = random.choice((0, LONG_WAY))
    done = sequence.module(size=size, **sequence.present(name, after))
    _ended(sequence, done, name)
    return (
        f"apply {name}{', armed' if after else ''}, files up to {size} bytes: {done['answer'].get('msg', 'done')[:200]}"
    )


def runtime_only(sequence: Sequence) -> str:
    """Somebody changed the running firewalld only: what would lose that is refused."""
    if sequence.backend != "firewalld" or sequence.armed or sequence.model.files:
        return ""
    number, name = str(sequence.random.randint(1, 3)), _other(sequence)
    sequence.script(RUNTIME_ONLY.replace("N", number))
    done = sequence.module(**sequence.present(name, LONG_WAY))
    if not done["answer"].get("failed") or "a reload would lose" not in done["answer"]["msg"]:
        sequence.fail(f"apply {name} beside a change of the running firewalld only: {done['answer']}")
    sequence.look(f"refused beside a change of the running firewalld only: apply {name}")
    sequence.script(RUNTIME_BACK.replace("N", number))
    return "that change is taken back"


STEPS: dict[Step, int] = {  # with how often each is chosen
    apply: 4,
    play: 1,
    check_mode: 1,
    absent: 1,
    kill: 6,
    vanish: 3,
    confirm_late: 2,
    elapse: 4,
    reboot: 3,
    restart: 4,
    edit: 4,
    break_ours: 3,
    two: 2,
    locked: 1,
    full: 2,
    runtime_only: 1,
}


def do(sequence: Sequence, count: int) -> None:
    """Do a number of steps, with a look after each."""
    while count:
        (step,) = sequence.random.choices(list(STEPS), list(STEPS.values()))
        done = step(sequence)
        if done:
            sequence.look(done)
            count -= 1
