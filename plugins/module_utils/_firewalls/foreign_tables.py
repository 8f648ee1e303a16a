# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of nftables that are neither ours nor the tool's, where that is another firewall than nftables."""

from __future__ import annotations

import re

from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.nft import Nft, Place
from ansible_collections.egress.allowlist.plugins.module_utils._firewalls.nftables.others import stopping


class _Without(Nft):
    """The nft command of this host, whose listing of all rules leaves some tables out."""

    def __init__(self, path, run, tables):
        super().__init__(path, run)
        self._heads = "|".join(map(re.escape, sorted(tables)))

    def run(self, *arguments, text=None):
        """Run nft as C{Nft.run} does."""
        output = super().run(*arguments, text=text)
        if "ruleset" not in arguments or not self._heads:
            return output
        return re.sub(rf"^table (?:{self._heads}) \{{.*?^\}}\n?", "", output, flags=re.MULTILINE | re.DOTALL)


def stopping_tables(find, run, scope, tables):
    """Return a note on tables that may stop what is allowed, [] where there is no nft command.

    C{scope}: host, gateway or both; C{tables}: those that the tool itself has, C{ip filter}. Raises ToolError where
    nft does not list them.
    """
    path = find("nft", needed=False)
    # There is no such table to put the rules into.
    return stopping(_Without(path, run, tables), Place(owned="by the tool"), scope) if path else []
