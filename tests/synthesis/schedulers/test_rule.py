"""The 2 x 2 rule, its gate, and the schedules that come of them."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.config import load_synthesis
from athena_wbc.synthesis.records import Observation
from athena_wbc.synthesis.schedulers.evidence import Batch, summary
from athena_wbc.synthesis.schedulers.rule import RuleConfig, RuleScheduler, decide, gate, step_size
from tests.synthesis.toy_bank import seen, slots_of, toy_bank

CONFIG = RuleConfig()
BANK = toy_bank("dance", "sport")


def batch_of(domain: str = "dance", **each) -> list[Observation]:
    """Four clips of one domain; values are lists of four, or the same for all."""
    prompts = [BANK.render(domain, slots_of(f"1{end}", "1a", "1a", "1a"), "plain") for end in "abcd"]
    values = [{key: value[i] if isinstance(value, list) else value for key, value in each.items()} for i in range(4)]
    return [seen(prompt, f"{domain}{i}", **values[i]) for i, prompt in enumerate(prompts)]


def children(schedule, domain: str = "dance"):
    return [entry for entry in schedule.log if entry["kind"] == "child" and entry["domain"] == domain]


@pytest.mark.parametrize(
    ("error", "difficulty", "size", "step"),
    [
        (True, True, "significant", 1.0),
        (True, False, "moderate", 0.5),
        (False, True, "moderate", 0.5),
        (False, False, "slight", 0.25),
        (None, True, "mean over the unseen error", 0.75),
        (None, False, "mean over the unseen error", 0.375),
        (False, None, "mean over the unseen difficulty", 0.375),
        (None, None, "mean over the unseen error and difficulty", 0.5625),
    ],
)
def test_the_table(error, difficulty, size, step):
    assert step_size(error, difficulty, CONFIG) == (size, step)


@pytest.mark.parametrize(
    ("success", "mpjpe", "verdict"),
    [
        (0.7, 80.0, "escalate"),
        (0.7, 80.5, "hold"),
        (0.69, 40.0, "hold"),
        (0.4, 40.0, "hold"),
        (0.39, 40.0, "step back"),
        (0.0, math.inf, "step back"),
        (None, None, "escalate"),
    ],
)
def test_the_gate(success, mpjpe, verdict):
    assert gate(Batch(4, success, mpjpe, 5.0, 2.0), CONFIG)[0] == verdict


def test_a_clip_is_compared_with_its_domain():
    batch = batch_of(mpjpe_g=[40.0, 50.0, 60.0, 70.0], difficulty=[4.0, 6.0, 4.0, 6.0])
    sizes = [decision.size for decision in decide(batch, "escalate", CONFIG)]
    assert sizes == ["significant", "moderate", "moderate", "slight"]
    assert [decision.step for decision in decide(batch, "hold", CONFIG)] == [0.0] * 4
    assert [decision.step for decision in decide(batch, "step back", CONFIG)] == [-0.25, -0.25, -0.5, -0.5]


def test_absolute_gates_overrule_the_quantile():
    easy = batch_of(mpjpe_g=[20.0, 22.0, 24.0, 26.0], difficulty=1.0)
    assert {decision.size for decision in decide(easy, "escalate", CONFIG)} == {"significant"}
    hard = batch_of(success=0.0, difficulty=9.0)
    assert {(each.is_error_low, each.is_difficulty_low) for each in decide(hard, "step back", CONFIG)} == {
        (False, False)
    }


def test_clips_that_all_fail_are_told_apart_by_how_far_they_were_off():
    """The demo's rule: the gates stand open, and clips that fail are compared with each other."""
    options = load_synthesis("demo").scheduler.options
    config = RuleConfig(**options)
    batch = [
        dataclasses.replace(each, metrics=dataclasses.replace(each.metrics, tis=tis))
        for each, tis in zip(
            batch_of(success=0.0, mpjpe_g=900.0, difficulty=[4.0, 6.0, 4.0, 6.0]), (0.35, 0.31, 0.30, 0.22), strict=True
        )
    ]
    verdict, _ = gate(summary(batch), config)
    assert [decision.size for decision in decide(batch, verdict, config)] == [
        "significant", "moderate", "moderate", "slight",
    ]  # fmt: skip
    # One that succeeds is the easy one, and the best of those that fail too: the median lies between them.
    batch[3] = dataclasses.replace(batch[3], metrics=dataclasses.replace(batch[3].metrics, success=1.0))
    assert [decision.is_error_low for decision in decide(batch, verdict, config)] == [True, False, False, True]


