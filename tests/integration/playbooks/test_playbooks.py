# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook, by its path and by its name in the collection, as people call them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support import systems
from tests.support.namespaces import Namespace
from tests.support.playbooks import play, text_of
from tests.support.repository import REPOSITORY, VENDOR_FOLDER
from tests.support.systems import enable_ufw, longer, start_firewalld, system

BACKENDS = sorted(
    path.name
    for path in (REPOSITORY / "roles").iterdir()
    if path.with_suffix(".py").name in {module.name for module in (REPOSITORY / "plugins" / "modules").iterdir()}
)  # those of hosts: a cloud's module is called otherwise
VENDORS = sorted(path.stem.removeprefix("apply_") for path in (REPOSITORY / "playbooks").glob("apply_*.yml"))
FEW = ["kudo"]
KUDO = json.dumps({"catalog_vendors": [{"name": "kudo", "regions": "usa"}]})

pytestmark = pytest.mark.usefixtures("namespaces")


def test_every_vendor_of_the_catalog_has_its_playbook() -> None:
    files = VENDOR_FOLDER.glob("*.yml")
    assert sorted(path.stem for path in files) == VENDORS
    names = (path.stem.removeprefix("apply-") for path in (REPOSITORY / "playbooks").glob("apply-*.yml"))
    assert sorted(names) == [vendor.replace("_", "-") for vendor in VENDORS]


@pytest.mark.parametrize("vendor", longer(FEW, sorted({*VENDORS} - {*FEW})))
def test_a_vendors_playbook_runs_without_being_told_anything(vendor: str) -> None:
    mandatory = ["-e", "eschat_signaling_port=7400"] if vendor == "eschat" else []
    by_path = play(f"playbooks/apply-{vendor.replace('_', '-')}.yml", "--check", *mandatory)
    by_name = play(f"egress.allowlist.apply_{vendor}", "--check", *mandatory)
    for done in (by_path, by_name):
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"({vendor})" in done.stdout
        assert "changed=1 " in done.stdout
    # Names are never passed over in silence, whatever the policy; Twilio's page has none.
    assert ("names are reported only" in by_path.stdout) is (vendor != "twilio")
    chooses = vendor in ("kore_ai", "kudo", "securevideo", "twilio")
    assert ("since nothing was said" in by_path.stdout) is chooses


def test_eschats_port_must_be_given() -> None:
    done = play("playbooks/apply-eschat.yml", "--check")
    assert done.returncode == 2
    assert "eschat: signaling_port must be given" in done.stdout
    assert "changed=0 " in done.stdout


@pytest.mark.parametrize("form", ["json", "csv", "markdown", "text"])
def test_exports_are_written(form: str, tmp_path: Path) -> None:
    path = tmp_path / "export"
    done = play("playbooks/export.yml", "-e", KUDO, "-e", f"export_format={form}", "-e", f"export_path={path}")
    assert done.returncode == 0, done.stdout + done.stderr
    text = path.read_text()
    media = {"protocol": "udp", "ports": "3478", "destination": "3.25.48.192/28", "vendor": "kudo", "service": "media"}
    if form == "json":
        exported = json.loads(text)
        assert set(exported) == {"rules", "allowlist"}
        assert [rule for rule in exported["rules"] if media.items() <= rule.items()]
    elif form == "csv":
        assert [rule for rule in csv.DictReader(text.splitlines()) if media.items() <= rule.items()]
    elif form == "markdown":
        assert "| 3.25.48.192/28 | tcp/443, udp/3478 (recommended) |" in text
    else:
        assert "udp/3478 3.25.48.192/28\n" in text


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (
            "3.25.48.193",
            [
                "open: all: udp/3478 to 3.25.48.193",
                "udp/3478 to 3.25.48.192/28  kudo: media: row 10 of KUDO Firewall rules, 2022-03 (recommended)",
            ],
        ),
        ("3.25.48.191", ["open: not: nothing on the allowlist opens 3.25.48.191, port 3478"]),
    ],
)
def test_explain_names_the_row(asked: str, answers: list[str]) -> None:
    done = play("playbooks/explain.yml", "-e", KUDO, "-e", f"explain={asked}", "-e", "explain_port=3478")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [answer for answer in answers if f'"{answer}"' not in done.stdout] == []


@pytest.mark.parametrize("given", [[], ["-e", "explain="], ["-e", "explain_port=443"]])
def test_explain_says_what_it_needs(given: list[str]) -> None:
    done = play("playbooks/explain.yml", "-e", KUDO, *given)
    assert done.returncode == 2
    assert "explain is not given: write -e explain=3.25.48.193, an address, a prefix, a range or a name" in done.stdout
    assert "is undefined" not in done.stdout


def test_the_summary_says_which_names_could_not_be_looked_up() -> None:
    done = play(
        "playbooks/apply-kudo.yml",
        "-e",
        "kudo_regions=usa kudo_names=hosts nftables_egress_policy=deny nftables_egress_names=resolve",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"- live\.kudoway\.com: DNS fails \(.*\) for IPv4: 0 addresses kept", done.stdout)


@pytest.mark.parametrize("backend", BACKENDS)
def test_removing_where_nothing_is_changes_nothing(backend: str) -> None:
    done = play("egress.allowlist.remove", "-e", f"apply_backend={backend}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0 " in done.stdout


@contextmanager
def host(backend: str) -> Iterator[Namespace]:
    """Yield a Debian on which the backend's tool is at work."""
    space = Namespace(system=system("bookworm"))
    try:
        if backend == "ufw":
            enable_ufw(space)
        elif backend == "firewalld":
            start_firewalld(space)
        yield space
    finally:
        space.close()


@pytest.mark.parametrize("backend", longer(["nftables"], sorted({*BACKENDS} - {"nftables"})))
def test_what_apply_made_remove_takes_away(backend: str) -> None:
    chosen = ["-e", f"apply_backend={backend}", "-e", "ansible_become=false"]
    with host(backend) as space:
        for changed, arguments in (
            (1, ["playbooks/apply-kudo.yml"]),
            (0, ["playbooks/apply-kudo.yml"]),
            (1, ["playbooks/remove.yml"]),
            (0, ["playbooks/remove.yml"]),
        ):
            done = systems.play(space, *arguments, *chosen)
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"changed={changed} " in done.stdout, arguments


@pytest.mark.parametrize("module", longer(["nftables"], sorted({*BACKENDS} - {"nftables"})))
def test_examples_of_the_modules(module: str, tmp_path: Path) -> None:
    tasks = yaml.safe_load(text_of(REPOSITORY / "plugins" / "modules" / f"{module}.py", "EXAMPLES"))
    playbook = tmp_path / "examples.yml"
    catalog = {"role": "egress.allowlist.catalog", "catalog_vendors": [{"name": "kudo", "regions": "usa"}]}
    play_of_it = {"hosts": "localhost", "gather_facts": False, "roles": [catalog], "tasks": tasks}
    playbook.write_text(yaml.safe_dump([play_of_it]), "utf-8")
    with host(module) as space:
        done = systems.play(space, playbook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=3 " in done.stdout  # applied twice and removed; a confirmation is no change


def test_an_unknown_vendor_stops_the_play_before_any_host_is_touched() -> None:
    done = play("playbooks/apply.yml", "-e", json.dumps({"catalog_vendors": [{"name": "kodo"}]}))
    assert done.returncode == 2
    assert "unknown vendor 'kodo'" in done.stdout
    assert "did you mean kudo?" in done.stdout
    assert "changed=0 " in done.stdout
