"""DeepMimic txt: JSON with frames of 44 columns for a humanoid of 1.6 m, y up, x forwards.

Column 0 is the duration of a frame, then come root position (3) and quaternion (w first), quaternions of chest and
neck, and of each side hip (quaternion), knee (angle), ankle (quaternion), shoulder (quaternion), elbow (angle), the
right one first. Joint positions and the box of the foot are those of the humanoid in the DeepMimic repository
(Peng et al. 2018, MIT).
"""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.arrays import finite
from athena_wbc.motion.formats.human.body import forward
from athena_wbc.motion.formats.human.raw import HumanOptions, RawHuman, as_fps
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice

COLUMNS = 44

_TREE: tuple[tuple[str, str | None, tuple[float, float, float], int], ...] = (
    ("root", None, (0.0, 0.0, 0.0), 4),
    ("chest", "root", (0.0, 0.236151, 0.0), 4),
    ("neck", "chest", (0.0, 0.223894, 0.0), 4),
    ("right_hip", "root", (0.0, 0.0, 0.084887), 4),
    ("right_knee", "right_hip", (0.0, -0.421546, 0.0), 1),
    ("right_ankle", "right_knee", (0.0, -0.409870, 0.0), 4),
    ("right_shoulder", "chest", (-0.02405, 0.24350, 0.18311), 4),
    ("right_elbow", "right_shoulder", (0.0, -0.274788, 0.0), 1),
    ("left_hip", "root", (0.0, 0.0, -0.084887), 4),
    ("left_knee", "left_hip", (0.0, -0.421546, 0.0), 1),
    ("left_ankle", "left_knee", (0.0, -0.409870, 0.0), 4),
    ("left_shoulder", "chest", (-0.02405, 0.24350, -0.18311), 4),
    ("left_elbow", "left_shoulder", (0.0, -0.274788, 0.0), 1),
    ("head", "neck", (0.0, 0.175, 0.0), 0),
    ("right_wrist", "right_elbow", (0.0, -0.258947, 0.0), 0),
    ("left_wrist", "left_elbow", (0.0, -0.258947, 0.0), 0),
    ("right_toe", "right_ankle", (0.095, -0.03, 0.0), 0),
    ("left_toe", "left_ankle", (0.095, -0.03, 0.0), 0),
)
"""Joint, parent, place in the parent's frame (m), and columns of the rotation: in the order of the columns; the last
five have none. The balls of the feet stand at three quarters of the foot's box, 2 cm above its sole."""

JOINT_NAMES = tuple(name for name, *_ in _TREE)
PARENTS = tuple(-1 if parent is None else JOINT_NAMES.index(parent) for _, parent, *_ in _TREE)
_OFFSETS = np.array([offset for _, _, offset, _ in _TREE])
_WIDTHS = tuple(width for *_, width in _TREE)
_UNEVEN = 0.01
_NORM_TOLERANCE = 0.5
"""The repository's own clips were smoothed by averaging quaternions: norms go down to 0.58, and are restored here."""


def installed_clips() -> dict[str, Path]:
    """Name -> file of the humanoid's clips that the package `pybullet` brings, where it is installed."""
    found = importlib.util.find_spec("pybullet_data")
    if found is None or not found.submodule_search_locations:
        return {}
    folder = Path(found.submodule_search_locations[0]) / "data" / "motions"
    return {path.stem.removeprefix("humanoid3d_"): path for path in sorted(folder.glob("humanoid3d_*.txt"))}


def recognise(path: Path) -> str | None:
    """By JSON with Frames of 44 columns."""
    content = _content(path)
    frames = content.get("Frames") if isinstance(content, dict) else None
    if isinstance(frames, list) and frames and isinstance(frames[0], list) and len(frames[0]) == COLUMNS:
        return f"JSON with Frames of {COLUMNS} columns"
    return None


