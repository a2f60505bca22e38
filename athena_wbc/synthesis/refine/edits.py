"""What can be put right in a motion without making it again. Pure functions."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.errors import AthenaError
from athena_wbc.motion.human import unit_vectors
from athena_wbc.synthesis import convert
from athena_wbc.synthesis.ground import LOW, find_support
from athena_wbc.synthesis.human_features import at_rate
from athena_wbc.synthesis.motion import (
    LEFT_ANKLE,
    LEFT_FOOT,
    PARENTS,
    RIGHT_ANKLE,
    RIGHT_FOOT,
    SyntheticMotion,
)

LEAST_FRAMES = 10
"""What trimming leaves at least."""
_LOCK_SIGMA = 0.05
"""Standard deviation of the Gaussian over the corrections of a foot lock, s: a change of the foot that stands would
else be a jolt of the whole body."""
_FEET = (LEFT_ANKLE, RIGHT_ANKLE, LEFT_FOOT, RIGHT_FOOT)


def ground(motion: SyntheticMotion) -> SyntheticMotion:
    """Lift or lower the motion as a whole until the lowest point of its body lies on the floor, as conversion does."""
    done = convert.prepare(motion, convert.ConversionConfig(fps=motion.fps, smoothing="never"))
    provenance = dict(motion.provenance)
    if "floor" in provenance.get("conversion", {}):
        noted = provenance["conversion"]
        provenance["conversion"] = {**noted, "floor": noted["floor"] + done.provenance["conversion"]["floor"]}
    return motion.replace(positions=done.positions, provenance=provenance)


def smooth(motion: SyntheticMotion, sigma: float) -> SyntheticMotion:
    """Smooth a motion that is on the floor with Gaussians of `sigma` s, as conversion does for learned generators."""
    return convert.smooth(motion, sigma, sigma)


def lock_feet(motion: SyntheticMotion) -> SyntheticMotion:
    """Take the sliding of the foot that stands out of the path of the whole body.

    From frame to frame the body is moved back by the step of the slowest part of the feet that is low in both; where
    nothing is, or another part of the body lies on the floor, it goes on as it did. The pose does not change.
    """
    support = find_support(motion)
    parts = motion.positions[:, _FEET, :2]
    # Heel and ball of the left foot, then of the right, as joints stand in _FEET
    low = support.part_height.swapaxes(1, 2).reshape(-1, 4) < LOW
    low = low[1:] & low[:-1] & ~(support.touches[1:] | support.touches[:-1])[:, None]
    step = np.diff(parts, axis=0)
    speed = np.where(low, np.linalg.norm(step, axis=2), np.inf)
    slowest = np.take_along_axis(step, speed.argmin(axis=1)[:, None, None], axis=1)[:, 0]
    slid = np.where(low.any(axis=1)[:, None], slowest, 0.0)
    correction = np.zeros((motion.num_frames, 3))
    correction[1:, :2] = -np.cumsum(slid, axis=0)
    eased = gaussian_filter1d(correction, _LOCK_SIGMA * motion.fps, axis=0, mode="nearest")
    return motion.replace(positions=motion.positions + eased[:, None])


def trim(motion: SyntheticMotion, start: float, end: float) -> SyntheticMotion:
    """Cut seconds off the start and off the end.

    Raises:
        AthenaError: less than :data:`LEAST_FRAMES` frames would be left.
    """
    first, last = round(start * motion.fps), motion.num_frames - round(end * motion.fps)
    if last - first < LEAST_FRAMES:
        raise AthenaError(
            f"{motion.prompt_id}: trim: {start:g} s and {end:g} s off {motion.duration:.2f} s leave fewer than "
            f"{LEAST_FRAMES} frames; take less"
        )
    return motion.replace(positions=motion.positions[first:last])


def stretch(motion: SyntheticMotion, factor: float) -> SyntheticMotion:
    """Let the motion take `factor` times as long at the same frame rate. A flight no longer falls at g."""
    slow = at_rate(motion.replace(fps=motion.fps / factor), motion.fps)
    return slow.replace(fps=motion.fps)


def fix_bones(motion: SyntheticMotion) -> SyntheticMotion:
    """Give every bone its median length in all frames; directions stay.

    What conversion had noted as drift moves from ``bone_drift`` to ``bones_fixed`` of its note in the provenance: the
    filter reads the former, and it is no longer so.
    """
    positions = np.empty_like(motion.positions)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            positions[:, joint] = motion.positions[:, joint]
            continue
        bone = motion.positions[:, joint] - motion.positions[:, parent]
        length = float(np.median(np.linalg.norm(bone, axis=1)))
        positions[:, joint] = positions[:, parent] + length * unit_vectors(bone)
    provenance = dict(motion.provenance)
    if "conversion" in provenance:
        noted = dict(provenance["conversion"])
        noted["bones_fixed"] = noted.pop("bone_drift", 0.0)
        provenance["conversion"] = noted
    return motion.replace(positions=positions, provenance=provenance)
