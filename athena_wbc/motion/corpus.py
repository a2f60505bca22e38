"""From what a user names as motions to a list of clips.

A specification is one or several of, separated by commas or given as a list:

- `builtin`, or `builtin:wave,walk` for some of the built-in clips;
- a motion file of any known format;
- a folder, searched recursively for files that a reader claims by their ending;
- a pattern with `*`, `?` or `[...]`;
- a `.txt` list with one entry a line (`#` starts a comment), or a `.json` list of entries, each a specification or
  `{"path": ..., "format": ..., "fps": ..., "quaternion": ...}`; a mapping of `"motions"` to a specification and of
  `"clips"` to a list of names, such as the failed clips of an evaluation, keeps only the named clips.

The same specification of the same files gives the same clips in the same order.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.builtin import BUILTIN, builtin_clips
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import motion_extensions, read_motion, recognise
from athena_wbc.motion.formats.raw import existing

_BUILTIN_WORD = "builtin"
_OPTIONS = ("format", "fps", "quaternion", "joint_order", "accept")
_LIST_ENDINGS = (".txt", ".json")
_MOST_DEPTH = 8
_PROGRESS_FROM = 50


@dataclass(frozen=True)
class _Entry:
    """A file with how to read it, or built-in clips by name (all of them where `names` is None)."""

    path: Path | None
    options: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] | None = None


def load_clips(
    spec: str | Path | Sequence[str | Path],
    embodiment: Embodiment,
    format: str = "auto",
    fps: float | None = None,
    quaternion: str | None = None,
    joint_order: str | None = None,
    accept: Iterable[str] = (),
) -> list[MotionClip]:
    """The clips that a specification names, for a robot; see the module for what a specification may be.

    Args:
        format, fps, quaternion, joint_order, accept: how to read every file, as in `read_motion`; what a list file
            says of an entry goes first.

    Returns:
        Clips with unique names: where two share one, the second becomes `name~2`.

    Raises:
        AthenaError: nothing there, an empty folder, a file that cannot be read (named), an unknown clip.
    """
    options = {
        "format": format,
        "fps": fps,
        "quaternion": quaternion,
        "joint_order": joint_order,
        "accept": tuple(accept),
    }
    specs = [spec] if isinstance(spec, (str, Path)) else list(spec)
    clips = _load(specs, embodiment, options, base=None, depth=0)
    if not clips:
        raise AthenaError("--motions: names nothing; give builtin, a file, a folder or a list")
    return _with_unique_names(clips)


def specs_from(specs: Sequence[str | Path], folder: str | Path) -> list[str]:
    """The same specifications for a list file in ``folder``, which are read from there first.

    Relative paths and patterns are rewritten, so that the list names the same files wherever it is read; absolute
    paths and built-in clips stay.
    """
    return [_spec_from(str(spec), Path(folder)) for spec in specs]


def _spec_from(spec: str, folder: Path) -> str:
    if os.path.exists(spec):
        return spec if os.path.isabs(spec) else os.path.relpath(spec, folder)
    parts = [part.strip() for part in spec.split(",")]
    if len(parts) > 1:
        return ",".join(part if part in BUILTIN else _spec_from(part, folder) for part in parts)
    relative = glob.has_magic(spec) and not os.path.isabs(spec) and not spec.startswith("~")
    return os.path.relpath(spec, folder) if relative else spec


def corpus_hash(clips: Iterable[MotionClip]) -> str:
    """Hash (16 hexadecimal digits) of what a corpus is: names, rates, joints and numbers in float32, in their order."""
    digest = hashlib.sha256()
    for clip in clips:
        head = [clip.name, round(clip.fps, 6), list(clip.joint_names), clip.num_frames]
        digest.update(json.dumps(head).encode())
        for array in (clip.root_pos, clip.root_quat, clip.joint_pos):
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


def _load(
    specs: Sequence[str | Path], embodiment: Embodiment, options: dict[str, Any], base: Path | None, depth: int
) -> list[MotionClip]:
    clips: list[MotionClip] = []
    files: list[_Entry] = []
    for item in _split(specs):
        if isinstance(item, _Entry):
            clips += _read_files(files, embodiment)
            files = []
            clips += builtin_clips(embodiment, item.names)
            continue
        path = _located(item, base)
        if path is not None and _is_list(path):
            clips += _read_files(files, embodiment)
            files = []
            clips += _load_list(path, embodiment, options, depth)
        else:
            files += [_Entry(file, options) for file in _expand(item, path, base)]
    return clips + _read_files(files, embodiment)


def _split(specs: Sequence[str | Path]) -> Iterator[str | _Entry]:
    """Entries of specifications: built-in clips as entries, anything else as text."""
    for spec in specs:
        if isinstance(spec, Path) or os.path.exists(spec):
            yield str(spec)  # a name with a comma in it
            continue
        selected: list[str] | None = None
        for part in (part.strip() for part in spec.split(",")):
            if not part:
                continue
            if part == _BUILTIN_WORD or part.startswith(f"{_BUILTIN_WORD}:"):
                if selected is not None:
                    yield _Entry(None, names=tuple(selected) or None)
                selected = [part.removeprefix(f"{_BUILTIN_WORD}:")] if ":" in part else []
            elif selected and part in BUILTIN:
                selected.append(part)
            else:
                if selected is not None:
                    yield _Entry(None, names=tuple(selected) or None)
                    if selected and not _looks_like_path(part):
                        raise AthenaError(f"--motions: built-in clip {suggest(part, BUILTIN)}, and no such file")
                    selected = None
                yield part
        if selected is not None:
            yield _Entry(None, names=tuple(selected) or None)


def _looks_like_path(text: str) -> bool:
    return os.path.exists(text) or any(sign in text for sign in "/\\.*?[")


def _located(text: str, base: Path | None) -> Path | None:
    """The path of an entry: beside the list that names it, else from the working directory; None for a pattern."""
    if base is not None and (base / text).exists():
        return base / text
    path = Path(text).expanduser()
    if not path.exists() and glob.has_magic(text):
        return None
    if not path.exists() and difflib.get_close_matches(text.partition(":")[0].casefold(), [_BUILTIN_WORD], cutoff=0.7):
        raise AthenaError(f"{text}: no such file or folder; did you mean '{_BUILTIN_WORD}'?")
    return existing(path if base is None or path.exists() else base / text)


def _is_list(path: Path) -> bool:
    if path.suffix.lower() not in _LIST_ENDINGS or not path.is_file():
        return False
    if path.suffix.lower() not in motion_extensions():
        return True
    try:  # some motion formats use the endings of lists
        recognise(path)
    except AthenaError:
        return True
    return False


def _may_be_motion(path: Path) -> bool:
    """Whether a file that a folder holds is one to read: notes and lists beside the motions are not."""
    return path.suffix.lower() not in _LIST_ENDINGS or not _is_list(path)


def _expand(text: str, path: Path | None, base: Path | None) -> list[Path]:
    """Files of an entry that is a file, a folder or a pattern, sorted."""
    if path is None:
        places = [base / text] if base is not None else []
        for place in (*places, Path(text).expanduser()):
            found = sorted(glob.glob(str(place), recursive=True))
            if found:
                return [file for name in found for file in _expand(name, Path(name), None)]
        raise AthenaError(f"{text}: no file fits this pattern; check it against the folder")
    if not path.is_dir():
        return [path]
    endings = motion_extensions()
    files = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [
            Path(folder) / name
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in endings and _may_be_motion(Path(folder) / name)
        ]
    if not files:
        raise AthenaError(
            f"{path}: no motion files in this folder (endings {', '.join(sorted(endings))}); check the path"
        )
    return files


def _read_files(entries: list[_Entry], embodiment: Embodiment) -> list[MotionClip]:
    clips: list[MotionClip] = []
    for entry in _with_progress(entries):
        clips += read_motion(entry.path, robot=embodiment, **entry.options)
    return clips


def _with_progress(entries: list[_Entry]) -> Iterable[_Entry]:
    if len(entries) < _PROGRESS_FROM:
        return entries
    from rich.console import Console
    from rich.progress import track

    return track(entries, description="reading motions", console=Console(stderr=True), transient=True)


def _load_list(path: Path, embodiment: Embodiment, options: dict[str, Any], depth: int) -> list[MotionClip]:
    if depth >= _MOST_DEPTH:
        raise AthenaError(f"{path}: lists name lists more than {_MOST_DEPTH} deep; do they name each other?")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AthenaError(f"{path}: is no text at byte {error.start}; a list of motions is expected") from None
    if path.suffix.lower() == ".txt":
        items: list[Any] = [line.partition("#")[0].strip() for line in text.splitlines()]
        items = [item for item in items if item]
        wanted = None
    else:
        items, wanted = _json_items(path, text)
    if not items:
        raise AthenaError(f"{path}: names no motions; write one a line, or build the list again")
    clips: list[MotionClip] = []
    for item in items:
        spec, own = _item(path, item)
        try:
            clips += _load([spec], embodiment, options | own, path.parent, depth + 1)
        except AthenaError as error:
            raise AthenaError(f"{path}: {error}") from error
    if wanted is None:
        return clips
    clips = _with_unique_names(clips)
    by_name = {clip.name: clip for clip in clips}
    for name in wanted:
        if name not in by_name:
            raise AthenaError(f"{path}: clips: {suggest(name, by_name)}")
    return [by_name[name] for name in wanted]


def _json_items(path: Path, text: str) -> tuple[list[Any], list[str] | None]:
    """Entries of a JSON list, and the names of the clips to keep of them (None for all)."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: not readable as JSON ({error}); correct the file") from error
    if isinstance(content, list):
        return content, None
    if not isinstance(content, dict) or "motions" not in content:
        raise AthenaError(f"{path}: neither a list nor a mapping with the key 'motions'; correct the file")
    motions, wanted = content["motions"], content.get("clips")
    if wanted is not None and not (isinstance(wanted, list) and all(isinstance(name, str) for name in wanted)):
        raise AthenaError(f"{path}: clips: must be a list of names; correct the file")
    if wanted is not None and not wanted:
        raise AthenaError(f"{path}: clips: is empty, nothing remains (no clip failed?)")
    return (motions if isinstance(motions, list) else [motions]), wanted


def _item(path: Path, item: Any) -> tuple[str, dict[str, Any]]:
    """One entry of a list: the specification, and how to read it."""
    if isinstance(item, str):
        return item, {}
    if not isinstance(item, dict) or not isinstance(item.get("path"), str):
        raise AthenaError(f"{path}: entry {json.dumps(item)[:60]}: must be a text, or a mapping with the key 'path'")
    own = {key: value for key, value in item.items() if key != "path"}
    for key, value in own.items():
        if key not in _OPTIONS:
            raise AthenaError(f"{path}: entry '{item['path']}': key {suggest(key, ('path', *_OPTIONS))}")
        kind = {"fps": (int, float), "accept": list}.get(key, str)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise AthenaError(f"{path}: entry '{item['path']}': {key}: has the wrong type")
    return item["path"], own


def _with_unique_names(clips: list[MotionClip]) -> list[MotionClip]:
    taken = {clip.name for clip in clips}
    seen: set[str] = set()
    unique = []
    for clip in clips:
        name = clip.name
        if name in seen:
            number = 2
            while f"{name}~{number}" in taken:
                number += 1
            name = f"{name}~{number}"
            taken.add(name)
            clip = replace(clip, name=name)
        seen.add(name)
        unique.append(clip)
    return unique
