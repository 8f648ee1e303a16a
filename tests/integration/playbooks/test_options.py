# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people give to the playbooks, and where it comes from: variables, inventories, folders, Pythons."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbooks import play
from tests.support.repository import REPOSITORY

ACME = {
    "title": "Acme",
    "sources": [{"id": "acme", "title": "Acme's ports", "date": "2026-01-01", "notices": "none"}],
    "options": {"regions": {"type": "list", "choices": ["north", "south"], "required": True}},
    "services": [
        {
            "name": "media",
            "title": "Media",
            "source": "acme",
            "rows": [
                {"destination": "192.0.2.0/28", "ports": "443", "when": {"regions": ["north"]}},
                {"destination": "198.51.100.0/28", "ports": "443", "when": {"regions": ["south"]}},
            ],
        }
    ],
}

pytestmark = pytest.mark.usefixtures("namespaces")


def vendor_folder(folder: Path) -> Path:
    """Return a folder in it with one vendor file."""
    (folder / "vendors").mkdir(parents=True)
    (folder / "vendors" / "acme.yml").write_text(yaml.safe_dump({"catalog_acme": ACME}))
    return folder


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["-e", "regions=usa"], "'regions' is not read: write kudo_regions"),
        (["-e", "region=usa"], "'region' is not read: write kudo_regions"),
        (["-e", "nftables_polcy=deny"], "'nftables_polcy' is not read: write nftables_egress_policy"),
        (
            ["-e", "kudo_team=true nftables_egress_scop=host"],
            "'kudo_team' is not read: write kudo_teams; 'nftables_egress_",
        ),
        (
            ["-e", "apply_backend=iptables"],
            "unknown backend 'iptables': known are aws, azure, firewalld, gcp, nftables,",
        ),
        (["-e", "hosts=booths"], "'hosts' is not read: write apply_hosts"),
        (["-e", "KUDO_REGIONS=usa"], "'KUDO_REGIONS' is not read: write kudo_regions"),
        (["-e", "nftables_egress_state=absent"], "state absent removes all vendors, not only this one: run playbooks/"),
        (
            ["-e", "apply_vendors="],
            "this is the playbook of one vendor: for others, or several, run playbooks/apply.yml",
        ),
        (
            ["-e", "apply_vendors=kudo,zoom"],
            "this is the playbook of one vendor: for others, or several, run playbooks/apply.yml",
        ),
        (
            ["-e", "catalog_vendors=zoom"],
            "catalog_vendors and apply_vendors are both given, or a vendor's own playbook",
        ),
    ],
)
def test_what_is_not_read_stops_the_play_and_is_told_what_was_meant(given: list[str], meant: str) -> None:
    done = play("playbooks/apply-kudo.yml", "--check", *given)
    assert done.returncode == 2
    assert f'"msg": "{meant}' in done.stdout
    assert "ok=0 " in done.stdout


def test_variables_of_the_inventory_are_looked_at_too(tmp_path: Path) -> None:
    """Near misses of ours; what other people's roles call a policy or regions is none of our business."""
    theirs = "ufw_policy=allow regions=['eu-central-1'] nftables_rules=[] apply_updates=true catalog_url=x"
    (tmp_path / "inventory").write_text(f"localhost {theirs} nftables_egress_colour=red\n")
    common = ["-i", tmp_path / "inventory", "-e", "ansible_connection=local", "--check"]
    common += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = play("playbooks/apply-kudo.yml", *common)
    assert done.returncode == 0, done.stdout
    assert "- nftables_egress_colour is not read: the role nftables has no such variable" in done.stdout
    assert "regions: all (usa, europe, canada, china), since nothing was said" in done.stdout
    (tmp_path / "inventory").write_text(f"localhost {theirs} nftables_egress_polcy=deny\n")
    done = play("playbooks/apply-kudo.yml", *common)
    assert "'nftables_egress_polcy' is not read: write nftables_egress_policy" in done.stdout
    assert "ok=0 " in done.stdout


