"""The adaptive sampler against numbers worked out by hand: eqs. A.1 to A.4."""

from __future__ import annotations

import math

import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.task.config import SamplerConfig
from athena_wbc.task.sampler import AdaptiveSampler, clip_probabilities, raw_score
from tests.tracking import errors_of

NUM_STEPS = torch.tensor([101, 51, 26, 2])
"""Control steps of 20 ms: 2 s, 1 s, 0.5 s and the shortest clip there can be."""


def make(**changes) -> AdaptiveSampler:
    return AdaptiveSampler(SamplerConfig(**changes), NUM_STEPS, control_dt=0.02)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def visit(sampler: AdaptiveSampler, clip: list[int], step: list[int], key_body: list[float]) -> None:
    """Environments at these steps whose only error is that of a key body, m."""
    zero = [0.0] * len(clip)
    sampler.update(torch.tensor(clip), torch.tensor(step), errors_of(zero, zero, key_body))


def test_raw_score_is_the_largest_error_plus_a_quarter_for_each_violation():
    body = torch.tensor([0.4, 1.0, 2.0, 0.0])
    height = torch.tensor([0.7, 0.2, 1.5, 0.999])
    yaw = torch.tensor([0.1, 0.3, 1.0, 0.0])
    # None violated; body exactly at its threshold counts; all three; just below counts nothing.
    expected = torch.tensor([0.7, 1.25, 2.75, 0.999])
    torch.testing.assert_close(raw_score(body, height, yaw, 0.25), expected)


def test_errors_are_shares_of_the_papers_thresholds():
    sampler = make(ema=1.0)
    # 0.1 m of 0.2, 0.4 rad of 0.5, 0.45 m of 0.5: the last is the largest.
    errors = errors_of(height=[0.1], yaw=[0.4], key_body=[0.45])
    sampler.update(torch.tensor([1]), torch.tensor([10]), errors)
    assert sampler.clip_difficulty()[1].item() == pytest.approx(0.9)
    # 0.3 m of height is 1.5 thresholds, 0.5 rad one: two violations.
    errors = errors_of(height=[0.3], yaw=[0.5], key_body=[0.1])
    sampler.update(torch.tensor([1]), torch.tensor([10]), errors)
    assert sampler.clip_difficulty()[1].item() == pytest.approx(1.5 + 2 * 0.25)


def test_difficulty_starts_at_one():
    assert make().bin_difficulty.tolist() == [1.0] * 5
    assert make().clip_difficulty().tolist() == [1.0] * 4


def test_moving_average():
    sampler = make(ema=0.1)
    visit(sampler, [2], [3], [0.2])  # raw score 0.4
    assert sampler.clip_difficulty()[2].item() == pytest.approx(0.1 * 0.4 + 0.9)
    visit(sampler, [2], [20], [0.2])  # the same bin
    assert sampler.clip_difficulty()[2].item() == pytest.approx(0.1 * 0.4 + 0.9 * 0.94)
    assert sampler.clip_difficulty()[[0, 1, 3]].tolist() == [1.0, 1.0, 1.0]


def test_environments_in_one_bin_are_averaged_before_one_update():
    sampler = make(ema=0.5)
    # Three of four environments are in the first second of clip 0: raw scores 0.2, 0.4 and 2 + 0.25.
    visit(sampler, [0, 0, 1, 0], [1, 49, 7, 50], [0.1, 0.2, 0.3, 1.0])
    mean = (0.2 + 0.4 + 2.25) / 3
    torch.testing.assert_close(sampler.bin_difficulty, torch.tensor([0.5 + 0.5 * mean, 1.0, 0.8, 1.0, 1.0]))


def test_a_clip_is_as_hard_as_its_hardest_bin():
    sampler = make(ema=1.0)
    visit(sampler, [0, 0], [10, 60], [0.3, 0.1])
    assert sampler.bin_difficulty[:2].tolist() == pytest.approx([0.6, 0.2])
    assert sampler.clip_difficulty()[0].item() == pytest.approx(0.6)
    visit(sampler, [0], [60], [0.4])
    assert sampler.clip_difficulty()[0].item() == pytest.approx(0.8)


def test_every_bin_is_a_second_and_the_last_step_belongs_to_the_one_before_it():
    sampler = make(ema=1.0)
    for step in range(1, 101):
        visit(sampler, [0], [step], [0.005 * step])
    # Bins hold steps 1 to 50 and 51 to 100, the last of which stays: 0.5 and 1 thresholds (with its bonus).
    assert sampler.bin_difficulty.tolist() == pytest.approx([0.5, 1.25, 1.0, 1.0, 1.0])


def test_probabilities_by_hand():
    config = SamplerConfig(max_difficulty=2.0, epsilon=0.1, uniform=0.2)
    # phi = 0.5 + 0.1, 1.0 + 0.1, min(7, 2) + 0.1: sum 3.8.
    p = clip_probabilities(torch.tensor([0.5, 1.0, 7.0]), config)
    expected = [0.8 * phi / 3.8 + 0.2 / 3 for phi in (0.6, 1.1, 2.1)]
    torch.testing.assert_close(p, torch.tensor(expected))


def test_epsilon_keeps_a_perfect_clip_alive():
    config = SamplerConfig(epsilon=0.05, uniform=0.0)
    p = clip_probabilities(torch.tensor([0.0, 1.95]), config)
    assert p.tolist() == pytest.approx([0.05 / 2.05, 2.0 / 2.05])


