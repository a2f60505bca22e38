"""Whole-body inverse kinematics of one frame, and of arm poses: mink's tasks, solved with daqp."""

from __future__ import annotations

import dataclasses
import functools

import daqp  # noqa: F401  (the solver behind mink, found by its name)
import mink
import mujoco
import numpy as np

from athena_wbc.motion.builtin.arms import POSES, ArmPose
from athena_wbc.motion.builtin.morphology import LEFT, ArmChain, Morphology

FOOT_COST = 200.0
COM_COST = 40.0
PELVIS_COST = 10.0
TORSO_COST = 5.0
ARM_COST = 1.0
POSTURE_COST = 1e-3
"""Of the joints that other tasks decide; keeps the problem well posed."""

TOLERANCE = 1e-6
"""A frame is solved when no coordinate moves by more than this in an iteration, rad or m."""

ITERATIONS = 12
ARM_ITERATIONS = 80


@dataclasses.dataclass(frozen=True)
class FrameTarget:
    """Targets of one frame in the world frame; rotations are matrices."""

    foot_pos: np.ndarray
    foot_rotation: np.ndarray
    com: np.ndarray
    """(3,) the height counts only where the solver follows the height of the centre of mass."""
    pelvis_height: float
    pelvis_rotation: np.ndarray
    torso_rotation: np.ndarray
    arms: np.ndarray


class HeightTask(mink.Task):
    """Holds the root at a height, whatever its orientation; error and Jacobian have one row, m."""

    def __init__(self, cost: float) -> None:
        super().__init__(cost=np.array([cost]))
        self.target = 0.0

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        return configuration.data.xpos[1, 2:3] - self.target

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        jacobian = np.zeros((3, configuration.nv))
        mujoco.mj_jacBody(configuration.model, configuration.data, jacobian, None, 1)
        return jacobian[2:]


class WholeBodyIK:
    """Gauss-Newton on mink's tasks: feet, centre of mass, pelvis, torso, arms, within the joint limits.

    The tasks ask for exactly as much as the robot can give, so that all are met and a frame's solution does not
    depend on the way to it.

    Args:
        body: the robot.
        follow: "pelvis" or "com", the height that is followed.
    """

    def __init__(self, body: Morphology, follow: str) -> None:
        self.body = body
        model = body.model
        self.configuration = mink.Configuration(model, body.nominal)
        self.limits = [mink.ConfigurationLimit(model, gain=0.9)]
        names = [model.body(foot).name for foot in body.feet]
        self.feet = [mink.FrameTask(name, "body", FOOT_COST, FOOT_COST) for name in names]
        self.pelvis = mink.FrameTask(model.body(1).name, "body", 0.0, PELVIS_COST)
        self.com = mink.ComTask(np.array([COM_COST, COM_COST, COM_COST if follow == "com" else 0.0]))
        self.tasks = [*self.feet, self.pelvis, self.com]
        if follow == "pelvis":
            self.height = HeightTask(COM_COST)
            self.tasks.append(self.height)
        self.torso = None
        if body.torso != 1:
            self.torso = mink.FrameTask(model.body(body.torso).name, "body", 0.0, TORSO_COST)
            self.tasks.append(self.torso)
        self.arm_dofs = np.concatenate([arm.dofs for arm in body.arms if arm is not None] or [np.zeros(0, int)])
        cost = np.full(model.nv, POSTURE_COST)
        cost[:6] = 0.0
        cost[self.arm_dofs] = ARM_COST
        self.posture = mink.PostureTask(model, cost)
        self.tasks.append(self.posture)
        self.arm_qpos = self.arm_dofs + 1  # the root has one more position than velocities

    def solve(self, start: np.ndarray, target: FrameTarget) -> np.ndarray:
        """Configuration (nq,) that meets the targets, from a guess nearby."""
        for task, pos, rotation in zip(self.feet, target.foot_pos, target.foot_rotation, strict=True):
            task.set_target(_pose(pos, rotation))
        self.pelvis.set_target(_pose(np.zeros(3), target.pelvis_rotation))
        self.com.set_target(target.com)
        if self.com.cost[2] == 0.0:
            self.height.target = target.pelvis_height
        if self.torso is not None:
            self.torso.set_target(_pose(np.zeros(3), target.torso_rotation))
        posture = self.body.nominal.copy()
        posture[self.arm_qpos] = target.arms
        self.posture.set_target(posture)
        return iterate(self.configuration, start, self.tasks, self.limits, ITERATIONS)

    def miss(self, qpos: np.ndarray, target: FrameTarget) -> float:
        """Greatest distance of a foot or the centre of mass (as far as it is followed) from its target, m."""
        self.configuration.update(qpos)
        data = self.configuration.data
        feet = np.linalg.norm(data.xpos[list(self.body.feet)] - target.foot_pos, axis=1)
        com = (data.subtree_com[1] - target.com) * (self.com.cost > 0.0)
        return float(max(*feet, np.linalg.norm(com)))


