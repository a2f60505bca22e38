"""Default pose of a robot: knees slightly bent, soles flat and the mass above them, arms at the sides.

The feet stand as far apart as in the zero pose. Found by least squares on the robot's forward kinematics within its
joint limits, whatever its zero pose is.
"""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
from scipy.optimize import least_squares

from athena_wbc.motion.builtin.soles import Sole, find_sole

KNEE_BEND = 0.6
"""Bend of the knees from where the leg is longest, rad."""

LIMIT_MARGIN = 0.05
"""Distance from joint limits, rad (or a tenth of the range, where that is less)."""

UPPER_ARM, FOREARM = (0.0, 0.17, -1.0), (0.5, 0.1, -0.85)
"""Directions (forward, outward, up) of the arm in the default pose."""

STAY_COST = 0.02
"""Weight of a joint's angle (rad) beside errors in m and rad: joints that the pose does not need stay at zero."""

_PASSES = 2
"""The sole is looked for again in the pose that came out: where the zero pose is not quite flat it was a part of it."""


@dataclasses.dataclass(frozen=True)
class Limb:
    """A leg or an arm as body ids of the MuJoCo model; left has the side +1, right -1."""

    side: float
    top: int
    """Hip or shoulder."""
    middle: int
    """Knee or elbow."""
    end: int
    """Foot, or the body of the wrist."""
    points: tuple[tuple[float, float, float], ...]
    """Where hip, knee and foot, or shoulder, elbow and wrist, are in these bodies' frames, m."""

    def place(self, data: mujoco.MjData, index: int) -> np.ndarray:
        """(3,) a point of the limb in the world frame: 0 its top, 1 its middle, 2 its end."""
        body = (self.top, self.middle, self.end)[index]
        return data.xpos[body] + data.xmat[body].reshape(3, 3) @ np.array(self.points[index])


@dataclasses.dataclass(frozen=True)
class Stance:
    """The default pose."""

    qpos: np.ndarray
    """(nq,) with the soles at height zero and the root at x = y = 0, upright; root quaternion scalar first."""
    soles: tuple[Sole, Sole]
    leg_length: float
    """Height of the hips above the soles, m."""
    com_offset: float
    """Horizontal distance of the centre of mass from the middle of the soles, m."""
    tilt: float
    """Greatest angle of a sole to the ground, rad."""


def find_stance(
    model: mujoco.MjModel, legs: tuple[Limb, Limb], arms: tuple[Limb, ...], movable: tuple[str, ...], robot: str
) -> Stance:
    """The default pose of a model whose root is free and whose zero pose looks along x.

    Args:
        model: the robot; its first joint is the root's free joint.
        legs: left, right.
        arms: left, right; none where the robot has none.
        movable: joints of hips, ankles, shoulders and elbows; the others stay at zero, the knees at `KNEE_BEND`.
        robot: name for messages.

    Raises:
        AthenaError: a foot has no collider.
    """
    data = mujoco.MjData(model)
    data.qpos[:] = 0.0
    data.qpos[3] = 1.0
    # In the model's zero pose, whether its limits allow that or not, the soles lie flat, head forward and stand as far
    # apart as they should: x of the world is then the forward axis of the sole, in the foot's frame.
    mujoco.mj_forward(model, data)
    soles = tuple(find_sole(model, data, leg.end, robot) for leg in legs)
    ahead = [sole.level[0] for sole in soles]
    aside = [float(leg.place(data, 2)[1]) for leg in legs]
    lower, upper = model.jnt_range[1:].T
    margin = np.minimum(LIMIT_MARGIN, 0.1 * (upper - lower))
    lower, upper = lower + margin, upper - margin
    data.qpos[7:] = np.clip(0.0, lower, upper)
    knees = [_joint_of(model, leg.middle) for leg in legs]
    for leg, knee in zip(legs, knees, strict=True):
        data.qpos[7 + knee] = _bent_knee(model, data, leg, knee, lower[knee], upper[knee])
    free = np.zeros(model.nq - 7, dtype=bool)
    free[[model.joint(name).id - 1 for name in movable]] = True
    free[knees] = False
    for _ in range(_PASSES):
        _solve(model, data, legs, arms, soles, ahead, aside, free, lower, upper)
        mujoco.mj_forward(model, data)
        soles = tuple(find_sole(model, data, leg.end, robot) for leg in legs)
    data.qpos[2] -= min(float(_sole_points(data, leg, sole)[:, 2].min()) for leg, sole in zip(legs, soles, strict=True))
    mujoco.mj_forward(model, data)
    centre = _support(data, legs, soles)
    normals = [data.xmat[leg.end].reshape(3, 3) @ sole.level[2] for leg, sole in zip(legs, soles, strict=True)]
    return Stance(
        qpos=data.qpos.copy(),
        soles=soles,
        leg_length=float(np.mean([leg.place(data, 0)[2] for leg in legs])),
        com_offset=float(np.linalg.norm(data.subtree_com[1, :2] - centre)),
        tilt=float(max(np.arccos(np.clip(normal[2], -1.0, 1.0)) for normal in normals)),
    )


