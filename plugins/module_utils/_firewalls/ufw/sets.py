# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets beside ufw: what a packet costs does not grow with the list then, and names can be looked up.

ufw's rules know no sets, and few protocols. The rules that need more stand in chains of their own, to which
ufw-after-* jumps, behind all rules of the user's. ufw brings sets and chains back whenever it starts, by one line in
its own after.init.
"""

from __future__ import annotations

import re

from . import names
from .protocols import matches
from .rules import ANY, SERVICES, split, version_of

SETS = "/etc/ufw/egress_allowlist.sets"
CHAINS = {4: "/etc/ufw/egress_allowlist.rules", 6: "/etc/ufw/egress_allowlist6.rules"}
INIT = "/etc/ufw/egress_allowlist.init"
HOOK = "/etc/ufw/after.init"
TEMPLATE = "/usr/share/ufw/after.init"
DIRECTIONS = ("input", "output", "forward")
SWAP = "egress_allowlist_swap"
WITHOUT = "set ufw_egress_sets to false and ufw_egress_names to report"
_LINE = '[ ! -e {0} ] || /bin/sh {0} "$1" # egress.allowlist: this file\'s mode was {1}\n'
_MARKED = re.compile(
    r"^\[ ! -e \S+ \] \|\| /bin/sh \S+ \"\$1\" # egress\.allowlist: this file's mode was (\d+)\n", re.M
)
_SHELL = re.compile(r"#! ?(/usr)?/bin/(env )?(sh|bash|dash)( -\w+)*\n")
_RULE = re.compile(r"^# ((?:route:)?\w+ \S+ \S+ \S+ \S+ \S+ \S+) # (.*)$", re.MULTILINE)
_SENDER = re.compile(r"uid=(\d+)(?:,port=(\d+))?")
_TARGETS = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
HEADS = "".join(f":egress-allowlist-{direction} - [0:0]\n" for direction in DIRECTIONS)

# Called at boot and whenever ufw starts or stops; the way back uses it too.
SCRIPT = r"""#!/bin/sh
# egress.allowlist: the sets and chains beside ufw's own; called by ufw as after.init is, with start or stop
PATH=/usr/sbin:/usr/bin:/sbin:/bin
home=/etc/ufw/egress_allowlist
each() { # tool, the prefix of ufw's chains, file
    rules=$($1 -w 10 -S) || return 1 # a lock that is held says nothing about the chains
    case "$rules" in
    *"-N $2-after-output"*)
        if [ $action = start ]; then "$1-restore" -w 10 -n <"$3" || return 1; fi
        for direction in input output forward; do
            jump="$2-after-$direction -j egress-allowlist-$direction"
            case "$action$rules" in
            start*"-A $jump"*) ;;
            start*) $1 -w 10 -A $jump || return 1 ;;
            *"-A $jump"*) $1 -w 10 -D $jump || return 1 ;;
            esac
        done
        ;;
    esac
    if [ $action = stop ]; then # nothing leads there any more
        for direction in input output forward; do
            chain=egress-allowlist-$direction
            case "$rules" in *"-N $chain"*) $1 -w 10 -F $chain || return 1 ;; *) continue ;; esac
            $1 -w 10 -X $chain 2>/dev/null # stays, empty, where a rule of somebody else's leads there
        done
    fi
}
action=$1
case "$action" in start | stop) ;; *) exit 0 ;; esac
if [ $action = start ] && [ -s $home.sets ]; then ipset -exist restore <$home.sets || exit 1; fi
failed=
each iptables ufw $home.rules || failed=1
if [ -e ${home}6.rules ] || { [ $action = stop ] && [ -e /proc/sys/net/ipv6 ]; }; then
    each ip6tables ufw6 ${home}6.rules || failed=1
fi
names=
if command -v ipset >/dev/null && [ -d /sys/module/ip_set ]; then names=$(ipset list -n) || failed=1; fi
for set in $names; do
    case $action$set in # what was looked up stays through a stop, and lapses by itself
    stopegress_allowlist_*) ;;
    startegress_allowlist_* | startegress_names_* | stopegress_names_*)
        if grep -qs "^create $set " $home.sets; then continue; fi
        ;;
    *) continue ;;
    esac
    ipset destroy $set 2>/dev/null
