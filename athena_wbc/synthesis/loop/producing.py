"""From prompts to motions: the generator alone, or interleaved with assessment and refinement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.generators.registry import make_generator
from athena_wbc.synthesis.loop.plan import LoopPlan
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Generator

Producer = Callable[[Sequence[Prompt]], list[tuple[SyntheticMotion, dict[str, Any]]]]
"""One motion for each prompt, with a note: the prompt that it answers, where it is another, and the transcript."""


def make_producer(plan: LoopPlan) -> Producer:
    """What makes the motions of a run.

    Raises:
        AthenaError: a generator that there is not, or that lacks weights, files or a server.
    """
    config = plan.config
    generator = make_generator(config.generator.name, config.generator.options, f"{plan.source}: generator")

    def produce(prompts: Sequence[Prompt]) -> list[tuple[SyntheticMotion, dict[str, Any]]]:
        return [(motion, {}) for motion in generated(generator, prompts, config.frames, plan.seed)]

    return produce


def generated(generator: Generator, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
    """What a generator makes of prompts, one motion for each.

    Raises:
        AthenaError: the generator gave another number of motions, or motions of other prompts.
    """
    motions = generator.generate(prompts, frames, seed)
    if [motion.prompt_id for motion in motions] != [prompt.id for prompt in prompts]:
        raise AthenaError(
            f"generator '{generator.name}': gave {len(motions)} motions for {len(prompts)} prompts, or not in their "
            "order; its generate() has to return one for each, with the prompt's id"
        )
    return motions
