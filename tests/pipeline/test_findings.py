"""What is read from a pipeline's folder, and what is told of all that is missing or does not fit."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json
from athena_wbc.pipeline.findings import (
    flatten,
    in_order,
    is_study,
    mixed_seeds,
    read_findings,
    seed_folders,
    study_notes,
)
from tests.pipeline.made_folder import (
    SCALES,
    change_json,
    make_manifest,
    make_pipeline,
    make_study,
    results_of,
    write_evaluation,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "demo"))


def told(folder: Path) -> str:
    return "\n".join(read_findings(folder).notes)


def test_a_whole_folder(whole: Path) -> None:
    found = read_findings(whole)
    assert found.policies == list(SCALES) and found.sets == ["full", "residual"]
    assert len(found.evaluations) == 12
    assert found.value("general", "full", "SR") == 0.625
    assert found.value("general", "full", "by_rule.athena.SR") is not None
    assert found.value("general", "heldout", "SR") is None and found.value("general", "full", "robot") is None
    kick = found.evaluations["general", "full"].clips["kick"]
    assert (kick["SR"], kick["critical_scale_worst"], kick["failed_by"]) == (0.0, math.inf, "height")
    scales, shares = found.evaluations["general", "full"].curve
    assert scales[2] == 1.0 and shares[2] == 0.625
    assert found.residual["clips"] == ["kick", "crane"]
    assert found.curves["general"]["reward/total"].values.tolist() == [1.0, 2.0, 3.0]
    assert found.notes == []


def test_no_pipeline_at_all(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="no such folder; name what athena pipeline wrote to"):
        read_findings(tmp_path / "nowhere")
    with pytest.raises(AthenaError, match=r"holds neither manifest\.json, evaluation/ nor seed_\*"):
        read_findings(tmp_path)


def test_evaluations_alone_are_enough(folder: Path) -> None:
    for name in ("manifest.json", "residual.json", "routing.json"):
        (folder / name).unlink()
    found = read_findings(folder)
    assert found.policies == list(SCALES)
    assert found.residual is None and found.stages == {} and found.recipe("dynamic") == "dynamic"
    assert found.notes == ["manifest.json is not there: configuration and stages are not known"]


def test_what_is_missing_is_told_with_its_reason(folder: Path) -> None:
    shutil.rmtree(folder / "evaluation" / "finetune")
    (folder / "evaluation" / "dynamic" / "residual" / "metrics.json").unlink()
    stages = {
        "finetune": {"status": "failed", "why": "not run yet", "error": "numbers were lost"},
        "evaluate.dynamic": {"status": "running", "why": "not run yet", "skipped_sets": {"residual": "no clip"}},
        "evaluate.dynamic_caps": {"status": "failed", "why": "it is another one"},
    }
    write_json(folder / "manifest.json", make_manifest({name: name for name in SCALES}, stages=stages))
    lines = read_findings(folder).notes
    assert "finetune was evaluated on no set (stage finetune: failed, numbers were lost)" in lines
    assert "dynamic was evaluated, but not on residual (residual: no clip; stage evaluate.dynamic: running)" in lines
    assert len(lines) == 2


def test_an_empty_residual_set_is_a_reason(folder: Path) -> None:
    change_json(folder / "residual.json", clips=[])
    shutil.rmtree(folder / "evaluation" / "general" / "residual")
    assert "general was evaluated, but not on residual (mining found no residual clip)" in told(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\ud800".encode("utf-8", "surrogatepass")])
@pytest.mark.parametrize(
    "name", ["manifest.json", "residual.json", "routing.json", "evaluation/general/full/metrics.json"]
)
def test_damaged_json_is_left_out_and_told(folder: Path, name: str, text: str | bytes) -> None:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert Path(name).name in told(folder)


@pytest.mark.parametrize("name", ["clips.csv", "stc.csv", "spectrum.csv"])
def test_a_damaged_table_is_told(folder: Path, name: str) -> None:
    (folder / "evaluation" / "general" / "full" / name).write_text("frequency_hz,scale\nno,number\n")
    found = read_findings(folder)
    assert ("general", "full") not in found.evaluations
    assert any("general on full: a table is damaged" in note for note in found.notes)


@pytest.mark.parametrize("values", [{"results": None}, {"results": ["x"]}, {"routes": []}, {"teachers": "general"}])
def test_a_record_without_its_content_is_told(folder: Path, values: dict) -> None:
    change_json(folder / "routing.json", **values)
    assert read_findings(folder).routing is None
    assert "routing.json has no routes or no results" in told(folder)


def test_another_library_version_is_told(folder: Path) -> None:
    change_json(folder / "manifest.json", library_version="0.0.1")
    assert "the manifest was written by athena_wbc 0.0.1" in told(folder)


def test_policies_that_were_not_judged_alike(folder: Path) -> None:
    write_evaluation(folder, "student", "full", results_of("student"), seed=8)
    change_json(folder / "evaluation" / "finetune" / "full" / "metrics.json", rollouts=10)
    assert "on full the policies differ in rollouts of a clip, evaluation seed: compare them with care" in told(folder)


def test_a_set_that_was_chosen_by_the_same_draws(folder: Path) -> None:
    change_json(folder / "residual.json", seed=7)
    assert "mined and evaluated with the same seed (7)" in told(folder)


def test_odd_configurations_do_no_harm(folder: Path) -> None:
    for config in ([], {"policies": ["a"], "evaluation": 3, "compare": "x"}, {"policies": {"general": None}}):
        change_json(folder / "manifest.json", config=config, stages=["x"])
        assert read_findings(folder).policies


def test_the_order_of_names() -> None:
    assert in_order(["zeta", "b", "alpha", "a"], ("a", "b")) == ["a", "b", "alpha", "zeta"]


def test_seeds_by_number(tmp_path: Path) -> None:
    for name in ("seed_10", "seed_2", "seed_x"):
        (tmp_path / name).mkdir()
    assert [path.name for path in seed_folders(tmp_path)] == ["seed_2", "seed_10"]


def test_the_seeds_of_a_study_are_those_that_it_was_asked_for(whole: Path, tmp_path: Path) -> None:
    for name in ("seed_0", "seed_2", "seed_9"):
        shutil.copytree(whole, tmp_path / name)
    assert is_study(tmp_path) and not is_study(whole)
    assert [path.name for path in seed_folders(tmp_path)] == ["seed_0", "seed_2", "seed_9"]
    assert study_notes(tmp_path) == []
    write_json(tmp_path / "study.json", {"kind": "study", "seeds": [2, 0, 4]})
    assert [path.name for path in seed_folders(tmp_path)] == ["seed_0", "seed_2"]
    assert study_notes(tmp_path) == [
        "seed_9: left out, study.json does not name the seed",
        "seed_4: left out, no pipeline has run there yet",
    ]


@pytest.mark.parametrize(("text", "note"), [("{", "is damaged"), ('{"seeds": "0"}', "study.json names no seeds")])
def test_a_damaged_study_takes_every_folder(whole: Path, tmp_path: Path, text: str, note: str) -> None:
    shutil.copytree(whole, tmp_path / "seed_0")
    (tmp_path / "study.json").write_text(text)
    assert [path.name for path in seed_folders(tmp_path)] == ["seed_0"]
    assert len(study_notes(tmp_path)) == 1 and note in study_notes(tmp_path)[0]


def test_seeds_that_were_not_made_alike(tmp_path: Path) -> None:
    make_study(tmp_path, (0.0, 0.0))
    first, second = tmp_path / "seed_0", tmp_path / "seed_1"

    def notes() -> list[str]:
        return mixed_seeds([read_findings(folder, folder.name) for folder in (first, second)])

    assert notes() == []
    # Another seed draws with another seed and mines other clips.
    for policy in SCALES:
        change_json(second / f"evaluation/{policy}/full/metrics.json", seed=8)
        change_json(second / f"evaluation/{policy}/residual/metrics.json", seed=8, corpus_hash="kick")
    assert notes() == []
    for policy in SCALES:  # alike within the seed
        change_json(second / f"evaluation/{policy}/full/metrics.json", rollouts=10, physics="newton")
    assert read_findings(second).notes == []
    assert notes() == ["on full the seeds differ in rollouts of a clip, physics engine: compare them with care"]
    config = read_findings(second).config
    change_json(second / "manifest.json", config=config | {"num_envs": 99, "seeds": [1]})
    told = "the seeds differ in num_envs of the configuration: their mean is of different things"
    assert notes()[0] == told and mixed_seeds([read_findings(second)]) == []


def test_policies_on_two_simulators(folder: Path) -> None:
    change_json(folder / "evaluation" / "finetune" / "full" / "metrics.json", simulator="isaaclab")
    assert "on full the policies differ in simulator: compare them with care" in told(folder)
    # An older record does not say which.
    change_json(folder / "evaluation" / "finetune" / "full" / "metrics.json", simulator=None)
    assert read_findings(folder).notes == []


def test_notes_of_several_seeds() -> None:
    notes = {"seed_0": ["same", "own"], "seed_1": ["same"]}
    assert flatten(notes) == ["same", "seed_0: own"]
