"""Whole-body inverse kinematics frame by frame: mink's quadratic programs, solved with daqp.

All positions and orientations that a frame asks for are rows of one task, so that a step costs one Jacobian. Joint
ranges and joint speeds are bounds of the program: no solution breaks them.
"""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.skeleton import Chain

try:
    import daqp  # noqa: F401  (found by its name)
    import mink
    import qpsolvers
    from mink.tasks import BaseTask
except ImportError as error:
    raise AthenaError(
        f"retargeting needs the package '{error.name}': pip install -e '.[retarget]' in the checkout"
    ) from error

AXES = ("pelvis", "torso", "left_foot", "right_foot")
"""Body axes that are tracked, see `Build`."""

SPEED_SHARE = 0.95
"""Share of a joint's velocity limit that a motion may use."""

DAMPING = 1e-3
FIRST_ITERATIONS = 60
"""Iterations of the first frame, which starts in the default pose."""

ROOT_JOLT = 1.0
"""Most that the root's velocity changes by from one frame to the next, m/s along each axis; a hard landing has 0.6."""

LONGEST_STEP = 0.35
"""Of a joint in one iteration, rad. A longer step leaves the way on which a limb can follow, and may end with the hip
wound up on the far side of its range."""

LEG_DISTANCE, LEG_DETECTION = 0.01, 0.12
"""Where legs must not collide: least distance, and the distance from which it counts, m."""

LEG_STEP = 0.1
"""Then also the longest step of a joint, rad: a leg must not be on the other side before it comes near."""

PUSH = 1e-3
"""Legs that touch come apart by this in an iteration, m."""


@dataclasses.dataclass(frozen=True)
class Costs:
    """Weights of the rows: 1/m for positions, 1/rad for orientations and joints."""

    hip: float = 4.0
    knee: float = 6.0
    ankle: float = 20.0
    shoulder: float = 4.0
    elbow: float = 6.0
    wrist: float = 8.0
    pelvis_axes: float = 5.0
    torso_axes: float = 3.0
    foot_axes: float = 1.0
    firm_ankle: float = 20.0
    firm_foot_axes: float = 3.0
    firm_arm: float = 8.0
    """Of feet and hands that touch the ground."""
    posture: float = 0.05

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Costs of POINTS and of AXES; pelvis and torso are placed by hips and shoulders."""
        points = [getattr(self, name.split("_")[-1], 0.0) for name in POINTS]
        return np.array(points), np.array([self.pelvis_axes, self.torso_axes, self.foot_axes, self.foot_axes])


class ChainTask(mink.Task):
    """Positions of POINTS and orientations of AXES in the world frame, all in one Jacobian.

    Error and Jacobian have 3 rows for each point, then 3 for each orientation (rotation vector, world frame).
    """

    def __init__(self, build: Build) -> None:
        points, axes = len(POINTS), len(AXES)
        super().__init__(cost=np.ones(3 * (points + axes)))
        model = build.model
        self.body = build.point_body
        self.offset = build.point_offset
        self.axes_body = np.array([model.body(build.roles[name].body).id for name in AXES])
        moves = _moving_dofs(model)
        self.point_moves = moves[self.body][:, None, :].astype(float)
        self.axes_moves = moves[self.axes_body][:, None, :].astype(float)
        self.root = int(model.body_rootid[self.body[0]])
        self.skew = np.zeros((points, 3, 3))
        self.points = np.zeros((points, 3))
        self.rotations = np.zeros((axes, 3, 3))
        """Targets of the bodies, not of their axes."""

    def positions(self, data: mujoco.MjData) -> np.ndarray:
        """(14, 3) where POINTS are, m."""
        turn = data.xmat[self.body].reshape(-1, 3, 3)
        return data.xpos[self.body] + (turn @ self.offset[:, :, None])[:, :, 0]

    def compute_error(self, configuration: mink.Configuration) -> np.ndarray:
        data = configuration.data
        reached = data.xmat[self.axes_body].reshape(-1, 3, 3)
        turns = _rotation_vectors(reached @ self.rotations.transpose(0, 2, 1))
        return np.concatenate(((self.positions(data) - self.points).ravel(), turns.ravel()))

    def compute_jacobian(self, configuration: mink.Configuration) -> np.ndarray:
        data = configuration.data
        spin, shift = data.cdof[:, :3].T, data.cdof[:, 3:].T
        lever = self.positions(data) - data.subtree_com[self.root]
        skew = self.skew
        skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -lever[:, 2], lever[:, 1], -lever[:, 0]
        skew[:, 1, 0], skew[:, 2, 0], skew[:, 2, 1] = lever[:, 2], -lever[:, 1], lever[:, 0]
        points = (shift - skew @ spin) * self.point_moves
        return np.concatenate((points.reshape(-1, spin.shape[1]), (spin * self.axes_moves).reshape(-1, spin.shape[1])))


class PostureTask(BaseTask):
    """Holds the joints at angles; a diagonal term of the objective."""

    def __init__(self, joints: int, cost: float) -> None:
        self.target = np.zeros(joints)
        self.cost = cost
        self.hessian = np.diag(np.concatenate((np.zeros(6), np.full(joints, cost**2))))

    def compute_qp_objective(self, configuration: mink.Configuration) -> mink.Objective:
        """The objective's Hessian (nv, nv) and gradient (nv,)."""
        away = configuration.data.qpos[7:] - self.target
        return mink.Objective(self.hessian, np.concatenate((np.zeros(6), self.cost**2 * away)))

    def compute_qp_residual(self, configuration: mink.Configuration) -> None:
        """No residual: the objective is added as it is."""


