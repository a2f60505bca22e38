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

PASSES = 3
"""The first pass takes the body for a point mass at constant height; the others know height and momentum."""

VERSION = 1
"""Part of the cache key: raise it when the generator's numbers change."""


@dataclasses.dataclass(frozen=True)
class Generated:
    """A script on a robot, with what was planned."""

    qpos: np.ndarray
    """(N, nq) in MuJoCo's order, root quaternion scalar-first."""
    plan: Plan
    com: np.ndarray
    """(N, 3) centre of mass of the motion, m."""
    zmp: np.ndarray
    """(N, 2) its zero moment point, m; NaN in flight."""


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
        height = body.com[2] + plan.height
        height_acc, momentum_rate = plan.height_acc, np.zeros((count, 2))
        guess = None
        for number in range(PASSES):
            ground = plan_com(plan.zmp, height, height_acc, momentum_rate, plan.flight)
            com = np.column_stack((ground, height))
            qpos = guess = self._solve(solver, plan, com, guess)
            height, momentum_rate = _dynamics(body, qpos, com, plan.flight)
            if script.height_of == "com":
                height = com[:, 2]
            elif number < PASSES:
                height_acc = second_difference(height)
        reached = np.column_stack((com[:, :2], height))
        return Generated(qpos, plan, reached, zero_moment_point(reached, height_acc, momentum_rate, plan.flight))

    def _solve(self, solver: WholeBodyIK, plan: Plan, com: np.ndarray, guess: np.ndarray | None) -> np.ndarray:
        body = self.body
        feet = Rotation.from_euler("xyz", plan.foot_rpy.reshape(-1, 3)).as_matrix().reshape(-1, 2, 3, 3)
        feet = feet @ body.foot_rotation
        pelvis = Rotation.from_euler("xyz", plan.pelvis_rpy).as_matrix()
        torso = Rotation.from_euler("xyz", plan.torso_rpy).as_matrix()
        qpos = np.empty((len(com), body.model.nq))
        current = body.nominal
        for k in range(len(com)):
            target = FrameTarget(
                foot_pos=plan.foot_pos[k],
                foot_rotation=feet[k],
                com=com[k],
                pelvis_height=body.nominal[2] + plan.height[k],
                pelvis_rotation=pelvis[k],
                torso_rotation=torso[k],
                arms=plan.arms[k],
            )
            current = solver.solve(current if guess is None else guess[k], target)
            qpos[k] = current
        return qpos


def _dynamics(
    body: Morphology, qpos: np.ndarray, com: np.ndarray, flight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Height of the centre of mass (N,) and momentum rate per mass (N, 2) of a motion."""
    model = body.model
    data = mujoco.MjData(model)
    height = np.empty(len(qpos))
    momentum = np.zeros((len(qpos), 3))
    for k in range(len(qpos)):
        before, after = max(k - 1, 0), min(k + 1, len(qpos) - 1)
        data.qpos[:] = qpos[k]
        mujoco.mj_differentiatePos(model, data.qvel, (after - before) / FPS, qpos[before], qpos[after])
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_subtreeVel(model, data)
        height[k] = data.subtree_com[1, 2]
        momentum[k] = data.subtree_angmom[1]
    rate = np.gradient(momentum, 1.0 / FPS, axis=0) / body.mass
    rate[[0, -1]] = 0.0
    return height, np.where(flight[:, None], 0.0, rate[:, :2])
