"""What is put right in a sampled motion, each step named in its provenance."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS


@dataclasses.dataclass
class PostConfig:
    """Corrections of a sampled motion, in this order."""

    smooth: float = 0.0
    """Deviation of a Gaussian over time, frames at 20 fps; 0 is none."""
    bones: bool = False
    """Whether every bone gets one length: its median over the frames, left and right alike."""
    ground: bool = False
    """Whether the motion is shifted so that its lowest points (fifth percentile over the frames) stand on the floor."""


def check_post(config: PostConfig) -> None:
    """Raise :class:`AthenaError` where a value cannot be."""
    if not 0.0 <= config.smooth <= 20.0:
        raise AthenaError(f"post.smooth: must be from 0 to 20 frames, is {config.smooth:g}")


def corrected(positions: np.ndarray, config: PostConfig) -> tuple[np.ndarray, dict[str, Any]]:
    """Apply the corrections to (T, 22, 3) positions, m, z up; returns them and what was done, as plain values."""
    done: dict[str, Any] = {}
    if config.smooth > 0.0:
        positions = gaussian_filter1d(positions, config.smooth, axis=0, mode="nearest")
        done["smooth_frames"] = config.smooth
    if config.bones:
        before = bone_lengths(positions)
        wanted = _alike(np.median(before, axis=0))
        done["bone_drift_m"] = round(float(np.abs(before - wanted).max()), 4)
        positions = with_lengths(positions, wanted)
    if config.ground:
        floor = float(np.percentile(positions[..., 2].min(axis=1), 5.0))
        positions = positions - np.array((0.0, 0.0, floor))
        done["ground_shift_m"] = round(-floor, 4)
    return positions, done


def bone_lengths(positions: np.ndarray) -> np.ndarray:
    """(T, 21) m: distance of every joint but the root from its parent."""
    return np.linalg.norm(positions[:, 1:] - positions[:, list(PARENTS[1:])], axis=2)


def with_lengths(positions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The positions (T, 22, 3) with the directions of their bones and the lengths (21,), built up from the root."""
    built = positions.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = positions[:, joint] - positions[:, parent]
            length = np.maximum(np.linalg.norm(bone, axis=1, keepdims=True), 1e-9)
            built[:, joint] = built[:, parent] + bone * (lengths[joint - 1] / length)
    return built


def _alike(lengths: np.ndarray) -> np.ndarray:
    """The lengths (21,) with those of left and right joints averaged."""
    return 0.5 * (lengths + lengths[_OTHER_SIDE])


def _other(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


_OTHER_SIDE = np.array([JOINT_NAMES.index(_other(name)) - 1 for name in JOINT_NAMES[1:]])
