# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask firewalld by its own library what runs and, besides, what a reload would lose.

This file is run by the Python that firewalld itself uses, which need not be the module's: it imports nothing of ours.
With an argument C{runs} it ends with 0 where firewalld runs, C{ABSENT} where it does not. Else it reads one JSON
object, C{{"prefix" and "mark": of our names and descriptions, "lost": the folder of a configuration, to look for what
a reload of it would lose, or ''}}, and prints one, C{{"version", "owner" (whether nobody else may write into its table
unless it is told so), "state" ('' while it is stopped), "bus" (whether there is a D-Bus), "policies", "ipsets",
"services", "zoned" (whether a zone has an interface or a source), "lost", "kernel" (C{{chain: lines}} of what its table
has of objects with our prefix, null where there is no such table)}}. It ends with an error where firewalld, D-Bus or
the kernel does not answer.
"""

from __future__ import annotations

import contextlib
import json
import sys

# Who binds interfaces to these zones while they run, and again after a reload, by themselves.
_REBOUND = ("docker", "libvirt")
_NO_BUS = ("FileNotFound", "NoServer")  # no D-Bus at all: then no firewalld answers there
ABSENT = 3  # the status of the answer that no firewalld runs
_WORDS = ("version", "short", "description")


def main():
    """Answer."""
    wanted = json.load(sys.stdin)
    from firewall import config

    found = {
        "version": config.VERSION,
        "owner": getattr(config, "FALLBACK_NFTABLES_TABLE_OWNER", False),
        "state": "",
        "bus": True,
        "policies": {},
        "ipsets": {},
        "services": {},
        "zoned": False,
        "lost": [],
        "kernel": kernel(wanted["prefix"]),
    }
    bus = system_bus()
    found["bus"] = bus is not None
    client = connect(bus)
    if client:
        found["state"] = str(client.get_property("state"))
        found["zoned"] = any(any(zone.values()) for zone in client.getActiveZones().values())
        found.update(runtime(client, wanted["prefix"]))
        if wanted["lost"] and found["state"] == "RUNNING":
            config.set_system_config_paths(wanted["lost"])
            found["lost"] = lost(client, wanted["mark"])
    json.dump(found, sys.stdout, default=str)


def system_bus():
    """Return a connection to D-Bus, None where there is none; an exception where that is not known."""
    import dbus

    try:
        return dbus.SystemBus(private=True)  # the shared one is for a client with a main loop
    except dbus.exceptions.DBusException as error:
        if error.get_dbus_name().rpartition(".")[2] in _NO_BUS:
            return None
        raise


def runs(bus):
    """True where a firewalld has its name on D-Bus: processes are not looked for, others' containers have them too."""
    return bus is not None and bool(bus.name_has_owner("org.fedoraproject.FirewallD1"))


def connect(bus):
    """Return a client of the running firewalld, None where none runs; an exception where it does not answer."""
    if not runs(bus):
        return None
    from firewall.client import FirewallClient

    client = FirewallClient()
    if not client.connected:
        raise Exception("firewalld has its name on D-Bus and does not answer")
    return client


def kernel(prefix):
    """Return C{{chain: lines}} of what the kernel has in firewalld's table of our policies, None without the table.

    Of chains of others the lines that lead to ours.
    """
    from nftables.nftables import Nftables

    nft = Nftables()
    nft.set_stateless_output(True)
    if hasattr(nft, "set_terse_output"):
        nft.set_terse_output(True)  # not what is in the sets
    if "table inet firewalld" not in listed(nft, "tables").splitlines():
        return None
    found = {}
    for block in listed(nft, "table inet firewalld").split("\n\t}\n"):
        head, _brace, body = block.partition(" {\n")
        kind, _space, name = head.rpartition("\t")[2].partition(" ")
        ours = "_policy_" + prefix in name
        lines = [line.strip() for line in body.splitlines() if ours or "_policy_" + prefix in line]
        if kind == "chain" and (ours or lines):
            found[name] = lines
    return found


def listed(nft, what):
    """Return what nft lists; an exception where it does not."""
    status, output, errors = nft.cmd("list " + what)
    if status:
        raise Exception("nft does not list the " + what + ": " + str(errors).strip())
    return output


