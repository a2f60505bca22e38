"""Record what to show, a motion or a policy that tracks it, and turn it into a video or a strip of pictures."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.sim.render import CAMERA_SMOOTHING, SceneRenderer, strip_choice, write_pictures, write_strips

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
def record_rollouts(
    env: TrackingEnv, policy: Callable[[TensorDict], torch.Tensor], seconds: float | None = None
) -> list[Recording]:
    """Let a policy track the first clips of ``env``, one an environment, from their first frames, and record both.

    Nothing ends a rollout before its clip does, so that a fall is seen.
    """
    env.auto_reset = False
    control_rate = 1.0 / env.cfg.sim.control_dt
    stride = max(1, round(control_rate / PICTURE_RATE))
    shown = [_count(int(steps), control_rate, seconds) for steps in env.library.num_steps[: env.num_envs]]
    ids = torch.arange(env.num_envs, device=env.device)
    observations = env.reset_to(ids, ids, torch.zeros_like(ids))
    robot, reference = [], []
    for step in range(max(shown)):
        if step % stride == 0:
            robot.append(_poses(env.task.robot))
            reference.append(_poses(env.task.reference))
        observations = env.step(policy(observations))[0]
    robots, references = np.stack(robot, axis=1), np.stack(reference, axis=1)
    ends = [math.ceil(steps / stride) for steps in shown]
    return [
        Recording(env.library.names[i], robots[i, :end], references[i, :end], control_rate / stride)
        for i, end in enumerate(ends)
    ]


def show(
    recordings: Sequence[Recording],
    embodiment: Embodiment,
    path: str | os.PathLike[str],
    width: int = 480,
    height: int = 360,
) -> None:
    """Draw recordings, the reference as a ghost over the robot, into ``path``.

    A ``.mp4`` shows all of them beside each other, those that are over at their last picture; a ``.png`` shows eight
    moments of each, one below the other.
    """
    is_strip = Path(path).suffix == ".png"
    with contextlib.ExitStack() as stack:
        # The pictures of a strip lie seconds apart: a camera that follows softly would lose the robot.
        smoothing = 1.0 if is_strip else CAMERA_SMOOTHING
        renderers = [SceneRenderer(embodiment, width, height, smoothing) for _ in recordings]
        for renderer in renderers:
            stack.callback(renderer.close)

        def draw(number: int, moment: int) -> np.ndarray:
            recording = recordings[number]
            ghost = None if recording.reference is None else recording.reference[moment]
            return renderers[number].draw(recording.robot[moment], ghost)

        counts = [len(recording.robot) for recording in recordings]
        if is_strip:
            write_strips(path, [[draw(i, moment) for moment in strip_choice(count)] for i, count in enumerate(counts)])
        else:
            sheets = (
                tile([draw(i, min(moment, count - 1)) for i, count in enumerate(counts)])
                for moment in range(max(counts))
            )
            write_pictures(path, sheets, recordings[0].fps)


def tile(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) in rows of about as many as there are rows; what is left of the last row is black."""
    columns = math.ceil(math.sqrt(len(pictures)))
    blank = [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    filled = [*pictures, *blank]
    rows = [np.concatenate(filled[start : start + columns], axis=1) for start in range(0, len(filled), columns)]
    return np.concatenate(rows, axis=0)


def _poses(state) -> np.ndarray:
    return torch.cat((state.root_pos_w, state.root_quat_w, state.joint_pos), dim=1).cpu().numpy().astype(float)


def _count(available: int, rate: float, seconds: float | None) -> int:
    if seconds is None:
        return available
    if not seconds > 0.0:
        raise AthenaError(f"--seconds: must be positive, is {seconds:g}")
    return min(available, max(1, round(seconds * rate)))
