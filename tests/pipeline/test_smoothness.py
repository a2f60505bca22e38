"""The order of the variants against the paper's, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.pipeline.findings import read_findings
from athena_wbc.pipeline.report_tables import smoothness_table
from athena_wbc.pipeline.smoothness import ablation_set, further_variants, ordering, orderings, variants
from tests.pipeline.made_folder import make_ablation

RATES = {"sonic_base": 0.5, "no_smooth": 1.5, "dynamic_caps": 0.8, "dynamic": 0.6}


def test_the_papers_order() -> None:
    found = ordering({recipe: [rate] for recipe, rate in RATES.items()}, "action_rate")
    assert found.reproduced and len(found.pairs) == 6
    assert found.paper == found.ours == ["sonic_base", "dynamic", "dynamic_caps", "no_smooth"]
    assert "the paper's order is reproduced (6 of 6 pairs)" in found.sentence()
    assert "sonic_base 0.545 < dynamic 0.563 < dynamic_caps 0.846 < no_smooth 1.46" in found.sentence()
    assert found.sentence().endswith("one seed")


def test_the_high_frequencies_have_an_order_of_their_own() -> None:
    found = ordering({recipe: [rate] for recipe, rate in RATES.items()}, "high_frequency_ratio")
    assert found.paper == ["dynamic", "sonic_base", "dynamic_caps", "no_smooth"]
    assert not found.reproduced and sum(pair.agrees for pair in found.pairs) == 5


def test_seeds_by_hand() -> None:
    found = ordering({"dynamic": [1.0, 1.0, 1.0], "no_smooth": [2.0, 0.5, 3.0]}, "action_rate")
    (pair,) = found.pairs
    assert (pair.smoother, pair.rougher, pair.agrees, pair.seeds_agree, pair.seeds) == (
        "dynamic",
        "no_smooth",
        True,
        2,
        3,
    )
    assert not pair.difference.excludes_zero
    assert found.sentence().endswith("0 pairs have it in every one of 3 seeds, 0 differences exclude 0")


def test_equal_values_do_not_agree() -> None:
    assert not ordering({"dynamic": [1.0], "no_smooth": [1.0]}, "action_jerk").reproduced


def test_variants_by_their_recipe(tmp_path: Path) -> None:
    folder = make_ablation(tmp_path, {"sonic_base": 0.5, "plain": 1.5})
    run = read_findings(folder)
    assert variants(run) == {"sonic_base": "sonic_base"}
    assert ablation_set([run], variants(run)) is None
    run.config["policies"]["plain"]["recipe"] = "no_smooth"
    assert variants(run) == {"sonic_base": "sonic_base", "no_smooth": "plain"}
    assert ablation_set([run], variants(run)) == "full"
    rate, jerk, ratio = orderings([run], variants(run), "full")
    assert (rate.measure, jerk.measure, ratio.measure) == ("action_rate", "action_jerk", "high_frequency_ratio")
    # Clips have 1, 1.1, 1.2 and 1.3 times the rate.
    assert rate.means["no_smooth"] == pytest.approx(1.5 * 1.15)


def test_a_changed_recipe_stands_in_the_table_alone(tmp_path: Path) -> None:
    run = read_findings(make_ablation(tmp_path, {"no_smooth": 1.5, "dynamic": 0.5, "on_target": 0.4}))
    run.config["policies"]["on_target"] |= {"recipe": "dynamic", "overrides": ["ppo.regulariser.on=target"]}
    found = variants(run)
    assert found == {"no_smooth": "no_smooth", "dynamic": "dynamic"}
    assert further_variants(run, found) == {"on_target": "Grad-CAPS, ppo.regulariser.on=target"}
    rows = smoothness_table([run], found, "full").blocks[0].rows
    assert [row[0].text for row in rows] == ["no_smooth", "dynamic", "on_target"]
    assert [row[-1].best for row in rows] == [False, False, True]
