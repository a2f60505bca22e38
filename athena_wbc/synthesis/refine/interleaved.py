"""Analyse, generate, assess, refine, and again: the best of a few motions, with the transcript of how it came about."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.convert import ConversionConfig, prepare
from athena_wbc.synthesis.filters import FilterConfig, run_filters
from athena_wbc.synthesis.language.cassette import CassetteMissError
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.protocols import Generator, Judge
from athena_wbc.synthesis.refine.assessor import Assessment, assess, instruct, options
from athena_wbc.synthesis.refine.config import RefineConfig, check_refine_config
from athena_wbc.synthesis.refine.operations import Instruction, apply_edits, apply_to_prompt
from athena_wbc.synthesis.refine.transcript import Step, Transcript
from athena_wbc.synthesis.sampling import stream

GOOD, LIMIT, NOTHING_LEFT = "no refinement needed", "round limit", "the assessor asks for nothing more"
"""Why a refinement stopped; or ``generation failed: ...``, or ``no advice: ...``."""


@dataclasses.dataclass(frozen=True)
class Advice:
    """What an adviser wants."""

    chosen: tuple[int, ...]
    """Indices into what was offered; none ends the refinement."""
    reason: str = ""


class Adviser(Protocol):
    """An assessor that says what to do next, out of what it is offered."""

    name: str

    def choose(
        self, motion: SyntheticMotion, prompt: Prompt, assessment: Assessment, offered: Sequence[Instruction]
    ) -> Advice:
        """What of `offered` is to be done.

        Raises:
            AthenaError: there is no advice to be had; the refinement then ends with the best motion so far.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Refined:
    """The motion that was kept."""

    motion: SyntheticMotion
    prompt: Prompt
    """What it was made from; where phrases were swapped, a child of the prompt that was asked for."""
    transcript: Transcript
    rounds: int
    """Motions that were made and assessed."""
    score: float
    """0 to 100, of the motion that was kept."""
    stop_reason: str
    assessment: Assessment
    scores: tuple[float, ...]
    """Of every round."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidate:
    round: int
    motion: SyntheticMotion
    prompt: Prompt
    seed: int
    edits: tuple[str, ...]
    """Edits that made it."""
    tried: frozenset[str]
    """Names of edits that it has had, or had and lost by."""
    assessment: Assessment


def refine(
    prompt: Prompt,
    generator: Generator,
    judge: Judge | None,
    filters: FilterConfig,
    settings: RefineConfig,
    *,
    frames: int = 120,
    seed: int = 0,
    bank: Bank | None = None,
    first: SyntheticMotion | None = None,
    conversion: ConversionConfig | None = None,
    adviser: Adviser | None = None,
) -> Refined:
    """Make a motion, assess it, and do something about its faults until there are none or the rounds are used up.

    The best motion is kept, see `Assessment.is_better_than`, and of equals the first. An edit that makes a motion worse
    is taken back. Without a judge that looks, physics and rules alone are assessed and corrected, and the transcript
    says so.

    Args:
        prompt: what to show.
        generator: makes motions.
        judge: looks at them, or not; None leaves the filters alone.
        filters: limits of the physics.
        settings: of the refinement.
        frames: of a motion.
        seed: of the first motion; later ones have seeds of their own that follow from it.
        bank: for swaps of phrases and templates; None allows none.
        first: the first motion, where it has been made already, with `seed`.
        conversion: how what was generated is prepared before anybody assesses it, as the limits of the filters expect;
            the motion that is kept is then a prepared one. None assesses and keeps what the generator gives.
        adviser: chooses among what can be done; by default rules do.

    Raises:
        AthenaError: settings out of range, the first motion cannot be made, or a replay does not know a question.
    """
    check_refine_config(settings, "refine")
    steps = _opening(prompt, generator, judge, settings, frames, seed)
    remade: list[Instruction] = []
    scores: list[float] = []
    motion = _prepared(first if first is not None else generator.generate([prompt], frames, seed)[0], conversion)
    made, made_seed, edits, tried, is_edit = prompt, seed, tuple[str, ...](), frozenset[str](), False
    current: _Candidate | None = None
    best: _Candidate | None = None
    while True:
        number = len(scores) + 1
        assessment = _assess(motion, made, judge, filters, settings)
        candidate = _Candidate(number, motion, made, made_seed, edits, tried, assessment)
        scores.append(assessment.score)
        if best is None or assessment.is_better_than(best.assessment):
            best = candidate
        if is_edit and current is not None and current.assessment.is_better_than(assessment):
            # The edit did harm: go on from what it was done to, and do not try it again.
            current = dataclasses.replace(current, tried=current.tried | tried)
        else:
            current = candidate
        plan: list[Instruction] = []
        if assessment.is_good:
            reason = GOOD
        elif number == settings.rounds:
            reason = LIMIT
        else:
            try:
                plan = _plan(current, bank, remade, adviser)
                reason = "" if plan else NOTHING_LEFT
            except CassetteMissError:
                raise
            except AthenaError as error:
                reason = f"no advice: {error}"
        if plan:
            try:
                made, made_seed, fresh = _remake(current, plan, prompt, generator, frames, seed, number, bank)
                motion = current.motion if fresh is None else _prepared(fresh, conversion)
                motion = apply_edits(motion, plan).replace(prompt_id=made.id)
            except AthenaError as error:
                plan, reason = [], f"generation failed: {error}"
        steps += _round(candidate, plan, reason, best, judge, adviser)
        if not plan:
            return _refined(best, steps, scores, reason)
        remakes = [each for each in plan if not each.is_edit]
        is_edit, names = not remakes, tuple(each.operation for each in plan if each.is_edit)
        remade += remakes
        edits, tried = (current.edits + names, current.tried | set(names)) if is_edit else (names, frozenset(names))


def _prepared(motion: SyntheticMotion, conversion: ConversionConfig | None) -> SyntheticMotion:
    return motion if conversion is None else prepare(motion, conversion)


def _remake(
    current: _Candidate,
    plan: Sequence[Instruction],
    prompt: Prompt,
    generator: Generator,
    frames: int,
    seed: int,
    number: int,
    bank: Bank | None,
) -> tuple[Prompt, int, SyntheticMotion | None]:
    """Prompt, seed, and the motion that is generated from them; None where the plan only edits the current one."""
    if all(each.is_edit for each in plan):
        return current.prompt, current.seed, None
    made, made_seed = apply_to_prompt(current.prompt, plan, bank), current.seed
    if any(each.operation == "reseed" for each in plan):
        made_seed = int(stream("refine", prompt.id, seed, number).integers(2**31))
    return made, made_seed, generator.generate([made], frames, made_seed)[0]


def _assess(
    motion: SyntheticMotion, prompt: Prompt, judge: Judge | None, filters: FilterConfig, settings: RefineConfig
) -> Assessment:
    judgement = judge.judge([motion], [prompt])[0] if judge is not None else None
    return assess(run_filters(motion, filters), judgement, settings.accept_score)


def _plan(
    current: _Candidate, bank: Bank | None, remade: Sequence[Instruction], adviser: Adviser | None
) -> list[Instruction]:
    if adviser is None:
        tried = current.tried
        while True:
            plan = instruct(current.assessment, current.prompt, bank, tried, remade)
            idle = {each.operation for each in plan if each.is_edit and _is_idle(each, current.motion)}
            if not idle:
                return plan
            tried = tried | idle
    # Phrases are swapped for what somebody saw, not for what nobody looked at.
    known = bank if current.assessment.sees else None
    offered = options(current.prompt, known, current.motion.duration)
    offered = [each for each in offered if each.operation not in current.tried]
    advice = adviser.choose(current.motion, current.prompt, current.assessment, offered)
    for index in advice.chosen:
        if not 0 <= index < len(offered):
            raise AthenaError(
                f"{adviser.name}: chose number {index} of {len(offered)} operations; choose one that is there"
            )
    return [dataclasses.replace(offered[index], reason=advice.reason) for index in sorted(set(advice.chosen))]


def _is_idle(edit: Instruction, motion: SyntheticMotion) -> bool:
    """Whether an edit would leave the motion as it is, to a tenth of a millimetre."""
    done = apply_edits(motion, [edit]).positions
    return done.shape == motion.positions.shape and bool(np.allclose(done, motion.positions, rtol=0.0, atol=1e-4))


def _refined(best: _Candidate, steps: Sequence[Step], scores: Sequence[float], reason: str) -> Refined:
    done: dict[str, Any] = {
        "rounds": len(scores),
        "kept": best.round,
        "edits": list(best.edits),
        "seed": best.seed,
        "score": best.assessment.score,
        "stop_reason": reason,
        "looked_at": best.assessment.sees,
    }
    motion = best.motion.replace(provenance={**best.motion.provenance, "refinement": done})
    return Refined(
        motion=motion,
        prompt=best.prompt,
        transcript=Transcript(tuple(steps)),
        rounds=len(scores),
        score=best.assessment.score,
        stop_reason=reason,
        assessment=best.assessment,
        scores=tuple(scores),
    )


def _opening(
    prompt: Prompt, generator: Generator, judge: Judge | None, settings: RefineConfig, frames: int, seed: int
) -> list[Step]:
    slots = {axis: list(phrases) for axis, phrases in prompt.slots.items()}
    moves = [f"{move.move} x{move.count}" if move.count > 1 else move.move for move in prompt.moves]
    parts = [f"{axis.replace('_', ' ')}: {' and '.join(phrases)}" for axis, phrases in slots.items()]
    parts.append(f"moves: {', '.join(moves)}" if moves else "moves: none were read from the words")
    looks = "nobody" if judge is None else judge.name
    return [
        Step("plan", f"Show '{prompt.text}' in at most {settings.rounds} motions; first see what it asks for."),
        Step(
            "analyze",
            f"{'; '.join(parts)}; intended tier {prompt.tier:.2f}.",
            data={"prompt": prompt.as_dict()},
        ),
        Step(
            "plan",
            f"Generate {frames} frames with {generator.name}, seed {seed}; judged by {looks}.",
            data={"generator": generator.name, "is_learned": generator.is_learned, "frames": frames, "seed": seed},
        ),
    ]


def _round(
    candidate: _Candidate,
    plan: Sequence[Instruction],
    reason: str,
    best: _Candidate,
    judge: Judge | None,
    adviser: Adviser | None,
) -> list[Step]:
    number, motion, assessment = candidate.round, candidate.motion, candidate.assessment
    edits = f", edited by {', '.join(candidate.edits)}" if candidate.edits else ""
    shown = (
        f"Motion {number}: {motion.num_frames} frames at {motion.fps:g} fps by {motion.generator}, "
        f"seed {candidate.seed}{edits}."
    )
    made = {
        "digest": motion.digest,
        "frames": motion.num_frames,
        "seed": candidate.seed,
        "prompt": candidate.prompt.id,
        "edits": list(candidate.edits),
    }
    asked = f", ask {judge.name}" if judge is not None else ""
    told = "; ".join(f"{each}: {each.reason}" if each.reason else str(each) for each in plan)
    verdict = "No refinement needed." if reason == GOOD else f"Refinement: {told}." if plan else "Not good enough."
    follows = f"Stop: {reason}. Keep motion {best.round}, score {best.assessment.score:.1f}."
    if plan:
        who = adviser.name if adviser is not None else "the rules"
        follows = f"{who} ask for {', '.join(map(str, plan))}; best so far is motion {best.round}."
    return [
        Step("generate", shown, number, made),
        Step("plan", f"Run the filters{asked}.", number),
        Step(
            "assess",
            f"{assessment.text()} {verdict}",
            number,
            assessment.as_dict() | {"instructions": [each.as_dict() for each in plan]},
        ),
        Step("plan", follows, number, {"best": best.round, "stop_reason": reason}),
    ]
