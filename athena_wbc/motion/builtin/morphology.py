"""What a script needs to know of a robot: leg length, soles, stance, torso and arms, found through its roles."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError

SOLE_THICKNESS = 0.01
"""Collider points this far above the lowest one still belong to the sole, m."""

LIMIT_MARGIN = 0.02
"""Distance that clips keep from joint limits, rad (or a tenth of the range, where that is less)."""

LEFT, RIGHT = 0, 1


@dataclasses.dataclass(frozen=True)
class ArmChain:
    """One arm, from the shoulder to the hand. Body ids and joint addresses are those of the MuJoCo model."""

    shoulder: int
    elbow: int
    hand: int
    dofs: np.ndarray
    """(A,) velocity addresses of the joints between torso and hand."""
    free: np.ndarray
    """(A,) bool: joints that aim the arm (shoulder and elbow); the others keep the default pose."""


@dataclasses.dataclass(frozen=True)
class Morphology:
    """A humanoid as the scripts see it. Left comes first in pairs; positions in m, nominal soles at z = 0."""

    model: mujoco.MjModel
    """Private copy whose joint ranges are narrowed by the margin."""
    nominal: np.ndarray
    """(nq,) default pose, moved so that the feet stand flat on the ground; root at x = y = 0, scalar-first."""
    torso: int
    """Body id of the last body that both arms hang from; the root for a robot without a waist."""
    feet: tuple[int, int]
    pelvis_rotation: np.ndarray
    torso_rotation: np.ndarray
    """(3, 3) orientations in the nominal pose."""
    foot_pos: np.ndarray
    """(2, 3) origins of the feet in the nominal pose, at the height of a level foot."""
    foot_rotation: np.ndarray
    """(2, 3, 3) orientation of the feet when flat on the ground and heading along x."""
    soles: tuple[np.ndarray, np.ndarray]
    """Contact points of either foot in its own frame, (P, 3) each."""
    toe: np.ndarray
    """(2,) distance of the foremost points of the sole in front of the foot's origin, level foot."""
    leg_length: float
    """Height of the hips above the soles in the nominal pose."""
    com: np.ndarray
    """(3,) centre of mass in the nominal pose."""
    arms: tuple[ArmChain | None, ArmChain | None]

    @property
    def mass(self) -> float:
        """Total mass, kg."""
        return float(self.model.body_subtreemass[1])