class ChainSolver:
    """Inverse kinematics of one robot.

    Args:
        build: the robot.
        fps: frames a second, for the speed limits.
        collisions: keep the legs apart (slower).
    """

    def __init__(self, build: Build, fps: float, collisions: bool = False) -> None:
        self.build = build
        model = build.model
        self.configuration = mink.Configuration(model, build.nominal)
        self.task = ChainTask(build)
        self.limits = [_leg_limit(build)] if collisions else []
        self.longest = LEG_STEP if collisions else LONGEST_STEP
        self.lower, self.upper = model.jnt_range[1:, 0].copy(), model.jnt_range[1:, 1].copy()
        self.step = SPEED_SHARE * build.embodiment.velocity_limit / fps
        self.jolt = ROOT_JOLT / fps
        self.bounds = np.full(model.nv, 1e30)

    def solve(
        self,
        chain: Chain,
        firm: np.ndarray,
        costs: Costs,
        iterations: int,
        guess: np.ndarray | None = None,
    ) -> np.ndarray:
        """Configurations (T, nq) that follow a chain, each from the one before it.

        Args:
            chain: targets of T frames.
            firm: (T, 4) 0 to 1, how much feet and hands (left, right each) have the costs of touching the ground.
            costs: weights.
            iterations: of each frame.
            guess: (T, nq) a solution nearby, which the posture cost pulls to and each frame starts from; the default
                pose where None.
        """
        build, task, configuration = self.build, self.task, self.configuration
        posture = PostureTask(len(self.lower), costs.posture)
        posture.target = build.nominal[7:]
        tasks = [task, posture]
        rotations = np.stack(
            [
                chain.pelvis_axes @ build.alignment["pelvis"],
                chain.torso_axes @ build.alignment["torso"],
                chain.foot_axes[:, 0] @ build.alignment["left_foot"],
                chain.foot_axes[:, 1] @ build.alignment["right_foot"],
            ],
            axis=1,
        )
        point_costs, axes_costs = costs.rows()
        usual = point_costs.copy()
        ends = [POINTS.index(f"{side}_{part}") for part in ("ankle", "wrist", "elbow") for side in ("left", "right")]
        highest = np.array([costs.firm_ankle] * 2 + [costs.firm_arm] * 4)
        out = np.zeros((len(chain.points), build.model.nq))
        previous: np.ndarray | None = None
        root_step: np.ndarray | None = None
        start = self._start(chain.points[0], rotations[0]) if guess is None else guess[0]
        for frame in range(len(out)):
            task.points, task.rotations = chain.points[frame], rotations[frame]
            touch = firm[frame][[0, 1, 2, 3, 2, 3]]
            point_costs[ends] = usual[ends] + touch * (highest - usual[ends])
            axes_costs[2:] = costs.foot_axes + firm[frame, :2] * (costs.firm_foot_axes - costs.foot_axes)
            task.cost = np.repeat(np.concatenate((point_costs, axes_costs)), 3)
            lower, upper = self.lower, self.upper
            if previous is not None:
                lower = np.maximum(lower, previous[7:] - self.step)
                upper = np.minimum(upper, previous[7:] + self.step)
            if guess is not None:
                posture.target = guess[frame, 7:]
                start = guess[frame].copy()
            start[7:] = np.clip(start[7:], lower, upper)
            configuration.update(start)
            for _ in range(iterations if frame else FIRST_ITERATIONS):
                at = configuration.data.qpos
                root = None if root_step is None else previous[:3] + root_step - at[:3]
                step = self._step(tasks, lower - at[7:], upper - at[7:], root)
                configuration.integrate_inplace(step, 1.0)
            out[frame] = configuration.data.qpos
            out[frame, 7:] = np.clip(out[frame, 7:], lower, upper)
            if previous is not None:
                root_step = out[frame, :3] - previous[:3]
            previous = start = out[frame].copy()
        return out

    def points(self, qpos: np.ndarray) -> np.ndarray:
        """(T, 14, 3) where POINTS are in configurations (T, nq), m."""
        model, data = self.build.model, self.configuration.data
        out = np.zeros((len(qpos), len(POINTS), 3))
        for frame, values in enumerate(qpos):
            data.qpos = values
            mujoco.mj_kinematics(model, data)
            out[frame] = self.task.positions(data)
        return out

    def _step(self, tasks: list, lower: np.ndarray, upper: np.ndarray, root: np.ndarray | None) -> np.ndarray:
        """(nv,) one step within the bounds of the joints, and of the root about where its velocity takes it."""
        problem = mink.build_ik(self.configuration, tasks, 1.0, DAMPING, self.limits)
        problem.lb, problem.ub = -self.bounds, self.bounds.copy()
        problem.lb[6:], problem.ub[6:] = np.maximum(lower, -self.longest), np.minimum(upper, self.longest)
        if root is not None:
            problem.lb[:3], problem.ub[:3] = root - self.jolt, root + self.jolt
        result = qpsolvers.solve_problem(problem, solver="daqp")
        if not result.found and self.limits:
            # Legs that already touch may have no way apart within the joints' speeds: those come first.
            problem.G = problem.h = None
            result = qpsolvers.solve_problem(problem, solver="daqp")
        return result.x if result.found else np.zeros(self.configuration.nv)

    def _start(self, points: np.ndarray, rotations: np.ndarray) -> np.ndarray:
        """The default pose with its pelvis where the first frame has it."""
        qpos = self.build.nominal.copy()
        mujoco.mju_mat2Quat(qpos[3:7], rotations[0].ravel())
        qpos[:3] = points[0]
        return qpos


