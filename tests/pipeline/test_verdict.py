"""The headline's sentences, by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from athena_wbc.pipeline.findings import read_findings
from athena_wbc.pipeline.verdict import average, first_and_last, over_runs, verdict
from tests.pipeline.made_folder import RESIDUAL, change_json, make_ablation, make_pipeline, results_of, write_evaluation


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "demo"))


def test_from_the_general_teacher_to_the_student(whole: Path) -> None:
    run = read_findings(whole)
    assert first_and_last([run], "full") == ("general", "finetune")
    first, second, third, fourth = verdict([run])
    assert first.startswith(
        "On the full set (4 clips) the success rate goes from 62.5 % (general) to 100.0 % (finetune), "
        "+37.5 points (95 % interval over 4 clips: 0.0 to +75.0); TIS from "
    )
    assert second == (
        "On the residual set (2 clips) the expert dynamic succeeds in 75.0 %, the expert balance succeeds in 75.0 %, "
        "general in 25.0 %, the control that only trained on these clips (residual_control) in 50.0 %."
    )
    assert third == (
        "The expert dynamic against the control, +25.0 points (95 % interval over 2 clips: 0.0 to +50.0): what the "
        "recipe adds to the exposure is not told from zero."
    )
    assert fourth.startswith("The expert balance against the control, +25.0 points (95 % interval over 2 clips: 0.0")


def test_every_expert_is_compared_not_only_the_best(folder: Path) -> None:
    """The one that these rollouts show to be the best is not chosen by them: what is shown of the others stays."""
    write_evaluation(folder, "balance", "residual", results_of("general", RESIDUAL, shift=3.0))
    told = verdict([read_findings(folder)])
    assert told[2].startswith("The expert dynamic against the control, +25.0 points")
    assert told[3].startswith("The expert balance against the control, −50.0 points (95 % interval over 2 clips")
    assert told[3].endswith("the exposure alone does more.")


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("dynamic", "The expert dynamic and the control succeed equally often on every clip of it."),
        ("finetune", "what the recipe adds to the exposure is not told from zero."),
    ],
)
def test_a_control_as_good_as_the_expert(folder: Path, control: str, expected: str) -> None:
    write_evaluation(folder, "residual_control", "residual", results_of(control, RESIDUAL))
    assert verdict([read_findings(folder)])[2].endswith(expected)


def test_a_recipe_that_does_more(folder: Path) -> None:
    write_evaluation(folder, "residual_control", "residual", results_of("general", RESIDUAL, shift=3.0))
    assert "the recipe does more than the exposure" in verdict([read_findings(folder)])[2]


def test_without_a_control_and_without_anything(folder: Path) -> None:
    shutil.rmtree(folder / "evaluation" / "residual_control")
    assert verdict([read_findings(folder)])[1].endswith("the expert balance succeeds in 75.0 %, general in 25.0 %.")
    shutil.rmtree(folder / "evaluation")
    assert verdict([read_findings(folder)]) == ["Nothing was evaluated yet, so there is nothing to say."]


def test_nothing_was_mined(folder: Path) -> None:
    change_json(folder / "residual.json", clips=[])
    assert "The teacher left no residual clip, so no expert had anything to learn." in verdict([read_findings(folder)])


def test_the_ablation_says_whether_the_order_is_the_papers(tmp_path: Path) -> None:
    make_ablation(tmp_path, {"sonic_base": 0.5, "no_smooth": 1.5})
    sentences = verdict([read_findings(tmp_path)])
    assert len(sentences) == 3
    assert sentences[0].startswith("Smoothness on the full set (4 clips), action rate: the paper's order is reproduced")


def test_seeds_that_lack_a_value_do_not_count(whole: Path, folder: Path) -> None:
    shutil.rmtree(folder / "evaluation" / "general" / "full")
    runs = [read_findings(whole, "seed_0"), read_findings(folder, "seed_1")]
    assert over_runs(runs, "general", "full", "SR").tolist() == [0.625]
    assert average(runs, "finetune", "full", "SR") == 1.0
    assert average(runs, "finetune", "heldout", "SR") is None
