#!/usr/bin/env bash
# Runs make targets one after the other and goes on after a failure; closes with a table and "N passed, N failed".
#
#     scripts/checks.sh lint+unit sanity     lint and unit at the same time, each printed when it ends, then sanity
set -uo pipefail
cd "$(dirname "$0")/.." || exit
. scripts/lib.sh

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

# check TARGET: run it, leave its result and seconds in $logs/TARGET.result.
check() {
    local result=passed began=$SECONDS
    make --no-print-directory "$1" </dev/null || result=FAILED
    printf '%-8s %5d s  %s\n' "$result" $((SECONDS - began)) "$1" >"$logs/$1.result"
}

targets=()
for together in "$@"; do
    IFS=+ read -ra names <<<"$together"
    targets+=("${names[@]}")
    if [ ${#names[@]} = 1 ]; then
        say "make ${names[0]}"
        check "${names[0]}"
        continue
    fi
    for name in "${names[@]}"; do
        {
            check "$name" >"$logs/$name.log" 2>&1
            exec 9>"$logs/printing"
            flock 9
            say "make $name"
            cat "$logs/$name.log"
        } &
    done
    wait
done

say "all of: $*"
results="$(for name in "${targets[@]}"; do cat "$logs/$name.result"; done)"
echo "$results"
failed=$(grep -c ^FAILED <<<"$results")
echo "$((${#targets[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ]
