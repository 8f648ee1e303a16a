# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask firewalld by its own library what runs and, besides, what a reload would lose or bring.

This file is run by the Python that firewalld itself uses, which need not be the module's: it imports nothing of ours,
and is one file for that.
With an argument C{runs} it ends with 0 where firewalld runs, C{ABSENT} where it does not. Else it reads one JSON
object, C{{"prefix" and "mark": of our names and descriptions, "lost": the folder of a configuration, to look for what
a reload of it would lose or bring, or ''}}, and prints one, C{{"version", "owner" (whether nobody else may write into
its table unless it is told so), "state" ('' while it is stopped), "bus" (whether there is a D-Bus), "policies",
"ipsets", "services", "zones" (C{{name: what is bound to it}} of those that have an interface or a source), "others"
(C{{name: settings}} of policies without our prefix), "lost", "kernel" (C{{chain: lines}} of what its table has of
objects with our prefix, null where there is no such table), "ways" (C{{chain: lines}} of the chains of its table that
packets come to first, and of those that others lead from them), "members" (ipsets with our prefix that have other
members in the kernel than firewalld knows), "panic" (whether it stops all packets), "direct" (rules of the direct
interface), "ports" (C{{zone or policy: forward-ports}})}}. It ends with an error where firewalld, D-Bus or the kernel
does not answer.
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
        "zones": {},
        "others": {},
        "lost": [],
        "members": [],
        "panic": False,
        "direct": [],
        "ports": {},
    }
    found["kernel"], found["ways"] = kernel(wanted["prefix"])
    bus = system_bus()
    found["bus"] = bus is not None
    client = connect(bus)
    if client:
        found["state"] = str(client.get_property("state"))
        for name, bound in client.getActiveZones().items():
            ends = sorted(str(end) for kind in bound.values() for end in kind)
            found["zones"].update({str(name): ends} if ends else {})
        found["others"] = {
            str(name): dict(client.getPolicySettings(name).getSettingsDict())
            for name in client.getPolicies()
            if not name.startswith(wanted["prefix"])
        }
        found.update(runtime(client, wanted["prefix"]))
        found["panic"] = bool(client.queryPanicMode())
        found["direct"] = [" ".join(map(str, [*rule[:3], *rule[4]])) for rule in client.getAllRules()]
        found["direct"] += [" ".join(map(str, [rule[0], *rule[1]])) for rule in client.getAllPassthroughs()]
        found["ports"] = forward_ports(client, found)
        found["members"] = differing(found["ipsets"]) if found["kernel"] is not None else []
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

    Of chains of others the lines that lead to ours. The second value is C{{chain: lines}} of the chains through which
    a packet comes to them: of those at a hook and those that call policies all lines, of others where they lead to.
    """
    from nftables.nftables import Nftables

    nft = Nftables()
    nft.set_stateless_output(True)
    if hasattr(nft, "set_terse_output"):
        nft.set_terse_output(True)  # not what is in the sets
    if "table inet firewalld" not in listed(nft, "tables").splitlines():
        return None, {}
    found, ways = {}, {}
    for block in listed(nft, "table inet firewalld").split("\n\t}\n"):
        head, _brace, body = block.partition(" {\n")
        kind, _space, name = head.rpartition("\t")[2].partition(" ")
        ours = "_policy_" + prefix in name
        lines = [line.strip() for line in body.splitlines() if ours or "_policy_" + prefix in line]
        if kind == "chain" and (ours or lines):
            found[name] = lines
        if kind == "chain" and name.startswith("filter_") and not ours:
            whole = name in ("filter_OUTPUT", "filter_FORWARD") or name.startswith("filter_OUTPUT_POLICIES")
            told = [line.strip() for line in body.splitlines() if whole or "jump " in line or "goto " in line]
            ways.update({name: told} if told else {})
    return found, ways


def forward_ports(client, found):
    """Return C{{"zone public": ["8080/tcp to 192.0.2.1:443"]}} of what firewalld leads on, in zones that are in use."""
    given = {"zone " + name: dict(client.getZoneSettings(name).getSettingsDict()) for name in found["zones"]}
    given.update(("policy " + name, settings) for name, settings in found["others"].items())
    ports = {}
    for name, settings in given.items():
        told = [
            f"{port}/{protocol} to {address}{':' if address and to else ''}{to}"
            for port, protocol, to, address in map(tuple, settings.get("forward_ports", []))
            if address
        ]
        rules = settings.get("rules_str", settings.get("rich_rules", []))
        told += [str(rule) for rule in rules if "forward-port" in rule and "to-addr" in rule]
        ports.update({name: sorted(told)} if told else {})
    return ports


def differing(ipsets):
    """Return the names of ipsets whose members in the kernel are not their entries; not those that lapse."""
    from nftables.nftables import Nftables

    nft = Nftables()
    nft.set_json_output(True)
    listing = json.loads(listed(nft, "table inet firewalld"))["nftables"]
    there = {part["set"]["name"]: part["set"].get("elem", []) for part in listing if "set" in part}
    return sorted(
        name
        for name, settings in ipsets.items()
        if settings["type"] in ("hash:ip", "hash:net")
        and settings["options"].get("timeout") is None
        and spans(there.get(name, [])) != spans(settings["entries"])
    )


def spans(members):
    """Return the addresses of members of a set of nftables, or of entries of an ipset: ranges of numbers, joined."""
    import ipaddress

    found = []
    for member in members:
        value = member["elem"]["val"] if isinstance(member, dict) and "elem" in member else member
        if isinstance(value, dict) and "prefix" in value:
            value = "{addr}/{len}".format(**value["prefix"])
        first, _dash, last = ("-".join(value["range"]) if isinstance(value, dict) else str(value)).partition("-")
        network = ipaddress.ip_network(first, strict=False)
        found.append((int(network[0]), int(ipaddress.ip_address(last)) if last else int(network[-1])))
    joined = []
    for low, high in sorted(found):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


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
    """Return what of other people's runs and is not in the files, or the other way round, in words.

    A reload takes away what only runs, and brings what is only in the files.
    """
    from firewall import config
    from firewall.core.fw import Firewall
    from firewall.core.io.direct import Direct

    disk = Firewall(offline=True)
    disk.start()
    managed = manager_runs(client)

    def zone(name, given):
        if managed or name.startswith(_REBOUND):
            given.pop("interfaces", None)
        return given

    found = compared(
        "zone",
        mark,
        (client.getZones(), lambda name: zone(name, dict(client.getZoneSettings(name).getSettingsDict()))),
        (disk.zone.get_zones(), lambda name: zone(name, disk.zone.get_zone(name).export_config_dict())),
    )
    found += compared(
        "policy",
        mark,
        (client.getPolicies(), lambda name: client.getPolicySettings(name).getSettingsDict()),
        (
            disk.policy.get_policies_not_derived_from_zone(),
            lambda name: disk.policy.get_policy(name).export_config_dict(),
        ),
    )
    found += compared(
        "service",
        mark,
        (client.listServices(), lambda name: client.getServiceSettings(name).getSettingsDict()),
        (disk.service.get_services(), lambda name: disk.service.get_service(name).export_config_dict()),
    )
    found += compared(
        "ipset",
        mark,
        (client.getIPSets(), lambda name: ipset_settings(client.getIPSetSettings(name))),
        (disk.ipset.get_ipsets(), lambda name: ipset_written(disk.ipset.get_ipset(name))),
    )
    found += filled(client, mark)
    found += told(
        "firewalld.conf",
        {"DefaultZone": str(client.getDefaultZone()), "LogDenied": str(client.getLogDenied())},
        {"DefaultZone": str(disk.get_default_zone()), "LogDenied": str(disk.get_log_denied())},
    )
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


def compared(kind, mark, running, written):
    """Return how objects that run differ from those in the files, in words; those with our mark are left out.

    C{running}, C{written}: C{(names, function that returns the settings of one)}.
    """
    lines = []
    for name in sorted({*map(str, running[0]), *map(str, written[0])}):
        now = running[1](name) if name in running[0] else None
        then = written[1](name) if name in written[0] else None
        if (then if now is None else now).get("description", "").startswith(mark):
            continue
        if now is None:
            lines.append(f"{kind} {name}: written, and not loaded yet")
        elif then is None:
            lines.append(f"{kind} {name}: stands in no file any more")
        else:
            lines += told(f"{kind} {name}", settings(now), settings(then))
    return lines


def ipset_settings(running):
    """Return the settings of a running ipset that firewalld knows of."""
    return {
        "description": running.getDescription(),
        "type": running.getType(),
        "options": sorted("=".join(option) for option in running.getOptions().items()),
        "entries": [] if running.getOptions().get("timeout", "0") != "0" else running.getEntries(),
    }


def ipset_written(written):
    """Return the same of an ipset's file."""
    timed = written.options.get("timeout", "0") != "0"
    return {
        "description": written.description,
        "type": written.type,
        "options": sorted("=".join(option) for option in written.options.items()),
        "entries": [] if timed else written.entries,
    }


