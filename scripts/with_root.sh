#!/usr/bin/env bash
# Runs a command that needs root (network namespaces, containers), through sudo where that asks for no password.
#
#     scripts/with_root.sh COMMAND...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

[ "$(id -u)" != 0 ] || exec "$@"
as_root true || fail "network namespaces and containers need root, and this user has no right to become root without a password. Type:
    sudo $(printf '%q ' "$@")"
exec sudo -n --preserve-env=HOME,XDG_CACHE_HOME,VENDOR_DOCUMENTS,LONG_RUNS env LC_ALL="$LC_ALL" LANG="$LANG" "$@"
