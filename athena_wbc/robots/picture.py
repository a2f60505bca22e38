"""A picture of a robot for the eye: default pose from two sides, and the deepest frame of its squat."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path
from athena_wbc.motion.builtin import builtin_clips
from athena_wbc.sim.render import SceneRenderer

WIDTH, HEIGHT = 400, 480
"""Pixels of each view."""
_FRONT, _SIDE = 180.0, 90.0
"""Azimuths of the camera: the robot looks along x."""


def draw_robot(embodiment: Embodiment, path: str | Path) -> None:
    """Draw a robot from the front and the side, and its squat, into a PNG.

    Raises:
        AthenaError: OpenGL is missing here, or the file cannot be written.
    """
    root = (0.0, 0.0, embodiment.default_root_height, 0.0, 0.0, 0.0, 1.0)
    pose = np.concatenate((root, embodiment.default_joint_pos))
    views = [(pose, _FRONT), (pose, _SIDE)]
    try:
        squat = builtin_clips(embodiment, ["squat"])[0]
        deep = int(squat.root_pos[:, 2].argmin())
        views.append((np.concatenate((squat.root_pos[deep], squat.root_quat[deep], squat.joint_pos[deep])), _SIDE))
    except AthenaError:
        pass  # the robot cannot squat, as the findings say, or the solver is not installed
    from PIL import Image

    renderer = SceneRenderer(embodiment, WIDTH, HEIGHT, smoothing=1.0)
    try:
        pictures = []
        for view, azimuth in views:
            renderer.look_from(azimuth)
            pictures.append(renderer.draw(view))
    finally:
        renderer.close()
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(pictures, axis=1)).save(temporary, format="png")
