"""Joint angles out of rotations: for files that store the orientation of bodies instead of the angles of joints."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment

_LEVEL = 1e-3


def chain_between(robot: Embodiment, ancestor: int, body: int) -> list[int]:
    """Bodies from below `ancestor` down to `body`; empty where it is no ancestor."""
    chain = []
    while body != ancestor:
        if body < 0:
            return []
        chain.append(body)
        body = robot.body_parents[body]
    return chain[::-1]


def hinge_angles(robot: Embodiment, chain: Sequence[int], turn: Rotation) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Angles of the one to three hinges of a chain of bodies that turn its end by `turn` against its start.

    With a_k the axis of hinge k, turned into the frame of the start by the fixed offsets O_1 ... O_k of the chain,
    turn = R(a_1, q_1) R(a_2, q_2) R(a_3, q_3) O_1 ... O_k. Three angles are exact (Davenport), fewer are the nearest.

    Returns:
        Angles (T,) rad by index of the joint, continuous in time; and what they leave over (T,), rad.

    Raises:
        ValueError: no hinge, more than three, or axes that are not orthogonal one after the other.
    """
    joint_of = {int(body): joint for joint, body in enumerate(robot.joint_body)}
    fixed = Rotation.identity()
    joints, axes = [], []
    for body in chain:
        fixed = fixed * Rotation.from_quat(robot.body_offset_quat[body])
        if body in joint_of:
            joints.append(joint_of[body])
            axes.append(fixed.apply(robot.joint_axis[joint_of[body]]))
    turned = turn * fixed.inv()
    if len(joints) == 1:
        quat = turned.as_quat()
        angles = 2.0 * np.arctan2(quat[:, :3] @ axes[0], quat[:, 3])[:, None]
        angles = (angles + np.pi) % (2.0 * np.pi) - np.pi
    elif 2 <= len(joints) <= 3:
        frame = [*axes, np.cross(axes[0], axes[1])][:3]
        if abs(frame[0] @ frame[1]) > _LEVEL or abs(frame[1] @ frame[2]) > _LEVEL:
            raise ValueError("its hinges are not orthogonal")
        with warnings.catch_warnings():  # where two axes align, one of them takes all of the angle
            warnings.simplefilter("ignore")
            angles = turned.as_davenport(np.array(frame), "intrinsic")[:, : len(joints)]
    else:
        raise ValueError(f"has {len(joints)} hinges where one to three are expected")
    angles = np.unwrap(angles, axis=0)
    built = Rotation.identity(len(angles))
    for axis, angle in zip(axes, angles.T, strict=True):
        built = built * Rotation.from_rotvec(angle[:, None] * axis)
    left_over = (built.inv() * turned).magnitude()
    return dict(zip(joints, angles.T, strict=True)), left_over
