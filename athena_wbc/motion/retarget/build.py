"""The proportions of a robot: how long its segments are, where its hips and shoulders sit, how its feet stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.soles import find_sole
from athena_wbc.roles import SIDES, Role, Roles, find_roles

POINTS = (
    "pelvis",
    "torso",
    *(f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in SIDES),
)
"""Points that are tracked and measured, left before right."""

LIMIT_MARGIN = 0.01
"""Distance that motions keep from joint limits, rad (or a twentieth of the range, where that is less)."""

BEHIND_STRAIGHT = 0.03
"""How far knees and elbows may bend backwards, rad."""

_UP = np.array([0.0, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Build:
    """A robot as retargeting sees it.

    A *body axes* frame has x forward, y to the left and z up while the robot stands; pelvis, torso and feet have one
    each, whatever the frames of their bodies.
    """

    embodiment: Embodiment
    model: mujoco.MjModel
    """Private copy with joint ranges narrowed by the margin."""
    nominal: np.ndarray
    """(nq,) default pose, scalar-first quaternion."""
    roles: Roles
    point_body: np.ndarray
    """(14,) body id of every one of POINTS."""
    point_offset: np.ndarray
    """(14, 3) in the body's frame, m."""
    alignment: Mapping[str, np.ndarray]
    """(3, 3) for pelvis, torso, left_foot, right_foot: R_body = R_axes @ alignment."""
    hips: np.ndarray
    """(2, 3) from the pelvis' point, in its axes, m."""
    waist: np.ndarray
    """(3,) from the pelvis' point to the torso's, in the pelvis' axes, m."""
    shoulders: np.ndarray
    """(2, 3) from the torso's point, in its axes, m."""
    thigh: float
    shin: float
    upper_arm: float
    forearm: float
    ankle_pitch: tuple[float, float]
    """Range of the foot's pitch against the shin, toes down positive, rad; zero at a right angle."""
    ankle_roll: tuple[float, float]
    """Range of the foot's roll against the shin, for the left foot, its left side up positive, rad."""
    soles: tuple[np.ndarray, np.ndarray]
    """(P, 3) contact points of either foot from the ankle, in the foot's axes; radii are taken off their height."""

    @property
    def ankles(self) -> list[int]:
        """Left and right ankle among POINTS."""
        return [POINTS.index("left_ankle"), POINTS.index("right_ankle")]

    @property
    def leg(self) -> float:
        """Length of a stretched leg from the hip to the sole, m."""
        return self.thigh + self.shin + self.ankle_height

    @property
    def ankle_height(self) -> float:
        """Of the ankle above the ground when the foot stands flat, m."""
        return float(np.mean([-sole[:, 2].min() for sole in self.soles]))


