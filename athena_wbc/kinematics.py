"""Batched forward kinematics and body velocities in torch, from the embodiment's tree.

Only the chain of orientations is walked by depth, all bodies of one depth in one operation; joint rotations, links and
velocities are computed for all bodies at once and summed down the tree. Inside, components lie in the first dimension
and configurations in the last, so that every operation runs over contiguous memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.rotations import cross, quat_apply, quat_mul


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
    """Bodies of one depth: a range of the rows below the root, and their parents among those of the depth above."""

    rows: slice
    parents: Tensor | None
    """(b,) position of each body's parent in the level above; None where it is that whole level in order."""


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
        wanted = embodiment.body_index(tuple(bodies) if bodies is not None else embodiment.body_names)
        parents = np.array(embodiment.body_parents)
        depth = np.zeros(len(parents), dtype=np.int64)
        for body in range(1, len(parents)):
            depth[body] = depth[parents[body]] + 1
        needed = sorted(_with_ancestors(wanted, parents), key=lambda body: (depth[body], body))
        below = np.array(needed[1:], dtype=np.int64)
        slot = np.full(len(parents), -1)
        slot[needed] = np.arange(len(needed))

        def constant(array: np.ndarray) -> Tensor:
            """(b, C) -> (C, b, 1): one column for all configurations."""
            return torch.as_tensor(array, dtype=dtype, device=device).T.unsqueeze(-1)

        def indices(array: np.ndarray) -> Tensor:
            return torch.as_tensor(array, device=device)

        self._out = indices(slot[wanted])
        self._parents = indices(slot[parents[below]])
        self._levels = list(_levels(slot, parents, below, depth[below], device))
        joint_of = np.full(len(parents), embodiment.num_joints)
        joint_of[embodiment.joint_body] = np.arange(embodiment.num_joints)
        # A body without a joint reads the row behind the last joint, which is zero: its axis does not matter.
        self._joints = indices(joint_of[below])
        self._fixed = bool((joint_of[below] == embodiment.num_joints).any())
        padding = np.zeros((1, 3))
        anchor = np.concatenate((embodiment.joint_anchor, padding))[joint_of[below]]
        self._axis = constant(np.concatenate((embodiment.joint_axis, padding))[joint_of[below]])
        self._anchor = constant(anchor) if np.any(anchor) else None
        self._offset_quat = constant(embodiment.body_offset_quat[below])
        self._offset_pos = constant(embodiment.body_offset_pos[below])
        if self._anchor is not None:
            self._offset_pos = self._offset_pos + quat_apply(self._offset_quat, self._anchor, 0)

    def forward(self, root_pos: Tensor, root_quat: Tensor, joint_pos: Tensor) -> tuple[Tensor, Tensor]:
        """Body poses from generalised coordinates.

        Args:
            root_pos: (..., 3) m. root_quat: (..., 4). joint_pos: (..., J) rad, canonical order.

        Returns:
            Positions (..., B, 3) and orientations (..., B, 4) in the world frame.
        """
        pos, quat, _ = self._poses(root_pos, root_quat, joint_pos)
        return tuple(self._select(value, root_pos.shape[:-1]) for value in (pos, quat))

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

        Velocity of a child: w = w_parent + axis qdot, v = v_parent + w_parent x (p - p_parent)
        + axis qdot x (p - p_anchor).
        """
        pos, quat, links = self._poses(root_pos, root_quat, joint_pos)
        below = quat[:, 1:]
        spin = quat_apply(below, self._axis, 0) * self._by_body(joint_vel)
        ang = self._accumulate(_columns(root_ang_vel), spin)
        change = cross(ang.index_select(1, self._parents), links, 0)
        if self._anchor is not None:
            change = change - cross(spin, quat_apply(below, self._anchor, 0), 0)
        lin = self._accumulate(_columns(root_lin_vel), change)
        return BodyState(*(self._select(value, root_pos.shape[:-1]) for value in (pos, quat, lin, ang)))

    def _poses(self, root_pos: Tensor, root_quat: Tensor, joint_pos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(3, 1 + b, N) positions, (4, 1 + b, N) orientations, (3, b, N) world vectors from parent to child."""
        half = 0.5 * self._by_body(joint_pos)
        turn = torch.cat((self._axis * torch.sin(half), torch.cos(half).unsqueeze(0)))
        local = quat_mul(self._offset_quat, turn, 0)
        offset = self._offset_pos
        if self._anchor is not None:
            offset = offset - quat_apply(local, self._anchor, 0)
        chain = [_columns(root_quat)]
        for level in self._levels:
            chain.append(quat_mul(_rows(chain[-1], level.parents), local[:, level.rows], 0))
        quat = torch.cat(chain, dim=1)
        links = quat_apply(quat.index_select(1, self._parents), offset, 0)
        return self._accumulate(_columns(root_pos), links), quat, links

    def _accumulate(self, root: Tensor, steps: Tensor) -> Tensor:
        """Sums down the tree: (C, 1, N) of the root and (C, b, N) from parent to child -> (C, 1 + b, N)."""
        sums = [root]
        for level in self._levels:
            sums.append(_rows(sums[-1], level.parents) + steps[:, level.rows])
        return torch.cat(sums, dim=1)

    def _by_body(self, joints: Tensor) -> Tensor:
        """(..., J) of joints -> (b, N) of the bodies that they move, zero for a body without a joint."""
        rows = joints.reshape(-1, joints.shape[-1]).T.contiguous()
        if self._fixed:
            rows = torch.cat((rows, rows.new_zeros(1, rows.shape[1])))
        return rows.index_select(0, self._joints)

    def _select(self, values: Tensor, shape: torch.Size) -> Tensor:
        """(C, 1 + b, N) -> (..., B, C) of the bodies asked for."""
        chosen = values.index_select(1, self._out).permute(2, 1, 0)
        return chosen.reshape(*shape, *chosen.shape[1:])


def _levels(
    slot: np.ndarray, parents: np.ndarray, below: np.ndarray, depth: np.ndarray, device: str | torch.device
) -> Iterator[_Level]:
    start, above = 0, 1
    for level in range(1, depth.max(initial=0) + 1):
        bodies = below[depth == level]
        inside = slot[parents[bodies]] - (slot[bodies[0]] - above)
        whole = np.array_equal(inside, np.arange(above))
        yield _Level(slice(start, start + len(bodies)), None if whole else torch.as_tensor(inside, device=device))
        start, above = start + len(bodies), len(bodies)


def _columns(values: Tensor) -> Tensor:
    """(..., C) -> (C, 1, N)."""
    return values.reshape(-1, values.shape[-1]).T.contiguous().unsqueeze(1)


def _rows(values: Tensor, index: Tensor | None) -> Tensor:
    return values if index is None else values.index_select(1, index)


def _with_ancestors(bodies: np.ndarray, parents: np.ndarray) -> set[int]:
    needed = {0}
    for body in bodies:
        while body >= 0 and body not in needed:
            needed.add(int(body))
            body = parents[body]
    return needed
