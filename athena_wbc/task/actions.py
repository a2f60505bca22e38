"""From a policy's output to joint targets."""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.task.checks import check_not_negative, check_positive
from athena_wbc.task.config import ActionConfig

MODES = ("residual", "absolute")


class JointPositionAction:
    """target = base + scale * action, with the base of the mode, and the history that penalties and metrics need.

    Targets are not clipped to the joint limits: a target beyond a limit is how a position controller asks for torque
    at that limit, and the limit itself is the model's.
    """

    def __init__(
        self,
        config: ActionConfig,
        embodiment: Embodiment,
        num_envs: int,
        max_delay: int,
        device: torch.device,
    ) -> None:
        if config.mode not in MODES:
            raise AthenaError(f"task.action.mode: {suggest(config.mode, MODES)}")
        check_positive("task.action.scale", config.scale)
        check_positive("task.action.clip", config.clip)
        check_not_negative("task.action.lead_steps", config.lead_steps)
        self.config = config
        full = embodiment.effort_limit / embodiment.stiffness
        self.scale = torch.as_tensor(config.scale * full, dtype=torch.float32, device=device)
        """(J,) rad per unit of action."""
        self.default = torch.as_tensor(embodiment.default_joint_pos, dtype=torch.float32, device=device)
        shape = (num_envs, embodiment.num_joints)
        self.action = torch.zeros(shape, device=device)
        """(N, J) output of the policy in the current step, clipped."""
        self.previous = torch.zeros(shape, device=device)
        """(N, J) output one step ago; in an episode's first step, that step's own."""
        self.before_previous = torch.zeros(shape, device=device)
        """(N, J) output two steps ago; in an episode's first two steps, the first one's."""
        self.command = torch.zeros(shape, device=device)
        """(N, J) commanded target in action units, (target - default) / scale: comparable between modes."""
        self._delayed = torch.zeros(max_delay + 1, *shape, device=device)
        self._fresh = torch.ones(num_envs, dtype=torch.bool, device=device)
        self._all = torch.arange(num_envs, device=device)

    def apply(self, action: Tensor, reference_joint_pos: Tensor | None, delay: Tensor, offset: Tensor) -> Tensor:
        """Joint targets that the robot executes now.

        Args:
            action: (N, J) output of the policy.
            reference_joint_pos: (N, J) reference pose `lead_steps` ahead; None in absolute mode.
            delay: (N,) control steps by which this environment's targets come late.
            offset: (N, J) calibration offset of the executed target, rad.
        """
        action = action.clamp(-self.config.clip, self.config.clip)
        # An episode's first action is no jump: before it there was none, and zero is an action like any other.
        fresh = self._fresh.unsqueeze(-1)
        self.before_previous = torch.where(fresh, action, self.previous)
        self.previous = torch.where(fresh, action, self.action)
        self.action = action
        base = self.default if reference_joint_pos is None else reference_joint_pos
        target = base + self.scale * action
        self.command = (target - self.default) / self.scale
        if len(self._delayed) > 1:
            target = self._late(target, delay)
        self._fresh.zero_()
        return target + offset

    def reset(self, ids: Tensor) -> None:
        """Forget the history of the environments `ids`."""
        for buffer in (self.action, self.previous, self.before_previous):
            buffer[ids] = 0.0
        self._fresh[ids] = True

    def state_dict(self) -> dict[str, Tensor]:
        return {key: getattr(self, key).clone() for key in _STATE}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for key in _STATE:
            getattr(self, key).copy_(state[key])

    def _late(self, target: Tensor, delay: Tensor) -> Tensor:
        """Targets of `delay` steps ago; in the first steps of an episode its first target."""
        self._delayed = torch.cat((target.unsqueeze(0), self._delayed[:-1]))
        self._delayed = torch.where(self._fresh.view(1, -1, 1), target.unsqueeze(0), self._delayed)
        return self._delayed[delay, self._all]


_STATE = ("action", "previous", "before_previous", "command", "_delayed", "_fresh")
