# Copyright: Contributors to the egress.allowlist collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet rates as a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# Two without a list in grey, then colours that colour-blind people tell apart too.
COLOURS = ("#999999", "#555555", "#0072b2", "#d55e00", "#cc79a7", "#009e73")
MARKS = "x+os^D"
Rates = Mapping[tuple[str, int, str], float]  # packets per second by backend, prefixes and traffic


def draw(rates: Rates, titles: Mapping[str, str], path: Path) -> None:
    """Draw one panel for each kind of traffic in C{titles}: a line for each backend."""
    import matplotlib as mpl  # here: only who draws needs it

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "packet-rate", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot
    from matplotlib.ticker import StrMethodFormatter

    figure, panels = pyplot.subplots(1, len(titles), figsize=(4.2 * len(titles), 4), sharey=True, layout="constrained")
    names = list(dict.fromkeys(name for name, size, traffic in rates))
    for panel, (traffic, title) in zip(panels, titles.items(), strict=True):
        for name, colour, mark in zip(names, COLOURS, MARKS, strict=False):
            points = [(size, rate) for (of, size, kind), rate in rates.items() if (of, kind) == (name, traffic)]
            panel.plot(*zip(*points, strict=True), color=colour, marker=mark, label=name)
        panel.set(title=title, xlabel="prefixes in the list", xscale="log", yscale="log")
        panel.set_xticks(sorted({size for name, size, kind in rates}))
        panel.minorticks_off()
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        panel.grid(color="#dddddd")
    panels[0].set_ylabel("packets per second, one core")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
