"""One reference motion in generalised coordinates, and its self-describing file."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.files import atomic_write
from athena_wbc.rotations import quat_conj, quat_log, quat_mul, quat_slerp

LABELS = ("locomotion", "dynamic", "balance")
FORMAT = "athena-motion"
FORMAT_VERSION = 1
_ARRAYS = ("root_pos", "root_quat", "joint_pos")
_TEXTS = ("name", "robot", "robot_hash", "source", "licence", "label", "text")
_HIGHEST_FPS = 1e5


@dataclasses.dataclass(frozen=True, eq=False)
class MotionClip:
    """A motion of one robot: T frames at `fps`; frame k is at time k / fps. Arrays are float64.

    Raises:
        AthenaError: fewer than two frames, arrays that do not fit each other, values that are not finite, a joint
            that stands twice, an fps that is not positive, an unknown label.
    """

    name: str
    fps: float
    root_pos: np.ndarray
    """(T, 3) m, world frame, z up."""
    root_quat: np.ndarray
    """(T, 4) scalar last; normalised, and of continuous sign, on construction."""
    joint_pos: np.ndarray
    """(T, J) rad, in the order of `joint_names`."""
    joint_names: tuple[str, ...]
    robot: str = ""
    robot_hash: str = ""
    source: str = ""
    licence: str = ""
    label: str = ""
    """One of LABELS, or empty where unknown."""
    text: str = ""
    history: tuple[str, ...] = ()
    """What was done to the motion since its source, oldest first."""

    def __post_init__(self) -> None:
        arrays = {key: self._numbers(key) for key in _ARRAYS}
        frames = len(arrays["root_pos"]) if arrays["root_pos"].ndim else 0
        shapes = {
            "root_pos": (frames, 3),
            "root_quat": (frames, 4),
            "joint_pos": (frames, len(self.joint_names)),
        }
        for key, shape in shapes.items():
            if arrays[key].shape != shape:
                raise AthenaError(f"{self.name}: {key}: shape {arrays[key].shape} is not {shape}; correct the file")
            if not np.isfinite(arrays[key]).all():
                frame = int(np.argwhere(~np.isfinite(arrays[key]))[0, 0])
                raise AthenaError(f"{self.name}: {key}: not finite at frame {frame}; repair or trim the motion")
        if frames < 2:
            raise AthenaError(f"{self.name}: has {frames} frame(s); a clip needs at least two")
        _check_fps(self.name, self.fps)
        twice = [joint for joint in self.joint_names if self.joint_names.count(joint) > 1]
        if twice:
            raise AthenaError(f"{self.name}: joint_names: '{twice[0]}' stands twice; correct the file")
        if self.label and self.label not in LABELS:
            raise AthenaError(f"{self.name}: label: {suggest(self.label, LABELS)}")
        norm = np.linalg.norm(arrays["root_quat"], axis=1, keepdims=True)
        if norm.min() < 1e-6:
            raise AthenaError(f"{self.name}: root_quat: zero at frame {int(norm.argmin())}; correct the file")
        # What is of unit length already keeps its last digits, so that a clip that is copied or read back is the same.
        norm[np.abs(norm - 1.0) < 1e-12] = 1.0
        arrays["root_quat"] = _continuous_sign(arrays["root_quat"] / norm)
        for key, array in arrays.items():
            array.flags.writeable = False
            object.__setattr__(self, key, array)
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "joint_names", tuple(self.joint_names))
        object.__setattr__(self, "history", tuple(self.history))

    def _numbers(self, key: str) -> np.ndarray:
        try:
            return np.array(getattr(self, key), dtype=np.float64)
        except (TypeError, ValueError):
            raise AthenaError(f"{self.name}: {key}: holds something other than numbers; correct the file") from None

    @property
    def num_frames(self) -> int:
        return len(self.root_pos)

    @property
    def duration(self) -> float:
        """Time of the last frame, s."""
        return (self.num_frames - 1) / self.fps

    @functools.cached_property
    def root_lin_vel(self) -> np.ndarray:
        """(T, 3) m/s, world frame: central differences, one-sided at the ends."""
        return np.gradient(self.root_pos, 1.0 / self.fps, axis=0)

    @functools.cached_property
    def joint_vel(self) -> np.ndarray:
        """(T, J) rad/s: central differences, one-sided at the ends."""
        return np.gradient(self.joint_pos, 1.0 / self.fps, axis=0)

    @functools.cached_property
    def root_ang_vel(self) -> np.ndarray:
        """(T, 3) rad/s, world frame: logarithm of q[t+1] conj(q[t-1]) over two frames, one-sided at the ends."""
        quat = torch.from_numpy(self.root_quat.copy())
        before = torch.cat((quat[:1], quat[:-1]))
        after = torch.cat((quat[1:], quat[-1:]))
        span = torch.full((len(quat), 1), 2.0 / self.fps, dtype=quat.dtype)
        span[[0, -1]] = 1.0 / self.fps
        return (quat_log(quat_mul(after, quat_conj(before))) / span).numpy()

    def replace(self, **changes) -> MotionClip:
        """A copy with other fields."""
        return dataclasses.replace(self, **changes)

    def slice(self, start: int, stop: int) -> MotionClip:
        """Frames start to stop - 1 as a clip of its own."""
        cut = {key: getattr(self, key)[start:stop] for key in _ARRAYS}
        return self.replace(**cut, history=(*self.history, f"frames {start}:{stop}"))

    def resample(self, fps: float) -> MotionClip:
        """The motion at another frame rate: positions linear, orientation by slerp. The last part of a frame is cut.

        Raises:
            AthenaError: an fps that is not positive, or so low that one frame is left.
        """
        _check_fps(self.name, fps)
        if fps == self.fps:
            return self
        frames = int(np.floor(self.duration * fps + 1e-9)) + 1
        at = np.minimum(np.arange(frames) / fps * self.fps, self.num_frames - 1)
        low = np.minimum(at.astype(int), self.num_frames - 2)
        weight = (at - low)[:, None]
        quat = quat_slerp(
            torch.from_numpy(self.root_quat[low]),
            torch.from_numpy(self.root_quat[low + 1]),
            torch.from_numpy(weight[:, 0]),
        )
        return self.replace(
            fps=fps,
            root_pos=(1 - weight) * self.root_pos[low] + weight * self.root_pos[low + 1],
            root_quat=quat.numpy(),
            joint_pos=(1 - weight) * self.joint_pos[low] + weight * self.joint_pos[low + 1],
            history=(*self.history, f"resampled from {self.fps:g} to {fps:g} fps"),
        )

    def for_embodiment(self, embodiment: Embodiment) -> MotionClip:
        """The clip with its joints in the canonical order of a robot, matched by name.

        Raises:
            AthenaError: a joint that the robot lacks, or one that the clip lacks.
        """
        for joint in self.joint_names:
            if joint not in embodiment.joint_names:
                raise AthenaError(f"{self.name}: joint {suggest(joint, embodiment.joint_names)}")
        missing = [joint for joint in embodiment.joint_names if joint not in self.joint_names]
        if missing:
            raise AthenaError(f"{self.name}: lacks the joints {', '.join(missing)} of robot '{embodiment.name}'")
        if self.joint_names == embodiment.joint_names:
            return self
        order = [self.joint_names.index(joint) for joint in embodiment.joint_names]
        return self.replace(joint_pos=self.joint_pos[:, order], joint_names=embodiment.joint_names)

    def save(self, path: str | Path, dtype: type = np.float32) -> None:
        """Write the self-describing file (npz without pickles), atomically; float64 where 1e-7 is too coarse."""
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "quaternion_order": "xyzw",
            "fps": self.fps,
            "joint_names": list(self.joint_names),
            "history": list(self.history),
        }
        header |= {key: getattr(self, key) for key in _TEXTS}
        buffer = io.BytesIO()
        arrays = {key: getattr(self, key).astype(dtype) for key in _ARRAYS}
        np.savez_compressed(buffer, header=np.array(json.dumps(header)), **arrays)
        atomic_write(path, buffer.getvalue())

    @staticmethod
    def load(path: str | Path) -> MotionClip:
        """Read a file that `save` wrote.

        Raises:
            AthenaError: a file that is missing, damaged, of another format or version, lacks a key or holds a wrong
                value; the message begins with the path.
        """
        path = Path(path)
        if not path.is_file():
            raise AthenaError(f"{path}: no such file; give a motion file of this library")
        try:
            # Opened here because numpy takes a file without a zip header for a lone array or a pickle.
            with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
                content = {key: archive[key] for key in archive.files}
        except (
            Exception
        ) as error:  # Damaged bytes break zip, zlib, numpy and its parser of headers, each in its own way.
            reason = str(error) or type(error).__name__
            raise AthenaError(f"{path}: damaged, or not a motion file ({reason}); copy or write it again") from error
        for key in ("header", *_ARRAYS):
            if key not in content:
                raise AthenaError(
                    f"{path}: key '{key}' is missing; not a motion file of this library, convert it first"
                )
        header = read_header(path, str(content["header"]))
        try:
            return MotionClip(**{key: content[key] for key in _ARRAYS}, **header)
        except AthenaError as error:
            raise AthenaError(f"{path}: {error}") from error


def read_header(path: Path, text: str) -> dict[str, Any]:
    """The fields of a clip other than its arrays, out of a file's JSON header; texts that are absent are empty.

    Raises:
        AthenaError: another format or version, or a value that is missing or of the wrong type.
    """
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: header: not readable ({error}); write the file again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise AthenaError(f"{path}: header: not a motion file of this library; convert it first")
    if header.get("version") != FORMAT_VERSION:
        raise AthenaError(f"{path}: version {header.get('version')} is not {FORMAT_VERSION}; convert the source again")
    if header.get("quaternion_order") != "xyzw":
        order = header.get("quaternion_order")
        raise AthenaError(f"{path}: header: quaternion_order: is {order!r}, must be 'xyzw'; convert the source again")
    header = {"name": path.stem, "history": []} | dict.fromkeys(_TEXTS[1:], "") | header
    fps = header.get("fps")
    fits = {key: isinstance(header[key], str) for key in _TEXTS}
    fits |= {key: _is_text_list(header.get(key)) for key in ("joint_names", "history")}
    fits["fps"] = isinstance(fps, (int, float)) and not isinstance(fps, bool)
    for key, good in fits.items():
        if not good:
            raise AthenaError(f"{path}: header: {key}: is missing or of the wrong type; write the file again")
    return {key: tuple(header[key]) if isinstance(header[key], list) else header[key] for key in fits}


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _check_fps(where: str, fps: float) -> None:
    if not 0.0 < fps <= _HIGHEST_FPS:
        raise AthenaError(f"{where}: fps: must be positive and at most {_HIGHEST_FPS:g}, is {fps}; correct it")


def _continuous_sign(quat: np.ndarray) -> np.ndarray:
    """Flip signs so that neighbours never jump to the other half of the sphere."""
    flips = np.sign(np.einsum("tq,tq->t", quat[1:], quat[:-1]))
    flips[flips == 0.0] = 1.0
    return quat * np.concatenate(([1.0], np.cumprod(flips)))[:, None]
