"""What is legal in a domain and yet worth a second look: tiers that do not rise, phrases that no motion shows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from athena_wbc.synthesis.bank import Domain, Phrase
from athena_wbc.synthesis.bank_file import ACTIONS, TIERS
from athena_wbc.synthesis.demand import manner_demand, plan_demand
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.vocabulary import PLAIN

_FAR = 1.0
"""Tiers between what a phrase says of itself and what its meaning says, from where on it is remarked on."""
_DOUBLED = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)


def remarks(domain: Domain) -> list[str]:
    """One line for each thing worth a second look; none for a domain in order."""
    found: list[str] = []
    for axis in AXES:
        phrases = domain.slots[axis]
        found += [
            f"{axis}: no phrase of tier {tier}; a scheduler that aims there draws its neighbours"
            for tier in TIERS
            if all(phrase.tier != tier for phrase in phrases)
        ]
        found += [
            f"{axis}: '{phrase.text}' means neither a move nor a manner; only a generator that reads text can show it"
            for phrase in phrases
            if not phrase.moves and phrase.manner == PLAIN
        ]
        found += _tier_remarks(axis, phrases)
    found += _sentence_remarks(domain)
    return found


def demand(phrase: Phrase, axis: str) -> float:
    """How demanding a phrase is by its meaning: its moves on the axes of actions, its manner on the others."""
    return plan_demand(phrase.moves) if axis in ACTIONS else manner_demand(phrase.manner)


def mean_demands(axis: str, phrases: Sequence[Phrase]) -> dict[int, float]:
    """Tier -> mean demand of its phrases, for the tiers that there are."""
    groups = {tier: [demand(phrase, axis) for phrase in phrases if phrase.tier == tier] for tier in TIERS}
    return {tier: sum(group) / len(group) for tier, group in groups.items() if group}


def sentence_faults(text: str) -> list[str]:
    """What is wrong with a sentence as typography: its capital, full stop, spaces, or a word said twice."""
    faults = []
    if not text[:1].isupper():
        faults.append("does not begin with a capital")
    if not text.endswith(".") or text.endswith(".."):
        faults.append("does not end with one full stop")
    if "  " in text or " ," in text or " ." in text or ",," in text:
        faults.append("has a space or a comma too many")
    doubled = _DOUBLED.search(text)
    if doubled:
        faults.append(f"says '{doubled.group(1)}' twice in a row")
    return faults


def _tier_remarks(axis: str, phrases: Sequence[Phrase]) -> list[str]:
    found = []
    means = list(mean_demands(axis, phrases).items())
    for (tier, mean), (above, harder) in itertools.pairwise(means):
        if harder <= mean:
            found.append(f"{axis}: tier {above} means nothing harder than tier {tier} ({harder:.2f} after {mean:.2f})")
    for phrase in phrases:
        bounded = min(max(demand(phrase, axis), float(TIERS[0])), float(TIERS[-1]))
        if abs(bounded - phrase.tier) > _FAR:
            found.append(
                f"{axis}: '{phrase.text}' is of tier {phrase.tier}, but its meaning is more like {bounded:.1f}"
            )
    return found


def _sentence_remarks(domain: Domain) -> list[str]:
    found: dict[tuple[str, str], str] = {}
    first = {axis: domain.slots[axis][0].text for axis in AXES}
    for template in domain.templates:
        for axis in AXES:
            for phrase in domain.slots[axis]:
                text = template.text.format(**(first | {axis: phrase.text}))
                for fault in sentence_faults(text):  # one sentence for each fault is enough to see it
                    found.setdefault((template.id, fault), f"templates: {template.id}: '{text}' {fault}")
    return list(found.values())
