# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/setup.sh installs on systems that lack something, and the environment that all scripts run in.

setup.sh is run as it is, in a copy of its folder, on a PATH of its own: with Pythons that pretend to have another
version and an apt-get that installs such a Python and writes down what it was asked for.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

TOOLS = "bash cat cut dirname env id ln mkdir rm seq sh sha256sum touch"
PYTHON = """#!{shell}
case "$1 $2" in
    "-c "*) exec {real} -c '
import sys
sys.version_info = (3, {minor}, 0, "final", 0)
if not {venv}: sys.modules["ensurepip"] = None
exec(sys.argv[1])' "$2" ;;
    "-V "*) echo "Python 3.{minor}.0" ;;
    "-m venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    "-m pip") ;;
    *) exit 9 ;;
esac
"""
APT = """#!/bin/sh
echo "$*" >>{home}/asked
case "$1" in
    update) exit 100 ;;
    install) [ ! -e {home}/refuses ] || exit 100; cp {home}/python3 {home}/bin/python3; rm -f {home}/bin/python3.12
             [ ! -e {home}/python3.12 ] || cp {home}/python3.12 {home}/bin/python3.12 ;;
esac
"""


class Machine:
    """A machine with a few commands and the given Pythons."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "bin").mkdir()
        for tool in [*TOOLS.split(), "cp"]:
            (home / "bin" / tool).symlink_to(shutil.which(tool))
        shutil.copytree(REPOSITORY / "scripts", home / "checkout" / "scripts")
        shutil.copytree(REPOSITORY / "requirements", home / "checkout" / "requirements")
        self.script("bin/apt-get", APT.format(home=home))
        self.python("python3", 11)  # what apt-get installs

    def script(self, name: str, text: str) -> None:
        (self.home / name).write_text(text, "utf-8")
        (self.home / name).chmod(0o755)

    def python(self, name: str, minor: int, venv: bool = True) -> None:
        shell, real = shutil.which("sh"), sys._base_executable
        self.script(name, PYTHON.format(shell=shell, real=real, minor=minor, venv=venv))

    def setup(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.home}/bin", "HOME": str(self.home), "LC_ALL": "xx_XX.UTF-8"}
        command = ["bash", self.home / "checkout/scripts/setup.sh"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def installed(self) -> str:
        """Return the packages of the calls of `apt-get install`."""
        asked = self.home / "asked"
        lines = asked.read_text("utf-8").splitlines() if asked.exists() else []
        words = [word for line in lines if line.startswith("install ") for word in line.split()[1:]]
        return " ".join(word for word in words if word.startswith("python"))

    def made_with(self) -> str:
        """Return the version of the Python of .venv."""
        command = [self.home / "checkout/.venv/bin/python", "-V"]
        return subprocess.run(
            command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_python_at_all(machine: Machine) -> None:
    done = machine.setup()
    assert (done.returncode, machine.installed()) == (0, "python3 python3-venv"), done.stderr
    assert machine.made_with() == "Python 3.11.0"
    assert "installing from the distribution: python3 python3-venv" in done.stderr
    (machine.home / "asked").unlink()
    again = machine.setup()
    assert (again.returncode, machine.installed(), again.stdout) == (0, "", "")


@pytest.mark.parametrize(
    ("here", "installed", "made_with"),
    [
        ({"python3": (13, True)}, "", 13),
        ({"python3": (12, False)}, "python3-venv", 11),
        ({"python3": (12, False), "python3.14": (14, True)}, "", 14),
        ({"python3": (10, True), "python3.11": (11, True), "python3.13": (13, True)}, "", 13),
        ({"python3": (15, True), "python3.12": (12, True)}, "", 12),
        ({"python3.13": (13, True)}, "", 13),
    ],
)
def test_a_python_that_is_here(machine: Machine, here: dict, installed: str, made_with: int) -> None:
    for name, python in here.items():
        machine.python(f"bin/{name}", *python)
    done = machine.setup()
    assert (done.returncode, machine.installed()) == (0, installed), done.stderr
    assert machine.made_with() == f"Python 3.{made_with}.0"


def test_a_newer_python_beside_the_distributions_old_one_gets_its_venv(machine: Machine) -> None:
    machine.python("python3", 10)
    machine.python("python3.12", 12)
    machine.python("bin/python3", 10)
    machine.python("bin/python3.12", 12, venv=False)
    done = machine.setup()
    assert (done.returncode, machine.installed()) == (0, "python3.12-venv"), done.stderr
    assert machine.made_with() == "Python 3.12.0"


@pytest.mark.parametrize("here", [True, False])
def test_a_distribution_whose_python_is_too_old(machine: Machine, here: bool) -> None:
    machine.python("python3", 9)
    if here:
        machine.python("bin/python3", 9)
    done = machine.setup()
    assert (done.returncode, machine.installed()) == (1, "" if here else "python3 python3-venv")
    assert "no Python 3.11 to 3.14 with venv here: Python 3.9.0" in done.stderr
    assert "python3.11-venv" in done.stderr


def test_a_user_without_rights_is_told_what_to_type(machine: Machine) -> None:
    (machine.home / "bin/id").unlink()
    machine.script("bin/id", "#!/bin/sh\necho 1000\n")
    done = machine.setup()
    assert (done.returncode, machine.installed()) == (1, "")
    assert re.search("sudo apt-get update && sudo apt-get install .* python3 python3-venv", done.stderr)


def test_an_installation_that_fails(machine: Machine) -> None:
    (machine.home / "refuses").touch()
    done = machine.setup()
    assert done.returncode == 1
    assert "error: the distribution's python3 python3-venv could not be installed" in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {},
        {"LANG": "en_US.UTF-8"},
        {"LC_ALL": "C"},
        {"LC_ALL": "xx_XX.UTF-8", "LANGUAGE": "de"},
        {"LANG": "de_DE", "LC_CTYPE": "UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"},
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ["bash", "-c", '. scripts/lib.sh; echo "$LC_ALL $LANG ${LANGUAGE-}"'],
        ["make", "-s", '--eval=seen: ; @echo "$$LC_ALL $$LANG $${LANGUAGE-}"', "seen"],
        ["make", "-se", '--eval=seen: ; @echo "$$LC_ALL $$LANG $${LANGUAGE-}"', "seen", "LC_ALL=C"],
    ],
)
def test_the_locale_is_one_that_every_system_has(command: list[str], locale: dict[str, str]) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **locale}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["C.UTF-8", "C.UTF-8"]


def test_every_script_has_that_locale() -> None:
    scripts = [*REPOSITORY.glob("scripts/*.sh"), REPOSITORY / "extensions/molecule/containers.sh"]
    without = [path.name for path in scripts if "\n. scripts/lib.sh\n" not in path.read_text("utf-8")]
    assert without == ["lib.sh"]


# Commands of the essential packages of Debian and Ubuntu, which the smallest system has, and make.
ESSENTIAL = (
    "bash cat chroot cp echo env find kill make mkdir mount nsenter rm setpriv setsid sh sleep tail true unshare"
)
# Of openssh-client, and on systems of the tests' own (scripts/system.sh), which have what is called there.
THERE = "firewall-cmd firewall-offline-cmd firewalld dnsmasq ipset iptables pgrep pkill systemctl ufw"


def called(path: Path) -> set[str]:
    """Return the first words of the lists that a file of tests gives to a run or a Popen."""
    words = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0].elts[:1]
            if re.search("run|popen|call|check_output", function, re.IGNORECASE) and first:
                words |= {first[0].value} if isinstance(first[0], ast.Constant) else set()
    return words


def test_what_tests_call_is_installed_by_setup() -> None:
    script = (REPOSITORY / "scripts/setup.sh").read_text("utf-8")
    installed = set(re.findall(r"[ (/]([a-z0-9-]+):[a-z0-9-]+", script))
    assert {"nft", "ip", "ps", "git"} <= installed
    files = [*REPOSITORY.glob("tests/unit/**/*.py"), *REPOSITORY.glob("tests/support/**/*.py")]
    words = set().union(*map(called, files))
    assert {"sh", "nft"} <= words  # it reads calls at all
    assert words <= installed | {*ESSENTIAL.split()}
    words |= set().union(*map(called, REPOSITORY.glob("tests/integration/**/*.py")))
    assert words <= installed | {*ESSENTIAL.split(), *THERE.split()}


LINK = """
. {scripts}/lib.sh
eval "$(sed -n '/^link_collection()/,/^}}/p' {scripts}/setup.sh)"
link_collection
"""


def test_a_copy_that_was_installed_into_the_checkout_is_named(tmp_path: Path) -> None:
    script = LINK.format(scripts=REPOSITORY / "scripts")
    command = ["bash", "-euc", script]
    for dummy in range(2):
        subprocess.run(command, cwd=tmp_path, check=True)
        assert (tmp_path / ".collections/ansible_collections/egress/allowlist").resolve() == tmp_path.resolve()
    link = tmp_path / ".collections/ansible_collections/egress/allowlist"
    link.unlink()
    link.mkdir()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is a copy that ansible-galaxy installed: remove it" in done.stderr
    assert list(link.iterdir()) == []