def _joint_of(model: mujoco.MjModel, body: int) -> int:
    """Index of the nearest joint at or above a body, among the joints below the root."""
    while model.body_jntnum[body] == 0:
        body = int(model.body_parentid[body])
    return int(model.body_jntadr[body]) - 1


def _bent_knee(model: mujoco.MjModel, data: mujoco.MjData, leg: Limb, knee: int, lower: float, upper: float) -> float:
    """Angle at which the knee is bent by `KNEE_BEND` from the longest leg, towards the wider part of its range."""
    angles = np.linspace(lower, upper, 181)
    lengths = np.empty_like(angles)
    for index, angle in enumerate(angles):
        data.qpos[7 + knee] = angle
        mujoco.mj_kinematics(model, data)
        lengths[index] = np.linalg.norm(leg.place(data, 2) - leg.place(data, 0))
    straight = angles[lengths.argmax()]
    towards = 1.0 if upper - straight > straight - lower else -1.0
    return float(np.clip(straight + towards * KNEE_BEND, lower, upper))


def _solve(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    legs: tuple[Limb, Limb],
    arms: tuple[Limb, ...],
    soles: tuple[Sole, Sole],
    ahead: list[np.ndarray],
    aside: list[float],
    free: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> None:
    """Put the pose of least squares into `data.qpos`; the root stays where it is, upright."""
    neutral = np.clip(0.0, lower, upper)[free]

    def residuals(joints: np.ndarray) -> np.ndarray:
        data.qpos[7:][free] = joints
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        errors = [STAY_COST * (joints - neutral)]
        heights = []
        for leg, sole, toes, beside in zip(legs, soles, ahead, aside, strict=True):
            rotation = data.xmat[leg.end].reshape(3, 3)
            normal, forward = rotation @ sole.level[2], rotation @ toes
            points = _sole_points(data, leg, sole)
            heights.append(points[:, 2].min())
            errors += [normal[:2], forward[1:2], leg.place(data, 2)[1:2] - beside]
        errors.append(np.array([heights[0] - heights[1]]))
        errors.append((data.subtree_com[1, :2] - _support(data, legs, soles))[:2])
        feet = [data.xpos[leg.end, 0] for leg in legs]
        errors.append(np.array([feet[0] - feet[1]]))
        for arm in arms:
            for start, direction in ((0, UPPER_ARM), (1, FOREARM)):
                link = arm.place(data, start + 1) - arm.place(data, start)
                errors.append(0.3 * (link / max(float(np.linalg.norm(link)), 1e-6) - _unit(direction, arm.side)))
        return np.concatenate(errors)

    start = np.clip(data.qpos[7:][free], lower[free] + 1e-6, upper[free] - 1e-6)
    found = least_squares(residuals, start, bounds=(lower[free], upper[free]), max_nfev=60)
    residuals(found.x)


def _sole_points(data: mujoco.MjData, leg: Limb, sole: Sole) -> np.ndarray:
    """(P, 3) contact points in the world frame."""
    return data.xpos[leg.end] + sole.points @ data.xmat[leg.end].reshape(3, 3).T


def _support(data: mujoco.MjData, legs: tuple[Limb, Limb], soles: tuple[Sole, Sole]) -> np.ndarray:
    """(2,) middle of the rectangle around both soles."""
    points = np.concatenate([_sole_points(data, leg, sole) for leg, sole in zip(legs, soles, strict=True)])[:, :2]
    return 0.5 * (points.min(0) + points.max(0))


def _unit(direction: tuple[float, float, float], side: float) -> np.ndarray:
    vector = np.array(direction) * (1.0, side, 1.0)
    return vector / np.linalg.norm(vector)
