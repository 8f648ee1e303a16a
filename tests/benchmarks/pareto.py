# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules against extra addresses for each vendor of the catalog: the table and the drawing of docs/quota.md.

C{python tests/benchmarks/pareto.py [docs/pareto-vendors.svg]} prints the table, and draws where a file is named. For
drawing, C{pip install --requirement requirements/benchmarks.txt} first. A rule is a service and a prefix of IPv4, as in
AWS. For each number of rules the figure is the least there can be; the same catalog gives the same file to the byte.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.egress.allowlist.plugins.plugin_utils._allowlist.merge import merge_vendors
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.files import load_vendor_dirs
from ansible_collections.egress.allowlist.plugins.plugin_utils._catalog.selection import select_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._cells.rows import expand_rows
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.parts import parts
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.prefix_tree import totals
from ansible_collections.egress.allowlist.plugins.plugin_utils._clouds.widening import Room, Trees, widen

SELECTION: list[dict[str, Any]] = [
    {"name": "kore_ai", "regions": "all"},
    {"name": "kudo", "regions": "all", "teams": True},
    {"name": "securevideo", "engines": "all"},
    {"name": "eschat", "signaling_port": 7400},
    {"name": "zoom"},
    {"name": "twilio", "regions": "all"},
    {"name": "vsee"},
]
TODAY = date(2026, 11, 20)  # for ages only, which are not drawn
QUOTAS = (1000, 500, 300, 120, 60)
COLOUR = "#0072b2"
Curve = list[tuple[int, int]]  # rules, ascending, and the least extra addresses


def curve(allowlist: Mapping[str, Any]) -> Curve:
    """Return the least extra addresses for each number of rules, from the fewest that do not come to any address to
    what is exact."""
    found = [part for part in parts(allowlist, single=True) if part.version == 4]
    if not found:
        return []
    trees = Trees(found)
    tables = [trees[place].costs for place in range(len(found))]
    least = sum(trees[place].least for place in range(len(found)))
    spare = sum(len(table) - 1 for table in tables)
    points = [(least + more, extra) for more, extra in enumerate(totals(tables, spare)[-1])]

    def fits(point: tuple[int, int]) -> bool:
        return widen(found, [Room("rules", point[0])], told=False) is not None

    return points[bisect_left(points, True, key=fits) :]


def rules_of(selected: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of one vendor."""
    catalog = load_vendor_dirs([ROOT / "roles" / "catalog" / "vars" / "vendors"]).vendors
    return expand_rows(select_rows(catalog, [selected], today=TODAY)["rows"])


def allowlist_of(*selected: dict[str, Any]) -> dict[str, Any]:
    """Return the allowlist of some vendors."""
    return merge_vendors([rules_of(one) for one in selected])


def curves(selection: Sequence[dict[str, Any]]) -> dict[str, Curve]:
    """Return the curve of each vendor that is selected, and that of all of them together."""
    found = {one["name"]: curve(allowlist_of(one)) for one in selection}
    return {**found, "all of them": curve(allowlist_of(*selection))}


def table(found: Mapping[str, Curve]) -> list[str]:
    """Return a table in Markdown: extra addresses for some quotas."""
    heads = " | ".join(f"{quota:,}" for quota in QUOTAS)
    lines = [f"| vendor | exact | fewest | {heads} |", f"|---|--:|--:|{'--:|' * len(QUOTAS)}"]
    for name, points in found.items():
        if not points:
            lines.append(f"| {name} | 0 |{' |' * (1 + len(QUOTAS))}")
            continue
        extra = dict(points)
        cells = (
            "0" if quota >= points[-1][0] else f"{extra[quota]:,}" if quota in extra else "too few" for quota in QUOTAS
        )
        lines.append(f"| {name} | {points[-1][0]:,} | {points[0][0]:,} | {' | '.join(cells)} |")
    return lines


def draw(found: Mapping[str, Curve], path: Path) -> None:
    """Draw one panel for each curve that has something to choose."""
    import matplotlib as mpl  # here: only who draws needs it

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "pareto", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot
    from matplotlib.ticker import StrMethodFormatter

    shown = {name: points for name, points in found.items() if len(points) > 1}
    columns = 4
    figure, grid = pyplot.subplots(
        -(-len(shown) // columns), columns, figsize=(3.4 * columns, 6.2), sharey=True, layout="constrained"
    )
    panels = list(grid.flat)
    for panel, (name, points) in zip(panels, shown.items(), strict=False):
        exact = points[-1][0]
        panel.plot(*zip(*points, strict=True), color=COLOUR)
        panel.plot(*points[-1], color=COLOUR, marker="o", clip_on=False)
        for quota in (60, 300):
            if quota < exact:
                panel.axvline(quota, color="#999999", linestyle=":")
                panel.text(quota, 1e9, f" {quota}", color="#555555", va="top", fontsize="small")
        panel.set(title=f"{name}: {exact:,} exact", yscale="symlog", ylim=(0, 3e9), xlim=(0, exact * 1.02))
        panel.set_yticks([0, 10, 1_000, 100_000, 10_000_000, 1_000_000_000])
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        panel.minorticks_off()
        panel.grid(color="#dddddd")
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    figure.supxlabel("rules (a service and a prefix of IPv4)")
    figure.supylabel("extra addresses, the least there can be")
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main() -> None:
    found = curves(SELECTION)
    print("\n".join(table(found)))
    if len(sys.argv) > 1:
        draw(found, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
