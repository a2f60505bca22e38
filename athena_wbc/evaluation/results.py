"""Scores of all rollouts of an evaluation, and what they come to for a clip and for the corpus."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

from athena_wbc.evaluation import metrics
from athena_wbc.evaluation.errors import ERRORS
from athena_wbc.evaluation.score import VALUES, Score


@dataclass
class Results:
    """M clips, R rollouts of each. Values start as NaN, and as failures, until a score is added.

    A value of a clip is the mean over its rollouts, a value of the corpus the mean over its clips, so that long
    clips weigh as much as short ones. Where a value is not defined (NaN), the mean is over the others.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    durations: np.ndarray
    """(M,) s."""
    control_dt: float
    """Time of a control step, s."""
    edges: np.ndarray
    """(C + 1,) borders of the spectrum's cells, Hz."""
    rollouts: int
    values: np.ndarray = field(init=False)
    """(M, R, V) in the order of ``VALUES``."""
    peaks: np.ndarray = field(init=False)
    """(M, R, E) largest errors, in the order of ``ERRORS``."""
    spectrum: np.ndarray = field(init=False)
    """(M, R, C) normalised power spectral density."""
    completed: np.ndarray = field(init=False)
    """(M, R) bool."""
    failures: list[list[str]] = field(init=False)
    """M x R: the error that first reached its limit, empty for a success."""
    failure_steps: np.ndarray = field(init=False)
    """(M, R) control step at which it did, -1 for a success."""

    def __post_init__(self) -> None:
        shape = (len(self.names), self.rollouts)
        self.values = np.full((*shape, len(VALUES)), np.nan)
        self.peaks = np.full((*shape, len(ERRORS)), np.nan)
        self.spectrum = np.full((*shape, len(self.edges) - 1), np.nan)
        self.completed = np.zeros(shape, dtype=bool)
        self.failures = [["" for _ in range(self.rollouts)] for _ in self.names]
        self.failure_steps = np.full(shape, -1)

    def add(self, score: Score) -> None:
        """Take in the score of one rollout."""
        at = score.clip, score.rollout
        self.values[at] = score.values.numpy()
        self.peaks[at] = score.peaks.numpy()
        self.spectrum[at] = score.spectrum.numpy()
        self.completed[at] = score.completed
        self.failures[score.clip][score.rollout] = score.first_failure
        self.failure_steps[at] = score.first_failure_step

    def of(self, name: str) -> np.ndarray:
        """(M, R) values of one name."""
        return self.values[..., VALUES.index(name)]

    def by_clip(self, name: str, where: np.ndarray | None = None) -> np.ndarray:
        """(M,) mean over the rollouts, over those in ``where`` (M, R) if given."""
        values = self.of(name)
        return nanmean(values if where is None else np.where(where, values, np.nan), axis=1)

    @property
    def succeeded(self) -> np.ndarray:
        """(M, R) bool, success at tolerance 1."""
        return self.of("critical_scale") < 1.0

    def success_by_clip(self) -> np.ndarray:
        """(M,) share of successful rollouts."""
        return self.succeeded.mean(axis=1)

    def tis_by_clip(self, rule: str = "") -> np.ndarray:
        """(M,) threshold-integrated success, under the protocol's rule or a published one."""
        scales = self.scales(rule)
        return np.array([float(metrics.threshold_integrated_success(row)) for row in scales])

    def scales(self, rule: str = "") -> torch.Tensor:
        """(M, R) critical scales under the protocol's rule, or under a published one."""
        return torch.from_numpy(self.of(f"critical_scale_{rule}" if rule else "critical_scale"))

    def failed_clips(self) -> list[int]:
        """Clips of which at least one rollout failed, in the corpus's order."""
        return np.flatnonzero(~self.succeeded.all(axis=1)).tolist()

    def hardest_first(self) -> list[int]:
        """All clips by rising success rate, then rising TIS, then in the corpus's order."""
        return np.lexsort((self.tis_by_clip(), self.success_by_clip())).tolist()

    def first_failure(self, clip: int) -> tuple[str, float]:
        """Error that failed the clip's worst rollout and the time at which it did, s; empty and NaN without."""
        scale = np.nan_to_num(self.of("critical_scale")[clip], nan=np.inf)
        # Among equally bad rollouts (all cut, say) the one that failed first tells most.
        step = np.where(self.failure_steps[clip] < 0, np.iinfo(np.int64).max, self.failure_steps[clip])
        worst = int(np.lexsort((step, -scale))[0])
        name = self.failures[clip][worst]
        return name, float(self.failure_steps[clip, worst] * self.control_dt) if name else float("nan")

    def subset(self, clips: list[int]) -> Results:
        """The same for some of the clips."""
        part = Results(
            tuple(self.names[clip] for clip in clips),
            tuple(self.labels[clip] for clip in clips),
            self.durations[clips],
            self.control_dt,
            self.edges,
            self.rollouts,
        )
        for name in ("values", "peaks", "spectrum", "completed", "failure_steps"):
            setattr(part, name, getattr(self, name)[clips])
        part.failures = [self.failures[clip] for clip in clips]
        return part

    def by_label(self) -> dict[str, Results]:
        """Results of each label that occurs, sorted by label; clips without one are under ``unlabelled``."""
        groups: dict[str, list[int]] = {}
        for clip, label in enumerate(self.labels):
            groups.setdefault(label or "unlabelled", []).append(clip)
        return {label: self.subset(groups[label]) for label in sorted(groups)}


def nanmean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean over what is not NaN; NaN, without a warning, where nothing is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, axis=axis)


def nanstd(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Standard deviation (of the population) over what is not NaN; NaN where nothing is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanstd(values, axis=axis)
