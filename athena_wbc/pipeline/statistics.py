"""Intervals for differences between policies: over clips, over seeds, and over both. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
DRAWS = 10_000
"""Bootstrap samples; two intervals of the same data with other draws differ by about a hundredth of their width."""

_MOST_ELEMENTS = 2_000_000
"""Numbers that are drawn at a time, so that a corpus of thousands of clips fits into memory."""


@dataclass(frozen=True)
class Interval:
    """A mean and the interval around it; without borders where too little was measured to say."""

    mean: float
    low: float | None
    high: float | None
    count: int
    """Values that the mean is of: clips, or seeds."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low is not None and self.high is not None and (self.low > 0.0 or self.high < 0.0)


def t_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval | None:
    """Student's interval for the mean of a few independent values, one a seed.

    Args:
        values: (N,); those that are not finite are left out.
        level: probability that the interval covers the mean.

    Returns:
        None without a value; no borders for a single one.
    """
    from scipy.stats import t

    finite = _finite(values)
    if not len(finite):
        return None
    mean = float(finite.mean())
    if len(finite) < 2:
        return Interval(mean, None, None, len(finite))
    half = float(t.ppf(0.5 + level / 2.0, len(finite) - 1)) * float(finite.std(ddof=1)) / math.sqrt(len(finite))
    return Interval(mean, mean - half, mean + half, len(finite))


def bootstrap_interval(
    differences: Sequence[float] | np.ndarray, seed: int = 0, draws: int = DRAWS, level: float = LEVEL
) -> Interval | None:
    """Percentile bootstrap of a mean over clips, which are drawn with replacement.

    Args:
        differences: (M,) difference of two policies on each clip, so that clips stay paired; those that are not
            finite are left out.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        None without a value; no borders for a single one, which says nothing about other clips.
    """
    finite = _finite(differences)
    if not len(finite):
        return None
    if len(finite) < 2:
        return Interval(float(finite[0]), None, None, 1)
    means = _resampled_means(finite, draws, np.random.default_rng(seed))
    return _percentiles(float(finite.mean()), means, len(finite), level)


def hierarchical_interval(
    differences: Sequence[Sequence[float] | np.ndarray], seed: int = 0, draws: int = DRAWS, level: float = LEVEL
) -> Interval | None:
    """Percentile bootstrap over two levels: seeds are drawn with replacement, then clips within each drawn seed.

    Seeds may hold other clips, as residual sets do; each seed weighs the same.

    Args:
        differences: of every seed, (M_k,) differences of its clips; those that are not finite are left out, and
            seeds that hold no other.

    Returns:
        None without a value; no borders for fewer than two seeds.
    """
    groups = [group for group in map(_finite, differences) if len(group)]
    if not groups:
        return None
    count = len(groups)
    mean = float(np.mean([group.mean() for group in groups]))
    if count < 2:
        return Interval(mean, None, None, count)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, count, size=(draws, count))
    sums = np.zeros(draws)
    for slot in range(count):
        for index, group in enumerate(groups):
            chosen = drawn[:, slot] == index
            sums[chosen] += _resampled_means(group, int(chosen.sum()), generator)
    return _percentiles(mean, sums / count, count, level)


def _finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return array[np.isfinite(array)]


def _resampled_means(values: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    chunk = max(1, _MOST_ELEMENTS // len(values))
    means = [np.zeros(0)]
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        means.append(values[generator.integers(0, len(values), size=(rows, len(values)))].mean(axis=1))
    return np.concatenate(means)


def _percentiles(mean: float, means: np.ndarray, count: int, level: float) -> Interval:
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(means, (tail, 100.0 - tail))
    return Interval(mean, float(low), float(high), count)
