"""DAgger's aggregate: what a student has visited and how its teachers would have acted there."""

from __future__ import annotations

import torch


class Aggregate:
    """The samples of the latest rollouts, the oldest replaced first.

    A student that learns from one rollout alone fits its samples and forgets what it saw before: on the built-in
    motions its loss in newly visited states was twice that on the samples it learnt from.

    Observations are kept raw, since the normaliser goes on learning.

    Args:
        rollouts: how many are kept.
        samples: S of one rollout.
        num_observations, num_actions: D and A.
        device: where all is kept; ``rollouts * S * (D + A)`` floats.
    """

    def __init__(self, rollouts: int, samples: int, num_observations: int, num_actions: int, device: str) -> None:
        self._samples = samples
        self._next = self._filled = 0
        self._observations = torch.zeros(rollouts * samples, num_observations, device=device)
        self._labels = torch.zeros(rollouts * samples, num_actions, device=device)

    def __len__(self) -> int:
        return self._filled

    def add(self, observations: torch.Tensor, labels: torch.Tensor) -> None:
        """Take in a rollout: observations (S, D) and labels (S, A)."""
        place = slice(self._next, self._next + self._samples)
        self._observations[place], self._labels[place] = observations, labels
        self._filled = max(self._filled, place.stop)
        self._next = place.stop % len(self._observations)

    def draw(self, count: int) -> torch.Tensor:
        """Draw the rows (count,) of as many different samples, all equally likely."""
        return torch.randperm(self._filled, device=self._labels.device)[:count]

    def rows(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return observations (n, D) and labels (n, A) of the rows ``index`` (n,)."""
        return self._observations.index_select(0, index), self._labels.index_select(0, index)

    def state(self) -> dict[str, torch.Tensor | int]:
        """Return what is kept, for a checkpoint."""
        # Copies: a file of a view would hold all that the view is a part of.
        kept = slice(0, self._filled)
        observations, labels = self._observations[kept].clone(), self._labels[kept].clone()
        return {"observations": observations, "labels": labels, "next": self._next}

    def load(self, state: dict[str, torch.Tensor | int]) -> None:
        """Take the state of :meth:`state`."""
        self._filled, self._next = len(state["labels"]), state["next"]
        self._observations[: self._filled] = state["observations"]
        self._labels[: self._filled] = state["labels"]
