"""Every human motion among the real files, where their folder is there: read, or refused for a stated reason."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.evidence import GRAVITY
from athena_wbc.motion.formats.human import evidence, human_extensions, read_human
from athena_wbc.motion.human import HumanMotion
from tests.motion.formats.real_files import NOTES, OWNERS

pytest.importorskip("pybvh", reason="BVH needs the package pybvh: pip install -e '.[formats]' in the checkout")
pytest.importorskip("c3d", reason="C3D needs the package c3d: pip install -e '.[formats]' in the checkout")

READ: dict[str, dict] = {
    "aistpp_smpl/gBR_sBM_cAll_d04_mBR0_ch01.pkl": {},
    "bvh_animated_drawings/dab.bvh": {},
    "bvh_animated_drawings/jesse_dance.bvh": {},
    "bvh_animated_drawings/jumping_jacks.bvh": {},
    "bvh_animated_drawings/wave_hello.bvh": {"units": "in"},
    "bvh_animated_drawings/zombie.bvh": {"units": "in"},
    "bvh_edge_cases/bvh_example.bvh": {},
    "bvh_edge_cases/bvh_test2.bvh": {},
    "bvh_edge_cases/bvh_test3.bvh": {"up": "z"},
    "bvh_edge_cases/cmu_12_01_walk.bvh": {},
    "bvh_toolbox/test_freebvh.bvh": {},
    "bvh_toolbox/test_mocapbank.bvh": {},
    "bvh_toolbox/walk01.bvh": {},
    "cmu_bvh_asf_amc/01_01.bvh": {},
    "cmu_bvh_asf_amc/01_01.amc": {},
    "cmu_bvh_asf_amc/11_01.amc": {},
    "holosoma/mocap_climb_seq_0_joint_positions_f900-3700.npy": {"fps": 60.0},
    "holosoma/mocap_climb_seq_3_joint_positions_f200-2600.npy": {"fps": 60.0, "up": "z"},
    "humanml3d_sample/new_joint_vecs__012314.npy": {},
    "humanml3d_sample/new_joints__012314.npy": {},
}
"""File -> what it does not say and its motion does not tell. Besides, all of FOLDERS."""

FOLDERS = {"asap_smpl": 39, "asap_g1_23dof": 39, "deepmimic_human": 14}

REFUSED = {
    "bvh_animated_drawings/wave_hello.bvh": "give --units",
    "bvh_animated_drawings/zombie.bvh": "give --units",
    "bvh_edge_cases/bvh_test3.bvh": "say which it is by --up",
    "bvh_edge_cases/full_precision_frame_time.bvh": "show no whole body",
    "bvh_edge_cases/rotation_first_root.bvh": "show no whole body",
    "c3d_ktk/sample_OptiTrack_walking.c3d": "no markers for pelvis",
    "c3d_trc/markers_analogs.c3d": "no markers for",
    "holosoma/mocap_climb_seq_0_joint_positions_f900-3700.npy": "states no frame rate",
    "holosoma/mocap_climb_seq_3_joint_positions_f200-2600.npy": "the vertical cannot be told",
    "humanml3d_sample/Mean.npy": "a mean or deviation of features",
    "humanml3d_sample/Std.npy": "a mean or deviation of features",
}
"""File -> why it is refused without options."""

BESIDE = ("cmu_bvh_asf_amc/01.asf", "cmu_bvh_asf_amc/11.asf")
"""Skeletons of the AMC files, which are read with them."""

ROBOTS = ("amp_poselib_npy", "g1_moves", "kimodo_g1", "loco_mujoco_mini", "protomotions_kimodo", "tienkung_txt")
"""Folders of robot motions: no human reader takes them."""


def points_of(motion: HumanMotion) -> dict[str, np.ndarray]:
    return {landmark: motion.landmark(landmark) for landmark in motion.landmarks}


def files_of(shared_motions: Path) -> dict[str, dict]:
    files = {name: options for name, options in READ.items() if (shared_motions / name).exists()}
    for folder, count in FOLDERS.items():
        found = sorted(path for path in (shared_motions / folder).glob("*") if path.suffix in (".npz", ".pkl", ".txt"))
        found = [path for path in found if not path.name.startswith("UPSTREAM")]
        assert len(found) == count, folder
        files |= {f"{folder}/{path.name}": {} for path in found}
    return files


def test_every_file_is_read_or_refused(shared_motions: Path) -> None:
    """No human motion in the folder is missing from the lists, and none on them fails."""
    files = files_of(shared_motions)
    assert len(files) == len(READ) + sum(FOLDERS.values())
    for name, options in files.items():
        (motion,) = read_human(shared_motions / name, **options)
        points = points_of(motion)
        height = evidence.stature(points)
        assert 0.95 < height < 2.0, name
        # It stands on its feet, upright, for some of the time: even a get-up does.
        assert evidence.upright_share(points, np.array((0.0, 0.0, 1.0))) > 0.3, name
        assert evidence.toes_forward(points) > 0.5, name
        low = evidence.lowest(motion.positions, points, np.array((0.0, 0.0, 1.0)), height)
        assert -0.15 < np.percentile(low, 5) < 0.15, name
    for name, reason in REFUSED.items():
        with pytest.raises(AthenaError, match=re.escape(reason)) as caught:
            read_human(shared_motions / name)
        assert "\n" not in str(caught.value)
    listed = {*files, *REFUSED, *BESIDE}
    for path in sorted(shared_motions.rglob("*")):
        name = path.relative_to(shared_motions).as_posix()
        is_note = any(fnmatch(path.name, note) for note in NOTES)
        if path.is_file() and not is_note and OWNERS[name.split("/")[0]] in ("human", "both"):
            assert name in listed, f"{name} is on no list"


def test_robot_motions_are_nobodys(shared_motions: Path) -> None:
    for folder in ROBOTS:
        for path in sorted((shared_motions / folder).glob("*")):
            if path.suffix in human_extensions() and "LICENSE" not in path.name:
                with pytest.raises(AthenaError, match=r"no reader of human motions|no pickles|only arrays"):
                    read_human(path)


def test_humanml3d_features_match_its_joints(shared_motions: Path) -> None:
    folder = shared_motions / "humanml3d_sample"
    (features,) = read_human(folder / "new_joint_vecs__012314.npy")
    (joints,) = read_human(folder / "new_joints__012314.npy")
    assert np.abs(features.positions - joints.positions).max() < 2e-6


def test_asap_joints_match_its_poses(shared_motions: Path) -> None:
    """The same clips as poses and as joints of a body in the robot's shape.

    Root and time agree exactly; segments point the same way within what the bodies differ by in their rest poses
    (measured: 0.6 degrees in the leg, 3.1 in the upper arm, 8.3 in the foot); joints lie within 4.1 cm in the mean.
    """
    pairs = {
        "thigh": ("hip", "knee", 1.0),
        "shank": ("knee", "ankle", 1.0),
        "upper arm": ("shoulder", "elbow", 4.0),
        "forearm": ("elbow", "wrist", 4.0),
        "foot": ("ankle", "toe", 9.0),
    }
    errors = []
    for path in sorted((shared_motions / "asap_g1_23dof").glob("*.pkl")):
        clip = re.search(r"smpl_(video_.*)", path.stem).group(1)
        (joints,) = read_human(path)
        source = shared_motions / "asap_smpl" / f"{clip}.npz"
        height = 1.7 * evidence.stature(points_of(joints)) / evidence.stature(points_of(read_human(source)[0]))
        (poses,) = read_human(source, height=height)
        assert (poses.num_frames, poses.fps) == (joints.num_frames, joints.fps)
        apart = joints.landmark("pelvis") - poses.landmark("pelvis")
        assert np.ptp(apart, axis=0).max() < 1e-6
        for upper, lower, most in pairs.values():
            one, other = (m.landmark(f"left_{lower}") - m.landmark(f"left_{upper}") for m in (joints, poses))
            cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
            assert np.degrees(np.arccos(cosine.min())) < most, (clip, lower)
        for landmark in joints.landmarks:
            offset = joints.landmark(landmark) - poses.landmark(landmark) - apart
            errors.append(np.linalg.norm(offset, axis=1).mean())
    assert np.mean(errors) < 0.045


def test_cmu_acclaim_matches_its_bvh(shared_motions: Path) -> None:
    """The BVH has a T pose as its first frame, and lacks the length of the thorax: legs agree, shoulders cannot."""
    folder = shared_motions / "cmu_bvh_asf_amc"
    (acclaim,), (bvh,) = read_human(folder / "01_01.amc"), read_human(folder / "01_01.bvh")
    assert bvh.num_frames == acclaim.num_frames + 1

    def relative(motion: HumanMotion, landmark: str) -> np.ndarray:
        return motion.landmark(landmark) - motion.landmark("pelvis")

    for landmark in ("left_hip", "left_knee", "right_ankle", "left_toe"):
        np.testing.assert_allclose(relative(acclaim, landmark), relative(bvh, landmark)[1:], atol=2e-5)
    for motion, shift in ((acclaim, 0), (bvh, 1)):
        arm = motion.landmark("left_elbow") - motion.landmark("left_shoulder")
        np.testing.assert_allclose(np.linalg.norm(arm[shift:], axis=1), 0.2813, atol=1e-3)


def test_real_jumps_fall_at_g(shared_motions: Path) -> None:
    falls = []
    for name in ("asap_smpl/video_jump_forward_level2_filter_amass.npz", "deepmimic_human/humanoid3d_jump.txt",
                 "cmu_bvh_asf_amc/01_01.amc", "bvh_animated_drawings/jesse_dance.bvh"):  # fmt: skip
        (motion,) = read_human(shared_motions / name)
        points = points_of(motion)
        fall = evidence.fall_of(motion.positions, points, motion.fps, evidence.stature(points))
        falls.append(fall.acceleration)
    np.testing.assert_allclose(falls, -GRAVITY, rtol=0.1)
