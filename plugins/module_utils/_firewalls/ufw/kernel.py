# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules in the kernel that follow from ufw's files, and the default policies among these files.

C{ufw reload} takes everything down and up again, and the host is open in between. What we change is loaded as one
transaction per IP version instead, the same rules in the end: the user chains, and what hangs on the default
policies for packets that leave or pass through. Incoming packets' policy is never ours and never touched.
"""

from __future__ import annotations

import os
import re
import shlex

from ansible_collections.egress.allowlist.plugins.module_utils._host.files import read

from . import sets

DEFAULTS = "/etc/default/ufw"
FILES = {4: "/etc/ufw/user.rules", 6: "/etc/ufw/user6.rules"}
CHAINS = {"OUTPUT": "outgoing", "FORWARD": "routed"}
WORDS = {"ACCEPT": "allow", "DROP": "deny", "REJECT": "reject"}
_POLICY = re.compile(r"^DEFAULT_(INPUT|OUTPUT|FORWARD)_POLICY=(.*)$", re.MULTILINE)
_REMARK = "# egress.allowlist: DEFAULT_{}_POLICY was {}, set to {}\n"
_REMARKED = r"^# egress\.allowlist: DEFAULT_{}_POLICY was (.*), set to (\S+)\n"
_LOG_LINE = re.compile(r"^-A (ufw6?-after-logging-)(?:input|output|forward) -j LOG [^\n]*\n", re.MULTILINE)
_LOGGING = re.compile(r"^### LOGGING ###\r?\n", re.MULTILINE)
_DECIDES = re.compile(
    r"egress-allowlist-(input|output|forward)|policy of (OUTPUT|FORWARD)"
    r"|ufw6?-user-(input|output|forward)|ufw6?-(skip-to-policy|reject|track)-(output|forward)"
)
_LEVELS = ("low", "medium", "high", "full")

# What the way back runs: the same transactions, of the files as they are then. Nothing for an IP version that ufw does
# not filter any more.
SCRIPT = r"""#!/bin/sh
# egress.allowlist: makes the running rules follow ufw's files, in one transaction per IP version
PATH=/usr/sbin:/usr/bin:/sbin:/bin
defaults=$(tr -d '\000\r' </etc/default/ufw) && eval "$defaults" || exit 1 # as ufw does, whatever ends the lines
policies() {
    for direction in output forward; do
        if [ $direction = output ]; then builtin=OUTPUT policy=$DEFAULT_OUTPUT_POLICY; fi
        if [ $direction = forward ]; then builtin=FORWARD policy=$DEFAULT_FORWARD_POLICY; fi
        target=$policy
        if [ "$policy" = REJECT ]; then target=DROP; fi
        case "$target$rules" in # without ufw's jumps this policy alone would stop everything
        ACCEPT* | *"-A $builtin -j $1-before-$direction"*) echo ":$builtin $target [0:0]" ;;
        esac
        for chain in skip-to-policy reject track; do echo ":$1-$chain-$direction - [0:0]"; done
        echo "-A $1-skip-to-policy-$direction -j $policy"
        if [ "$policy" = REJECT ]; then echo "-A $1-reject-$direction -j REJECT"; fi
        if [ "$policy" = ACCEPT ]; then
            for protocol in tcp udp; do
                echo "-A $1-track-$direction -p $protocol -m conntrack --ctstate NEW -j ACCEPT"
            done
        fi
    done
}
load() { # tool, the prefix of ufw's chains, file
    rules=$("$1" -w 10 -S) || return 1 # a lock that is held says nothing about ufw
    case "$rules" in
    *"-N $2-user-output"*) ;;
    *"-P OUTPUT DROP"*) # somebody removed the chains, and this policy may be ours
        grep -qi '^ENABLED=["'\'']*yes' /etc/ufw/ufw.conf && [ "$DEFAULT_OUTPUT_POLICY" = ACCEPT ] || return 0
        "$1" -w 10 -P OUTPUT ACCEPT
        return
        ;;
    *) return 0 ;;
    esac
    { # what the user wrote into the file need not be text
        echo '*filter'
        policies "$2"
        tr -d '\000\r' <"$3" | LC_ALL=C grep -vx '\*filter'
    } | "$1-restore" -w 10 -n
}
rules=$(iptables -w 10 -S) || exit 1
case "$rules" in *"-N ufw-user-output"*) ufw=there ;; *) ufw= ;; esac
if [ "$ufw" ] && [ -e /etc/ufw/egress_allowlist.init ]; then
    /bin/sh /etc/ufw/egress_allowlist.init start || exit 1
fi
load iptables ufw /etc/ufw/user.rules || exit 1
case "$IPV6" in yes | YES) load ip6tables ufw6 /etc/ufw/user6.rules || exit 1 ;; esac
[ "$ufw" ] || exit 0
if [ ! -e /etc/ufw/egress_allowlist.init ]; then /bin/sh -c CLEAN sh stop || exit 1; fi
if [ -x KEEPER ] && grep -qs '^create egress_names_' /etc/ufw/egress_allowlist.sets; then
    KEEPER run ufw # sets of names that came back are empty