@pytest.mark.parametrize("vendors", ["vsee", {"name": "vsee"}, ["vsee"], ["vsee", {"name": "kudo", "regions": "usa"}]])
def test_vendors_are_names_entries_or_both(vendors: Any) -> None:
    done = play("playbooks/export.yml", "-e", json.dumps({"catalog_vendors": vendors}), "-e", "export_format=csv")
    assert done.returncode == 0, done.stdout
    assert ",vsee," in done.stdout
    assert (",kudo," in done.stdout) is (len(vendors) == 2)


def test_a_vendor_in_capitals_is_told_its_name() -> None:
    done = play("playbooks/apply.yml", "-e", "catalog_vendors=KUDO", "--check")
    assert "unknown vendor 'KUDO': known are eschat," in done.stdout
    assert "did you mean kudo?" in done.stdout


def test_several_vendors_with_their_options_in_variables() -> None:
    common = ["playbooks/apply.yml", "--check", "-e", "apply_vendors=kudo,eschat", "-e", "kudo_regions=usa,europe"]
    missing = play(*common)
    assert "eschat: signaling_port must be given" in missing.stdout
    done = play(*common, "-e", "eschat_signaling_port=7400")
    assert done.returncode == 0, done.stdout
    assert "regions: usa, europe;" in done.stdout
    assert "signaling_port: 7400;" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("value", ["false", "no", "0"])
def test_booleans_are_read_as_ansible_reads_them(value: str) -> None:
    """A text that says no is no, for a vendor's option and for a role's."""
    given = f"kudo_regions=usa kudo_teams={value} ufw_egress_sets={value} apply_backend=ufw"
    done = play("playbooks/apply-kudo.yml", "--check", "-e", given)
    assert done.returncode == 0, done.stdout
    assert "teams: no;" in done.stdout
    assert "look into sets" not in done.stdout


def test_the_role_twice_in_one_play_with_different_selections(tmp_path: Path) -> None:
    role = {"role": "egress.allowlist.nftables", "vars": {"catalog_vendors": "vsee"}}
    steps = [
        ([role, role], 0, "VSee (vsee)"),
        (
            [role, {**role, "vars": {"catalog_vendors": "zoom"}}],
            2,
            "selects 'vsee' and then 'zoom inbound=false' for the same",
        ),
    ]
    for roles, status, text in steps:
        playbook = tmp_path / "site.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "roles": roles}]))
        done = play(playbook, "--check")
        assert done.returncode == status, done.stdout
        assert text in done.stdout


@pytest.mark.long
def test_folders_of_vendors_are_taken_from_the_play(tmp_path: Path) -> None:
    """Also where the playbook is one of the collection, called by its name or imported."""
    beside, current = vendor_folder(tmp_path / "beside"), vendor_folder(tmp_path / "current")
    given = ["--check", "-e", json.dumps({"catalog_vendor_dirs": ["vendors"], "acme_regions": "north"})]
    given += ["-e", "apply_vendors=acme"]
    (beside / "site.yml").write_text(yaml.safe_dump([{"import_playbook": "egress.allowlist.apply"}]))
    (current / "vendors" / "acme.yml").write_text(yaml.safe_dump({"catalog_acme": {**ACME, "title": "From here"}}))
    imported = play(beside / "site.yml", *given, cwd=current)
    assert "Acme (acme)" in imported.stdout
    by_name = play("egress.allowlist.apply", *given, cwd=current)
    assert "From here (acme)" in by_name.stdout
    by_path = play(REPOSITORY / "playbooks" / "apply.yml", *given, cwd=current)
    assert "From here (acme)" in by_path.stdout


def test_a_bad_file_of_a_vendor_that_is_not_selected_is_only_warned_of(tmp_path: Path) -> None:
    folder = vendor_folder(tmp_path)
    bad = {**ACME, "services": [{**ACME["services"][0], "source": "paeg"}], "title": "Bad"}
    (folder / "vendors" / "bad.yml").write_text(yaml.safe_dump({"catalog_bad": bad}))
    given = ["--check", "-e", json.dumps({"catalog_vendor_dirs": [f"{folder}/vendors"], "acme_regions": "all"})]
    done = play("playbooks/apply.yml", *given, "-e", "apply_vendors=acme")
    assert done.returncode == 0, done.stdout
    fault = f"bad: media: unknown source 'paeg': known are acme (in the file '{folder}/vendors/bad.yml')"
    assert f"{fault} (not selected, so not needed)" in " ".join((done.stdout + done.stderr).split())
    done = play("playbooks/apply.yml", *given, "-e", "apply_vendors=bad,acme")
    assert done.returncode == 2
    assert f'"msg": "{fault}"' in done.stdout


