#!/usr/bin/env bash
# Prints the directory of a small Debian's root file system with ufw, firewalld and dnsmasq in it; builds it (20 s) if it is not
# in the cache. Tests start these tools there: on the developer's machine they are neither installed nor started.
#
#     scripts/system.sh SUITE     bullseye, bookworm or trixie
#     scripts/system.sh neutron   bookworm with OpenStack's Neutron and Keystone instead
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

name="${1:-}"
case "$name" in bullseye | bookworm | trixie | neutron) ;; *) fail "unknown suite '$name': bullseye, bookworm, trixie or neutron" ;; esac
[ "$(id -u)" = 0 ] || exec scripts/with_root.sh scripts/system.sh "$@"

suite=$name variant=minbase tools="ufw and firewalld"
packages=python3,python3-apt,ufw,firewalld,ipset,iptables,nftables,dbus,iproute2,conntrack,procps,dnsmasq,openssh-server,sudo
# shellcheck disable=SC2016  # mmdebstrap's shell expands it
more=(--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
    --customize-hook='for tool in modprobe rmmod; do ln -sf /bin/true "$1/sbin/$tool"; done')
if [ "$name" = neutron ]; then
    # Only unpacked: nothing in there is set up as a service, tests configure what they start. Importing it keeps the byte code.
    suite=bookworm variant=extract tools="Neutron and Keystone"
    packages=dash,coreutils,python3-neutron,python3-keystone,python3-waitress
    modules="keystone.server.wsgi, neutron.server, neutron.plugins.ml2.plugin, waitress"
    # shellcheck disable=SC2016  # mmdebstrap's shell expands the first argument
    more=(--extract-hook='set -e; mkdir -p "$1/proc" "$1/sys" "$1/run"
        cd "$1/usr/share" && mv zoneinfo .. && rm -rf ./* && mv ../zoneinfo .
        PYTHONDONTWRITEBYTECODE= chroot "$1" python3 -c "import '"$modules"'"')
fi
keys=/usr/share/keyrings/debian-archive-keyring.gpg
system="$EGRESS_CACHE/systems/$name-$(printf '%s %s' "$suite" "$packages" | cat - scripts/system.sh | digest -)"

build() {
    new="$system.new" log="$system.log"
    trap 'rm -rf --one-file-system "$new" "$log"' EXIT
    rm -rf --one-file-system "$new" # a killed build's
    say "building a small Debian $suite with $tools (once)"
    # The kernel is the machine's: nothing in there may load or remove its modules.
    # In namespaces of its own, a killed build leaves neither processes nor mounts.
    # shellcheck disable=SC2016  # mmdebstrap's shell expands it
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        mmdebstrap --mode=root --format=directory --variant="$variant" --components=main --keyring="$keys" --include="$packages" \
        "${more[@]}" \
        "$suite" "$new" </dev/null >"$log" 2>&1 9>&- ||
        fail "Debian $suite cannot be built; is its mirror within reach? mmdebstrap says:
$(tail -n 15 "$log")"
    mv -T "$new" "$system"
}

if [ ! -d "$system" ]; then
    # shellcheck disable=SC2086  # its words
    need $BUILDER "$keys:debian-archive-keyring"
    mkdir -p "$EGRESS_CACHE/systems"
    exec 9>"$EGRESS_CACHE/systems/.$name.lock"
    flock 9
    [ -d "$system" ] || build # else somebody has built it while we waited
fi
echo "$system"
