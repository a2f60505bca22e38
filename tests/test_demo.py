from __future__ import annotations

import json
from pathlib import Path

import pytest

from athena_wbc import cli
from athena_wbc.commands import demo
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_text


def test_an_earlier_demo_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / demo.OLD_MARK).write_text("{}")
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


def test_what_counts_as_an_earlier_demo(tmp_path: Path) -> None:
    for number, (source, is_demo) in enumerate(
        (("demo", True), ("configs/pipeline/demo.yaml", True), ("study", False))
    ):
        out = tmp_path / str(number)
        out.mkdir()
        (out / "manifest.json").write_text(json.dumps({"source": source}))
        if is_demo:
            demo._make_room(out)
        else:
            with pytest.raises(AthenaError, match="no earlier demo"):
                demo._make_room(out)
        assert out.exists() != is_demo
    (out / "manifest.json").write_text("[")
    with pytest.raises(AthenaError, match="no earlier demo"):
        demo._make_room(out)


def fake_pipeline(monkeypatch: pytest.MonkeyPatch, stopped: bool, drawn: tuple[str, ...] = ()) -> list[tuple]:
    """Replace the pipeline; returns what it is called with."""
    seen: list[tuple[object, ...]] = []

    def run_pipeline(out: Path, config: str, **options: object) -> bool:
        del options["console"]
        seen.append((out, config, options))
        for name in drawn:
            write_text(out / "pictures" / name, "a picture")
        return stopped

    monkeypatch.setattr("athena_wbc.pipeline.run.run_pipeline", run_pipeline)
    return seen


def test_it_runs_the_pipeline_and_says_where_the_pictures_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = fake_pipeline(monkeypatch, stopped=False, drawn=("walk.png", "hop-general.png"))
    out = tmp_path / "run"
    assert cli.main(["demo", "--seed", "2", "--out", str(out), "num_envs=64"]) == 0
    assert seen == [(out, "demo", {"seed": 2, "jobs": 2, "resume": False, "overrides": ["num_envs=64"]})]
    told = capsys.readouterr().out
    assert f"{out / 'pictures' / 'hop-general.png'}, {out / 'pictures' / 'walk.png'}" in told
    assert f"athena play --checkpoint {out / 'finetune'}" in told


def test_without_pictures_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_pipeline(monkeypatch, stopped=False)
    assert cli.main(["demo", "--out", str(tmp_path / "run")]) == 0
    assert "none could be drawn here" in capsys.readouterr().out


def test_a_stopped_one_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    seen = fake_pipeline(monkeypatch, stopped=True)
    assert cli.main(["demo", "--out", str(out), "--resume"]) == 130
    assert seen[0][2]["resume"] is True
    assert (out / "thesis.tex").exists() and "pictures" not in capsys.readouterr().out
