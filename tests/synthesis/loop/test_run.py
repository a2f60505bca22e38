"""A whole loop on the real task: what it leaves, and what it does again when something has changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from athena_wbc import __version__, cli
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.motion.corpus import load_clips
from athena_wbc.pipeline import lock
from athena_wbc.sim import registry
from athena_wbc.synthesis.config import load_synthesis
from athena_wbc.synthesis.loop.graph import build_graph
from athena_wbc.synthesis.loop.plan import LoopPlan
from athena_wbc.synthesis.loop.store import read_lines
from tests.synthesis.loop.small_loop import figures, manifest, run, started, write_config

KEYS = (
    "domains",
    "prompts",
    "kept",
    "dropped",
    "mean_speed",
    "fixed_tracker_success",
    "difficulty",
    "judge_difficulty",
)


def test_what_it_leaves(loop_home: Path) -> None:
    out = loop_home / "out"
    found = manifest(out)
    assert (found["kind"], found["library_version"], found["seed"]) == ("synthesis", __version__, 0)
    assert (found["generator"], found["is_learned"], found["scheduler"]) == ("arms", False, "rule")
    for name, stage in found["stages"].items():
        assert stage["status"] == "done" and stage["seconds"] > 0.0 and stage["outputs"], name
        assert {file: sha256_file(out / file) for file in stage["outputs"]} == stage["outputs"], name
    assert len(found["loops"]) == 2
    for number, loop in enumerate(found["loops"]):
        assert all(loop[key] is not None for key in KEYS)
        assert loop["prompts"] == 4 and loop["kept"] == sum(loop["domains"].values())
        assert loop["kept"] + sum(loop["dropped"].values()) == 4
        assert set(loop["by_domain"]) == {"dance", "sport"} and loop["seconds"] > 0.0
        assert {file: sha256_file(out / file) for file in loop["files"]} == loop["files"]
        home = out / f"loop_{number}"
        rows = read_lines(home / "clips.jsonl")
        assert [row["kept"] for row in rows].count(True) == loop["kept"]
        clips = load_clips(str(home / "corpus.json"), get_embodiment("g1"))
        assert [clip.name for clip in clips] == [row["clip"] for row in rows if row["kept"]]
        for row, clip in zip([row for row in rows if row["kept"]], clips, strict=True):
            assert row["sha256"] == sha256_file(home / row["file"]) and clip.text == row["text"]
            assert row["metrics"].keys() == row["fixed_metrics"].keys() and row["judgement"]["judge"] == "nodding"
            assert row["speed"]["mean"] > 0.0 and row["label"] == row["prompt"]["domain"]
        assert loop["difficulty"] == pytest.approx(
            1.0 - np.mean([row["fixed_metrics"]["tis"] for row in rows if row["kept"]])
        )
        assert loop["mean_speed"] == pytest.approx(np.mean([row["speed"]["mean"] for row in rows if row["kept"]]))
    assert (out / "report.html").is_file() and "arms (not learned" in (out / "report.html").read_text()


def test_the_lineage_holds_together(loop_home: Path) -> None:
    out = loop_home / "out"
    first, second = (read_lines(out / f"loop_{loop}" / "clips.jsonl") for loop in range(2))
    asked = {row["prompt"]["id"] for row in first}
    assert {parent for row in second for parent in row["parents"]} <= asked
    assert any(row["parents"] for row in second)
    children = [
        entry for entry in json.loads((out / "loop_1/schedule.json").read_text())["log"] if entry["kind"] == "child"
    ]
    assert {entry["seen"]["prompt"] for entry in children} <= asked
    assert {entry["chosen"]["prompt"] for entry in children} <= {row["prompt"]["id"] for row in second}


def test_training_sees_new_clips_and_rehearsal(loop_home: Path) -> None:
    out = loop_home / "out"
    rehearsal = json.loads((out / "loop_1/schedule.json").read_text())["rehearsal"]
    names = [clip.name for clip in load_clips(str(out / "loop_1/training.json"), get_embodiment("g1"))]
    kept = [row["clip"] for row in read_lines(out / "loop_1/clips.jsonl") if row["kept"]]
    assert rehearsal and names == [*kept, *rehearsal]
    assert len(load_clips(str(out / "corpus.json"), get_embodiment("g1"))) == sum(loop["kept"] for loop in figures(out))
    told = manifest(out)["stages"]["loop_1.train"]["settings"]
    assert told["iterations"] == 2
    assert (out / "loop_1/tracker/checkpoints/model_2.pt").is_file()


def test_what_it_tells(loop_home: Path) -> None:
    told = (loop_home / "told.txt").read_text()
    assert "4 motions by arms (not learned)" in told and "loop_1.record" in told
    assert "report: " in told


def test_going_on_with_a_finished_run_does_nothing(out: Path, loop_home: Path) -> None:
    before = manifest(out)
    assert started(run(out, resume=True)) == {}
    assert manifest(out)["loops"] == before["loops"]


def test_a_loop_more(out: Path) -> None:
    before = figures(out)
    again = started(run(out, resume=True, given={"loops": 3}))
    assert {name for name in again if not name.startswith("loop_2.")} == {"report"}
    after = figures(out)
    assert len(after) == 3 and after[:2] == before
    assert manifest(out)["config"]["loops"] == 3


@pytest.mark.parametrize("how", ["damaged", "deleted"])
@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("loop_0/generated/loop0_dance_000.npz", {"loop_0.generate"}),
        ("loop_1/judgements.jsonl", {"loop_1.judge"}),
        ("loop_0/corpus/loop0_sport_002.npz", {"loop_0.retarget"}),
        ("loop_1/clips.jsonl", {"loop_1.record"}),
        ("loop_1/evaluation/fixed/clips.csv", {"loop_1.measure"}),
    ],
)
def test_what_is_lost_is_made_again(out: Path, file: str, stages: set[str], how: str) -> None:
    before = figures(out)
    if how == "deleted":
        (out / file).unlink()
    else:
        (out / file).write_bytes(b"{}")
    # What is made again is what it was, so nothing that needs it is.
    assert set(started(run(out, resume=True))) == stages
    assert figures(out) == before


def test_only_what_is_lost_is_generated_again(out: Path) -> None:
    kept = out / "loop_0/generated/loop0_dance_001.npz"
    (out / "loop_0/generated/loop0_dance_000.npz").unlink()
    long_ago = time.time() - 1000.0
    os.utime(kept, (long_ago, long_ago))
    run(out, resume=True)
    assert kept.stat().st_mtime == pytest.approx(long_ago)


def test_a_change_redoes_what_depends_on_it(out: Path) -> None:
    before = figures(out)
    again = started(run(out, resume=True, overrides=["filters.joint_speed=19"]))
    assert again["loop_0.filter"].startswith("settings changed (filters.joint_speed")
    # The same motions pass: what needs them alone holds. The records tell the limits, and schedulers read records.
    kinds = ("filter", "judge", "retarget", "corpus", "record")
    assert set(again) == {f"loop_{loop}.{kind}" for loop in range(2) for kind in kinds} | {"loop_1.prompts", "report"}
    for loop, (old, new) in enumerate(zip(before, figures(out), strict=True)):
        lines = read_lines(out / f"loop_{loop}" / "clips.jsonl")
        assert {row["limit"] for line in lines for row in line["filters"] if row["name"] == "joint_speed"} == {19.0}
        assert {key: new[key] for key in KEYS} == {key: old[key] for key in KEYS}


def test_what_a_judge_says_anew_is_recorded(out: Path) -> None:
    before = read_lines(out / "loop_0/clips.jsonl")
    again = started(run(out, resume=True, until="loop_0.record", overrides=["judge.options.score=70"]))
    # Every verdict is what it was, so the corpus is too, and nothing is trained.
    assert set(again) == {f"loop_0.{kind}" for kind in ("judge", "retarget", "corpus", "record")}
    after = read_lines(out / "loop_0/clips.jsonl")
    assert [row["kept"] for row in after] == [row["kept"] for row in before]
    judged = [row["judgement"]["score"] for row in after if row["judgement"] is not None]
    assert judged and set(judged) == {70.0}


def test_another_fixed_tracker_is_noticed(out: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    first.write_bytes((out / "fixed/checkpoints/model_2.pt").read_bytes())
    second.write_bytes((out / "fixed/checkpoints/model_1.pt").read_bytes())
    assert first.read_bytes() != second.read_bytes()
    run(out, resume=True, until="loop_0.train", overrides=[f"fixed.checkpoint={first}"])
    assert started(run(out, resume=True, until="loop_0.train")) == {}
    again = started(run(out, resume=True, until="loop_0.train", overrides=[f"fixed.checkpoint={second}"]))
    assert again == {"loop_0.train": "init_from changed"}


def test_a_new_run_without_a_name_is_the_default_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, until="loop_0.prompts", given={"loops": 1}, overrides=["per_domain=1", "domains=[dance]"])
    found = manifest(out)
    assert (found["source"], found["config"]["loops"], found["config"]["frames"]) == ("default", 1, 120)
    assert started(run(out, resume=True, until="loop_0.prompts")) == {}


def test_a_loop_whose_every_clip_is_filtered_out(tmp_path: Path, fakes: None) -> None:
    config = write_config(tmp_path, generator__options={"hover": ["dance", "sport"]}, frames=60)
    with pytest.raises(AthenaError) as caught:
        run(tmp_path / "out", config, until="loop_0.train")
    message = str(caught.value)
    assert "loop_0: no clip is left of 4 prompts (4 " in message and "--resume" in message and "\n" not in message
    assert manifest(tmp_path / "out")["stages"]["loop_0.generate"]["status"] == "done"
    loose = [f"filters.{key}=inf" for key in ("floating", "root_high", "joint_speed", "root_jump")]
    again = started(run(tmp_path / "out", resume=True, until="loop_0.retarget", overrides=loose))
    assert "loop_0.generate" not in again and "loop_0.filter" in again


@pytest.mark.parametrize(("part", "kind", "done"), [("generator", "generate", "gym"), ("judge", "judge", "refused")])
def test_a_part_that_fails_loses_nothing(part: str, kind: str, done: str, tmp_path: Path, fakes: None) -> None:
    closed = tmp_path / "closed"
    closed.touch()
    config = write_config(tmp_path, **{f"{part}__options": {"closed": str(closed)}})
    with pytest.raises(AthenaError, match=done) as caught:
        run(tmp_path / "out", config, until=f"loop_0.{kind}")
    assert str(caught.value).startswith(f"loop_0.{kind}: ") and "\n" not in str(caught.value)
    home = tmp_path / "out" / "loop_0"
    made = sorted(home.glob("generated/*")) if part == "generator" else read_lines(home / "judgements.jsonl")
    assert len(made) == 2  # the first batch
    before = {path: path.stat().st_mtime_ns for path in home.glob("generated/*")}
    closed.unlink()
    again = started(run(tmp_path / "out", resume=True, until=f"loop_0.{kind}"))
    assert again == {f"loop_0.{kind}": "it failed before, keeps what it has finished"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(read_lines(home / f"{'generated' if part == 'generator' else 'judgements'}.jsonl")) == 4


def test_an_empty_domain(tmp_path: Path, fakes: None) -> None:
    config = write_config(tmp_path, generator__options={"hover": ["sport"]}, frames=60)
    told = run(tmp_path / "out", config, until="loop_0.corpus")
    assert "2 of 4 clips kept" in told and "no clip of sport" in told
    with pytest.raises(AthenaError, match=r"no clip is left of sport \(2 "):
        run(tmp_path / "out", resume=True, until="loop_0.corpus", overrides=["on_empty_domain=stop"])


def test_several_seeds_are_compared(tmp_path: Path, fakes: None) -> None:
    config = write_config(tmp_path, loops=1, heldout=[], seeds=[0, 1])
    told = run(tmp_path / "out", config)
    assert "seed_1/loop_0.record" in told
    first, second = (figures(tmp_path / "out" / f"seed_{seed}")[0] for seed in (0, 1))
    assert first["files"] != second["files"]
    assert "rule (2)" in (tmp_path / "out" / "comparison.html").read_text()


def test_one_shot_trains_the_same_clips_again(tmp_path: Path, fakes: None) -> None:
    """It has as many prompts as a scheduler that chooses them loop by loop: of two loops, two for each domain."""
    config = write_config(tmp_path, scheduler={"name": "one_shot"}, per_domain=1, heldout=[])
    run(tmp_path / "out", config)
    first, second = figures(tmp_path / "out")
    assert (first["prompts"], second["prompts"], second["trained"]) == (4, 0, first["kept"])
    assert second["difficulty"] is None and second["tracker"]["clips"] == first["kept"]
    # More loops are more prompts at once, so the first stage is not as it was.
    told = run(tmp_path / "out", resume=True, given={"loops": 3}, until="loop_0.prompts")
    assert set(started(told)) == {"loop_0.prompts"}
    assert len(read_lines(tmp_path / "out" / "loop_0" / "prompts.jsonl")) == 6


def test_a_pipeline_trains_the_tracker(tmp_path: Path, fakes: None) -> None:
    pipeline = {
        "policies": {"general": {"recipe": "general", "iterations": 2}, "twin": {"recipe": "general", "iterations": 1}},
        "evaluation": {"protocol": "phc", "sets": ["full"]},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(pipeline))
    config = write_config(tmp_path, loops=1, heldout=[], training__pipeline="own.yaml", training__policy="general")
    run(tmp_path / "out", config)
    home = tmp_path / "out" / "loop_0" / "pipeline"
    assert (home / "report.html").is_file() and (home / "twin/checkpoints/model_1.pt").is_file()
    entry = manifest(tmp_path / "out")["stages"]["loop_0.train"]
    assert "loop_0/pipeline/general/checkpoints/model_2.pt" in entry["outputs"]
    assert json.loads((home / "manifest.json").read_text())["corpus"]["clips"][0].startswith("loop0_")
    assert figures(tmp_path / "out")[0]["tracker"]["clips"] == 4


def test_a_dry_run_writes_nothing(tmp_path: Path, fakes: None) -> None:
    told = run(tmp_path / "out", write_config(tmp_path), dry_run=True)
    assert "loop_1.judge" in told and "would run" in told and not (tmp_path / "out").exists()


def test_one_at_a_time(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE_S", 0.0)
    with lock.folder_lock(out), pytest.raises(AthenaError, match="another run of the loop is at work there"):
        run(out, resume=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "demo"], "--out: is missing"),
        (["--out", "{tmp}/new", "--resume"], "--preset: names no loop"),
        (["--preset", "demoo", "--out", "{tmp}/new"], "did you mean 'demo'?"),
        (["--preset", "demo", "--out", "{tmp}/full"], "is not empty; go on with --resume"),
        (["--preset", "demo", "--out", "{tmp}/new", "--until", "loop_0.jugde"], "did you mean 'loop_0.judge'?"),
        (["--preset", "demo", "--out", "{tmp}/new", "--generator", "libary"], "did you mean 'library'?"),
        (["--preset", "demo", "--out", "{tmp}/new", "--judge", "kinematics"], "did you mean 'kinematic'?"),
        (["--preset", "demo", "--out", "{tmp}/new", "--loops", "0"], "must be 1 or more"),
        (["--preset", "demo", "--out", "{tmp}/new", "bank=[nowhere.yaml]"], "nowhere.yaml: no such file"),
        (["--preset", "demo", "--out", "{tmp}/new", "domains=[danse]"], "did you mean 'dance'?"),
        (["--preset", "demo", "--out", "{tmp}/new", "heldout=[builtin:walk]"], "'walk' is trained on too"),
        (["--preset", "demo", "--out", "{tmp}/new", "--resum"], "did you mean '--resume'?"),
        (["compare"], "names no run"),
        (["compare", "{tmp}/nowhere"], "no such folder"),
        (["compare", "{tmp}/full"], "holds no run of athena synthesize"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    assert cli.main(["synthesize", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("athena: error: ") and error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "new").exists()


def test_what_was_made_from_other_inputs_is_away_before_they_are_on_record(tmp_path: Path) -> None:
    graph = build_graph(load_synthesis("demo"))
    plan = SimpleNamespace(folder=tmp_path)
    pieces = ("generated/a.npz", "judgements.jsonl", "corpus/a.npz", "retarget.jsonl", "tracker/model_1.pt")
    left = [tmp_path / "loop_0" / piece for piece in pieces] + [tmp_path / "fixed" / "model_1.pt"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def away() -> list[str]:
        """Of the pieces, which are no longer there."""
        return [str(path.relative_to(tmp_path)) for path in left if not path.exists()]

    expected: list[str] = []
    for stage, pieces in (
        ("loop_0.filter", []),
        ("loop_0.generate", ["loop_0/generated/a.npz"]),
        ("loop_0.judge", ["loop_0/judgements.jsonl"]),
        ("loop_0.retarget", ["loop_0/corpus/a.npz", "loop_0/retarget.jsonl"]),
        ("loop_0.train", ["loop_0/tracker/model_1.pt"]),
        ("fixed", ["fixed/model_1.pt"]),
    ):
        for _ in range(2):  # the second time nothing is there
            LoopPlan.clear(plan, graph[stage])
        expected += pieces
        assert away() == expected
    assert (tmp_path / "replaced/tracker.1/model_1.pt").is_file()
    assert (tmp_path / "replaced/fixed.1/model_1.pt").is_file()


def test_another_simulator_does_again_what_was_simulated(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = manifest(out)["stages"]
    kinds = {stage["kind"] for stage in found.values() if "simulator" in stage["settings"]}
    assert kinds == {"train", "evaluate", "measure", "baseline"}
    monkeypatch.setattr(registry, "_chosen", registry.Choice("isaaclab", physics="newton_mjwarp"))
    told = run(out, resume=True, dry_run=True)
    reason = "settings changed (physics: None -> newton_mjwarp, simulator: mujoco -> isaaclab)"
    assert f"fixed                    would run: {reason}" in told
    assert "loop_0.generate          is done already" in told