def broken_python(folder: Path) -> Path:
    """Return a Python that only fails."""
    path = folder / "python"
    path.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    path.chmod(0o755)
    return path


@pytest.mark.long
def test_what_runs_on_the_controller_uses_its_python(tmp_path: Path) -> None:
    """Whatever the inventory says of localhost."""
    inventory = tmp_path / "inventory"
    inventory.write_text(
        f"localhost ansible_connection=local ansible_python_interpreter={broken_python(tmp_path)}\n"
        "booth1 ansible_host=192.0.2.1 catalog_vendors=vsee\n"
    )
    path = tmp_path / "list.csv"
    exported = play(
        *("playbooks/export.yml", "-i", inventory, "-e", "catalog_vendors=vsee"),
        *("-e", "export_format=csv", "-e", f"export_path={path}"),
    )
    assert exported.returncode == 0, exported.stdout
    assert ",vsee," in path.read_text()
    cloud = play(
        "playbooks/apply-kudo.yml", "-i", inventory, "-e", "apply_backend=openstack openstack_egress_cloud=none"
    )
    assert "broken" not in cloud.stdout
    assert "none" in cloud.stdout
    assert "changed=0 " in cloud.stdout


def test_the_value_of_a_variable_is_not_printed_for_a_vendor_from_outside(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    spec = {"password": {"type": "list", "choices": ["a"], "required": True}}
    services = [{"name": "media", "title": "Media", "source": "acme", "rows": ACME["services"][0]["rows"][:0]}]
    evil = {**ACME, "options": spec, "services": services}
    for name in ("vault", "ansible"):
        (tmp_path / "vendors" / f"{name}.yml").write_text(yaml.safe_dump({f"catalog_{name}": evil}))
    inventory = tmp_path / "inventory"
    inventory.write_text("booth1 ansible_connection=local vault_password=SECRET7 ansible_password=SECRET8\n")
    given = ["-i", str(inventory), "-e", f"catalog_vendor_dirs={tmp_path}/vendors", "--check"]
    done = play("playbooks/apply.yml", *given, "-e", "apply_vendors=vault")
    assert done.returncode == 2
    assert "the variable vault_password does not hold what the option takes: write any of a, or all" in done.stdout
    other = play("playbooks/apply.yml", *given, "-e", "apply_vendors=ansible")
    assert "vendor name 'ansible' means something else to this collection or to Ansible" in other.stdout
    assert "SECRET" not in done.stdout + done.stderr + other.stdout + other.stderr


@pytest.mark.long
def test_export_and_explain_see_a_hosts_variables(tmp_path: Path) -> None:
    """The host is not asked for anything: nobody answers there."""
    inventory, path = tmp_path / "inventory", tmp_path / "list.csv"
    inventory.write_text(
        "booth1 ansible_host=192.0.2.1 catalog_vendors=vsee\nbooth2 ansible_host=192.0.2.2 catalog_vendors=zoom\n"
    )
    common = ["-i", inventory, "-e", "explain_host=booth1"]
    done = play("playbooks/export.yml", *common, "-e", "export_format=csv", "-e", f"export_path={path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split(",")[0] for line in path.read_text().splitlines()[1:]} == {
        "vsee"
    } or ",vsee," in path.read_text()
    assert ",zoom," not in path.read_text()
    done = play("playbooks/explain.yml", *common, "-e", "explain=client.vsee.com")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: [booth1]" in done.stdout
    done = play("playbooks/explain.yml", *common, "-e", "explain=client.vsee.com", "-e", "explain_port=https")
    assert '"open: all: client.vsee.com: tcp/443 by name where names are enforced"' in done.stdout
    done = play("playbooks/explain.yml", *common, "-e", "explain=client.vsee.com", "-e", "explain_port=htps")
    assert "port 'htps' is not accepted: write a number from 1 to 65535" in done.stdout
    assert "did you mean https?" in done.stdout
