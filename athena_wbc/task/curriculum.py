"""Gravity curriculum, eq. 13 of the paper: g_e = alpha_e g_0, with alpha_e rising from alpha_min to 1 in training.

Under reduced gravity an untrained policy falls later, so that it sees contact, base stabilisation and poses to track
before it can hold its weight. :class:`~athena_wbc.task.config.GravityCurriculumConfig` has the schedule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.task.checks import check_positive, check_share
from athena_wbc.task.config import GravityCurriculumConfig

MODES = ("none", "progress", "survival")
LATEST_FULL_GRAVITY = 0.7
"""Share of training from which on gravity is nominal at the latest: the last 30 % are at 1 g."""
_KEY = "task.gravity_curriculum"


def check_gravity_curriculum(config: GravityCurriculumConfig) -> None:
    """Refuse a schedule that cannot be, or that would not spend the last 30 % of training at 1 g."""
    if config.mode not in MODES:
        raise AthenaError(f"{_KEY}.mode: {suggest(config.mode, MODES)}")
    for key in ("alpha_min", "ramp_start", "full_at", "survival_share", "survival_step"):
        check_share(f"{_KEY}.{key}", getattr(config, key))
    for key in ("alpha_min", "survival_step", "survival_episodes"):
        check_positive(f"{_KEY}.{key}", getattr(config, key))
    if config.full_at > LATEST_FULL_GRAVITY:
        raise AthenaError(
            f"{_KEY}.full_at: is {config.full_at:g}; the last 30 % of training run at 1 g, "
            f"so give at most {LATEST_FULL_GRAVITY:g}"
        )
    if config.ramp_start > config.full_at:
        raise AthenaError(f"{_KEY}.ramp_start: is {config.ramp_start:g}, after full_at = {config.full_at:g}; lower it")


def scheduled_alpha(config: GravityCurriculumConfig, progress: float) -> float:
    """Factor of gravity by the share of training that is done: alpha_min, a linear rise, 1."""
    if progress >= config.full_at:
        return 1.0
    if progress <= config.ramp_start:
        return config.alpha_min
    rise = (progress - config.ramp_start) / (config.full_at - config.ramp_start)
    return config.alpha_min + (1.0 - config.alpha_min) * rise


class GravityCurriculum:
    """The factor alpha_e of N environments. An episode keeps the factor that it began with.

    Once `full_at` of training is done, `overdue` names the environments whose episodes began at less than 1 g: the
    task ends them as time-outs, since a long episode would else carry its gravity into the part at 1 g.
    """

    def __init__(self, config: GravityCurriculumConfig, num_envs: int, device: torch.device) -> None:
        check_gravity_curriculum(config)
        self.config = config
        self.progress = 0.0
        """Share of training that is done, in [0, 1]."""
        self.level = scheduled_alpha(config, 0.0)
        """Factor that the next episodes begin with; it never falls."""
        self.alpha = torch.ones(num_envs, device=device)
        """(N,) factor of the present episodes."""
        self._start = torch.zeros(num_envs, dtype=torch.long, device=device)
        self._length = torch.ones(num_envs, dtype=torch.long, device=device)
        # Control steps that were lived and that could have been, and episodes, in the present window.
        self._lived = torch.zeros(3, device=device)

    def start(self, ids: Tensor, step: Tensor, length: Tensor) -> Tensor:
        """Begin episodes in the environments `ids` (n,).

        Args:
            step: (n,) control step of the clip where each begins.
            length: (n,) control steps that each can last.

        Returns:
            (n,) factor of gravity.
        """
        self.alpha[ids] = self.level
        self._start[ids], self._length[ids] = step, length.clamp(min=1)
        return self.alpha[ids]

    def finish(self, ids: Tensor, step: Tensor, timed_out: Tensor) -> None:
        """Count the episodes of the environments `ids` (n,) that end at control steps `step` (n,) of their clips.

        Args:
            timed_out: (n,) bool; these have lived for as long as they could.
        """
        length = self._length[ids]
        lived = torch.where(timed_out, length, step - self._start[ids])
        self._lived += torch.stack((lived.sum(), length.sum(), torch.ones_like(length).sum())).to(self._lived.dtype)

    def overdue(self) -> Tensor | None:
        """(N,) bool: episodes that have to end for gravity to be nominal; None before `full_at`."""
        return self.alpha < 1.0 if self.progress >= self.config.full_at else None

    def set_progress(self, progress: float) -> None:
        """Take the share of training that is done, once an iteration; episodes that begin from now on follow it.

        In a distributed run all processes must call it: survival is judged over all of them.
        """
        self.progress = min(max(progress, 0.0), 1.0)
        if self.config.mode == "survival" and self.level < 1.0:
            self._judge_survival()
        self.level = max(self.level, scheduled_alpha(self.config, self.progress))

    def survival(self) -> float | None:
        """Share of the possible control steps that was lived in the present window; None without an episode."""
        lived, possible, _ = self._lived.tolist()
        return lived / possible if possible else None

    def figures(self) -> dict[str, float]:
        """`curriculum/gravity`, the mean factor of the present episodes, and what the survival mode judges by."""
        result = {"curriculum/gravity": float(self.alpha.mean())}
        survival = self.survival()
        if self.config.mode == "survival" and survival is not None:
            result["curriculum/survival"] = survival
        return result

    def state_dict(self) -> dict:
        values = {key: getattr(self, key) for key in _VALUES}
        return values | {key: getattr(self, key).clone() for key in _TENSORS}

    def load_state_dict(self, state: dict) -> None:
        for key in _VALUES:
            setattr(self, key, state[key])
        for key in _TENSORS:
            getattr(self, key).copy_(state[key])

    def _judge_survival(self) -> None:
        total = torch.cat((self._lived, self._lived.new_tensor([float(len(self.alpha))])))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(total)
        lived, possible, episodes, environments = total.tolist()
        if episodes < self.config.survival_episodes * environments:
            return
        if lived >= self.config.survival_share * possible:
            self.level = min(1.0, self.level + self.config.survival_step)
        self._lived.zero_()


_VALUES = ("progress", "level")
_TENSORS = ("alpha", "_start", "_length", "_lived")
