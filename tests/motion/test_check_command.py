from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from athena_wbc import cli
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import gliding, jumping, standing

G1 = get_embodiment("g1")
ELBOW = G1.joint_names.index("right_elbow_joint")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    return cli.main(["motions", *arguments])


def broken(name: str = "broken") -> MotionClip:
    """Floats 6 cm too high from frame 30 on, after a jump there, and flips its elbow at frame 10."""
    clip = standing(G1)
    root_pos, joint_pos = clip.root_pos.copy(), clip.joint_pos.copy()
    root_pos[30:] += (0.0, 0.1, 0.06)
    joint_pos[11:, ELBOW] += 1.4
    return clip.replace(name=name, root_pos=root_pos, joint_pos=joint_pos)


def test_json_has_all_frames_and_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    broken().save("a.npz")
    assert run("check", "a.npz", "--json") == 0
    found = {finding["kind"]: finding for finding in json.loads(capsys.readouterr().out)["broken"]}
    assert {kind: (finding["frames"], finding["worst"]) for kind, finding in found.items()} == {
        "velocity_spike": ([[10, 11]], 10),
        "root_jump": ([[29, 30]], 29),
        "floating": ([[30, 60]], found["floating"]["worst"]),
    }
    assert found["velocity_spike"]["value"] == pytest.approx(42.0, rel=1e-4)


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is filtered out does not count for the exit code either."""
    jumping(G1, gravity=3.0).save("moon.npz")
    broken().save("broken.npz")
    assert run("check", "moon.npz", "broken.npz", "--json", "--severity", "error") == 1
    content = json.loads(capsys.readouterr().out)
    assert {name: [finding["kind"] for finding in found] for name, found in content.items()} == {
        "jumping": ["flight"],
        "broken": [],
    }
    assert run("check", "moon.npz", "broken.npz", "--json", "--kind", "root_jump", "--kind", "floating") == 0
    content = json.loads(capsys.readouterr().out)
    assert [finding["kind"] for finding in content["broken"]] == ["root_jump", "floating"]
    assert content["jumping"] == []


def test_summary_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    broken("one").save("1.npz")
    broken("two").slice(0, 40).save("2.npz")
    standing(G1).save("3.npz")
    assert run("check", "1.npz", "2.npz", "3.npz", "--summary", "--json", "--csv", "all.csv") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["floating"] == {
        "clips": 2,
        "error": 0,
        "warning": 2,
        "info": 0,
        "frames": 40,
        "share": 40 / 160,
        "most": "one",
    }
    with open("all.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["clip"], row["kind"]) for row in rows if row["kind"] == "floating"] == [
        ("one", "floating"),
        ("two", "floating"),
    ]
    (row,) = (row for row in rows if row["clip"] == "two" and row["kind"] == "floating")
    assert (row["frames"], row["intervals"], row["unit"], row["severity"]) == ("10", "30-39", "m", "warning")
    assert run("check", "1.npz", "2.npz", "3.npz", "--summary") == 0
    printed = capsys.readouterr().out
    assert "floating" in printed and "25.0%" in printed
    assert "3 clip(s): 1 clean, 0 with errors, 2 with warnings, 0 with infos" in printed


def test_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    broken("one").save("1.npz")
    standing(G1).save("2.npz")
    assert run("check", "1.npz", "--picture", "one.png") == 0
    assert Path("one.png").read_bytes().startswith(b"\x89PNG")
    assert run("check", "1.npz", "2.npz", "--picture", "pages") == 0
    assert sorted(path.name for path in Path("pages").iterdir()) == ["one.png", "standing.png"]
    assert Path("pages/one.png").read_bytes() == Path("one.png").read_bytes()


def test_jobs_give_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    broken("one").save("1.npz")
    gliding(G1, speed=0.5).save("2.npz")
    outputs = []
    for jobs in ("1", "2"):
        run("check", "1.npz", "2.npz", "--json", "--jobs", jobs)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert "foot_skating" in outputs[0]


def test_repair_and_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    broken().save("a.npz")
    assert run("convert", "a.npz", "--repair", "--out", "out") == 0
    assert run("check", "out") == 0
    assert "1 clean" in capsys.readouterr().out
    assert run("info", "out") == 0
    printed = capsys.readouterr().out
    assert "broken: root jumps removed: (+0.000, +0.100, +0.060) m after frame 29" in printed
    assert "broken: spikes smoothed: 1 step(s) in 1 bridge(s)" in printed


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("--fix-jumps", "root jumps removed"),
        ("--smooth", "spikes smoothed"),
        ("--ground_window=1", "grounded along 1 s"),
    ],
)
def test_each_remedy_alone(option: str, remedy: str) -> None:
    broken().save("a.npz")
    assert run("convert", "a.npz", option, "--out", "out") == 0
    (clip,) = read_motion("out/broken.npz", robot=G1)
    assert [step.split(":")[0] for step in clip.history] == [remedy]


def test_mirrored_copies() -> None:
    broken("kick_left").save("a.npz")
    assert run("convert", "a.npz", "--mirror", "--keep-original", "--out", "out") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["kick_left.npz", "kick_right_mirrored.npz"]
    (image,) = read_motion("out/kick_right_mirrored.npz", robot=G1)
    left = G1.joint_names.index("left_elbow_joint")
    np.testing.assert_allclose(image.joint_pos[:, left], broken().joint_pos[:, ELBOW], atol=1e-6)
    assert run("convert", "a.npz", "--mirror", "--out", "only") == 0
    assert [path.name for path in Path("only").iterdir()] == ["kick_right_mirrored.npz"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("check 1.npz 2.npz --picture x.png", "--picture: x.png is one file for 2 clips; name a folder"),
        ("check 1.npz --picture x.jpg", "--picture: x.jpg: unknown kind of file"),
        ("check 1.npz --frames", "--frames: belongs to a picture; add --picture"),
        ("check 1.npz --kind skating", "--kind: unknown 'skating'"),
        ("check 1.npz --severity bad", "--severity: unknown 'bad'"),
        ("check 1.npz --jobs 0", "--jobs"),
        ("convert 1.npz --keep-original --out o", "--keep_original: belongs to mirrored copies; add --mirror"),
        ("convert 1.npz --ground --ground-window 1 --out o", "--ground_window: excludes --ground"),
        ("convert 1.npz --ground-window -1 --out o", "--ground_window: must be a positive time in seconds, is -1"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(arguments: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    standing(G1).save("1.npz")
    broken().save("2.npz")
    assert run(*arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("athena: error: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err
