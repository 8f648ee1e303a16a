#!/usr/bin/env bash
# Every ansible-core that meta/runtime.yml takes, on the oldest and on newer Pythons that it runs on, those that this machine
# has: KUDO applied twice in a throw-away namespace, and the unit tests that run Ansible itself. Once for each ansible-core but
# the one of .venv (2.19): those of modules, roles and the project, and ansible-test sanity. All unit tests: once on Python 3.13.
#
#     scripts/matrix.sh               all, two at a time
#     scripts/matrix.sh 2.21 3.13     one of them
set -uo pipefail
cd "$(dirname "$0")/.." || exit
. scripts/lib.sh

combinations=(
    "2.18 3.11" "2.18 3.13"
    "2.19 3.11" "2.19 3.13"
    "2.20 3.12" "2.20 3.13" "2.20 3.14"
    "2.21 3.12" "2.21 3.13" "2.21 3.14"
)

# environment CORE PYTHON PATH: make or reuse the environment, print where it is.
environment() {
    local venv stamp
    venv="$EGRESS_CACHE/matrix/core-$1-python-$2"
    stamp="$venv/.installed-$(digest requirements/*.txt "$0")"
    echo "$venv"
    [ ! -e "$stamp" ] || return 0
    rm -rf "$venv"
    "$3" -m venv "$venv" &&
        # Each release of ansible-core brings a range of resolvelib of its own.
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$1.*" antsibull-docs \
            hypothesis idna netaddr pytest PyYAML scapy \
            --constraint <(grep -vE '^(ansible-core|resolvelib)==' requirements/constraints.txt) &&
        touch "$stamp"
}

# apply_twice VENV: the second run must change nothing.
apply_twice() {
    # shellcheck disable=SC2016  # $1 is for the shell inside
    tests/support/sandbox -- sh -euc '
        export PATH="$1/bin:$PATH"
        apply() { ansible-playbook playbooks/apply-kudo.yml -e nftables_egress_policy=deny -e nftables_egress_names=report; }
        apply
        apply | tee /run/second
        grep -q "changed=0 " /run/second
    ' sh "$1"
}

# one CORE PYTHON: all checks of one combination, unless this machine lacks the Python: then exit code 3.
one() {
    local python venv once='' chosen=(tests/unit/{roles,plugin_utils/test_ansible.py,project/test_{examples,check_playbook}.py})
    python="$(pythons "$2" | cut -d' ' -f2)"
    [ -n "$python" ] || return 3
    venv="$(environment "$1" "$2" "$python")" || return 1
    case "$1 $2" in
        "2.18 3.11" | "2.20 3.12" | "2.21 3.12")
            once=yes
            chosen=(-m 'not hypothesis' tests/unit/{module_utils,project,roles,plugin_utils/test_ansible.py})
            ;;
        "2.21 3.13") chosen=(tests/unit) ;;
    esac
    PATH="$venv/bin:$PATH" "$venv/bin/python" -m pytest -q "${chosen[@]}" || return 1
    apply_twice "$venv" || return 1
    [ -z "$once" ] || scripts/sanity.sh "$venv"
}

if [ $# = 2 ]; then
    one "$1" "$2"
    exit
fi

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
# shellcheck disable=SC2016  # for the shells that xargs starts
printf '%s\n' "${combinations[@]}" | xargs -P 2 -L 1 sh -c \
    '"$0" "$2" "$3" >"$1/$2-$3.log" 2>&1 </dev/null; echo $? >"$1/$2-$3.code"' "$0" "$logs"

passed=0 failed=0 skipped=0
for combination in "${combinations[@]}"; do
    name="${combination/ /-}"
    text="ansible-core ${combination/ / on Python }"
    case "$(cat "$logs/$name.code")" in
        0) passed=$((passed + 1)) && echo "passed   $text" ;;
        3) skipped=$((skipped + 1)) && echo "skipped  $text: this machine has no such Python with venv" ;;
        *) failed=$((failed + 1)) && echo "FAILED   $text" && sed 's/^/    /' "$logs/$name.log" ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
