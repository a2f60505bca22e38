from __future__ import annotations

import torch

from athena_wbc.learning.aggregate import Aggregate


def rollout(value: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full((2, 3), value), torch.full((2, 1), -value)


def kept(aggregate: Aggregate) -> list[float]:
    observations, labels = aggregate.rows(torch.arange(len(aggregate)))
    assert torch.equal(observations[:, :1], -labels)
    return sorted(observations[:, 0].tolist())


def test_the_oldest_rollout_goes_first() -> None:
    aggregate = Aggregate(3, 2, 3, 1, "cpu")
    for value in range(1, 6):
        aggregate.add(*rollout(float(value)))
        assert len(aggregate) == 2 * min(value, 3)
    assert kept(aggregate) == [3.0, 3.0, 4.0, 4.0, 5.0, 5.0]


def test_a_draw_holds_every_row_once_at_most() -> None:
    aggregate = Aggregate(4, 2, 3, 1, "cpu")
    for value in range(3):
        aggregate.add(*rollout(float(value)))
    torch.manual_seed(0)
    seen = torch.stack([aggregate.draw(4) for _ in range(3000)])
    assert all(len(set(draw.tolist())) == 4 for draw in seen[:100])
    shares = seen.flatten().bincount(minlength=6) / seen.numel()
    assert shares.sub(1 / 6).abs().max() < 0.01


def test_saved_and_loaded_it_goes_on_alike() -> None:
    first = Aggregate(3, 2, 3, 1, "cpu")
    for value in range(4):
        first.add(*rollout(float(value)))
    second = Aggregate(3, 2, 3, 1, "cpu")
    second.load(first.state())
    for aggregate in (first, second):
        aggregate.add(*rollout(9.0))
    assert kept(first) == kept(second) == [2.0, 2.0, 3.0, 3.0, 9.0, 9.0]


def test_a_state_holds_what_was_added_and_no_more() -> None:
    aggregate = Aggregate(100, 2, 3, 1, "cpu")
    aggregate.add(*rollout(1.0))
    assert aggregate.state()["observations"].untyped_storage().nbytes() == 2 * 3 * 4
