"""Put motions on the ground: each as a whole, or along its course."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.check import flight_frames
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import GROUND_TIME, BodyTrace, find_flights, ground_height, trace_bodies

SMOOTHING_TIME = 0.06
"""Standard deviation in s of the Gaussian that smooths the ground of `ground_along`. Longer ones average the dips of a
take-off away, which then stay below the ground: with 0.06 s one of 39 ASAP clips penetrates, with 0.12 s five."""


def ground_clip(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The clip with the lowest point that its feet ever reach at height 0."""
    lowest = float(_trace(clip, embodiment).foot_height.min())
    return clip.replace(
        root_pos=clip.root_pos - np.array((0.0, 0.0, lowest)),
        history=(*clip.history, f"grounded: moved by {-lowest:+.4f} m"),
    )


def ground_along(clip: MotionClip, embodiment: Embodiment, window: float = GROUND_TIME) -> MotionClip:
    """The clip with its support at height 0 at every time, and its flights as they are.

    The ground is the lowest point of the body without its rises shorter than the window, smoothed, and a straight line
    across a flight: so airtime, rise and fall at g stay. For motions on flat ground: stairs would be flattened.

    Args:
        window: s; a jump must be shorter, a phase that floats longer.

    Raises:
        AthenaError: a window that is not positive.
    """
    if not 0.0 < window < float("inf"):
        raise AthenaError(f"--ground_window: must be a positive time in seconds, is {window:g}")
    trace = _trace(clip, embodiment)
    ground = gaussian_filter1d(ground_height(trace, window), SMOOTHING_TIME * clip.fps, mode="nearest")
    supported = np.flatnonzero(~flight_frames(trace, find_flights(trace)))
    if len(supported):
        ground = np.interp(np.arange(len(ground)), supported, ground[supported])
    root_pos = clip.root_pos.copy()
    root_pos[:, 2] -= ground
    return clip.replace(
        root_pos=root_pos,
        history=(
            *clip.history,
            f"grounded along {window:g} s: moved by {-ground.max():+.4f} to {-ground.min():+.4f} m",
        ),
    )


def _trace(clip: MotionClip, embodiment: Embodiment) -> BodyTrace:
    posed = clip.for_embodiment(embodiment)
    return trace_bodies(embodiment, posed.root_pos, posed.root_quat, posed.joint_pos, posed.fps)
