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

# The oldest and the newest Python that Ansible and the tools run on; 3.X without the 3.
oldest=11 newest=14

# is_usable PYTHON [MODULES]: its version fits and it has the modules (venv and ensurepip: Debian and Ubuntu keep them apart).
is_usable() {
    "$1" -c "import sys${2:+, $2}; sys.exit(not (3, $oldest) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null
}

# find_python [MODULES]: `python3` if it is usable, else the newest that is.
find_python() {
    local candidate
    for candidate in python3 $(seq -f python3.%g "$newest" -1 "$oldest") "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python; do
        if is_usable "$candidate" "$@"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

has_venv() { [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1; }

# python_packages: print the packages that a Python with venv lacks here, nothing if there is one or if none would help.
python_packages() {
    local python
    ! find_python venv,ensurepip >/dev/null || return 0
    if ! command -v python3 >/dev/null; then
        printf '%s\n' python3 python3-venv
    elif python="$(find_python)"; then
        [ "$python" = "$(command -v python3)" ] && echo python3-venv || echo "${python##*/}-venv"
    fi
}

make_venv() {
    local python
    ! has_venv || return 0
    python="$(find_python venv,ensurepip)" || fail "no Python 3.$oldest to 3.$newest with venv here: $(python3 -V 2>&1 || true).
Install one, such as the packages python3.$oldest and python3.$oldest-venv where the distribution has them, or one of pyenv's
(${PYENV_ROOT:-$HOME/.pyenv}), then run the command again."
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
    [ ! -e "$link" ] || fail "$link is a copy that ansible-galaxy installed: remove it, the checkout itself belongs there"
    mkdir -p "$(dirname "$link")"
    ln -s ../../.. "$link"
}

requirements=dev
tools=(nft:nftables ip:iproute2)
read -ra builder <<<"$BUILDER"
case "$wanted" in
    runtime) requirements=runtime ;;
    dev)
        tools+=(iprange:iprange conntrack:conntrack git:git shellcheck:shellcheck ps:procps "${builder[@]}")
        # The systems of scripts/system.sh are Debians on Ubuntu too; modules run with the system's own Python.
        tools+=(/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring /usr/bin/python3:python3)
        # The boot is tested in containers.
        tools+=(podman:podman runc:runc ssh:openssh-client ssh-keygen:openssh-client)
        ;;
    molecule) tools+=(podman:podman runc:runc ssh:openssh-client "${builder[@]}") ;;
    *) fail "unknown part '$wanted': runtime, dev or molecule" ;;
esac
mapfile -t lacking < <(has_venv || python_packages; missing "${tools[@]}")
install_packages "${lacking[@]}"
make_venv
link_collection
install_requirements "$requirements"
