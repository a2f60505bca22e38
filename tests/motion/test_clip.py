"""Motion clips: velocities, resampling, names, files."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roma
import torch

from athena_wbc import files
from athena_wbc.embodiment import Embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from tests.toy_robot import write_toy

JOINTS = ("a", "b", "c")
TILTED = np.array([2.0, -1.0, 2.0]) / 3.0


def quat_about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(T, 4) by half-angle formulas."""
    return np.concatenate((np.sin(angle / 2)[:, None] * axis, np.cos(angle / 2)[:, None]), axis=1)


def make_clip(frames: int = 11, rate: float = 50.0, **changes: Any) -> MotionClip:
    """A clip that moves everything, unless told otherwise."""
    t = np.arange(frames) / rate
    values: dict[str, Any] = {
        "name": "clip",
        "fps": rate,
        "root_pos": np.stack((np.sin(t), t**2, 0.8 + 0.1 * np.cos(3 * t)), axis=1),
        "root_quat": quat_about(TILTED, 2.0 * t),
        "joint_pos": np.stack((np.sin(4 * t), 0.3 * t, np.cos(t)), axis=1),
        "joint_names": JOINTS,
    }
    return MotionClip(**(values | changes))


# Velocities


@pytest.mark.parametrize("fps", [29.887, 50.0, 120.0])
def test_angular_velocity_of_a_constant_spin(fps: float) -> None:
    """About a tilted axis after a fixed lean: constant in the world frame, exact at the ends too; several turns."""
    t = np.arange(200) / fps
    lean = quat_about(np.array([1.0, 0.0, 0.0]), np.array([0.7]))
    spin = torch.from_numpy(quat_about(TILTED, 5.0 * t))
    quat = roma.quat_product(spin, torch.from_numpy(lean).expand(200, 4)).numpy()
    clip = make_clip(200, fps, root_quat=quat)
    np.testing.assert_allclose(clip.root_ang_vel, np.tile(5.0 * TILTED, (200, 1)), atol=1e-10)


def test_angular_velocity_is_in_the_world_frame() -> None:
    """A body turned by a quarter about x that spins about its own y: the world sees z."""
    lean = torch.tensor([[math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]], dtype=torch.float64)
    own = torch.from_numpy(quat_about(np.array([0.0, 1.0, 0.0]), 0.1 * np.arange(5.0)))
    clip = make_clip(5, 10.0, root_quat=roma.quat_product(lean.expand(5, 4), own).numpy())
    np.testing.assert_allclose(clip.root_ang_vel, np.tile([0.0, 0.0, 1.0], (5, 1)), atol=1e-12)


def test_linear_velocity_of_a_parabola() -> None:
    """Central differences of a parabola are exact; the one-sided ends are half a frame off: by g / (2 fps)."""
    fps, g = 60.0, 9.81
    t = np.arange(31) / fps
    pos = np.stack((1.5 * t, np.zeros(31), 3.0 * t - 0.5 * g * t**2), axis=1)
    velocity = make_clip(31, fps, root_pos=pos).root_lin_vel
    expected = np.stack((np.full(31, 1.5), np.zeros(31), 3.0 - g * t), axis=1)
    np.testing.assert_allclose(velocity[1:-1], expected[1:-1], atol=1e-10)
    np.testing.assert_allclose(velocity[0, 2] - expected[0, 2], -g / (2 * fps), atol=1e-10)
    np.testing.assert_allclose(velocity[-1, 2] - expected[-1, 2], g / (2 * fps), atol=1e-10)


def test_joint_velocity() -> None:
    clip = make_clip(5, 10.0, joint_pos=np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0], [9, 0, 1], [16, 0, 1]], dtype=float))
    expected = np.array([[10, 0, 0], [20, 0, 0], [40, 0, 5], [60, 0, 5], [70, 0, 0]], dtype=float)
    np.testing.assert_allclose(clip.joint_vel, expected, atol=1e-12)


