"""From filters' findings and a judgement to a score and to what can be done.

A refinement is worth no more than its assessor. Physics and rules see a motion that sinks, slides or jitters, and can
say what to do about it. Whether a motion shows its prompt only a judge that looks at it can tell: without one no phrase
is swapped and no verdict counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import FilterResult, Judgement
from athena_wbc.synthesis.refine.operations import Instruction
from athena_wbc.synthesis.schedulers.children import RAISE_ORDER, axis_tier

SIGHTLESS = ("kinematic",)
"""Judges that do not look at a motion."""

SMOOTHING = 0.06
"""Standard deviation of the Gaussian against jolts, s."""

_REMEDIES: Mapping[str, tuple[str, ...]] = {
    "penetration": ("ground", "reseed"),
    "floating": ("ground", "reseed"),
    "root_low": ("ground", "reseed"),
    "root_high": ("ground", "reseed"),
    "skating": ("lock_feet", "reseed"),
    "bone_drift": ("fix_bones", "reseed"),
    "joint_speed": ("smooth", "reseed"),
    "root_jump": ("smooth", "reseed"),
    "duration": ("stretch", "reseed"),
    "motion": ("reseed",),
}
"""Filter -> what is tried against it, one after the other; a filter that is not named here has ``reseed``."""
_ARGUMENTS: Mapping[str, Mapping[str, float]] = {"smooth": {"sigma": SMOOTHING}, "stretch": {"factor": 1.5}}


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What is known about one motion."""

    filters: tuple[FilterResult, ...]
    judgement: Judgement | None
    physics: float
    """0 to 1; 1 where every filter passed."""
    alignment: float | None
    """0 to 1, by a judge that looks; None without one."""
    score: float
    """0 to 100: physics times alignment, or physics alone."""
    is_good: bool
    """Every filter passed, and a judge that looks, if there is one, is content."""

    @property
    def failed(self) -> tuple[FilterResult, ...]:
        """Filters that did not pass."""
        return tuple(result for result in self.filters if not result.passed)

    @property
    def sees(self) -> bool:
        """Whether somebody has looked at the motion."""
        return self.alignment is not None

    def is_better_than(self, other: Assessment) -> bool:
        """Whether the motion is to be kept in place of the other one.

        A good one goes before all others, then one that every filter passed, since a loop drops the rest; the higher
        score decides between equals. Scores of a motion that somebody saw and of one that nobody did do not compare.
        """
        rank, others = (self.is_good, not self.failed), (other.is_good, not other.failed)
        return rank > others if rank != others else self.sees == other.sees and self.score > other.score

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a transcript; of the filters those that did not pass."""
        judgement = self.judgement
        return {
            "score": self.score,
            "physics": self.physics,
            "alignment": self.alignment,
            "failed": {result.name: _finite(result.value) for result in self.failed},
            "judge": None if judgement is None else judgement.judge,
            "verdict": None if judgement is None else judgement.verdict,
        }

    def text(self) -> str:
        """In words, with what was not looked at."""
        faults = "; ".join(f"{result.name}: {result.reason or _finite(result.value)}" for result in self.failed)
        parts = [f"Physics: {faults}." if faults else "Physics: all filters passed."]
        if self.judgement is not None and self.sees:
            reason = f" ({self.judgement.reason})" if self.judgement.reason else ""
            parts.append(
                f"{self.judgement.judge}: {self.judgement.verdict}, {self.judgement.score:.0f} of 100{reason}."
            )
        else:
            parts.append("Nobody looked at the motion: whether it shows the prompt is not assessed.")
        return " ".join([*parts, f"Score {self.score:.1f}."])


def assess(filters: Sequence[FilterResult], judgement: Judgement | None, accept_score: float) -> Assessment:
    """Score a motion.

    Physics is the product over the filters of 1 where one passed, else of how far within its limit the value would have
    to be: limit by value, or value by limit. With a judge that looks the score is that times its own.

    Args:
        filters: findings.
        judgement: of the motion, or None.
        accept_score: alignment from which a judge is content whatever its verdict, 0 to 100.
    """
    physics = math.prod(_satisfaction(result) for result in filters)
    passed = all(result.passed for result in filters)
    if judgement is None or not is_looking(judgement):
        return Assessment(tuple(filters), judgement, physics, None, 100.0 * physics, passed)
    alignment = judgement.score / 100.0
    content = judgement.verdict == "aligned" or judgement.score >= accept_score
    return Assessment(tuple(filters), judgement, physics, alignment, 100.0 * physics * alignment, passed and content)


def is_looking(judgement: Judgement) -> bool:
    """Whether one of the judgement's judges looks at motions; where a rule stood in for it, none does."""
    return any(name.strip() not in SIGHTLESS for name in judgement.judge.split("+"))


