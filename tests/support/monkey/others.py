# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do on a machine: how it is prepared, their edits, their restarts, and what they break of ours.

Shell scripts. All but C{BREAKS} are run on the twin as well. C{N} stands for a small number of the monkey's.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.hosts.boot_situations import BY_HAND, MORE_CONF, OWN_CONF, RESET, UFW_RULES

_UFW = f"ufw default allow routed; {UFW_RULES}; ufw deny out to 10.66.0.0/16; ufw allow out to 2001:db8:f::/48 port 53"
_UFW += "; ufw route allow in on eth1 out on eth2 to 10.9.0.0/16 port 80 proto tcp comment 'mine'"
_FIREWALLD = (
    # Without it names cannot be enforced on Debian 13.
    "sed -i 's/^NftablesTableOwner=.*/NftablesTableOwner=no/' /etc/firewalld/firewalld.conf; "
    "firewall-offline-cmd --zone=public --set-target=ACCEPT; "
    "firewall-offline-cmd --zone=public --add-interface=wire; firewall-offline-cmd --zone=public --add-interface=lan; "
    "firewall-offline-cmd --zone=public --add-port=8443/tcp; firewall-offline-cmd --new-zone=mine; "
    "systemctl enable --now firewalld; firewall-cmd --state"
)
_CONF = f"cat >/etc/nftables.conf <<'END'\n{OWN_CONF}END\ncat >/etc/more.nft <<'END'\n{MORE_CONF}END\n"
PREPARED = {
    "nothing": "true",
    "own_conf": f"{_CONF}systemctl enable --now nftables",
    "ufw": _UFW,
    "firewalld": _FIREWALLD,
}
SITUATIONS = {"nftables": tuple(PREPARED), "ufw": ("ufw",), "firewalld": ("firewalld",)}  # by backend

_EDITS = {
    "nothing": (
        "nft 'add table ip monkeyN; add chain ip monkeyN out { type filter hook output priority 5; }; "
        "add rule ip monkeyN out udp dport 9 counter drop'",
        "nft delete table ip monkeyN",
        BY_HAND,
        "echo '192.0.2.N hostN' >>/etc/hosts",
        "printf 'table ip fileN {\\n}\\n' >/etc/mineN.nft",
    ),
    "own_conf": (
        "nft add rule inet filter input tcp dport 900N accept",
        "nft add element inet filter friends '{ 203.0.113.N }'",
        "printf 'table ip fileN {\\n}\\n' >>/etc/more.nft",
        "nft insert rule inet filter output udp dport 9 drop",
    ),
    "ufw": (
        "ufw allow 900N/tcp comment 'monkey N'",
        "ufw insert 1 deny out to 10.66.N.0/24",
        "ufw deny out to 10.67.N.0/24 port 25 proto tcp",
        "ufw route allow in on ethN to 10.9.N.0/24",
        "ufw limit 902N/tcp",
        "ufw --force delete allow 900N/tcp",
        "ufw --force delete deny out to 10.66.N.0/24",
        "ufw --force delete 1; ufw insert 1 allow 22/tcp",
        "sed -i '1i # monkey N' /etc/ufw/before.rules",
        "echo '# monkey N' >>/etc/ufw/sysctl.conf",
    ),
    "firewalld": (
        "r='rule family=ipv4 source address=192.0.2.N service name=http accept'; "
        'firewall-cmd --permanent --add-rich-rule="$r"; firewall-cmd --add-rich-rule="$r"',
        "r='rule family=ipv4 source address=192.0.2.N service name=http accept'; "
        'firewall-cmd --permanent --remove-rich-rule="$r"; firewall-cmd --remove-rich-rule="$r"',
        "firewall-cmd --permanent --add-port=900N/tcp; firewall-cmd --reload",
        "firewall-cmd --permanent --zone=mine --add-source=10.66.N.0/24; firewall-cmd --reload",
        "firewall-cmd --permanent --new-ipset=mineN --type=hash:ip; firewall-cmd --permanent --ipset=mineN "
        "--add-entry=192.0.2.N; firewall-cmd --reload",
        "for where in --permanent ''; do firewall-cmd $where --direct --add-rule ipv4 filter OUTPUT 0 -p udp "
        "--dport 9 -d 10.66.N.1 -j DROP; done",
        "firewall-cmd --permanent --new-policy=mineN; firewall-cmd --permanent --policy=mineN --add-ingress-zone=mine "
        "--add-egress-zone=public; firewall-cmd --reload",
    ),
}
_RESTARTS = {
    "nothing": tuple(f"{RESET}; systemctl {verb} nftables" for verb in ("start", "restart", "reload", "stop")),
    "ufw": (
        "ufw reload",
        "systemctl restart ufw",
        "systemctl reload ufw",
        "ufw disable; ufw --force enable",
        "systemctl stop ufw; systemctl start ufw",
    ),
    "firewalld": (
        "firewall-cmd --reload",
        "firewall-cmd --complete-reload",
        "systemctl restart firewalld",
        "systemctl reload firewalld",
        "systemctl stop firewalld; systemctl start firewalld",
    ),
}
_RESTARTS["own_conf"] = _RESTARTS["nothing"]

