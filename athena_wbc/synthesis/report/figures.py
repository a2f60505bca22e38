"""Figures of the loop's report, in the style of the pipeline's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from athena_wbc.pipeline.figures import INK, Line, dress, grid

_LOOPS = ("#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#2F83C5", "#9467BD")
_DOMAINS = ("#D55E00", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#2F83C5", "#9467BD", "#8C564B")
_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
SOURCE_COLOUR = "#808080"

_BINS = 60


def loop_colour(loop: int) -> str:
    """Colour of a loop, the same in every figure; repeated after seven."""
    return _LOOPS[loop % len(_LOOPS)]


def domain_colour(index: int) -> str:
    """Colour of a domain by its place among the sorted ones."""
    return _DOMAINS[index % len(_DOMAINS)]


def lines_figure(panels: Mapping[str, Mapping[str, Line]], colours: Mapping[str, str], height: float = 2.3) -> Figure:
    """Values over loops, one panel a value.

    Args:
        panels: title -> name of a line -> loops and values; a line with a range gets a band.
        colours: of the lines; a name that is not in it is drawn in the text's colour and dashed.
    """
    figure, axes = grid(len(panels), columns=min(3, len(panels)), height=height)
    names: dict[str, None] = {}
    for (title, lines), panel in zip(panels.items(), axes, strict=True):
        for name, line in lines.items():
            names[name] = None
            colour, dashes = (colours[name], "-") if name in colours else (INK, (0, (3, 2)))
            shape = _MARKERS[list(colours).index(name) % len(_MARKERS)] if name in colours else ""
            if line.low is not None and line.high is not None:
                panel.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
            panel.plot(line.x, line.y, color=colour, linestyle=dashes, marker=shape, markersize=4.5, linewidth=1.6)
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.margins(y=0.15)
        if title.endswith("(%)"):
            low, high = panel.get_ylim()
            panel.set_ylim(max(low, -2.0), max(high, 5.0))
    for panel in axes[-min(3, len(axes)) :]:
        panel.set_xlabel("loop")
    if len(names) > 1:
        _legend(figure, {name: (colours.get(name, INK), name in colours) for name in names})
    return figure


def distribution_figure(sets: Mapping[str, tuple[np.ndarray, np.ndarray]], colours: Mapping[str, str]) -> Figure:
    """Densities of speed and acceleration, one line a set.

    Args:
        sets: name -> speeds (N,), m/s, and accelerations (M,), m/s^2, of frames.
        colours: of the sets.
    """
    figure, axes = grid(2, columns=2, height=2.7)
    titles = (
        ("Mean speed of the bodies in a frame", "m/s"),
        ("Mean acceleration of the bodies in a frame", "m/s²"),
    )
    for place, (panel, (title, unit)) in enumerate(zip(axes, titles, strict=True)):
        values = {name: found[place] for name, found in sets.items() if len(found[place])}
        if not values:
            continue
        most = max(float(np.quantile(each, 0.99)) for each in values.values())
        edges = np.linspace(0.0, max(most, 1e-3), _BINS + 1)
        for name, each in values.items():
            density, _ = np.histogram(np.minimum(each, edges[-1]), bins=edges, density=True)
            # The last cell holds all that is beyond it, which would stand there as a spike.
            panel.stairs(density[:-1], edges[:-1], color=colours[name], linewidth=1.5)
            panel.axvline(float(each.mean()), color=colours[name], linewidth=1.0, linestyle=(0, (2, 2)))
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.set_xlabel(f"{unit}; dashed: the mean")
        panel.set_xlim(0.0, edges[-1])
    axes[0].set_ylabel("density")
    _legend(figure, {name: (colours[name], True) for name in sets})
    return figure


def embedding_figure(
    plane: Mapping[str, np.ndarray],
    colours: Mapping[str, str],
    domains: Sequence[tuple[str, np.ndarray]],
    how: str,
) -> Figure:
    """Windows of motion in the plane: coloured by set, and by domain.

    Args:
        plane: name of the set -> (N, 2).
        colours: of the sets.
        domains: name and points of every domain, of all loops together.
        how: what made the plane.
    """
    panels = 2 if domains else 1
    figure, axes = grid(panels, columns=panels, height=3.6)
    for name, points in plane.items():
        axes[0].scatter(*points.T, s=9, color=colours[name], alpha=0.6, linewidths=0, rasterized=False)
    axes[0].set_title(f"{how}: source and loops", loc="left", fontsize=9.5, color=INK)
    _frameless(axes[0])
    shown = {name: (colours[name], True) for name in plane}
    if domains:
        for index, (_, points) in enumerate(domains):
            axes[1].scatter(*points.T, s=9, color=domain_colour(index), alpha=0.6, linewidths=0)
        axes[1].set_title(f"{how}: the loops' motions by domain", loc="left", fontsize=9.5, color=INK)
        axes[1].set(xlim=axes[0].get_xlim(), ylim=axes[0].get_ylim())
        _frameless(axes[1])
        shown |= {name: (domain_colour(index), False) for index, (name, _) in enumerate(domains)}
    handles = [
        Line2D([], [], linestyle="", marker="o" if is_set else "s", markersize=5.5, color=colour, label=name)
        for name, (colour, is_set) in shown.items()
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False, fontsize=8.5,
        labelcolor=INK,
    )  # fmt: skip
    return figure


def interval_figure(
    panels: Mapping[str, Sequence[tuple[str, Sequence[float], float, float | None, float | None]]],
) -> Figure:
    """Values of several groups of runs: points of the seeds, mean and interval, one panel a value.

    Args:
        panels: title -> rows of label, values of the runs, mean and the borders of its interval.
    """
    count = max(map(len, panels.values()))
    figure, axes = grid(len(panels), columns=min(3, len(panels)), height=0.6 + 0.34 * count)
    for index, (panel, (title, rows)) in enumerate(zip(axes, panels.items(), strict=True)):
        for row, (_, values, mean, low, high) in enumerate(rows):
            colour = _DOMAINS[row % len(_DOMAINS)]
            if low is not None and high is not None:
                panel.plot([low, high], [row, row], color=colour, linewidth=1.6)
            panel.plot(values, [row] * len(values), "o", markersize=3.5, color=colour, alpha=0.5)
            panel.plot(mean, row, "D", markersize=6.0, color=colour)
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_yticks(range(len(rows)), [label for label, *_ in rows] if index % 3 == 0 else [""] * len(rows))
        dress(panel)
        panel.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
        panel.grid(axis="y", visible=False)
    return figure


def _frameless(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(visible=False)


def _legend(figure: Figure, names: Mapping[str, tuple[str, bool]]) -> None:
    handles = [
        Line2D([], [], color=colour, linewidth=2.0, linestyle="-" if is_solid else (0, (3, 2)), label=name)
        for name, (colour, is_solid) in names.items()
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False, fontsize=8.5,
        labelcolor=INK, handlelength=2.4,
    )  # fmt: skip
