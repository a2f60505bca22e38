"""Gaussian diffusion with a cosine schedule and a network that predicts the motion itself.

Ho et al. 2020, "Denoising diffusion probabilistic models", eq. 4 and 7; Nichol and Dhariwal 2021, eq. 17 (schedule);
Ho and Salimans 2022 (guidance without a classifier).
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MOST_BETA = 0.999


@dataclasses.dataclass(frozen=True)
class Diffusion:
    """The constants of T steps, float64 of shape (T,); step 0 is the one with the least noise."""

    betas: np.ndarray
    """Variance that a step adds."""
    kept: np.ndarray
    """Share of the motion's variance that is left after a step: the running product of 1 - beta."""
    posterior_variance: np.ndarray
    """Variance of a step back, given the motion: the smaller of the two usual choices, fixed."""
    motion_weight: np.ndarray
    """Weight of the predicted motion in the mean of a step back."""
    noisy_weight: np.ndarray
    """Weight of the noisy motion in it."""

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.betas)

    def add_noise(self, motion: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """The motions (B, ...) after `steps` (B,): sqrt(kept) motion + sqrt(1 - kept) noise."""
        kept = torch.as_tensor(self.kept, dtype=motion.dtype, device=motion.device)[steps]
        kept = kept.reshape(-1, *(1,) * (motion.ndim - 1))
        return kept.sqrt() * motion + (1.0 - kept).sqrt() * noise

    def back(self, predicted: Tensor, noisy: Tensor, step: int, noise: Tensor) -> Tensor:
        """One step back, from `step` to the one before it; from step 0 the mean, which is the prediction."""
        mean = float(self.motion_weight[step]) * predicted + float(self.noisy_weight[step]) * noisy
        return mean if step == 0 else mean + math.sqrt(float(self.posterior_variance[step])) * noise


def cosine_diffusion(steps: int) -> Diffusion:
    """The cosine schedule: kept(u) = cos^2((u + 0.008) / 1.008 * pi / 2), and the betas that lead along it."""

    def left(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2.0) ** 2

    betas = np.array([min(1.0 - left((t + 1) / steps) / left(t / steps), MOST_BETA) for t in range(steps)])
    kept = np.cumprod(1.0 - betas)
    before = np.concatenate(([1.0], kept[:-1]))
    return Diffusion(
        betas=betas,
        kept=kept,
        posterior_variance=betas * (1.0 - before) / (1.0 - kept),
        motion_weight=betas * np.sqrt(before) / (1.0 - kept),
        noisy_weight=(1.0 - before) * np.sqrt(1.0 - betas) / (1.0 - kept),
    )


def guided(with_text: Tensor, without: Tensor, guidance: float) -> Tensor:
    """Prediction moved away from what it is without the text: without + guidance (with - without)."""
    return without + guidance * (with_text - without)


def noise_source(identity: str, seed: int) -> torch.Generator:
    """The draws of one prompt, on the CPU: they depend on its identifier and the seed alone."""
    digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
    # The sign bit is left out: some versions of torch refuse seeds of 64 bits.
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def sample(
    predict: Callable[[Tensor, int], Tensor],
    diffusion: Diffusion,
    shape: tuple[int, ...],
    source: torch.Generator,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw one motion.

    Args:
        predict: from the noisy motion, in `shape`, and the step to the motion without noise, guidance included.
        shape: of the result. source: of all noise. device: where `predict` computes.

    Returns:
        float32 of `shape`, on `device`.
    """

    def noise() -> Tensor:
        return torch.randn(shape, generator=source).to(device)

    noisy = noise()
    for step in reversed(range(diffusion.steps)):
        noisy = diffusion.back(predict(noisy, step), noisy, step, noise() if step else noisy)
    return noisy
