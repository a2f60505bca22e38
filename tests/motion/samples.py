"""Motions and motion files that tests write: their numbers are known in advance."""

from __future__ import annotations

import io
import pickle
import sys
import types
import zlib
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.clip import MotionClip

ISAAC_ORDER = (
    "left_hip_pitch right_hip_pitch waist_yaw left_hip_roll right_hip_roll waist_roll left_hip_yaw right_hip_yaw "
    "waist_pitch left_knee right_knee left_shoulder_pitch right_shoulder_pitch left_ankle_pitch right_ankle_pitch "
    "left_shoulder_roll right_shoulder_roll left_ankle_roll right_ankle_roll left_shoulder_yaw right_shoulder_yaw "
    "left_elbow right_elbow left_wrist_roll right_wrist_roll left_wrist_pitch right_wrist_pitch left_wrist_yaw "
    "right_wrist_yaw"
)
"""The G1's joints as Isaac Lab lists them."""


def standing(robot: Embodiment, frames: int = 60, fps: float = 30.0, **changes) -> MotionClip:
    """The default pose on the spot, with the soles on the ground."""
    root_pos = np.tile((0.0, 0.0, robot.default_root_height), (frames, 1))
    fields = {
        "name": "standing",
        "fps": fps,
        "root_pos": root_pos,
        "root_quat": np.tile((0.0, 0.0, 0.0, 1.0), (frames, 1)),
        "joint_pos": np.tile(robot.default_joint_pos, (frames, 1)),
        "joint_names": robot.joint_names,
        "robot": robot.name,
        "robot_hash": robot.hash,
    }
    return MotionClip(**{**fields, **changes})


def gliding(robot: Embodiment, speed: float = 1.0, frames: int = 60, fps: float = 30.0) -> MotionClip:
    """The default pose moving along x, the way that it faces, at `speed` m/s."""
    clip = standing(robot, frames, fps)
    root_pos = clip.root_pos + np.outer(np.arange(frames) / fps * speed, (1.0, 0.0, 0.0))
    return clip.replace(name="gliding", root_pos=root_pos)


def jumping(robot: Embodiment, fps: float = 30.0, gravity: float = 9.81, take_off: float = 2.5) -> MotionClip:
    """Stands half a second, leaves the ground at `take_off` m/s, falls at `gravity`, stands again, all in one pose."""
    time = np.arange(round((1.0 + 2.0 * take_off / gravity) * fps)) / fps - 0.5
    height = np.where(time > 0.0, take_off * time - 0.5 * gravity * time**2, 0.0).clip(min=0.0)
    clip = standing(robot, len(time), fps)
    return clip.replace(name="jumping", root_pos=clip.root_pos + np.outer(height, (0.0, 0.0, 1.0)))


def random_clip(robot: Embodiment, frames: int = 40, seed: int = 0) -> MotionClip:
    """Smooth random numbers within the joint limits, for round trips."""
    random = np.random.default_rng(seed)
    phase = np.linspace(0.0, 3.0, frames)[:, None] + random.uniform(0.0, 6.0, robot.num_joints)
    middle, half = (robot.joint_upper + robot.joint_lower) / 2, (robot.joint_upper - robot.joint_lower) / 2
    quat = np.concatenate((0.1 * np.sin(phase[:, :3]), np.ones((frames, 1))), axis=1)
    return standing(
        robot,
        frames,
        fps=29.887,
        name="random",
        root_pos=np.concatenate((np.cos(phase[:, :2]), 0.8 + 0.02 * np.sin(phase[:, :1])), axis=1),
        root_quat=quat / np.linalg.norm(quat, axis=1, keepdims=True),
        joint_pos=middle + 0.3 * half * np.sin(phase),
        source="a test",
        licence="CC0",
        label="dynamic",
        text="moves at random",
        history=("made by a test",),
    )


def write_csv(path: Path, clip: MotionClip, quaternion: str = "xyzw") -> Path:
    """36 columns without a header."""
    quat = clip.root_quat if quaternion == "xyzw" else np.roll(clip.root_quat, 1, axis=1)
    np.savetxt(path, np.concatenate((clip.root_pos, quat, clip.joint_pos), axis=1), delimiter=",", fmt="%.9f")
    return path


def asap_content(clip: MotionClip, joints: int = 23, **changes) -> dict:
    """A clip as ASAP's dictionary has it; `dof` in Fortran order, as the real files have it."""
    keep = [i for i, name in enumerate(clip.joint_names) if joints == 29 or "wrist" not in name]
    return {
        "root_trans_offset": clip.root_pos.astype(np.float32),
        "pose_aa": np.zeros((clip.num_frames, 27, 3), dtype=np.float32),
        "dof": np.asfortranarray(clip.joint_pos[:, keep].astype(np.float32)),
        "root_rot": clip.root_quat,
        "fps": int(clip.fps),
    } | changes


def write_npz(path: Path, **arrays) -> Path:
    """Arrays as an npz of this name."""
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)
    return path


def write_joblib(path: Path, content: object, compress: bool = False) -> Path:
    """A joblib file, written without joblib: after each array's description come padding and its raw bytes."""
    stream = io.BytesIO()
    names = ("joblib", "joblib.numpy_pickle")
    modules = {name: types.ModuleType(name) for name in names}
    modules["joblib.numpy_pickle"].NumpyArrayWrapper = _NumpyArrayWrapper
    saved = {name: sys.modules.get(name) for name in names}
    sys.modules.update(modules)
    try:
        _JoblibPickler(stream, protocol=4).dump(content)
    finally:
        for name, module in saved.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    data = stream.getvalue()
    path.write_bytes(zlib.compress(data) if compress else data)
    return path


class _NumpyArrayWrapper:
    def __init__(self, array: np.ndarray) -> None:
        self.subclass = np.ndarray
        self.shape = array.shape
        self.order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        self.dtype = array.dtype
        self.allow_mmap = True
        self.numpy_array_alignment_bytes = 16


_NumpyArrayWrapper.__module__ = "joblib.numpy_pickle"
_NumpyArrayWrapper.__qualname__ = _NumpyArrayWrapper.__name__ = "NumpyArrayWrapper"


class _JoblibPickler(pickle._Pickler):
    def __init__(self, stream: io.BytesIO, protocol: int) -> None:
        super().__init__(stream, protocol)
        self.stream = stream

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if not isinstance(obj, np.ndarray):
            super().save(obj, save_persistent_id)
            return
        wrapper = _NumpyArrayWrapper(obj)
        super().save(wrapper)
        self.framer.commit_frame(force=True)
        padding = 16 - (self.stream.tell() + 1) % 16
        self.stream.write(bytes([padding]) + b"\xff" * padding + obj.tobytes(order=wrapper.order))