done
[ -z "$failed" ]
"""


def texts(native, versions):
    """Return the files C{{path: text}} of what is wanted, {} where no sets are wanted."""
    if not native or not native["chained"]:
        return {}
    found = {INIT: SCRIPT, SETS: names.heads(native["names"])}
    for name, members in sorted(native["sets"].items()):
        version = 6 if name.startswith("egress_allowlist_6_") else 4
        if version in versions:
            family, most = "inet6" if version == 6 else "inet", max(65536, len(members))
            found[SETS] += f"create {name} hash:net family {family} maxelem {most}\n"
            found[SETS] += "".join(f"add {name} {member}\n" for member in members)
    for version in versions:
        rules = [rule for rule in native["chained"] + native["stops"] if version_of(split(rule)[0]) == version]
        lines = "".join(f"# {rule}\n{line(*split(rule))}\n" for rule in rules)
        found[CHAINS[version]] = f"*filter\n{HEADS}{lines}COMMIT\n"
    return {path: text for path, text in found.items() if text}


def of_sender(sender, protocol, port, versions):
    """Return the rules that let a time daemon ask any server: C{allow udp 123 ::/0 uid=997 ::/0 out # ...}.

    Where ufw has source ports stands whose a packet is, and from which port: C{uid=0,port=123}.
    """
    label = SERVICES["ntp"][3]
    fixed = sender.port and protocol == "udp"
    whose = f"uid={sender.uid},port={sender.port}" if fixed else f"uid={sender.uid}"
    ends = (f"{ANY[version]} {whose} {ANY[version]}" for version in versions)
    return [f"allow {protocol} {port} {end} out # {label} by {sender.name}" for end in ends]


def line(spec, label):
    """Return the iptables line of a rule with a set's name in the place of an address."""
    action, protocol, ports, to, sender, source, direction = spec.split()
    chain = "forward" if action.startswith("route:") else "output" if direction == "out" else "input"
    words = [f"-A egress-allowlist-{chain}"]
    for side, option, place in (("dst", "-d", to), ("src", "-s", source)):
        if place.startswith(("egress_allowlist_", names.PREFIX)):
            words.append(f"-m set --match-set {place} {side}")
        elif place not in ANY.values():
            words.append(f"{option} {place}")
    words += matches(protocol, ports) if protocol != "any" else []
    whose = _SENDER.fullmatch(sender)
    if whose:
        words += [f"--sport {whose.group(2)}"] if whose.group(2) else []
        words.append(f"-m owner --uid-owner {whose.group(1)}")
    return " ".join([*words, f'-m comment --comment "{label[:250]}"', "-j", _TARGETS[action.rpartition(":")[2]]])


def entries(files, looked_up=None):
    """Return C{{tuple: label}} of what the files open, with the members of the sets, or the name, in their places.

    C{looked_up}: C{{set: addresses}} of names, which then stand there.
    """
    members = contents(files.get(SETS) or "")
    named = names.named(files.get(SETS))
    members.update(
        {name: (looked_up or {}).get(name, []) if looked_up is not None else [domain] for name, domain in named.items()}
    )
    found = {}
    for path in CHAINS.values():
        for spec, label in _RULE.findall(files.get(path) or ""):
            fields = spec.split()
            place = 3 if fields[3] in members else 5
            for member in members.get(fields[place], [fields[place]]):
                found[" ".join([*fields[:place], member, *fields[place + 1 :]])] = label
    return found


def contents(listing):
    """Return C{{set: members}} of what C{ipset save} prints and C{ipset restore} reads; ours only."""
    found = {}
    for text in listing.split("\n"):
        word, dummy, rest = text.partition(" ")
        name, dummy, rest = rest.partition(" ")
        if word in ("create", "add") and name.startswith("egress_allowlist_"):
            found.setdefault(name, []).extend([rest] if word == "add" else [])
    return found


def repair(wanted, live):
    """Return what C{ipset restore} needs so that all wanted sets are whole, both as C{ipset save} prints them.

    A set that is there may be in use: it is swapped with a whole one.
    """
    lines, there = [], contents(live)
    heads = {text.split()[1]: text for text in wanted.split("\n") if text.startswith("create ")}
    for name, members in contents(wanted).items():
        if name not in there:
            lines += [heads[name], *(f"add {name} {member}" for member in members)]
        elif set(there[name]) != set(members):
            lines += [heads[name].replace(name, SWAP), *(f"add {SWAP} {member}" for member in members)]
            lines += [f"swap {SWAP} {name}", f"destroy {SWAP}"]
    return "".join(text + "\n" for text in lines)


def hooked(text, mode, on):
    """Return after.init with or without our line; C{mode}: the file's (an int), which the line keeps.

    Raises ValueError where it is not a script that a line can be put into.
    """
    found = _MARKED.search(text)
    if on and not found:
        if not _SHELL.match(text):
            raise ValueError(f"is not a shell script: {WITHOUT}, or make it one")
        head, dummy, rest = text.partition("\n")
        return f"{head}\n{_LINE.format(INIT, format(mode, 'o'))}{rest}"
    return text if on or not found else text.replace(found.group(0), "")


def marked(text):
    """True where our line is in after.init."""
    return _MARKED.search(text) is not None


def mode_before(text, mode):
    """Return the mode that after.init had before our line came into it; C{mode}: what it has."""
    found = _MARKED.search(text)
    return int(found.group(1), 8) if found else mode


def jumps(version):
    """Return the lines that lead from ufw's chains to ours, by ufw's chain."""
    name = "ufw6" if version == 6 else "ufw"
    return {f"{name}-after-{way}": f"-A {name}-after-{way} -j egress-allowlist-{way}" for way in DIRECTIONS}


def part(text, live, version):
    """Return a transaction's lines: our chains as in their file C{text}, or gone where there is none.

    C{live}: what is there, as C{listed} has it.
    """
    there = {chain: jump for chain, jump in jumps(version).items() if jump in live.get(chain, [])}
    if text:
        lines = text.replace("*filter\n", "").replace("COMMIT\n", "").splitlines()
        return lines + [jump for chain, jump in jumps(version).items() if chain not in there]
    lines = [jump.replace("-A ", "-D ", 1) for jump in there.values()]
    ours = [f"egress-allowlist-{way}" for way in DIRECTIONS if f"egress-allowlist-{way}" in live]
    return lines + [f":{chain} - [0:0]" for chain in ours] + [f"-X {chain}" for chain in ours]
