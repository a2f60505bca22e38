"""Training curves as TensorBoard's event files hold them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MOST_POINTS = 2000
"""Points of a curve that are read; a longer one is thinned at random, but always in the same way."""


@dataclass(frozen=True)
class Curve:
    """A figure over the iterations of a run."""

    steps: np.ndarray
    """(T,) iterations, ascending."""
    values: np.ndarray
    """(T,)"""


def read_curves(folder: Path) -> dict[str, Curve]:
    """All scalars of a run; empty where there are no events. Values that are not finite are left out.

    A run that was resumed has several event files; what the first one logged past the checkpoint is dropped.

    Raises:
        ValueError: the event files cannot be read.
    """
    if not any(folder.glob("events.*")):
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": MOST_POINTS})
    # It announces every file without a step and every purge as a warning, which is no news to a reader of a report.
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    try:
        accumulator.Reload()
        tags = accumulator.Tags()["scalars"]
        curves = {tag: _curve(accumulator.Scalars(tag)) for tag in tags}
    except Exception as error:  # the reader promises no kind of error for damaged files
        raise ValueError(f"events cannot be read ({type(error).__name__}: {error})") from error
    return {tag: curve for tag, curve in curves.items() if len(curve.steps)}


def smooth(values: np.ndarray, share: float = 0.04) -> np.ndarray:
    """Centred moving average over a share of the curve, over less of it at the ends.

    Args:
        values: (T,).
        share: window's length over the curve's; a window is odd and at least one point.

    Returns:
        (T,).
    """
    half = int(len(values) * share) // 2
    if half == 0:
        return np.asarray(values, dtype=np.float64)
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    index = np.arange(len(values))
    left, right = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (total[right] - total[left]) / (right - left)


def last_step(curves: Mapping[str, Curve]) -> int | None:
    """The last iteration that any curve tells of."""
    return max((int(curve.steps[-1]) for curve in curves.values()), default=None)


def _curve(events: list) -> Curve:
    steps = np.array([event.step for event in events], dtype=np.int64)
    values = np.array([event.value for event in events], dtype=np.float64)
    # An iteration that was trained twice keeps its last value.
    steps, last = np.unique(steps[::-1], return_index=True)
    values = values[::-1][last]
    finite = np.isfinite(values)
    return Curve(steps[finite], values[finite])
