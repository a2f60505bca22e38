"""Prompts that do not repeat, parents, and the clips that are trained again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.sampling import Target, note_use, sample_slots, sample_template, stream
from athena_wbc.synthesis.schedulers.evidence import latest, learnability, learnability_weights

TRIES = 24
"""Draws until a prompt that has been used before is taken all the same, told apart by its salt."""
NARROW = 8
"""Draws that change no more than what is asked for; those after them may change more to be new."""
FLOOR = 0.05
"""Least weight of a clip in a draw by learnability: what is mastered is looked after now and then."""


def key(prompt: Prompt) -> str:
    """What two prompts share that ask for the same: domain, sentence and salt."""
    return hashlib.sha256(f"{prompt.domain}\0{prompt.text}\0{prompt.salt}".encode()).hexdigest()[:12]


def apart(prompt: Prompt, used: set[str]) -> Prompt:
    """The prompt, with a salt of its own if its sentence is taken: it gets another motion. `used` grows by its key."""
    while key(prompt) in used:
        prompt = prompt.replace(salt=prompt.salt + 1)
    used.add(key(prompt))
    return prompt


def unused(draw: Callable[[int], tuple[Prompt, Any]], used: set[str]) -> tuple[Prompt, Any, bool]:
    """Draw until a prompt is new; after :data:`TRIES` the last one with a salt of its own. `used` grows by it.

    Args:
        draw: gives a prompt and what is to be known about it, from the number of draws before, 0 for the first.
        used: keys of the prompts so far.

    Returns:
        The prompt, what is to be known, and whether its sentence had been used.
    """
    prompt, known = draw(0)
    for attempt in range(1, TRIES):
        if key(prompt) not in used:
            break
        prompt, known = draw(attempt)
    is_repeated = key(prompt) in used
    return apart(prompt, used), known, is_repeated


def draw_bank(
    bank: Bank, per_domain: int, loop: int, seed: int, used: set[str], target: Target = None
) -> tuple[Prompt, ...]:
    """Prompts of all domains, `per_domain` of each, that no observation moves and that do not repeat.

    Args:
        used: keys of the prompts so far; grows by those that are drawn.
        target: tier that they are drawn near; None for the whole bank alike.
    """
    names = sorted(bank.domains)
    return tuple(prompt for name in names for prompt in _draw_domain(bank, name, per_domain, loop, seed, used, target))


def whole_loop(kind: str, loop: int, chosen: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Log entry of a decision on a loop as a whole that rests on nothing seen."""
    return {"kind": kind, "loop": loop, "domain": "", "seen": {}, "chosen": chosen, "why": why}


def rehearse(
    observations: Iterable[Observation],
    share: float,
    prompts: int,
    rng: np.random.Generator,
    by_learnability: bool = True,
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Clips of earlier loops that are trained again, without replacement, and the log of the choice.

    Args:
        observations: all that is known of the loops so far.
        share: of the number of new prompts.
        prompts: number of new prompts.
        rng: of the draw.
        by_learnability: whether ``4 p (1 - p)`` weighs the draw; else all clips are alike.
    """
    known = latest(observations)
    count = min(round(share * prompts), len(known))
    weights = learnability_weights(known, FLOOR) if by_learnability else np.ones(len(known))
    chosen = sorted(rng.choice(len(known), size=count, replace=False, p=weights / weights.sum())) if count else []
    clips = tuple(known[index].clip for index in chosen)
    unseen = sum(each.metrics is None for each in known)
    why = "in proportion to 4p(1-p), that what is learned now is not lost" if by_learnability else "at random"
    if by_learnability and known and unseen == len(known):
        why = "at random: no metrics are seen"
    mean = [learnability(known[index].metrics.success) for index in chosen if known[index].metrics is not None]
    return clips, {
        "kind": "rehearsal",
        "seen": {"clips": len(known), "without_metrics": unseen},
        "chosen": {"clips": list(clips), "mean_learnability": sum(mean) / len(mean) if mean else None},
        "why": why,
    }


def allocate(batch: Sequence[Observation], count: int, rng: np.random.Generator) -> list[Observation]:
    """The parents of `count` children in the batch's order: each equally often, the rest drawn by learnability."""
    full, rest = divmod(count, len(batch))
    times = np.full(len(batch), full)
    if rest:
        weights = learnability_weights(batch, FLOOR)
        times[rng.choice(len(batch), size=rest, replace=False, p=weights / weights.sum())] += 1
    return [parent for parent, number in zip(batch, times, strict=True) for _ in range(number)]


def _draw_domain(
    bank: Bank, name: str, count: int, loop: int, seed: int, used: set[str], target: Target = None
) -> list[Prompt]:
    """Prompts of one domain without repetitions; `used`, the keys of the prompts so far, grows by them."""
    domain, rng = bank.domain(name), stream(seed, "draw", name, loop)
    uses: Counter[tuple[str, str]] = Counter()

    def draw(_: int) -> tuple[Prompt, None]:
        slots, template = sample_slots(domain, rng, target, used=uses), sample_template(domain, rng, uses)
        return bank.render(name, slots, template), None

    prompts = []
    for _ in range(count):
        prompt, *_ = unused(draw, used)
        note_use(uses, prompt.slots, prompt.template)
        prompts.append(prompt)
    return prompts