def test_uniform_mixture_bounds_every_clip_from_below():
    p = clip_probabilities(torch.tensor([0.0, 0.0, 0.0, 2.0]), SamplerConfig(epsilon=0.0, uniform=0.4))
    assert p.tolist() == pytest.approx([0.1, 0.1, 0.1, 0.7])


def test_not_adaptive_is_uniform_and_still_keeps_scores():
    sampler = make(adaptive=False, ema=1.0)
    visit(sampler, [1], [1], [5.0])
    assert sampler.probabilities().tolist() == [0.25] * 4
    assert sampler.clip_difficulty()[1].item() == pytest.approx(10.25)


def test_clips_are_drawn_by_their_probability():
    sampler = make(ema=1.0, uniform=0.0)
    visit(sampler, [0, 0, 1, 2, 3], [1, 60, 1, 1, 1], [0.0, 0.0, 1.0, 0.25, 0.0])
    clip, _ = sampler.sample(40000, generator())
    share = torch.bincount(clip, minlength=4) / 40000
    # The standard deviation of a share is at most 0.0025.
    torch.testing.assert_close(share, sampler.probabilities(), atol=0.01, rtol=0.0)


def test_starts_are_uniform_and_never_the_last_step():
    sampler = make(uniform=1.0)
    clip, step = sampler.sample(60000, generator())
    assert set(step[clip == 3].tolist()) == {0}
    counts = torch.bincount(step[clip == 2], minlength=26)
    assert counts[25] == 0
    # Some 600 draws of each of 25 steps: five standard deviations are 120.
    assert counts[:25].min() > 480 and counts[:25].max() < 720
    assert step[clip == 0].max() == 99


def test_not_finite_errors_count_as_the_cap_and_poison_nothing():
    sampler = make(ema=0.5, max_difficulty=2.0)
    visit(sampler, [0, 0, 1, 2], [5, 6, 5, 5], [math.nan, 0.1, math.inf, 0.25])
    difficulty = sampler.bin_difficulty
    assert difficulty.tolist() == pytest.approx([0.5 + 0.5 * (2.0 + 0.2) / 2, 1.0, 1.5, 0.75, 1.0])
    sampler.update(torch.tensor([3]), torch.tensor([1]), errors_of([0.0], [math.nan], [0.0]))
    assert sampler.probabilities().isfinite().all()
    assert sampler.clip_difficulty()[3].item() == pytest.approx(1.5)


def test_a_broken_simulation_scores_the_cap_whatever_it_shows():
    sampler = make(ema=1.0, max_difficulty=1.7)
    broken = torch.tensor([False, True])
    sampler.update(torch.tensor([1, 2]), torch.tensor([1, 1]), errors_of([0.1, 0.0], [0.0, 0.0], [0.0, 0.0]), broken)
    assert sampler.clip_difficulty()[1:3].tolist() == pytest.approx([0.5, 1.7])


def test_the_generator_decides_the_draw():
    first, again, other = (make().sample(64, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


def test_entropy_is_a_share_of_the_uniform_distributions():
    sampler = make(ema=1.0, uniform=0.0, epsilon=1e-6)
    assert sampler.entropy() == pytest.approx(1.0)
    visit(sampler, [0, 0, 3], [1, 60, 1], [0.0, 0.0, 0.0])
    # Two of four clips are left, equally hard.
    assert sampler.entropy() == pytest.approx(0.5, abs=1e-3)
    assert AdaptiveSampler(SamplerConfig(), torch.tensor([10]), 0.02).entropy() == 1.0


def test_processes_share_what_they_have_seen(monkeypatch: pytest.MonkeyPatch):
    sampler = make(ema=0.5)
    visit(sampler, [0, 1], [1, 1], [0.1, 0.3])
    seen = [0.6, 1.0, 0.8, 1.0, 1.0]
    assert sampler.bin_difficulty.tolist() == pytest.approx(seen)
    sampler.synchronise()
    assert sampler.bin_difficulty.tolist() == pytest.approx(seen), "alone there is nothing to share"
    # Two others: both have been in bin 0, one in bin 1, none in bin 2; their changes and counts are summed.
    others = torch.tensor([[-0.2 + 0.3, 0.5, 0.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0, 0.0]])
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: tensor.add_(others))
    sampler.synchronise()
    shared = [1.0 + (-0.4 - 0.2 + 0.3) / 3, 1.5, 0.8, 1.0, 1.0]
    assert sampler.bin_difficulty.tolist() == pytest.approx(shared)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: None)
    sampler.synchronise()
    assert sampler.bin_difficulty.tolist() == pytest.approx(shared), "nothing has changed since"


def test_state_goes_round():
    sampler, other = make(), make()
    visit(sampler, [0, 1, 3], [70, 2, 1], [1.0, 0.1, 0.3])
    state = sampler.state_dict()
    other.load_state_dict(state)
    assert torch.equal(other.bin_difficulty, sampler.bin_difficulty)
    visit(sampler, [0], [70], [0.0])
    assert not torch.equal(state["bin_difficulty"], sampler.bin_difficulty), "the state is a copy"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ema", 0.0),
        ("ema", 1.5),
        ("uniform", -0.1),
        ("uniform", 1.1),
        ("epsilon", 0.0),
        ("max_difficulty", 0.0),
        ("bin_s", 0.0),
        ("height", 0.0),
        ("yaw", -0.5),
        ("key_body", math.nan),
    ],
)
def test_constants_out_of_range_are_refused(key: str, value: float):
    with pytest.raises(AthenaError, match=rf"^task\.sampler\.{key}: .*{value:g}"):
        make(**{key: value})
