"""What the stages of a loop depend on, so that a change of it is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from athena_wbc.files import sha256_file
from athena_wbc.pipeline.graph import upstream
from athena_wbc.resources import config_path
from athena_wbc.synthesis.config import load_synthesis
from athena_wbc.synthesis.loop.manifest import SynthesisManifest
from athena_wbc.synthesis.loop.plan import LoopPlan, make_loop_plan
from athena_wbc.synthesis.loop.resolve import generator_of, resolve_loop
from tests.synthesis.generators.toys import write_toys
from tests.synthesis.loop.small_loop import write_config


@pytest.fixture(autouse=True)
def nothing_is_made(fakes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans alone: what a stage has left is its name."""
    monkeypatch.setattr(LoopPlan, "output_hash", lambda self, stage: stage)


def plan_of(home: Path, **changes: Any) -> LoopPlan:
    """The plan of a small loop in ``home/out``."""
    source = str(write_config(home, **changes))
    config = load_synthesis(source)
    out = home / "out"
    return make_loop_plan(config, resolve_loop(config, source), source, out, "", 0, SynthesisManifest.new(out))


def inputs(plan: LoopPlan, stage: str) -> dict[str, str]:
    """What a stage depends on."""
    return plan.inputs(plan.graph[stage], plan.settings(plan.graph[stage]))


def checkpoint(home: Path) -> Path:
    """A file that stands for a tracker's."""
    path = home / "old.pt"
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("how", ["file", "fixed"])
@pytest.mark.parametrize("warm_start", [True, False])
def test_a_training_depends_on_the_tracker_that_it_starts_with(how: str, warm_start: bool, tmp_path: Path) -> None:
    old = checkpoint(tmp_path)
    changes = {"training__init_from": str(old)} if how == "file" else {"fixed__checkpoint": str(old)}
    plan = plan_of(tmp_path, training__warm_start=warm_start, **changes)
    first, second = inputs(plan, "loop_0.train"), inputs(plan, "loop_1.train")
    assert first["init_from"] == sha256_file(old)
    # The second one goes on from the first, unless every loop starts anew.
    assert second.get("init_from") == (None if warm_start else sha256_file(old))
    assert ("loop_0.train" in second) == warm_start
    assert "fixed" not in first and "fixed" not in second
    old.write_bytes(b"other weights")
    assert inputs(plan, "loop_0.train")["init_from"] != first["init_from"]


@pytest.mark.parametrize("warm_start", [True, False])
def test_a_training_depends_on_the_stage_that_makes_the_fixed_tracker(warm_start: bool, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, training__warm_start=warm_start)
    first, second = inputs(plan, "loop_0.train"), inputs(plan, "loop_1.train")
    assert "fixed" in first and ("fixed" in second) == (not warm_start)
    assert "init_from" not in first and "init_from" not in second


def test_a_training_from_scratch_depends_on_no_tracker(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, training__init_from=None, training__warm_start=False)
    for stage in ("loop_0.train", "loop_1.train"):
        assert not {"init_from", "fixed"} & inputs(plan, stage).keys()


def test_a_pipeline_starts_with_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, training__pipeline="demo", training__overrides=[])
    for stage in ("loop_0.train", "loop_1.train"):
        assert not {"init_from", "fixed", "loop_0.train"} & inputs(plan, stage).keys()
        assert "init_from" not in plan.settings(plan.graph[stage])


def test_the_first_loops_motions_come_before_the_fixed_tracker(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    order = list(plan.graph)
    assert [name for name in order if not plan.graph[name].needs] == ["loop_0.prompts", "fixed"]
    assert order[order.index("fixed") - 1 : order.index("fixed") + 2] == ["loop_0.corpus", "fixed", "loop_0.train"]
    assert all(order.index(need) < order.index(name) for name in order for need in plan.graph[name].needs)
    assert "fixed" not in upstream(plan.graph, "loop_0.corpus")
    assert "fixed" not in plan_of(tmp_path, fixed__checkpoint=str(checkpoint(tmp_path))).graph


def test_motions_depend_on_the_files_behind_their_generator(tmp_path: Path) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    write_toys(takes, repetitions=1)
    changes: dict[str, Any] = {"generator": {"name": "folder", "options": {"folder": str(takes)}}}
    plan = plan_of(tmp_path, **changes)
    first = inputs(plan, "loop_0.generate")
    assert inputs(plan, "loop_1.generate")["files"] == inputs(plan_of(tmp_path, **changes), "loop_0.generate")["files"]
    (takes / "squat_0.npy").write_bytes((takes / "step_0.npy").read_bytes())
    second = inputs(plan, "loop_0.generate")
    assert {key for key in first if first[key] != second[key]} == {"files"}


def test_what_is_trained_on_the_spot_learns_the_bank_of_the_run(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(config_path("bank", "dance").read_text())
    changes: dict[str, Any] = {"bank": [str(own)], "domains": ["own", "sport"]}
    plan = plan_of(tmp_path, generator={"name": "mdm_lite", "options": {"steps": 3}}, **changes)
    stage = plan.graph["loop_0.generate"]
    assert plan.settings(stage)["generator"]["options"] == {"steps": 3} | changes
    first = inputs(plan, stage.name)
    made = generator_of(plan.config, plan.source)
    assert (made.config.bank, made.config.domains, made.config.steps) == ([str(own)], ["own", "sport"], 3)
    own.write_text(own.read_text() + "\n# another bank\n")
    assert inputs(plan, stage.name)["files"] != first["files"]
    given = plan_of(tmp_path, generator={"name": "mdm_lite", "options": {"domains": ["dance"]}}, **changes)
    assert given.settings(stage)["generator"]["options"] == {"domains": ["dance"]}
    assert plan_of(tmp_path, **changes).settings(stage)["generator"]["options"] == {}


def test_a_generator_without_files_has_no_digest(tmp_path: Path) -> None:
    assert set(inputs(plan_of(tmp_path), "loop_0.generate")) == {"settings", "loop_0.prompts"}


def test_a_record_depends_on_all_that_it_tells(tmp_path: Path) -> None:
    found = inputs(plan_of(tmp_path), "loop_1.record")
    told = ("generate", "filter", "judge", "retarget", "corpus", "train", "evaluate", "measure")
    assert set(found) == {"settings", *(f"loop_1.{kind}" for kind in told)}


def test_another_scheduler_leaves_a_record_as_it_is(tmp_path: Path) -> None:
    first = inputs(plan_of(tmp_path), "loop_0.record")
    assert inputs(plan_of(tmp_path, scheduler={"name": "random"}), "loop_0.record") == first


def test_the_report_depends_on_the_decisions_that_it_tells(tmp_path: Path) -> None:
    assert {"loop_0.prompts", "loop_1.prompts", "loop_1.record", "baseline"} <= inputs(
        plan_of(tmp_path), "report"
    ).keys()
