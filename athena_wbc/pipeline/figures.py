"""The report's figures, as SVG that takes the page's text colour and so reads on light and on dark ground."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from athena_wbc.evaluation.metrics import HIGH_BAND, SPECTRUM_BAND
from athena_wbc.pipeline.curves import Curve, smooth
from athena_wbc.pipeline.findings import POLICIES, in_order

INK = "#22272e"
"""Colour of text and axes; becomes the page's own."""

# Okabe and Ito's palette, which people with any colour vision can tell apart, in tones for light and dark ground.
_STYLES: dict[str, tuple[str, str]] = {
    "general": ("#808080", "-"),
    "sonic_base": ("#808080", "--"),
    "no_smooth": ("#CC79A7", "-"),
    "dynamic_caps": ("#E69F00", "-"),
    "residual_control": ("#E69F00", "--"),
    "dynamic": ("#D55E00", "-"),
    "balance": ("#009E73", "-"),
    "single_teacher_student": ("#CC79A7", "--"),
    "student": ("#56B4E9", "-"),
    "finetune": ("#2F83C5", "-"),
}
_SPARE = ("#8C564B", "#17BECF", "#BCBD22", "#9467BD")

_MARKERS = ("o", "o", "^", "D", "v", "s", "P", "X", "^", "D", "*")
_LOST = (0, (2.0, 1.5))

MOST_TOLERANCE = 3.0
"""Where the success-tolerance curves end: what is further away is lost by any measure."""

WIDTH = 9.2
"""Inches; the page scales a figure to its own width."""


@dataclass(frozen=True)
class Line:
    """A mean curve, and the range of the seeds around it."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def style(policy: str) -> dict[str, str]:
    """Colour and dashes of a policy, the same in every figure."""
    if policy in _STYLES:
        colour, dashes = _STYLES[policy]
    else:
        colour, dashes = _SPARE[sum(map(ord, policy)) % len(_SPARE)], ":"
    return {"color": colour, "linestyle": dashes}


def marker(policy: str) -> str:
    """Shape of a policy's points, the same in every figure."""
    return _MARKERS[in_order([*POLICIES, policy], POLICIES).index(policy) % len(_MARKERS)]


