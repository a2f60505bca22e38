"""The closed set: what may be asked for, and what is refused."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.prompt import Prompt
from athena_wbc.synthesis.refine.operations import (
    EDITS,
    Instruction,
    apply_edits,
    apply_to_prompt,
)
from tests.synthesis.figure import motion_of, standing
from tests.synthesis.toy_bank import slots_of, toy_bank

BANK = toy_bank("dance")
PROMPT = BANK.render("dance", slots_of("1a", "1a", "1a", "1a"), "plain")


def test_every_edit_can_be_done_in_any_order_of_asking():
    arguments = {"trim": {"start": 0.0, "end": 0.0}, "stretch": {"factor": 0.8}, "smooth": {"sigma": 0.02}}
    wanted = [Instruction(name, arguments.get(name, {})) for name in EDITS]
    motion = motion_of(standing(40))
    one, other = apply_edits(motion, wanted), apply_edits(motion, wanted[::-1])
    assert one.digest == other.digest
    assert one.num_frames == 32


def test_swaps_make_a_child_of_the_prompt():
    swaps = [
        Instruction("swap_phrase", {"axis": "detail", "phrase": "detail 2a"}),
        Instruction("swap_template", {"template": "then"}),
        Instruction("reseed"),
    ]
    child = apply_to_prompt(PROMPT, swaps, BANK)
    assert child.slots == PROMPT.slots | {"detail": ("detail 2a",)}
    assert child.template == "then"
    assert child.parents == (PROMPT.id,)
    assert apply_to_prompt(PROMPT, swaps[2:], BANK) is PROMPT


def test_what_the_bank_does_not_have_cannot_be_swapped_in():
    with pytest.raises(AthenaError, match="phrase unknown 'fly'"):
        apply_to_prompt(PROMPT, [Instruction("swap_phrase", {"axis": "detail", "phrase": "fly"})], BANK)
    with pytest.raises(AthenaError, match="axis unknown 'details'"):
        apply_to_prompt(PROMPT, [Instruction("swap_phrase", {"axis": "details", "phrase": "detail 2a"})], BANK)
    with pytest.raises(AthenaError, match="free text has no phrases"):
        apply_to_prompt(Prompt("The person waves."), [Instruction("swap_template", {"template": "then"})], BANK)
