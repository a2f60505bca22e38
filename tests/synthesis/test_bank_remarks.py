from __future__ import annotations

import dataclasses

from athena_wbc.synthesis.bank import Domain, Phrase, Template
from athena_wbc.synthesis.bank_remarks import mean_demands, remarks, sentence_faults
from athena_wbc.synthesis.vocabulary import Manner, Move


def manners(*tempos: float) -> tuple[Phrase, ...]:
    return tuple(Phrase(f"pace {tier}", tier, manner=Manner(tempo=tempo)) for tier, tempo in enumerate(tempos, start=1))


def actions(*moves: str) -> tuple[Phrase, ...]:
    return tuple(Phrase(f"a {move}", tier, (Move(move),)) for tier, move in enumerate(moves, start=1))


GOOD = Domain(
    "good",
    {
        "base_action": actions("walk", "hop", "leap"),
        "combo_action": actions("bow", "spin", "roll"),
        "detail": manners(0.7, 1.1, 1.5),
        "speed_rhythm": manners(0.7, 1.1, 1.5),
    },
    (Template("one", "The person does {base_action}, then {combo_action}, with {detail}, at {speed_rhythm}."),),
)


def changed(**slots: tuple[Phrase, ...]) -> list[str]:
    return remarks(dataclasses.replace(GOOD, slots={**GOOD.slots, **slots}))


def test_a_domain_in_order_has_no_remarks() -> None:
    assert remarks(GOOD) == []
    assert mean_demands("base_action", GOOD.slots["base_action"]) == {1: 1.0, 2: 2.0, 3: 3.0}


def test_a_tier_without_phrases() -> None:
    assert changed(detail=manners(0.7, 1.1)) == [
        "detail: no phrase of tier 3; a scheduler that aims there draws its neighbours"
    ]


def test_tiers_that_do_not_rise_and_a_phrase_far_from_its_tier() -> None:
    found = changed(base_action=actions("walk", "leap", "clap"))
    assert found == [
        "base_action: tier 3 means nothing harder than tier 2 (1.00 after 3.00)",
        "base_action: 'a clap' is of tier 3, but its meaning is more like 1.0",
    ]


def test_a_phrase_that_only_a_reader_of_text_can_show() -> None:
    assert (
        "detail: 'grace' means neither a move nor a manner"
        in changed(detail=(*GOOD.slots["detail"], Phrase("grace", 2)))[0]
    )


def test_a_sentence_with_a_word_twice() -> None:
    (found,) = changed(detail=(Phrase("with care", 1, manner=Manner(tempo=0.7)), *GOOD.slots["detail"][1:]))
    assert "templates: one: " in found and "says 'with' twice in a row" in found


def test_faults_of_a_sentence() -> None:
    assert sentence_faults("The person walks.") == []
    assert sentence_faults("the person walks.") == ["does not begin with a capital"]
    assert sentence_faults("The person walks") == ["does not end with one full stop"]
    assert sentence_faults("The person  walks.") == ["has a space or a comma too many"]
    assert sentence_faults("The person walks walks.") == ["says 'walks' twice in a row"]
