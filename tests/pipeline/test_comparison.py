"""Differences by hand, paired by the clips' names, for one seed and for several."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from athena_wbc.pipeline.comparison import compare, compare_all, paired_differences, pairs
from athena_wbc.pipeline.findings import Evaluation, Findings, read_findings
from tests.pipeline.made_folder import make_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"))


def read_study(study: Path) -> list[Findings]:
    return [read_findings(path, path.name) for path in sorted(study.iterdir())]


def evaluation(**values: float | None) -> Evaluation:
    return Evaluation({}, {clip: {"TIS": value} for clip, value in values.items()}, None, None)


def test_clips_are_paired_by_name() -> None:
    first = evaluation(walk=0.9, kick=0.5, crane=0.25, jump=None, hop=math.inf)
    second = evaluation(crane=0.5, walk=0.4, jump=0.1, hop=0.5, other=0.0)
    # Only walk and crane have a finite value in both.
    assert paired_differences(first, second, "TIS") == pytest.approx([0.5, -0.25])


def test_one_seed_by_hand(study: Path) -> None:
    run = read_study(study)[0]
    found = compare([run], "finetune", "general", "full", "SR")
    # Clip by clip: walk 1 - 1, kick 1 - 0, crane 1 - 1/2, jump 1 - 1.
    assert (found.over_clips.mean, found.clips, found.better, found.worse) == (0.375, 4, 2, 0)
    assert found.by_seed == {"seed_0": 0.375}
    assert found.over_seeds is None and found.over_both is None
    # Four draws from 0, 0, 1/2 and 1 add up to 0 with a chance of 1/16, and to more than 3 with one of 5/256.
    assert (found.over_clips.low, found.over_clips.high) == (0.0, 0.75)
    assert compare([run], "finetune", "general", "heldout", "SR") is None
    assert compare([run], "finetune", "nobody", "full", "SR") is None


def test_less_is_better_for_errors(study: Path) -> None:
    run = read_study(study)[0]
    for evaluation_, shift in ((run.evaluations["general", "full"], 0.0), (run.evaluations["finetune", "full"], -5.0)):
        for row in evaluation_.clips.values():
            row["MPJPE_mm"] = 20.0 + shift
    found = compare([run], "finetune", "general", "full", "MPJPE_mm")
    assert (found.main.mean, found.better, found.worse) == (-5.0, 4, 0)


def test_several_seeds_by_hand(study: Path) -> None:
    runs = read_study(study)
    found = compare(runs, "dynamic", "residual_control", "residual", "SR")
    # kick and crane of dynamic: 1, 1/2 in every seed; of the control 1/2, 1/2; 1/2, 1/2; 0 and 0.
    assert found.by_seed == {"seed_0": 0.25, "seed_1": 0.25, "seed_2": 0.75}
    assert found.over_clips is None
    assert found.main.mean == pytest.approx(1.25 / 3.0)
    half = 4.302653 * math.sqrt(1.0 / 12.0) / math.sqrt(3.0)
    assert found.main.high - found.main.mean == pytest.approx(half, abs=1e-6)
    assert found.over_both.count == 3 and found.clips == 6
    record = found.record()
    assert record["difference"] == found.main.mean and record["over_clips"] is None


def test_a_seed_without_the_policy_is_left_out(study: Path) -> None:
    runs = read_study(study)
    del runs[1].evaluations["dynamic", "residual"]
    found = compare(runs, "dynamic", "residual_control", "residual", "SR")
    assert list(found.by_seed) == ["seed_0", "seed_2"]
    assert found.main.count == 2


def test_what_is_compared_is_what_was_asked_for(study: Path) -> None:
    run = read_study(study)[0]
    run.config["compare"] += [["finetune", "general"], ["broken"], "nonsense"]
    assert pairs([run]) == [("dynamic", "residual_control"), ("finetune", "general")]
    found = compare_all([run], ["full", "residual", "heldout"])
    assert len(found) == 2 * 2 * 4
