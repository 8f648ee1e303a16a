# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=dash
# Runs each argument as a shell script and prints what the machine is like after it. For boot_machine.py:
# two marks begin a snapshot, one mark and a name begin each of its chapters.

chapter() { printf '\036%s\n' "$1"; }

# Wait until nothing starts or stops any more. A unit that stops because another starts does so beside it; a firewalld that has just
# been started may still be loading its rules: it answers when it is done. Steps may use it too.
settle() {
    for _ in $(seq 600); do
        if [ -z "$(systemctl list-jobs --plain --no-legend)" ]; then
            case "$(systemctl show nftables ufw firewalld --property=ActiveState)" in
                *activating* | *reloading*) ;; # deactivating too
                *) [ "$(systemctl is-active firewalld)" = active ] && ! firewall-cmd --state >/dev/null 2>&1 || return 0 ;;
            esac
        fi
        sleep 0.1
    done
    echo "this machine does not settle: $(systemctl list-jobs)" >&2
}

without_counters() { sed -e '/^#/d' -e 's/ \[[0-9]*:[0-9]*\]$//'; }

# Content, owner and rights of the configuration, but for what each machine makes by itself.
files() {
    find /etc -path /etc/machine-id -prune -o \( -type f -exec stat -c '%n %a %U:%G' {} + \) -o \
        \( ! -type f -printf '%p %m %u:%g %l\n' \) | sort
    find /etc -path /etc/machine-id -prune -o -type f -exec sha256sum {} + | sed -E 's/^(\S+) +(.*)/\2 \1/' | sort
}

# The files into which others write too, and those that we write whole, each behind its name.
texts() {
    for file in /etc/ufw/*.rules /etc/ufw/*.init /etc/default/ufw /etc/egress-allowlist/*.nft; do
        [ ! -f "$file" ] || { printf '\035%s\n' "$file" && cat "$file"; }
    done
}

# What gets out: to KUDO, and to an address of nobody's list. Each datagram dies on a wire without an end.
packets() {
    if [ ! -e /sys/class/net/wire ]; then
        ip link add wire type veth peer name end
        ip address add 198.18.0.2/24 dev wire
        ip link set wire up && ip link set end up
        ip neighbour add 198.18.0.1 lladdr 02:00:00:00:00:01 dev wire
        ip route add default via 198.18.0.1
    fi
    python3 -c '
import socket
for address, port in (("3.25.48.193", 3478), ("3.25.48.193", 3479), ("11.0.0.1", 3478)):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"x", (address, port))
            print(address, port, "sent")
        except PermissionError:
            print(address, port, "stopped")
'
}

for script; do
    begun="$(date +%s.%N)"
    output="$( (eval "$script") 2>&1 </dev/null)" && status=0 || status=$?
    ended="$(date +%s.%N)"
    settle
    printf "\036\036"
    chapter status
    echo "$status"
    chapter output
    printf '%s' "$output"
    chapter seconds
    awk "BEGIN { print $ended - $begun }"
    chapter iptables
    iptables-save 2>/dev/null | without_counters
    chapter ip6tables
    ip6tables-save 2>/dev/null | without_counters
    chapter ruleset
    nft -s list ruleset 2>/tmp/listed || cat /tmp/listed >&2
    chapter units
    systemctl show nftables ufw firewalld \
        -p Id,LoadState,ActiveState,SubState,UnitFileState,Result,NeedDaemonReload
    chapter failed
    systemctl list-units --failed --plain --no-legend | sed 's/  */ /g'
    chapter files
    files
    chapter texts
    texts
    chapter packets
    packets
    # Only of ours from here on.
    chapter unit
    systemctl show egress-allowlist-nftables -p LoadState,ActiveState,UnitFileState,Result,NeedDaemonReload
done