def test_errors_that_are_all_the_same_decide_nothing():
    config = RuleConfig(hard_mm=1000.0)
    batch = batch_of(success=0.0, difficulty=[4.0, 6.0, 4.0, 6.0])
    found = decide(batch, "escalate", config)
    assert [each.is_error_low for each in found] == [None] * 4
    assert [each.step for each in found] == [0.75, 0.375, 0.75, 0.375]
    assert [each.step for each in decide(batch, "step back", config)] == [-0.375] * 4
    schedule = RuleScheduler(RuleConfig(hard_mm=1000.0, failed_success=0.0, mastered_success=0.0)).next(
        batch, {}, BANK, 4, 1, 0
    )
    assert children(schedule)[0]["why"].startswith("error the same for all, as if unseen, difficulty ")


def test_a_mastered_domain_is_raised_and_a_failing_one_taken_back():
    scheduler = RuleScheduler()
    state = {"targets": {"dance": 2.0, "sport": 2.0}}
    told = batch_of("dance", mpjpe_g=[40.0, 45.0, 50.0, 55.0]) + batch_of("sport", success=0.1)
    schedule = scheduler.next(told, state, BANK, 8, 1, 0)
    verdicts = {entry["domain"]: entry["chosen"] for entry in schedule.log if entry["kind"] == "gate"}
    assert verdicts["dance"]["verdict"] == "escalate"
    assert schedule.state["targets"] == {"dance": pytest.approx(2.0 + (0.75 + 0.75 + 0.375 + 0.375) / 4), "sport": 1.5}
    assert len(schedule.prompts) == 16
    assert "below 0.4" in next(entry["why"] for entry in schedule.log if entry["domain"] == "sport")


def test_combo_and_detail_are_raised_before_the_base():
    told = batch_of(mpjpe_g=[61.0, 62.0, 63.0, 60.0], difficulty=[5.0, 5.0, 5.0, 9.0])
    schedule = RuleScheduler(RuleConfig(exploration=0.0, spread=0.01)).next(told, {}, toy_bank("dance"), 4, 1, 0)
    by_clip = {entry["seen"]["clip"]: entry for entry in children(schedule)}
    assert [change["axis"] for change in by_clip["dance3"]["chosen"]["changes"]] == ["combo_action", "detail"]
    child = next(prompt for prompt in schedule.prompts if prompt.id == by_clip["dance3"]["chosen"]["prompt"])
    assert child.slots["base_action"] == ("base_action 1d",)
    assert child.parents == (told[3].prompt.id,)
    assert child.template == told[3].prompt.template
    assert child.tier == 1.5


def test_what_fails_elsewhere_too_is_lowered_first():
    bank = toy_bank("dance")
    hard = bank.render("dance", slots_of("3a", "3a", "3a", "3a"), "plain")
    fine = bank.render("dance", slots_of("3a", "3a", "1a", "3a"), "plain")
    told = [seen(hard, "hard", 0.0), seen(fine, "fine", 0.75)]
    config = RuleConfig(exploration=0.0, spread=0.01, step_back=0.25)
    schedule = RuleScheduler(config).next(told, {}, bank, 2, 1, 0)
    entry = next(entry for entry in children(schedule) if entry["seen"]["clip"] == "hard")
    assert [change["axis"] for change in entry["chosen"]["changes"]] == ["detail"]


def test_a_share_is_explored_and_a_share_rehearsed():
    told = batch_of("dance", success=[0.5, 1.0, 1.0, 1.0], mpjpe_g=40.0) + batch_of("sport", success=1.0)
    schedule = RuleScheduler().next(told, {}, BANK, 20, 1, 3)
    fresh = [entry for entry in schedule.log if entry["kind"] == "fresh"]
    assert len(fresh) == 2 * 3
    assert len(schedule.prompts) == 40
    assert len(schedule.rehearsal) == len(set(schedule.rehearsal)) == 8
    often = [RuleScheduler().next(told, {}, BANK, 5, 1, seed).rehearsal for seed in range(60)]
    # weight 1 against seven of 0.05, two are drawn
    assert sum("dance0" in clips for clips in often) > 45


def test_prompts_do_not_repeat_over_loops_while_the_bank_has_others():
    scheduler = RuleScheduler()
    schedule = scheduler.first(BANK, 10, 0)
    texts = [(prompt.domain, prompt.text) for prompt in schedule.prompts]
    told: list[Observation] = []
    for loop in (1, 2, 3):
        told += [seen(prompt, f"{loop}_{i}", 0.9, loop=loop - 1) for i, prompt in enumerate(schedule.prompts[::2])]
        schedule = scheduler.next(told, schedule.state, BANK, 10, loop, 0)
        texts += [(prompt.domain, prompt.text) for prompt in schedule.prompts]
    assert len(texts) == len(set(texts)) == 80