def to_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element to stand inside an HTML page.

    Args:
        figure: to draw.
        name: distinguishes its identifiers from those of the page's other figures.
        description: for those who cannot see it.
    """
    buffer = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify": True, "path.simplify_threshold": 0.3}
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context(settings):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = text.replace(INK, "currentColor")
    # A style element inside the page would hold for all of it.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    # Its own size would win over the page's; the proportions stay in the viewBox.
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    width = 62.0 * figure.get_figwidth() / WIDTH
    attributes = (
        f'role="img" aria-label="{escape(description)}" style="max-width:{width:.1f}rem" '
        'stroke-linejoin="round" stroke-linecap="butt"'
    )
    return text.replace("<svg", f"<svg {attributes}", 1).strip()


def tolerance_figure(panels: Mapping[str, Mapping[str, Line]]) -> Figure:
    """Success-tolerance curves, one panel a set.

    Args:
        panels: title -> policy -> tolerances and shares of success, 0 to 1.
    """
    figure, axes = grid(len(panels), columns=min(3, len(panels)), height=2.7)
    for index, ((title, lines), panel) in enumerate(zip(panels.items(), axes, strict=True)):
        panel.axvline(1.0, color=INK, alpha=0.45, linewidth=0.9, linestyle=(0, (4, 3)))
        limit = min(MOST_TOLERANCE, max(float(line.x[-1]) for line in lines.values()))
        for policy, line in lines.items():
            if line.low is not None and line.high is not None:
                colour = style(policy)["color"]
                panel.fill_between(
                    line.x, 100 * line.low, 100 * line.high, step="post", color=colour, alpha=0.13, linewidth=0
                )
            # A step to the right of each tolerance: success is strict. What jumps at the border itself is not shown.
            inside = line.x < limit
            x, y = np.append(line.x[inside], limit), np.append(line.y[inside], line.y[inside][-1:])
            panel.step(x, 100.0 * y, where="post", linewidth=1.6, **style(policy))
        panel.set_xlim(0.0, limit)
        panel.set_ylim(-2.0, 103.0)
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.set_xlabel("tolerance s (factor of all thresholds)")
        if index % 3 == 0:
            panel.set_ylabel("successful rollouts (%)")
    _legend(figure, (policy for lines in panels.values() for policy in lines))
    return figure


def training_figure(
    panels: Mapping[str, Mapping[str, Sequence[Curve]]], logarithmic: frozenset[str] = frozenset()
) -> Figure:
    """Learning curves, one panel a figure of the log.

    Args:
        panels: title -> policy -> its curve in every seed.
        logarithmic: titles of the panels whose values span decades.
    """
    figure, axes = grid(len(panels), columns=min(3, len(panels)), height=2.0)
    most = max(sum(map(len, lines.values())) for lines in panels.values())
    points = max(60, 1500 // max(1, most))
    for (title, lines), panel in zip(panels.items(), axes, strict=True):
        for policy, curves in lines.items():
            for curve in curves:
                index = np.unique(np.linspace(0, len(curve.steps) - 1, points).astype(int))
                alpha = 1.0 if len(curves) == 1 else 0.65
                values = smooth(curve.values)[index]
                panel.plot(curve.steps[index], values, linewidth=1.3, alpha=alpha, **style(policy))
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.set_xlim(left=0)
        if title in logarithmic:
            panel.set_yscale("log")
        else:
            panel.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=True)
    for panel in axes[-min(3, len(axes)) :]:
        panel.set_xlabel("iteration of the stage")
    _legend(figure, (policy for lines in panels.values() for policy in lines))
    return figure


def spectrum_figure(lines: Mapping[str, Line], scatter: Mapping[str, np.ndarray], base: str) -> Figure:
    """Power spectral density of the actions, and clip by clip the high-frequency ratio against a baseline's.

    Args:
        lines: policy -> frequencies in Hz and densities per Hz.
        scatter: policy -> (M, 2) ratios of the baseline and of the policy on the same clips; may be empty.
        base: name of the baseline.
    """
    columns = 2 if scatter else 1
    figure, axes = grid(columns, columns=columns, height=3.3)
    panel = axes[0]
    panel.axvspan(*HIGH_BAND, color=INK, alpha=0.07, linewidth=0)
    for policy, line in lines.items():
        panel.plot(line.x, np.where(line.y > 0.0, line.y, np.nan), linewidth=1.5, **style(policy))
    panel.set_yscale("log")
    panel.set_xlim(*SPECTRUM_BAND)
    panel.set_xlabel("frequency (Hz)")
    panel.set_ylabel("normalised action power (1/Hz)")
    panel.set_title("Action spectrum; high-frequency band shaded", loc="left", fontsize=9.5, color=INK)
    if scatter:
        panel = axes[1]
        points = np.concatenate(list(scatter.values()))
        low, high = max(1e-5, float(points.min()) * 0.8), max(1e-4, float(points.max()) * 1.25)
        panel.plot([low, high], [low, high], color=INK, alpha=0.5, linewidth=0.9, linestyle=(0, (4, 3)))
        for policy, found in scatter.items():
            colour = style(policy)["color"]
            # Seeds and policies lie over each other, so markers are small and see-through.
            panel.scatter(*found.T, s=18, color=colour, marker=marker(policy), alpha=0.75, linewidths=0)
        panel.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100.0 * low else (1.0,)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
        panel.set_xlabel(f"high-frequency ratio of {base}")
        panel.set_ylabel("of the policy")
        panel.set_title("One point a clip; above the line is rougher", loc="left", fontsize=9.5, color=INK)
    _legend(figure, [*lines, *scatter], markers=bool(scatter))
    return figure


def before_after_figure(clips: Sequence[tuple[str, float, float]], before: str, after: str, value: str) -> Figure:
    """Every clip before and after, as two points on a line.

    Args:
        clips: name, value before, value after; the first one stands on top.
        before, after: names of policies.
        value: label of the axis.
    """
    figure = Figure(figsize=(WIDTH, 0.9 + 0.21 * len(clips)), layout="constrained")
    panel = figure.add_subplot()
    colour = style(after)["color"]
    for row, (_, first, second) in enumerate(clips):
        dashes = "-" if second >= first else _LOST
        panel.plot([first, second], [row, row], color=colour, linewidth=1.8, alpha=0.8, linestyle=dashes)
        panel.plot(first, row, "o", markersize=5.0, markerfacecolor="none", color=style(before)["color"])
        panel.plot(second, row, "o", markersize=5.0, color=colour)
    panel.set_yticks(range(len(clips)), [name for name, _, _ in clips])
    panel.set_ylim(len(clips) - 0.4, -0.6)
    panel.set_xlim(-0.01, 1.01)
    panel.set_xlabel(value)
    dress(panel)
    panel.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
    panel.grid(axis="y", visible=False)
    figure.legend(
        handles=[
            Line2D(
                [], [], marker="o", linestyle="", markerfacecolor="none", color=style(before)["color"], label=before
            ),
            Line2D([], [], marker="o", color=colour, label=f"{after}, gained"),
            Line2D([], [], marker="o", color=colour, linestyle=_LOST, label=f"{after}, lost"),
        ],
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
    )
    return figure


def difference_figure(panels: Mapping[str, Sequence[tuple[str, float, float | None, float | None]]]) -> Figure:
    """Differences with their intervals, one panel a value.

    Args:
        panels: title -> rows of label, difference and the borders of its interval; the same labels in every panel.
    """
    count = len(next(iter(panels.values())))
    figure = Figure(figsize=(WIDTH, 0.9 + 0.24 * count), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    for panel, (title, rows) in zip(axes, panels.items(), strict=True):
        panel.axvline(0.0, color=INK, alpha=0.5, linewidth=0.9)
        for row, (_, mean, low, high) in enumerate(rows):
            sure = low is not None and high is not None and (low > 0.0 or high < 0.0)
            colour = "#2F83C5" if sure else "#808080"
            if low is not None and high is not None:
                panel.plot([low, high], [row, row], color=colour, linewidth=1.6)
            panel.plot(mean, row, "o", markersize=5.0, color=colour, markerfacecolor=colour if sure else "none")
        panel.set_title(title, loc="left", fontsize=9.5, color=INK)
        panel.set_ylim(count - 0.4, -0.6)
        dress(panel)
        panel.grid(axis="x", color=INK, alpha=0.12, linewidth=0.8)
        panel.grid(axis="y", visible=False)
    axes[0].set_yticks(range(count), [label for label, *_ in next(iter(panels.values()))])
    return figure


def grid(count: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels in rows of so many columns, each of a height in inches."""
    rows = math.ceil(count / columns)
    width = WIDTH if columns > 1 else 0.62 * WIDTH
    figure = Figure(figsize=(width, height * rows + 0.45), layout="constrained")
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
    for panel in axes:
        dress(panel)
    return figure, axes


def dress(panel: Axes) -> None:
    """Axes, grid and labels as all panels have them."""
    panel.grid(axis="y", color=INK, alpha=0.12, linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_color(INK)
        panel.spines[side].set_alpha(0.5)
    panel.tick_params(colors=INK, length=3, labelsize=8)
    panel.xaxis.label.set(color=INK, fontsize=8.5)
    panel.yaxis.label.set(color=INK, fontsize=8.5)
    panel.yaxis.get_offset_text().set(color=INK, fontsize=7.5)


def _legend(figure: Figure, policies: Iterable[str], markers: bool = False) -> None:
    """One legend for all panels, below them, in the order of the tables and in rows of about equal length."""
    names = in_order(policies, POLICIES)
    rows = math.ceil(sum(len(name) + 8 for name in names) / 105)
    handles = [
        Line2D([], [], linewidth=2.0, label=name, marker=marker(name) if markers else "", markersize=5.0, **style(name))
        for name in names
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=math.ceil(len(handles) / max(1, rows)),
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        handlelength=2.4,
    )
