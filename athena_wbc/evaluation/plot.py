"""The success-tolerance curve as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK = "#22272e"
_GREY = "#8b949e"
_COLOURS = ("#0b6e99", "#d9730d", "#0f7b6c", "#ad1a72", "#6940a5", "#9f6b53", "#dfab01")
_DPI = 160


def plot_curves(
    scales: Sequence[float] | np.ndarray,
    curves: Mapping[str, Sequence[float] | np.ndarray],
    rates: Mapping[str, tuple[float, float]],
    title: str,
) -> bytes:
    """Draw success-tolerance curves.

    Args:
        scales: (S,) tolerances, ascending.
        curves: name -> (S,) shares of success. The first is drawn as the main one, the others thinner.
        rates: name -> success rate and threshold-integrated success, for the legend.
        title: above the plot.

    Returns:
        A PNG. It holds no date and no version, so that the same curves give the same bytes.
    """
    figure = Figure(figsize=(6.4, 4.0), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    scales = np.asarray(scales)
    axes.axvline(1.0, color=_GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for index, (name, curve) in enumerate(curves.items()):
        share = 100.0 * np.asarray(curve)
        rate, tis = rates[name]
        # A step to the right of each tolerance: success is strict.
        axes.step(
            scales,
            share,
            where="post",
            color=_INK if index == 0 else _COLOURS[(index - 1) % len(_COLOURS)],
            linewidth=2.2 if index == 0 else 1.3,
            alpha=1.0 if index == 0 else 0.9,
            zorder=3 if index == 0 else 2,
            label=f"{name}   SR {100.0 * rate:.1f} %   TIS {tis:.3f}",
        )
    axes.set_xlim(float(scales[0]), float(scales[-1]))
    axes.set_ylim(0.0, 102.0)
    axes.set_xlabel("tolerance: factor of all thresholds")
    axes.set_ylabel("successful rollouts (%)")
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.annotate("thresholds", (1.0, 2.0), (3.0, 0.0), textcoords="offset points", color=_GREY, fontsize=8)
    axes.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_INK, length=3)
    axes.legend(loc="lower right", frameon=False, fontsize=8.5)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None}, pil_kwargs=None)
    return buffer.getvalue()
