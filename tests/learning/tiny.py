"""What tests of training on the real task share: short clips, networks of a few neurons, and a look into files."""

from __future__ import annotations

import numpy as np
import torch

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.clip import MotionClip

TINY = (
    "task.observations=compact",
    "task.randomisation=standard",
    "ppo.num_steps_per_env=4",
    "ppo.num_learning_epochs=2",
    "ppo.num_mini_batches=2",
    "ppo.actor.hidden_dims=[16]",
    "ppo.critic.hidden_dims=[16]",
    "ppo.save_interval=5",
    # Stages of pipelines are forked from the tests' process, which has had threads: see `athena_wbc.pipeline.worker`.
    "ppo.update_threads=1",
    "ppo.logging.writer=none",
    "sim.threads=1",
)


def sway(name: str, joint: str, amplitude: float, seconds: float = 1.0) -> MotionClip:
    """The default pose with one joint that swings."""
    robot = get_embodiment("g1")
    frames = round(50 * seconds) + 1
    joints = np.tile(robot.default_joint_pos, (frames, 1))
    joints[:, robot.joint_names.index(joint)] += amplitude * np.sin(2 * np.pi * np.arange(frames) / 50)
    root = np.tile([0.0, 0.0, robot.default_root_height], (frames, 1))
    upright = np.tile([0.0, 0.0, 0.0, 1.0], (frames, 1))
    return MotionClip(name, 50.0, root, upright, joints, robot.joint_names, robot.name, robot.hash)


def tensors(value: object, place: str = "") -> dict[str, torch.Tensor]:
    """Every tensor of a nested container by its place."""
    if isinstance(value, torch.Tensor):
        return {place: value}
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {name: tensor for key, entry in entries for name, tensor in tensors(entry, f"{place}/{key}").items()}
