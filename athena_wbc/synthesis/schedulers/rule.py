"""The scheduler that runs offline: the 2 x 2 rule of tracker and judge, behind a gate of mastery.

CLAIMS (sections 3.4, B.3 and C.4) tells a language model to harden what tracker and judges find easy, and to take
smaller steps where either finds it hard; how much, and when, it leaves open. The numbers here are this library's and
stand in docs/synthesis_scheduler.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank, Domain
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.protocols import Schedule
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.sampling import sample_prompts, sample_slots, sample_template, stream
from athena_wbc.synthesis.schedulers import drawing
from athena_wbc.synthesis.schedulers.children import HIGHEST, LOWEST, RAISE_ORDER, child_slots
from athena_wbc.synthesis.schedulers.evidence import (
    Batch,
    clip_error,
    is_at_most_quantile,
    latest,
    phrase_success,
    posteriors,
    summary,
)

ESCALATE, HOLD, STEP_BACK = "escalate", "hold", "step back"

_BACK = {True: ("half back", 0.5), False: ("back", 1.0), None: ("mean over the unseen error", 0.75)}
"""Whether a clip's error is low -> the step back in words, and its share of the setting."""


@dataclasses.dataclass
class RuleConfig:
    """Settings of the rule. Tiers are those of the bank, 1 to 3."""

    start_tier: float = 1.5
    """Target tier of the first loop."""
    significant: float = 1.0
    """Step, in tiers, of a clip that tracker and judge find easy."""
    moderate: float = 0.5
    """Step of a clip that one of the two finds easy."""
    slight: float = 0.25
    """Step of a clip that neither finds easy."""
    step_back: float = 0.5
    """Step down of a clip with a high error in a domain that fails; half of it for one with a low error."""
    mastered_success: float = 0.7
    """Least success of a domain that is made harder."""
    mastered_mm: float = 80.0
    """Greatest mpjpe_g of a domain that is made harder, mm."""
    failed_success: float = 0.4
    """A domain of less success takes a step back; between the two it holds its difficulty."""
    quantile: float = 0.5
    """Errors and difficulties up to this quantile of their domain's batch are low."""
    easy_mm: float = 30.0
    """An expected error up to this is low, whatever the others of the domain do, mm."""
    hard_mm: float = 200.0
    """An expected error above this is high, whatever the others do, mm. A failed rollout counts as 500 to 1000 mm, so
    that 1000 compares clips that fail with each other."""
    easy_difficulty: float = 2.0
    """A judged difficulty up to this is low, whatever the others' are."""
    hard_difficulty: float = 8.0
    """A judged difficulty from this on is high, whatever the others' are."""
    spread: float = 0.35
    """Tiers by which a phrase may lie off the wanted tier before its weight falls to 37 %."""
    exploration: float = 0.15
    """Share of prompts that are drawn afresh near the domain's target, without a parent."""
    rehearsal: float = 0.2
    """Clips of earlier loops that are trained again, as a share of the new prompts."""


