"""Differences between policies with intervals: paired over clips for one seed, over seeds and clips in a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from athena_wbc.pipeline.findings import Evaluation, Findings
from athena_wbc.pipeline.statistics import Interval, bootstrap_interval, hierarchical_interval, t_interval

COMPARED = ("SR", "TIS", "MPJPE_mm", "MPJPE_W_mm")
"""Columns of ``clips.csv`` that are compared."""
HIGHER_IS_BETTER = frozenset({"SR", "TIS"})


@dataclass(frozen=True)
class Comparison:
    """``first`` minus ``second`` on one set, in one value."""

    first: str
    second: str
    set: str
    value: str
    over_clips: Interval | None
    """One seed: bootstrap over the clips that both have."""
    over_seeds: Interval | None
    """Study: Student's interval of the seeds' mean differences."""
    over_both: Interval | None
    """Study: bootstrap over seeds and the clips within."""
    by_seed: dict[str, float]
    """Mean difference of every seed."""
    clips: int
    """Clips that were compared, of all seeds together."""
    better: int
    worse: int
    """Of these, clips on which the first policy is better, or worse."""

    @property
    def main(self) -> Interval | None:
        """The interval that is shown first."""
        return self.over_clips or self.over_seeds

    def record(self) -> dict[str, Any]:
        """The same for a JSON file."""
        return {
            "first": self.first,
            "second": self.second,
            "set": self.set,
            "value": self.value,
            "difference": None if self.main is None else self.main.mean,
            "over_clips": _record(self.over_clips),
            "over_seeds": _record(self.over_seeds),
            "over_seeds_and_clips": _record(self.over_both),
            "by_seed": self.by_seed,
            "clips": self.clips,
            "better": self.better,
            "worse": self.worse,
        }


def paired_differences(first: Evaluation, second: Evaluation, value: str) -> np.ndarray:
    """First minus second on every clip that both have a finite value of, in the first one's order; (M,)."""
    pairs = [
        (row.get(value), second.clips[clip].get(value)) for clip, row in first.clips.items() if clip in second.clips
    ]
    return np.array([a - b for a, b in pairs if a is not None and b is not None and math.isfinite(a - b)])


def compare(runs: Sequence[Findings], first: str, second: str, set_name: str, value: str) -> Comparison | None:
    """Compare two policies on one set over all runs that have both.

    Args:
        runs: one pipeline, or those of a study.
        first, second: names of policies; the difference is first minus second.
        set_name: the set.
        value: a name of ``COMPARED``.

    Returns:
        None where no run has both policies on the set.
    """
    differences = {}
    for run in runs:
        pair = [run.evaluations.get((policy, set_name)) for policy in (first, second)]
        if pair[0] is not None and pair[1] is not None:
            found = paired_differences(pair[0], pair[1], value)
            if len(found):
                differences[run.name] = found
    if not differences:
        return None
    means = {name: float(found.mean()) for name, found in differences.items()}
    pooled = np.concatenate(list(differences.values()))
    gain = pooled if value in HIGHER_IS_BETTER else -pooled
    study = len(runs) > 1
    return Comparison(
        first=first,
        second=second,
        set=set_name,
        value=value,
        over_clips=None if study else bootstrap_interval(pooled),
        over_seeds=t_interval(list(means.values())) if study else None,
        over_both=hierarchical_interval(list(differences.values())) if study else None,
        by_seed=means,
        clips=len(pooled),
        better=int((gain > 0.0).sum()),
        worse=int((gain < 0.0).sum()),
    )


def pairs(runs: Sequence[Findings]) -> list[tuple[str, str]]:
    """Pairs of policies that the configuration asks to compare, without repetition."""
    found: dict[tuple[str, str], None] = {}
    for run in runs:
        asked = run.config.get("compare")
        for pair in asked if isinstance(asked, list) else []:
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair):
                found[pair[0], pair[1]] = None
    return list(found)


def compare_all(runs: Sequence[Findings], sets: Sequence[str]) -> list[Comparison]:
    """Every asked pair on every set in every compared value, where both were measured."""
    found = [
        compare(runs, first, second, set_name, value)
        for first, second in pairs(runs)
        for set_name in sets
        for value in COMPARED
    ]
    return [comparison for comparison in found if comparison is not None]


def _record(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "count": interval.count}
