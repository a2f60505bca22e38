"""Draws from the bank: repeatable, independent of each other, balanced, aimed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.bank import Bank, Domain, Phrase, Template
from athena_wbc.synthesis.bank_file import load_bank
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.sampling import sample_prompts, sample_slots, stream, tier_chances
from athena_wbc.synthesis.vocabulary import Move
from tests.synthesis.toy_bank import toy_bank

BANK = load_bank()
SENTENCE = "The person {base_action} {combo_action} {detail} {speed_rhythm}."


def small(sizes: tuple[int, int, int, int], templates: int = 1, name: str = "small") -> Bank:
    slots = {
        axis: tuple(Phrase(f"{axis} {index}", 1 + index % 3, (Move("stand"),)) for index in range(size))
        for axis, size in zip(AXES, sizes, strict=True)
    }
    return Bank({name: Domain(name, slots, tuple(Template(f"t{i}", f"{SENTENCE} {i}") for i in range(templates)))})


def test_a_draw_is_repeatable_and_depends_on_seed_and_loop() -> None:
    draw = sample_prompts(BANK, 8, 3)
    assert draw == sample_prompts(BANK, 8, 3)
    assert [prompt.domain for prompt in draw] == [name for name in BANK.domains for _ in range(8)]
    assert all(len(prompt.slots[axis]) == 1 for prompt in draw for axis in AXES)
    for other in (sample_prompts(BANK, 8, 4), sample_prompts(BANK, 8, 3, loop=1)):
        assert len({prompt.text for prompt in other} & {prompt.text for prompt in draw}) < 3


def test_domains_are_independent_and_a_short_draw_begins_a_long_one() -> None:
    alone = sample_prompts(Bank({"sport": BANK.domains["sport"]}), 5, 0)
    together = [prompt for prompt in sample_prompts(BANK, 20, 0) if prompt.domain == "sport"]
    assert together[:5] == alone


def test_domains_of_the_same_content_draw_differently() -> None:
    first, second = small((9, 9, 9, 9), name="first"), small((9, 9, 9, 9), name="second")
    draws = [[prompt.text for prompt in sample_prompts(bank, 9, 0)] for bank in (first, second)]
    assert draws[0] != draws[1]


def test_the_stream_of_a_seed_stays_what_it_is() -> None:
    """If these change, every recorded run is another one."""
    assert stream(0, "sport", 0).integers(1_000_000, size=3).tolist() == [557422, 684214, 211237]
    assert stream(0, "sport", 1).integers(1_000_000) != 557422
    assert stream(-1, "sport", 0).integers(1_000_000) != 557422


@pytest.mark.parametrize("target", [None, 3.0])
def test_no_prompt_twice(target: float | None) -> None:
    prompts = sample_prompts(BANK, 100, 1, target=target, spread=0.2)
    assert len({(prompt.domain, *(prompt.slots[axis] for axis in AXES)) for prompt in prompts}) == 500
    assert len({prompt.id for prompt in prompts}) == 500


def test_phrases_and_templates_are_used_evenly() -> None:
    prompts = sample_prompts(BANK, 48, 0)
    for name, domain in BANK.domains.items():
        mine = [prompt for prompt in prompts if prompt.domain == name]
        for axis in AXES:
            uses = Counter(text for prompt in mine for text in prompt.slots[axis])
            assert len(uses) == len(domain.slots[axis]) and max(uses.values()) - min(uses.values()) <= 1
        templates = Counter(prompt.template for prompt in mine)
        assert set(templates.values()) == {8}


def test_chances_of_tiers_by_hand() -> None:
    # Softmax over -|tier - 2.5| / 0.5: exponents -3, -1, -1.
    weights = np.exp([-3.0, -1.0, -1.0])
    np.testing.assert_allclose(tier_chances((1, 2, 3), 2.5, 0.5), weights / weights.sum(), rtol=1e-12)
    np.testing.assert_allclose(tier_chances((1, 2, 3), None), [1 / 3] * 3)
    np.testing.assert_allclose(tier_chances((1, 2, 3), 3.0, 1e-3), [0.0, 0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("target", [1.0, 2.0, 3.0])
def test_the_target_is_met_on_average(target: float) -> None:
    tiers = [prompt.tier for prompt in sample_prompts(BANK, 40, 0, target=target, spread=0.25)]
    assert abs(np.mean(tiers) - target) < 0.15


def test_an_axis_can_be_aimed_at_alone() -> None:
    domain = BANK.domains["dance"]
    rng = stream(0)
    draws = [sample_slots(domain, rng, {"combo_action": 3.0}, spread=0.05) for _ in range(30)]
    assert {domain.phrase("combo_action", draw["combo_action"][0]).tier for draw in draws} == {3}
    assert {domain.phrase("base_action", draw["base_action"][0]).tier for draw in draws} == {1, 2, 3}


def test_a_small_domain_gives_all_it_has_and_no_more() -> None:
    bank = small((2, 2, 1, 1), templates=3)
    prompts = sample_prompts(bank, 12, 0)
    assert len({prompt.text for prompt in prompts}) == 12
    # New phrases before new templates: the first four differ in their phrases.
    assert len({tuple(sorted(prompt.slots.items())) for prompt in prompts[:4]}) == 4
    with pytest.raises(AthenaError, match="small: can make 12 different prompts, 13 are asked for"):
        sample_prompts(bank, 13, 0)


def test_what_is_left_is_given_from_near_the_target_on() -> None:
    # One phrase of each tier and axis: 81 prompts, with one of tier 1 in all, then four that differ in one axis.
    bank = toy_bank("dance", per_tier=1)
    for target in (1.0, dict.fromkeys(AXES, 1.0)):
        drawn = sample_prompts(bank, 81, 0, target, spread=0.001)
        totals = [round(4.0 * prompt.tier) for prompt in drawn]
        assert totals == sorted(totals) and totals[:6] == [4, 5, 5, 5, 5, 6]
    only = sample_prompts(bank, 54, 0, {"detail": 2.0}, spread=0.001)
    assert [prompt.slots["detail"] for prompt in only[:27]] == [("detail 2a",)] * 27
    # Then the sentences again in another template, from the target on.
    again = sample_prompts(bank, 82, 0, 1.0, spread=0.001)[-1]
    assert again.tier == 1.0


def test_a_tier_that_no_phrase_has_gives_its_neighbours() -> None:
    bank = small((1, 1, 1, 3))
    assert len(sample_prompts(bank, 3, 0, target=3.0, spread=0.01)) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"per_domain": 0}, "per_domain: must be 1 or more, is 0"),
        ({"target": 3.5}, "tier: must be from 1 (basic) to 3 (hard), is 3.5"),
        ({"target": float("nan")}, "tier: must be from 1 (basic) to 3 (hard), is nan"),
        ({"target": {"detail": 0.0}}, "tier: must be from 1 (basic) to 3 (hard), is 0"),
        ({"target": {"details": 2.0}}, "tier: axis unknown 'details'; did you mean 'detail'?"),
        ({"target": 2.0, "spread": 0.0}, "spread: must be above 0, is 0"),
    ],
)
def test_a_wrong_wish_is_one_line(arguments: dict[str, object], expected: str) -> None:
    with pytest.raises(AthenaError) as caught:
        sample_prompts(BANK, **({"per_domain": 2, "seed": 0} | arguments))  # type: ignore[arg-type]
    assert str(caught.value) == expected or expected in str(caught.value)
