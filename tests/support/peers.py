# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's collections, to measure against and to run with, out of the package of Ansible's community on PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

COLLECTIONS = ("amazon/aws", "ansible/posix", "community/general", "openstack/cloud")


def peers() -> Path:
    """Return a path for ANSIBLE_COLLECTIONS_PATH; the first call ever downloads 55 MB and keeps 20."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "egress-allowlist", "peers")
    # The package whose collections were released with this ansible-core: 12 with 2.19, 13 with 2.20, ...
    series = int(version("ansible-core").split(".")[1]) - 7
    found = cache / "-".join([f"ansible-{series}", *(name.partition("/")[0] for name in COLLECTIONS)])
    if found.is_dir():
        return found
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        print(f"getting {' and '.join(COLLECTIONS)} out of ansible {series} (once)", file=sys.stderr)
        get = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        get += ["--only-binary=:all:", "--dest", folder, f"ansible>={series},<{series + 1}"]
        done = subprocess.run(get, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the package ansible {series} cannot be had: {done.stderr.strip()}")
        kept = Path(folder, "kept")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for name in wheel.namelist():
                if name.startswith(tuple(f"ansible_collections/{collection}/" for collection in COLLECTIONS)):
                    wheel.extract(name, kept)
        try:
            kept.rename(found)
        except OSError:  # somebody else was quicker
            if not found.is_dir():
                raise
            shutil.rmtree(kept)
    return found


def collection_version(path: Path, collection: str) -> str:
    """Return the version of one of them."""
    text = (path / "ansible_collections" / collection / "MANIFEST.json").read_text("utf-8")
    return text.split('"version": "', 1)[1].split('"', 1)[0]
