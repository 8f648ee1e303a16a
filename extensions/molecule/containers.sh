#!/usr/bin/env bash
# The containers of the Molecule scenarios and the wires between them. Needs root, podman, mmdebstrap, iproute2.
#
#     containers.sh up               build the image if need be, start all containers ($EGRESS_TARGETS: those), lay the wires
#     containers.sh restart NAME     as a machine restarts: NAME boots again
#     containers.sh shell NAME CMD   run a command in a container
#     containers.sh zone [LINE...]   the name server answers with these lines (as of /etc/hosts) besides its zone
#     containers.sh dial NAME        standard input and output to NAME's SSH port, over the wire (for ssh's ProxyCommand)
#     containers.sh image [SUITE]    build the image with ufw and firewalld, of this machine's distribution or of that Debian; print its tag
#     containers.sh down             remove the containers
#
#     host, upgrade, include, names, ... ──┐           Each target has one wire, to the peer, which is its default
#                                          ├── peer    route and plays the rest of the world: it answers on every
#     client ── gateway, ..._gateway ──────┘           address and port that reaches it, and is the name server
#                                                      203.0.113.53 (zone.conf). There is no other way out.
#                                                      Behind each gateway there is a client in a network namespace
#                                                      of the gateway's container.
#
# The target of the number N in the list below has 198.18.N.2 and 2001:2:0:N::2; if it is a gateway, its client has
# 198.18.(100+N).2 and 2001:2:0:(100+N)::2.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/../.."
. scripts/lib.sh
export CONTAINERS_CONF="$here/containers.conf"

targets=(host gateway upgrade include ufw ufw_gateway firewalld firewalld_gateway names names_gateway)
# Checkouts beside each other must not share containers.
prefix="egress-allowlist-$(printf %s "$PWD" | sha256sum | cut -c1-8)"
key="$EGRESS_CACHE/molecule/id_ed25519"

machine_suite() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# image_of NAME [SUITE]: prints the tag of the container's image, which is built if need be.
image_of() {
    local packages=systemd,systemd-sysv,dbus,python3,nftables,iproute2,openssh-server suite
    suite="${2:-$(machine_suite)}"
    case "$1" in
        ufw* | firewalld*)
            # Both tools, as distributions have them: ufw's service runs and does nothing until ufw is enabled.
            # shellcheck disable=SC2016  # mmdebstrap's shell expands it
            build_image "$suite" "$packages,ufw,firewalld,ipset,iptables" --customize-hook='chroot "$1" systemctl disable firewalld'
            ;;
        # dnsmasq as Debian has it: it runs from the first boot on.
        names* | peer) build_image "$suite" "$packages,dnsmasq" ;;
        *) build_image "$suite" "$packages" ;;
    esac
}

# build_image SUITE PACKAGES [OPTION...]: a distribution, from its own packages, with systemd; for scenarios this machine's. The
# smallest that the role must bear: without netbase, say, nft prints protocols as numbers. Prints the image's tag.
build_image() {
    local tag tar suite="$1" packages="$2"
    shift 2
    tag="localhost/egress-allowlist:$(printf %s "$suite $packages${*:+ $*}" | sha256sum | cut -c1-16)"
    echo "$tag"
    ! podman image exists "$tag" || return 0
    # Others that build the same wait, and find it.
    exec 9>"$EGRESS_CACHE/molecule/.${tag##*:}.lock"
    flock 9
    ! podman image exists "$tag" || return 0
    tar="$EGRESS_CACHE/molecule/${tag##*:}.tar"
    if [ ! -e "$tar" ]; then
        say "building the image of the containers"
        mmdebstrap --quiet --format=tar --variant=minbase --components="$(components_of "$suite")" --include="$packages" "$@" "$suite" "$tar.new" >&2 9>&- ||
            fail "the image of the containers cannot be built: mmdebstrap says above why"
        mv "$tar.new" "$tar"
    fi
    podman import --quiet "$tar" "$tag" >/dev/null
}

components_of() { (. /etc/os-release && if [ "$ID $VERSION_CODENAME" = "ubuntu $1" ]; then echo main,universe; else echo main; fi); }

inside() {
    local name="$1"
    shift
    podman exec -i "$prefix-$name" "$@"
}

# put NAME PATH: standard input as an executable file in a container.
put() { inside "$1" sh -c "cat >'$2' && chmod 755 '$2'"; }

# number_of TARGET: its place in the list, from 1.
number_of() {
    local number
    for number in "${!targets[@]}"; do
        [ "${targets[number]}" != "$1" ] || echo $((number + 1))
    done
}

is_gateway() { case "$1" in gateway | *_gateway) true ;; *) false ;; esac }

pid_of() { podman inspect --format '{{.State.Pid}}' "$prefix-$1"; }

wait_for_boot() {
    local try
    for try in $(seq 1200); do
        # "degraded" is a state to work in: some units of the distribution cannot start in a container.
        case "$(inside "$1" systemctl is-system-running 2>/dev/null)" in running | degraded) return 0 ;; esac
        sleep 0.1
    done
    fail "container $1 does not come up: $try tries"
}

