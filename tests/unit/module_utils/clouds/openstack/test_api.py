# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of options that may stand in errors."""

from __future__ import annotations

from typing import Any

from ansible_collections.egress.allowlist.plugins.module_utils._clouds.openstack.api import unmask


def test_only_secrets_are_masked() -> None:
    """A domain "default" would mask a word of every default rule."""

    class Module:
        def __init__(self, **params: Any) -> None:
            self.params = {"auth": None, "cloud": None, **params}
            self.no_log_values = {"default", "acme", "http://127.0.0.1:5000", "hunter2", "mycloud", "token7", "s3cret"}

    auth = {"auth_url": "http://127.0.0.1:5000", "password": "hunter2", "user_domain_name": "default"}
    for params, masked in (
        ({"auth": auth}, {"hunter2"}),
        ({"cloud": {"auth": {**auth, "project_name": "acme"}, "secrets": ["s3cret"]}}, {"hunter2", "s3cret"}),
        ({"auth": {"token": "token7"}, "cloud": "mycloud"}, {"token7"}),
        ({"cloud": "mycloud"}, set()),
    ):
        module = Module(**params)
        unmask(module)
        assert module.no_log_values == masked
