"""Strips of stick figures: what a motion looks like, for people and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, SyntheticMotion
from athena_wbc.synthesis.palette import TRUNK_COLOUR, joint_colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIEWS = {"side": 0.0, "front": 90.0, "oblique": 35.0}
"""Name -> degrees by which the camera goes round from the right side of the person at the start."""

_WIDTH, _HEIGHT = 1.0, 1.6
"""Inches of one figure."""


def strip(motion: SyntheticMotion, count: int = 15, view: str = "side", title: str = "") -> Figure:
    """Evenly spaced frames of a motion side by side, left limbs blue and right ones orange.

    Args:
        motion: what is drawn.
        count: figures, two or more; a motion of fewer frames shows all of its own.
        view: one of :data:`VIEWS`.
        title: over the strip.

    Raises:
        AthenaError: fewer than two figures, or an unknown view.
    """
    from matplotlib.figure import Figure  # costs half a second, and most uses of a motion draw nothing

    if count < 2:
        raise AthenaError(f"strip: count: must be 2 or more, is {count}")
    if view not in VIEWS:
        raise AthenaError(f"strip: view: '{view}' is none of {', '.join(VIEWS)}")
    frames = np.unique(np.linspace(0, motion.num_frames - 1, count).round().astype(int))
    flat = _flat(motion.positions[frames], VIEWS[view])
    figure = Figure(figsize=(_WIDTH * len(frames), _HEIGHT + 0.3), layout="constrained")
    for number, (frame, joints) in enumerate(zip(frames, flat, strict=True)):
        axes = figure.add_subplot(1, len(frames), number + 1)
        _draw(axes, joints)
        axes.set_title(f"{frame / motion.fps:.1f} s", fontsize=7)
    if title:
        figure.suptitle(title, fontsize=8, x=0.01, ha="left", wrap=True)
    return figure


def _flat(positions: np.ndarray, degrees: float) -> np.ndarray:
    """(T, 22, 2) joints seen from a camera at the person's right, turned about the vertical; centred on the pelvis."""
    angle = np.radians(degrees)
    across = np.cos(angle) * positions[..., 0] + np.sin(angle) * positions[..., 1]
    return np.stack((across - across[:, :1], positions[..., 2]), axis=-1)


def _draw(axes: object, joints: np.ndarray) -> None:
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            axes.plot(
                *joints[[parent, joint]].T,
                color=_paint(joint_colour(JOINT_NAMES[joint])),
                linewidth=1.6,
                solid_capstyle="round",
            )
    head = joints[JOINT_NAMES.index("head")]
    axes.plot(*head, "o", color=_paint(TRUNK_COLOUR), markersize=5)
    axes.axhline(0.0, color="#9ca3af", linewidth=0.8)
    axes.set(xlim=(-1.0, 1.0), ylim=(-0.1, 2.5), aspect="equal")
    axes.axis("off")


def _paint(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """A colour as matplotlib takes it, 0 to 1."""
    return tuple(channel / 255.0 for channel in colour)
