# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vendor's own playbook leaves as it is, on each backend: other vendors, policy, scope, names, allow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds import aws

from tests.support import systems
from tests.support.azure.host import azure, planned
from tests.support.gcp import module
from tests.support.hosts import firewalld, nftables, ufw
from tests.support.namespaces import Namespace
from tests.support.openstack import plans
from tests.support.rules import row
from tests.support.systems import longer

HOSTS, CLOUDS = ("nftables", "ufw", "firewalld"), ("aws", "azure", "gcp", "openstack")
ALL = ["vendors", "policy", "scope", "sources", "names", "allow"]
KUDO = row("203.0.113.0/25", vendor="kudo")
OTHERS = [row("198.51.100.0/24", vendor="eschat"), row("203.0.113.0/26", "3478", "UDP", vendor="zoom")]
ALLOW = [{"destination": "10.5.0.0/16", "ports": "5671"}]

pytestmark = pytest.mark.usefixtures("namespaces")


@dataclass
class Backend:
    """One backend: C{form} makes what its module takes of rows and options, C{run} runs the module, C{state} looks."""

    form: Callable[..., dict[str, Any]]
    run: Callable[..., dict[str, Any]]
    state: Callable[[], Any]

    def apply(self, *rows: dict[str, Any], unchanged: list[str] | None = None, **options: Any) -> dict[str, Any]:
        """Apply what rows ask for; returns what the module says, failed or not."""
        return self.run(self.form(*rows, **options), unchanged or [])


@contextmanager
def host(name: str) -> Iterator[Backend]:
    support = {"nftables": nftables, "ufw": ufw, "firewalld": firewalld}[name]
    with nftables.alone() if name == "nftables" else support.alone("bookworm") as found:

        def run(native: dict[str, Any], unchanged: list[str]) -> dict[str, Any]:
            return found.module(**{found.native: native}, revert_after=0, unchanged=unchanged)

        yield Backend(support.native, run, lambda: (found.files(), found.rules() if name != "ufw" else found.kernel()))


@contextmanager
def cloud(name: str) -> Iterator[Backend]:
    if name == "azure":
        with azure() as there:
            yield Backend(planned, lambda plan, kept: there.call(plan=plan, unchanged=kept), there.cloud.snapshot)
    elif name == "gcp":
        with module.google() as world:
            yield Backend(
                lambda *rows, **options: module.planned(list(rows), **options),
                lambda plan, kept: world.run(plan=plan, unchanged=kept),
                lambda: json.dumps(world.cloud.firewalls, sort_keys=True),
            )
    elif name == "aws":
        from tests.support.aws.module import in_process
        from tests.support.aws.server import serve

        def form(*rows: dict[str, Any], **options: Any) -> dict[str, Any]:
            return aws.plan(merge_vendors(expand_rows(list(rows))), **options)

        with serve() as server, in_process(server) as run:
            server.reset()
            client = server.client()
            yield Backend(
                form,
                lambda plan, kept: run(plan=plan, unchanged=kept),
                lambda: json.dumps(client.describe_security_group_rules()["SecurityGroupRules"], default=str),
            )
    else:
        from tests.support.openstack.neutron import empty

        with empty() as neutron:
            yield Backend(
                lambda *rows, **options: plans.plan(rows, **options),
                lambda plan, kept: neutron.module(plan=plan, unchanged=kept),
                neutron.opened,
            )


@pytest.fixture(params=longer(["nftables", "ufw", *CLOUDS], ["firewalld"]))
def backend(request: pytest.FixtureRequest) -> Iterator[tuple[str, Backend]]:
    name = str(request.param)
    with ExitStack() as stack:
        yield name, stack.enter_context(host(name) if name in HOSTS else cloud(name))


def refused(found: Backend, *rows: dict[str, Any], **options: Any) -> str:
    """Apply what must be refused with nothing touched; returns the message."""
    before = found.state()
    done = found.apply(*rows, unchanged=ALL, **options)
    assert done.get("failed"), done
    assert found.state() == before
    assert "an allowlist is there already, which this playbook would change: " in done["msg"]
    return str(done["msg"])


def test_other_vendors_stay(backend: tuple[str, Backend]) -> None:
    """Also one whose addresses are among those of the vendor that is applied."""
    name, found = backend
    assert not found.apply(KUDO, unchanged=ALL).get("failed")  # where nothing is, nothing can change
    assert not found.apply(KUDO, *OTHERS).get("failed")
    told = refused(found, KUDO)
    run = "run playbooks/apply.yml" + ("" if name == "nftables" else f" -e apply_backend={name}")
    assert f"eschat, zoom would go: to have all, {run} -e apply_vendors=eschat,kudo,zoom" in told
    assert "policy would change" not in told
    assert not found.apply(KUDO, *OTHERS, row("192.0.2.0/24", vendor="vsee"), unchanged=ALL).get("failed")
    done = found.apply(KUDO, unchanged=[each for each in ALL if each != "vendors"])
    assert not done.get("failed"), done
    assert any(line.startswith("- ") and "eschat" in line for line in done["differences"])
    assert not found.apply(row("203.0.113.0/24", vendor="kudo"), unchanged=ALL).get("failed")


