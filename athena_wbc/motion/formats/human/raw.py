"""What a file of a human motion holds, before the conventions that it leaves open are decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.raw import HIGHEST_FPS, Choice

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "cmu": 0.0254 / 0.45}
"""Metres of a unit. ``cmu`` is the unit of the CMU database: its skeletons say "length 0.45", of an inch."""

UP_AXES = ("z", "y", "x", "-y", "-z", "-x")

FRAME_RATES = (20.0, 24.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0)
"""Usual frame rates: the candidates where a file states none."""

OPEN_UNITS = Choice(tuple(UNITS), "")
OPEN_UP = Choice(("z", "y"), "")
OPEN_FPS = Choice(FRAME_RATES, "")


@dataclasses.dataclass(frozen=True)
class HumanOptions:
    """What the user says about a file; None leaves it to the file, to the format's defaults, and to evidence."""

    fps: float | None = None
    up: str | None = None
    """One of UP_AXES."""
    units: str | None = None
    """Name of a unit, or metres of one."""
    height: float | None = None
    """Stature of the person in m, for formats that hold angles of a body model without its lengths."""
    landmarks: Mapping[str, str] | None = None
    """Landmark -> joint, over what the names say; for markers also several, joined by ``+``: their mean."""
    handed: str = "right"
    """``left`` where the file's axes are left-handed."""
    ground: bool | None = None
    """Whether to shift the motion so that its lowest points stand at z = 0; None: as the format usually needs."""


@dataclasses.dataclass(frozen=True, eq=False)
class RawHuman:
    """One motion as its file has it: T frames, J joints."""

    name: str
    where: str
    """File, and the clip within it, for errors."""
    positions: np.ndarray
    """(T, J, 3) in `units`, with `up` up."""
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    fps: Choice[float]
    up: Choice[str]
    units: Choice[str]
    landmarks: Mapping[str, str] | None = None
    """Where the format knows them; else they are found by the names."""
    named: bool = False
    """Whether the user's landmarks are among them already, as with markers, several of which make one."""
    rotations: np.ndarray | None = None
    """(T, J, 4) xyzw in the file's frame."""
    rest: np.ndarray | None = None
    """(J, 3) joints in the skeleton's rest pose, where the file has one."""
    ground: bool = False
    """Whether the file's floor is not reliably at zero."""
    source: str = ""
    licence: str = ""
    label: str = ""
    text: str = ""
    history: tuple[str, ...] = ()


def unit_in_metres(unit: str) -> float:
    """Metres of a unit: a name of UNITS or a number.

    Raises:
        AthenaError: neither, or not positive.
    """
    if unit in UNITS:
        return UNITS[unit]
    try:
        metres = float(unit)
    except ValueError:
        metres = 0.0
    if not 0.0 < metres < 1e6:
        raise AthenaError(f"--units: '{str(unit)[:20]}' is neither one of {', '.join(UNITS)} nor a number of metres")
    return metres


def as_fps(where: str, value: object, origin: str) -> Choice[float]:
    """A frame rate that a file states.

    Raises:
        AthenaError: no positive number.
    """
    try:
        fps = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError, OverflowError):
        fps = float("nan")
    if not 0.0 < fps <= HIGHEST_FPS:
        raise AthenaError(f"{where}: fps: is {str(value)[:20]}, a positive number is expected; give --fps")
    return Choice.of(fps, origin)
