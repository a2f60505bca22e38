"""What is found out about a motion on its way through a loop. Plain values, each with its way to JSON and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.synthesis.prompt import Prompt

VERDICTS = ("aligned", "partial", "mismatch")
"""Whether a motion shows what its prompt says."""

DESCRIPTORS = (
    "action_sequence", "technical_complexity", "movement_intensity", "balance_requirement", "continuity",
)  # fmt: skip
"""What an analysis of difficulty speaks about."""

STANDS_IN = "stands in for"
"""How the reason of a judgement begins that was made in the place of a judge without an answer."""


@dataclasses.dataclass(frozen=True)
class FilterResult:
    """One filter's finding."""

    name: str
    value: float
    """What was measured; its unit stands in `unit`."""
    limit: float
    """What it is compared with."""
    passed: bool
    unit: str = ""
    reason: str = ""
    """In words, with frame and number, where it did not pass."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What one judge, or several together, say about a motion.

    Raises:
        AthenaError: a verdict, score or difficulty out of range.
    """

    judge: str
    """Name of the judge, or names with ``+`` between them."""
    verdict: str
    """One of :data:`VERDICTS`."""
    score: float
    """Alignment of motion and prompt, 0 to 100."""
    difficulty: float
    """1 (basic) to 10 (elite)."""
    analysis: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Texts by :data:`DESCRIPTORS`."""
    reason: str = ""
    members: tuple[Mapping[str, Any], ...] = ()
    """The judgements of several judges, as plain values."""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise AthenaError(f"{self.judge}: verdict: {suggest(self.verdict, VERDICTS)}")
        for key, low, high in (("score", 0.0, 100.0), ("difficulty", 1.0, 10.0)):
            if not low <= getattr(self, key) <= high:
                raise AthenaError(f"{self.judge}: {key}: must be from {low:g} to {high:g}, is {getattr(self, key):g}")


def stood_in(judgements: Iterable[Mapping[str, Any] | None]) -> int:
    """How many judgements, as plain values, were made in the place of a judge without an answer."""
    return sum(each is not None and str(each.get("reason", "")).startswith(STANDS_IN) for each in judgements)


@dataclasses.dataclass(frozen=True)
class TrackerMetrics:
    """How a tracker did on one clip: means over its rollouts."""

    success: float
    """Share of rollouts."""
    mpjpe_g: float
    """World-frame error, mm."""
    mpjpe_l: float
    """Root-relative error, mm."""
    vel_dist: float
    """mm/frame at 30 fps."""
    accel_dist: float
    """mm/frame^2 at 30 fps."""
    tis: float
    """Tracking integral score, 0 to 1."""


@dataclasses.dataclass(frozen=True)
class Observation:
    """What a scheduler is told about one clip of the loop that ended."""

    clip: str
    """Name of the clip in the corpus."""
    prompt: Prompt
    metrics: TrackerMetrics | None
    """None where the scheduler is not to see them (an ablation)."""
    judgement: Judgement | None
    """None where the scheduler is not to see it (an ablation)."""
    loop: int


def told(record: Any) -> dict[str, Any]:
    """A record of this module as plain values."""
    content = dataclasses.asdict(
        dataclasses.replace(record, prompt=None) if isinstance(record, Observation) else record
    )
    if isinstance(record, Observation):
        content["prompt"] = record.prompt.as_dict()
    return content


def record_from(kind: type, content: Mapping[str, Any], where: str) -> Any:
    """Rebuild a flat record (:class:`FilterResult`, :class:`Judgement`, :class:`TrackerMetrics`) from plain values.

    Raises:
        AthenaError: keys that are missing or unknown; the message begins with `where`.
    """
    if not isinstance(content, Mapping):
        raise AthenaError(f"{where}: is no {kind.__name__}; make it again")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise AthenaError(f"{where}: is no {kind.__name__} ({error}); make it again") from None
