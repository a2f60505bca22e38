"""A URDF of a MuJoCo model, for tests: the same tree, masses, inertias and ranges."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment


def urdf_of(robot: Embodiment) -> str:
    """The text; colliders become spheres, cylinders and boxes, gains go, limits and damping stay."""
    model = mujoco.MjModel.from_xml_path(str(robot.model_path))
    parts = []
    for body in range(1, model.nbody):
        turn = Rotation.from_quat(model.body_iquat[body][[1, 2, 3, 0]]).as_matrix()
        inertia = turn @ np.diag(model.body_inertia[body]) @ turn.T
        tensor = {f"i{a}{b}": inertia["xyz".index(a), "xyz".index(b)] for a, b in ("xx", "xy", "xz", "yy", "yz", "zz")}
        texts = " ".join(f'{key}="{value:.9g}"' for key, value in tensor.items())
        parts.append(f"<link name={quoteattr(model.body(body).name)}>")
        parts.append(
            f'<inertial><origin xyz="{_row(model.body_ipos[body])}"/><mass value="{model.body_mass[body]:.9g}"/>'
        )
        parts.append(f"<inertia {texts}/></inertial>")
        parts += [
            _collision(model, geom) for geom in np.flatnonzero((model.geom_bodyid == body) & (model.geom_contype > 0))
        ]
        parts.append("</link>")
    joint_of = dict(zip(robot.joint_body.tolist(), range(robot.num_joints), strict=True))
    for body in range(1, len(robot.body_names)):
        parent, child = robot.body_names[robot.body_parents[body]], robot.body_names[body]
        joint = joint_of.get(body)
        name, kind = (robot.joint_names[joint], "revolute") if joint is not None else (f"{child}_fixed", "fixed")
        rpy = Rotation.from_quat(robot.body_offset_quat[body]).as_euler("xyz")
        parts.append(f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>')
        parts.append(f'<origin xyz="{_row(robot.body_offset_pos[body])}" rpy="{_row(rpy)}"/>')
        if joint is not None:
            limits = f'lower="{robot.joint_lower[joint]:.9g}" upper="{robot.joint_upper[joint]:.9g}"'
            drive = f'effort="{robot.effort_limit[joint]:g}" velocity="{robot.velocity_limit[joint]:g}"'
            parts.append(f'<axis xyz="{_row(robot.joint_axis[joint])}"/><limit {limits} {drive}/>')
        parts.append("</joint>")
    return f'<robot name="{robot.name}">' + "\n".join(parts) + "</robot>"


def _collision(model: mujoco.MjModel, geom: int) -> str:
    size = model.geom_size[geom]
    shape = {
        int(mujoco.mjtGeom.mjGEOM_SPHERE): f'<sphere radius="{size[0]:.9g}"/>',
        int(mujoco.mjtGeom.mjGEOM_CAPSULE): f'<cylinder radius="{size[0]:.9g}" length="{2 * size[1]:.9g}"/>',
        int(mujoco.mjtGeom.mjGEOM_BOX): f'<box size="{_row(2 * size)}"/>',
    }[int(model.geom_type[geom])]
    rpy = Rotation.from_quat(model.geom_quat[geom][[1, 2, 3, 0]]).as_euler("xyz")
    origin = f'<origin xyz="{_row(model.geom_pos[geom])}" rpy="{_row(rpy)}"/>'
    return f"<collision>{origin}<geometry>{shape}</geometry></collision>"


def _row(values: np.ndarray) -> str:
    return " ".join(f"{value:.9g}" for value in values)
