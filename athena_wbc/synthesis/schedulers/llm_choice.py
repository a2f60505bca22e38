"""From a language model's choice to prompts of the bank: what may pass, and what is wrong with the rest."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from athena_wbc.synthesis.bank import Bank, Domain
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.schedulers.llm_messages import MOST_PHRASES
from athena_wbc.synthesis.schedulers.rule import ESCALATE, STEP_BACK

if TYPE_CHECKING:
    from athena_wbc.synthesis.schedulers.replies import GroupReply, SetReply

_ALIKE = 0.01
"""Tiers by which a successor may lie off its predecessor without being called easier or harder."""


def by_number(reply: GroupReply) -> dict[int, SetReply]:
    """Choices by the number of their set; of a number that was answered twice the first."""
    choices: dict[int, SetReply] = {}
    for choice in reply.sets:
        choices.setdefault(choice.set, choice)
    return choices


def bank_text(text: str, known: Sequence[str]) -> str | None:
    """The bank's own spelling of a text that differs from it in case or blanks alone; None if there is none."""
    folded = {" ".join(each.casefold().split()): each for each in known}
    return folded.get(" ".join(text.casefold().split()))


def slots_of(domain: Domain, choice: SetReply) -> tuple[dict[str, tuple[str, ...]], str, list[str]]:
    """Slots and template of a choice in the bank's spelling, and what of it the bank does not have.

    Returns:
        Axis -> phrases, the template's identifier, and the faults, each with what is near; slots and template are
        whole only where there is no fault.
    """
    slots: dict[str, tuple[str, ...]] = {}
    faults = []
    for axis in AXES:
        known = [phrase.text for phrase in domain.slots[axis]]
        given: list[str] = list(getattr(choice, axis))
        if not 1 <= len(given) <= MOST_PHRASES:
            faults.append(f"{axis}: takes 1 to {MOST_PHRASES} phrases, has {len(given)}")
        found = [bank_text(text, known) for text in given]
        faults += [_unknown(axis, text, known) for text, own in zip(given, found, strict=True) if own is None]
        slots[axis] = tuple(dict.fromkeys(own for own in found if own is not None))
    templates = [template.id for template in domain.templates]
    template = bank_text(choice.template, templates)
    if template is None:
        faults.append(_unknown("template", choice.template, templates))
    return slots, template or "", faults


def _unknown(key: str, text: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(text.casefold()[:200], known, n=3, cutoff=0.0)
    shown = text if len(text) <= 120 else f"{text[:120]} ..."
    return f"{key}: '{shown}' is not in the library; the nearest are {', '.join(repr(each) for each in near)}"


def review(
    bank: Bank, domain: Domain, parents: Sequence[Prompt], verdict: str, reply: GroupReply
) -> tuple[list[Prompt | None], list[list[str]], list[list[str]]]:
    """Prompts of a group's sets, where they can be made.

    Args:
        bank: renders the prompts.
        domain: whose phrases may be chosen.
        parents: prompts of the sets, in the order of their numbers from 1.
        verdict: of the rule on the domain; a choice against it is doubted.
        reply: what the model chose.

    Returns:
        For every set: the prompt, or None; why there is none; and doubts about one that there is.
    """
    choices = by_number(reply)
    prompts: list[Prompt | None] = []
    faults: list[list[str]] = []
    doubts: list[list[str]] = []
    taken: dict[str, int] = {}
    for number, parent in enumerate(parents, start=1):
        prompt, wrong, doubtful = None, [f"has no entry; give one for every set from 1 to {len(parents)}"], []
        if number in choices:
            slots, template, wrong = slots_of(domain, choices[number])
            if not wrong:
                prompt = bank.render(domain.name, slots, template, (parent.id,))
                wrong = _sameness(prompt, parent, taken)
                if wrong:
                    prompt = None
                else:
                    taken[prompt.text] = number
                    doubtful = _doubts(prompt, parent, verdict)
        prompts.append(prompt)
        faults.append(wrong)
        doubts.append(doubtful)
    return prompts, faults, doubts


def _sameness(prompt: Prompt, parent: Prompt, taken: dict[str, int]) -> list[str]:
    if prompt.text == parent.text:
        return ["is its predecessor again; change one axis at least"]
    if prompt.text in taken:
        return [f"is the same as set {taken[prompt.text]}; change one axis at least"]
    return []


def _doubts(prompt: Prompt, parent: Prompt, verdict: str) -> list[str]:
    change = prompt.tier - parent.tier
    told = (
        f"than its predecessor: mean tier {prompt.tier:.2f} after {parent.tier:.2f}; the domain's decision is {verdict}"
    )
    if change < -_ALIKE and verdict != STEP_BACK:
        return [f"is easier {told}"]
    if change > _ALIKE and verdict != ESCALATE:
        return [f"is harder {told}"]
    return []


def complaints(bank: Bank, domain: Domain, parents: Sequence[Prompt], verdict: str, reply: GroupReply) -> list[str]:
    """All that a repair turn should put right, a line each."""
    _, faults, doubts = review(bank, domain, parents, verdict, reply)
    lines = [
        f"set {number}: {line}"
        for number, pair in enumerate(zip(faults, doubts, strict=True), start=1)
        for line in (*pair[0], *pair[1])
    ]
    surplus = sorted({choice.set for choice in reply.sets} - set(range(1, len(parents) + 1)))
    return lines + [f"set {number}: is not in the data; leave it out" for number in surplus]
