"""What the stages of a loop depend on, so that a change of it is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.learning.checkpoint import VERSION, save_checkpoint
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.pipeline.graph import upstream
from athena_wbc.resources import config_path
from athena_wbc.synthesis.config import load_synthesis
from athena_wbc.synthesis.loop.manifest import SynthesisManifest
from athena_wbc.synthesis.loop.plan import LoopPlan, make_loop_plan
from athena_wbc.synthesis.loop.resolve import generator_of, resolve_loop
from tests.learning.tiny import sway
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


def replaying(path: Path, mode: str = "replay") -> dict[str, Any]:
    """Options of a part that asks a language model, with its recording."""
    return {"endpoint": {"model": "m", "api_key_env": ""}, "cassette": {"mode": mode, "path": str(path)}}


def answered(path: Path, reply: str) -> Path:
    """A recording of one answer."""
    path.write_text(json.dumps({"key": "k", "reply": reply}) + "\n")
    return path


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"judge": "vlm"}, {"judge"}),
        ({"judge": "vlm", "refine": {"on": True}}, {"judge", "generate"}),
        ({"scheduler": "llm"}, {"prompts"}),
        ({"adviser": "own"}, {"generate"}),
    ],
)
def test_what_is_replayed_is_an_input(changes: dict[str, Any], stages: set[str], tmp_path: Path) -> None:
    tape = answered(tmp_path / "tape.jsonl", "yes")
    changes = dict(changes)
    for part in {"judge", "scheduler"} & changes.keys():
        changes[part] = {"name": changes[part], "options": replaying(tape)}
    if changes.pop("adviser", None):
        changes["refine"] = {"on": True, "options": {"adviser": replaying(tape)}}

    def recordings() -> dict[str, str]:
        plan = plan_of(tmp_path, **changes)
        found = {kind: inputs(plan, f"loop_1.{kind}") for kind in ("prompts", "generate", "filter", "judge", "record")}
        return {kind: own["recordings"] for kind, own in found.items() if "recordings" in own}

    before = recordings()
    assert set(before) == stages and recordings() == before
    answered(tape, "no")
    assert all(recordings()[kind] != before[kind] for kind in stages)


@pytest.mark.parametrize("mode", ["record", "live"])
def test_a_recording_that_still_grows_is_no_input(mode: str, tmp_path: Path) -> None:
    """The parts of a run may share a file: what one of them adds does not make the stages of another anew."""
    tape = answered(tmp_path / "tape.jsonl", "yes")
    other = {"name": "llm", "options": replaying(tape, mode)}
    plan = plan_of(tmp_path, judge={"name": "vlm", "options": replaying(tape)}, scheduler=other)
    assert all("recordings" not in inputs(plan, f"loop_1.{kind}") for kind in ("prompts", "generate", "judge"))
    own = plan_of(tmp_path, judge={"name": "vlm", "options": replaying(tape, mode)})
    assert "recordings" not in inputs(own, "loop_1.judge")


@pytest.mark.parametrize("is_refined", [True, False])
def test_motions_depend_on_the_bank_where_phrases_may_be_swapped(is_refined: bool, tmp_path: Path) -> None:
    small, large = (
        inputs(plan_of(tmp_path, refine={"on": is_refined}, domains=domains), "loop_0.generate")
        for domains in (["dance"], ["dance", "sport"])
    )
    assert (small != large) == is_refined


def tracker(home: Path, motions: list[str], folder: Path) -> Path:
    """A checkpoint in `home` whose training read its motions from `folder`."""
    names = [str(folder / spec) for spec in motions]
    embodiment = get_embodiment("g1")
    record = {"motions": motions, "motions_hash": MotionLibrary(load_clips(names, embodiment), embodiment).hash}
    path = home / "fixed" / "checkpoints" / "model_2.pt"
    parts = ("robot", "schema", "action", "config", "algorithm")
    save_checkpoint(path, {"version": VERSION, "iteration": 2, "run": record} | {part: {} for part in parts})
    return path


@pytest.mark.parametrize("key", ["fixed__checkpoint", "training__init_from"])
@pytest.mark.parametrize("place", ["absolute", "from the run", "from the root"])
def test_what_a_given_tracker_was_trained_on_is_not_held_out(key: str, place: str, tmp_path: Path) -> None:
    write_config(tmp_path)
    specs, folder = {
        "absolute": ([str(tmp_path / "motions")], tmp_path),
        "from the run": (["../motions"], tmp_path / "other"),
        "from the root": (["motions/elbow.npz", "motions/shoulder.npz"], tmp_path),
    }[place]
    (tmp_path / "other").mkdir()
    path = tracker(tmp_path / "other", specs, folder)
    changes = {"fixed__motions": ["builtin:wave"], key: str(path)}
    with pytest.raises(AthenaError) as caught:
        plan_of(tmp_path, heldout=["motions/elbow.npz"], **changes)
    message, name = str(caught.value), key.replace("__", ".")
    assert "heldout: 'elbow' is trained on too, as 'elbow'; hold another one out, or give another" in message
    assert message.endswith(f"{name} than {path}") and "\n" not in message
    sway("third", "left_elbow_joint", 0.4, seconds=1.0).save(tmp_path / "third.npz")
    plan_of(tmp_path, heldout=["third.npz"], **changes)


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_tracker_whose_motions_nobody_knows_is_told(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_config(tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "motions" / "elbow.npz").rename(tmp_path / "old" / "elbow.npz")
    path = tracker(tmp_path / "other", ["old"], tmp_path)
    if how == "gone":
        (tmp_path / "old" / "elbow.npz").unlink()
    else:
        path.write_bytes(b"weights")
    plan_of(tmp_path, heldout=["motions/elbow.npz"], fixed__checkpoint=str(path))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told.startswith(f"{source}: fixed.checkpoint: {path}: ") and "\n" not in told
    cause = {"gone": "the motions that it was trained on (old) are gone or have changed", "damaged": "damaged, or no"}
    assert cause[how] in told and told.endswith("nobody knows whether it has seen the held-out motions")
