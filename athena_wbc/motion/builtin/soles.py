"""The sole of a foot, found in its colliders."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np

from athena_wbc.errors import AthenaError

THICKNESS = 0.01
"""Collider points this far above the lowest one still belong to the sole, m."""

_UP = np.array([0.0, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Sole:
    """Where a foot touches the ground."""

    points: np.ndarray
    """(P, 3) contact points in the foot's frame, m."""
    radius: np.ndarray
    """(P,) of the colliders there, m; 0 for corners."""
    level: np.ndarray
    """(3, 3) orientation of the foot when its sole is level, with the heading of the default pose."""

    @property
    def height(self) -> float:
        """Of the foot's origin above the ground when the foot is level, m."""
        return float(-(self.points @ self.level.T)[:, 2].min())

    @property
    def toe(self) -> float:
        """Distance of the foremost point in front of the foot's origin, m."""
        return float((self.points @ self.level.T)[:, 0].max())

    @property
    def toe_radius(self) -> float:
        """Radius of the collider at the foremost point, m."""
        return float(self.radius[(self.points @ self.level.T)[:, 0].argmax()])


def find_sole(model: mujoco.MjModel, data: mujoco.MjData, foot: int, robot: str) -> Sole:
    """The sole of a foot in a standing pose.

    Args:
        model: the robot.
        data: its kinematics in a pose in which it stands on its feet, heading along x.
        foot: body id.
        robot: name for messages.

    Raises:
        AthenaError: the foot has no collider.
    """
    found = []
    for geom in range(model.ngeom):
        welded = model.body_weldid[model.geom_bodyid[geom]] == model.body_weldid[foot]
        if welded and (model.geom_contype[geom] or model.geom_conaffinity[geom]):
            found.append(_contact_points(model, data, geom))
    if not found:
        raise AthenaError(f"robot '{robot}': foot '{model.body(foot).name}' has no collider; give it one in its MJCF")
    points = np.concatenate([points for points, _ in found])
    radius = np.concatenate([np.full(len(points), radius) for points, radius in found])
    low = points[:, 2] < points[:, 2].min() + THICKNESS
    points, radius = points[low], radius[low]
    rotation = data.xmat[foot].reshape(3, 3)
    return Sole(
        points=(points - data.xpos[foot]) @ rotation,
        radius=radius,
        level=_shortest_turn(_plane_normal(points), _UP) @ rotation,
    )


def _contact_points(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> tuple[np.ndarray, float]:
    """Points of a collider that can touch the ground, in the world frame, (n, 3), and its radius there."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    position, rotation = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return position[None] - size[0] * _UP, size[0]
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        ends = np.array([[0.0, 0.0, size[1]], [0.0, 0.0, -size[1]]])
        return position + ends @ rotation.T - size[0] * _UP, size[0]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return position + model.mesh_vert[start : start + count] @ rotation.T, 0.0
    centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return position + (centre + signs * half) @ rotation.T, 0.0


def _plane_normal(points: np.ndarray) -> np.ndarray:
    """Upward unit normal of the plane through points; vertical where they do not span one."""
    _, spread, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    if len(points) < 3 or spread[1] < 1e-3:
        return _UP
    return axes[2] * np.sign(axes[2, 2])


def _shortest_turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation matrix of the least angle that takes one unit vector to another."""
    axis, cosine = np.cross(source, target), source @ target
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1.0 + cosine)
