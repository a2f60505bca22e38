"""Record what to show, a motion or a policy that tracks it, and turn it into a video or a strip of pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.sim.render import CAMERA_SMOOTHING, SceneRenderer, strip_choice, write_pictures

if TYPE_CHECKING:
    from tensordict import TensorDict

    from athena_wbc.sim.env import TrackingEnv

PICTURE_RATE = 25.0
"""Pictures a second, or as near below as the control rate allows."""


@dataclass(frozen=True)
class Recording:
    """Poses of a robot and of its reference, one row a picture.

    A pose is (7 + J,): root position m, root quaternion (x, y, z, w), joints in canonical order, rad.
    """

    name: str
    """Of the clip."""
    robot: np.ndarray
    """(T, 7 + J)."""
    reference: np.ndarray | None
    """(T, 7 + J), or None where only one of the two is shown."""
    fps: float


def record_motion(clip: MotionClip, embodiment: Embodiment, seconds: float | None = None) -> Recording:
    """Record a motion alone, at most ``seconds`` of it."""
    fitted = clip.for_embodiment(embodiment).resample(PICTURE_RATE)
    poses = np.concatenate((fitted.root_pos, fitted.root_quat, fitted.joint_pos), axis=1)
    return Recording(clip.name, poses[: _count(len(poses), PICTURE_RATE, seconds)], None, PICTURE_RATE)


@torch.inference_mode()
def record_rollout(
    env: TrackingEnv, policy: Callable[[TensorDict], torch.Tensor], seconds: float | None = None
) -> Recording:
    """Let a policy track the first clip of ``env`` (one environment) from its first frame, and record both.

    Nothing ends the rollout before the clip does, so that a fall is seen.
    """
    env.auto_reset = False
    control_rate = 1.0 / env.cfg.sim.control_dt
    stride = max(1, round(control_rate / PICTURE_RATE))
    steps = _count(int(env.library.num_steps[0]), control_rate, seconds)
    zero = torch.zeros(1, dtype=torch.long, device=env.device)
    observations = env.reset_to(zero, zero, zero)
    robot, reference = [], []
    for step in range(steps):
        if step % stride == 0:
            robot.append(_pose(env.task.robot))
            reference.append(_pose(env.task.reference))
        observations = env.step(policy(observations))[0]
    return Recording(env.library.names[0], np.stack(robot), np.stack(reference), control_rate / stride)


def show(
    recording: Recording,
    embodiment: Embodiment,
    path: str | os.PathLike[str],
    width: int = 480,
    height: int = 360,
) -> None:
    """Draw a recording, the reference as a ghost over the robot, into ``path``.

    A ``.mp4`` shows all of it, a ``.png`` eight moments side by side.
    """
    count = len(recording.robot)
    is_strip = Path(path).suffix == ".png"
    moments = strip_choice(count) if is_strip else range(count)
    # The pictures of a strip lie seconds apart: a camera that follows softly would lose the robot.
    renderer = SceneRenderer(embodiment, width, height, 1.0 if is_strip else CAMERA_SMOOTHING)
    ghosts = [None] * count if recording.reference is None else recording.reference
    try:
        pictures = (renderer.draw(recording.robot[moment], ghosts[moment]) for moment in moments)
        write_pictures(path, pictures, recording.fps)
    finally:
        renderer.close()


def _pose(state) -> np.ndarray:
    return torch.cat((state.root_pos_w, state.root_quat_w, state.joint_pos), dim=1)[0].cpu().numpy().astype(float)


def _count(available: int, rate: float, seconds: float | None) -> int:
    if seconds is None:
        return available
    if not seconds > 0.0:
        raise AthenaError(f"--seconds: must be positive, is {seconds:g}")
    return min(available, max(1, round(seconds * rate)))
