from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from athena_wbc import cli
from athena_wbc.commands import demo
from athena_wbc.errors import AthenaError


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / demo.MARK).write_text("{}")
    demo._make_room(tmp_path)
    assert not tmp_path.exists()


def test_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(AthenaError, match="no earlier demo; choose another folder"):
        demo._make_room(tmp_path)
    with pytest.raises(AthenaError, match="no earlier demo"):
        demo._make_room(tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_or_none_is_fine(tmp_path: Path) -> None:
    demo._make_room(tmp_path)
    demo._make_room(tmp_path / "new")
    assert tmp_path.is_dir()


def test_too_little_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("athena_wbc.motion.corpus.load_clips", lambda spec, embodiment: [])
    assert cli.main(["demo", "--minutes", "0.5", "--out", str(tmp_path / "run")]) == 2
    assert "--minutes: 0.5 leaves no time to train" in capsys.readouterr().err


def test_training_gets_what_the_rest_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def run_training(out: Path, **options: object) -> argparse.Namespace:
        seen.update(options)
        return argparse.Namespace(interrupted=True)

    monkeypatch.setattr("athena_wbc.motion.corpus.load_clips", lambda spec, embodiment: [])
    monkeypatch.setattr("athena_wbc.learning.train.run_training", run_training)
    clock = iter((100.0, 140.0))
    monkeypatch.setattr(demo, "time", argparse.Namespace(monotonic=lambda: next(clock)))
    assert cli.main(["demo", "--minutes", "3", "--seed", "4", "--out", str(tmp_path / "run"), "ppo.gamma=0.9"]) == 130
    # Three minutes, less 40 s for the motions and 45 s for the evaluation.
    assert seen["max_seconds"] == 180.0 - 40.0 - 45.0
    assert (seen["seed"], seen["recipe"], seen["overrides"]) == (4, "demo", ["ppo.gamma=0.9"])
    assert (tmp_path / "run" / demo.MARK).is_file()


def test_it_ends_with_the_evaluation_that_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    seen: list[tuple[object, ...]] = []
    drawn: list[str] = []

    def run_evaluation(*arguments: object, **options: object) -> dict[str, float]:
        seen.append((*arguments, options))
        report = Path(str(arguments[3]))
        report.mkdir()
        rows = ("clip,SR,critical_scale_worst", "walk,1,0.4", "wave,1,0.2", "hop,0.5,1.5", "kick,0,inf")
        (report / "clips.csv").write_text("\n".join(rows))
        return {"SR": 0.75}

    def run(command: list[str], **options: object) -> argparse.Namespace:
        drawn.append(Path(command[command.index("--out") + 1]).name)
        return argparse.Namespace(returncode=int("kick.png" in drawn[-1]))

    trained = argparse.Namespace(interrupted=False, seconds=300.0, iteration=240)
    monkeypatch.setattr("athena_wbc.motion.corpus.load_clips", lambda spec, embodiment: [])
    monkeypatch.setattr("athena_wbc.learning.train.run_training", lambda out, **options: trained)
    monkeypatch.setattr("athena_wbc.evaluation.run.run_evaluation", run_evaluation)
    monkeypatch.setattr(demo.subprocess, "run", run)
    assert cli.main(["demo", "--seed", "2", "--out", str(out)]) == 0
    assert seen == [(out, "builtin", "athena", out / "evaluation", {"seed": 2, "randomisation": "none"})]
    told = capsys.readouterr().out
    assert "After 300 s of training (240 iterations) 75% of the rollouts succeed" in told
    assert f"report: {out / 'evaluation'}" in told
    # The hardest success and the worst failure; what could not be drawn is not promised.
    assert drawn == ["walk.png", "kick.png"]
    assert "walk.png" in told
    assert "kick.png" not in told
