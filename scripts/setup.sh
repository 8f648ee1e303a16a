#!/usr/bin/env bash
# Makes the environment that everything else runs in. A second call with nothing to do returns at once.
#
#     scripts/setup.sh            .venv with Ansible, nftables, the checkout as egress.allowlist
#     scripts/setup.sh dev        and what lint and tests need
#     scripts/setup.sh molecule   and what the containers need
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

wanted="${1:-runtime}"

# The first Python that Ansible runs on: `python3` if it is new enough, else the newest that is.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-4].*/bin/python; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1 || return 0
    python="$(find_python)" || { need python3.11:python3.11 && python="$(find_python)"; } || fail "no Python 3.11 to 3.14 here"
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        # Debian and Ubuntu keep this part in a package of its own.
        install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    say "making .venv with $("$python" -V)"
    rm -rf .venv
    "$python" -m venv .venv
}

# install_requirements NAME: requirements/NAME.txt, unless the stamp of this very list is there.
install_requirements() {
    local stamp
    stamp=".venv/.installed-$1-$(digest requirements/*.txt)"
    [ ! -e "$stamp" ] || return 0
    say "installing requirements/$1.txt into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "requirements/$1.txt" </dev/null
    touch "$stamp"
}

link_collection() {
    local link=.collections/ansible_collections/egress/allowlist
    [ ! -L "$link" ] || return 0
    mkdir -p "$(dirname "$link")"
    ln -s ../../.. "$link"
}

need nft:nftables ip:iproute2
make_venv
link_collection
case "$wanted" in
    runtime) install_requirements runtime ;;
    dev)
        need iprange:iprange conntrack:conntrack git:git shellcheck:shellcheck mmdebstrap:mmdebstrap
        need podman:podman runc:runc ssh:openssh-client
        install_requirements dev
        ;;
    molecule)
        need podman:podman runc:runc mmdebstrap:mmdebstrap ssh:openssh-client
        install_requirements dev
        ;;
    *) fail "unknown part '$wanted': runtime, dev or molecule" ;;
esac
