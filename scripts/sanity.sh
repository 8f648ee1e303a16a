#!/usr/bin/env bash
# ansible-test sanity, and antsibull-docs' check that every plugin and role is documented, without ignores.
#
#     scripts/sanity.sh [VENV]     VENV: an environment with ansible-core; .venv unless told
#
# ansible-test insists on a path .../ansible_collections/egress/allowlist and tests all that lies there, so it
# gets a copy of what git knows or would add. It keeps its own environments in the cache from one run to the next.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
venv="$(realpath "${1:-.venv}")"
root=$PWD
failed=0

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
tree="$copy/ansible_collections/egress/allowlist"
copy_project "$tree"

# ansible-test fetches the bootstrap script of one pip from a host of its own on its first run. The same pip from
# the package index serves as well, also where only that index is within reach.
home="$EGRESS_CACHE/ansible-test"
python_version="$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
pip_version="$("$venv/bin/python" -c '
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version=sys.argv[1]))["pip"])' "$python_version")"
bootstrap="$home/.ansible/test/cache/get_pip_${pip_version//./_}.py"
if [ ! -e "$bootstrap" ]; then
    mkdir -p "$(dirname "$bootstrap")"
    "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$home" "pip==$pip_version"
    cat >"$bootstrap.new" <<END
import runpy
import sys

sys.path.insert(0, "$home/pip-$pip_version-py3-none-any.whl")
sys.argv[1:] = ["install"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__")
END
    mv "$bootstrap.new" "$bootstrap"
fi

say "ansible-test sanity with $("$venv/bin/ansible" --version | sed -n 1p)"
export PYENV_ROOT="${PYENV_ROOT:-$HOME/.pyenv}"
(
    cd "$tree"
    PATH="$venv/bin:$PATH" HOME="$home" \
        "$venv/bin/ansible-test" sanity --local --python "$python_version" --color no </dev/null
) || failed=1

say "antsibull-docs lint-collection-docs"
PATH="$venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$copy" "$root/.venv/bin/antsibull-docs" lint-collection-docs --plugin-docs "$tree" || failed=1
exit "$failed"