def read(path: Path, options: HumanOptions) -> list[RawHuman]:
    """The motion of a file, at an even rate where its frames last differently."""
    content = _content(path)
    try:
        frames = np.array(content["Frames"], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise AthenaError(f"{path}: has no table Frames of {COLUMNS} columns; name its --format") from error
    if frames.ndim != 2 or frames.shape[1] != COLUMNS or len(frames) < 2:
        raise AthenaError(f"{path}: Frames: has the shape {frames.shape}, (2 or more, {COLUMNS}) is expected")
    finite(str(path), "Frames", frames)
    durations = frames[:-1, 0]  # the last frame leads nowhere
    if (durations <= 0.0).any():
        raise AthenaError(f"{path}: Frames: frame {int(durations.argmin())} lasts {durations.min():g} s; correct it")
    step = float(np.median(durations))
    history: tuple[str, ...] = ()
    root, rotations = frames[:, 1:4], _rotations(path, frames)
    if np.ptp(durations) > _UNEVEN * step:
        root, rotations = _even(root, rotations, durations, step, path)
        history = (f"frames of {durations.min():.4g} to {durations.max():.4g} s resampled to {step:.4g} s",)
    positions, world = forward(PARENTS, _OFFSETS, rotations, root)
    return [
        RawHuman(
            name=path.stem,
            where=str(path),
            positions=positions,
            joint_names=JOINT_NAMES,
            parents=PARENTS,
            fps=as_fps(str(path), 1.0 / step, "frame durations in the file"),
            up=Choice.of("y", "default of the format"),
            units=Choice.of("m", "default of the format"),
            rotations=world,
            source=path.name,
            history=history,
        )
    ]


def _rotations(path: Path, frames: np.ndarray) -> np.ndarray:
    """(T, J, 4) xyzw of every joint in its parent's frame."""
    rotations = np.zeros((len(frames), len(_TREE), 4))
    rotations[..., 3] = 1.0
    column = 4
    for joint, width in enumerate(_WIDTHS):
        if width == 4:
            quat = frames[:, column : column + 4]
            norm = np.linalg.norm(quat, axis=1, keepdims=True)
            worst = int(np.abs(norm - 1.0).argmax())
            if abs(norm[worst, 0] - 1.0) > _NORM_TOLERANCE:
                raise AthenaError(
                    f"{path}: {JOINT_NAMES[joint]}: its quaternion has the norm {norm[worst, 0]:.3g} at frame {worst}, "
                    "not 1; correct the file"
                )
            rotations[:, joint] = np.roll(quat / norm, -1, axis=1)
        elif width == 1:
            # Knees and elbows turn about z, which points to the right.
            half = 0.5 * frames[:, column]
            rotations[:, joint, 2], rotations[:, joint, 3] = np.sin(half), np.cos(half)
        column += width
    return rotations


def _even(
    root: np.ndarray, rotations: np.ndarray, durations: np.ndarray, step: float, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    times = np.concatenate(([0.0], np.cumsum(durations)))
    count = int(times[-1] / step + 1e-6) + 1
    if count > 50 * len(times):
        raise AthenaError(f"{path}: Frames: their durations differ too much ({durations.max():.3g} s); correct them")
    even = np.minimum(step * np.arange(count), times[-1])
    moved = np.stack([np.interp(even, times, root[:, axis]) for axis in range(3)], axis=1)
    turned = [Slerp(times, Rotation.from_quat(rotations[:, j]))(even).as_quat() for j in range(rotations.shape[1])]
    return moved, np.stack(turned, axis=1)


def _content(path: Path) -> Any:
    status = path.stat()
    return _load(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _load(path: Path, modified: int, size: int) -> Any:
    del modified, size
    with open(path, "rb") as stream:
        if stream.read(64).lstrip()[:1] != b"{":
            return None
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


FORMAT = register_human_format(
    HumanFormat("deepmimic", "DeepMimic txt: JSON with Frames of 44 columns", (".txt", ".json"), recognise, read)
)
