"""Real files of other projects, where the folder with them is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion import evidence
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from athena_wbc.motion.formats.safe_npz import Npz
from tests.motion.samples import write_csv


@pytest.fixture(scope="module")
def asap(shared_motions: Path, g1: Embodiment) -> list[MotionClip]:
    files = sorted((shared_motions / "asap_g1_23dof").glob("*.pkl"))
    return [clip for file in files for clip in read_motion(file, robot=g1)]


@pytest.fixture(scope="module")
def columns(shared_motions: Path, g1: Embodiment) -> list[MotionClip]:
    folders = ("g1_moves", "protomotions_kimodo", "unitree_beyondmimic_csv")
    files = [file for folder in folders for file in sorted((shared_motions / folder).glob("*.csv"))]
    return [clip for file in files for clip in read_motion(file, robot=g1)]


def test_all_asap_clips(asap: list[MotionClip]) -> None:
    assert len(asap) == 39
    assert {clip.fps for clip in asap} == {30.0}
    assert sum(clip.duration for clip in asap) == pytest.approx(186.0, abs=2.0)
    for clip in asap:
        assert clip.name.startswith("0-motions_raw_")
        wrists = [i for i, name in enumerate(clip.joint_names) if "wrist" in name]
        assert not clip.joint_pos[:, wrists].any()


def test_asap_joints_are_the_sum_of_their_axis_angles(
    shared_motions: Path, asap: list[MotionClip], g1: Embodiment
) -> None:
    """`pose_aa` has the same joints as vectors along the axes of the model: a second witness of their order."""
    from athena_wbc.motion.formats.safe_pickle import load_pickle

    joints = [i for i, name in enumerate(g1.joint_names) if "wrist" not in name]
    for file, clip in zip(sorted((shared_motions / "asap_g1_23dof").glob("*.pkl")), asap, strict=True):
        (content,) = load_pickle(file).values()
        along = (content["pose_aa"][:, 1:24] * g1.joint_axis[joints]).sum(axis=2)
        np.testing.assert_allclose(clip.joint_pos[:, joints], along, atol=1e-5)


def test_all_csv_clips(columns: list[MotionClip]) -> None:
    assert len(columns) == 47
    by_rate = {fps: sum(clip.fps == fps for clip in columns) for fps in (30.0, 60.0)}
    assert by_rate == {30.0: 3, 60.0: 44}


def test_csv_and_npz_of_one_motion_agree(shared_motions: Path, g1: Embodiment, columns: list[MotionClip]) -> None:
    twins = sorted((shared_motions / "g1_moves").glob("*.npz"))
    assert len(twins) == 5
    by_name = {clip.name: clip for clip in columns}
    for file in twins:
        (clip,) = read_motion(file, robot=g1)
        other = by_name[clip.name]
        assert clip.fps == other.fps == 60.0
        assert clip.num_frames == other.num_frames - 1
        np.testing.assert_allclose(clip.root_pos, other.root_pos[:-1], atol=1e-5)
        np.testing.assert_allclose(clip.joint_pos, other.joint_pos[:-1], atol=5e-5)
        dot = np.abs((clip.root_quat * other.root_quat[:-1]).sum(axis=1))
        np.testing.assert_allclose(dot, 1.0, atol=1e-6)
        # The exporter's velocities are central differences, as ours are.
        np.testing.assert_allclose(clip.joint_vel, Npz(file)["joint_vel"], atol=2e-3)


def test_protomotions_is_scalar_first(shared_motions: Path, g1: Embodiment) -> None:
    file = shared_motions / "protomotions_kimodo" / "output_walk.csv"
    (clip,) = read_motion(file, robot=g1)
    table = np.loadtxt(file, delimiter=",")
    np.testing.assert_allclose(np.abs(clip.root_quat), np.abs(np.roll(table[:, 3:7], -1, axis=1)), atol=1e-6)
    assert clip.fps == 30.0
    with pytest.raises(AthenaError, match=r"root_quat: read as xyzw .* lies or hangs upside down"):
        read_motion(file, robot=g1, quaternion="xyzw")


def test_unitree_is_scalar_last_and_says_its_rate_in_its_name(shared_motions: Path, g1: Embodiment) -> None:
    (file,) = (shared_motions / "unitree_beyondmimic_csv").glob("*.csv")
    (clip,) = read_motion(file, robot=g1)
    assert clip.fps == 60.0
    with pytest.raises(AthenaError, match=r"root_quat: read as wxyz .* give --quaternion xyzw"):
        read_motion(file, robot=g1, quaternion="wxyz")


@pytest.mark.parametrize("written", ["xyzw", "wxyz"])
def test_either_quaternion_order_is_told_from_the_motion(
    tmp_path: Path, g1: Embodiment, asap: list[MotionClip], columns: list[MotionClip], written: str
) -> None:
    """Every clip, written in both orders, on a path that says nothing; and read in the wrong one, it is refused."""
    wrong = "xyzw" if written == "wxyz" else "wxyz"
    for clip in [clip for clip in asap + columns if clip.num_frames < 500]:
        path = write_csv(tmp_path / "a.csv", clip, written)
        (read,) = read_motion(path, robot=g1, fps=clip.fps)
        np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-6, err_msg=clip.name)
        with pytest.raises(AthenaError, match=f"root_quat: read as {wrong}"):
            read_motion(path, robot=g1, fps=clip.fps, quaternion=wrong)


def test_either_joint_order_is_told_from_the_motion(
    g1: Embodiment, asap: list[MotionClip], columns: list[MotionClip]
) -> None:
    joints = [g1.joint_names.index(name) for name in evidence.breadth_first_joints(g1)]
    for clip in asap + columns:
        right = (evidence.limit_excess(g1, clip.joint_pos).max(axis=1) > evidence.LIMIT_TOLERANCE).mean()
        read_as_mjcf = clip.joint_pos[:, joints]
        read_as_isaac = np.empty_like(clip.joint_pos)
        read_as_isaac[:, joints] = clip.joint_pos
        for wrong in (read_as_mjcf, read_as_isaac):
            broken = (evidence.limit_excess(g1, wrong).max(axis=1) > evidence.LIMIT_TOLERANCE).mean()
            assert broken - right > 0.05, clip.name


def test_real_jumps_fall_at_g_and_no_other_rate_does(
    shared_motions: Path, g1: Embodiment, asap: list[MotionClip], columns: list[MotionClip]
) -> None:
    falls = {}
    for clip in asap + columns:
        trace = evidence.trace_bodies(g1, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
        fall = evidence.measure_fall(evidence.find_flights(trace))
        if fall is not None:
            falls[clip.name] = fall
            for factor in (0.5, 2.0):
                assert evidence.measure_fall(evidence.find_flights(trace.at(factor * clip.fps))).is_wrong, clip.name
    assert len(falls) == 10
    assert sum("jump" in name for name in falls) == 8
    for name, fall in falls.items():
        assert -10.1 < fall.acceleration < (-7.5 if name == "M_Move9" else -8.5), name


def test_a_real_jump_at_the_wrong_rate(shared_motions: Path, g1: Embodiment) -> None:
    (file,) = (shared_motions / "asap_g1_23dof").glob("*jump_degree_level2*.pkl")
    with pytest.raises(AthenaError, match=r"fps: at 60 fps \(option --fps\).*heavier than g; give --fps \(about 30"):
        read_motion(file, robot=g1, fps=60)
    with pytest.raises(AthenaError, match=r"fps: at 20 fps \(option --fps\).*lighter than g"):
        read_motion(file, robot=g1, fps=20)
