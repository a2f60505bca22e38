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
    instruction_from,
)
from tests.synthesis.figure import motion_of, standing
from tests.synthesis.toy_bank import slots_of, toy_bank

BANK = toy_bank("dance")
PROMPT = BANK.render("dance", slots_of("1a", "1a", "1a", "1a"), "plain")


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction("ground", {}, "it sinks"),
        Instruction("smooth", {"sigma": 0.1}),
        Instruction("swap_phrase", {"axis": "detail", "phrase": "detail 2a"}),
    ],
)
def test_there_and_back(instruction: Instruction):
    assert instruction_from(instruction.as_dict(), "test") == instruction


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ground", "takes operation"),
        ({"operation": "grounds"}, "did you mean 'ground'"),
        ({"operation": "rm -rf", "arguments": {}}, "unknown 'rm -rf'"),
        ({"operation": "smooth", "arguments": {"sigmas": 0.1}}, "did you mean 'sigma'"),
        ({"operation": "smooth", "arguments": {}}, "has no argument 'sigma'"),
        ({"operation": "smooth", "arguments": {"sigma": 3.0}}, r"sigma: must be a number from 0\.02 to 0\.2"),
        ({"operation": "smooth", "arguments": {"sigma": True}}, "sigma: must be a number"),
        ({"operation": "smooth", "arguments": {"sigma": float("nan")}}, "sigma: must be a number"),
        ({"operation": "trim", "arguments": [1, 2]}, "takes operation"),
    ],
)
def test_what_is_not_in_the_set_is_refused(content, message):
    with pytest.raises(AthenaError, match=message):
        instruction_from(content, "reply")


def test_every_edit_can_be_done_in_any_order_of_asking():
    wanted = [Instruction(name, {key: low for key, (low, _) in EDITS[name].items()}) for name in EDITS]
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
