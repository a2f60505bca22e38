"""A shell without physics: the robot is where the reference is, plus what a test asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import ReferenceState
from athena_wbc.rotations import quat_apply, quat_exp, quat_mul
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import tracking_errors

Offset = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(clip (N,), step (N,), actions (N, A)) -> shift (N, 3) in m and turn about z (N,) in rad of the robot."""


def make_clip(name: str, seconds: float, label: str = "", fps: float = 50.0, seed: int = 0) -> MotionClip:
    """A walk forward that swings some joints; every seed another one."""
    embodiment = get_embodiment("g1")
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * fps) + 1) / fps
    amplitude, phase = generator.uniform(0.0, 0.3, (2, embodiment.num_joints))
    joints = embodiment.default_joint_pos + amplitude * np.sin(2.0 * np.pi * time[:, None] + 20.0 * phase)
    height = np.full_like(time, embodiment.default_root_height)
    half_yaw = 0.2 * time
    zero = np.zeros_like(time)
    return MotionClip(
        name=name,
        fps=fps,
        root_pos=np.stack((0.5 * time, 0.1 * np.sin(time), height), axis=1),
        root_quat=np.stack((zero, zero, np.sin(half_yaw), np.cos(half_yaw)), axis=1),
        joint_pos=np.clip(joints, embodiment.joint_lower, embodiment.joint_upper),
        joint_names=embodiment.joint_names,
        label=label,
    )


def on_reference(clip: Tensor, step: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """The policy that replays the reference."""
    return torch.zeros(len(clip), 3), torch.zeros(len(clip))


class FakeEnv:
    """N robots that follow their reference, moved by ``offset``. The protocol of ``TrackingEnv``."""

    def __init__(self, clips: list[MotionClip], num_envs: int, offset: Offset = on_reference) -> None:
        self.embodiment: Embodiment = get_embodiment("g1")
        self.library = MotionLibrary(clips, self.embodiment)
        self.num_envs, self.num_actions, self.device = num_envs, self.embodiment.num_joints, "cpu"
        self.offset = offset
        self.auto_reset = True
        self.broken = torch.zeros(num_envs, dtype=torch.bool)
        self.clip = torch.zeros(num_envs, dtype=torch.long)
        self.step_index = torch.zeros(num_envs, dtype=torch.long)
        self.resets: list[list[tuple[int, int]]] = []
        self.task = SimpleNamespace(
            clip=self.clip, command=None, last_action=None, robot=None, reference=None, errors=None
        )

    def reset_to(self, env_ids: Tensor, clips: Tensor, steps: Tensor) -> TensorDict:
        assert not self.auto_reset
        self.clip[env_ids], self.step_index[env_ids] = clips, steps
        self.resets.append(list(zip(env_ids.tolist(), clips.tolist(), strict=True)))
        return self.observations()

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict]:
        self.step_index += 1
        task = self.task
        task.last_action, task.command = actions, 0.5 * actions
        task.reference = self.library.at(self.clip, self.step_index)
        task.robot = moved(task.reference, *self.offset(self.clip, self.step_index, actions))
        task.errors = tracking_errors(task.robot, task.reference, anchor=0)
        nothing = torch.zeros(self.num_envs)
        return self.observations(), nothing, nothing.bool(), {}

    def observations(self) -> TensorDict:
        phase = torch.stack((self.clip, self.step_index), dim=-1).float()
        return TensorDict({"policy": phase}, batch_size=[self.num_envs])

    def close(self) -> None:
        pass


def moved(reference: ReferenceState, shift: Tensor, turn: Tensor) -> RobotState:
    """The reference as a robot's state, turned about its own root and shifted."""
    state = {field.name: getattr(reference, field.name) for field in dataclasses.fields(ReferenceState)}
    rotation = quat_exp(torch.tensor([0.0, 0.0, 1.0]) * turn.unsqueeze(-1))
    arm = state["body_pos_w"] - state["root_pos_w"][:, None]
    state["root_pos_w"] = state["root_pos_w"] + shift
    state["body_pos_w"] = state["root_pos_w"][:, None] + quat_apply(rotation[:, None], arm)
    state["root_quat_w"] = quat_mul(rotation, state["root_quat_w"])
    state["body_quat_w"] = quat_mul(rotation[:, None].expand_as(state["body_quat_w"]), state["body_quat_w"])
    nothing = torch.zeros(len(turn))
    return RobotState(
        **state,
        joint_torque=torch.zeros_like(state["joint_pos"]),
        foot_force=nothing,
        undesired_contact=nothing,
    )


def zero_policy(observations: TensorDict) -> Tensor:
    """Action 0 for the G1."""
    return torch.zeros(len(observations), 29)