def test_prompts_whose_clips_were_filtered_out_do_not_come_again():
    bank = toy_bank("solo", per_tier=1)
    first = RuleScheduler().first(bank, 20, 0)
    after = RuleScheduler().next([], first.state, bank, 20, 1, 0)
    assert not {prompt.text for prompt in first.prompts} & {prompt.text for prompt in after.prompts}


def test_the_gate_looks_at_the_last_loop_alone():
    old = [dataclasses.replace(each, clip=f"old{i}") for i, each in enumerate(batch_of("dance", success=0.0))]
    new = [dataclasses.replace(each, loop=1) for each in batch_of("dance", mpjpe_g=45.0)]
    schedule = RuleScheduler().next(old + new, {}, toy_bank("dance"), 4, 2, 0)
    entry = next(entry for entry in schedule.log if entry["kind"] == "gate")
    assert (entry["chosen"]["verdict"], entry["seen"]["clips"]) == ("escalate", 4)
    assert {entry["seen"]["clip"] for entry in children(schedule)} <= {each.clip for each in new}


def test_an_exhausted_bank_says_so():
    bank = toy_bank("solo", per_tier=1)
    prompt = bank.render("solo", slots_of("3a", "3a", "3a", "3a"), "plain")
    schedule = RuleScheduler(RuleConfig(exploration=0.0, spread=0.01)).next([seen(prompt, "a")], {}, bank, 60, 1, 0)
    assert len({prompt.id for prompt in schedule.prompts}) == 60
    assert any("another salt" in entry["why"] for entry in schedule.log)


def test_the_order_of_observations_changes_nothing():
    told = batch_of("dance", mpjpe_g=[40.0, 45.0, 50.0, 55.0]) + batch_of("sport", success=0.5)
    one = RuleScheduler().next(told, {}, BANK, 12, 1, 7)
    assert RuleScheduler().next(told[::-1], {}, BANK, 12, 1, 7) == one
    assert RuleScheduler().next(told, {}, BANK, 12, 1, 8).prompts != one.prompts


def test_a_domain_does_not_depend_on_the_others():
    told = batch_of("dance", mpjpe_g=45.0)
    alone = RuleScheduler().next(told, {}, toy_bank("dance"), 6, 1, 0)
    beside = RuleScheduler().next(told + batch_of("sport", success=0.2), {}, BANK, 6, 1, 0)
    assert [prompt for prompt in beside.prompts if prompt.domain == "dance"] == list(alone.prompts)


@pytest.mark.parametrize(("success", "difficulty"), [(None, 5.0), (0.9, None), (None, None)])
def test_it_decides_from_what_it_has_and_says_so(success, difficulty):
    told = batch_of(success=success, difficulty=difficulty)
    schedule = RuleScheduler().next(told, {}, toy_bank("dance"), 6, 1, 0)
    assert len(schedule.prompts) == 6
    assert all("unseen" in entry["why"] for entry in children(schedule))
    reason = next(entry["why"] for entry in schedule.log if entry["kind"] == "gate")
    assert ("no metrics are seen" in reason) == (success is None)
    json.dumps([schedule.log, schedule.state], allow_nan=False)


def test_a_domain_without_clips_is_drawn_afresh_at_its_target():
    told = batch_of("dance", success=0.0)
    schedule = RuleScheduler().next(told, {"targets": {"sport": 2.5}}, BANK, 5, 1, 0)
    assert schedule.state["targets"]["sport"] == 2.5
    assert sum(prompt.domain == "sport" for prompt in schedule.prompts) == 5
    assert "no clip of the loop before" in next(entry["why"] for entry in schedule.log if entry["domain"] == "sport")
    json.dumps([schedule.log, schedule.state], allow_nan=False)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"exploration": 1.5}, "exploration"),
        ({"significant": -1.0}, "significant"),
        ({"start_tier": 0.5}, "start_tier"),
        ({"spread": 0.0}, "spread"),
        ({"mastered_mm": 0.0}, "mastered_mm"),
        ({"failed_success": 0.9}, "failed_success"),
    ],
)
def test_settings_out_of_range_are_refused_by_key(values, key):
    with pytest.raises(AthenaError, match=f"rule: {key}: "):
        RuleScheduler(RuleConfig(**values))