def filled(client, mark):
    """Return the ipsets of others with members that only the kernel knows of, in words.

    Those with the option timeout, of which firewalld keeps no members, and those that a program fills past firewalld.
    """
    from nftables.nftables import Nftables

    nft, found = Nftables(), []
    nft.set_json_output(True)
    for name in map(str, client.getIPSets()):
        running = client.getIPSetSettings(name)
        if running.getDescription().startswith(mark):
            continue
        status, output, errors = nft.cmd("list set inet firewalld " + name)
        if status and "No such file or directory" in str(errors):
            continue
        if status:
            raise Exception("nft does not list the set " + name + ": " + str(errors).strip())
        members = [each for part in json.loads(output)["nftables"] for each in part.get("set", {}).get("elem", [])]
        known = [] if running.getOptions().get("timeout", "0") != "0" else list(running.getEntries())
        more = covered(members) - covered(known) if plain(known) else len(members) - len(known)
        if more > 0:
            found.append(f"ipset {name}: {more} members that stand in no file")
    return found


def plain(entries):
    """True where each of these entries of a set is an address or a prefix."""
    return all("," not in entry for entry in entries)


def covered(members):
    """Return how many addresses the members of a set of nftables, or the entries of an ipset, stand for."""
    import ipaddress

    number = 0
    for member in members:
        value = member["elem"]["val"] if isinstance(member, dict) and "elem" in member else member
        if isinstance(value, dict) and "prefix" in value:
            value = "{addr}/{len}".format(**value["prefix"])
        if isinstance(value, dict) and "range" in value:
            value = "-".join(value["range"])
        first, _dash, last = str(value).partition("-")
        try:
            network = ipaddress.ip_network(first, strict=False)
            number += int(ipaddress.ip_address(last)) - int(network[0]) + 1 if last else network.num_addresses
        except ValueError:
            number += 1  # of another kind: a member each
    return number


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
                how = "runs only" if value in (now or []) else "is written only"
                lines.append("{}: {} {} {}".format(where, name, value.strip('"'), how))
        else:
            lines.append("{}: {} {} runs, {} is written".format(where, name, now or "none", then or "none"))
    return lines


if __name__ == "__main__":
    # With an argument: only whether it runs, as the status.
    raise SystemExit(main() if len(sys.argv) < 2 else 0 if runs(system_bus()) else ABSENT)