def test_policy_and_allow_stay(backend: tuple[str, Backend]) -> None:
    name, found = backend
    deny = {"policy": "deny", "names": "report"}
    assert not found.apply(KUDO, **deny, allow=ALLOW).get("failed")
    assert "policy would change from deny to unmanaged: write -e " + name in refused(found, KUDO, policy="unmanaged")
    told = refused(found, KUDO, **deny)
    assert f"{name}_egress_allow would change from " in told
    assert "policy would change" not in told
    told = refused(found, row("192.0.2.0/24", vendor="vsee"), **deny, allow=ALLOW)
    command = told.partition("run playbooks/apply.yml")[2].partition(";")[0]
    assert f"-e apply_vendors=kudo,vsee -e {name}_egress_policy=deny" in command
    assert f" and {name}_egress_allow as it is (" in command
    more = [*ALLOW, {"destination": "10.6.0.0/16", "ports": "5671"}]
    if name in HOSTS:
        assert f"{name}_egress_allow would change from " in refused(found, KUDO, **deny, allow=more)
    assert not found.apply(row("203.0.113.0/24", vendor="kudo"), unchanged=ALL, **deny, allow=ALLOW).get("failed")
    done = found.apply(KUDO, unchanged=[each for each in ALL if each != "policy"], policy="unmanaged")
    assert not done.get("failed"), done


def test_a_deny_stays_where_only_names_are_known(backend: tuple[str, Backend]) -> None:
    """Nothing is open to a vendor then, and all else is stopped; the one that is applied is in the printed command."""
    _name, found = backend
    named = row("live.example.com", vendor="vsee")
    assert not found.apply(named, policy="deny", names="report").get("failed")
    told = refused(found, KUDO, policy="unmanaged")
    assert "policy would change from deny to unmanaged" in told
    assert not found.apply(KUDO, policy="deny", names="report").get("failed")
    told = refused(found, named, policy="deny", names="report")
    assert "kudo would go" in told
    assert "apply_vendors=kudo,vsee" in told


@pytest.mark.parametrize("name", longer(["nftables"], [name for name in HOSTS if name != "nftables"]))
def test_sources_stay(name: str) -> None:
    with host(name) as found:
        inbound = row("198.51.100.9", vendor="kudo", direction="inbound")
        given = {"policy": "deny", "names": "report", "scope": "gateway", "sources": ["10.1.0.0/16", "fd00:1::/64"]}
        assert not found.apply(KUDO, inbound, **given).get("failed")
        assert not found.apply(KUDO, inbound, **given, unchanged=ALL).get("failed")
        told = refused(found, KUDO, inbound, **{**given, "sources": []})
        assert f"{name}_egress_sources would change from 10.1.0.0/16, fd00:1::/64 to nothing" in told
        assert "scope would change" not in told


def test_a_deny_of_ufws_own_is_not_taken_for_ours() -> None:
    """The rules of the baseline tell of our policy, whatever ufw's own default is."""
    deny = {"policy": "deny", "names": "report"}
    with ufw.alone("bookworm", users="ufw default deny outgoing\n") as found:
        assert not found.module(rules=ufw.native(KUDO), revert_after=0, unchanged=ALL).get("failed")
        found.apply(ufw.native(KUDO, **deny, allow=ALLOW))
        before = found.files()
        assert not found.module(rules=ufw.native(KUDO, **deny, allow=ALLOW), unchanged=ALL)["changed"]
        done = found.module(rules=ufw.native(KUDO), unchanged=ALL)
        assert "policy would change from deny to unmanaged" in done["msg"]
        assert found.files() == before


@pytest.mark.parametrize("name", longer(["nftables"], [name for name in HOSTS if name != "nftables"]))
def test_scope_and_names_stay(name: str) -> None:
    named = row("live.example.com", vendor="kudo")
    with host(name) as found:
        assert not found.apply(KUDO, scope="both").get("failed")
        assert "scope would change from both to host: write -e " + name in refused(found, KUDO, scope="host")
        assert not found.apply(KUDO, named, scope="both", names="resolve").get("failed")
        told = refused(found, KUDO, named, scope="both", names="report")
        assert f"names would change from resolve to report: write -e {name}_egress_names=resolve" in told
        done = found.apply(
            KUDO, named, scope="host", names="report", unchanged=["vendors", "policy", "sources", "allow"]
        )
        assert not done.get("failed"), done


@pytest.fixture
def debian() -> Iterator[Namespace]:
    space = Namespace(system=systems.system("bookworm"))
    yield space
    space.close()


@pytest.mark.long
def test_two_vendors_playbooks_one_after_the_other(debian: Namespace) -> None:
    def run(playbook: str, *given: str) -> Any:
        extra = [part for each in ("ansible_become=false", *given) for part in ("-e", each)]
        return systems.play(debian, f"playbooks/{playbook}.yml", *extra)

    done = run("apply-kudo", "kudo_regions=usa", "nftables_egress_policy=deny", "nftables_egress_names=report")
    assert done.returncode == 0, done.stdout + done.stderr
    before = debian.target(["nft", "list", "ruleset"]).stdout

    stopped = run("apply-eschat", "eschat_signaling_port=7400")
    assert stopped.returncode == 2
    assert (
        "kudo would go: to have all, run playbooks/apply.yml -e apply_vendors=eschat,kudo "
        "-e nftables_egress_policy=deny -e nftables_egress_names=report with the options of each;"
    ) in stopped.stdout
    assert "add -e apply_replace=true" in stopped.stdout
    assert "policy would change from deny to audit: write -e nftables_egress_policy=deny to keep it" in stopped.stdout
    assert debian.target(["nft", "list", "ruleset"]).stdout == before

    again = run("apply-kudo", "kudo_regions=usa,europe", "nftables_egress_policy=deny", "nftables_egress_names=report")
    assert again.returncode == 0, again.stdout + again.stderr

    given = ["nftables_egress_policy=deny", "nftables_egress_names=report", "eschat_signaling_port=7400"]
    both = run("apply", "apply_vendors=kudo,eschat", "kudo_regions=usa", *given)
    assert both.returncode == 0, both.stdout + both.stderr
    replaced = run("apply-eschat", *given, "apply_replace=true")
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr
    assert "kudo" not in debian.target(["nft", "list", "ruleset"]).stdout
