# shellcheck shell=bash
# What the scripts share. Sourced, with the repository's root as working directory.

export PATH="$PATH:/usr/sbin:/sbin"
# A locale that every system has, whatever the caller's is: Ansible refuses one that is missing here, or is not UTF-8.
export LC_ALL=C.UTF-8 LANG=C.UTF-8
unset LANGUAGE
export EGRESS_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/egress-allowlist"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# For need: what builds small systems; without the second it does not know which distribution a suite belongs to.
export BUILDER="mmdebstrap:mmdebstrap /usr/share/distro-info/debian.csv:distro-info-data"

# digest FILE...: one short name for the contents of all the files.
digest() { cat -- "$@" | sha256sum | cut -c1-16; }

# as_root COMMAND...: run it as root, or return 1 when this user cannot become root without being asked.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n env LC_ALL="$LC_ALL" LANG="$LANG" "$@"
    else
        return 1
    fi
}

# missing COMMAND:PACKAGE...: print the packages whose command, or file where a path is given, is not here.
missing() {
    local pair
    for pair in "$@"; do
        [ "${pair::1}" = / ] && [ -e "${pair%%:*}" ] || command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
    done
}

# install_packages PACKAGE...: from the distribution, saying so; without arguments do nothing.
install_packages() {
    [ $# -gt 0 ] || return 0
    local command=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@")
    command -v apt-get >/dev/null || fail "missing here: $*. Install them with this system's package manager, then run the command again."
    if ! as_root true; then
        fail "missing here: $*, and this user has no right to install packages. Type this, then run the command again:
    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    fi
    say "installing from the distribution: $*"
    # A list that cannot be renewed, of a source of somebody else's, is no reason to stop: apt-get says it, and installs or not.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive "${command[@]}" -q </dev/null >&2 ||
        fail "the distribution's $* could not be installed: apt-get says above why"
}

# need COMMAND:PACKAGE...: install the packages whose command or file is not here.
need() {
    local lacking
    mapfile -t lacking < <(missing "$@")
    install_packages "${lacking[@]}"
}

# pythons VERSION...: of each version (as 3.12) that the machine has, "version path"; pyenv's come before the system's.
pythons() {
    local version found
    for version in "$@"; do
        for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python "$(command -v "python$version" || true)"; do
            if [ -x "$found" ] && "$found" -c 'import venv, ensurepip' 2>/dev/null; then
                echo "$version $found"
                break
            fi
        done
    done
}

# copy_project FOLDER: make the folder, with a copy of what git knows or would add.
copy_project() {
    local file
    mkdir -p "$1"
    git ls-files --cached --others --exclude-standard -z | while IFS= read -rd '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done | tar --null --files-from=- --create | tar --extract --directory "$1"
}
