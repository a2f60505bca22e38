from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import cli
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import asap_content, gliding, jumping, random_clip, standing, write_csv, write_joblib

G1 = get_embodiment("g1")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    return cli.main(["motions", *arguments])


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(Path("glide.csv"), gliding(G1))
    assert run("info", "glide.csv", "--fps", "30") == 0
    printed = capsys.readouterr().out
    assert "glide" in printed
    assert "1 clip(s), 2.0 s, hash" in printed
    assert "glide: 30 fps: option --fps" in printed


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    random_clip(G1).save("a.npz")
    assert run("info", "a.npz", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    (clip,) = content["clips"]
    assert (clip["name"], clip["num_frames"], clip["licence"], clip["label"]) == ("random", 40, "CC0", "dynamic")
    assert len(content["hash"]) == 16


def test_check_reports_what_reading_would_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    jumping(G1, gravity=3.0).save("moon.npz")
    standing(G1).save("good.npz")
    assert run("check", "moon.npz", "good.npz") == 1
    printed = capsys.readouterr().out
    assert "flight" in printed
    assert "2 clip(s): 1 clean, 1 with errors" in printed
    assert run("check", "good.npz") == 0
    capsys.readouterr()
    assert run("check", "moon.npz", "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert content["jumping"][0]["kind"] == "flight"
    assert content["jumping"][0]["value"] == pytest.approx(-3.0, rel=1e-4)


@pytest.mark.parametrize("make", [write_csv, "joblib"])
def test_convert_loses_nothing(make) -> None:
    clip = random_clip(G1).replace(fps=30.0)
    if make == "joblib":
        source = write_joblib(Path("in.pkl"), {"x": asap_content(clip, 29)})
    else:
        source = make(Path("in.csv"), clip)
    arguments = ("convert", str(source), "--out", "out", "--fps", "30", "--quaternion", "xyzw", "--licence", "CC0")
    assert run(*arguments, "--label", "balance") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["in.npz"]
    (read,) = read_motion("out/in.npz", robot=G1)
    np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-6)
    np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-6)
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-6)
    assert (read.name, read.fps, read.label, read.licence) == ("in", 30.0, "balance", "CC0")
    assert read.source == source.name
    assert read.history[0].startswith(f"read from {source.name} as")


def test_convert_twice_changes_nothing() -> None:
    random_clip(G1).save("a.npz")
    assert run("convert", "a.npz", "--out", "one") == 0
    assert run("convert", "one", "--out", "two") == 0
    one, two = (read_motion(f"{folder}/random.npz", robot=G1)[0] for folder in ("one", "two"))
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_allclose(getattr(two, key), getattr(one, key), atol=1e-7)
    assert two.history == one.history


def test_convert_resamples_grounds_and_trims() -> None:
    write_csv(Path("in.csv"), gliding(G1))
    options = ("--fps", "30", "--resample", "50", "--ground", "--trim", "0.5s:1.5s")
    assert run("convert", "in.csv", "--out", "out", *options) == 0
    (read,) = read_motion("out/in.npz", robot=G1)
    assert (read.fps, read.num_frames) == (50.0, 49)
    assert read.history[-3:] == ("frames 15:45", read.history[-2], "resampled from 30 to 50 fps")
    assert read.history[-2].startswith("grounded")


def test_accepted_nonsense_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(Path("in.csv"), jumping(G1, gravity=3.0))
    arguments = ("convert", "in.csv", "--fps", "30", "--quaternion", "xyzw", "--out", "out")
    assert run(*arguments) == 2
    assert "or --accept gravity" in capsys.readouterr().err
    assert not Path("out").exists()
    assert run(*arguments, "--accept", "gravity") == 0
    assert run("info", "out") == 0


def test_clips_that_would_share_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    standing(G1).replace(name="a b").save("1.npz")
    standing(G1).replace(name="a_b").save("2.npz")
    assert run("convert", "1.npz", "2.npz", "--out", "out") == 2
    assert "out/a_b.npz: clips 'a b' and 'a_b' would share it" in capsys.readouterr().err


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("formats") == 0
    printed = capsys.readouterr().out
    for word in ("asap", "athena", "beyondmimic", "csv", "kimodo"):
        assert word in printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("info nothing.npz", "nothing.npz: no such file or folder"),
        ("info .", ".: no motion files in this folder"),
        ("info in.csv --fps 30 --quaternion wxyz", "in.csv: root_quat: read as wxyz (option --quaternion)"),
        ("info in.csv --quaternion xyxw", "--quaternion: unknown 'xyxw'"),
        ("info in.csv --format cvs", "--format: unknown 'cvs'; did you mean 'csv'?"),
        ("info in.csv --accept luck --fps 30", "--accept: unknown 'luck'"),
        ("convert in.csv --fps 30 --out o --label calm", "label: unknown 'calm'"),
        ("convert in.csv --fps 30 --out o --trim 3", "--trim: '3' is no range"),
        ("info in.csv --fps 30 --robot g2", "unknown 'g2'; did you mean 'g1'?"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "in.csv" in arguments:
        write_csv(Path("in.csv"), gliding(G1))
    assert run(*arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("athena: error: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err
