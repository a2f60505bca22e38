"""From a prompt to the next one: single axes change, the rest stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from athena_wbc.synthesis.bank import Domain
from athena_wbc.synthesis.sampling import tier_chances

RAISE_ORDER = ("combo_action", "detail", "speed_rhythm", "base_action")
"""Axes in the order in which they are made harder: the chain and its execution before the skill itself."""
LOWEST, HIGHEST = 1.0, 3.0
"""Tiers of a bank."""
_SMALLEST = 0.5
"""A rest that is smaller, in tiers of one axis, is nobody's step."""

Slots = dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Change:
    """One axis of a child."""

    axis: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    old_tier: float
    new_tier: float


def axis_tier(domain: Domain, axis: str, phrases: Sequence[str]) -> float:
    """Mean tier of an axis' phrases."""
    return sum(domain.phrase(axis, text).tier for text in phrases) / len(phrases)


def draw_phrase(
    domain: Domain,
    axis: str,
    target: float,
    rng: np.random.Generator,
    spread: float,
    without: Sequence[str] = (),
) -> str:
    """A phrase of an axis: first its tier, near `target`, then any of this tier.

    Args:
        domain: the bank's domain.
        axis: one of the axes.
        target: wanted tier.
        rng: of the draws.
        spread: see :func:`~athena_wbc.synthesis.sampling.tier_chances`.
        without: phrases that are not to be drawn, unless there is no other.
    """
    phrases = domain.slots[axis]
    candidates = [phrase for phrase in phrases if phrase.text not in without] or list(phrases)
    tiers = sorted({phrase.tier for phrase in candidates})
    tier = tiers[int(rng.choice(len(tiers), p=tier_chances(tiers, target, spread)))]
    texts = [phrase.text for phrase in candidates if phrase.tier == tier]
    return texts[int(rng.integers(len(texts)))]


def wanted_tiers(tiers: Mapping[str, float], step: float, order: Sequence[str] = RAISE_ORDER) -> dict[str, float]:
    """Tiers of the axes that move their mean by `step`: one tier an axis, in order, then a second one.

    A quarter of a tier is so one axis by one tier, half a tier two axes, a whole tier all four.

    Returns:
        Axis -> wanted tier, of the axes that change alone; fewer than the step asks for where axes are at the end of
        the scale.
    """
    need, wanted = step * len(tiers), dict(tiers)
    for _ in range(int(HIGHEST - LOWEST)):
        for axis in order:
            if abs(need) < _SMALLEST:
                break
            moved = float(np.clip(wanted[axis] + np.clip(need, -1.0, 1.0), LOWEST, HIGHEST))
            need -= moved - wanted[axis]
            wanted[axis] = moved
    return {axis: tier for axis, tier in wanted.items() if tier != tiers[axis]}


def child_slots(
    domain: Domain,
    parent: Mapping[str, Sequence[str]],
    step: float,
    rng: np.random.Generator,
    spread: float,
    order: Sequence[str] = RAISE_ORDER,
) -> tuple[Slots, list[Change]]:
    """The slots of a child whose tier lies `step` from its parent's.

    Where nothing is to move (a step of zero, or every axis at its end), one axis but the base is drawn anew at its
    tier, so that a child is never its parent.

    Args:
        domain: the bank's domain.
        parent: axis -> phrases.
        step: tiers, of the mean over the axes.
        rng: of all draws.
        spread: see :func:`draw_phrase`.
        order: axes in the order in which they change.
    """
    tiers = {axis: axis_tier(domain, axis, parent[axis]) for axis in RAISE_ORDER}
    wanted = wanted_tiers(tiers, step, order)
    if not wanted:
        axis = RAISE_ORDER[int(rng.integers(len(RAISE_ORDER) - 1))]
        wanted = {axis: tiers[axis]}
    slots: Slots = {axis: tuple(parent[axis]) for axis in parent}
    changes = []
    for axis in order:
        if axis in wanted:
            new = (draw_phrase(domain, axis, wanted[axis], rng, spread, slots[axis]),)
            changes.append(Change(axis, slots[axis], new, tiers[axis], axis_tier(domain, axis, new)))
            slots[axis] = new
    return slots, changes
