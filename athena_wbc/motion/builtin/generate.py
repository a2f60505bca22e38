"""One script on one robot: plan, balance, inverse kinematics, and once more with what the motion itself weighs in."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.builtin.balance import plan_com, second_difference, zero_moment_point
from athena_wbc.motion.builtin.ik import ArmSolver, FrameTarget, WholeBodyIK
from athena_wbc.motion.builtin.morphology import Morphology, morphology
from athena_wbc.motion.builtin.plan import FPS, Plan, make_plan
from athena_wbc.motion.builtin.script import Script
from athena_wbc.motion.clip import MotionClip

VERSION = 1
"""Part of the cache key: raise it when the generator's numbers change."""

PASSES = 3
"""The first pass takes the body for a point mass at constant height; the others know height and momentum."""


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
        count = len(plan.height)
        height, height_acc = body.com[2] + plan.height, plan.height_acc
        momentum_rate = np.zeros((count, 3))
        qpos = None
        for _ in range(PASSES):
            ground = plan_com(plan.zmp, height, height_acc, momentum_rate / body.mass, plan.flight)
            targets = _targets(body, plan, np.column_stack((ground, height)))
            qpos = _solve(solver, targets, [body.nominal] if qpos is None else qpos)
            reached, momentum_rate = _dynamics(body, qpos)
            if script.height_of == "pelvis":
                height, height_acc = reached, second_difference(reached)
        com = np.column_stack((ground, reached))
        zmp = zero_moment_point(com, height_acc, momentum_rate / body.mass, plan.flight)
        return Generated(qpos, plan, com, zmp)


def _targets(body: Morphology, plan: Plan, com: np.ndarray) -> list[FrameTarget]:
    """The plan as targets of inverse kinematics, frame by frame."""
    feet = Rotation.from_euler("xyz", plan.foot_rpy.reshape(-1, 3)).as_matrix().reshape(-1, 2, 3, 3)
    feet = feet @ body.foot_rotation
    pelvis = Rotation.from_euler("xyz", plan.pelvis_rpy).as_matrix()
    torso = Rotation.from_euler("xyz", plan.torso_rpy).as_matrix()
    height = body.nominal[2] + plan.height
    frames = zip(plan.foot_pos, feet, com, height, pelvis, torso, plan.arms, strict=True)
    return [FrameTarget(*frame) for frame in frames]


def _solve(solver: WholeBodyIK, targets: list[FrameTarget], guesses: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """Configurations (N, nq); a frame starts from its guess, or where there is none from the frame before."""
    qpos = np.empty((len(targets), solver.body.model.nq))
    for k, target in enumerate(targets):
        qpos[k] = solver.solve(guesses[k] if k < len(guesses) else qpos[k - 1], target)
    return qpos


def _dynamics(body: Morphology, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height of the centre of mass (N,) and rate of the angular momentum about it (N, 3), N m, of a motion."""
    data = mujoco.MjData(body.model)
    height = np.empty(len(qpos))
    momentum = np.empty((len(qpos) - 1, 3))
    for k in range(len(qpos)):
        data.qpos[:] = qpos[k]
        mujoco.mj_kinematics(body.model, data)
        mujoco.mj_comPos(body.model, data)
        height[k] = data.subtree_com[1, 2]
    for k in range(len(qpos) - 1):
        momentum[k] = _momentum(body, data, qpos[k], qpos[k + 1], 1.0 / FPS)
    rate = np.zeros((len(qpos), 3))
    rate[1:-1] = np.diff(momentum, axis=0) * FPS
    return height, rate


def _momentum(
    body: Morphology, data: mujoco.MjData, before: np.ndarray, after: np.ndarray, duration: float
) -> np.ndarray:
    """Angular momentum about the centre of mass, (3,) N m s, half-way between two configurations."""
    model = body.model
    mujoco.mj_differentiatePos(model, data.qvel, duration, before, after)
    data.qpos[:] = before
    mujoco.mj_integratePos(model, data.qpos, data.qvel, 0.5 * duration)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_angmom[1].copy()