def check_rule_config(config: RuleConfig, where: str) -> None:
    """Refuse what no schedule can be made with.

    Raises:
        AthenaError: a value out of range; the message begins with `where` and names the key.
    """
    for name in ("exploration", "rehearsal", "quantile", "mastered_success", "failed_success"):
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise AthenaError(f"{where}: {name}: must be from 0 to 1, is {getattr(config, name):g}")
    for name in ("significant", "moderate", "slight", "step_back"):
        if not 0.0 <= getattr(config, name) <= HIGHEST - LOWEST:
            raise AthenaError(f"{where}: {name}: must be from 0 to {HIGHEST - LOWEST:g} tiers")
    if not LOWEST <= config.start_tier <= HIGHEST:
        raise AthenaError(f"{where}: start_tier: must be from {LOWEST:g} to {HIGHEST:g}, is {config.start_tier:g}")
    if not config.spread > 0.0 or not config.mastered_mm > 0.0:
        raise AthenaError(f"{where}: {'mastered_mm' if config.spread > 0.0 else 'spread'}: must be above 0")
    for low, high in (
        ("failed_success", "mastered_success"),
        ("easy_mm", "hard_mm"),
        ("easy_difficulty", "hard_difficulty"),
    ):
        if getattr(config, low) > getattr(config, high):
            raise AthenaError(f"{where}: {low}: is {getattr(config, low):g}, above {high}; lower it")


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the rule does with one clip."""

    is_error_low: bool | None
    is_difficulty_low: bool | None
    size: str
    """The cell of the table in words."""
    step: float
    """Tiers, after the gate."""


def gate(batch: Batch, config: RuleConfig) -> tuple[str, str]:
    """Whether a domain is made harder, held, or taken back, and why."""
    if batch.success is None:
        return ESCALATE, "no metrics are seen: mastery is taken for granted"
    success, error = f"success {batch.success:.2f}", f"mpjpe_g {batch.mpjpe_g:.0f} mm"
    if batch.success < config.failed_success:
        return STEP_BACK, f"{success} is below {config.failed_success:g}"
    if batch.success < config.mastered_success:
        return HOLD, f"{success} is below {config.mastered_success:g}"
    if batch.mpjpe_g > config.mastered_mm:
        return HOLD, f"{error} is above {config.mastered_mm:g} mm"
    return ESCALATE, f"{success} and {error}: mastered"


def step_size(is_error_low: bool | None, is_difficulty_low: bool | None, config: RuleConfig) -> tuple[str, float]:
    """The 2 x 2 table: tiers by which a clip of a mastered domain is made harder.

    A signal that is unseen or says nothing (None) may be either: the step is the mean over the cells that remain.
    """
    cells = {
        (True, True): config.significant,
        (True, False): config.moderate,
        (False, True): config.moderate,
        (False, False): config.slight,
    }
    possible = [
        step
        for (error, difficulty), step in cells.items()
        if is_error_low in (None, error) and is_difficulty_low in (None, difficulty)
    ]
    if len(possible) > 1:
        unseen = [name for name, value in (("error", is_error_low), ("difficulty", is_difficulty_low)) if value is None]
        return f"mean over the unseen {' and '.join(unseen)}", sum(possible) / len(possible)
    low = (is_error_low, is_difficulty_low).count(True)
    return ("slight", "moderate", "significant")[low], possible[0]


def decide(batch: Sequence[Observation], verdict: str, config: RuleConfig) -> list[Decision]:
    """The step of every clip of a domain's batch, in their order."""
    metrics = [observation.metrics for observation in batch]
    errors = [None if each is None else clip_error(each) for each in metrics]
    judged = [None if each.judgement is None else each.judgement.difficulty for each in batch]
    low_errors = is_at_most_quantile(errors, config.quantile)
    low_difficulties = is_at_most_quantile(judged, config.quantile)
    decisions = []
    for error, is_error_low, difficulty, is_difficulty_low in zip(
        errors, low_errors, judged, low_difficulties, strict=True
    ):
        if error is not None and not config.easy_mm < error <= config.hard_mm:
            is_error_low = error <= config.easy_mm
        if difficulty is not None and not config.easy_difficulty < difficulty < config.hard_difficulty:
            is_difficulty_low = difficulty <= config.easy_difficulty
        size, step = step_size(is_error_low, is_difficulty_low, config)
        if verdict == HOLD:
            size, step = "none", 0.0
        elif verdict == STEP_BACK:
            size, share = _BACK[is_error_low]
            step = -share * config.step_back
        decisions.append(Decision(is_error_low, is_difficulty_low, size, step))
    return decisions


