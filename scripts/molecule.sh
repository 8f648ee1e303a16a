#!/usr/bin/env bash
# Molecule on the checkout itself, in containers that podman makes from the distribution's packages.
#
#     scripts/molecule.sh                        test all scenarios
#     scripts/molecule.sh converge -s host       any command of Molecule's (`create` and `destroy` belong to the scenario default)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

[ "$(id -u)" = 0 ] || exec scripts/with_root.sh scripts/molecule.sh "$@"

export PATH="$PWD/.venv/bin:$PATH"
export ANSIBLE_COLLECTIONS_PATH="$PWD/.collections"
export EGRESS_CONTAINERS="$PWD/extensions/molecule/containers.sh"
# Molecule's own default is the same for all checkouts whose directories bear one name.
export MOLECULE_EPHEMERAL_DIRECTORY="$PWD/.cache/molecule"
export ANSIBLE_FORCE_COLOR=0 NO_COLOR=1
if [ $# = 0 ]; then
    # What a killed run may have left.
    molecule destroy --scenario-name default --no-report </dev/null >/dev/null 2>&1
    # The scenarios have machines of their own.
    set -- test --all --workers 2
fi
exec molecule "$@" </dev/null
