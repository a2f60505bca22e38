"""What generators, judges and schedulers are asked, so that one can stand in for another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import Judgement, Observation


@runtime_checkable
class Generator(Protocol):
    """Text to motion.

    One that reads files has a method ``files()`` too, which returns the paths of files and folders that its motions are
    made from. A loop makes its motions again where one of these has changed.
    """

    name: str
    is_learned: bool

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """One motion for each prompt, in their order.

        The motion of a prompt depends on the prompt, `frames` and `seed` alone, not on the others of the batch.

        Args:
            prompts: what to show.
            frames: frames at 20 fps; a generator may return fewer where a motion ends sooner.
            seed: of all draws.

        Raises:
            AthenaError: nothing can be generated: weights, files or a server are missing, with the remedy.
        """
        ...


@runtime_checkable
class Judge(Protocol):
    """Looks at a motion beside its prompt."""

    name: str

    def judge(self, motions: Sequence[SyntheticMotion], prompts: Sequence[Prompt]) -> list[Judgement]:
        """One judgement for each motion, in their order."""
        ...


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What the next loop is made of."""

    prompts: tuple[Prompt, ...]
    rehearsal: tuple[str, ...]
    """Names of clips of earlier loops that are trained again."""
    state: Mapping[str, Any]
    """Plain values that the scheduler wants back next time."""
    log: tuple[Mapping[str, Any], ...]
    """One entry for each decision: what was seen, what was chosen, why."""


@runtime_checkable
class Scheduler(Protocol):
    """Chooses the prompts of a loop from what the loop before has shown."""

    name: str

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """The first loop's prompts, `per_domain` of each domain."""
        ...

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """The prompts of loop `loop`, from all observations of the loops before it (the last one's included)."""
        ...
