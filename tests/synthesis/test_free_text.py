"""The random baseline: plain sentences, all different, all understood."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis import free_text
from athena_wbc.synthesis.bank_file import load_bank
from athena_wbc.synthesis.bank_remarks import sentence_faults
from athena_wbc.synthesis.free_text import random_prompts, read_text
from athena_wbc.synthesis.vocabulary import FAMILY, MOVES

PROMPTS = random_prompts(400, 0)


def test_sentences_are_different_and_well_formed() -> None:
    assert len({prompt.text for prompt in PROMPTS}) == 400
    for prompt in PROMPTS:
        assert prompt.text.startswith("The person ") and sentence_faults(prompt.text) == []
        assert prompt.domain == "" and not prompt.slots


def test_the_draw_is_repeatable_and_a_short_one_begins_a_long_one() -> None:
    assert random_prompts(10, 0) == PROMPTS[:10]
    assert random_prompts(10, 1) != PROMPTS[:10]


def test_nearly_every_sentence_is_understood() -> None:
    still = [p.text for p in PROMPTS if {move.move for move in p.moves} == {"stand"} and "stands still" not in p.text]
    assert still == []
    assert len({move.move for prompt in PROMPTS for move in prompt.moves}) > 0.5 * len(FAMILY)


def test_nouns_of_the_grammar_are_no_strikes() -> None:
    strikes = {move for move in (*MOVES["legs"], *MOVES["arms"]) if move.endswith(("kick", "punch", "strike", "cut"))}
    parts = [*free_text._DEEDS, *(f"{verb} {way}" for verb in free_text._TRAVELS for way in free_text._WAYS)]
    for part in parts:
        for manner in ("", *free_text._MANNERS):
            moves = read_text(f"The person {manner} {part}.").moves
            assert len(moves) == 1, part
            assert (moves[0].move in strikes) == part.startswith(("kicks", "punches")), part


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("The person picks up a box.", ["reach"]),
        ("The person lifts two heavy boxes and throws the rock.", ["throw"]),
        ("The person jumps over a bowl.", ["leap"]),
        ("The person boxes.", ["straight_punch"]),
        ("The person shadow boxes.", ["straight_punch"]),
        ("The person takes a box stance.", ["guard"]),
        ("The person bows and then boxes quickly.", ["bow", "straight_punch"]),
        ("The person rocks from side to side.", ["sway"]),
    ],
)
def test_what_is_a_thing_and_what_a_deed(text: str, moves: list[str]) -> None:
    assert [move.move for move in read_text(text).moves] == moves


def test_the_baseline_does_not_come_from_the_bank() -> None:
    slots = [slot for domain in load_bank().domains.values() for slot in domain.slots.values()]
    phrases = {phrase.text for slot in slots for phrase in slot if len(phrase.text.split()) > 2}
    assert not [prompt.text for prompt in PROMPTS if any(phrase in prompt.text for phrase in phrases)]


def test_what_cannot_be_drawn_is_one_line() -> None:
    with pytest.raises(AthenaError, match="count must be 1 or more, is 0"):
        random_prompts(0, 0)


def test_a_grammar_that_is_used_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_wbc.synthesis.free_text._sentence", lambda rng: "The person walks.")
    with pytest.raises(AthenaError, match="there are only about 1 sentences; ask for fewer"):
        random_prompts(2, 0)
