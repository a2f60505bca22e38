"""Points of a robot's surface that can touch the ground, from the colliders of its model."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment


@dataclasses.dataclass(frozen=True, eq=False)
class SurfacePoints:
    """P points fixed to bodies; the ground is touched where a point's height falls to its radius."""

    body: np.ndarray
    """(P,) index in the embodiment's bodies."""
    offset: np.ndarray
    """(P, 3) in the body frame, m."""
    radius: np.ndarray
    """(P,) m."""
    foot: np.ndarray
    """(P,) index in the embodiment's feet, -1 for a point of another body."""


def surface_points(embodiment: Embodiment) -> SurfacePoints:
    """Surface points of every collider: centres of spheres, ends of capsules, corners of the boxes around others.

    A foot without a collider is represented by its body's origin.
    """
    return _surface_points(embodiment.model_path, embodiment.body_names, embodiment.feet)


@functools.lru_cache(maxsize=16)
def _surface_points(model_path: Path, body_names: tuple[str, ...], feet: tuple[str, ...]) -> SurfacePoints:
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(model_path))
    body, offset, radius = [], [], []
    for geom in range(model.ngeom):
        name = model.body(model.geom_bodyid[geom]).name
        if name not in body_names or not (model.geom_contype[geom] or model.geom_conaffinity[geom]):
            continue
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
        local, size = _points(model, geom)
        for point in local:
            body.append(body_names.index(name))
            offset.append(model.geom_pos[geom] + turn.reshape(3, 3) @ point)
            radius.append(size)
    for foot in feet:
        if body_names.index(foot) not in body:
            body.append(body_names.index(foot))
            offset.append(np.zeros(3))
            radius.append(0.0)
    foot_of = {body_names.index(name): number for number, name in enumerate(feet)}
    return SurfacePoints(
        body=np.array(body),
        offset=np.array(offset),
        radius=np.array(radius),
        foot=np.array([foot_of.get(index, -1) for index in body]),
    )


def _points(model, geom: int) -> tuple[np.ndarray, float]:
    """Points in the geom's own frame (n, 3), and the radius around them."""
    import mujoco

    size = model.geom_size[geom]
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_SPHERE:
        return np.zeros((1, 3)), float(size[0])
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return np.array([[0.0, 0.0, -size[1]], [0.0, 0.0, size[1]]]), float(size[0])
    centre, half = model.geom_aabb[geom][:3], model.geom_aabb[geom][3:]
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    return centre + signs * half, 0.0
