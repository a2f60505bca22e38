"""A person of the mean skeleton that is moved by hand."""

from __future__ import annotations

import numpy as np

from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.evidence import TOE_HEIGHT
from athena_wbc.synthesis.ground import find_support
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, SyntheticMotion


def motion_of(positions: np.ndarray, fps: float = 20.0, learned: bool = False) -> SyntheticMotion:
    return SyntheticMotion("p", positions, "hand", learned, 0, fps)


def standing(frames: int) -> np.ndarray:
    """(T, 22, 3) in the T pose, facing along x, with the balls of the feet on the floor."""
    pose = np.zeros((len(JOINT_NAMES), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            pose[joint] = pose[parent] + body.OFFSETS[joint][[2, 0, 1]]
    still = motion_of(np.stack([pose, pose]))
    pose[:, 2] -= find_support(still).part_height[0, :, 1].min()
    assert abs(pose[JOINT_NAMES.index("left_foot"), 2] - TOE_HEIGHT * find_support(still).stature) < 1e-6
    return np.repeat(pose[None], frames, axis=0)


def moved(positions: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The body moved as a whole by (T, 3)."""
    return positions + np.asarray(shift)[:, None]


def turned(positions: np.ndarray, angle: np.ndarray, axis: str = "z", about: str = "pelvis") -> np.ndarray:
    """The body turned as a whole by angles (T,) in rad about a joint."""
    cosine, sine, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "z": ((cosine, -sine, zero), (sine, cosine, zero), (zero, zero, one)),
        "y": ((cosine, zero, sine), (zero, one, zero), (-sine, zero, cosine)),
        "x": ((one, zero, zero), (zero, cosine, -sine), (zero, sine, cosine)),
    }[axis]
    matrix = np.moveaxis(np.array(rows), 2, 0)
    centre = positions[:, [JOINT_NAMES.index(about)]]
    return np.einsum("tij,tkj->tki", matrix, positions - centre) + centre


def with_joint(positions: np.ndarray, name: str, shift: np.ndarray, rest: tuple[str, ...] = ()) -> np.ndarray:
    """One joint (and others with it) moved by (T, 3)."""
    out = positions.copy()
    for joint in (name, *rest):
        out[:, JOINT_NAMES.index(joint)] += shift
    return out


def jumping(rise: float = 0.2, fps: float = 20.0) -> np.ndarray:
    """Half a second of standing, a flight that rises by `rise` m at g, half a second of standing."""
    length = 2.0 * np.sqrt(2.0 * rise / 9.81)
    frames = round((1.0 + length) * fps) + 1
    time = np.clip(np.arange(frames) / fps - 0.5, 0.0, length)
    height = 0.5 * 9.81 * time * (length - time)
    return moved(standing(frames), np.stack((0 * height, 0 * height, height), axis=1))