def test_a_clip_of_two_frames_has_velocities() -> None:
    clip = make_clip(2, 20.0)
    for velocity in (clip.root_lin_vel, clip.root_ang_vel, clip.joint_vel):
        assert velocity.shape[0] == 2
        np.testing.assert_array_equal(velocity[0], velocity[1])
    np.testing.assert_allclose(clip.root_ang_vel[0], 2.0 * TILTED, atol=1e-12)


# Orientation


def test_signs_are_made_continuous() -> None:
    plain = make_clip(40, 10.0)
    flipped = plain.root_quat.copy()
    flipped[[3, 4, 5, 20, 39]] *= -1.0
    clip = make_clip(40, 10.0, root_quat=flipped)
    np.testing.assert_array_equal(clip.root_quat, plain.root_quat)
    np.testing.assert_array_equal(clip.root_ang_vel, plain.root_ang_vel)
    # Beyond a full turn the continuous quaternion is the other one of the pair.
    assert (np.einsum("tq,tq->t", clip.root_quat[1:], clip.root_quat[:-1]) > 0).all()


def test_quaternions_are_normalised() -> None:
    clip = make_clip(root_quat=3.0 * make_clip().root_quat)
    np.testing.assert_allclose(clip.root_quat, make_clip().root_quat, atol=1e-15)


def test_a_copy_is_the_same_to_the_last_bit() -> None:
    clip = make_clip(500, 30.0)
    np.testing.assert_array_equal(clip.replace(name="other").replace(name="clip").root_quat, clip.root_quat)


def test_arrays_are_copied_and_cannot_be_written() -> None:
    pos = make_clip().root_pos.copy()
    clip = make_clip(root_pos=pos)
    pos[:] = 7.0
    assert clip.root_pos.max() < 2.0
    with pytest.raises(ValueError, match="read-only"):
        clip.root_pos[0] = 0.0


# Time


def test_duration_is_the_time_of_the_last_frame() -> None:
    assert make_clip(101, 50.0).duration == 2.0
    assert make_clip(101, 50.0).num_frames == 101


def test_resampling_a_uniform_motion_is_exact() -> None:
    """Constant velocities, also of rotation: every rate gives the same motion at its own times."""
    t = np.arange(60) / 29.887
    motion: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "root_pos": lambda t: np.stack((t, -2.0 * t, 0.8 + 0.0 * t), axis=1),
        "root_quat": lambda t: quat_about(TILTED, 3.0 * t),
        "joint_pos": lambda t: np.outer(t, [1.0, -0.5, 0.25]),
    }
    clip = make_clip(60, 29.887, **{key: value(t) for key, value in motion.items()})
    resampled = clip.resample(50.0)
    times = np.arange(resampled.num_frames) / 50.0
    assert resampled.fps == 50.0
    assert resampled.num_frames == math.floor(59 / 29.887 * 50.0) + 1
    for key, value in motion.items():
        np.testing.assert_allclose(getattr(resampled, key), value(times), atol=1e-12)
    assert resampled.history == ("resampled from 29.887 to 50 fps",)


@pytest.mark.parametrize("multiple", [2, 3])
@pytest.mark.parametrize("fps", [29.887, 30.0, 50.0])
def test_there_and_back_again(fps: float, multiple: int) -> None:
    """A multiple of the rate passes through every frame, so that coming back gives the clip, its last frame too."""
    for frames in range(20, 60):  # (frames - 1) / fps * (multiple * fps) falls just short of a whole number for some
        clip = make_clip(frames, fps)
        back = clip.resample(multiple * fps).resample(fps)
        assert back.num_frames == frames
        for key in ("root_pos", "root_quat", "joint_pos"):
            np.testing.assert_allclose(getattr(back, key), getattr(clip, key), atol=1e-12)


