from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import read_motion
from athena_wbc.motion.formats.csv_columns import conventions
from tests.motion.samples import gliding, jumping, standing, write_csv, write_npz


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def read_stated(path: Path, robot: Embodiment) -> None:
    read_motion(path, robot=robot, fps=30, quaternion="xyzw")


@pytest.mark.parametrize("quaternion", ["xyzw", "wxyz"])
def test_numbers_come_back(tmp_path: Path, g1: Embodiment, quaternion: str) -> None:
    clip = gliding(g1)
    path = write_csv(tmp_path / "glide.csv", clip, quaternion)
    (read,) = read_motion(path, robot=g1, fps=30, quaternion=quaternion)
    assert (read.name, read.fps, read.joint_names, read.robot) == ("glide", 30.0, g1.joint_names, "g1")
    np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-8)
    np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-8)
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-8)
    assert "as csv (36 columns of numbers)" in read.history[0]


@pytest.mark.parametrize(
    ("source", "fps", "quaternion"),
    [
        ("lafan", 30, "xyzw"),
        ("beyondmimic", 30, "xyzw"),
        ("g1_moves", 60, "xyzw"),
        ("unitree", 60, "xyzw"),
        ("protomotions", 30, "wxyz"),
        ("kimodo", 30, "wxyz"),
    ],
)
def test_a_source_states_what_the_file_leaves_out(
    tmp_path: Path, g1: Embodiment, source: str, fps: float, quaternion: str
) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1), quaternion)
    (read,) = read_motion(path, format=f"csv:{source}", robot=g1)
    assert read.fps == fps
    np.testing.assert_allclose(read.root_quat, gliding(g1).root_quat, atol=1e-8)


@pytest.mark.parametrize(
    ("place", "fps", "quaternion"),
    [
        ("g1-moves/dance/a.csv", 60.0, "xyzw"),
        ("unitreerobotics/LAFAN1_Retargeting_Dataset/g1/dance1_subject1.csv", 30.0, "xyzw"),
        ("plain/fight1_subject2.csv", 30.0, "xyzw"),
        ("ProtoMotions/data/a.csv", 30.0, "wxyz"),
        ("unitree_beyondmimic/take.bvh_60hz.csv", 60.0, "xyzw"),
        ("unitree_beyondmimic/take.csv", None, "xyzw"),
        ("kimodo/unitree/take.csv", 60.0, "xyzw"),
        ("plain/walk_120fps.csv", 120.0, None),
        ("plain/walk_50 Hz.csv", 50.0, None),
        ("plain/a30fpsx/walk1.csv", None, None),
        ("plain/walk.csv", None, None),
    ],
)
def test_what_a_path_says(
    tmp_path: Path, g1: Embodiment, place: str, fps: float | None, quaternion: str | None
) -> None:
    path = tmp_path / "x" / "y" / "z" / "w" / place
    path.parent.mkdir(parents=True)
    rate, order = conventions(path, np.zeros((2, 36)), None)
    assert (None if rate.is_open else rate.values[0]) == fps
    assert (None if order.is_open else order.values[0]) == quaternion
    for choice in (rate, order):
        assert choice.is_open == (choice.origin == "")


def test_a_twin_with_a_frame_rate_speaks_for_the_file(tmp_path: Path, g1: Embodiment) -> None:
    clip = gliding(g1)
    path = write_csv(tmp_path / "a.csv", clip, "wxyz")
    bodies = np.zeros((60, 30, 3))
    bodies[:, 0] = clip.root_pos
    quats = np.tile((1.0, 0.0, 0.0, 0.0), (60, 30, 1))
    quats[:, 0] = np.roll(clip.root_quat, 1, axis=1)
    write_npz(tmp_path / "a.npz", fps=[48.0], joint_pos=clip.joint_pos, body_pos_w=bodies, body_quat_w=quats)
    (read,) = read_motion(path, robot=g1)
    assert read.fps == 48.0
    np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-8)
    assert "48 fps: its twin a.npz" in read.history
    bodies[:, 0, 1] += 1.0
    write_npz(tmp_path / "a.npz", fps=[48.0], joint_pos=clip.joint_pos, body_pos_w=bodies, body_quat_w=quats)
    with pytest.raises(AthenaError, match="give --fps"):
        read_motion(path, robot=g1)


