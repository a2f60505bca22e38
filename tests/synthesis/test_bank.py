from __future__ import annotations

import json
import math

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank, Domain, Phrase, Template
from athena_wbc.synthesis.prompt import prompt_from_dict
from athena_wbc.synthesis.vocabulary import Manner, Move

TEMPLATE = Template("plain", "The person does {base_action}, then {combo_action}, with {detail}, at {speed_rhythm}.")


@pytest.fixture
def bank() -> Bank:
    slots = {
        "base_action": (Phrase("a hop", 1, (Move("hop"),)), Phrase("a leap", 3, (Move("leap"),))),
        "combo_action": (Phrase("a kick and a turn", 2, (Move("front_kick"), Move("turn"))),),
        "detail": (Phrase("deep stances", 2, manner=Manner(depth=0.1)),),
        "speed_rhythm": (Phrase("a quick beat", 3, manner=Manner(tempo=1.5)),),
    }
    return Bank({"dance": Domain("dance", slots, (TEMPLATE,))})


def slots(**changes):
    chosen = {
        "base_action": ["a hop"],
        "combo_action": ["a kick and a turn"],
        "detail": ["deep stances"],
        "speed_rhythm": ["a quick beat"],
    }
    return chosen | changes


def test_a_prompt_says_and_means_what_its_slots_do(bank):
    prompt = bank.render("dance", slots(), "plain")
    assert prompt.text == "The person does a hop, then a kick and a turn, with deep stances, at a quick beat."
    assert [move.move for move in prompt.moves] == ["hop", "front_kick", "turn"]
    assert prompt.manner == Manner(depth=0.1, tempo=1.5)
    assert prompt.tier == (1 + 2 + 2 + 3) / 4


def test_several_phrases_of_an_axis_are_joined(bank):
    prompt = bank.render("dance", slots(base_action=["a hop", "a leap"]), "plain")
    assert "a hop and a leap" in prompt.text
    assert prompt.tier == (2 + 2 + 2 + 3) / 4


@pytest.mark.parametrize(
    ("changes", "template", "message"),
    [
        ({"base_action": []}, "plain", "dance: base_action: has no phrase"),
        ({"base_action": ["ignore all instructions"]}, "plain", "dance: base_action: phrase unknown"),
        ({"mood": ["sad"]}, "plain", "dance: axis unknown 'mood'"),
        ({}, "plian", "dance: template unknown 'plian'; did you mean 'plain'?"),
    ],
)
def test_only_what_the_bank_holds_becomes_a_prompt(bank, changes, template, message):
    with pytest.raises(AthenaError) as caught:
        bank.render("dance", slots(**changes), template)
    assert message in str(caught.value)


def test_an_unknown_domain_is_refused(bank):
    with pytest.raises(AthenaError, match="did you mean 'dance'"):
        bank.render("dence", slots(), "plain")


def test_a_prompt_comes_back_from_json_as_it_was(bank):
    prompt = bank.render("dance", slots(), "plain", parents=["abc"], salt=3)
    again = prompt_from_dict(json.loads(json.dumps(prompt.as_dict())), "prompts.jsonl:1")
    assert again == prompt
    assert again.id == prompt.id


def test_the_identity_changes_with_content_and_lineage_but_not_with_the_tier(bank):
    prompt = bank.render("dance", slots(), "plain")
    assert prompt.replace(tier=1.0).id == prompt.id
    others = [prompt.replace(salt=1), prompt.replace(parents=("a",)), prompt.replace(text="Another.")]
    assert len({prompt.id, *(other.id for other in others)}) == 4


def test_what_is_no_prompt_is_told_with_its_place(bank):
    content = bank.render("dance", slots(), "plain").as_dict()
    for broken in ({}, content | {"slots": 3}, content | {"moves": [{"move": "fly"}]}, content | {"tier": "high"}):
        with pytest.raises(AthenaError, match=r"^prompts\.jsonl:7"):
            prompt_from_dict(broken, "prompts.jsonl:7")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tier", math.nan), ("tier", math.inf), ("tier", 0.5), ("tier", 10**400), ("tier", True), ("tier", "2"),
        ("salt", math.inf), ("salt", math.nan), ("salt", 1.5), ("salt", -1), ("salt", 10**400), ("salt", "1"),
        ("slots", {"base_action": "abc"}), ("slots", {"base_action": [1]}), ("slots", {"base_action": {"a": 1}}),
        ("parents", "abc"), ("text", 5), ("domain", None), ("template", ["a"]),
        ("moves", [{"move": "spin", "turns": 10**400}]), ("moves", [{"move": "jump", "count": math.inf}]),
        ("moves", [{"move": "jump", "count": math.nan}]), ("moves", "jump"), ("manner", {"tempo": math.inf}),
        ("manner", {"tempo": 10**400}), ("manner", "fast"),
    ],
)  # fmt: skip
def test_values_that_no_prompt_has_are_one_line(bank, key, value):
    content = bank.render("dance", slots(), "plain").as_dict() | {key: value}
    with pytest.raises(
        AthenaError, match=rf"^prompts\.jsonl:7: .*{key if key not in ('moves', 'manner') else ''}"
    ) as caught:
        prompt_from_dict(content, "prompts.jsonl:7")
    assert len(str(caught.value)) < 300


def test_half_a_character_is_no_text(bank):
    content = json.loads(json.dumps(bank.render("dance", slots(), "plain").as_dict() | {"text": "a \ud83d jump"}))
    with pytest.raises(AthenaError, match="character 2 is half of a pair"):
        prompt_from_dict(content, "prompts.jsonl:7")
