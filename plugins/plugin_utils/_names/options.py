# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options on names that firewalls share: leases of learned addresses, and what becomes of others' DNS."""

from __future__ import annotations

from collections.abc import Sequence

ENFORCED = ("resolve", "dnsmasq")  # the modes in which a host learns addresses of names
_LONGEST_LEASE = 2_147_483  # seconds; see the timers of conntrack


def check_learning(prefix: str, lease: object, refresh: object, most: object) -> None:
    """Raise ValueError that names the user's variable for a lease, a refresh (seconds) or a bound that cannot be.

    C{prefix}: how the user's variables begin, C{nftables_egress}.
    """
    least = 4 * _whole(f"{prefix}_names_refresh", refresh, 1, 3600) + 11
    if _whole(f"{prefix}_names_lease", lease, 1, _LONGEST_LEASE) < least:
        raise ValueError(
            f"{prefix}_names_lease '{lease}' is too short: with {prefix}_names_refresh {refresh} it is at least "
            f"{least} seconds"
        )
    _whole(f"{prefix}_names_max_addresses", most, 1, 65536)


def check_dns(
    prefix: str, mode: str, scope: str, dns: object, resolv_conf: object, sources: Sequence[str] | str
) -> None:
    """Raise ValueError that names the user's variable for a choice about DNS that does not fit the others."""
    choices = ("leave", "redirect", "refuse")
    if dns not in choices:
        raise ValueError(f"{prefix}_names_dns '{dns}' is not accepted: choose one of {', '.join(choices)}")
    if dns != "leave" and mode != "dnsmasq":
        raise ValueError(f"{prefix}_names_dns '{dns}' needs {prefix}_names dnsmasq")
    if dns != "leave" and scope == "host":
        raise ValueError(f"{prefix}_names_dns '{dns}' is for forwarded packets: use the scope gateway or both")
    if dns != "leave" and not sources:
        done = "turned to this host" if dns == "redirect" else "refused"
        raise ValueError(
            f"{prefix}_names_dns '{dns}' needs {prefix}_sources, the clients whose questions are {done}: otherwise "
            "what outsiders ask of a name server behind this gateway would be too"
        )
    if not isinstance(resolv_conf, bool):
        raise ValueError(f"{prefix}_names_resolv_conf '{resolv_conf}' is not accepted: write true or false")
    if resolv_conf and mode != "dnsmasq":
        raise ValueError(f"{prefix}_names_resolv_conf needs {prefix}_names dnsmasq")


def names_notes(prefix: str, mode: str, scope: str, found: bool, dns: str) -> list[str]:
    """Return what a reader of the choices about names could take for more than it is."""
    if mode in ENFORCED and not found:
        return [f"{prefix}_names {mode} has nothing to do: no selected destination is known by a name that it follows"]
    if found and mode == "dnsmasq" and scope != "host" and dns == "leave":
        return [f"only clients that ask this host for names open them: to hold them to that, set {prefix}_names_dns"]
    if found and mode == "resolve" and scope != "host":
        return ["clients may be given other addresses of a name than this host: what it did not see itself stays shut"]
    return []


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} '{value}' is not a whole number from {least} to {most}")
    return value
