"""Simulations, start states and runs for the tests of the physics."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.sim.config import SimConfig
from athena_wbc.sim.physics import Physics
from athena_wbc.task.randomisation import PhysicsParameters
from athena_wbc.task.state import JointCommand
from tests.tracking import g1

J = g1().num_joints
BODIES = len(g1().body_names)
KNEE = g1().joint_names.index("left_knee_joint")
NOTHING = PhysicsParameters(friction=None, stiffness=None, damping=None, gravity=None)


def make(count: int = 3, randomised: bool = False, embodiment: Embodiment | None = None, **config) -> Physics:
    return Physics(embodiment or g1(), SimConfig(**{"threads": 1} | config), count, randomised)


def standing(count: int, height: float | None = None, embodiment: Embodiment | None = None) -> GeneralisedState:
    """The default pose at rest, by default with the soles on the ground."""
    robot = embodiment or g1()
    root = torch.tensor([0.0, 0.0, robot.default_root_height if height is None else height])
    joints = torch.tensor(robot.default_joint_pos, dtype=torch.float32)
    upright = torch.tensor([0.0, 0.0, 0.0, 1.0])
    return GeneralisedState(
        root_pos_w=root.repeat(count, 1),
        root_quat_w=upright.repeat(count, 1),
        root_lin_vel_w=torch.zeros(count, 3),
        root_ang_vel_w=torch.zeros(count, 3),
        joint_pos=joints.repeat(count, 1),
        joint_vel=torch.zeros(count, len(joints)),
    )


def everyone(physics: Physics) -> Tensor:
    return torch.arange(physics.num_envs)


def run(physics: Physics, steps: int, seed: int = 0, amplitude: float = 0.3) -> list[np.ndarray]:
    """Positions after every control step under targets drawn around the default pose."""
    generator = torch.Generator().manual_seed(seed)
    default = torch.tensor(physics.embodiment.default_joint_pos, dtype=torch.float32)
    seen = []
    for _ in range(steps):
        noise = torch.randn(physics.num_envs, len(default), generator=generator)
        physics.step(JointCommand(default + amplitude * noise, None))
        seen.append(physics.batch.qpos.copy())
    return seen


def hold(physics: Physics, steps: int) -> None:
    run(physics, steps, amplitude=0.0)
