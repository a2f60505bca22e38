"""Losses that make a policy smooth: Grad-CAPS and CAPS, and the windows of a rollout that they act on.

All losses are half a mean of squared norms, so that their weights compare:

* Grad-CAPS (paper eq. 11) punishes the second difference of the action mean in time: it lets a policy change
  fast, but not change its rate of change abruptly.
* CAPS (Mysore et al., "Regularizing Action Policies for Smooth Control with Reinforcement Learning", 2021)
  punishes the first difference in time, and the difference between an observation and a noisy copy of it.
  The original takes norms that are not squared.
"""

from __future__ import annotations

import torch

from athena_wbc.learning.config import RegulariserConfig
from athena_wbc.learning.models import FlatMLP

_LENGTH = {"caps": 2, "grad_caps": 3}


def half_masked_mean(square: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return 1/(2 sum g) sum g x for x and g (...); zero where the mask is empty."""
    weight = mask.to(square.dtype)
    return (weight * square).sum() / (2.0 * weight.sum()).clamp_min(1.0)


def grad_caps_loss(
    mean_prev: torch.Tensor, mean: torch.Tensor, mean_next: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Grad-CAPS, paper eq. 11: 1/(2 sum g) sum g ||mu[t+1] - 2 mu[t] + mu[t-1]||^2.

    Args:
        mean_prev, mean, mean_next: action means (..., A) of three control steps in a row.
        mask: g (...), bool or 0/1; zero for a triplet that crosses an episode's border.

    Returns:
        A scalar; zero if the mask is empty.
    """
    return half_masked_mean((mean_next - 2.0 * mean + mean_prev).square().sum(dim=-1), mask)


def caps_temporal_loss(mean: torch.Tensor, mean_next: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """CAPS in time: 1/(2 sum g) sum g ||mu[t+1] - mu[t]||^2; arguments as in :func:`grad_caps_loss`."""
    return half_masked_mean((mean_next - mean).square().sum(dim=-1), mask)


def caps_spatial_loss(mean: torch.Tensor, mean_noisy: torch.Tensor) -> torch.Tensor:
    """CAPS in space: half the mean of ||mu(o) - mu(o + noise)||^2 over means (..., A)."""
    return 0.5 * (mean_noisy - mean).square().sum(dim=-1).mean()


def valid_windows(dones: torch.Tensor, length: int) -> torch.Tensor:
    """Return the starts of all windows of ``length`` steps that lie within one episode.

    Args:
        dones: (T, N) or (T, N, 1); ``dones[t]`` says that the episode ended with the action of step t, so
            that the observation of step t+1 belongs to the next episode.
        length: observations in a window.

    Returns:
        int64 (W,): indices ``t * N + n`` of the first observation; the next ones are N further on each.
    """
    steps, environments = dones.shape[:2]
    ended = dones.reshape(steps, environments).bool()
    if steps < length:
        return torch.zeros(0, dtype=torch.long, device=dones.device)
    inside = torch.ones(steps - length + 1, environments, dtype=torch.bool, device=dones.device)
    for offset in range(length - 1):
        inside &= ~ended[offset : offset + inside.shape[0]]
    return inside.reshape(-1).nonzero().squeeze(-1)


class Regulariser:
    """Draws windows from a rollout and computes the configured loss on them.

    :meth:`prepare` is called once per update, :meth:`losses` in every minibatch step.
    """

    def __init__(self, config: RegulariserConfig) -> None:
        self.config = config
        self.length = _LENGTH[config.kind]

    def prepare(
        self, inputs: torch.Tensor, dones: torch.Tensor, base: torch.Tensor | None, mini_batch_size: int
    ) -> None:
        """Take in one rollout.

        Args:
            inputs: actor inputs (T * N, D), step-major.
            dones: (T, N, 1).
            base: command base (T * N, A), needed where the loss acts on the joint target.
            mini_batch_size: samples of a minibatch; the number of windows follows from it.
        """
        self._inputs = inputs
        self._base = base if self.config.on == "target" else None
        self._num_envs = dones.shape[1]
        self._starts = valid_windows(dones, self.length)
        self._count = max(1, round(self.config.sample_fraction * mini_batch_size))

    def losses(self, actor: FlatMLP) -> dict[str, torch.Tensor]:
        """Return the weighted losses of freshly drawn windows by name; all are zero if no window is whole.

        The distribution that the actor holds is left as it is.
        """
        name, device = self.config.kind, self._inputs.device
        if len(self._starts) == 0:
            return {name: torch.zeros((), device=device)}
        pick = torch.randint(len(self._starts), (self._count,), device=device)
        first = self._starts.index_select(0, pick)
        rows = torch.stack([first + step * self._num_envs for step in range(self.length)]).reshape(-1)
        inputs = self._inputs.index_select(0, rows)
        spatial = self.config.kind == "caps" and self.config.spatial_weight > 0
        if spatial:
            near = inputs[: self._count]
            near = near + self.config.spatial_sigma * torch.randn_like(near)
            inputs = torch.cat([inputs, near])
        # One pass over everything, then cut: a pass costs less per row the more rows it has.
        means = actor.mean(inputs)
        action = means[: self.length * self._count]
        if self._base is not None:
            action = action + self._base.index_select(0, rows)
        window = action.reshape(self.length, self._count, -1)
        whole = torch.ones(self._count, device=device)
        if self.config.kind == "grad_caps":
            return {name: self.config.weight * grad_caps_loss(window[0], window[1], window[2], whole)}
        result = {name: self.config.weight * caps_temporal_loss(window[0], window[1], whole)}
        if spatial:
            noisy = means[self.length * self._count :]
            result["caps_spatial"] = self.config.spatial_weight * caps_spatial_loss(means[: self._count], noisy)
        return result


def build_regulariser(config: RegulariserConfig) -> Regulariser | None:
    """Return the configured regulariser, or ``None`` where none would act."""
    if config.kind == "none" or (config.weight == 0.0 and config.spatial_weight == 0.0):
        return None
    return Regulariser(config)