def runtime(client, prefix):
    """Return the settings of the running objects whose names start with C{prefix}."""
    policies = {
        str(name): dict(client.getPolicySettings(name).getSettingsDict())
        for name in named(client.getPolicies(), prefix)
    }
    ipsets = {}
    for name in named(client.getIPSets(), prefix):
        settings = client.getIPSetSettings(name)
        ipsets[str(name)] = {
            "short": settings.getShort(),
            "description": settings.getDescription(),
            "type": settings.getType(),
            "options": dict(settings.getOptions()),
            "entries": list(settings.getEntries()),
        }
    services = {
        str(name): dict(client.getServiceSettings(name).getSettingsDict())
        for name in named(client.listServices(), prefix)
    }
    return {"policies": policies, "ipsets": ipsets, "services": services}


def named(names, prefix):
    """Return the names that start with C{prefix}."""
    return [name for name in names if name.startswith(prefix)]


def lost(client, mark):
    """Return what of other people's runs and is not in the files, or the other way round, in words."""
    from firewall import config
    from firewall.core.fw import Firewall
    from firewall.core.io.direct import Direct

    disk = Firewall(offline=True)
    disk.start()
    found = []
    managed = manager_runs(client)
    for name in client.getZones():
        running = settings(client.getZoneSettings(name).getSettingsDict())
        written = settings(disk.zone.get_zone(name).export_config_dict()) if name in disk.zone.get_zones() else {}
        if managed or name.startswith(_REBOUND):
            running.pop("interfaces", None)
            written.pop("interfaces", None)
        found += told("zone " + name, running, written)
    for name in client.getPolicies():
        running = client.getPolicySettings(name).getSettingsDict()
        if not running.get("description", "").startswith(mark):
            known = name in disk.policy.get_policies()
            written = settings(disk.policy.get_policy(name).export_config_dict()) if known else {}
            found += told("policy " + name, settings(running), written)
    for name in client.getIPSets():
        running = client.getIPSetSettings(name)
        if not running.getDescription().startswith(mark):
            written = disk.ipset.get_ipset(name).entries if name in disk.ipset.get_ipsets() else []
            found += told("ipset " + name, settings({"entries": running.getEntries()}), settings({"entries": written}))
    direct = Direct(config.FIREWALLD_DIRECT)
    with contextlib.suppress(OSError):
        direct.read()
    chains, rules, passthroughs = direct.export_config()
    for kind, running, written in (
        ("chain", client.getAllChains(), chains),
        ("rule", client.getAllRules(), rules),
        ("passthrough", client.getAllPassthroughs(), passthroughs),
    ):
        found += told("direct configuration", settings({kind: running}), settings({kind: written}))
    return found


def manager_runs(client):
    """True where NetworkManager runs: it binds its interfaces again after a reload."""
    try:
        return bool(client.bus.name_has_owner("org.freedesktop.NetworkManager"))
    except Exception:
        return False


def settings(given):
    """Return settings so that they can be compared: lists in order, nothing empty, no words for people."""
    found = {}
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            value = sorted(json.dumps(item, default=str) for item in value)
        elif name == "target":
            value = "default" if "%" in str(value) or "{" in str(value) else str(value)
        if value and name not in _WORDS:
            found[str(name)] = value
    return found


def told(where, running, written):
    """Return one line for each setting of an object that differs."""
    lines = []
    for name in sorted(set(running) | set(written)):
        now, then = running.get(name), written.get(name)
        if now == then:
            continue
        if isinstance(now or then, list):
            for value in sorted(set(now or []) ^ set(then or [])):
                lines.append(
                    "{}: {} {} {}".format(where, name, value.strip('"'), "added" if value in (now or []) else "removed")
                )
        else:
            lines.append("{}: {} {} instead of {}".format(where, name, now or "none", then or "none"))
    return lines


if __name__ == "__main__":
    # With an argument: only whether it runs, as the status.
    raise SystemExit(main() if len(sys.argv) < 2 else 0 if runs(system_bus()) else ABSENT)
