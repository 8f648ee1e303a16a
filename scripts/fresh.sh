#!/usr/bin/env bash
# Runs make targets of the last commit on a minimal system that holds nothing but apt, make, git and certificates, as a newcomer
# has it. The system is built once and unpacked anew for each run, in mount and process namespaces of its own. Its network
# is the machine's: the targets install what they need. The caller's LANG, LANGUAGE and LC_* come along, and what pip needs.
#
#     scripts/fresh.sh bookworm                          Debian 12, make demo
#     scripts/fresh.sh trixie unit lint                  Debian 13, these targets
#     LC_ALL=en_US.UTF-8 scripts/fresh.sh noble demo     Ubuntu 24.04, in a locale that it does not have
set -euo pipefail
cd "$(dirname "$0")/.."
locale=("LANG=${LANG-}" "LANGUAGE=${LANGUAGE-}" "LC_ALL=${LC_ALL-}") # before lib.sh sets them
for word in "${!locale[@]}"; do [ "${locale[word]#*=}" ] || unset "locale[word]"; done
. scripts/lib.sh

suite="${1:-}"
case "$suite" in bookworm | trixie | noble) shift ;; *) fail "unknown suite '$suite': bookworm, trixie or noble" ;; esac
[ $# -gt 0 ] || set -- demo
[ "$(id -u)" = 0 ] || exec scripts/with_root.sh env "${locale[@]}" scripts/fresh.sh "$suite" "$@"

packages=apt,make,git,ca-certificates
folder="$EGRESS_CACHE/fresh"
tar="$folder/$suite-$(printf %s "$packages" | digest -).tar"
mkdir -p "$folder"
work="$(mktemp -d "$folder/run.XXXXXX")"
keys="$(mktemp -d)" # not in a home directory: apt reads them as a user of its own
chmod 755 "$keys"
inside=''
# What runs in the system ends before its files go.
trap '[ -z "$inside" ] || { kill -KILL "$inside"; wait "$inside"; } 2>/dev/null || true; rm -rf --one-file-system "$work" "$keys"' EXIT

# build DIRECTORY|FILE.tar SUITE [OPTION...]: with mmdebstrap in namespaces of its own; what it says only when it fails.
build() {
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        mmdebstrap --mode=root "${@:3}" "$2" "$1" </dev/null >"$work/log" 2>&1 ||
        fail "$2 cannot be built; is its mirror within reach? mmdebstrap says:
$(tail -n 15 "$work/log")"
}

if [ ! -e "$tar" ]; then
    # shellcheck disable=SC2086  # its words
    need $BUILDER
    say "building a minimal $suite (once)"
    options=(--variant=minbase --include="$packages")
    if [ "$suite" = noble ]; then
        # Ubuntu's keys out of Debian's package, which Debian's keys vouch for.
        build "$keys" trixie --variant=extract --include=ubuntu-keyring
        options+=("--components=main,universe" --keyring="$keys/usr/share/keyrings/ubuntu-archive-keyring.gpg")
    fi
    build "$work/new.tar" "$suite" "${options[@]}"
    mv "$work/new.tar" "$tar"
fi

root="$work/root"
mkdir "$root"
tar --extract --file "$tar" --directory "$root"
# How this machine reaches the package indexes: its resolver, and pip's settings and certificates.
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || cp -L "$file" "$root$file"
done
[ -z "$(git status --porcelain)" ] || say "what is not committed is left out"
git clone --quiet --no-hardlinks . "$root/root/checkout"
documents="${VENDOR_DOCUMENTS:-../shared/vendor-documents}"
[ ! -d "$documents" ] || { mkdir "$root/root/shared" && cp -r "$documents" "$root/root/shared/vendor-documents"; }

settings=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "TERM=${TERM:-dumb}")
for name in PIP_CERT PIP_DEFAULT_TIMEOUT PIP_INDEX_URL http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done
say "make $* on a minimal $suite${locale[*]:+, with ${locale[*]}}"
# shellcheck disable=SC2016  # the inner shell expands it
unshare --mount --propagation private --pid --fork --kill-child bash -euc '
    mount --bind "$1" "$1"
    cd "$1"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=755 run run
    pivot_root . mnt
    umount --lazy /mnt
    exec chroot / env -i "${@:3}"' - "$root" - "${settings[@]}" "${locale[@]}" make --no-print-directory --directory /root/checkout "$@" </dev/null &
inside=$!
status=0
wait "$inside" || status=$?
inside=''
exit "$status"