def test_without_any_word_the_motion_decides(tmp_path: Path, g1: Embodiment) -> None:
    for fps in (30.0, 60.0):
        path = write_csv(tmp_path / "a.csv", jumping(g1, fps), "wxyz")
        (read,) = read_motion(path, robot=g1)
        assert read.fps == fps
        np.testing.assert_allclose(read.root_quat, jumping(g1, fps).root_quat, atol=1e-8)
        assert any("fps by evidence: 1 flight(s) fall at -9.8" in step for step in read.history)


def test_where_the_motion_does_not_tell_it_asks(tmp_path: Path, g1: Embodiment) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    with pytest.raises(
        AthenaError, match=r"a\.csv: fps: the file does not say its frame rate.*give --fps \(30 or 60\)"
    ):
        read_motion(path, robot=g1)
    turned = np.tile((0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)), (60, 1))
    lying = np.tile((0.5, 0.5, 0.5, 0.5), (60, 1))
    write_csv(path, standing(g1, root_quat=lying))
    with pytest.raises(AthenaError, match=r"a\.csv: root_quat: .* fits both; give --quaternion"):
        read_motion(path, robot=g1, fps=30)
    write_csv(path, standing(g1, root_quat=turned))
    (read,) = read_motion(path, robot=g1, fps=30)
    np.testing.assert_allclose(read.root_quat, turned, atol=1e-8)


def test_truncated_within_a_line(tmp_path: Path, g1: Embodiment) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    lines = lines_of(path)
    path.write_text("\n".join(lines[:20]) + "\n" + lines[20][:100])
    with pytest.raises(AthenaError, match=r"a\.csv: line 21: ends after \d+ of 36 columns; the file is truncated"):
        read_stated(path, g1)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "NaN"])
def test_not_finite(tmp_path: Path, g1: Embodiment, text: str) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    rows = [line.split(",") for line in lines_of(path)]
    rows[4][10] = text
    path.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(AthenaError, match=r"a\.csv: line 5, column 11 \(left_knee_joint\): is .*; repair"):
        read_stated(path, g1)


def test_35_columns(tmp_path: Path, g1: Embodiment) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    path.write_text("\n".join(line.rpartition(",")[0] for line in lines_of(path)))
    with pytest.raises(AthenaError, match=r"a\.csv: line 1: has 35 columns, 36 are expected for robot 'g1'"):
        read_stated(path, g1)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda lines: [",".join(f"joint{i}" for i in range(36)), *lines], "line 1: is no line of numbers"),
        (lambda lines: [*lines[:3], lines[3].replace(",", ";", 1), *lines[4:]], "line 4: has 35 columns"),
        (lambda lines: [*lines[:2], "x" + lines[2], *lines[3:]], r"line 3, column 1 \(root x\): 'x.* is no number"),
        (
            lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0] + ","],
            "line 60, column 36 .*'' is no number; the file is tr",
        ),
        (lambda lines: lines[:1], "has 1 frame.*at least two"),
        (lambda lines: [""], "is empty"),
        (lambda lines: [*lines[:2], lines[2] + "\ud800"], "is no text at byte"),
    ],
)
def test_other_damage(tmp_path: Path, g1: Embodiment, edit, reason: str) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    path.write_bytes("\n".join(edit(lines_of(path))).encode("utf-8", errors="surrogatepass"))
    with pytest.raises(AthenaError, match=rf"a\.csv: ({reason})"):
        read_motion(path, format="csv", robot=g1, fps=30, quaternion="xyzw")


def test_a_header_is_shown_when_nobody_knows_the_file(tmp_path: Path, g1: Embodiment) -> None:
    (tmp_path / "a.csv").write_text("Frame,root_translateX\n0,1\n")
    with pytest.raises(
        AthenaError, match=r"a\.csv: no reader knows this file \(it starts with 'Frame,root_translateX'\)"
    ):
        read_motion(tmp_path / "a.csv", robot=g1)


def test_blank_lines_at_the_end_and_windows_line_ends_are_fine(tmp_path: Path, g1: Embodiment) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines_of(path), "", " "]).encode())
    (read,) = read_motion(path, robot=g1, fps=30, quaternion="xyzw")
    assert read.num_frames == 60


def test_not_unit(tmp_path: Path, g1: Embodiment) -> None:
    path = write_csv(tmp_path / "a.csv", gliding(g1))
    table = np.loadtxt(path, delimiter=",")
    table[7, 3:7] *= 1.5
    np.savetxt(path, table, delimiter=",")
    with pytest.raises(AthenaError, match=r"a\.csv: root_quat: norm 1\.5 at frame 7 is not 1"):
        read_stated(path, g1)
