#!/usr/bin/env bash
# Every linter over the whole project; goes on after a finding, so that one run shows all.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
. scripts/lib.sh
export PATH="$PWD/.venv/bin:$PATH"

failed=0
run() {
    say "$*"
    "$@" || failed=1
}

run ruff check .
run ruff format --check .
run mypy .collections/ansible_collections/egress/allowlist/plugins/plugin_utils
run yamllint --strict .
run ansible-lint --strict
run antsibull-changelog lint
run shellcheck --external-sources scripts/*.sh extensions/molecule/*.sh .ci/run
exit "$failed"
