"""Clips and states made by hand, for the tests of the tracking task and of its shells."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import TrackingErrors


def g1() -> Embodiment:
    """The robot of these tests."""
    return get_embodiment("g1")


def standing_clip(name: str = "stand", seconds: float = 1.0, swing: float = 0.0, fps: float = 50.0) -> MotionClip:
    """The default pose at the default height; every joint swings by `swing` rad at its own frequency and phase."""
    robot = g1()
    time = np.arange(round(seconds * fps) + 1) / fps
    number = np.arange(robot.num_joints)
    joints = robot.default_joint_pos + swing * np.sin((2.0 + 0.1 * number) * time[:, None] + number)
    return MotionClip(
        name=name,
        fps=fps,
        root_pos=np.tile([0.0, 0.0, robot.default_root_height], (len(time), 1)),
        root_quat=np.tile([0.0, 0.0, 0.0, 1.0], (len(time), 1)),
        joint_pos=np.clip(joints, robot.joint_lower, robot.joint_upper),
        joint_names=robot.joint_names,
    )


def moving_clip(name: str = "move", seconds: float = 1.0, swing: float = 0.2, fps: float = 50.0) -> MotionClip:
    """The same while the root drives a curve, turns, pitches, and goes up and down."""
    clip = standing_clip(name, seconds, swing, fps)
    time = np.arange(clip.num_frames) / fps
    path = np.stack((0.7 * time, 0.2 * np.sin(2.0 * time), 0.05 * np.sin(3.0 * time)), axis=1)
    turn = Rotation.from_euler("ZYX", np.stack((0.4 + 0.8 * time, 0.2 * np.sin(time), 0.1 * time), axis=1))
    return clip.replace(root_pos=clip.root_pos + path, root_quat=turn.as_quat())


def library_of(*clips: MotionClip) -> MotionLibrary:
    return MotionLibrary(clips, g1())


def robot_at(reference: ReferenceState) -> RobotState:
    """A robot that is exactly where the reference is, without torques or contacts."""
    count = len(reference.root_pos_w)
    values = {field.name: getattr(reference, field.name).clone() for field in dataclasses.fields(ReferenceState)}
    return RobotState(
        **values,
        joint_torque=torch.zeros_like(reference.joint_pos),
        foot_force=torch.zeros(count, len(g1().feet)),
        undesired_contact=torch.zeros(count),
    )


def random_reference(count: int, seed: int) -> ReferenceState:
    """Any orientations, poses and velocities; body states belong to them."""
    robot = g1()
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    joints = robot.num_joints
    general = (
        normal(3),
        torch.nn.functional.normalize(normal(4), dim=-1),
        normal(3),
        normal(3),
        0.4 * normal(joints),
        normal(joints),
    )
    pos, quat, lin_vel, ang_vel, joint_pos, joint_vel = general
    body = Kinematics(robot, robot.key_bodies).state(pos, quat, joint_pos, lin_vel, ang_vel, joint_vel)
    return ReferenceState(*general, body.pos, body.quat, body.lin_vel, body.ang_vel)


def random_robot(count: int, seed: int) -> RobotState:
    """The same for a robot, with torques and contact forces."""
    generator = torch.Generator().manual_seed(seed + 1000)
    state = robot_at(random_reference(count, seed))
    state.joint_torque = 20.0 * torch.randn(state.joint_torque.shape, generator=generator)
    state.foot_force = 200.0 * torch.rand(state.foot_force.shape, generator=generator)
    state.undesired_contact = (torch.rand(count, generator=generator) > 0.5).float()
    return state


def carried(state: RobotState | ReferenceState, yaw: float, shift: tuple[float, float, float]):
    """The same state somewhere else: everything turned about the world's z axis and shifted."""
    turn = Rotation.from_euler("z", yaw)
    changed = {}
    for field in dataclasses.fields(state):
        value = getattr(state, field.name)
        rows = value.reshape(-1, value.shape[-1]).double().numpy() if value.dim() > 1 else None
        if "quat" in field.name:
            moved = (turn * Rotation.from_quat(rows)).as_quat()
        elif "pos_w" in field.name:
            moved = turn.apply(rows) + shift
        elif field.name.endswith("vel_w"):
            moved = turn.apply(rows)
        else:
            continue
        changed[field.name] = torch.as_tensor(moved.reshape(value.shape), dtype=torch.float32)
    return dataclasses.replace(state, **changed)


def start_of(reference: ReferenceState) -> GeneralisedState:
    """What a shell writes to put robots on the reference."""
    return GeneralisedState(*(getattr(reference, field.name) for field in dataclasses.fields(GeneralisedState)))


def errors_of(height: list[float], yaw: list[float], key_body: list[float]) -> TrackingErrors:
    """Tracking errors of which the sampler reads three."""
    count = len(height)
    nothing = torch.zeros(count, 1, 3)
    return TrackingErrors(
        height=torch.tensor(height),
        yaw=torch.tensor(yaw),
        key_body=torch.tensor(key_body),
        body=torch.tensor(key_body).unsqueeze(-1),
        anchored_pos_w=nothing,
        anchored_quat_w=torch.zeros(count, 1, 4),
        turn=torch.zeros(count, 4),
    )
