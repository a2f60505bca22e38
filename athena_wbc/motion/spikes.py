"""Single-frame outliers of a motion: joints that outrun their motors, joints and roots that twitch.

All of them are properties of a *step*, the change from one frame to the next; step k lies between frames k and k + 1.
An outlier stands out from its neighbours: the excess of a step is its difference from the median of the five steps
around it, which two bad steps in a row cannot move.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import median_filter

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.rotations import quat_conj, quat_log, quat_mul

JUMP_SPEED = 2.0
"""Excess of a root step, m/s. The ASAP jump has 7, most clips 1."""

TWITCH_SHARE = 0.5
"""Excess of a joint's step as a share of its velocity limit. Steps of an inverse kinematics that changes its solution
reach 0.5 to 2.7; in 82 real clips 29 steps beyond the spikes do, those of the ASAP clips 0.3 at most."""

CARRIED_SHARE = 0.5
"""A root jump carries the body along where every foot's excess differs from the root's by less than this share of it.
In the ASAP jump it is 0.1, in the flips of g1-moves, whose feet stay planted, 0.9."""

_NEIGHBOURS = 5


def step_excess(step: np.ndarray) -> np.ndarray:
    """(S, ...) steps minus the running median of five along the first dimension; ends repeat their last step."""
    return step - median_filter(step, size=(_NEIGHBOURS, *(1,) * (step.ndim - 1)), mode="nearest")


def joint_speed(clip: MotionClip) -> np.ndarray:
    """(T - 1, J) rad/s between frames."""
    return np.abs(np.diff(clip.joint_pos, axis=0)) * clip.fps


def joint_excess(clip: MotionClip) -> np.ndarray:
    """(T - 1, J) rad/s by which each joint's step stands out, absolute."""
    return np.abs(step_excess(np.diff(clip.joint_pos, axis=0))) * clip.fps


def root_excess(clip: MotionClip) -> np.ndarray:
    """(T - 1, 3) m by which each step of the root stands out."""
    return step_excess(np.diff(clip.root_pos, axis=0))


def root_spin(clip: MotionClip) -> np.ndarray:
    """(T - 1, 3) rad/s of the root between frames, in its own frame."""
    quat = torch.from_numpy(clip.root_quat.copy())
    return quat_log(quat_mul(quat_conj(quat[:-1]), quat[1:])).numpy() * clip.fps


def spikes(clip: MotionClip, embodiment: Embodiment) -> np.ndarray:
    """(T - 1, J) whether a joint moves faster than its motor can; the clip's joints are in canonical order."""
    return joint_speed(clip) > embodiment.velocity_limit


def twitches(clip: MotionClip, embodiment: Embodiment) -> np.ndarray:
    """(T - 1, J) whether a joint's step stands out by TWITCH_SHARE of its limit, in steps without a spike."""
    jumps = joint_excess(clip) > TWITCH_SHARE * embodiment.velocity_limit
    return jumps & ~spikes(clip, embodiment).any(axis=1, keepdims=True)


def root_jumps(clip: MotionClip) -> np.ndarray:
    """(T - 1,) whether a step of the root stands out by JUMP_SPEED."""
    return np.linalg.norm(root_excess(clip), axis=1) * clip.fps > JUMP_SPEED


def carried(root: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """(S,) whether the feet go along with steps of the root: the whole body was moved, not its pose changed.

    Args:
        root: (S, 3) excess of the root's steps, m.
        feet: (S, F, 3) the same of every foot.
    """
    apart = np.linalg.norm(feet - root[:, None], axis=2).max(axis=1)
    return apart < CARRIED_SHARE * np.linalg.norm(root, axis=1)
