from __future__ import annotations

import pytest
import torch
from tensordict import TensorDict

from athena_wbc.learning.config import PPOConfig, RegulariserConfig
from athena_wbc.learning.models import FlatMLP, build_actor
from athena_wbc.learning.regularisers import (
    Regulariser,
    build_regulariser,
    caps_spatial_loss,
    caps_temporal_loss,
    grad_caps_loss,
    valid_windows,
)

T, N, A = 7, 4, 3


def means_and_mask() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    means = torch.randn(T, N, A, generator=generator, dtype=torch.float64)
    mask = torch.rand(T - 2, N, generator=generator) < 0.6
    return means.requires_grad_(), mask


def slow_grad_caps(means: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Eq. 11 term by term."""
    total, weight = torch.zeros((), dtype=means.dtype), 0.0
    for t in range(1, T - 1):
        for n in range(N):
            if mask[t - 1, n]:
                for a in range(A):
                    total = total + (means[t + 1, n, a] - 2 * means[t, n, a] + means[t - 1, n, a]) ** 2
                weight += 1.0
    return total / (2 * weight)


def slow_caps(means: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    total, weight = torch.zeros((), dtype=means.dtype), 0.0
    for t in range(T - 1):
        for n in range(N):
            if mask[t, n]:
                for a in range(A):
                    total = total + (means[t + 1, n, a] - means[t, n, a]) ** 2
                weight += 1.0
    return total / (2 * weight)


def test_grad_caps_by_hand() -> None:
    # Second differences 1 - 2*3 + 2 = -3 and 0: (9 + 0) / (2 * 1), the second triplet is masked out.
    prev = torch.tensor([[2.0, 0.0], [9.0, 9.0]])
    now = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    following = torch.tensor([[1.0, 2.0], [5.0, 5.0]])
    mask = torch.tensor([True, False])
    assert grad_caps_loss(prev, now, following, mask).item() == pytest.approx(4.5)


def test_grad_caps_and_its_gradient_equal_the_slow_sum() -> None:
    means, mask = means_and_mask()
    fast = grad_caps_loss(means[:-2], means[1:-1], means[2:], mask)
    slow = slow_grad_caps(means, mask)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(*(torch.autograd.grad(loss, means)[0] for loss in (fast, slow)))


def test_caps_and_its_gradient_equal_the_slow_sum() -> None:
    means, _ = means_and_mask()
    mask = torch.rand(T - 1, N, generator=torch.Generator().manual_seed(4)) < 0.5
    fast, slow = caps_temporal_loss(means[:-1], means[1:], mask), slow_caps(means, mask)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(*(torch.autograd.grad(loss, means)[0] for loss in (fast, slow)))


def test_a_constant_rate_costs_grad_caps_nothing_but_caps_its_square() -> None:
    ramp = torch.arange(5.0).reshape(5, 1, 1) * torch.tensor([0.5, -1.0])
    assert grad_caps_loss(ramp[:-2], ramp[1:-1], ramp[2:], torch.ones(3, 1)).item() == 0.0
    assert caps_temporal_loss(ramp[:-1], ramp[1:], torch.ones(4, 1)).item() == pytest.approx(1.25 / 2)


def test_caps_in_space_by_hand() -> None:
    mean = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert caps_spatial_loss(mean, torch.zeros(2, 2)).item() == pytest.approx(0.25)


def test_an_empty_mask_costs_nothing() -> None:
    means, _ = means_and_mask()
    loss = grad_caps_loss(means[:-2], means[1:-1], means[2:], torch.zeros(T - 2, N))
    assert loss.item() == 0.0
    assert torch.autograd.grad(loss, means)[0].abs().max() == 0.0


def test_windows_stay_within_an_episode() -> None:
    # The only end is that of environment 1 with the action of step 2: observations 3, 4 are a new episode's.
    dones = torch.zeros(5, 2, 1, dtype=torch.uint8)
    dones[2, 1] = 1
    triplets = {divmod(int(i), 2) for i in valid_windows(dones, 3)}
    assert triplets == {(0, 0), (1, 0), (2, 0), (0, 1)}
    pairs = {divmod(int(i), 2) for i in valid_windows(dones, 2)}
    assert pairs == {(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (3, 1)}


def test_an_end_with_the_last_observation_of_a_window_does_not_break_it() -> None:
    dones = torch.zeros(3, 1, 1, dtype=torch.uint8)
    dones[2] = 1
    assert valid_windows(dones, 3).tolist() == [0]


def test_a_rollout_shorter_than_a_window_has_none() -> None:
    assert len(valid_windows(torch.zeros(2, 3, 1), 3)) == 0


def actor_and_inputs() -> tuple[FlatMLP, torch.Tensor]:
    torch.manual_seed(0)
    observations = TensorDict({"teacher": torch.randn(T * N, 5), "critic": torch.zeros(T * N, 1)}, batch_size=[T * N])
    config = PPOConfig()
    config.actor.hidden_dims = [8]
    actor = build_actor(observations, config, A, "cpu")
    return actor, observations["teacher"]


@pytest.mark.parametrize("on", ["mean", "target"])
def test_sampled_windows_converge_to_the_full_sum(on: str) -> None:
    actor, inputs = actor_and_inputs()
    dones = torch.zeros(T, N, 1)
    dones[3, 2] = 1
    base = torch.randn(T * N, A)
    regulariser = Regulariser(RegulariserConfig(kind="grad_caps", weight=2.0, on=on, sample_fraction=2000.0))
    regulariser.prepare(inputs, dones, base, mini_batch_size=T)
    drawn = regulariser.losses(actor)["grad_caps"]
    action = actor.mean(inputs).reshape(T, N, A)
    if on == "target":
        action = action + base.reshape(T, N, A)
    mask = torch.ones(T - 2, N)
    mask[2:4, 2] = 0.0  # triplets that start at 2 and 3 hold observation 3 and 4, of two episodes
    expected = 2.0 * grad_caps_loss(action[:-2], action[1:-1], action[2:], mask)
    assert drawn.item() == pytest.approx(expected.item(), rel=0.05)


def test_the_distribution_in_use_is_left_alone() -> None:
    actor, inputs = actor_and_inputs()
    actor.distribution.update(torch.full((2, A), 7.0))
    regulariser = Regulariser(RegulariserConfig(kind="caps", spatial_weight=1.0))
    regulariser.prepare(inputs, torch.zeros(T, N, 1), None, mini_batch_size=8)
    losses = regulariser.losses(actor)
    assert set(losses) == {"caps", "caps_spatial"}
    assert all(loss.item() > 0 and loss.requires_grad for loss in losses.values())
    assert actor.output_mean.tolist() == [[7.0] * A] * 2


def test_no_whole_window_is_no_loss() -> None:
    actor, inputs = actor_and_inputs()
    regulariser = Regulariser(RegulariserConfig(kind="grad_caps"))
    regulariser.prepare(inputs, torch.ones(T, N, 1), None, mini_batch_size=8)
    assert regulariser.losses(actor)["grad_caps"].item() == 0.0


def test_nothing_is_built_where_nothing_acts() -> None:
    assert build_regulariser(RegulariserConfig()) is None
    assert build_regulariser(RegulariserConfig(kind="caps", weight=0.0)) is None
    assert build_regulariser(RegulariserConfig(kind="caps", weight=0.0, spatial_weight=1.0)) is not None
