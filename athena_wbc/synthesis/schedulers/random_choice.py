"""The control of every comparison: draws that no observation moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.protocols import Schedule
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.sampling import stream
from athena_wbc.synthesis.schedulers import drawing


@dataclasses.dataclass
class RandomConfig:
    """Settings of the random choice."""

    rehearsal: float = 0.2
    """Clips of earlier loops, drawn at random, that are trained again, as a share of the new prompts."""


def check_random_config(config: RandomConfig, where: str) -> None:
    """Refuse a share out of range; the message begins with `where`."""
    if not 0.0 <= config.rehearsal <= 1.0:
        raise AthenaError(f"{where}: rehearsal: must be from 0 to 1, is {config.rehearsal:g}")


class RandomScheduler:
    """Every phrase of the bank as likely as any other of its axis, in the first loop and in all others."""

    name = "random"

    def __init__(self, config: RandomConfig | None = None) -> None:
        self.config = config or RandomConfig()
        check_random_config(self.config, "scheduler random")

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """Uniform draws."""
        return self._draw(bank, per_domain, 0, seed, {}, ())

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """Uniform draws again; of the observations only the names of clips are read, for rehearsal."""
        return self._draw(bank, per_domain, loop, seed, state, observations)

    def _draw(
        self,
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
        state: Mapping[str, Any],
        observations: Sequence[Observation],
    ) -> Schedule:
        used = set(state.get("used", ()))
        prompts = drawing.draw_bank(bank, per_domain, loop, seed, used)
        rng = stream(seed, "rehearsal", loop)
        rehearsal, entry = drawing.rehearse(
            observations, self.config.rehearsal, len(prompts), rng, by_learnability=False
        )
        why = "uniform draws from the bank, whatever was observed"
        log = [drawing.whole_loop("random", loop, {"prompts": len(prompts)}, why)]
        if loop:
            log.append({"loop": loop, "domain": "", **entry})
        return Schedule(prompts, rehearsal, {"used": sorted(used)}, tuple(log))
