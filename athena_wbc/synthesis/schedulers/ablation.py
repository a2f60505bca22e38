"""Switches of an ablation: a scheduler that does not see something, or does not have the bank's variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.protocols import Schedule, Scheduler
from athena_wbc.synthesis.records import Observation

ABLATIONS: Mapping[str, str] = {
    "without_variables": "prompts are free text at random instead of the bank's phrases",
    "without_judge": "the scheduler does not see what the judges say",
    "without_metrics": "the scheduler does not see how the tracker did",
    "without_both": "the scheduler sees neither",
}
"""Name -> what it takes away (CLAIMS, Table 3)."""


def blind(observations: Sequence[Observation], ablation: str) -> list[Observation]:
    """The observations without what an ablation hides; one that hides nothing leaves them as they are."""
    hidden: dict[str, None] = {}
    if ablation in ("without_metrics", "without_both"):
        hidden["metrics"] = None
    if ablation in ("without_judge", "without_both"):
        hidden["judgement"] = None
    return [dataclasses.replace(observation, **hidden) for observation in observations]


def swap_source(schedule: Schedule, drawn: int, seed: int) -> Schedule:
    """The schedule with as many prompts of free text in place of its own.

    Args:
        schedule: whose number of prompts, rehearsal and state are kept.
        drawn: prompts of free text that loops before have taken from the same stream.
        seed: of the stream.
    """
    # Its vocabulary is read from files, which the other ablations have no use for.
    from athena_wbc.synthesis.free_text import random_prompts

    count = len(schedule.prompts)
    prompts = tuple(random_prompts(drawn + count, seed)[drawn:]) if count else ()
    log = {
        "kind": "without_variables",
        "domain": "",
        "seen": {"drawn": drawn},
        "chosen": {"prompts": count},
        "why": ABLATIONS["without_variables"],
    }
    return dataclasses.replace(schedule, prompts=prompts, log=(*schedule.log, log))


class AblatedScheduler:
    """A scheduler behind one of :data:`ABLATIONS`."""

    def __init__(self, scheduler: Scheduler, ablation: str) -> None:
        if ablation not in ABLATIONS:
            raise AthenaError(f"ablation: {suggest(ablation, ABLATIONS)}")
        self.scheduler = scheduler
        self.ablation = ablation
        self.name = f"{scheduler.name} {ablation}"

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """The scheduler's own first loop, or free text."""
        return self._source(self.scheduler.first(bank, per_domain, seed), 0, seed)

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """The scheduler's next loop from what it may see, or free text."""
        inner = state.get("scheduler", {})
        schedule = self.scheduler.next(blind(observations, self.ablation), inner, bank, per_domain, loop, seed)
        return self._source(schedule, int(state.get("drawn", 0)), seed)

    def _source(self, schedule: Schedule, drawn: int, seed: int) -> Schedule:
        kept: dict[str, Any] = {"scheduler": schedule.state}
        if self.ablation == "without_variables":
            schedule = swap_source(schedule, drawn, seed)
            kept["drawn"] = drawn + len(schedule.prompts)
        return dataclasses.replace(schedule, state=kept)
