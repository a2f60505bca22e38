"""A whole pipeline on the real task: what it leaves, and what it does again when something has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from athena_wbc import __version__, cli
from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_file
from athena_wbc.pipeline import lock, pictures
from athena_wbc.pipeline.config import load_pipeline
from athena_wbc.pipeline.findings import read_findings
from athena_wbc.pipeline.manifest import Manifest
from athena_wbc.pipeline.plan import make_plan
from athena_wbc.pipeline.resolve import resolve
from athena_wbc.pipeline.stages import run_stage
from athena_wbc.sim import registry
from tests.learning.tiny import sway
from tests.pipeline.small_pipeline import fake_report, results, run, stages, started, write_config


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, and a pipeline of it in ``out``."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch:
        fake_report(monkeypatch)
        config = write_config(folder, pictures="finetune")
        (folder / "told.txt").write_text(run(folder / "out", config))
    return folder


@pytest.fixture
def out(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished pipeline, to do things to."""
    fake_report(monkeypatch)
    return Path(shutil.copytree(home / "out", tmp_path / "out"))


def test_what_it_leaves(home: Path) -> None:
    out, found = home / "out", stages(home / "out")
    policies = ("general", "dynamic", "student", "finetune")
    assert set(found) == {*policies, "mine", "route", "pictures", "report", *(f"evaluate.{name}" for name in policies)}
    for name, stage in found.items():
        assert stage["status"] == "done" and stage["seconds"] > 0.0, name
        assert stage["outputs"] and stage["inputs"]["settings"]
        assert {file: sha256_file(out / file) for file in stage["outputs"]} == stage["outputs"]
    assert found["mine"]["clips"] == ["knee"]
    for name in policies:
        assert (out / name / "checkpoints" / "model_2.pt").is_file()
        for part, clips in (("full", 2), ("residual", 1)):
            metrics = json.loads((out / "evaluation" / name / part / "metrics.json").read_text())
            assert (metrics["clips"], metrics["seed"], metrics["protocol"]) == (clips, 1000, "strict")
    drawn = {path.name: path.read_text() for path in (out / "pictures").iterdir()}
    checkpoint = "finetune/checkpoints/model_2.pt"
    assert drawn == {f"{clip}.png": f"{checkpoint} on ['{clip}']\n" for clip in ("elbow", "knee")}
    assert set(found["pictures"]["drawn"]) == set(drawn)
    # No policy is judged on the draws that it was trained, chosen or routed with.
    assert json.loads((out / "residual.json").read_text())["seed"] == 2000
    assert json.loads((out / "routing.json").read_text())["seed"] == 3000
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["library_version"], manifest["seed"]) == (__version__, 0)
    assert manifest["corpus"]["clips"] == ["elbow", "knee"]
    assert manifest["config"]["policies"]["dynamic"]["motions"] == "residual"


def test_what_it_tells(home: Path) -> None:
    told = (home / "told.txt").read_text()
    assert "1 of 2 clips are residual (knee)" in told
    assert f"report: {home / 'out' / 'report.html'}" in told and " in all" in told
    table = told[told.index("set  ") :]
    assert [word for word in table.split() if word in ("general", "dynamic", "student", "finetune")] == [
        "general",
        "dynamic",
        "student",
        "finetune",
    ] * 2