def robot_build(embodiment: Embodiment) -> Build:
    """Measure a robot in its default pose, in which it stands upright.

    Roles are found in the tree, and taken from the robot file where it names them.

    Raises:
        AthenaError: roles that are not found, feet without colliders.
    """
    model = mujoco.MjModel.from_xml_path(str(embodiment.model_path))
    roles = find_roles(model, embodiment.name, overrides=embodiment.roles)
    data = mujoco.MjData(model)
    data.qpos[2] = embodiment.default_root_height
    for name, value in zip(embodiment.joint_names, embodiment.default_joint_pos, strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_forward(model, data)
    body = np.array([model.body(roles[name].body).id for name in POINTS])
    offset = np.array([roles[name].point for name in POINTS])
    offset[POINTS.index("torso")] = _waist_pivot(model, data, roles)
    where = data.xpos[body] + np.einsum("nij,nj->ni", data.xmat[body].reshape(-1, 3, 3), offset)
    at = dict(zip(POINTS, where, strict=True))
    axes = _axes(np.array(roles.forward))
    alignment = {name: axes.T @ data.body(roles[name].body).xmat.reshape(3, 3) for name in ("pelvis", "torso")}
    soles = []
    for side in SIDES:
        foot = model.body(roles[f"{side}_foot"].body).id
        sole = find_sole(model, data, foot, embodiment.name)
        alignment[f"{side}_foot"] = axes.T @ sole.level
        ankle = data.xmat[foot].reshape(3, 3).T @ (at[f"{side}_ankle"] - data.xpos[foot])
        soles.append((sole.points - ankle) @ (axes.T @ sole.level).T)
    lengths = {
        name: float(np.mean([np.linalg.norm(at[f"{side}_{a}"] - at[f"{side}_{b}"]) for side in SIDES]))
        for name, a, b in (
            ("thigh", "hip", "knee"),
            ("shin", "knee", "ankle"),
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
        )
    }
    short = [name for name, length in lengths.items() if length < 1e-3]
    if short:
        raise AthenaError(f"robot '{embodiment.name}': {short[0]} has no length; name its joints' bodies under roles")
    hips = np.array([axes.T @ (at[f"{side}_hip"] - at["pelvis"]) for side in SIDES])
    shoulders = np.array([axes.T @ (at[f"{side}_shoulder"] - at["torso"]) for side in SIDES])
    _keep_straight(model, data, roles)
    _narrow_ranges(model)
    return Build(
        embodiment=embodiment,
        model=model,
        nominal=np.array(data.qpos),
        roles=roles,
        point_body=body,
        point_offset=offset,
        alignment=alignment,
        hips=_symmetric(hips),
        waist=axes.T @ (at["torso"] - at["pelvis"]),
        shoulders=_symmetric(shoulders),
        ankle_pitch=_ankle_range(model, roles, np.cross(_UP, np.array(roles.forward))),
        ankle_roll=_ankle_range(model, roles, np.array(roles.forward)),
        soles=(soles[0], soles[1]),
        **lengths,
    )


def _axes(forward: np.ndarray) -> np.ndarray:
    """(3, 3) columns forward, left, up."""
    return np.stack((forward, np.cross(_UP, forward), _UP), axis=1)


def _symmetric(pair: np.ndarray) -> np.ndarray:
    """A pair of points made each other's mirror image, so that left and right are treated alike."""
    mirrored = pair[1] * (1.0, -1.0, 1.0)
    mean = 0.5 * (pair[0] + mirrored)
    return np.stack((mean, mean * (1.0, -1.0, 1.0)))


def _waist_pivot(model: mujoco.MjModel, data: mujoco.MjData, roles: Roles) -> np.ndarray:
    """The point about which the torso bends on the pelvis, in the torso's frame: the mean of the waist's anchors."""
    torso = model.body(roles["torso"].body).id
    if not roles.waist:
        pivot = data.body(roles["pelvis"].body).xpos
    else:
        pivot = np.mean([data.joint(name).xanchor for name in roles.waist], axis=0)
    return data.xmat[torso].reshape(3, 3).T @ (pivot - data.xpos[torso])


def _ankle_range(model: mujoco.MjModel, roles: Roles, axis: np.ndarray) -> tuple[float, float]:
    """Range of the left ankle about an axis of the zero pose; zero where no joint turns about it."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    lower = upper = 0.0
    for joint in (model.joint(name).id for name in roles["left_ankle"].joints):
        cosine = float(data.xaxis[joint] @ axis)
        if abs(cosine) > 0.7:
            ends = sorted(model.jnt_range[joint] * np.sign(cosine))
            lower, upper = lower + ends[0], upper + ends[1]
    return float(lower), float(upper)


def _keep_straight(model: mujoco.MjModel, data: mujoco.MjData, roles: Roles) -> None:
    """Take from the ranges of knees and elbows what lies behind the straight limb.

    A limb that is bent a little can be so either way, with the rest of it turned round; bent the wrong way it is caught
    when the bend grows. People's knees and elbows bend one way.
    """
    for near, middle, far in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        for side in SIDES:
            joint = model.joint(roles[f"{side}_{middle}"].joints[0])
            lower, upper = model.jnt_range[joint.id]
            before = float(data.qpos[joint.qposadr[0]])
            angles = np.linspace(lower, upper, 181)
            reach = []
            for angle in angles:
                data.qpos[joint.qposadr[0]] = angle
                mujoco.mj_kinematics(model, data)
                ends = [_place(model, data, roles[f"{side}_{part}"]) for part in (near, far)]
                reach.append(np.linalg.norm(ends[0] - ends[1]))
            straight = float(angles[int(np.argmax(reach))])
            if upper - straight > straight - lower:
                model.jnt_range[joint.id, 0] = max(lower, straight - BEHIND_STRAIGHT)
            else:
                model.jnt_range[joint.id, 1] = min(upper, straight + BEHIND_STRAIGHT)
            data.qpos[joint.qposadr[0]] = np.clip(before, *model.jnt_range[joint.id])
    mujoco.mj_forward(model, data)


def _place(model: mujoco.MjModel, data: mujoco.MjData, role: Role) -> np.ndarray:
    body = model.body(role.body).id
    return data.xpos[body] + data.xmat[body].reshape(3, 3) @ np.array(role.point)


def _narrow_ranges(model: mujoco.MjModel) -> None:
    limited = model.jnt_limited.astype(bool)
    span = model.jnt_range[limited, 1] - model.jnt_range[limited, 0]
    margin = np.minimum(LIMIT_MARGIN, 0.05 * span)
    model.jnt_range[limited] += np.stack((margin, -margin), axis=1)
