"""One script on one robot: plan, balance, inverse kinematics, and once more with what the motion itself weighs in."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.builtin.balance import plan_com, plan_tilt, zero_moment_point
from athena_wbc.motion.builtin.curves import FPS, second_difference
from athena_wbc.motion.builtin.ik import ArmSolver, FrameTarget, WholeBodyIK
from athena_wbc.motion.builtin.momentum import com_height, momentum_rate, trunk_inertia, turn_trunk
from athena_wbc.motion.builtin.morphology import Morphology, morphology
from athena_wbc.motion.builtin.plan import Plan, make_plan
from athena_wbc.motion.builtin.script import Script
from athena_wbc.motion.clip import MotionClip

VERSION = 1
"""Part of the cache key: raise it when the generator's numbers change."""

PASSES = 3
"""The first pass takes the body for a point mass at constant height; the others know height and momentum."""

FLIGHT_PASSES = 7
"""Clips that leave the ground need more, for the turn of the trunk that keeps the angular momentum in flight."""

TILT_GAIN = 0.8
"""Share of the missing turn that a pass makes up for; the inertia of the trunk is that of the first pass."""


@dataclasses.dataclass(frozen=True)
class Generated:
    """A script on a robot, with what was planned."""

    qpos: np.ndarray
    """(N, nq) in MuJoCo's order, root quaternion scalar-first."""
    plan: Plan
    com: np.ndarray
    """(N, 3) centre of mass of the motion, m."""
    zmp: np.ndarray
    """(N, 2) its zero moment point, m; NaN where the feet carry nothing."""


class Generator:
    """Generates clips for one robot.

    Raises:
        AthenaError: the robot has no two feet with colliders.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self.embodiment = embodiment
        self.body = morphology(embodiment)
        self.arm_pose = ArmSolver(self.body)

    def clip(self, script: Script) -> MotionClip:
        """The script as a motion clip at 50 fps."""
        qpos = self.generate(script).qpos
        addresses = [self.body.model.joint(name).qposadr[0] for name in self.embodiment.joint_names]
        return MotionClip(
            name=script.name,
            fps=FPS,
            root_pos=qpos[:, :3],
            root_quat=qpos[:, [4, 5, 6, 3]],
            joint_pos=qpos[:, addresses],
            joint_names=self.embodiment.joint_names,
            robot=self.embodiment.name,
            robot_hash=self.embodiment.hash,
            source="built-in",
            licence="BSD-3-Clause",
            label=script.label,
            text=script.text,
            history=(f"generated from a script, version {VERSION}",),
        )

    def generate(self, script: Script) -> Generated:
        """The script's motion with its plan."""
        body = self.body
        plan = make_plan(script, body, self.arm_pose)
        solver = WholeBodyIK(body, script.height_of)
        flight = np.flatnonzero(plan.flight)
        height, height_acc = body.com[2] + plan.height, plan.height_acc
        rate, tilt = np.zeros((len(height), 3)), np.zeros((len(height), 3))
        qpos = inertia = None
        for _ in range(FLIGHT_PASSES if len(flight) else PASSES):
            ground = plan_com(plan.zmp, height, height_acc, rate / body.mass, plan.flight)
            targets = _targets(body, plan, np.column_stack((ground, height)), tilt)
            qpos = _solve(solver, targets, [body.nominal] if qpos is None else qpos)
            rate, reached = momentum_rate(body, qpos), com_height(body, qpos)
            if script.height_of == "pelvis":
                height, height_acc = reached, second_difference(reached)
            if len(flight):
                if inertia is None:
                    inertia = np.stack([trunk_inertia(body, solver, targets[k], qpos[k]) for k in flight])
                missing = second_difference(tilt)
                missing[flight] -= TILT_GAIN * np.linalg.solve(inertia, rate[flight, :, None])[..., 0]
                tilt = plan_tilt(missing, plan.flight)
        com = np.column_stack((ground, reached))
        return Generated(qpos, plan, com, zero_moment_point(com, height_acc, rate / body.mass, plan.flight))


def _targets(body: Morphology, plan: Plan, com: np.ndarray, tilt: np.ndarray) -> list[FrameTarget]:
    """The plan as targets of inverse kinematics, frame by frame."""
    feet = Rotation.from_euler("xyz", plan.foot_rpy.reshape(-1, 3)).as_matrix().reshape(-1, 2, 3, 3)
    feet = feet @ body.foot_rotation
    pelvis = Rotation.from_euler("xyz", plan.pelvis_rpy).as_matrix()
    torso = Rotation.from_euler("xyz", plan.torso_rpy).as_matrix()
    height = body.nominal[2] + plan.height
    frames = zip(plan.foot_pos, feet, com, height, pelvis, torso, plan.arms, strict=True)
    return [turn_trunk(FrameTarget(*frame), turn) for frame, turn in zip(frames, tilt, strict=True)]


def _solve(solver: WholeBodyIK, targets: list[FrameTarget], guesses: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """Configurations (N, nq); a frame starts from its guess, or where there is none from the frame before."""
    qpos = np.empty((len(targets), solver.body.model.nq))
    for k, target in enumerate(targets):
        qpos[k] = solver.solve(guesses[k] if k < len(guesses) else qpos[k - 1], target)
    return qpos
