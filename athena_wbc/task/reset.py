"""Reference-state initialisation: an episode starts on the reference, with noise, anywhere in the clip."""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.rotations import quat_exp, quat_mul
from athena_wbc.task.checks import check_half_widths, check_not_negative
from athena_wbc.task.config import ResetConfig


class ReferenceStart:
    """Draws start states around reference states."""

    def __init__(self, config: ResetConfig, embodiment: Embodiment, device: torch.device) -> None:
        for key in ("position", "rotation", "lin_vel", "ang_vel"):
            check_half_widths(f"task.reset.{key}", getattr(config, key))
        check_not_negative("task.reset.joint_pos", config.joint_pos)
        check_not_negative("task.reset.scale", config.scale)
        self.config = config
        self._device = device
        self._lower = torch.as_tensor(embodiment.joint_lower, dtype=torch.float32, device=device)
        self._upper = torch.as_tensor(embodiment.joint_upper, dtype=torch.float32, device=device)

    def draw(self, reference: GeneralisedState, generator: torch.Generator, noise: bool = True) -> GeneralisedState:
        """Start states for n reference states. Without noise they are the reference, joints within their limits."""
        joint_pos = reference.joint_pos
        state = GeneralisedState(
            root_pos_w=reference.root_pos_w,
            root_quat_w=reference.root_quat_w,
            root_lin_vel_w=reference.root_lin_vel_w,
            root_ang_vel_w=reference.root_ang_vel_w,
            joint_pos=joint_pos,
            joint_vel=reference.joint_vel,
        )
        c = self.config
        if noise and c.scale > 0.0:
            n, joints = joint_pos.shape
            unit = 2.0 * torch.rand(n, 12 + joints, device=self._device, generator=generator) - 1.0
            unit *= c.scale
            state.root_pos_w = state.root_pos_w + unit[:, 0:3] * self._width(c.position)
            state.root_quat_w = quat_mul(quat_exp(unit[:, 3:6] * self._width(c.rotation)), state.root_quat_w)
            state.root_lin_vel_w = state.root_lin_vel_w + unit[:, 6:9] * self._width(c.lin_vel)
            state.root_ang_vel_w = state.root_ang_vel_w + unit[:, 9:12] * self._width(c.ang_vel)
            state.joint_pos = joint_pos + unit[:, 12:] * c.joint_pos
        state.joint_pos = torch.minimum(torch.maximum(state.joint_pos, self._lower), self._upper)
        return state

    def _width(self, half_widths: list[float]) -> Tensor:
        return torch.tensor(half_widths, device=self._device)
