"""Intervals by hand, against slow references, and where there is too little to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from athena_wbc.pipeline import statistics
from athena_wbc.pipeline.statistics import bootstrap_interval, hierarchical_interval, t_interval


def test_students_interval_by_hand() -> None:
    interval = t_interval([1.0, 2.0, 3.0])
    # Standard error 1 / sqrt(3); the 97.5 % quantile of two degrees of freedom is 4.302653.
    half = 4.302653 / math.sqrt(3.0)
    assert (interval.mean, interval.count) == (2.0, 3)
    assert (interval.low, interval.high) == pytest.approx((2.0 - half, 2.0 + half), abs=1e-6)
    assert not interval.excludes_zero
    assert t_interval([11.0, 12.0, 13.0]).excludes_zero


def test_the_bootstrap_by_hand() -> None:
    # Two clips: the mean of two draws is 0, 1/2 or 1 with probability 1/4, 1/2 and 1/4.
    interval = bootstrap_interval([0.0, 1.0])
    assert (interval.mean, interval.low, interval.high, interval.count) == (0.5, 0.0, 1.0, 2)
    narrow = bootstrap_interval([0.0, 1.0], level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)
    assert bootstrap_interval([0.25] * 5).excludes_zero


def test_the_bootstrap_of_many_clips_is_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(1.0, 2.0, size=400)
    interval = bootstrap_interval(values)
    half = 1.96 * values.std() / math.sqrt(400)
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_one_seed_gives_one_interval_whatever_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(30.0)
    first = bootstrap_interval(values, seed=4)
    assert bootstrap_interval(values, seed=4) == first
    assert bootstrap_interval(values, seed=5) != first
    monkeypatch.setattr(statistics, "_MOST_ELEMENTS", 70)  # two rows at a time
    assert bootstrap_interval(values, seed=4) == first


def test_what_is_not_finite_is_left_out() -> None:
    assert bootstrap_interval([1.0, math.nan, 3.0, math.inf]).count == 2
    assert t_interval([1.0, math.nan, 3.0]).mean == 2.0
    assert hierarchical_interval([[1.0, math.nan], [math.nan], [3.0]]).count == 2


def test_too_little_to_say() -> None:
    for function in (t_interval, bootstrap_interval):
        assert function([]) is None
        single = function([0.5])
        assert (single.mean, single.low, single.high, single.excludes_zero) == (0.5, None, None, False)
    assert hierarchical_interval([]) is None
    assert hierarchical_interval([[1.0, 2.0]]).low is None


def test_seeds_weigh_the_same_however_many_clips_they_have() -> None:
    interval = hierarchical_interval([[0.0] * 10, [1.0]])
    # Within a seed all clips agree, so only the draw of seeds is left: both the first, one of each, both the second.
    assert (interval.mean, interval.low, interval.high, interval.count) == (0.5, 0.0, 1.0, 2)


def test_both_levels_against_a_slow_reference() -> None:
    generator = np.random.default_rng(0)
    groups = [generator.normal(mean, 1.0, size=size) for mean, size in ((0.0, 5), (1.0, 8), (3.0, 6))]
    means = []
    for _ in range(4000):
        drawn = [groups[k] for k in generator.integers(0, 3, size=3)]
        means.append(np.mean([generator.choice(group, size=len(group)).mean() for group in drawn]))
    interval = hierarchical_interval(groups)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))), abs=0.12)


def test_seeds_that_agree_leave_the_doubt_of_the_clips() -> None:
    assert hierarchical_interval([[0.5], [0.5]]).low == 0.5
    interval = hierarchical_interval([[0.0, 1.0], [0.0, 1.0]])
    # Four draws of 0 or 1 with equal chance, in whatever seed: none or all of them have a chance of 1/16.
    assert (interval.low, interval.high) == (0.0, 1.0)
