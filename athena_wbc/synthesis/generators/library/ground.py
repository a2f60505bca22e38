"""Motions that touch the floor with more than the feet: the root follows from what touches it.

The pose alone says how high the pelvis is (the lowest point of the body is on the floor), and where it goes (what
carries the weight stays where it is): the lowest points hold the floor, each with the more of the weight the lower.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation
from scipy.special import softmax

from athena_wbc.synthesis.generators.library.skeleton import (
    BALLS,
    LEGS,
    Track,
    between,
    local_rotations,
    place,
    world_rotations,
)  # fmt: skip
from athena_wbc.synthesis.generators.library.stance import decay, free_legs, upper_body
from athena_wbc.synthesis.generators.library.timeline import Footing, Timeline, sample
from athena_wbc.synthesis.motion import JOINT_NAMES, JOINTS

_SOFTNESS = 0.012
"""Height in m over which a point's share of the weight fades."""

_THICKNESS = {
    "pelvis": 0.11, "hip": 0.085, "knee": 0.045, "ankle": 0.0, "foot": 0.0, "spine1": 0.1, "spine2": 0.1, "spine3": 0.1,
    "neck": 0.06, "head": 0.09, "collar": 0.06, "shoulder": 0.05, "elbow": 0.035, "wrist": 0.02,
}  # fmt: skip
"""Half the thickness of the body about its joints, m, beyond that of the sole under the ball of the foot."""
_RADII = np.array([_THICKNESS[name.removeprefix("left_").removeprefix("right_")] for name in JOINT_NAMES])


def solve_floor(line: Timeline, entry: tuple[np.ndarray, np.ndarray] | None = None) -> Track:
    """The motion of a timeline whose legs are all given by their angles.

    Args:
        line: what is done; it begins and ends standing.
        entry: local rotations (22, 3, 3) and pelvis (3,) that it goes on from.
    """
    drawn = sample(line)
    world = upper_body(drawn.values)
    free_legs(world, drawn.values)
    start = np.zeros(3)
    if entry is not None:
        fade = decay(len(world))
        local = local_rotations(world)
        offset = local[0].swapaxes(-1, -2) @ entry[0]
        for joint in range(JOINTS):
            local[:, joint] = between(local[:, joint], local[:, joint] @ offset[joint], fade)
        world, start = world_rotations(local), entry[1]
    return Track(world, rooted(world, start))


def rooted(world: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(T, 3) pelvis for orientations (T, 22, 3, 3), beginning over the horizontal place of `start` (3,)."""
    relative = place(world, np.zeros((len(world), 3)))
    under = relative[:, :, 2] - _RADII
    low = under.min(axis=1)
    share = softmax(-(under - low[:, None]) / _SOFTNESS, axis=1)
    both = 0.5 * (share[1:] + share[:-1])
    moved = np.diff(relative[:, :, :2], axis=0)
    # What is round rolls: the point under a joint lags by the radius times the turn about the horizontal axes.
    turn = Rotation.from_matrix((world[1:] @ world[:-1].swapaxes(-1, -2)).reshape(-1, 3, 3)).as_rotvec()
    turn = turn.reshape(len(moved), -1, 3)
    moved = moved + _RADII[:, None] * np.stack((-turn[..., 1], turn[..., 0]), axis=-1)
    step = -np.einsum("tj,tja->ta", both, moved)
    root = np.column_stack((np.concatenate((np.zeros((1, 2)), np.cumsum(step, axis=0))), -low))
    root[:, :2] += start[:2]
    # Where the contact passes from one point to another the height has a kink: round it, then lift what went too deep.
    smooth = gaussian_filter1d(root[:, 2], 1.0, mode="nearest")
    root[:, 2] = np.maximum(smooth, -low)
    return root


def footing_of(track: Track) -> Footing:
    """Where the feet are at the end of a motion that ends standing."""
    world, positions = track.world[-1], track.positions[-1]
    front = world[[limb.joints[2] for limb in LEGS], :2, 0]
    yaws = np.arctan2(front[:, 1], front[:, 0])
    forward = world[0, :2, 0]
    heading = float(np.arctan2(forward[1], forward[0]))
    return Footing(positions[list(BALLS), :2], heading + _wrapped(yaws - heading), heading)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
