"""Batched forward kinematics and body velocities in torch, from the embodiment's tree.

The tree is walked by depth, all bodies of one depth in one operation, so that the cost is the depth of the tree
(ten for a humanoid), not its number of bodies.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.rotations import cross, quat_apply, quat_from_axis_angle, quat_mul


@dataclasses.dataclass
class BodyState:
    """Poses and velocities of B bodies in the world frame, leading dimensions (...)."""

    pos: Tensor
    """(..., B, 3) m."""
    quat: Tensor
    """(..., B, 4) scalar last."""
    lin_vel: Tensor
    """(..., B, 3) of the body frame's origin, m/s."""
    ang_vel: Tensor
    """(..., B, 3) rad/s."""


@dataclasses.dataclass
class _Level:
    """Bodies of one depth, and where their parents and joints are."""

    bodies: Tensor
    parents: Tensor
    offset_pos: Tensor
    offset_quat: Tensor
    joints: Tensor | None
    """Index of each body's joint; None where no body of this depth has one."""
    axis: Tensor
    """(b, 3) joint axis, zero for a body that is fixed to its parent."""
    anchor: Tensor | None
    """(b, 3) joint anchor; None where all joints pass through the body's origin."""


class Kinematics:
    """Forward kinematics of one embodiment on one device.

    Args:
        embodiment: the robot.
        bodies: names of the bodies to return, in this order; all bodies where None. Only they and their ancestors
            are computed.
        device, dtype: of the constants, and so of the inputs.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        bodies: tuple[str, ...] | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        wanted = tuple(bodies) if bodies is not None else embodiment.body_names
        index = embodiment.body_index(wanted)
        parents = np.array(embodiment.body_parents)
        needed = _with_ancestors(index, parents)
        depth = np.zeros(len(parents), dtype=int)
        for body in range(1, len(parents)):
            depth[body] = depth[parents[body]] + 1
        joint_of = np.full(len(parents), -1)
        joint_of[embodiment.joint_body] = np.arange(embodiment.num_joints)
        order = sorted(needed, key=lambda body: (depth[body], body))
        slot = np.full(len(parents), -1)
        slot[order] = np.arange(len(order))
        self._out = torch.as_tensor(slot[index], device=device)
        self._levels: list[_Level] = []

        def constant(array: np.ndarray) -> Tensor:
            return torch.as_tensor(array, dtype=dtype, device=device)

        for level in range(1, depth[order].max() + 1):
            ids = np.array([body for body in order if depth[body] == level])
            joints = joint_of[ids]
            moving = joints >= 0
            axis = np.where(moving[:, None], embodiment.joint_axis[joints], 0.0)
            anchor = np.where(moving[:, None], embodiment.joint_anchor[joints], 0.0)
            self._levels.append(
                _Level(
                    bodies=torch.as_tensor(slot[ids], device=device),
                    parents=torch.as_tensor(slot[parents[ids]], device=device),
                    offset_pos=constant(embodiment.body_offset_pos[ids]),
                    offset_quat=constant(embodiment.body_offset_quat[ids]),
                    joints=torch.as_tensor(joints.clip(min=0), device=device) if moving.any() else None,
                    axis=constant(axis),
                    anchor=constant(anchor) if np.abs(anchor).max() > 0.0 else None,
                )
            )

    def forward(self, root_pos: Tensor, root_quat: Tensor, joint_pos: Tensor) -> tuple[Tensor, Tensor]:
        """Body poses from generalised coordinates.

        Args:
            root_pos: (..., 3) m. root_quat: (..., 4). joint_pos: (..., J) rad, canonical order.

        Returns:
            Positions (..., B, 3) and orientations (..., B, 4) in the world frame.
        """
        pos, quat = [root_pos.unsqueeze(-2)], [root_quat.unsqueeze(-2)]
        for level in self._levels:
            parent_pos, parent_quat = _gather(pos, level.parents), _gather(quat, level.parents)
            frame_pos, frame_quat = self._place(level, parent_pos, parent_quat, joint_pos)
            pos.append(frame_pos)
            quat.append(frame_quat)
        return _gather(pos, self._out), _gather(quat, self._out)

    def state(
        self,
        root_pos: Tensor,
        root_quat: Tensor,
        joint_pos: Tensor,
        root_lin_vel: Tensor,
        root_ang_vel: Tensor,
        joint_vel: Tensor,
    ) -> BodyState:
        """Body poses and velocities; root velocities (..., 3) in the world frame, joint velocities (..., J) in rad/s.

        Velocity of a child: w = w_parent + axis qdot, v = v_parent + w_parent x (p_anchor - p_parent)
        + w x (p - p_anchor).
        """
        pos, quat = [root_pos.unsqueeze(-2)], [root_quat.unsqueeze(-2)]
        lin, ang = [root_lin_vel.unsqueeze(-2)], [root_ang_vel.unsqueeze(-2)]
        for level in self._levels:
            parent_pos, parent_quat = _gather(pos, level.parents), _gather(quat, level.parents)
            parent_ang = _gather(ang, level.parents)
            frame_pos, frame_quat = self._place(level, parent_pos, parent_quat, joint_pos)
            frame_ang = parent_ang
            if level.joints is not None:
                axis_w = quat_apply(frame_quat, level.axis)
                frame_ang = parent_ang + axis_w * joint_vel[..., level.joints].unsqueeze(-1)
            frame_lin = _gather(lin, level.parents) + cross(parent_ang, frame_pos - parent_pos)
            if level.anchor is not None:
                to_origin = -quat_apply(frame_quat, level.anchor)
                frame_lin = frame_lin + cross(frame_ang - parent_ang, to_origin)
            pos.append(frame_pos)
            quat.append(frame_quat)
            lin.append(frame_lin)
            ang.append(frame_ang)
        return BodyState(*(_gather(parts, self._out) for parts in (pos, quat, lin, ang)))

    @staticmethod
    def _place(
        level: _Level, parent_pos: Tensor, parent_quat: Tensor, joint_pos: Tensor
    ) -> tuple[Tensor, Tensor]:
        pos = parent_pos + quat_apply(parent_quat, level.offset_pos)
        frame = quat_mul(parent_quat, level.offset_quat.expand_as(parent_quat))
        if level.joints is None:
            return pos, frame
        angle = joint_pos[..., level.joints]
        quat = quat_mul(frame, quat_from_axis_angle(level.axis, angle))
        if level.anchor is not None:
            pos = pos + quat_apply(frame, level.anchor) - quat_apply(quat, level.anchor)
        return pos, quat


def _gather(parts: list[Tensor], index: Tensor) -> Tensor:
    return torch.cat(parts, dim=-2)[..., index, :]


def _with_ancestors(bodies: np.ndarray, parents: np.ndarray) -> set[int]:
    needed = {0}
    for body in bodies:
        while body >= 0 and body not in needed:
            needed.add(int(body))
            body = parents[body]
    return needed
