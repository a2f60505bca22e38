"""``athena generate``, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import cli
from athena_wbc.synthesis.free_text import read_text
from athena_wbc.synthesis.generators.library import LibraryConfig, LibraryGenerator
from athena_wbc.synthesis.motion import JOINT_NAMES

KICK = "a high roundhouse kick with the left leg, fast"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["generate", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["generate", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("athena: error: ") and captured.err.count("\n") == 1
    return captured.err


def test_several_sentences_become_several_motions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = run(capsys, "--prompt", KICK, "--prompt", "a jump", "--frames", "40", "--out", str(tmp_path), "mocap=none")
    assert "2 motion(s)" in told
    assert [path.name[:6] for path in sorted(tmp_path.iterdir())] == ["0000_a", "0001_a"]


def test_a_sentence_becomes_a_motion(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "motions"
    told = run(
        capsys, "--prompt", KICK, "--frames", "50", "--seed", "3", "--out", str(out), "--picture", "--npy", "mocap=none"
    )
    assert "round_kick" in told and "1 motion(s) by library (not learned), seed 3" in told
    stem = out / "0000_a_high_roundhouse_kick_with_the_left_leg"
    assert sorted(path.suffix for path in out.iterdir()) == [".npy", ".npz", ".png"]
    content = np.load(stem.with_suffix(".npz"))
    made = LibraryGenerator(LibraryConfig(mocap="none")).generate([read_text(KICK)], 50, 3)[0]
    np.testing.assert_array_equal(content["joints"], made.positions.astype(np.float32))
    assert content["joint_names"].tolist() == list(JOINT_NAMES) and content["fps"] == 20.0
    provenance = json.loads(str(content["provenance"]))
    assert provenance["generator"] == "library" and provenance["is_learned"] is False and provenance["seed"] == 3
    assert provenance["prompt"]["text"] == KICK and provenance["sha256"] == made.digest
    # HumanML3D has x to the left, y up and z forwards.
    np.testing.assert_array_equal(np.load(stem.with_suffix(".npy"))[..., 1], content["joints"][..., 2])
    np.testing.assert_array_equal(np.load(stem.with_suffix(".npy"))[..., 2], content["joints"][..., 0])
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_prompts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, out = tmp_path / "prompts.jsonl", tmp_path / "motions"
    whole = json.dumps(read_text("a person squats").as_dict())
    path.write_text(f'"a person\u2028jumps"\n\n{{"text": "a person walks forward"}}\n{whole}\n', encoding="utf-8")
    told = run(capsys, "--prompts", str(path), "--frames", "40", "--out", str(out), "mocap=none", "noise=0.5")
    assert "3 motion(s)" in told
    assert [file.name for file in sorted(out.iterdir())] == [
        "0000_a_person_jumps.npz", "0001_a_person_walks_forward.npz", "0002_a_person_squats.npz",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--prompt"),
        (("--prompt", ""), "--prompt: text"),
        (("--prompt", "x", "--prompts", "y"), "not allowed with"),
        (("--prompt", "x", "--generator", "libary"), "did you mean 'library'"),
        (("--prompt", "x", "--frames", "5"), "from 20 to 2000, is 5"),
        (("--prompt", "x", "--view", "top"), "--view"),
        (("--prompt", "x", "noise"), "key=value"),
        (("--prompt", "x", "noise=[1"), "quote it"),
        (("--prompt", "x", "nois=1"), "did you mean 'noise'"),
        (("--prompt", "x", "noise=9"), "noise: must be from 0 to 3, is 9"),
        (("--prompt", "x", "mocap=nowhere"), "mocap: 'nowhere' is no folder"),
        (("--prompts", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no prompts"),
        ('"a walk"\n{"text": "a walk"', "line 2: is no JSON"),
        ("3", "line 1: is no prompt"),
        ('{"text": 3}', "line 1: text: must say"),
        ('{"text": "a walk", "moves": 3}', "line 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(content)
    error = refused(capsys, "--prompts", str(path), "--out", str(tmp_path / "out"))
    assert said in error and str(path) in error
    assert not (tmp_path / "out").exists()
