"""Draw prompts from the bank.

A draw depends on the seed, the domain's name and content and the loop; so a domain's prompts stay the same when another
is added, and the first ten of forty are the ten of ten.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.files import sha256_json
from athena_wbc.synthesis.bank import Bank, Domain, Phrase
from athena_wbc.synthesis.prompt import AXES, Prompt

SPREAD = 0.5
"""Tiers: how far from the target is still drawn often; the chance falls to 1/e over it."""
_TRIES = 50

Target = float | Mapping[str, float] | None
"""Tier that is aimed at, 1 to 3: one for all axes, or by axis; None draws from all phrases alike."""


def stream(*parts: Any) -> np.random.Generator:
    """A generator of random numbers that depends on `parts` alone (numbers, texts, and lists of them)."""
    return np.random.default_rng(int(sha256_json(list(parts))[:32], 16))


def tier_chances(tiers: Sequence[int], target: float | None, spread: float = SPREAD) -> np.ndarray:
    """Chance of each tier: a softmax over -|tier - target| / spread, and all alike without a target.

    Raises:
        AthenaError: a target outside of 1 to 3, or a spread that is not positive.
    """
    if target is None:
        return np.full(len(tiers), 1.0 / len(tiers))
    if not 1.0 <= target <= 3.0:
        raise AthenaError(f"tier: must be from 1 (basic) to 3 (hard), is {target:g}")
    if not spread > 0.0:
        raise AthenaError(f"spread: must be above 0, is {spread:g}")
    scores = -np.abs(np.asarray(tiers, dtype=np.float64) - target) / spread
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def sample_slots(
    domain: Domain,
    rng: np.random.Generator,
    target: Target = None,
    spread: float = SPREAD,
    used: Counter[tuple[str, str]] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Draw one phrase of every axis.

    Args:
        domain: phrases to draw from.
        rng: source of chance.
        target: tier aimed at; an axis that a mapping leaves out is drawn without one.
        spread: of the tiers about the target, in tiers.
        used: how often each (axis, phrase) was drawn before. Among phrases of the tier that is drawn, those
            used least are taken. This function does not change it; see :func:`note_use`.

    Returns:
        Axis -> phrases by their text, as :meth:`Bank.render` takes them.
    """
    for axis in target if isinstance(target, Mapping) else ():
        if axis not in AXES:
            raise AthenaError(f"tier: axis {suggest(axis, AXES)}")
    slots: dict[str, tuple[str, ...]] = {}
    for axis in AXES:
        aim = target.get(axis) if isinstance(target, Mapping) else target
        phrase = _draw(domain.slots[axis], axis, rng, aim, spread, used or Counter())
        slots[axis] = (phrase.text,)
    return slots


def sample_template(domain: Domain, rng: np.random.Generator, used: Counter[tuple[str, str]] | None = None) -> str:
    """Draw the identifier of a template, of those used least."""
    counts = used or Counter()
    return str(_least(rng, [template.id for template in domain.templates], "template", counts))


def note_use(used: Counter[tuple[str, str]], slots: Mapping[str, Sequence[str]], template: str) -> None:
    """Count the phrases and the template of a prompt, in place."""
    used.update((axis, text) for axis, texts in slots.items() for text in texts)
    used[("template", template)] += 1


def sample_prompts(
    bank: Bank,
    per_domain: int,
    seed: int,
    target: Target = None,
    spread: float = SPREAD,
    loop: int = 0,
) -> list[Prompt]:
    """Draw `per_domain` different prompts of each domain, domain by domain in the order of the bank.

    Phrases and templates are used evenly. Two prompts differ in their phrases, whatever their template, for as
    long as the domain has phrases enough.

    Raises:
        AthenaError: a domain that cannot make so many different sentences.
    """
    if per_domain < 1:
        raise AthenaError(f"per_domain: must be 1 or more, is {per_domain}")
    prompts: list[Prompt] = []
    for name in bank.domains:
        prompts += _sample_domain(bank, name, per_domain, stream(seed, name, loop), target, spread)
    return prompts


