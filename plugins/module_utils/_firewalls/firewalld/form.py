# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native form that the module firewalld takes."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.module_utils._model.forms import Form, Text
from ansible_collections.egress.allowlist.plugins.module_utils._names.form import NAMES

_FILE = Text("such as 'ipsets/egress-NAME.xml'", r"(?:ipsets|services|policies)/egress-[A-Za-z0-9_-]+\.xml")

FORM = Form(
    "firewalld_objects",
    {
        "files": {_FILE: str},
        "discover": [{"dns", "ntp", "dhcp"}],
        "notes": [str],
        "vendors": [str],
        "names": NAMES,
    },
)
