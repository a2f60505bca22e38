"""The closed set of what can be done about a motion: whoever assesses chooses among these."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.synthesis.bank import Bank
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import AXES, Prompt
from athena_wbc.synthesis.refine import edits

EDITS = ("trim", "stretch", "fix_bones", "ground", "smooth", "lock_feet")
"""Edits of the motion, functions of `edits`, in the order in which several are done."""

REMAKES = ("reseed", "swap_phrase", "swap_template")
"""What makes the motion again: another seed, another phrase of one axis, another sentence around the same phrases."""


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One operation with its arguments, and why."""

    operation: str
    """One of :data:`EDITS` or of :data:`REMAKES`."""
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""

    @property
    def is_edit(self) -> bool:
        """Whether it changes the motion that there is, and not what it was made from."""
        return self.operation not in REMAKES

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.arguments.items())
        return self.operation.replace("_", " ") + (f" ({told})" if told else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"operation": self.operation, "arguments": dict(self.arguments), "reason": self.reason}


def apply_edits(motion: SyntheticMotion, instructions: Sequence[Instruction]) -> SyntheticMotion:
    """The motion after all edits among the instructions, each once, in the order of :data:`EDITS`."""
    chosen = {instruction.operation: instruction for instruction in instructions if instruction.is_edit}
    for name in EDITS:
        if name in chosen:
            motion = getattr(edits, name)(motion, **chosen[name].arguments)
    return motion


def apply_to_prompt(prompt: Prompt, instructions: Sequence[Instruction], bank: Bank | None) -> Prompt:
    """The prompt after all swaps among the instructions, with the old one as its parent.

    Raises:
        AthenaError: a prompt without slots or bank is to be changed, or an axis, phrase or template is unknown.
    """
    swaps = [each for each in instructions if each.operation in ("swap_phrase", "swap_template")]
    if not swaps:
        return prompt
    if bank is None or not prompt.slots:
        raise AthenaError(
            f"{prompt.id}: {swaps[0].operation}: free text has no phrases to swap; refine a bank's prompt"
        )
    slots, template = dict(prompt.slots), prompt.template
    for swap in swaps:
        if swap.operation == "swap_template":
            template = str(swap.arguments["template"])
        else:
            if swap.arguments["axis"] not in AXES:
                raise AthenaError(f"{prompt.domain}: axis {suggest(str(swap.arguments['axis']), AXES)}")
            slots[swap.arguments["axis"]] = (str(swap.arguments["phrase"]),)
    return bank.render(prompt.domain, slots, template, (prompt.id,), prompt.salt)
