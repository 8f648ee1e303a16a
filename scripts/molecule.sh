#!/usr/bin/env bash
# Molecule on the checkout itself, in containers that podman makes from the distribution's packages.
#
#     scripts/molecule.sh                        test all scenarios
#     scripts/molecule.sh short                  those of `make test`, one for each tool and one for names
#     scripts/molecule.sh more                   all others
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
short=(host ufw firewalld names)
more=(gateway upgrade include ufw_gateway firewalld_gateway names_gateway)
case "${1:-all}" in
    all) chosen=("${short[@]}" "${more[@]}") ;;
    short) chosen=("${short[@]}") ;;
    more) chosen=("${more[@]}") ;;
    *) exec molecule "$@" </dev/null ;;
esac

export EGRESS_TARGETS="${chosen[*]}"
destroy() { molecule destroy --scenario-name default --no-report </dev/null >/dev/null 2>&1; }
# What a killed run may have left.
destroy
trap destroy EXIT
molecule create --scenario-name default --no-report </dev/null
# The scenarios have machines of their own.
molecule test "${chosen[@]/#/--scenario-name=}" --workers 2 </dev/null