def _sample_domain(
    bank: Bank, name: str, count: int, rng: np.random.Generator, target: Target, spread: float
) -> list[Prompt]:
    domain = bank.domains[name]
    possible = int(np.prod([float(len(domain.slots[axis])) for axis in AXES])) * len(domain.templates)
    if count > possible:
        raise AthenaError(
            f"{name}: can make {possible} different prompts, {count} are asked for; add phrases, or ask for fewer"
        )
    used: Counter[tuple[str, str]] = Counter()
    seen: set[tuple[str, ...]] = set()
    prompts: list[Prompt] = []
    for _ in range(count):
        slots, template = _unseen(domain, rng, target, spread, used, seen)
        texts = tuple(slots[axis][0] for axis in AXES)
        seen.update((texts, (*texts, template)))
        note_use(used, slots, template)
        prompts.append(bank.render(name, slots, template))
    return prompts


def _unseen(
    domain: Domain,
    rng: np.random.Generator,
    target: Target,
    spread: float,
    used: Counter[tuple[str, str]],
    seen: set[tuple[str, ...]],
) -> tuple[dict[str, tuple[str, ...]], str]:
    for _ in range(_TRIES):
        slots = sample_slots(domain, rng, target, spread, used)
        if tuple(slots[axis][0] for axis in AXES) not in seen:
            return slots, sample_template(domain, rng, used)
    # So few phrases that chance finds no new one: go through all that is left, new phrases before new templates, and
    # those nearest to the target first.
    groups = [[phrase.text for phrase in domain.slots[axis]] for axis in AXES]
    templates = [template.id for template in domain.templates]
    left = _nearest(domain, [texts for texts in itertools.product(*groups) if texts not in seen], target)
    if left:
        texts, template = left[rng.integers(len(left))], sample_template(domain, rng, used)
    else:
        pairs = [pair for pair in itertools.product(*groups, templates) if pair not in seen]
        pairs = _nearest(domain, pairs, target)
        *chosen, template = pairs[rng.integers(len(pairs))]
        texts = tuple(chosen)
    return {axis: (text,) for axis, text in zip(AXES, texts, strict=True)}, template


def _nearest(domain: Domain, choices: list[tuple[str, ...]], target: Target) -> list[tuple[str, ...]]:
    """Of phrases of all axes, those whose tiers are together nearest to the target; all where there is none."""
    aims = [target.get(axis) if isinstance(target, Mapping) else target for axis in AXES]
    far = [
        {phrase.text: 0.0 if aim is None else abs(phrase.tier - aim) for phrase in domain.slots[axis]}
        for axis, aim in zip(AXES, aims, strict=True)
    ]
    # Cut at the axes: what is chosen from may end in a template.
    distances = [sum(each[text] for each, text in zip(far, texts, strict=False)) for texts in choices]
    least = min(distances, default=0.0) + 1e-9
    return [texts for texts, distance in zip(choices, distances, strict=True) if distance <= least]


def _draw(
    phrases: Sequence[Phrase],
    axis: str,
    rng: np.random.Generator,
    target: float | None,
    spread: float,
    used: Counter[tuple[str, str]],
) -> Phrase:
    group = list(phrases)
    if target is not None:
        tiers = sorted({phrase.tier for phrase in phrases})
        tier = tiers[int(rng.choice(len(tiers), p=tier_chances(tiers, target, spread)))]
        group = [phrase for phrase in phrases if phrase.tier == tier]
    text = _least(rng, [phrase.text for phrase in group], axis, used)
    return next(phrase for phrase in group if phrase.text == text)


def _least(rng: np.random.Generator, names: Sequence[str], axis: str, used: Counter[tuple[str, str]]) -> str:
    fewest = min(used[axis, name] for name in names)
    least = [name for name in names if used[axis, name] == fewest]
    return least[int(rng.integers(len(least)))]
