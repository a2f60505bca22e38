"""A picture of a robot for the eye: default pose from two sides, and the deepest frame of its squat.

Drawn in a process of its own: OpenGL has to be chosen before MuJoCo is imported, and where it is missing even that
import may fail.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path
from athena_wbc.motion.builtin import builtin_clips
from athena_wbc.sim.render import SceneRenderer, choose_backend

WIDTH, HEIGHT = 400, 480
"""Pixels of each view."""
_FRONT, _SIDE = 180.0, 90.0
"""Azimuths of the camera: the robot looks along x."""


def draw_apart(robot: str, path: str | Path) -> str:
    """Draw a robot, given by name or path, into a PNG in another process; returns what happened, in a line."""
    command = [sys.executable, "-m", "athena_wbc.robots.picture", robot, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return f"picture: {path}"
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return f"no picture: {said[-1]}"


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


def main(robot: str, path: str) -> int:
    """Draw in this process; the exit code."""
    choose_backend()
    try:
        draw_robot(get_embodiment(robot), path)
    except AthenaError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
