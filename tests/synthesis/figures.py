"""A motion of which no two frames look alike, for what looks at motions."""

from __future__ import annotations

import numpy as np

from athena_wbc.synthesis.motion import FPS, SyntheticMotion
from tests.synthesis.figure import standing


def t_pose() -> np.ndarray:
    """(22, 3) m: arms out, facing x, feet on the floor."""
    return standing(1)[0]


def jump(frames: int = 40, height: float = 0.4, prompt_id: str = "p") -> SyntheticMotion:
    """A stiff figure that hops and drifts off at 0.5 m/s."""
    time = np.arange(frames) / FPS
    positions = standing(frames)
    positions[..., 0] += 0.5 * time[:, None]
    positions[..., 2] += height * np.abs(np.sin(np.pi * time))[:, None]
    return SyntheticMotion(prompt_id, positions, "test", False, 0)
