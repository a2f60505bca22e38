from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.export import beyondmimic_arrays, export_clip, export_path
from athena_wbc.motion.formats import read_motion
from tests.motion.formats.test_beyondmimic_npz import bent
from tests.motion.samples import random_clip, standing


@pytest.fixture(scope="module")
def g1() -> Embodiment:
    return get_embodiment("g1")


@pytest.mark.parametrize("target", ["athena", "csv", "beyondmimic", "beyondmimic:isaac"])
def test_round_trip(tmp_path: Path, g1: Embodiment, target: str) -> None:
    """To the seven digits of a float32, and a second time without any loss."""
    said = {"quaternion": "xyzw"} if target == "csv" else {}
    clip = random_clip(g1)
    path = export_clip(clip, g1, tmp_path / "one", target)
    (read,) = read_motion(path, robot=g1, **said)
    if target.startswith("beyondmimic"):
        order = "isaac" if target.endswith("isaac") else "mjcf"
        assert any(f"joint order by evidence: {order}," in step for step in read.history)
    assert read.fps == clip.fps
    assert read.joint_names == clip.joint_names
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_allclose(getattr(read, key), getattr(clip, key), rtol=2e-7, atol=1e-7, err_msg=key)
    again = export_clip(read.replace(name=clip.name), g1, tmp_path / "two", target)
    (twice,) = read_motion(again, robot=g1, **said)
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_allclose(getattr(twice, key), getattr(read, key), rtol=0, atol=2e-9, err_msg=key)


def test_joints_are_matched_by_name(tmp_path: Path, g1: Embodiment) -> None:
    clip = bent(g1)
    order = np.random.default_rng(0).permutation(29)
    shuffled = clip.replace(joint_pos=clip.joint_pos[:, order], joint_names=tuple(clip.joint_names[i] for i in order))
    (read,) = read_motion(export_clip(shuffled, g1, tmp_path, "csv"), robot=g1, quaternion="xyzw")
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-8)
    with pytest.raises(AthenaError, match="lacks the joints left_hip_pitch_joint"):
        few = clip.replace(joint_pos=clip.joint_pos[:, 1:], joint_names=clip.joint_names[1:])
        export_clip(few, g1, tmp_path, "csv")


def test_what_the_columns_are(tmp_path: Path, g1: Embodiment) -> None:
    clip = standing(g1, frames=2).replace(root_quat=np.tile((0.1, 0.2, 0.3, np.sqrt(1 - 0.14)), (2, 1)))
    path = export_clip(clip, g1, tmp_path, "csv")
    first = path.read_text().splitlines()[0].split(",")
    assert len(first) == 36
    assert first[:7] == ["0", "0", "0.76", "0.1", "0.2", "0.3", "0.92736185"]
    assert float(first[7 + 3]) == pytest.approx(g1.default_joint_pos[3])


@pytest.mark.parametrize(
    ("name", "fps", "expected"),
    [
        ("walk", 50.0, "walk_50hz.csv"),
        ("walk_50hz", 50.0, "walk_50hz.csv"),
        ("walk_60hz", 50.0, "walk_60hz_50hz.csv"),
        ("kick", 29.887, "kick_29.887hz.csv"),
    ],
)
def test_the_rate_is_in_the_name(g1: Embodiment, name: str, fps: float, expected: str) -> None:
    assert export_path(standing(g1, fps=fps).replace(name=name), "x", "csv").name == expected


def test_velocities_of_a_constant_turn_and_walk(g1: Embodiment) -> None:
    """1 m/s ahead and 2 rad/s to the left: every body turns alike, and a body at rest in the root's frame circles."""
    from scipy.spatial.transform import Rotation

    time = np.arange(60) / 30.0
    clip = standing(g1).replace(
        root_pos=np.stack((time, np.zeros(60), np.full(60, 0.76)), axis=1),
        root_quat=Rotation.from_rotvec(np.outer(2.0 * time, (0, 0, 1))).as_quat(),
    )
    arrays = beyondmimic_arrays(clip, g1)
    np.testing.assert_allclose(arrays["body_ang_vel_w"], np.tile((0.0, 0.0, 2.0), (60, 30, 1)), atol=1e-5)
    np.testing.assert_allclose(arrays["body_lin_vel_w"][:, 0], np.tile((1.0, 0.0, 0.0), (60, 1)), atol=1e-5)
    arm = arrays["body_pos_w"] - arrays["body_pos_w"][:, :1]
    circling = np.stack((-2.0 * arm[..., 1] + 1.0, 2.0 * arm[..., 0], 0.0 * arm[..., 2]), axis=-1)
    np.testing.assert_allclose(arrays["body_lin_vel_w"][1:-1], circling[1:-1], atol=2e-3)
    assert arrays["fps"].tolist() == [30.0]
    assert {array.dtype for key, array in arrays.items() if key != "fps"} == {np.dtype(np.float32)}


def test_an_unknown_target(tmp_path: Path, g1: Embodiment) -> None:
    with pytest.raises(AthenaError, match="--to: unknown 'cvs'; did you mean 'csv'"):
        export_path(standing(g1), tmp_path, "cvs")


def test_agrees_with_the_exporter_of_mjlab(shared_motions: Path, g1: Embodiment, tmp_path: Path) -> None:
    """A real npz, read and written again: positions, and the velocities that mjlab computed."""
    file = shared_motions / "g1_moves" / "M_ShortMove12.npz"
    (clip,) = read_motion(file, robot=g1)
    ours = dict(np.load(export_clip(clip, g1, tmp_path, "beyondmimic")))
    theirs = dict(np.load(file))
    assert set(ours) == set(theirs)
    assert {key: array.shape for key, array in ours.items()} == {key: array.shape for key, array in theirs.items()}
    for key, tolerance in (("joint_pos", 1e-6), ("joint_vel", 2e-3), ("body_pos_w", 1e-3)):
        np.testing.assert_allclose(ours[key], theirs[key], atol=tolerance, err_msg=key)
    inner = slice(1, -1)
    spread = np.abs(ours["body_lin_vel_w"] - theirs["body_lin_vel_w"])[inner]
    assert np.median(spread) < 5e-3
    turned = np.abs((ours["body_quat_w"] * theirs["body_quat_w"]).sum(axis=-1))
    assert turned.min() > 1 - 1e-4
    assert np.median(np.abs(ours["body_ang_vel_w"] - theirs["body_ang_vel_w"])[inner]) < 0.05


def test_the_command(tmp_path: Path, g1: Embodiment, capsys: pytest.CaptureFixture[str]) -> None:
    from athena_wbc.cli import main

    random_clip(g1).save(tmp_path / "a.npz")
    for target, name in (("csv", "random_29.887hz.csv"), ("beyondmimic", "random.npz")):
        command = ["motions", "convert", str(tmp_path / "a.npz"), "--to", target, "--out", str(tmp_path / target)]
        assert main(command) == 0
        quaternion = "xyzw" if target == "csv" else None
        assert isinstance(read_motion(tmp_path / target / name, robot=g1, quaternion=quaternion)[0], MotionClip)
        assert ("(quaternions xyzw, frame rates in the names)" in capsys.readouterr().out) == (target == "csv")
    assert main(["motions", "convert", str(tmp_path / "a.npz"), "--to", "bvh", "--out", str(tmp_path)]) == 2
    assert "--to" in capsys.readouterr().err
