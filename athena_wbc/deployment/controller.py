"""Run an exported policy at the control rate: sensor readings in, joint targets out.

The observations and the targets are the tracking task's own, for a batch of one; nothing of a term is written twice.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from athena_wbc.deployment.contract import FILE, check_robot, check_task, read_contract, task_config
from athena_wbc.deployment.network import load_network
from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.rotations import quat_apply, quat_conj, quat_heading, quat_mul
from athena_wbc.task.state import RobotState
from athena_wbc.task.task import TrackingTask

_UNIT_TOLERANCE = 0.01
"""Most that the norm of a measured quaternion may be off one."""


@dataclass(frozen=True)
class SensorReading:
    """What a robot measures at one control step. J joints in any order, which the names tell."""

    joint_names: Sequence[str]
    joint_pos: np.ndarray
    """(J,) rad."""
    joint_vel: np.ndarray
    """(J,) rad/s."""
    orientation: np.ndarray
    """(4,) of the root in the world, x, y, z, w; its heading may count from anywhere."""
    angular_velocity: np.ndarray
    """(3,) of the root in its own frame, rad/s: the gyroscope."""


class Controller:
    """An exported policy that tracks one clip, stepped by whoever drives the robot.

    Args:
        folder: written by ``athena export``.
        clip: the reference: a clip, or a specification as ``--motions`` takes it, whose first clip counts.
        robot: the robot, or its name or files; None for the contract's name.
        network: ``onnx`` or ``torchscript``; None for ONNX where the file and onnxruntime are there.

    Attributes:
        contract: what ``policy.json`` holds.
        observation: (D,) what the network last saw.
        action: (A,) what it last gave.

    Raises:
        AthenaError: a folder that is no export or was changed, a policy that reads what no robot measures, another
            robot than the contract's, a clip that does not fit.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        clip: MotionClip | str | os.PathLike[str],
        robot: Embodiment | str | Path | None = None,
        network: str | None = None,
    ) -> None:
        folder = Path(folder)
        self.contract = read_contract(folder)
        source = str(folder / FILE)
        if not self.contract["deployable"]:
            needed = (term["name"] for term in self.contract["observations"]["terms"] if "simulation" in term["needs"])
            raise AthenaError(
                f"{source}: reads what no robot measures ({', '.join(needed)}); export a deployable policy"
            )
        self.embodiment = get_embodiment(self.contract["robot"]["name"] if robot is None else robot)
        check_robot(self.contract, self.embodiment, source)
        self._network = load_network(folder, self.contract, network)
        self.control_dt = float(self.contract["control_dt"])
        clips = [clip] if isinstance(clip, MotionClip) else load_clips(str(clip), self.embodiment)[:1]
        self._library = MotionLibrary(clips, self.embodiment, self.control_dt)
        self._groups = tuple(self.contract["observations"]["groups"])
        config = task_config(self.contract)
        self._task = TrackingTask(config, self.embodiment, self._library, 1, self.control_dt, self._groups)
        self._orders: dict[tuple[str, ...], np.ndarray] = {}
        size = self.contract["observations"]["size"], self.contract["action"]["size"]
        self.observation, self.action = np.zeros(size[0], np.float32), np.zeros(size[1], np.float32)
        self.reset()
        # Sizes are known once something was observed.
        self._task.observations(self._state(self._at_rest()))
        check_task(self.contract, self._task, source)
        self.reset()

    @property
    def step_number(self) -> int:
        """Control step of the clip that the next reading belongs to."""
        return int(self._task.step) + (0 if self._fresh else 1)

    @property
    def finished(self) -> bool:
        """Whether the clip is over: the reference then holds its last frame."""
        return self.step_number >= int(self._library.num_steps[0])

    @torch.no_grad()
    def reset(self, reading: SensorReading | None = None, step: int = 0) -> None:
        """Start the clip, with empty histories.

        Args:
            reading: of the robot as it stands. From then on headings count from here: the robot's heading now is the
                reference's at ``step``. Without one, measured headings are taken to be the reference's world.
            step: control step of the clip to start at.

        Raises:
            AthenaError: a step that the clip does not have, or a reading that cannot be one.
        """
        length = int(self._library.num_steps[0])
        if not 0 <= step < length:
            raise AthenaError(f"step: is {step}; '{self._library.names[0]}' has the control steps 0 to {length - 1}")
        ids = torch.zeros(1, dtype=torch.long)
        start = torch.full((1,), step)
        self._task.reset_to(ids, ids, start, noise=False)
        self._fresh = True
        self._turn = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
        if reading is not None:
            self._order(reading)
            reference = self._library.at(ids, start).root_quat_w
            self._turn = quat_heading(quat_mul(reference, quat_conj(_unit(reading.orientation))))

    @torch.no_grad()
    def step(self, reading: SensorReading) -> np.ndarray:
        """Return joint targets (J,), rad, in the order of the reading's own joint names; call it once a control step.

        Raises:
            AthenaError: a joint that is missing or unknown, a number that is not finite, a quaternion of another norm
                than one.
        """
        order = self._order(reading)
        robot = self._state(reading, order)
        if not self._fresh:
            self._task.advance(robot)
        self._fresh = False
        groups = self._task.observations(robot)
        observation = torch.cat([groups[name] for name in self._groups], dim=-1).numpy()
        action = self._network(observation)
        targets = self._task.actions(torch.from_numpy(action)).target[0].numpy()
        self.observation, self.action = observation[0].copy(), action[0].copy()
        given = np.empty_like(targets)
        given[order] = targets
        return given

    def _order(self, reading: SensorReading) -> np.ndarray:
        """(J,) place of every joint of the robot in the reading."""
        names = tuple(reading.joint_names)
        if names not in self._orders:
            known = self.embodiment.joint_names
            missing, extra = sorted(set(known) - set(names)), sorted(set(names) - set(known))
            if missing or extra or len(names) != len(known):
                faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"adds {', '.join(extra)}"] * bool(extra)
                raise AthenaError(
                    f"joint_names: {'; '.join(faults) or 'name a joint twice'}; the contract has {', '.join(known)}"
                )
            self._orders[names] = np.array([names.index(name) for name in known])
        return self._orders[names]

    def _state(self, reading: SensorReading, order: np.ndarray | None = None) -> RobotState:
        """The reading as the task has it; what no robot measures is NaN, so that nothing can depend on it unseen."""
        joints, bodies = self.embodiment.num_joints, len(self.embodiment.key_bodies)
        order = np.arange(joints) if order is None else order
        pos, vel = (_row(reading, key, joints)[:, order] for key in ("joint_pos", "joint_vel"))
        quat = quat_mul(self._turn, _unit(reading.orientation))
        return RobotState(
            root_pos_w=_unknown(3),
            root_quat_w=quat,
            root_lin_vel_w=_unknown(3),
            root_ang_vel_w=quat_apply(quat, _row(reading, "angular_velocity", 3)),
            joint_pos=pos,
            joint_vel=vel,
            joint_torque=_unknown(joints),
            body_pos_w=_unknown(bodies, 3),
            body_quat_w=_unknown(bodies, 4),
            body_lin_vel_w=_unknown(bodies, 3),
            body_ang_vel_w=_unknown(bodies, 3),
            foot_force=_unknown(len(self.embodiment.feet)),
            undesired_contact=_unknown(),
        )

    def _at_rest(self) -> SensorReading:
        robot = self.embodiment
        pose = robot.default_joint_pos
        return SensorReading(robot.joint_names, pose, np.zeros_like(pose), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3))


def _row(reading: SensorReading, key: str, size: int) -> Tensor:
    values = np.asarray(getattr(reading, key), dtype=np.float32)
    if values.shape != (size,):
        raise AthenaError(f"{key}: has the shape {values.shape}, give ({size},)")
    if not np.isfinite(values).all():
        raise AthenaError(f"{key}: holds a number that is not finite; check the sensor before the policy acts on it")
    return torch.from_numpy(values).unsqueeze(0)


def _unit(orientation: np.ndarray) -> Tensor:
    values = np.asarray(orientation, dtype=np.float32)
    if values.shape != (4,) or not abs(float(np.linalg.norm(values)) - 1.0) <= _UNIT_TOLERANCE:
        raise AthenaError(f"orientation: is {values.tolist()}; give a unit quaternion x, y, z, w")
    return torch.from_numpy(values / np.linalg.norm(values)).unsqueeze(0)


def _unknown(*shape: int) -> Tensor:
    return torch.full((1, *shape), float("nan"))
