"""The five domains of the library: enough phrases, honest tiers, sentences that can be read."""

from __future__ import annotations

import pytest

from athena_wbc.synthesis.bank import Bank, Domain
from athena_wbc.synthesis.bank_file import ACTIONS, TIERS, load_bank
from athena_wbc.synthesis.bank_remarks import mean_demands, remarks, sentence_faults
from athena_wbc.synthesis.demand import manner_demand, plan_demand
from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.sampling import sample_prompts
from athena_wbc.synthesis.vocabulary import FAMILY, PLAIN

BANK = load_bank()
TUMBLING = {"roll", "cartwheel", "backflip", "front_flip"}
domains = pytest.mark.parametrize("domain", BANK.domains.values(), ids=list(BANK.domains))


@domains
def test_every_axis_has_phrases_of_every_tier(domain: Domain) -> None:
    assert 4 <= len(domain.templates) <= 8
    for axis in AXES:
        assert 12 <= len(domain.slots[axis]) <= 20
        for tier in TIERS:
            assert sum(phrase.tier == tier for phrase in domain.slots[axis]) >= 3


@domains
def test_every_phrase_has_the_meaning_of_its_axis(domain: Domain) -> None:
    for axis in AXES:
        for phrase in domain.slots[axis]:
            if axis == "base_action":
                assert 1 <= len(phrase.moves) <= 2
            elif axis == "combo_action":
                assert 2 <= len(phrase.moves) <= 4
            else:
                assert phrase.manner != PLAIN


@domains
def test_a_higher_tier_means_more_demanding(domain: Domain) -> None:
    for axis in AXES:
        means = mean_demands(axis, domain.slots[axis])
        assert means[1] + 0.4 < means[2] and means[2] + 0.4 < means[3]
    assert remarks(domain) == []


@domains
def test_speed_rises_with_the_tier_of_the_rhythm(domain: Domain) -> None:
    tempos = {tier: [p.manner.tempo for p in domain.slots["speed_rhythm"] if p.tier == tier] for tier in TIERS}
    assert max(tempos[1]) < min(tempos[2]) and max(tempos[2]) < min(tempos[3])


@domains
def test_flips_and_rolls_are_hard_and_where_they_belong(domain: Domain) -> None:
    for axis in ACTIONS:
        for phrase in domain.slots[axis]:
            if TUMBLING & {move.move for move in phrase.moves}:
                assert phrase.tier == 3 and domain.name in ("gymnastics", "martial_arts")


@domains
def test_every_phrase_reads_in_every_sentence(domain: Domain) -> None:
    # `remarks` renders each phrase in each template; here, that it can find fault at all and that pairs join well.
    bank = Bank({domain.name: domain})
    slots = {axis: tuple(phrase.text for phrase in domain.slots[axis][:2]) for axis in AXES}
    for template in domain.templates:
        assert sentence_faults(bank.render(domain.name, slots, template.id).text) == []
    assert len(sentence_faults("the person jumps jumps  high")) == 4


def test_sampled_prompts_follow_the_tier_in_moves_and_manner() -> None:
    """The loop raises difficulty by the tier: what is drawn at 3 must be harder than at 2, and this than at 1."""
    plans, manners = [], []
    for tier in (1.0, 2.0, 3.0):
        prompts = sample_prompts(BANK, 20, 0, target=tier, spread=0.3)
        plans.append(sum(plan_demand(prompt.moves) for prompt in prompts) / len(prompts))
        manners.append(sum(manner_demand(prompt.manner) for prompt in prompts) / len(prompts))
    assert plans == sorted(plans) and manners == sorted(manners)
    assert plans[2] - plans[0] > 1.5 and manners[2] - manners[0] > 1.5


def test_the_bank_uses_most_of_the_vocabulary() -> None:
    used = {
        move.move for domain in BANK.domains.values() for axis in AXES for p in domain.slots[axis] for move in p.moves
    }
    assert len(used) >= 0.9 * len(FAMILY)


def test_no_domain_repeats_the_phrases_of_another() -> None:
    """Domains differ in what is done; manners may be shared."""
    for axis in ACTIONS:
        texts = [phrase.text for domain in BANK.domains.values() for phrase in domain.slots[axis]]
        assert len(set(texts)) >= len(texts) - 3
