"""The diffusion's constants by hand, its statistics, and its independence of the batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from athena_wbc.synthesis.generators.mdm.diffusion import cosine_diffusion, guided, noise_source, sample


def left(share: float) -> float:
    """Share of variance left at a share of the way, of the schedule as published."""
    return math.cos((share + 0.008) / 1.008 * math.pi / 2.0) ** 2


def test_the_schedule_by_hand() -> None:
    diffusion = cosine_diffusion(50)
    assert diffusion.steps == 50
    assert diffusion.betas[0] == pytest.approx(1.0 - left(0.02) / left(0.0), rel=1e-12)
    assert diffusion.kept[24] == pytest.approx(left(0.5) / left(0.0), rel=1e-9)
    assert diffusion.betas[49] == 0.999
    assert (np.diff(diffusion.kept) < 0.0).all() and diffusion.kept[-1] < 1e-3


def test_a_step_back_is_the_posterior_of_two_gaussians() -> None:
    """Bayes, with precisions added: prior sqrt(kept') x0, likelihood N(y; sqrt(1 - beta) x, beta)."""
    diffusion = cosine_diffusion(50)
    x0, y = 0.7, -1.3
    for step in (1, 10, 30, 48):
        beta, before = diffusion.betas[step], diffusion.kept[step - 1]
        precision = (1.0 - beta) / beta + 1.0 / (1.0 - before)
        mean = (math.sqrt(1.0 - beta) / beta * y + math.sqrt(before) / (1.0 - before) * x0) / precision
        noise = torch.tensor([1.0], dtype=torch.float64)
        x0s, ys = torch.full((1,), x0, dtype=torch.float64), torch.full((1,), y, dtype=torch.float64)
        assert diffusion.posterior_variance[step] == pytest.approx(1.0 / precision, rel=1e-9)
        assert float(diffusion.back(x0s, ys, step, 0.0 * noise)) == pytest.approx(mean, rel=1e-9)
        moved = diffusion.back(x0s, ys, step, noise) - diffusion.back(x0s, ys, step, 0.0 * noise)
        assert float(moved) == pytest.approx(precision**-0.5, rel=1e-9)
    assert diffusion.posterior_variance[0] == 0.0
    assert float(diffusion.back(torch.tensor([x0]), torch.tensor([y]), 0, torch.tensor([5.0]))) == pytest.approx(x0)


def test_noise_is_added_as_much_as_the_schedule_says() -> None:
    diffusion = cosine_diffusion(50)
    source = torch.Generator().manual_seed(0)
    motion = torch.full((2, 200_000), 3.0)
    steps = torch.tensor([5, 40])
    noisy = diffusion.add_noise(motion, steps, torch.randn(motion.shape, generator=source))
    for row, step in enumerate(steps.tolist()):
        kept = diffusion.kept[step]
        assert float(noisy[row].mean()) == pytest.approx(3.0 * math.sqrt(kept), abs=0.01)
        assert float(noisy[row].var()) == pytest.approx(1.0 - kept, abs=0.01)


def test_guidance() -> None:
    with_text, without = torch.tensor([2.0]), torch.tensor([1.0])
    assert guided(with_text, without, 1.0) == 2.0
    assert guided(with_text, without, 0.0) == 1.0
    assert guided(with_text, without, 2.5) == 3.5


def test_sampling_with_the_perfect_prediction_draws_from_the_data() -> None:
    """For data N(2, 0.5^2) the best prediction is known; what comes out must have that mean and deviation."""
    diffusion = cosine_diffusion(50)

    def best(noisy: torch.Tensor, step: int) -> torch.Tensor:
        kept = float(diffusion.kept[step])
        gain = math.sqrt(kept) * 0.25 / (kept * 0.25 + 1.0 - kept)
        return 2.0 + gain * (noisy - math.sqrt(kept) * 2.0)

    drawn = sample(best, diffusion, (20_000,), noise_source("a", 0))
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.02)
    # Fifty steps with the smaller variance lose a little of the spread.
    assert 0.42 < float(drawn.std()) <= 0.51


def test_noise_belongs_to_the_prompt() -> None:
    def drawn(name: str, seed: int) -> torch.Tensor:
        return torch.randn(8, generator=noise_source(name, seed))

    assert torch.equal(drawn("a1", 3), drawn("a1", 3))
    assert not torch.equal(drawn("a1", 3), drawn("a2", 3))
    assert not torch.equal(drawn("a1", 3), drawn("a1", 4))
