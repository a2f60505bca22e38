"""All clips at once: the control that has the same number of clips, but nothing to learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.protocols import Schedule
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.schedulers import drawing
from athena_wbc.synthesis.schedulers.children import HIGHEST, LOWEST
from athena_wbc.synthesis.schedulers.evidence import latest


@dataclasses.dataclass
class OneShotConfig:
    """Settings of one-shot training."""

    loops: int | None = None
    """Loops whose prompts are all drawn for the first; null: those of the run."""
    start_tier: float | None = 1.5
    """Target tier of the draws, by default that of the rule's first loop; null draws from the whole bank alike, as
    CLAIMS' own comparison does (its Table 4)."""


def check_one_shot_config(config: OneShotConfig, where: str) -> None:
    """Refuse a number of loops or a tier out of range; the message begins with `where`."""
    if config.loops is not None and config.loops < 1:
        raise AthenaError(f"{where}: loops: must be 1 or more, is {config.loops}")
    if config.start_tier is not None and not LOWEST <= config.start_tier <= HIGHEST:
        raise AthenaError(f"{where}: start_tier: must be from {LOWEST:g} to {HIGHEST:g}, is {config.start_tier:g}")


class OneShotScheduler:
    """`loops` times as many prompts in the first loop; later loops train the same clips, and nothing else, again."""

    name = "one_shot"

    def __init__(self, config: OneShotConfig | None = None) -> None:
        self.config = config or OneShotConfig()
        check_one_shot_config(self.config, "scheduler one_shot")

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """All prompts of the run.

        Raises:
            AthenaError: nobody has said how many loops these are for.
        """
        target, loops = self.config.start_tier, self.config.loops
        if loops is None:
            raise AthenaError("scheduler one_shot: loops: is null outside of a run; give the number of loops")
        prompts = drawing.draw_bank(bank, per_domain * loops, 0, seed, set(), target)
        chosen = {"prompts": len(prompts), "loops": loops, "target": target}
        log = drawing.whole_loop("one_shot", 0, chosen, "the clips of all loops at once, from one distribution")
        return Schedule(prompts, (), {}, (log,))

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """No new prompts; every clip again."""
        clips = tuple(observation.clip for observation in latest(observations))
        why = "training goes on with the clips that there are"
        log = drawing.whole_loop("one_shot", loop, {"clips": len(clips)}, why)
        return Schedule((), clips, dict(state), (log,))