def morphology(embodiment: Embodiment) -> Morphology:
    """Read a robot's build from its model and roles.

    Raises:
        AthenaError: the robot has not exactly two feet, or a foot has no collider.
    """
    model = mujoco.MjModel.from_xml_path(str(embodiment.model_path))
    data = mujoco.MjData(model)
    data.qpos[:3] = (0.0, 0.0, embodiment.default_root_height)
    for name, value in zip(embodiment.joint_names, embodiment.default_joint_pos, strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_forward(model, data)
    if len(embodiment.feet) != 2:
        raise AthenaError(
            f"robot '{embodiment.name}': feet: built-in clips need two feet, it has {len(embodiment.feet)}"
        )
    feet = _left_first(data, [model.body(name).id for name in embodiment.feet])
    rotations, soles = zip(*(_sole(model, data, foot, embodiment.name) for foot in feet), strict=True)
    # Lower or raise the default pose so that its soles are at height zero.
    level = [rotation @ sole.T for rotation, sole in zip(rotations, soles, strict=True)]
    data.qpos[2] -= np.mean([data.xpos[foot, 2] + points[2].min() for foot, points in zip(feet, level, strict=True)])
    mujoco.mj_forward(model, data)
    foot_pos = data.xpos[list(feet)].copy()
    foot_pos[:, 2] = [-points[2].min() for points in level]
    hands = [model.body(name).id for name in embodiment.end_effectors if name not in embodiment.feet]
    hands = _left_first(data, hands) if len(hands) == 2 else ()
    torso = _common_ancestor(model, hands) if hands else 1
    _narrow_ranges(model)
    return Morphology(
        model=model,
        nominal=data.qpos.copy(),
        torso=torso,
        feet=feet,
        pelvis_rotation=data.xmat[1].reshape(3, 3).copy(),
        torso_rotation=data.xmat[torso].reshape(3, 3).copy(),
        foot_pos=foot_pos,
        foot_rotation=np.stack(rotations),
        soles=soles,
        toe=np.array([points[0].max() for points in level]),
        leg_length=float(np.mean([data.xpos[_leg_top(model, foot), 2] for foot in feet])),
        com=data.subtree_com[1].copy(),
        arms=tuple(_arm(model, torso, hand) for hand in hands) if hands else (None, None),
    )


def _left_first(data: mujoco.MjData, bodies: list[int]) -> tuple[int, int]:
    return tuple(sorted(bodies, key=lambda body: -data.xpos[body, 1]))


def _chain(model: mujoco.MjModel, body: int, stop: int) -> list[int]:
    """Bodies from the child of `stop` down to `body`."""
    chain = []
    while body not in (stop, 0):
        chain.append(body)
        body = int(model.body_parentid[body])
    return chain[::-1]


def _common_ancestor(model: mujoco.MjModel, bodies: tuple[int, int]) -> int:
    first, second = ([1, *_chain(model, body, 1)] for body in bodies)
    return max(body for body in first if body in second)


def _leg_top(model: mujoco.MjModel, foot: int) -> int:
    """First body of the leg that turns: the hip."""
    return next(body for body in _chain(model, foot, 1) if model.body_jntnum[body] > 0)


def _arm(model: mujoco.MjModel, torso: int, hand: int) -> ArmChain | None:
    bodies = [body for body in _chain(model, hand, torso) if model.body_jntnum[body] > 0]
    joints = [int(model.body_jntadr[body]) for body in bodies]
    names = [model.joint(joint).name.lower() for joint in joints]
    shoulders = [i for i, name in enumerate(names) if "shoulder" in name]
    elbows = [i for i, name in enumerate(names) if "elbow" in name]
    if not shoulders or not elbows:
        return None
    # The roll joint's frame is nearest to the point that the upper arm swings about.
    roll = [i for i in shoulders if "roll" in names[i]] or shoulders
    return ArmChain(
        shoulder=bodies[roll[0]],
        elbow=bodies[elbows[0]],
        hand=hand,
        dofs=model.jnt_dofadr[joints].copy(),
        free=np.array(["shoulder" in name or "elbow" in name for name in names]),
    )


def _sole(model: mujoco.MjModel, data: mujoco.MjData, foot: int, robot: str) -> tuple[np.ndarray, np.ndarray]:
    """Orientation of the foot when its sole is level, (3, 3), and the sole's points in the foot's frame, (P, 3)."""
    rotation = data.xmat[foot].reshape(3, 3)
    points = []
    for geom in range(model.ngeom):
        same = model.body_weldid[model.geom_bodyid[geom]] == model.body_weldid[foot]
        if same and (model.geom_contype[geom] or model.geom_conaffinity[geom]):
            points.append(_lowest_points(model, data, geom))
    if not points:
        raise AthenaError(f"robot '{robot}': foot '{model.body(foot).name}' has no collider; give it one in its MJCF")
    world = np.concatenate(points)
    world = world[world[:, 2] < world[:, 2].min() + SOLE_THICKNESS]
    normal = _plane_normal(world)
    sole = (world - data.xpos[foot]) @ rotation
    level = _shortest_turn(normal, np.array([0.0, 0.0, 1.0])) @ rotation
    return level, sole


def _lowest_points(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray:
    """Points of a collider that can touch the ground, in the world frame, (n, 3)."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    position, rotation = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    down = np.array([0.0, 0.0, -1.0])
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return position[None] + size[0] * down
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        ends = np.array([[0.0, 0.0, size[1]], [0.0, 0.0, -size[1]]])
        return position + ends @ rotation.T + size[0] * down
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return position + model.mesh_vert[start : start + count] @ rotation.T
    centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return position + (centre + signs * half) @ rotation.T


def _plane_normal(points: np.ndarray) -> np.ndarray:
    """Upward unit normal of the plane through points; vertical where they do not span one."""
    centred = points - points.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    if len(points) < 3 or spread[1] < 1e-3:
        return np.array([0.0, 0.0, 1.0])
    return axes[2] * np.sign(axes[2, 2])


def _shortest_turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation matrix of the least angle that takes one unit vector to another."""
    axis, cosine = np.cross(source, target), source @ target
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)


def _narrow_ranges(model: mujoco.MjModel) -> None:
    limited = model.jnt_limited.astype(bool)
    span = model.jnt_range[limited, 1] - model.jnt_range[limited, 0]
    margin = np.minimum(LIMIT_MARGIN, 0.1 * span)
    model.jnt_range[limited] += np.stack((margin, -margin), axis=1)