# lay_wire NAME: the veth of one target, gone with every stop of its container, its addresses and routes.
lay_wire() {
    local name="$1" number no_wait
    number="$(number_of "$name")"
    # Without the wait for duplicate addresses IPv6 works at once.
    no_wait="for scope in all default; do echo 0 >/proc/sys/net/ipv6/conf/\$scope/accept_dad; done"
    inside peer sh -c "$no_wait"
    inside "$name" sh -c "$no_wait"
    ip link add wire netns "$(pid_of "$name")" type veth peer name "to-$number" netns "$(pid_of peer)"
    inside peer sh -se "$number" <<'END'
ip address add "198.18.$1.1/24" dev "to-$1"
ip address add "2001:2:0:$1::1/64" dev "to-$1" nodad
ip link set "to-$1" up
ip route replace "198.18.$((100 + $1)).0/24" via "198.18.$1.2"
ip route replace "2001:2:0:$((100 + $1))::/64" via "2001:2:0:$1::2"
END
    inside "$name" sh -se "$number" <<'END'
ip address add "198.18.$1.2/24" dev wire
ip address add "2001:2:0:$1::2/64" dev wire nodad
ip link set wire up
ip route add default via "198.18.$1.1"
ip route add default via "2001:2:0:$1::1"
END
    ! is_gateway "$name" || inside "$name" sh -se "$((100 + number))" "$no_wait" <<'END'
ip netns add client
ip netns exec client sh -c "$2"
ip link add lan type veth peer name wire netns client
sysctl() { echo "$2" >"/proc/sys/net/$1"; }
sysctl ipv4/ip_forward 1
sysctl ipv6/conf/all/forwarding 1
ip address add "198.18.$1.1/24" dev lan
ip address add "2001:2:0:$1::1/64" dev lan nodad
ip link set lan up
ip -n client link set lo up
ip -n client address add "198.18.$1.2/24" dev wire
ip -n client address add "2001:2:0:$1::2/64" dev wire nodad
ip -n client link set wire up
ip -n client route add default via "198.18.$1.1"
ip -n client route add default via "2001:2:0:$1::1"
END
}

start() {
    local image
    image="$(image_of "$1")"
    # Without podman's mount /etc/resolv.conf is a file like others, as on a machine.
    podman run --detach --quiet --name "$prefix-$1" --hostname "${1//_/-}" --privileged --systemd=always --dns=none "$image" /sbin/init >/dev/null
    echo "nameserver 203.0.113.53" | inside "$1" sh -c 'cat >/etc/resolv.conf'
    { echo '#!/usr/bin/python3' && cat "$here/probe.py"; } | put "$1" /usr/local/bin/probe
    put "$1" /usr/local/bin/state <"$here/state.sh"
}

up() {
    local name chosen
    read -ra chosen <<<"${EGRESS_TARGETS:-${targets[*]}}"
    mkdir -p "$EGRESS_CACHE/molecule"
    down
    [ -e "$key" ] || ssh-keygen -q -t ed25519 -N '' -C egress-allowlist -f "$key"
    start peer
    put peer /usr/local/bin/answer <"$here/answer.py"
    inside peer systemd-run --quiet python3 /usr/local/bin/answer
    wait_for_boot peer
    put peer /etc/dnsmasq.d/zone.conf <"$here/zone.conf"
    inside peer touch /etc/zone
    inside peer systemctl restart dnsmasq
    inside peer nft -f - <<'END'
table inet world {
    chain prerouting {
        type nat hook prerouting priority dstnat
        ip daddr 203.0.113.53 meta l4proto { tcp, udp } th dport 53 redirect to :53
        iifname "to-*" meta l4proto { tcp, udp } redirect to :7
    }
}
END
    for name in "${chosen[@]}"; do
        start "$name"
        inside "$name" sh -c 'mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys' <"$key.pub"
    done
    for name in "${chosen[@]}"; do
        wait_for_boot "$name"
        lay_wire "$name"
    done
}

down() { podman rm --force --ignore --time 0 "$prefix-peer" "${targets[@]/#/$prefix-}" >/dev/null 2>&1; }

restart() {
    podman restart --time 3 "$prefix-$1" >/dev/null
    wait_for_boot "$1"
    lay_wire "$1"
}

zone() {
    printf '%s\n' "$@" | put peer /etc/zone
    inside peer systemctl reload dnsmasq
}

image() {
    mkdir -p "$EGRESS_CACHE/molecule"
    image_of ufw "$@"
}

dial() {
    exec podman exec -i "$prefix-peer" python3 /usr/local/bin/answer dial "198.18.$(number_of "$1").2" 22
}

action="${1:?up, restart, shell, zone, dial, image or down}"
shift
case "$action" in
    up | down) "$action" ;;
    restart | zone | dial | image) "$action" "$@" ;;
    shell) inside "$@" ;;
    *) fail "unknown action '$action': up, restart, shell, zone, dial, image or down" ;;
esac