def instruct(
    assessment: Assessment, prompt: Prompt, bank: Bank | None, edited: Collection[str], remade: Sequence[Instruction]
) -> list[Instruction]:
    """What the rules would do next; nothing where the motion is good or nothing is left to try.

    Faults of physics come first: every filter that failed asks for its next remedy that this motion has not had yet.
    What cannot be edited away is made again with another seed. A motion that is sound but does not show its prompt, in
    the eyes of a judge that looks, is made again in turn with another seed, another sentence, and with the hardest
    phrase replaced by one that is easier.

    Args:
        assessment: of the motion.
        prompt: it was made from.
        bank: for phrases; None allows no swaps.
        edited: edits that this motion has had.
        remade: remakes so far, of all motions.
    """
    if assessment.is_good:
        return []
    wanted: dict[str, Instruction] = {}
    for result in assessment.failed:
        remedies = [name for name in _REMEDIES.get(result.name, ("reseed",)) if name not in edited]
        name = remedies[0]
        wanted.setdefault(name, Instruction(name, dict(_ARGUMENTS.get(name, {})), f"{result.name} failed"))
    if "reseed" in wanted:
        # A new motion has new faults: what was to be edited in this one is of no use any more.
        return [wanted["reseed"]]
    if wanted:
        return list(wanted.values())
    return [_semantic(assessment, prompt, bank, [each.operation for each in remade])]


def options(prompt: Prompt, bank: Bank | None, duration: float) -> list[Instruction]:
    """Everything that may be done about a motion, for an assessor that chooses by number.

    Args:
        prompt: its phrases and templates of the domain can be swapped.
        bank: None, or a prompt of free text, allows no swaps.
        duration: of the motion, s; a third may be trimmed at either end.
    """
    third = round(min(duration / 3.0, 4.0), 2)
    found = [
        Instruction("ground"),
        Instruction("lock_feet"),
        Instruction("fix_bones"),
        Instruction("smooth", {"sigma": SMOOTHING}),
        Instruction("stretch", {"factor": 0.8}),
        Instruction("stretch", {"factor": 1.25}),
        Instruction("trim", {"start": third, "end": 0.0}),
        Instruction("trim", {"start": 0.0, "end": third}),
        Instruction("reseed"),
    ]
    if bank is not None and prompt.slots:
        domain = bank.domain(prompt.domain)
        found += [
            Instruction("swap_template", {"template": template.id})
            for template in domain.templates
            if template.id != prompt.template
        ]
        found += [
            Instruction("swap_phrase", {"axis": axis, "phrase": phrase.text})
            for axis in prompt.slots
            for phrase in domain.slots[axis]
            if phrase.text not in prompt.slots[axis]
        ]
    return found


def _semantic(assessment: Assessment, prompt: Prompt, bank: Bank | None, done: Sequence[str]) -> Instruction:
    reason = f"{assessment.judgement.judge if assessment.judgement else 'judge'} finds it does not show the prompt"
    turn = ("reseed", "swap_template", "swap_phrase")[len(done) % 3]
    if bank is None or not prompt.slots or turn == "reseed":
        return Instruction("reseed", {}, reason)
    domain = bank.domain(prompt.domain)
    others = [template.id for template in domain.templates if template.id != prompt.template]
    if turn == "swap_template" and others:
        names = [template.id for template in domain.templates]
        following = names[(names.index(prompt.template) + 1) % len(names)]
        return Instruction("swap_template", {"template": following}, reason)
    tiers = {axis: axis_tier(domain, axis, prompt.slots[axis]) for axis in RAISE_ORDER}
    for axis in sorted(tiers, key=lambda axis: -tiers[axis]):
        easier = [phrase for phrase in domain.slots[axis] if phrase.tier < tiers[axis]]
        if easier:
            phrase = max(easier, key=lambda phrase: phrase.tier)
            return Instruction("swap_phrase", {"axis": axis, "phrase": phrase.text}, reason)
    return Instruction("reseed", {}, reason)


def _satisfaction(result: FilterResult) -> float:
    if result.passed:
        return 1.0
    value, limit = float(result.value), float(result.limit)
    if not (math.isfinite(value) and math.isfinite(limit)):
        return 0.0
    large, small = (value, limit) if value > limit else (limit, value)
    return min(max(small / large, 0.0), 1.0) if large > 0.0 else 0.0


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
