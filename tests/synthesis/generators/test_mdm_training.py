"""The training's parts by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.mdm import features as hml
from athena_wbc.synthesis.generators.mdm.checkpoint import Statistics
from athena_wbc.synthesis.generators.mdm.diffusion import cosine_diffusion, noise_source
from athena_wbc.synthesis.generators.mdm.text import HashedNgrams
from athena_wbc.synthesis.generators.mdm.training import (
    Dataset,
    Example,
    TrainingSettings,
    encoded,
    loss_of,
    make_dataset,
    measured,
    rate_factor,
)
from tests.synthesis.generators.toys import toy_motion

SETTINGS = TrainingSettings(
    steps=10, batch=4, learning_rate=1e-3, velocity_weight=0.5, drop_text=0.3, average=0.9, frames=6, seed=0
)


class Wrong:
    """A network that is wrong by a given amount in each frame, and hears which texts are heeded."""

    def __init__(self, motion: torch.Tensor, error: torch.Tensor) -> None:
        self.motion, self.error = motion, error
        self.heeded: list[torch.Tensor] = []

    def __call__(self, noisy, steps, text, frame_padding, conditional):
        """The motion plus the error."""
        self.heeded.append(conditional)
        return self.motion + self.error


def test_the_loss_counts_frames_that_are_there_and_their_differences() -> None:
    motion = torch.randn(2, 4, 263)
    padding = torch.tensor([[False] * 4, [False, False, True, True]])
    error = torch.zeros(2, 4, 1)
    error[0, :, 0] = torch.tensor([1.0, 1.0, 3.0, 3.0])
    error[1, :, 0] = torch.tensor([2.0, 2.0, 100.0, -100.0])
    network = Wrong(motion, error)
    batch = (motion, padding, torch.zeros(2, 1, 8))
    loss = loss_of(network, batch, cosine_diffusion(10), SETTINGS, noise_source("a", 0))
    # Squares over the six frames that are there: 1 + 1 + 9 + 9 + 4 + 4; differences over four pairs: 0, 2, 0 and 0.
    assert float(loss) == pytest.approx(28.0 / 6.0 + 0.5 * 4.0 / 4.0, rel=1e-6)


def test_texts_are_left_out_as_often_as_asked() -> None:
    motion = torch.zeros(4000, 1, 263)
    network = Wrong(motion, torch.zeros(4000, 1, 1))
    batch = (motion, torch.zeros(4000, 1, dtype=torch.bool), torch.zeros(4000, 1, 8))
    loss_of(network, batch, cosine_diffusion(10), SETTINGS, noise_source("a", 0))
    assert float(network.heeded[0].float().mean()) == pytest.approx(0.7, abs=0.03)


def test_batches_crop_long_motions_and_pad_short_ones() -> None:
    parts = [torch.arange(20.0)[:, None].expand(20, 263), 100.0 + torch.arange(3.0)[:, None].expand(3, 263)]
    dataset = Dataset(parts, torch.arange(2.0)[:, None, None])
    starts = set()
    for seed in range(20):
        features, padding, text = dataset.batch(SETTINGS, noise_source("b", seed))
        for row, absent, told in zip(features, padding, text, strict=True):
            present = row[~absent][:, 0]
            if told.item() == 1.0:
                assert present.tolist() == [100.0, 101.0, 102.0] and not row[absent].any()
            else:
                assert (present.diff() == 1.0).all() and len(present) == 6
                starts.add(int(present[0]))
    assert min(starts) == 0 and max(starts) == 14


def test_features_of_a_kind_share_their_deviation() -> None:
    features = encoded([Example("a", toy_motion("step", 0)), Example("b", toy_motion("squat", 1))])
    mean, deviation = measured(features)
    frames = np.concatenate(features)
    assert mean.dtype == deviation.dtype == np.float32
    assert np.allclose(mean, frames.mean(axis=0), atol=1e-6)
    assert len(set(deviation[hml.LOCAL].tolist())) == 1
    assert deviation[10] == pytest.approx(frames.std(axis=0)[hml.LOCAL].mean(), rel=1e-5)
    # Nobody turns: the smallest deviation stands where there is none.
    assert deviation[0] >= 1e-3
    dataset = make_dataset(
        [Example("a", np.zeros(1)), Example("b", np.zeros(1))],
        features,
        Statistics(mean.astype(float), deviation.astype(float), {}),
        HashedNgrams(32),
        "cpu",
    )
    assert dataset.text.shape == (2, 1, 32) and [part.shape for part in dataset.features] == [(29, 263)] * 2
    assert torch.cat(dataset.features).mean(dim=0).abs().max() < 1e-4


def test_one_example_is_too_few() -> None:
    with pytest.raises(AthenaError, match=r"1 captioned motion\(s\) are too few"):
        encoded([Example("a", toy_motion("step", 0))])


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [rate_factor(step, 1000) for step in range(1000)]
    assert factors[0] == pytest.approx(1.0 / 50.0) and factors[49] == 1.0
    assert factors[-1] == pytest.approx(0.05, abs=1e-3)
    assert all(later <= sooner for sooner, later in itertools.pairwise(factors[49:]))
    assert 0.0 < rate_factor(0, 1) <= 1.0
