"""Several models at once: their mean difficulty, their median score, the verdict of most."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.judges.registry import make_judge
from athena_wbc.synthesis.judges.vlm import LookingConfig, VlmConfig, VlmJudge, check_looking, stand_in
from athena_wbc.synthesis.language.config import EndpointConfig, check_endpoint
from athena_wbc.synthesis.language.endpoint import EndpointError
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Judge
from athena_wbc.synthesis.records import VERDICTS, Judgement, told


@dataclass
class EnsembleConfig(LookingConfig):
    """Settings of several judges that look."""

    members: list[EndpointConfig] = field(default_factory=list)
    """The models; each has to take images."""
    disagreement: float = 3.0
    """Points between the lowest and the highest difficulty from which on a judgement notes that they disagree."""


def check_ensemble_config(config: EnsembleConfig, where: str) -> None:
    """Refuse settings that cannot work; the error names the key."""
    if not config.members:
        raise AthenaError(f"{where}.members: names no model; give one or more, each with base_url and model")
    for index, member in enumerate(config.members):
        check_endpoint(member, f"{where}.members.{index}")
    twins = [name for name, count in Counter(each.model for each in config.members).items() if count > 1]
    if twins:
        # Their questions are the same, so a recording would give both the same answer.
        raise AthenaError(f"{where}.members: names '{twins[0]}' twice; the judgements would be one and the same")
    if not 0.0 <= config.disagreement <= 9.0:
        raise AthenaError(f"{where}.disagreement: must be from 0 to 9 points, is {config.disagreement:g}")
    check_looking(config, where)


def combine(judgements: Sequence[Judgement], disagreement: float, failures: Sequence[str] = ()) -> Judgement:
    """One judgement of several.

    The difficulty is their mean, the score their median, the verdict that of most. Where no verdict has most it is
    the middle one in the order of `VERDICTS`, the kinder of two. Analysis and reason are those of the member nearest
    to the whole.

    Args:
        judgements: one or more.
        disagreement: points of difficulty from which on the reason notes the spread.
        failures: what the reason says of members without an answer.
    """
    difficulties = [judgement.difficulty for judgement in judgements]
    mean = statistics.fmean(difficulties)
    verdict = majority([judgement.verdict for judgement in judgements])
    nearest = min(judgements, key=lambda each: (each.verdict != verdict, abs(each.difficulty - mean)))
    notes = [f"{failure} (left out)" for failure in failures]
    if len({judgement.verdict for judgement in judgements}) > 1:
        notes.append("disagreement on the verdict: " + ", ".join(f"{each.judge} {each.verdict}" for each in judgements))
    if len(judgements) > 1 and max(difficulties) - min(difficulties) >= disagreement:
        told_apart = ", ".join(f"{each.judge} {each.difficulty:g}" for each in judgements)
        notes.append(f"disagreement on the difficulty: {told_apart}")
    notes.append(f"{nearest.judge}: {nearest.reason}")
    return Judgement(
        judge="+".join(judgement.judge for judgement in judgements),
        verdict=verdict,
        score=statistics.median(judgement.score for judgement in judgements),
        difficulty=mean,
        analysis=nearest.analysis,
        reason="; ".join(notes),
        members=tuple(told(judgement) for judgement in judgements),
    )


def majority(verdicts: Sequence[str]) -> str:
    """The verdict of most; of a tie the middle one."""
    counts = Counter(verdicts).most_common()
    if len(counts) == 1 or counts[0][1] > counts[1][1]:
        return counts[0][0]
    return VERDICTS[sum(map(VERDICTS.index, verdicts)) // len(verdicts)]


class EnsembleJudge:
    """Asks several models the questions of :class:`VlmJudge` at the same time."""

    name = "ensemble"

    def __init__(
        self,
        config: EnsembleConfig,
        where: str = "judge ensemble",
        fallback: Judge | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make the members; see :class:`VlmJudge`."""
        check_ensemble_config(config, where)
        self.config = config
        self._members = []
        for index, endpoint in enumerate(config.members):
            shared = {field.name: getattr(config, field.name) for field in dataclasses.fields(LookingConfig)}
            # A member does not look for help itself: the others are asked first.
            settings = VlmConfig(endpoint=endpoint, **shared | {"on_failure": "stop"})
            self._members.append(VlmJudge(settings, f"{where}.members.{index}", sleep=sleep))
        self._fallback = fallback
        if fallback is None and config.on_failure == "fallback":
            self._fallback = make_judge("kinematic", config.fallback, f"{where}.fallback")

    def judge(self, motions: Sequence[SyntheticMotion], prompts: Sequence[Prompt]) -> list[Judgement]:
        """One judgement for each motion, in their order; the members' own are kept in it.

        Raises:
            AthenaError: a member has no answer, where it is to stop.
        """
        is_strict = self.config.on_failure == "stop"
        with ThreadPoolExecutor(len(self._members)) as pool:
            asked = [pool.submit(member.outcomes, motions, prompts, is_strict) for member in self._members]
            outcomes = [future.result() for future in asked]
        return [
            self._together(motion, prompt, results)
            for motion, prompt, *results in zip(motions, prompts, *outcomes, strict=True)
        ]

    def _together(
        self, motion: SyntheticMotion, prompt: Prompt, results: Sequence[Judgement | EndpointError]
    ) -> Judgement:
        judgements = [result for result in results if isinstance(result, Judgement)]
        failures = [result for result in results if isinstance(result, EndpointError)]
        if not judgements:
            return stand_in(self._fallback, motion, prompt, failures)
        return combine(judgements, self.config.disagreement, [str(failure) for failure in failures])
