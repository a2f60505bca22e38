from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import asap_content, gliding, jumping, standing, write_joblib


@pytest.mark.parametrize("joints", [23, 29])
@pytest.mark.parametrize("compress", [False, True])
def test_joints_go_to_their_names(tmp_path: Path, g1: Embodiment, joints: int, compress: bool) -> None:
    clip = gliding(g1)
    # Every joint has a value of its own, within all limits.
    own = np.tile(g1.default_joint_pos + 0.001 * np.arange(29), (60, 1))
    path = write_joblib(tmp_path / "a.pkl", {"wave": asap_content(clip.replace(joint_pos=own), joints)}, compress)
    (read,) = read_motion(path, robot=g1)
    for i, name in enumerate(g1.joint_names):
        expected = g1.default_joint_pos[i] if joints == 23 and "wrist" in name else own[0, i]
        np.testing.assert_allclose(read.joint_pos[:, i], expected, atol=1e-7, err_msg=name)
    assert (read.name, read.fps) == ("a", 30.0)
    np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-6)
    assert any("at their default position" in step for step in read.history) == (joints == 23)


def test_several_clips_are_named_by_their_keys(tmp_path: Path, g1: Embodiment) -> None:
    content = {"/data/raw/kick one.npz": asap_content(standing(g1)), "b": asap_content(gliding(g1), fps=np.int64(50))}
    one, other = read_motion(write_joblib(tmp_path / "a.pkl", content), robot=g1)
    assert (one.name, other.name) == ("kick one", "b")
    assert (one.fps, other.fps) == (30.0, 50.0)


def test_what_pbhc_adds_is_left_out(tmp_path: Path, g1: Embodiment) -> None:
    more = {"contact_mask": np.zeros((60, 2)), "smpl_joints": np.zeros((60, 27, 3), dtype=np.float32)}
    content = {"/home/someone/kick.npz": asap_content(gliding(g1), **more, root_rot=gliding(g1).root_quat.astype("f4"))}
    (read,) = read_motion(write_joblib(tmp_path / "kick.pkl", content), robot=g1)
    assert (read.name, read.num_frames) == ("kick", 60)


def test_a_plain_pickle_of_one_motion_without_fps(tmp_path: Path, g1: Embodiment) -> None:
    content = asap_content(standing(g1))
    del content["fps"]
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    (read,) = read_motion(path, robot=g1)
    assert read.fps == 30.0
    assert "30 fps: default of the format" in read.history


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"dof": np.zeros((60, 17))},
            r"dof: has 17 joints without names, robot 'g1' has 29; known are 23 and 29 \(G1\): register",
        ),
        (
            {"dof": np.zeros((60, 19))},
            r"dof: has 19 joints .* 19 are Unitree H1 \(left_hip_yaw_joint, \.\.\.\): register",
        ),
        ({"dof": np.zeros((59, 23))}, r"root_trans_offset: has 60 frames and dof 59"),
        ({"dof": np.zeros(23)}, r"dof: has the shape \(23,\)"),
        ({"root_rot": np.zeros((60, 3))}, r"root_rot: has the shape \(60, 3\), \(frames, 4\) is expected"),
        ({"root_rot": "none"}, r"root_rot: has the shape str"),
        ({"root_rot": np.zeros((60, 4))}, r"root_rot|root_quat: norm 0 at frame 0"),
        ({"fps": "thirty"}, r"fps: is str, a number is expected"),
        ({"fps": 0}, r"fps: must be positive"),
        ({"fps": np.array([30, 30])}, r"fps: is ndarray"),
    ],
)
def test_nonsense_within_a_clip(tmp_path: Path, g1: Embodiment, changes: dict, reason: str) -> None:
    path = write_joblib(tmp_path / "a.pkl", {"x": asap_content(standing(g1), **changes)})
    with pytest.raises(AthenaError, match=rf"a\.pkl: ({reason})"):
        read_motion(path, robot=g1)


def test_nan_is_found(tmp_path: Path, g1: Embodiment) -> None:
    content = asap_content(standing(g1))
    content["dof"][3, 7] = np.nan
    with pytest.raises(AthenaError, match=r"a\.pkl: joint_pos: is nan at frame 3, column 7"):
        read_motion(write_joblib(tmp_path / "a.pkl", {"x": content}), robot=g1)


def test_the_clip_is_named_where_a_file_holds_several(tmp_path: Path, g1: Embodiment) -> None:
    content = {"good": asap_content(standing(g1)), "bad": asap_content(standing(g1), fps=-1)}
    with pytest.raises(AthenaError, match=r"a\.pkl: bad: fps: must be positive"):
        read_motion(write_joblib(tmp_path / "a.pkl", content), robot=g1)


def test_another_frame_rate_makes_the_jump_fall_wrongly(tmp_path: Path, g1: Embodiment) -> None:
    path = write_joblib(tmp_path / "a.pkl", {"x": asap_content(jumping(g1, 30.0))})
    assert read_motion(path, robot=g1)[0].fps == 30.0
    with pytest.raises(AthenaError, match=r"a\.pkl: fps: at 60 fps \(option --fps\) .* heavier than g.*about 30"):
        read_motion(path, robot=g1, fps=60)


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("true",)


@pytest.mark.parametrize("joblib", [True, False])
def test_a_pickle_with_anything_else_is_refused_by_the_name_of_it(tmp_path: Path, g1: Embodiment, joblib: bool) -> None:
    path = tmp_path / "a.pkl"
    content = {"x": asap_content(standing(g1)) | {"extra": Evil()}}
    if joblib:
        write_joblib(path, content)
    else:
        path.write_bytes(pickle.dumps(content))
    for format in ("auto", "asap"):
        with pytest.raises(AthenaError, match=r"a\.pkl: refers to the global 'posix\.system'"):
            read_motion(path, robot=g1, format=format)


def test_another_pickle_of_arrays_is_known_to_nobody(tmp_path: Path, g1: Embodiment) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"root_pos": np.zeros((4, 3)), "fps": 30}))
    with pytest.raises(AthenaError, match=r"no reader knows this file \(it has the keys root_pos, fps\)"):
        read_motion(path, robot=g1)
    with pytest.raises(AthenaError, match=r"a\.pkl: root_pos: is no motion but ndarray"):
        read_motion(path, robot=g1, format="asap")