def test_resampling_halves_exactly() -> None:
    clip = make_clip(41, 120.0)
    half = clip.resample(60.0)
    assert half.num_frames == 21
    np.testing.assert_allclose(half.joint_pos, clip.joint_pos[::2], atol=1e-13)
    assert clip.resample(120.0) is clip


def test_resampling_never_looks_beyond_the_last_frame() -> None:
    """At 30 fps, ten frames last 0.3 s; at 50 fps the last time within is 0.30 s, at 40 fps 0.275 + 0.025 s."""
    for fps, frames in ((50.0, 16), (40.0, 13), (7.0, 3)):
        clip = make_clip(10, 30.0).resample(fps)
        assert clip.num_frames == frames
        assert clip.duration <= 0.3 + 1e-12


def test_slice() -> None:
    clip = make_clip(20)
    cut = clip.slice(3, 9)
    np.testing.assert_array_equal(cut.joint_pos, clip.joint_pos[3:9])
    assert cut.history == ("frames 3:9",)
    with pytest.raises(AthenaError, match=r"clip: has 1 frame\(s\)"):
        clip.slice(3, 4)


# Names


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Embodiment:
    return load_embodiment(write_toy(tmp_path_factory.mktemp("toy")))


def test_joints_are_put_in_order_by_name(toy: Embodiment) -> None:
    names = ("right_knee", "neck", "left_hip", "right_hip", "left_knee")
    clip = make_clip(4, joint_pos=np.tile(np.arange(5.0), (4, 1)), joint_names=names)
    fitted = clip.for_embodiment(toy)
    assert fitted.joint_names == toy.joint_names
    np.testing.assert_array_equal(fitted.joint_pos[0], [1, 2, 4, 3, 0])
    assert fitted.for_embodiment(toy) is fitted


def test_joints_that_do_not_fit(toy: Embodiment) -> None:
    five = np.zeros((4, 5))
    with pytest.raises(AthenaError, match="clip: joint unknown 'left_nee'; did you mean 'left_knee'"):
        make_clip(4, joint_pos=five, joint_names=("neck", "left_hip", "left_nee", "a", "b")).for_embodiment(toy)
    with pytest.raises(AthenaError, match="clip: lacks the joints right_hip, right_knee of robot 'toy'"):
        make_clip(4, joint_names=("neck", "left_hip", "left_knee")).for_embodiment(toy)


# Refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"root_pos": np.zeros((11, 2))}, r"clip: root_pos: shape \(11, 2\) is not \(11, 3\)"),
        ({"root_quat": np.ones((10, 4))}, r"clip: root_quat: shape \(10, 4\) is not \(11, 4\)"),
        ({"joint_pos": np.zeros((11, 2))}, r"clip: joint_pos: shape \(11, 2\) is not \(11, 3\)"),
        ({"root_pos": 7.0}, r"clip: root_pos: shape \(\) is not"),
        ({"root_pos": "abc"}, "clip: root_pos: holds something other than numbers"),
        ({"joint_pos": np.full((11, 3), np.nan)}, "clip: joint_pos: not finite at frame 0"),
        ({"root_pos": np.full((11, 3), np.inf)}, "clip: root_pos: not finite at frame 0"),
        ({"root_quat": np.zeros((11, 4))}, "clip: root_quat: zero at frame 0"),
        ({"fps": 0.0}, "clip: fps: must be positive"),
        ({"fps": -50.0}, "clip: fps: must be positive"),
        ({"fps": math.nan}, "clip: fps: must be positive"),
        ({"fps": math.inf}, "clip: fps: must be positive"),
        ({"label": "danse"}, "clip: label: unknown 'danse'"),
        ({"joint_names": ("a", "b", "a")}, "clip: joint_names: 'a' stands twice"),
    ],
)
def test_what_is_no_motion(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AthenaError, match=message):
        make_clip(**changes)


def test_the_frame_that_is_not_finite_is_named() -> None:
    joints = make_clip().joint_pos.copy()
    joints[6, 2] = np.nan
    with pytest.raises(AthenaError, match="joint_pos: not finite at frame 6"):
        make_clip(joint_pos=joints)


