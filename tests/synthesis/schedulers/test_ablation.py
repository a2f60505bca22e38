"""What an ablation hides, and schedulers by name."""

from __future__ import annotations

import dataclasses

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.protocols import Scheduler
from athena_wbc.synthesis.schedulers.ablation import ABLATIONS, blind, swap_source
from athena_wbc.synthesis.schedulers.registry import make_scheduler
from athena_wbc.synthesis.schedulers.rule import RuleScheduler
from tests.synthesis.toy_bank import seen, toy_bank

BANK = toy_bank("dance")


def told(schedule):
    return [seen(prompt, f"c{i:02d}", 0.8) for i, prompt in enumerate(schedule.prompts)]


@pytest.mark.parametrize(
    ("ablation", "metrics", "judgement"),
    [
        ("without_variables", True, True),
        ("without_judge", True, False),
        ("without_metrics", False, True),
        ("without_both", False, False),
    ],
)
def test_a_blind_scheduler_sees_less(ablation, metrics, judgement):
    before = told(RuleScheduler().first(BANK, 2, 0))
    after = blind(before, ablation)
    assert all((each.metrics is not None) == metrics for each in after)
    assert all((each.judgement is not None) == judgement for each in after)
    assert all(each.metrics is not None for each in before)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_an_ablated_scheduler_runs_on_its_own_state(ablation):
    scheduler = make_scheduler("rule", {}, "test", ablation)
    assert isinstance(scheduler, Scheduler)
    assert scheduler.name == f"rule {ablation}"
    first = scheduler.first(BANK, 5, 0)
    after = scheduler.next(told(first), first.state, BANK, 5, 1, 0)
    assert len(after.prompts) == 5
    assert not {prompt.text for prompt in first.prompts} & {prompt.text for prompt in after.prompts}
    assert all(bool(prompt.slots) == (ablation != "without_variables") for prompt in after.prompts)
    plain = make_scheduler("rule", {}, "test")
    told_plain = blind(told(plain.first(BANK, 5, 0)), ablation)
    if ablation != "without_variables":
        assert after.prompts == plain.next(told_plain, first.state["scheduler"], BANK, 5, 1, 0).prompts


def test_free_text_takes_the_place_of_the_prompts_and_repeats_by_seed():
    schedule = RuleScheduler().first(BANK, 6, 0)
    swapped, again, other = swap_source(schedule, 0, 3), swap_source(schedule, 0, 3), swap_source(schedule, 6, 3)
    assert swapped == again
    assert [prompt.domain for prompt in swapped.prompts] == [""] * 6
    assert len({prompt.text for prompt in (*swapped.prompts, *other.prompts)}) == 12
    assert swap_source(dataclasses.replace(schedule, prompts=()), 12, 3).prompts == ()
    assert swapped.log[-1]["why"] == ABLATIONS["without_variables"]


@pytest.mark.parametrize("name", ["rule", "random", "one_shot"])
def test_schedulers_by_name(name):
    scheduler = make_scheduler(name, {}, "test")
    assert isinstance(scheduler, Scheduler)
    assert scheduler.name == name


def test_options_reach_the_scheduler_and_unknown_ones_are_refused():
    assert make_scheduler("rule", {"start_tier": 2.0}, "run.yaml").config.start_tier == 2.0
    with pytest.raises(AthenaError, match=r"run\.yaml.*explorations.*exploration"):
        make_scheduler("rule", {"explorations": 0.1}, "run.yaml")
    with pytest.raises(AthenaError, match=r"run\.yaml: exploration: must be"):
        make_scheduler("rule", {"exploration": 3.0}, "run.yaml")
    with pytest.raises(AthenaError, match="did you mean 'rule'"):
        make_scheduler("rules", {}, "run.yaml")
    with pytest.raises(AthenaError, match="did you mean 'without_judge'"):
        make_scheduler("rule", {}, "run.yaml", "without_judges")
