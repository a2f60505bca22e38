"""The registry of motion file formats, and the recognition of a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.raw import (
    ACCEPTABLE,
    JOINT_ORDERS,
    QUATERNION_ORDERS,
    ReadOptions,
    existing,
)
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip
from athena_wbc.motion.formats.safe_pickle import load_pickle, looks_like_pickle


@dataclasses.dataclass(frozen=True)
class Format:
    """A motion file format.

    `recognise` looks at a file and says by what it knows it, or returns None; it reads no more than it needs, and
    raises AthenaError only where nobody could read the file. `read` returns the clips that the file holds.
    """

    name: str
    description: str
    extensions: tuple[str, ...]
    """File name endings that a folder is searched for, with the dot, lower case."""
    recognise: Callable[[Path], str | None]
    read: Callable[[Path, ReadOptions], list[MotionClip]]
    sources: tuple[str, ...] = ()
    """Sources with defaults of their own, for `format:source`."""
    aliases: tuple[str, ...] = ()


_formats: dict[str, Format] = {}


def register_format(format: Format) -> Format:
    """Add a format; one of the same name is replaced. Returns it."""
    _formats[format.name] = format
    return format


def formats() -> tuple[Format, ...]:
    """All known formats, by name."""
    return tuple(_formats[name] for name in sorted(_formats))


def motion_extensions() -> frozenset[str]:
    """File name endings that some format claims."""
    return frozenset(extension for format in formats() for extension in format.extensions)


def find_format(name: str) -> tuple[Format, str | None]:
    """A format by `name` or `name:source`, and the source.

    Raises:
        AthenaError: unknown, with the nearest known name.
    """
    base, _, source = name.partition(":")
    by_name = {alias: format for format in formats() for alias in (format.name, *format.aliases)}
    if base not in by_name:
        raise AthenaError(f"--format: {suggest(base, (*_formats, 'auto'))}")
    format = by_name[base]
    if source and source not in format.sources:
        raise AthenaError(f"--format {base}: source {suggest(source, format.sources)}")
    return format, source or None


def recognise(path: Path) -> tuple[Format, str]:
    """The format of a file, and the evidence for it.

    Raises:
        AthenaError: no format knows the file, or several do.
    """
    found = [(format, reason) for format in formats() if (reason := format.recognise(path))]
    if not found:
        raise AthenaError(
            f"{path}: no reader knows this file{_content(path)}; convert it, or name one of the formats that "
            "athena motions formats lists with --format"
        )
    if len(found) > 1:
        names = " or ".join(format.name for format, _ in found)
        raise AthenaError(f"{path}: could be {names}; say which with --format")
    return found[0]


def _content(path: Path) -> str:
    """What the file holds, in a few words, for the reader of an error."""
    keys: list[str] = []
    if looks_like_zip(path):
        keys = sorted(Npz(path))
    elif path.suffix.lower() in (".pkl", ".pickle", ".joblib") and looks_like_pickle(path):
        content = load_pickle(path)
        keys = [str(key) for key in content] if isinstance(content, dict) else []
    if keys:
        shown = ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "")
        return f" (it has the keys {shown[:200]})"
    with open(path, "rb") as stream:
        head = stream.read(40)
    text = head.decode("utf-8", errors="replace").partition("\n")[0].strip()
    return f" (it starts with '{text}')" if text.isprintable() and "\ufffd" not in text else ""


def read_motion(
    path: str | Path,
    format: str = "auto",
    robot: Embodiment | str = "g1",
    fps: float | None = None,
    quaternion: str | None = None,
    joint_order: str | None = None,
    accept: Iterable[str] = (),
) -> list[MotionClip]:
    """Read the clips of one file, whatever its format, for a robot.

    Args:
        format: name of a format, `name:source` for the defaults of a source, or "auto" to recognise it.
        robot: an embodiment, its name or its path.
        fps: frames a second, instead of what the file or the format's default says.
        quaternion: "xyzw" or "wxyz", likewise.
        joint_order: "mjcf" (depth first) or "isaac" (breadth first), for files without joint names.
        accept: nonsense to let through all the same: of `ACCEPTABLE`.

    Returns:
        Clips with the robot's joints in canonical order; `history` says how the file was understood and why.

    Raises:
        AthenaError: one line that names the file, what is wrong, and the remedy.
    """
    path = existing(path)
    if path.is_dir():
        raise AthenaError(f"{path}: is a folder; a file is expected")
    if quaternion is not None and quaternion not in QUATERNION_ORDERS:
        raise AthenaError(f"--quaternion: {suggest(quaternion, QUATERNION_ORDERS)}")
    if joint_order is not None and joint_order not in JOINT_ORDERS:
        raise AthenaError(f"--joint-order: {suggest(joint_order, JOINT_ORDERS)}")
    if fps is not None and not 0.0 < fps <= 1e5:
        raise AthenaError(f"--fps: must be positive, is {fps:g}")
    for key in accept:
        if key not in ACCEPTABLE:
            raise AthenaError(f"--accept: {suggest(key, ACCEPTABLE)}")
    embodiment = get_embodiment(robot)
    if path.stat().st_size == 0:
        raise AthenaError(f"{path}: is empty; copy or write it again")
    try:
        if format == "auto":
            chosen, reason = recognise(path)
            source = None
        else:
            chosen, source = find_format(format)
            reason = "named by the user"
        options = ReadOptions(embodiment, fps, quaternion, joint_order, source, frozenset(accept))
        clips = chosen.read(path, options)
    except OSError as error:
        raise AthenaError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error
    except AthenaError as error:
        if str(path) in str(error):
            raise
        raise AthenaError(f"{path}: {error}") from error
    if not clips:
        raise AthenaError(f"{path}: holds no motion; check its source")
    read = f"read from {path.name} as {chosen.name} ({reason})"
    return [clip.replace(history=_with_reading(clip.history, read, chosen.name)) for clip in clips]


def _with_reading(history: tuple[str, ...], read: str, format: str) -> tuple[str, ...]:
    # Our own files carry the history of their source; reading them again adds nothing to it.
    return history if format == "athena" else (read, *history)
