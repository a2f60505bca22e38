"""From prompts to motions: the generator alone, or interleaved with assessment and refinement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.loop.parts import adviser_of, judge_of
from athena_wbc.synthesis.loop.plan import LoopPlan
from athena_wbc.synthesis.loop.resolve import generator_of
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Generator
from athena_wbc.synthesis.refine.config import refine_config
from athena_wbc.synthesis.refine.interleaved import refine
from athena_wbc.synthesis.refine.remote import RemoteIrg

Producer = Callable[[Sequence[Prompt]], list[tuple[SyntheticMotion, dict[str, Any]]]]
"""One motion for each prompt, with a note: the prompt that it answers, where it is another, and the transcript."""


def make_producer(plan: LoopPlan) -> Producer:
    """What makes the motions of a run.

    Raises:
        AthenaError: a generator that there is not, or a part that lacks weights, files, a key or a server.
    """
    config = plan.config
    generator = generator_of(config, plan.source)
    if config.refine.on:
        return _refining(plan, generator)
    if isinstance(generator, RemoteIrg):
        return lambda prompts: [_answered(generator, prompt, config.frames, plan.seed) for prompt in prompts]

    def produce(prompts: Sequence[Prompt]) -> list[tuple[SyntheticMotion, dict[str, Any]]]:
        return [(motion, {}) for motion in generated(generator, prompts, config.frames, plan.seed)]

    return produce


def _refining(plan: LoopPlan, generator: Generator) -> Producer:
    """Motions that are assessed and refined one by one; the first ones are generated together."""
    config = plan.config
    settings = refine_config(config.refine.options, f"{plan.source}: refine.options")
    judge, adviser = judge_of(plan), adviser_of(plan, settings)

    def produce(prompts: Sequence[Prompt]) -> list[tuple[SyntheticMotion, dict[str, Any]]]:
        firsts = generated(generator, prompts, config.frames, plan.seed)
        return [one(prompt, first) for prompt, first in zip(prompts, firsts, strict=True)]

    def one(prompt: Prompt, first: SyntheticMotion) -> tuple[SyntheticMotion, dict[str, Any]]:
        refined = refine(
            prompt,
            generator,
            judge,
            config.filters,
            settings,
            frames=config.frames,
            seed=plan.seed,
            bank=plan.bank,
            first=first,
            conversion=config.conversion,
            adviser=adviser,
        )
        told = {
            "rounds": refined.rounds,
            "scores": list(refined.scores),
            "stop_reason": refined.stop_reason,
            "transcript": refined.transcript.as_dict(),
        }
        return refined.motion, {"prompt": refined.prompt.as_dict(), "refinement": told, "prepared": True}

    return produce


def _answered(generator: RemoteIrg, prompt: Prompt, frames: int, seed: int) -> tuple[SyntheticMotion, dict[str, Any]]:
    """What a model made that refines its motions itself, with its transcript."""
    answer = generator.ask(prompt, frames, seed)
    told = {"rounds": len(answer.motions), "stop_reason": "", "transcript": answer.transcript.as_dict()}
    return answer.motion, {"refinement": told}


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