@pytest.mark.parametrize("frames", [0, 1])
def test_too_few_frames(frames: int) -> None:
    with pytest.raises(AthenaError, match=rf"clip: has {frames} frame\(s\); a clip needs at least two"):
        make_clip(frames)


@pytest.mark.parametrize("fps", [0.0, -1.0, math.nan, math.inf])
def test_resampling_to_nonsense(fps: float) -> None:
    with pytest.raises(AthenaError, match="clip: fps: must be positive"):
        make_clip().resample(fps)


# Files


def described() -> MotionClip:
    return make_clip(
        300,
        29.887,
        name="a name",
        robot="toy",
        robot_hash="0123456789abcdef",
        source="somewhere",
        licence="CC-BY-4.0",
        label="balance",
        text="a person stands on one leg, Übung",
        history=("read", "trimmed"),
    )


def test_round_trip_in_float32(tmp_path: Path) -> None:
    clip = described()
    clip.save(tmp_path / "clip.npz")
    found = MotionClip.load(tmp_path / "clip.npz")
    for field in ("name", "fps", "joint_names", "robot", "robot_hash", "source", "licence", "label", "text", "history"):
        assert getattr(found, field) == getattr(clip, field), field
    for key in ("root_pos", "root_quat", "joint_pos"):
        assert getattr(found, key).dtype == np.float64
        np.testing.assert_allclose(getattr(found, key), getattr(clip, key), atol=1e-6)


def test_round_trip_in_float64_is_exact(tmp_path: Path) -> None:
    clip = described()
    clip.save(tmp_path / "clip.npz", dtype=np.float64)
    found = MotionClip.load(tmp_path / "clip.npz")
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_array_equal(getattr(found, key), getattr(clip, key))


def test_the_same_clip_gives_the_same_bytes(tmp_path: Path) -> None:
    described().save(tmp_path / "a.npz")
    described().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_file_describes_itself_without_pickles(tmp_path: Path) -> None:
    described().save(tmp_path / "clip.npz")
    with np.load(tmp_path / "clip.npz", allow_pickle=False) as archive:
        header = json.loads(str(archive["header"]))
        assert archive["joint_pos"].dtype == np.float32
    assert header["quaternion_order"] == "xyzw"
    assert header["joint_names"] == list(JOINTS)
    assert header["fps"] == 29.887


def rewrite(path: Path, header: dict[str, Any] | str | None = None, arrays: dict[str, Any] | None = None) -> None:
    """Change a file's header and arrays; a value of None removes."""
    with np.load(path) as archive:
        content = dict(archive)
    if isinstance(header, dict):
        old = json.loads(str(content["header"]))
        header = json.dumps({key: value for key, value in (old | header).items() if value is not None})
    if header is not None:
        content["header"] = np.array(header)
    content |= arrays or {}
    buffer = io.BytesIO()
    np.savez(buffer, **{key: value for key, value in content.items() if value is not None})
    path.write_bytes(buffer.getvalue())


