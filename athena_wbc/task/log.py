"""Means over finished episodes, gathered on the device and read once an iteration."""

from __future__ import annotations

import torch
from torch import Tensor

from athena_wbc.task.termination import REASONS

ENDINGS = (*REASONS, "broken_simulation", "time_out")


class EpisodeLog:
    """Sums over the episodes that ended since the last `pop`: no transfer to the host in a step."""

    def __init__(self, names: list[str], families: list[str], device: torch.device) -> None:
        self._names, self._families = names, families
        self._rewards = torch.zeros(len(names), device=device)
        self._endings = torch.zeros(len(ENDINGS), device=device)
        self._steps = torch.zeros((), device=device)
        self._episodes = torch.zeros((), device=device)

    def finish(
        self,
        ids: Tensor,
        episode_sums: Tensor,
        episode_step: Tensor,
        reasons: dict[str, Tensor],
        timed_out: Tensor,
    ) -> None:
        """Count the episodes of the environments `ids` (n,), which end now."""
        self._rewards += episode_sums[ids].sum(0)
        self._steps += episode_step[ids].sum()
        self._episodes += len(ids)
        for index, ending in enumerate(ENDINGS):
            mask = timed_out if ending == "time_out" else reasons.get(ending)
            if mask is not None:
                self._endings[index] += mask[ids].sum()

    def pop(self) -> dict[str, float]:
        """Means over the episodes since the last call; empty where none ended.

        Keys: `reward/<term>` and `family/<family>` (sum over an episode), `reward/total`, `episode/length` (control
        steps), `episode/count`, `ending/<reason>` (share of episodes; several reasons may hold at once).
        """
        episodes = float(self._episodes)
        if episodes == 0.0:
            return {}
        rewards = (self._rewards / episodes).tolist()
        result = {f"reward/{name}": value for name, value in zip(self._names, rewards, strict=True)}
        for family, value in zip(self._families, rewards, strict=True):
            result[f"family/{family}"] = result.get(f"family/{family}", 0.0) + value
        result["reward/total"] = sum(rewards)
        result["episode/length"] = float(self._steps) / episodes
        result["episode/count"] = episodes
        result |= {
            f"ending/{ending}": count / episodes for ending, count in zip(ENDINGS, self._endings.tolist(), strict=True)
        }
        for tensor in (self._rewards, self._endings, self._steps, self._episodes):
            tensor.zero_()
        return result

    def state_dict(self) -> dict[str, Tensor]:
        return {key: getattr(self, f"_{key}").clone() for key in _STATE}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for key in _STATE:
            getattr(self, f"_{key}").copy_(state[key])


_STATE = ("rewards", "endings", "steps", "episodes")