# What somebody does to ours. Each leaves something to mend where a list of ours runs.
BREAKS = {
    "nftables": (
        "nft flush chain inet egress_allowlist egress",
        "nft delete table inet egress_allowlist",
        "nft flush chain inet egress_allowlist output || nft flush chain inet egress_allowlist forward",
        "rm /etc/egress-allowlist/load-nftables",
        "systemctl disable egress-allowlist-nftables.service",
        "rm /etc/systemd/system/nftables.service.d/egress-allowlist.conf; systemctl daemon-reload",
        "echo >>/etc/egress-allowlist/nftables.nft",
        "rm -r /etc/egress-allowlist",
        "nft add rule inet egress_allowlist egress accept",
    ),
    "ufw": (
        "n=$(ufw status numbered | grep -m 1 'egress.allowlist' | sed 's/^\\[ *\\([0-9]*\\).*/\\1/'); "
        '[ -z "$n" ] || ufw --force delete $n',
        "sed -i '/6567726573732e616c6c6f776c697374/,/^$/d' /etc/ufw/user.rules",
        "rm -f /etc/ufw/egress_allowlist*",
    ),
    "firewalld": (
        "rm -f /etc/firewalld/policies/egress-*.xml",
        "firewall-cmd --permanent --delete-policy=egress-allow-host",
        "f=$(ls /etc/firewalld/ipsets/egress-*.xml | head -n 1); [ -z \"$f\" ] || sed -i '/<entry>/d' $f",
        "for p in $(firewall-cmd --get-policies | tr ' ' '\\n' | grep ^egress-); do "
        "firewall-cmd --policy=$p --add-port=1-65535/udp; done",
        "firewall-cmd --reload; rm -f /etc/firewalld/services/egress-*",
    ),
}
# What somebody holds: how, and which file.
LOCKS = {
    "nftables": (("flock", "/run/egress-allowlist/nftables.lock"), ("flock", "/run/xtables.lock")),
    "ufw": (("flock", "/run/egress-allowlist/ufw.lock"), ("posix", "/run/ufw.lock"), ("flock", "/run/xtables.lock")),
    "firewalld": (("flock", "/run/egress-allowlist/firewalld.lock"), ("flock", "/run/xtables.lock")),
}
# A change of the running firewalld only: a reload would lose it.
RUNTIME_ONLY = "firewall-cmd --add-port=903N/tcp"
RUNTIME_BACK = "firewall-cmd --remove-port=903N/tcp"


@dataclass(frozen=True)
class Others:
    """What others have on one machine."""

    backend: str
    situation: str

    @property
    def edits(self) -> tuple[str, ...]:
        """Their edits: nft's of a table of their own go beside everything."""
        there = _EDITS[self.situation]
        return there if self.backend != "nftables" or self.situation == "nothing" else (*_EDITS["nothing"], *there)

    @property
    def restarts(self) -> tuple[str, ...]:
        """What they restart; nftables.service where it flushes nobody else's list of ours."""
        there = _RESTARTS[self.situation]
        fresh = self.backend != "nftables" or self.situation in ("nothing", "own_conf")
        return there if fresh else (*_RESTARTS["nothing"], *there)
