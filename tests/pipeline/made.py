"""Results that no rollout has made, for numbers by hand."""

from __future__ import annotations

import math

import numpy as np

from athena_wbc.evaluation.errors import ERRORS
from athena_wbc.evaluation.results import Results
from athena_wbc.evaluation.score import VALUES

CONTROL_DT = 0.02


def make_results(scales: dict[str, list[float]], failures: dict[str, list[tuple[str, int]]] | None = None) -> Results:
    """Results of clips of two seconds.

    Args:
        scales: clip -> critical scale of every rollout.
        failures: clip -> first failure and its control step of the failed rollouts, in their order; the height at
            step 10 where none is given.
    """
    rollouts = len(next(iter(scales.values())))
    results = Results(
        names=tuple(scales),
        labels=("dynamic",) * len(scales),
        durations=np.full(len(scales), 2.0),
        control_dt=CONTROL_DT,
        edges=np.array([0.5, 25.0]),
        rollouts=rollouts,
    )
    results.values[:] = 0.0
    results.peaks[:] = 0.0
    for clip, (name, row) in enumerate(scales.items()):
        results.values[clip, :, VALUES.index("critical_scale")] = row
        results.values[clip, :, VALUES.index("MPJPE_mm")] = 100.0 * (np.arange(rollouts) + clip)
        results.peaks[clip, :, ERRORS.index("height")] = 0.01 * np.arange(rollouts)
        results.completed[clip] = [math.isfinite(scale) for scale in row]
        told = iter((failures or {}).get(name, [("height", 10)] * rollouts))
        for rollout, scale in enumerate(row):
            if scale >= 1.0:
                results.failures[clip][rollout], results.failure_steps[clip, rollout] = next(told)
    return results
