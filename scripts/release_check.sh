#!/usr/bin/env bash
# What Galaxy will say of the collection, before it is published: builds the tarball of what git knows or would add, installs
# it as the README tells and uses it (tests/release), has galaxy-importer read it, and lists what its publisher must still fill in.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
failed=0

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# importer: make or reuse the environment of galaxy-importer, print where it is.
importer() {
    local venv stamp
    venv="$EGRESS_CACHE/galaxy-importer"
    stamp="$venv/.installed-$(digest requirements/importer.txt requirements/constraints.txt)"
    echo "$venv"
    [ ! -e "$stamp" ] || return 0
    say "installing requirements/importer.txt into $venv"
    rm -rf "$venv"
    .venv/bin/python -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement requirements/importer.txt \
            --constraint <(grep -v '^attrs==' requirements/constraints.txt) </dev/null >&2 &&
        touch "$stamp"
}

say "ansible-galaxy collection build"
copy_project "$work/source"
.venv/bin/ansible-galaxy collection build "$work/source" --output-path "$work"
tarball="$(echo "$work"/*.tar.gz)"

say "the tarball, installed and used"
RELEASE_SOURCE="$work/source" RELEASE_TARBALL="$tarball" .venv/bin/python -m pytest -q tests/release || failed=1

# Its ansible-test wants containers and stays off: `make sanity` is the same. What it calls a warning is not accepted either.
venv="$(importer)"
say "galaxy-importer"
mkdir "$work/importer" "$work/home"
(
    cd "$work/importer"
    PATH="$venv/bin:$PATH" HOME="$work/home" GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP="$work/home/tmp" \
        "$venv/bin/python" -m galaxy_importer.main "$tarball" </dev/null >"$work/importer.log" 2>&1
) || failed=1
grep -v '^Loading ' "$work/importer.log" || true
! grep -qE '^(WARNING|ERROR|CRITICAL)' "$work/importer.log" || failed=1
[ -e "$work/importer/importer_result.json" ] || failed=1

say "what the publisher must still fill in"
sed -nE 's/^[ -]*([^#]*[^# ]) +# open: (.*)/\1\n    \2/p' galaxy.yml >"$work/open"
cat "$work/open"
[ "$failed" = 0 ] || fail "not fit to be published, see above"
echo "fit to be published but for what is open in galaxy.yml: $(($(wc -l <"$work/open") / 2))"
