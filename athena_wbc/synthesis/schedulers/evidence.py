"""What observations say: mastery of a domain, ease of a clip, learnability, success of phrases. Pure functions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.records import Observation, TrackerMetrics

FAILED_MM = 500.0
"""Error that a failed rollout counts as at least: the distance at which the success rule gives a clip up, mm."""

Posteriors = dict[str, dict[str, dict[str, list[float]]]]
"""Domain -> axis -> phrase -> the two parameters of its Beta distribution."""


@dataclasses.dataclass(frozen=True)
class Batch:
    """A domain's clips of one loop, as a whole."""

    clips: int
    success: float | None
    """Mean over the clips whose metrics are seen; None where none are."""
    mpjpe_g: float | None
    """Mean over clips weighted by their success, mm: how far a fallen robot is from its clip says nothing about how
    well it tracks. Infinite where nothing succeeded."""
    difficulty: float | None
    """The judges' mean, 1 to 10."""
    tier: float
    """Mean intended tier."""


def latest(observations: Iterable[Observation]) -> list[Observation]:
    """One observation for each clip, the newest (in a loop, the last told), ordered by the clips' names."""
    newest: dict[str, Observation] = {}
    for observation in observations:
        known = newest.get(observation.clip)
        if known is None or observation.loop >= known.loop:
            newest[observation.clip] = observation
    return [newest[clip] for clip in sorted(newest)]


def clip_error(metrics: TrackerMetrics) -> float:
    """Expected error of a rollout, mm: the clip's for the share that succeeded, more than any success for the rest.

    ``success * min(mpjpe_g, F) + (1 - success) * F * (2 - TIS)`` with F of :data:`FAILED_MM`. A failed rollout counts
    F to 2 F, the more the further it has been off by TIS: so clips that all fail are told apart, and none of them
    counts as easier than one that succeeds.
    """
    error = min(metrics.mpjpe_g, FAILED_MM) if math.isfinite(metrics.mpjpe_g) else FAILED_MM
    return metrics.success * error + (1.0 - metrics.success) * FAILED_MM * (2.0 - metrics.tis)


def summary(batch: Sequence[Observation]) -> Batch:
    """The batch as a whole; at least one observation."""
    metrics = [observation.metrics for observation in batch if observation.metrics is not None]
    judged = [observation.judgement.difficulty for observation in batch if observation.judgement is not None]
    success = mpjpe = None
    if metrics:
        success = sum(each.success for each in metrics) / len(metrics)
        counted = [each for each in metrics if each.success > 0.0 and math.isfinite(each.mpjpe_g)]
        weight = sum(each.success for each in counted)
        mpjpe = sum(each.success * each.mpjpe_g for each in counted) / weight if counted else math.inf
    return Batch(
        clips=len(batch),
        success=success,
        mpjpe_g=mpjpe,
        difficulty=sum(judged) / len(judged) if judged else None,
        tier=sum(observation.prompt.tier for observation in batch) / len(batch),
    )


def learnability(success: float) -> float:
    """``4 p (1 - p)``: 1 where a clip is as often tracked as not, 0 where there is nothing left or yet to learn."""
    return 4.0 * success * (1.0 - success)


def learnability_weights(observations: Sequence[Observation], floor: float) -> np.ndarray:
    """(N,) weights of a draw, at least `floor`; clips whose metrics are unseen weigh 1, as if nobody knew."""
    return np.array(
        [
            1.0 if observation.metrics is None else max(learnability(observation.metrics.success), floor)
            for observation in observations
        ]
    )


def is_at_most_quantile(values: Sequence[float | None], quantile: float) -> list[bool | None]:
    """Whether each value is low: at or below the values' own quantile, and not the highest where others are lower.

    Values that are all the same, or a single one, say nothing in comparison.

    Returns:
        For each value, None where it is unseen or says nothing.
    """
    seen = [value for value in values if value is not None]
    if not seen or min(seen) == max(seen):
        return [None] * len(values)
    limit = float(np.quantile(seen, quantile))
    if quantile < 1.0 and limit == max(seen):
        # More than the share share the highest value; the others alone are low.
        return [None if value is None else value < limit for value in values]
    return [None if value is None else value <= limit for value in values]


def posteriors(observations: Iterable[Observation]) -> Posteriors:
    """Beta posteriors of success for every phrase, from a uniform prior: ``[1 + successes, 1 + failures]``.

    A clip's success counts for each of its phrases: this is evidence about phrases in company, not alone.
    """
    found: Posteriors = {}
    for observation in observations:
        if observation.metrics is None:
            continue
        for axis in AXES:
            for phrase in observation.prompt.slots.get(axis, ()):
                axes = found.setdefault(observation.prompt.domain, {})
                pair = axes.setdefault(axis, {}).setdefault(phrase, [1.0, 1.0])
                pair[0] += observation.metrics.success
                pair[1] += 1.0 - observation.metrics.success
    return found


def phrase_success(found: Mapping[str, Mapping[str, Sequence[float]]], axis: str, phrases: Sequence[str]) -> float:
    """Mean of the posteriors of an axis' phrases within a domain; 0.5 for one that was never seen."""
    pairs = [found.get(axis, {}).get(phrase, (1.0, 1.0)) for phrase in phrases]
    return sum(pair[0] / (pair[0] + pair[1]) for pair in pairs) / len(pairs)
