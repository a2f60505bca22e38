"""What a file holds, before the conventions that it leaves open are decided."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError

T = TypeVar("T")

QUATERNION_ORDERS = ("xyzw", "wxyz")
JOINT_ORDERS = ("mjcf", "isaac")
ACCEPTABLE = ("gravity", "orientation", "joint_limits", "robot")
"""What `--accept` can let through: falls far from g, an orientation that speaks against itself, joint limits broken
in most frames, a file made for another robot with the same joints."""

LARGEST_VALUE = 1e6
"""No position in metres and no angle in radians is as large."""

HIGHEST_FPS = 1e5
"""Frames a second; motion capture stays below 1000."""

UNIT_TOLERANCE = 0.01
"""Deviation of a quaternion's norm from one that rounding may leave; the real files stay within 1e-6."""


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How to read a file; None leaves the decision to the file, to the format's defaults, and to evidence."""

    robot: Embodiment
    fps: float | None = None
    quaternion: str | None = None
    """One of QUATERNION_ORDERS."""
    joint_order: str | None = None
    """One of JOINT_ORDERS."""
    source: str | None = None
    """Name of a source with defaults of its own, where the format has several."""
    accept: frozenset[str] = frozenset()
    """Of ACCEPTABLE."""


@dataclasses.dataclass(frozen=True)
class Choice(Generic[T]):
    """A convention: one value where something states it, several where evidence must decide."""

    values: tuple[T, ...]
    origin: str
    """What states it, for the history and for errors; empty where nothing does."""

    @staticmethod
    def of(value: T, origin: str) -> Choice[T]:
        """A stated convention."""
        return Choice((value,), origin)

    @property
    def is_open(self) -> bool:
        return len(self.values) > 1


@dataclasses.dataclass(frozen=True, eq=False)
class RawMotion:
    """One motion as its file has it: T frames, n joints; metres and radians."""

    name: str
    where: str
    """File, and the clip within it, for errors."""
    root_pos: np.ndarray
    """(T, 3)."""
    root_quat: np.ndarray
    """(T, 4) in the order that `quaternion` says."""
    joint_pos: np.ndarray
    """(T, n) in the order that `joints` says."""
    fps: Choice[float]
    quaternion: Choice[str]
    joints: Choice[tuple[str, ...]]
    """Joint names, or the candidates for them."""
    fill_missing: bool = False
    """Whether joints of the robot that the file lacks stand at their default position."""
    body_pos: np.ndarray | None = None
    """(T, B, 3) body positions, where the file has them: they tell which joint order is right."""
    source: str = ""
    licence: str = ""
    label: str = ""
    text: str = ""
    history: tuple[str, ...] = ()


def stated(value: T | None, option: str, otherwise: Choice[T]) -> Choice[T]:
    """The user's option where there is one, else what the file or the format says."""
    return otherwise if value is None else Choice.of(value, f"option {option}")


def check_structure(raw: RawMotion) -> None:
    """Refuse what no convention can repair.

    Raises:
        AthenaError: fewer than two frames, a value that is not finite or absurdly large, quaternions that are not of
            unit length, an fps that is no positive number.
    """
    frames = len(raw.root_pos)
    if frames < 2:
        raise AthenaError(f"{raw.where}: has {frames} frame(s); a clip needs at least two")
    for key in ("root_pos", "root_quat", "joint_pos"):
        array = getattr(raw, key)
        bad = np.argwhere(~(np.abs(array) < LARGEST_VALUE))
        if len(bad):
            frame, column = bad[0]
            raise AthenaError(
                f"{raw.where}: {key}: is {array[frame, column]:g} at frame {frame}, column {column}; "
                "repair or trim the motion"
            )
    norm = np.linalg.norm(raw.root_quat, axis=1)
    worst = int(np.abs(norm - 1.0).argmax())
    if abs(norm[worst] - 1.0) > UNIT_TOLERANCE:
        raise AthenaError(
            f"{raw.where}: root_quat: norm {norm[worst]:.4g} at frame {worst} is not 1; "
            "these are no unit quaternions, check the columns or name the right --format"
        )
    for fps in raw.fps.values:
        if not 0.0 < fps <= HIGHEST_FPS:
            raise AthenaError(
                f"{raw.where}: fps: must be positive and at most {HIGHEST_FPS:g}, is {str(fps)[:20]}; give --fps"
            )


def existing(path: str | Path) -> Path:
    """The path, if there is something at it.

    Raises:
        AthenaError: nothing there; the nearest name that exists is suggested.
    """
    path = Path(path)
    if path.exists():
        return path
    parent = path.parent
    while not parent.exists():
        path, parent = parent, parent.parent
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    names = [name for name in names if name[0] != "." or path.name[0] == "."]
    near = _nearest(path.name, names)
    hint = f"; did you mean '{parent / near}'?" if near else f"; '{parent}' exists, check the rest of the path"
    raise AthenaError(f"{path}: no such file or folder{hint}")


def _nearest(name: str, names: list[str]) -> str | None:
    import difflib

    folded = {candidate.casefold(): candidate for candidate in sorted(names)}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return folded[near[0]]
    stems = {Path(candidate).stem.casefold(): candidate for candidate in sorted(names)}
    return stems.get(Path(name).stem.casefold())