fi
exit 0
""".replace("CLEAN", shlex.quote(sets.SCRIPT)).replace("KEEPER", "/usr/local/sbin/egress-allowlist-names")


def versions(_native=None):
    """Return the IP versions of which ufw has rules on this host: not 6 where that is switched off."""
    on = re.search(r"^IPV6=[\"']?yes\b", read(DEFAULTS), re.MULTILINE | re.IGNORECASE)
    return of_host() if on else [4]


def of_host():
    """Return the IP versions of this host's kernel."""
    return [4, 6] if os.path.exists("/proc/sys/net/ipv6") else [4]


def policies(text):
    """Return C{{"INPUT": "DROP", "OUTPUT": "ACCEPT", "FORWARD": "DROP"}} of /etc/default/ufw, as far as it says so."""
    return {chain: value.strip().strip("\"'").upper() for chain, value in _POLICY.findall(text)}


def remarked(text):
    """True where a default policy in /etc/default/ufw is what we made it."""
    return any(re.search(_REMARKED.format(chain), text, re.MULTILINE) for chain in CHAINS)


def with_policies(text, wanted):
    """Return /etc/default/ufw with the wanted policies C{{"OUTPUT": "DROP"}}.

    A remark keeps what was there before. A policy that is not wanted (any more) goes back to that, unless somebody has
    changed it since. Raises ValueError where the file has no such policy.
    """
    for chain in CHAINS:
        remark = re.search(_REMARKED.format(chain), text, re.MULTILINE)
        now = policies(text).get(chain)
        if chain in wanted:
            if now is None:
                raise ValueError(f"{DEFAULTS} has no DEFAULT_{chain}_POLICY")
            if now != wanted[chain] or (remark and remark.group(2) != now):
                former = remark.group(1) if remark else dict(_POLICY.findall(text))[chain]
                text = text.replace(remark.group(0), "") if remark else text
                value = wanted[chain]
                text = _set(text, chain, f'"{value}"', _REMARK.format(chain, former, value))
        elif remark:
            text = text.replace(remark.group(0), "")
            if now == remark.group(2):
                text = _set(text, chain, remark.group(1))
    return text


def _set(text, chain, value, remark=""):
    """Return the file with one policy set, and with a remark above it."""
    key = f"DEFAULT_{chain}_POLICY="
    return re.sub(rf"^{key}.*$", lambda dummy: f"{remark}{key}{value}", text, flags=re.MULTILINE)


def with_logging(text, defaults, level):
    """Return a rules file with the log rules that ufw writes for these default policies at this log level."""
    start = _LOGGING.search(text)
    if not start or level not in _LEVELS:
        return text
    head, tail = text[: start.end()], text[start.end() :]
    found = _LOG_LINE.search(tail)
    prefix = found.group(1) if found else "ufw6-after-logging-" if ":ufw6-" in head else "ufw-after-logging-"
    limit = "" if level in ("high", "full") else " -m limit --limit 3/min --limit-burst 10"
    lines = ""
    for chain in ("INPUT", "OUTPUT", "FORWARD"):
        word = "BLOCK" if defaults.get(chain) != "ACCEPT" else "ALLOW" if level != "low" else ""
        if word:
            lines += f'-A {prefix}{chain.lower()} -j LOG --log-prefix "[UFW {word}] "{limit}\n'
    return head + lines + _LOG_LINE.sub("", tail)


def transaction(rules, defaults, version, more=()):
    """Return what iptables-restore takes: what hangs on the default policies, the rules of a file, C{more} lines."""
    name = "ufw6" if version == 6 else "ufw"
    lines = []
    for builtin in CHAINS:
        chain, policy = builtin.lower(), defaults[builtin]
        lines.append(":{} {} [0:0]".format(builtin, "DROP" if policy == "REJECT" else policy))
        lines += [f":{name}-{kind}-{chain} - [0:0]" for kind in ("skip-to-policy", "reject", "track")]
        lines.append(f"-A {name}-skip-to-policy-{chain} -j {policy}")
        if policy == "REJECT":
            lines.append(f"-A {name}-reject-{chain} -j REJECT")
        if policy == "ACCEPT":
            lines += [
                f"-A {name}-track-{chain} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT"
                for protocol in ("tcp", "udp")
            ]
    # Lines may end otherwise, and the last one not at all.
    rules = rules.replace("\0", "").replace("\r", "") + "\n"
    rules = rules.replace("*filter\n", "", 1).rpartition("COMMIT\n")[0].rstrip("\n").split("\n")
    return "\n".join(["*filter", *lines, *rules, *more, "COMMIT\n"])


def listed(output):
    """Return C{{chain: lines}} of what C{iptables -S} prints; of a built-in chain its policy alone."""
    found = {}
    for line in output.splitlines():
        option, chain = line.split(" ", 2)[:2]
        if option == "-P":
            found["policy of " + chain] = [line]
        elif option == "-N":
            found[chain] = []
        elif chain in found:
            found[chain].append(line)
    return found


def deciding(live):
    """Return C{{chain: lines}} of the chains that decide on what we allow and stop; C{live}: C{listed} by version."""
    return {
        f"{chain} of IPv{version}": lines
        for version, chains in live.items()
        for chain, lines in chains.items()
        if _DECIDES.fullmatch(chain)
    }


def drifted(wanted, live):
    """Return the chains of which the live rules are not the wanted ones, both as C{listed} has them.

    Only of those that decide on what we allow and stop: what ufw logs and limits may lag behind its files.
    """
    return sorted(chain for chain in wanted if _DECIDES.fullmatch(chain) and wanted[chain] != live.get(chain))