def load_refused(path: Path) -> str:
    """The message with which the file is refused, without its path."""
    with pytest.raises(AthenaError) as caught:
        MotionClip.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{", "header: not readable"),
        ("[1]", "header: not a motion file of this library"),
        ({"format": "other"}, "header: not a motion file of this library"),
        ({"version": 2}, "version 2 is not 1; convert the source again"),
        ({"version": None}, "version None is not 1"),
        ({"quaternion_order": "wxyz"}, "header: quaternion_order: is 'wxyz', must be 'xyzw'"),
        ({"quaternion_order": None}, "header: quaternion_order: is None"),
        ({"fps": None}, "header: fps: is missing or of the wrong type"),
        ({"fps": "50"}, "header: fps: is missing or of the wrong type"),
        ({"fps": True}, "header: fps: is missing or of the wrong type"),
        ({"fps": 0}, "a name: fps: must be positive"),
        ({"fps": math.nan}, "a name: fps: must be positive"),
        ({"joint_names": None}, "header: joint_names: is missing or of the wrong type"),
        ({"joint_names": "abc"}, "header: joint_names: is missing or of the wrong type"),
        ({"joint_names": [1, 2, 3]}, "header: joint_names: is missing or of the wrong type"),
        ({"joint_names": ["a", "b"]}, "a name: joint_pos: shape (300, 3) is not (300, 2)"),
        ({"joint_names": ["a", "b", "b"]}, "a name: joint_names: 'b' stands twice"),
        ({"label": 3}, "header: label: is missing or of the wrong type"),
        ({"label": "dance"}, "a name: label: unknown 'dance'"),
        ({"history": "read"}, "header: history: is missing or of the wrong type"),
    ],
)
def test_headers_that_are_refused(tmp_path: Path, header: dict[str, Any] | str, message: str) -> None:
    path = tmp_path / "clip.npz"
    described().save(path)
    rewrite(path, header)
    assert load_refused(path).startswith(message)


def test_texts_that_are_absent_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "stem.npz"
    described().save(path)
    rewrite(path, dict.fromkeys(("name", "robot", "robot_hash", "source", "licence", "label", "text", "history")))
    clip = MotionClip.load(path)
    assert (clip.name, clip.robot, clip.label, clip.history) == ("stem", "", "", ())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"header": None}, "key 'header' is missing"),
        ({"joint_pos": None}, "key 'joint_pos' is missing"),
        ({"root_pos": np.full((300, 3), np.nan)}, "a name: root_pos: not finite at frame 0"),
        ({"root_quat": np.zeros((300, 4))}, "a name: root_quat: zero at frame 0"),
        ({"root_quat": np.ones((299, 4))}, "a name: root_quat: shape (299, 4) is not (300, 4)"),
        ({"root_pos": np.array(["a"] * 300)}, "a name: root_pos: holds something other than numbers"),
        ({"root_pos": np.array(1.0)}, "a name: root_pos: shape () is not"),
        ({"root_pos": np.array([{}], dtype=object)}, "damaged, or not a motion file"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray | None], message: str) -> None:
    path = tmp_path / "clip.npz"
    described().save(path)
    rewrite(path, arrays=arrays)
    assert load_refused(path).startswith(message)


def test_missing_file(tmp_path: Path) -> None:
    assert load_refused(tmp_path / "none.npz").startswith("no such file")
    assert load_refused(tmp_path).startswith("no such file")


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    for content in (b"", b"frame,x,y\n1,2,3\n", b"\x80\x04\x95", b"PK\x03\x04"):
        path.write_bytes(content)
        message = load_refused(path)
        assert message.startswith("damaged, or not a motion file")
        assert "pickle" not in message  # numpy's guess at what it does not know
    np.save(tmp_path / "lone.npy", np.zeros(3))
    assert load_refused(tmp_path / "lone.npy").startswith("damaged, or not a motion file")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.npz"
    described().save(path)
    whole = path.read_bytes()
    for share in np.linspace(0.0, 0.999, 25):
        path.write_bytes(whole[: int(share * len(whole))])
        assert load_refused(path).startswith("damaged, or not a motion file")


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    """Never a traceback: the archive's check sums find damage in the data; a few bytes of a zip mean nothing."""
    path = tmp_path / "clip.npz"
    described().save(path)
    whole = path.read_bytes()
    refused = 0
    for position in range(10, len(whole), 101):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            np.testing.assert_allclose(MotionClip.load(path).joint_pos, described().joint_pos, atol=1e-6)
        except AthenaError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 0.9 * len(range(10, len(whole), 101))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.npz"
    described().save(path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(AthenaError, match=r"clip\.npz: cannot be written .*free some space"):
        make_clip().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
