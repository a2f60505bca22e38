"""Small motions of 22 joints, worked out by hand."""

from __future__ import annotations

import numpy as np

from athena_wbc.motion.formats.human import body
from athena_wbc.synthesis.motion import FPS, JOINTS, PARENTS, SyntheticMotion


def t_pose() -> np.ndarray:
    """(22, 3) m: arms out, facing x, soles on the floor."""
    pose = np.zeros((JOINTS, 3))
    for joint, parent in enumerate(PARENTS):
        x, y, z = body.OFFSETS[joint]
        pose[joint] = (0.0 if parent < 0 else pose[parent]) + np.array((z, x, y))
    pose[:, 2] -= pose[:, 2].min()
    return pose


def jump(frames: int = 40, height: float = 0.4, prompt_id: str = "p") -> SyntheticMotion:
    """A stiff jump on the spot while walking off at 0.5 m/s: enough to see that frames differ."""
    time = np.arange(frames) / FPS
    positions = np.repeat(t_pose()[None], frames, axis=0)
    positions[..., 0] += 0.5 * time[:, None]
    positions[..., 2] += height * np.abs(np.sin(np.pi * time))[:, None]
    return SyntheticMotion(prompt_id, positions, "test", False, 0)
