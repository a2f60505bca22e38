"""The registry of human motion formats, and the recognition of a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.formats.human.raw import UP_AXES, HumanOptions, RawHuman, unit_in_metres
from athena_wbc.motion.formats.human.resolve import resolve
from athena_wbc.motion.formats.raw import HIGHEST_FPS, existing
from athena_wbc.motion.human import HumanMotion


@dataclasses.dataclass(frozen=True)
class HumanFormat:
    """A format of human motions.

    `recognise` looks at a file and says by what it knows it, or returns None. `read` returns what the file holds;
    the conventions that it leaves open are decided behind it, the same way for all formats.
    """

    name: str
    description: str
    extensions: tuple[str, ...]
    """File name endings, with the dot, lower case."""
    recognise: Callable[[Path], str | None]
    read: Callable[[Path, HumanOptions], list[RawHuman]]


_formats: dict[str, HumanFormat] = {}


def register_human_format(format: HumanFormat) -> HumanFormat:
    """Add a format; one of the same name is replaced. Returns it."""
    _formats[format.name] = format
    return format


def human_formats() -> tuple[HumanFormat, ...]:
    """All known formats, by name."""
    return tuple(_formats[name] for name in sorted(_formats))


def human_extensions() -> frozenset[str]:
    """File name endings that some format claims."""
    return frozenset(extension for format in human_formats() for extension in format.extensions)


def recognise_human(path: Path) -> tuple[HumanFormat, str] | None:
    """The format of a file and the evidence for it, or None where no human format knows the file.

    Raises:
        AthenaError: several formats know it, or nobody could read it.
    """
    suffix = path.suffix.lower()
    found = [
        (format, reason)
        for format in human_formats()
        if suffix in format.extensions and (reason := format.recognise(path))
    ]
    if len(found) > 1:
        names = " or ".join(format.name for format, _ in found)
        raise AthenaError(f"{path}: could be {names}; say which with --format")
    return found[0] if found else None


def read_human(
    path: str | Path,
    format: str = "auto",
    fps: float | None = None,
    up: str | None = None,
    units: str | None = None,
    landmarks: Mapping[str, str] | str | Path | None = None,
    height: float | None = None,
    handed: str = "right",
    ground: bool | None = None,
) -> list[HumanMotion]:
    """Read the motions of one file of a human format.

    Args:
        format: name of a format, or "auto" to recognise it.
        fps: frames a second, instead of what the file or the format's default says.
        up: vertical axis of the file: x, y or z, or one of them turned round, as "-y".
        units: m, cm, mm, in, cmu, or a number of metres.
        landmarks: landmark -> joint (for markers also several, joined by "+"), or a JSON file of that.
        height: stature in m, for formats that hold angles without lengths (the SMPL family).
        handed: "left" where the file's axes are left-handed.
        ground: whether to shift the lowest points to z = 0; None leaves it to the format.

    Returns:
        Motions in m, z up; `history` says how the file was understood and why.

    Raises:
        AthenaError: one line that names the file, what is wrong, and the remedy.
    """
    path = existing(path)
    if path.is_dir():
        raise AthenaError(f"{path}: is a folder; a file is expected")
    options = _checked(fps, up, units, landmarks, height, handed, ground)
    if path.stat().st_size == 0:
        raise AthenaError(f"{path}: is empty; copy or write it again")
    try:
        chosen, reason = _choose(path, format)
        motions = [resolve(raw, options) for raw in chosen.read(path, options)]
    except OSError as error:
        raise AthenaError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error
    except AthenaError as error:
        if str(path) in str(error):
            raise
        raise AthenaError(f"{path}: {error}") from error
    if not motions:
        raise AthenaError(f"{path}: holds no motion; check its source")
    read = f"read from {path.name} as {chosen.name} ({reason})"
    return [motion.replace(history=(read, *motion.history)) for motion in motions]


def _choose(path: Path, format: str) -> tuple[HumanFormat, str]:
    if format != "auto":
        if format not in _formats:
            raise AthenaError(f"--format: {suggest(format, (*_formats, 'auto'))}")
        return _formats[format], "named by the user"
    found = recognise_human(path)
    if found is None:
        known = ", ".join(f"{format.name} ({' '.join(format.extensions)})" for format in human_formats())
        raise AthenaError(f"{path}: no reader of human motions knows this file; known are {known}")
    return found


def _checked(
    fps: float | None,
    up: str | None,
    units: str | None,
    landmarks: Mapping[str, str] | str | Path | None,
    height: float | None,
    handed: str,
    ground: bool | None,
) -> HumanOptions:
    if fps is not None and not 0.0 < fps <= HIGHEST_FPS:
        raise AthenaError(f"--fps: must be positive and at most {HIGHEST_FPS:g}, is {fps:g}")
    if up is not None and up not in UP_AXES:
        raise AthenaError(f"--up: {suggest(up, UP_AXES)}")
    if units is not None:
        unit_in_metres(units)
    if height is not None and not 0.5 < height < 3.0:
        raise AthenaError(f"--height: must be a stature between 0.5 and 3 m, is {height:g}")
    if handed not in ("right", "left"):
        raise AthenaError(f"--handed: {suggest(handed, ('right', 'left'))}")
    if isinstance(landmarks, (str, Path)):
        landmarks = _read_landmarks(existing(landmarks))
    return HumanOptions(fps, up, units, height, landmarks, handed, ground)


def _read_landmarks(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise AthenaError(f"{path}: is no readable JSON; a table landmark -> joint is expected") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise AthenaError(f'{path}: must be a table landmark -> joint, as {{"left_hip": "LeftUpLeg"}}')
    return content