def _moving_dofs(model: mujoco.MjModel) -> np.ndarray:
    """(bodies, nv) bool: the velocity moves the body."""
    moves = np.zeros((model.nbody, model.nv), dtype=bool)
    for body in range(1, model.nbody):
        moves[body] = moves[model.body_parentid[body]]
        start, count = model.body_dofadr[body], model.body_dofnum[body]
        moves[body, start : start + count] = count > 0
    return moves


def _rotation_vectors(matrices: np.ndarray) -> np.ndarray:
    """(n, 3) rotation vectors of matrices (n, 3, 3); near half a turn, where the axis is lost, of less length."""
    twice_sine = np.stack(
        (
            matrices[:, 2, 1] - matrices[:, 1, 2],
            matrices[:, 0, 2] - matrices[:, 2, 0],
            matrices[:, 1, 0] - matrices[:, 0, 1],
        ),
        axis=1,
    )
    sine = 0.5 * np.sqrt((twice_sine**2).sum(axis=1))
    cosine = 0.5 * (np.trace(matrices, axis1=1, axis2=2) - 1.0)
    factor = np.where(sine > 1e-6, 0.5 * np.arctan2(sine, cosine) / np.maximum(sine, 1e-6), 0.5)
    return factor[:, None] * twice_sine


def _leg_limit(build: Build) -> mink.CollisionAvoidanceLimit:
    model = build.model
    legs = []
    for side in ("left", "right"):
        top = model.body(build.roles[f"{side}_hip"].body).id
        geoms = [
            geom
            for geom in range(model.ngeom)
            if (model.geom_contype[geom] or model.geom_conaffinity[geom])
            and _is_below(model, int(model.geom_bodyid[geom]), top)
        ]
        legs.append(geoms)
    if not all(legs):
        raise AthenaError(
            f"robot '{build.embodiment.name}': --collisions: a leg has no colliders; leave the option out"
        )
    return mink.CollisionAvoidanceLimit(
        model,
        [(legs[0], legs[1])],
        gain=0.5,
        minimum_distance_from_collisions=LEG_DISTANCE,
        collision_detection_distance=LEG_DETECTION,
        bound_relaxation=-PUSH,
    )


def _is_below(model: mujoco.MjModel, body: int, top: int) -> bool:
    while body not in (0, top):
        body = int(model.body_parentid[body])
    return body == top
