"""Mastery, ease, learnability and posteriors, by hand."""

from __future__ import annotations

import math

import pytest

from athena_wbc.synthesis.schedulers.evidence import (
    clip_error,
    is_at_most_quantile,
    latest,
    learnability_weights,
    phrase_success,
    posteriors,
    summary,
)
from tests.synthesis.toy_bank import seen, slots_of, toy_bank

BANK = toy_bank("dance")
PROMPT = BANK.render("dance", slots_of("1a", "1a", "2a", "3a"), "plain")


def test_a_failed_rollout_counts_half_a_metre_and_more_the_worse_it_was():
    assert clip_error(seen(PROMPT, "a", 1.0, 60.0).metrics) == 60.0
    # TIS 0.8: a failed rollout counts 500 * 1.2.
    assert clip_error(seen(PROMPT, "a", 0.75, 60.0).metrics) == pytest.approx(0.75 * 60 + 0.25 * 600)
    assert clip_error(seen(PROMPT, "a", 0.0, math.nan, tis=0.3).metrics) == pytest.approx(850.0)
    assert clip_error(seen(PROMPT, "a", 0.0, 900.0, tis=0.0).metrics) == 1000.0


def test_no_failed_clip_counts_as_easier_than_one_that_succeeds():
    # Where success is judged by another distance, the error of a success may be as large as it likes.
    worst_success = clip_error(seen(PROMPT, "a", 1.0, 3000.0, tis=0.0).metrics)
    best_failure = clip_error(seen(PROMPT, "a", 0.0, 10.0, tis=1.0).metrics)
    assert worst_success <= best_failure
    shares = [clip_error(seen(PROMPT, "a", share, 900.0, tis=0.4).metrics) for share in (0.0, 0.25, 0.5, 1.0)]
    assert shares == sorted(shares, reverse=True) and len(set(shares)) == 4


def test_the_error_of_a_batch_is_that_of_what_stood():
    batch = [
        seen(PROMPT, "a", 1.0, 40.0, 4.0),
        seen(PROMPT, "b", 0.5, 100.0, 6.0),
        seen(PROMPT, "c", 0.0, math.nan, None),
    ]
    whole = summary(batch)
    assert whole.success == pytest.approx(0.5)
    assert whole.mpjpe_g == pytest.approx((40.0 + 50.0) / 1.5)
    assert whole.difficulty == pytest.approx(5.0)
    assert whole.tier == pytest.approx(1.75)
    assert summary([seen(PROMPT, "a", 0.0)]).mpjpe_g == math.inf
    assert summary([seen(PROMPT, "a", None)]).success is None


def test_the_newest_observation_of_a_clip_counts_whatever_the_order():
    old, new, other = seen(PROMPT, "b", 0.1), seen(PROMPT, "b", 0.9, loop=1), seen(PROMPT, "a", 0.5)
    assert latest([new, old, other]) == latest([other, old, new]) == [other, new]


def test_quantiles_leave_the_unseen_unseen():
    assert is_at_most_quantile([1.0, None, 2.0, 9.0], 0.5) == [True, None, True, False]
    assert is_at_most_quantile([None, None], 0.5) == [None, None]


def test_what_is_the_same_for_all_says_nothing():
    assert is_at_most_quantile([500.0, 500.0, None, 500.0], 0.5) == [None] * 4
    assert is_at_most_quantile([500.0], 0.5) == [None]
    assert is_at_most_quantile([60.0, 500.0, 500.0, 500.0], 0.5) == [True, False, False, False]
    assert is_at_most_quantile([60.0, 60.0, 60.0, 500.0], 0.5) == [True, True, True, False]
    assert is_at_most_quantile([60.0, 500.0], 1.0) == [True, True]


def test_weights_are_learnability_with_a_floor():
    batch = [seen(PROMPT, "a", 0.5), seen(PROMPT, "b", 0.9), seen(PROMPT, "c", 1.0), seen(PROMPT, "d", None)]
    assert learnability_weights(batch, 0.05) == pytest.approx([1.0, 0.36, 0.05, 1.0])


def test_posteriors_count_a_clip_for_each_of_its_phrases():
    other = BANK.render("dance", slots_of("1a", "2b", "2a", "3a"), "plain")
    found = posteriors([seen(PROMPT, "a", 1.0), seen(other, "b", 0.25), seen(other, "c", None)])["dance"]
    assert found["base_action"] == {"base_action 1a": [2.25, 1.75]}
    assert found["combo_action"] == {"combo_action 1a": [2.0, 1.0], "combo_action 2b": [1.25, 1.75]}
    assert phrase_success(found, "combo_action", ["combo_action 1a", "combo_action 3c"]) == pytest.approx(
        (2 / 3 + 0.5) / 2
    )