def test_side_by_side_and_elsewhere_it_is_the_same_to_the_byte(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_report(monkeypatch)
    run(tmp_path / "deeper" / "out", home / "pipeline.yaml", jobs=2)
    assert results(tmp_path / "deeper" / "out") == results(home / "out")


def test_nothing_is_done_twice(out: Path, home: Path) -> None:
    before = stages(out)
    assert started(run(out, resume=True)) == {}
    # The configuration's own order, although the manifest is read back from sorted keys.
    told = run(out, home / "pipeline.yaml", resume=True)
    assert "would run" not in run(out, resume=True, dry_run=True)
    assert started(told) == {} and stages(out) == before


def test_what_was_damaged_is_found_and_done_again(out: Path, home: Path) -> None:
    (out / "residual.json").write_text('{"kind": "resi')
    (out / "general" / "checkpoints" / "model_2.pt").unlink()
    (out / "evaluation" / "student" / "full" / "stc.png").unlink()
    (out / "pictures" / "knee.png").write_bytes(b"")
    newest = out / "finetune" / "checkpoints" / "model_2.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    reasons = started(run(out, resume=True))
    # A training goes on from the checkpoint before the one that was lost, and ends with the same bytes.
    assert reasons == {
        "general": "general/checkpoints/model_2.pt is gone, goes on from its last checkpoint",
        "mine": "residual.json is damaged or was changed",
        "finetune": "finetune/checkpoints/model_2.pt is damaged or was changed, goes on from its last checkpoint",
        "evaluate.student": "evaluation/student/full/stc.png is gone",
        "pictures": "pictures/knee.png is damaged or was changed",
    }
    assert results(out) == results(home / "out")


def test_a_changed_training_starts_anew_beside_the_old_one(out: Path) -> None:
    reasons = started(run(out, resume=True, overrides=["policies.finetune.iterations=1"]))
    assert reasons["finetune"] == "settings changed (iterations: 2 -> 1)"
    assert reasons["evaluate.finetune"] == "finetune changed"
    assert set(reasons) == {"finetune", "evaluate.finetune", "pictures", "report"}
    assert "finetune changed" in reasons["pictures"]
    assert not (out / "finetune" / "checkpoints" / "model_2.pt").exists()
    assert (out / "replaced" / "finetune.1" / "checkpoints" / "model_2.pt").is_file()
    # Once more, without saying it again: the manifest knows.
    assert started(run(out, resume=True)) == {}


def test_another_residual_set_makes_another_expert(out: Path) -> None:
    told = run(out, resume=True, until="dynamic", overrides=["mining.rollouts=2"])
    assert started(told) == {"mine": "settings changed (resolved.rollouts: 1 -> 2, rollouts: 1 -> 2)"} | {
        "dynamic": "residual.json changed"
    }


def test_other_clips_of_the_same_names_make_everything_anew(out: Path, home: Path, tmp_path: Path) -> None:
    motions = shutil.copytree(home / "motions", tmp_path / "motions")
    shutil.copy(motions / "elbow.npz", motions / "knee.npz")
    told = run(out, resume=True, dry_run=True, overrides=[f"motions=[{motions}]"])
    assert "general                  would run: motions changed" in told
    assert "mine                     would run if general leaves something new" in told


def test_from_a_stage_on(out: Path, home: Path) -> None:
    before = {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    told = run(out, start="student", dry_run=True)
    assert "student                  would run: asked for with --from student" in told
    assert "route                    is done already" in told
    assert {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    reasons = started(run(out, start="finetune"))
    assert reasons == dict.fromkeys(
        ("finetune", "evaluate.finetune", "pictures", "report"), "asked for with --from finetune"
    )
    assert (out / "replaced" / "finetune.1").is_dir()
    assert results(out) == results(home / "out")


def test_where_nothing_can_be_drawn_it_goes_on(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "subprocess", subprocess)
    monkeypatch.setenv("MUJOCO_GL", "disable")
    told = run(out, start="pictures")
    assert set(started(told)) == {"pictures", "report"} and "not all could be drawn" in told
    found = stages(out)["pictures"]
    assert (found["status"], found["outputs"], found["drawn"]) == ("done", {}, {})
    assert "elbow: MUJOCO_GL: disable cannot draw here" in found["problem"]
    assert not list(out.glob("pictures/*"))
    assert found["problem"] in (out / "logs" / "pictures.log").read_text()
    assert started(run(out, resume=True)) == {}


def test_pictures_that_nobody_asks_for_any_more_go(out: Path) -> None:
    reasons = started(run(out, resume=True, overrides=["pictures=null"]))
    assert reasons == {"report": "pictures is no longer there"}
    assert not (out / "pictures").exists() and "pictures" not in stages(out)


def test_another_simulator_does_again_what_was_simulated(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = stages(out)
    assert {name for name, stage in found.items() if "simulator" in stage["settings"]} == {
        name for name, stage in found.items() if stage["kind"] not in ("pictures", "report")
    }
    metrics = json.loads((out / "evaluation" / "general" / "full" / "metrics.json").read_text())
    assert (metrics["simulator"], metrics["physics"]) == ("mujoco", None)
    monkeypatch.setattr(registry, "_chosen", registry.Choice("isaaclab", physics="newton_mjwarp"))
    told = run(out, resume=True, dry_run=True)
    reason = "would run: settings changed (physics: None -> newton_mjwarp, simulator: mujoco -> isaaclab)"
    assert f"general                  {reason}" in told


def test_nothing_was_mined_is_not_an_empty_residual_set(home: Path, out: Path) -> None:
    config = load_pipeline(str(home / "pipeline.yaml"))
    plan = make_plan(config, resolve(config, "my.yaml"), "my.yaml", out, "", 0, Manifest.read(out))
    plan.manifest.stages["mine"]["status"] = "skipped"
    assert plan.why_skip(plan.graph["dynamic"]) == "nothing was mined"


def test_until_a_stage_and_what_would_come(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(tmp_path / "out", home / "pipeline.yaml", until="mine", dry_run=True)
    assert [line.split()[0] for line in told.splitlines()] == ["general", "mine"]
    assert not (tmp_path / "out").exists()
    run(tmp_path / "out", home / "pipeline.yaml", until="mine")
    status = {name: stage["status"] for name, stage in stages(tmp_path / "out").items()}
    assert {name for name, word in status.items() if word == "done"} == {"general", "mine"}
    assert set(status.values()) == {"done", "pending"}


def test_an_empty_residual_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to train experts on: they are skipped, all is routed to the general teacher, and it goes on."""
    fake_report(monkeypatch)
    sets = ["full", "residual", "dynamic", "heldout"]
    changes = {"policies__extra": {"recipe": "general", "init_from": "dynamic", "iterations": 1}}
    config = write_config(tmp_path, evaluation__sets=sets, policies__finetune=None, pictures="dynamic", **changes)
    (tmp_path / "strict.yaml").write_text(
        "inherit: athena\nrollouts: 1\nlimits: {key_body: 9.0, height: 9.0, yaw: 3.0}\n"
    )
    told = run(tmp_path / "out", config)
    assert "the residual set is empty: 'general' does all 2 clips; experts are skipped" in told
    found = stages(tmp_path / "out")
    skipped = {name: stage["why"] for name, stage in found.items() if stage["status"] == "skipped"}
    assert skipped == {
        "dynamic": "the residual set is empty",
        "extra": "it starts from 'dynamic', which is skipped",
        "evaluate.dynamic": "'dynamic' is skipped",
        "evaluate.extra": "'extra' is skipped",
        "pictures": "'dynamic' is skipped",
    }
    assert all(stage["status"] == "done" for name, stage in found.items() if name not in skipped)
    routing = json.loads((tmp_path / "out" / "routing.json").read_text())
    assert set(routing["routes"].values()) == {"general"}
    assert [path.name for path in (tmp_path / "out" / "student" / "teachers").iterdir()] == ["general.pt"]
    assert found["evaluate.student"]["skipped_sets"] == {
        "residual": "the residual set is empty",
        "dynamic": "no clip of the corpus is of this kind (dynamic)",
        "heldout": "no motions are held out",
    }
    assert started(run(tmp_path / "out", resume=True)) == {}


def test_an_empty_residual_set_in_a_folder_that_had_experts(out: Path, tmp_path: Path) -> None:
    """They are moved aside: nothing of them is left to be shown."""
    assert read_findings(out).actors["dynamic"] == "teacher"
    lax = tmp_path / "lax.yaml"
    lax.write_text("inherit: athena\nrollouts: 1\nlimits: {key_body: 9.0, height: 9.0, yaw: 3.0}\n")
    run(out, resume=True, until="evaluate.dynamic", overrides=[f"mining.protocol={lax}"])
    assert stages(out)["dynamic"]["why"] == "the residual set is empty"
    found = read_findings(out)
    assert found.residual["clips"] == [] and "dynamic" not in found.actors
    assert ("dynamic", "full") not in found.evaluations and ("student", "full") in found.evaluations
    assert not (out / "dynamic").exists()
    assert (out / "replaced" / "dynamic.1" / "checkpoints" / "model_2.pt").is_file()


def test_stages_that_there_are_no_longer_leave_nothing_to_be_shown(out: Path, tmp_path: Path) -> None:
    only = {"general": {"recipe": "general", "iterations": 2}}
    config = write_config(tmp_path, policies=only, evaluation__sets=["full"], compare=[])
    assert started(run(out, config, resume=True, until="general")) == {}
    found = read_findings(out)
    assert found.policies == ["general"] and list(found.evaluations) == [("general", "full"), ("general", "residual")]
    assert found.residual is None and found.routing is None
    assert found.pictures == []
    aside = sorted(path.name for path in (out / "replaced").iterdir())
    assert aside == ["dynamic.1", "finetune.1", "student.1"]


def test_other_words_for_the_same_clips_choose_the_sets_again(tmp_path: Path) -> None:
    changes = {"evaluation__sets": ["dynamic"], "manifests": {"overrides": ["min_duration=0.1"]}}
    config = write_config(tmp_path, **changes)
    run(tmp_path / "out", config, until="manifests")
    assert stages(tmp_path / "out")["manifests"]["clips"]["dynamic"] == []
    knee = sway("knee", "left_knee_joint", 0.9, seconds=0.5)
    for said in ({"text": "a high kick"}, {"label": "dynamic"}, {"source": "kicks/high_kick.bvh"}):
        knee.replace(**said).save(tmp_path / "motions" / "knee.npz")
        told = run(tmp_path / "out", until="manifests", resume=True)
        assert started(told) == {"manifests": "descriptions changed"}
        assert stages(tmp_path / "out")["manifests"]["clips"]["dynamic"] == ["knee"], said


def test_the_diagnostic_sets(tmp_path: Path) -> None:
    config = write_config(tmp_path, motions=["builtin:wave,walk,high_kick"], evaluation__sets=["dynamic", "balance"])
    run(tmp_path / "out", config, until="manifests")
    assert stages(tmp_path / "out")["manifests"]["clips"] == {"dynamic": ["high_kick"], "balance": ["wave"]}
    assert json.loads((tmp_path / "out" / "manifests" / "balance.json").read_text())["clips"] == ["wave"]
    run(tmp_path / "out", until="manifests", resume=True, overrides=["motions=['builtin:walk']"])
    assert stages(tmp_path / "out")["manifests"]["clips"] == {"dynamic": [], "balance": []}


def test_several_seeds_are_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported = fake_report(monkeypatch)
    policies = {"general": {"recipe": "general", "iterations": 1}}
    changes = {"seeds": [3, 4], "policies": policies, "evaluation__sets": ["full"], "compare": []}
    config = write_config(tmp_path, **changes)
    told = run(tmp_path / "out", config)
    assert reported == [tmp_path / "out"] and (tmp_path / "out" / "report.html").is_file()
    for seed in (3, 4):
        home = tmp_path / "out" / f"seed_{seed}"
        metrics = json.loads((home / "evaluation" / "general" / "full" / "metrics.json").read_text())
        assert metrics["seed"] == 1000 + seed and (home / "report.html").is_file()
    assert "seed_3/general" in told and " ± " in told
    assert started(run(tmp_path / "out", resume=True)) == {}
    # Each is a pipeline of its own.
    assert started(run(tmp_path / "out" / "seed_4", resume=True)) == {}


# --- bad input


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command leaves with."""
    assert cli.main(["pipeline", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("athena: error: ") and error.count("\n") == 1
    return error


def test_folders_that_are_none_of_a_pipeline(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ("--config", str(home / "pipeline.yaml"))
    out = tmp_path / "out"
    assert "is not empty; go on with --resume" in refused(capsys, *config, "--out", str(home / "out"))
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert "manifest.json: no such file; choose another" in refused(capsys, *config, "--out", str(out), "--resume")
    assert "is a file" in refused(capsys, *config, "--out", str(out / "thesis.tex"))
    (out / "manifest.json").write_text('{"kind": "pipe')
    assert "manifest.json: damaged, not readable as JSON" in refused(capsys, *config, "--out", str(out), "--resume")
    assert "manifest.json: damaged" in refused(capsys, "--out", str(out), "--resume")
    record = json.loads((home / "out" / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**record, "stages": []}))
    assert "manifest.json: damaged, it lacks stages" in refused(capsys, *config, "--out", str(out), "--resume")
    (out / "manifest.json").write_text(json.dumps({**record, "library_version": "0.0.1"}))
    error = refused(capsys, *config, "--out", str(out), "--resume")
    assert f"library_version: was written by athena_wbc 0.0.1, this is {__version__}; choose another folder" in error


def test_two_pipelines_in_one_folder(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE_S", 0.0)
    with lock.folder_lock(out), pytest.raises(AthenaError, match="another pipeline is at work there"):
        run(out, resume=True)
    run(out, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"routes": {"elbow": "general", "knie": "general"}}, "routing.json: routes: clip unknown 'knie'; did you"),
        ({"routes": {"elbow": "generl", "knee": "general"}}, "routing.json: routes.elbow: teacher unknown 'generl'"),
        ({"library_version": "0.0.1"}, "routing.json: library_version: was written by athena_wbc 0.0.1"),
    ],
)
def test_a_routing_that_does_not_fit_is_not_distilled(
    home: Path, out: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], message: str
) -> None:
    config = load_pipeline(str(home / "pipeline.yaml"))
    plan = make_plan(config, resolve(config, "my.yaml"), "my.yaml", out, "", 0, Manifest.read(out))
    record = json.loads((out / "routing.json").read_text())
    (out / "routing.json").write_text(json.dumps(record | change))
    shutil.rmtree(out / "student")
    monkeypatch.chdir(out)
    with pytest.raises(AthenaError, match=message):
        run_stage(plan, plan.graph["student"], "cpu", resume=False)
    assert not (out / "student").exists()


def test_a_mismatch_that_the_configuration_shows_is_told_before_anything_is_trained(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ("--config", str(home / "pipeline.yaml"), "--out", str(tmp_path / "out"))
    error = refused(capsys, *config, "policies.dynamic.overrides=['ppo.actor.hidden_dims=[8]']")
    assert "policies.dynamic.init_from: 'general': ppo.actor.hidden_dims: was [16], this run's is [8]" in error
    assert not (tmp_path / "out").exists()


def test_an_error_in_a_stage_is_one_line_and_on_record(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too few samples are found when the expert starts; what was done before it stays."""
    config = ("--config", str(home / "pipeline.yaml"), "--out", str(tmp_path / "out"), "--until", "dynamic")
    overrides = ("policies.dynamic.overrides=[ppo.num_mini_batches=64]",)
    assert "dynamic: " in refused(capsys, *config, *overrides)
    found = stages(tmp_path / "out")
    assert (found["mine"]["status"], found["dynamic"]["status"]) == ("done", "failed")
    assert "num_mini_batches" in found["dynamic"]["error"]