class ArmSolver:
    """Joint angles of the named arm poses for one robot.

    An arm without a shoulder or an elbow (`Morphology.arms` has None for it) has no angles, and stays as it is.
    """

    def __init__(self, body: Morphology) -> None:
        self.body = body
        self.limits = [mink.ConfigurationLimit(body.model, gain=0.9)]
        self.angles = functools.lru_cache(maxsize=None)(self._angles)

    def __call__(self, side: int, name: str) -> np.ndarray:
        """(A,) angles of the arm on a side for a pose of `arms.POSES`, or "rest"."""
        return self.angles(side, name)

    def _angles(self, side: int, name: str) -> np.ndarray:
        arm = self.body.arms[side]
        if arm is None:
            return np.zeros(0)
        if name == "rest":
            return self.body.nominal[arm.dofs + 1]
        return self._solve(side, arm, POSES[name])

    def _solve(self, side: int, arm: ArmChain, pose: ArmPose) -> np.ndarray:
        model = self.body.model
        configuration = mink.Configuration(model, self.body.nominal)
        data = configuration.data
        outward = 1.0 if side == LEFT else -1.0
        upper_length = np.linalg.norm(data.xpos[arm.elbow] - data.xpos[arm.shoulder])
        fore_length = np.linalg.norm(data.xpos[arm.hand] - data.xpos[arm.elbow])
        upper, fore = (_unit(d) * (1.0, outward, 1.0) for d in (pose.upper, pose.fore))
        elbow = mink.FrameTask(model.body(arm.elbow).name, "body", 1.0, 0.0)
        hand = mink.FrameTask(model.body(arm.hand).name, "body", 1.0, 0.0)
        cost = np.full(model.nv, 1e3)
        cost[arm.dofs[arm.free]] = 3e-3
        posture = mink.PostureTask(model, cost)
        posture.set_target(self.body.nominal)
        root = mink.FrameTask(model.body(1).name, "body", 1e3, 1e3)
        root.set_target_from_configuration(configuration)
        q = self.body.nominal.copy()
        # The shoulder's frame moves a little with the arm: aim again from where it came to lie.
        for _ in range(4):
            configuration.update(q)
            joint = data.xpos[arm.shoulder] + upper_length * upper
            elbow.set_target(_pose(joint, np.eye(3)))
            hand.set_target(_pose(joint + fore_length * fore, np.eye(3)))
            q = iterate(configuration, q, [root, elbow, hand, posture], self.limits, ARM_ITERATIONS, 1e-4)
        return q[arm.dofs + 1]


def iterate(
    configuration: mink.Configuration,
    start: np.ndarray,
    tasks: list,
    limits: list,
    iterations: int,
    damping: float = 1e-9,
) -> np.ndarray:
    """Repeat the quadratic program until it stands still. Returns the configuration (nq,)."""
    configuration.update(start)
    for _ in range(iterations):
        step = mink.solve_ik(configuration, tasks, 1.0, "daqp", damping=damping, limits=limits)
        configuration.integrate_inplace(step, 1.0)
        if np.abs(step).max() < TOLERANCE:
            break
    return configuration.q


def _pose(position: np.ndarray, rotation: np.ndarray) -> mink.SE3:
    return mink.SE3.from_rotation_and_translation(mink.SO3.from_matrix(rotation), position)


def _unit(vector: tuple[float, float, float]) -> np.ndarray:
    return np.asarray(vector) / np.linalg.norm(vector)
