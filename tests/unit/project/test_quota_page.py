# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/quota.md says of the catalog, and its drawing."""

from __future__ import annotations

from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.fit import fit
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.widening import Room

from tests.benchmarks import pareto
from tests.support.repository import REPOSITORY


def test_the_page_has_the_figures_of_the_catalog() -> None:
    found = pareto.curves(pareto.SELECTION)
    assert "\n".join(pareto.table(found)) in (REPOSITORY / "docs" / "quota.md").read_text()
    drawing = (REPOSITORY / "docs" / "pareto-vendors.svg").read_text()
    for name, points in found.items():
        extra = [cost for _count, cost in points]
        assert extra == sorted(extra, reverse=True)
        assert not points or extra[-1] == 0
        assert (f"{name}: {points[-1][0]:,} exact" in drawing) if points else (name not in drawing)


def test_the_curve_is_what_fit_does() -> None:
    allowlist = pareto.allowlist_of({"name": "kore_ai", "regions": "all"})
    found = parts(allowlist, single=True)
    for count, extra in pareto.curve(allowlist)[:-1:5]:
        assert fit(found, [Room("rules", count)], widen_at_most=extra).extra == extra