class RuleScheduler:
    """Harder prompts where the tracker has mastered a domain, easier ones where it fails. See :class:`RuleConfig`."""

    name = "rule"

    def __init__(self, config: RuleConfig | None = None) -> None:
        self.config = config or RuleConfig()
        check_rule_config(self.config, "scheduler rule")

    def first(self, bank: Bank, per_domain: int, seed: int) -> Schedule:
        """Prompts near :attr:`RuleConfig.start_tier`, of all domains alike."""
        target = self.config.start_tier
        prompts = sample_prompts(bank, per_domain, seed, target, self.config.spread)
        state = {
            "targets": dict.fromkeys(sorted(bank.domains), target),
            "used": sorted(map(drawing.key, prompts)),
            "posteriors": {},
        }
        chosen = {"target": target, "prompts": len(prompts)}
        log = drawing.whole_loop("first", 0, chosen, "nothing has been trained yet")
        return Schedule(tuple(prompts), (), state, (log,))

    def next(
        self,
        observations: Sequence[Observation],
        state: Mapping[str, Any],
        bank: Bank,
        per_domain: int,
        loop: int,
        seed: int,
    ) -> Schedule:
        """Children of the last loop's clips, some fresh prompts, and clips of earlier loops that are trained again."""
        found = posteriors(latest(observations))
        last = latest(observation for observation in observations if observation.loop == loop - 1)
        used = set(state.get("used", ())) | {drawing.key(observation.prompt) for observation in observations}
        targets = dict.fromkeys(sorted(bank.domains), self.config.start_tier) | dict(state.get("targets", {}))
        prompts: list[Prompt] = []
        log: list[dict[str, Any]] = []
        for name in sorted(bank.domains):
            batch = [observation for observation in last if observation.prompt.domain == name]
            rng = stream(seed, "rule", loop, name)
            target, entries, made = self._domain(bank, name, batch, targets[name], per_domain, rng, used, found)
            targets[name] = target
            prompts += made
            log += [{"loop": loop, "domain": name, **entry} for entry in entries]
        rng = stream(seed, "rehearsal", loop)
        rehearsal, entry = drawing.rehearse(observations, self.config.rehearsal, len(prompts), rng)
        log.append({"loop": loop, "domain": "", **entry})
        state = {"targets": targets, "used": sorted(used), "posteriors": found}
        return Schedule(tuple(prompts), rehearsal, state, tuple(log))

    def _domain(
        self,
        bank: Bank,
        name: str,
        batch: Sequence[Observation],
        target: float,
        count: int,
        rng: np.random.Generator,
        used: set[str],
        found: Mapping[str, Any],
    ) -> tuple[float, list[dict[str, Any]], list[Prompt]]:
        """The domain's new target, the log, and `count` prompts."""
        config, domain = self.config, bank.domain(name)
        if batch:
            whole = summary(batch)
            verdict, why = gate(whole, config)
            decisions = decide(batch, verdict, config)
            seen = dataclasses.asdict(whole)
            if seen["mpjpe_g"] == np.inf:
                seen["mpjpe_g"] = None
        else:
            verdict, why, decisions, seen = HOLD, "no clip of the loop before is known: fresh prompts alone", [], {}
        mean_step = float(np.mean([decision.step for decision in decisions])) if decisions else 0.0
        moved = float(np.clip(target + mean_step, LOWEST, HIGHEST))
        entries: list[dict[str, Any]] = [
            {
                "kind": "gate",
                "seen": seen | {"target": target},
                "chosen": {"verdict": verdict, "mean_step": mean_step, "target": moved},
                "why": why,
            }
        ]
        if found.get(name):
            entries.append(_posterior_entry(found[name]))
        explored = round(config.exploration * count) if batch else count
        step_of = {observation.clip: decision for observation, decision in zip(batch, decisions, strict=True)}
        prompts = []
        for parent in drawing.allocate(batch, count - explored, rng) if batch else ():
            prompt, entry = self._child(bank, domain, parent, step_of[parent.clip], rng, used, found.get(name, {}))
            prompts.append(prompt)
            entries.append(entry)
        for _ in range(explored):
            prompt, _, is_repeated = drawing.unused(lambda _: (self._fresh(bank, domain, moved, rng), None), used)
            prompts.append(prompt)
            chosen = {"prompt": prompt.id, "slots": _plain(prompt.slots), "tier": prompt.tier}
            why = f"exploration near the target {moved:.2f}" + _repetition(is_repeated)
            entries.append({"kind": "fresh", "seen": {}, "chosen": chosen, "why": why})
        return moved, entries, prompts

    def _fresh(self, bank: Bank, domain: Domain, target: float, rng: np.random.Generator) -> Prompt:
        slots = sample_slots(domain, rng, target, self.config.spread)
        return bank.render(domain.name, slots, sample_template(domain, rng))

    def _child(
        self,
        bank: Bank,
        domain: Domain,
        parent: Observation,
        decision: Decision,
        rng: np.random.Generator,
        used: set[str],
        found: Mapping[str, Any],
    ) -> tuple[Prompt, dict[str, Any]]:
        """A child of one clip's prompt, with its template, and the log of it."""
        origin = parent.prompt
        order: Sequence[str] = RAISE_ORDER
        if decision.step < 0.0:
            # What has failed most often in other company as well goes first.
            order = sorted(RAISE_ORDER, key=lambda axis: phrase_success(found, axis, origin.slots[axis]))

        def draw(attempt: int) -> tuple[Prompt, list[Any]]:
            slots, changes = child_slots(domain, origin.slots, decision.step, rng, self.config.spread, order)
            if attempt >= drawing.NARROW:
                slots, more = child_slots(domain, slots, 0.0, rng, self.config.spread)
                changes = changes + more
            return bank.render(domain.name, slots, origin.template, (origin.id,)), changes

        prompt, changes, is_repeated = drawing.unused(draw, used)
        metrics, judgement = parent.metrics, parent.judgement
        seen = {
            "clip": parent.clip,
            "prompt": origin.id,
            "tier": origin.tier,
            "success": None if metrics is None else metrics.success,
            "error": None if metrics is None else clip_error(metrics),
            "difficulty": None if judgement is None else judgement.difficulty,
        }
        chosen = {
            "prompt": prompt.id,
            "step": decision.step,
            "tier": prompt.tier,
            "changes": [_plain(dataclasses.asdict(change)) for change in changes],
        }
        error, judged = _word(decision.is_error_low, metrics), _word(decision.is_difficulty_low, judgement)
        why = f"error {error}, difficulty {judged}: {decision.size}{_repetition(is_repeated)}"
        return prompt, {"kind": "child", "seen": seen, "chosen": chosen, "why": why}


def _word(is_low: bool | None, signal: object | None) -> str:
    """What a signal says of a clip; one that is there and says nothing is the same for all."""
    if is_low is None:
        return "unseen" if signal is None else "the same for all, as if unseen"
    return "low" if is_low else "high"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _repetition(is_repeated: bool) -> str:
    return "; the bank had no new sentence near it, another salt tells it apart" if is_repeated else ""


def _posterior_entry(axes: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Any]:
    """Success by axis over all clips so far, and the phrases at both ends."""
    means: dict[str, Any] = {}
    for axis in AXES:
        phrases = {phrase: pair[0] / (pair[0] + pair[1]) for phrase, pair in axes.get(axis, {}).items()}
        if phrases:
            ranked = sorted(phrases, key=lambda phrase: (phrases[phrase], phrase))
            mean = sum(phrases.values()) / len(phrases)
            means[axis] = {"mean": mean, "lowest": ranked[0], "highest": ranked[-1], "phrases": len(ranked)}
    return {
        "kind": "posteriors",
        "seen": means,
        "chosen": {},
        "why": "success of phrases in company, from Beta(1, 1)",
    }
