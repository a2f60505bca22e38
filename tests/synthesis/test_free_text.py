"""The random baseline: plain sentences, all different, all understood."""

from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank_file import load_bank
from athena_wbc.synthesis.bank_remarks import sentence_faults
from athena_wbc.synthesis.free_text import random_prompts
from athena_wbc.synthesis.vocabulary import FAMILY

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
