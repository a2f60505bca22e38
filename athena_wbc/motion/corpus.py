"""From what a user names as motions to a list of clips.

A specification is one or several of, separated by commas or given as a list:

- `builtin`, or `builtin:wave,walk` for some of the built-in clips;
- a motion file of any known format;
- a folder, searched recursively for files that a reader claims by their ending;
- a packed corpus (see `athena_wbc.motion.packed`), or `corpus/?label = 'dynamic' and duration < 20` for the clips of
  it that fit an SQL expression over the columns of its manifest;
- a pattern with `*`, `?` or `[...]`;
- JSON text `{"path": SPECIFICATION, "format": ..., "fps": ..., "quaternion": ..., "joint_order": ..., "accept": []}`:
  how the files of another specification are read;
- a `.txt` list with one entry a line (`#` starts a comment), or a `.json` list of entries, each a specification or
  a mapping with `path` as above, or with `path` and `where` for a packed corpus; a mapping of `"motions"` to a
  specification and of `"clips"` to a list of names, such as the failed clips of an evaluation, keeps only the named
  clips.

The same specification of the same files gives the same clips in the same order.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from athena_wbc.motion.packed.folder import PackedClip, is_packed, open_packed

_BUILTIN_WORD = "builtin"
_OPTIONS = ("format", "fps", "quaternion", "joint_order", "accept", "where")
_LIST_ENDINGS = (".txt", ".json")
_MOST_DEPTH = 8
_PROGRESS_FROM = 50


@dataclass(frozen=True)
class Entry:
    """One thing to read clips from: a file, a packed corpus, built-in clips, or a list that chooses among others."""

    path: Path | None = None
    """File or packed corpus; None for built-in clips."""
    options: dict[str, Any] = field(default_factory=dict)
    """How to read it."""
    names: tuple[str, ...] | None = None
    """Built-in clips to take, all of them where None; or those that are chosen of `among`."""
    among: tuple[Entry, ...] | None = None
    lists: tuple[Path, ...] = ()
    """Lists that name it, the outermost first."""
    rows: tuple[int, int] | None = None
    """Of a packed corpus, the first of the clips that fit and the end of those to take; all where None."""

    @property
    def packed(self) -> bool:
        """Whether it is a packed corpus."""
        return self.path is not None and self.path.is_dir()


@dataclass(frozen=True)
class _Reading:
    """A specification, and how its files are read."""

    spec: str
    options: dict[str, Any]


def load_clips(
    spec: str | Path | Sequence[str | Path],
    embodiment: Embodiment,
    format: str = "auto",
    fps: float | None = None,
    quaternion: str | None = None,
    joint_order: str | None = None,
    accept: Iterable[str] = (),
) -> Sequence[MotionClip]:
    """The clips that a specification names, for a robot; see the module for what a specification may be.

    Those of packed corpora are read from their shards whenever they are asked for, and are not kept.

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
    motions = find_motions(spec, embodiment, options)
    return _LazyClips(motions) if any(isinstance(motion, PackedClip) for motion in motions) else motions


def find_motions(
    spec: str | Path | Sequence[str | Path], embodiment: Embodiment, options: Mapping[str, Any] | None = None
) -> list[MotionClip | PackedClip]:
    """The same without reading the clips of packed corpora: what `MotionLibrary` loads without a second copy.

    Args:
        options: arguments of `load_clips` by name.
    """
    return _with_unique_names(_read(find_entries(spec, options), embodiment))


def find_entries(spec: str | Path | Sequence[str | Path], options: Mapping[str, Any] | None = None) -> list[Entry]:
    """What a specification names, in order, before any of it is read."""
    specs = [spec] if isinstance(spec, (str, Path)) else list(spec)
    entries = _entries(specs, dict(options or {}), base=None, lists=())
    if not entries:
        raise AthenaError("--motions: names nothing; give builtin, a file, a folder or a list")
    return entries


def read_entry(entry: Entry, embodiment: Embodiment) -> list[MotionClip | PackedClip]:
    """The clips of one entry.

    Raises:
        AthenaError: it cannot be read; the message names the file, behind the lists that name it.
    """
    if entry.among is not None:
        return _chosen(_with_unique_names(_read(entry.among, embodiment)), entry)
    try:
        if entry.path is None:
            return list(builtin_clips(embodiment, entry.names))
        if entry.packed:
            clips = open_packed(entry.path, embodiment).clips(entry.options.get("where"))
            return clips if entry.rows is None else clips[slice(*entry.rows)]
        return list(read_motion(entry.path, robot=embodiment, **entry.options))
    except AthenaError as error:
        if not entry.lists:
            raise
        raise AthenaError(": ".join(map(str, (*entry.lists, error)))) from error


def with_where(specs: Sequence[str | Path], where: str) -> list[str]:
    """The same specifications of packed corpora, filtered by an expression.

    Raises:
        AthenaError: one of them is something else.
    """
    filtered = []
    for spec in specs:
        for part in _split([spec], None):
            if isinstance(part, _Reading):
                inner = with_where([part.spec], where)
                filtered += [json.dumps({"path": text} | part.options) for text in inner]
                continue
            path, own = _packed_spec(part, None) if isinstance(part, str) else (None, None)
            if path is None:
                shown = part if isinstance(part, str) else spec
                raise AthenaError(f"--where: filters packed corpora, '{shown}' is none; athena motions pack it first")
            filtered.append(f"{path}?{where}" if own is None else f"{path}?({own}) and ({where})")
    return filtered


def specs_from(specs: Sequence[str | Path], folder: str | Path) -> list[str]:
    """The same specifications for a list file in ``folder``, which are read from there first.

    Relative paths and patterns are rewritten, so that the list names the same files wherever it is read; absolute
    paths and built-in clips stay.
    """
    return [_spec_from(str(spec), Path(folder)) for spec in specs]


def _spec_from(spec: str, folder: Path) -> str:
    reading = _reading(spec)
    if reading is not None:
        return json.dumps({"path": _spec_from(reading[0], folder)} | reading[1])
    packed, where = _packed_spec(spec, None)
    if packed is not None and where is not None:
        return f"{packed if os.path.isabs(packed) else os.path.relpath(packed, folder)}?{where}"
    if os.path.exists(spec):
        return spec if os.path.isabs(spec) else os.path.relpath(spec, folder)
    parts = [part.strip() for part in spec.split(",")]
    if len(parts) > 1:
        return ",".join(part if part in BUILTIN else _spec_from(part, folder) for part in parts)
    relative = glob.has_magic(spec) and not os.path.isabs(spec) and not spec.startswith("~")
    return os.path.relpath(spec, folder) if relative else spec


def spec_path(spec: str) -> str:
    """A specification without how its files are read."""
    reading = _reading(spec)
    return spec if reading is None else reading[0]


def _reading(spec: str) -> tuple[str, dict[str, Any]] | None:
    """Path and options of a specification that is JSON text; None for any other."""
    if not spec.lstrip().startswith("{") or os.path.exists(spec):
        return None
    try:
        item = json.loads(spec)
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"--motions: '{spec[:60]}': not readable as JSON ({error}); correct it") from None
    return _item(Path("--motions"), item)


def corpus_hash(clips: Iterable[MotionClip]) -> str:
    """Hash (16 hexadecimal digits) of what a corpus is: names, rates, joints and numbers in float32, in their order."""
    digest = hashlib.sha256()
    for clip in clips:
        head = [clip.name, round(clip.fps, 6), list(clip.joint_names), clip.num_frames]
        digest.update(json.dumps(head).encode())
        for array in (clip.root_pos, clip.root_quat, clip.joint_pos):
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


class _LazyClips(Sequence[MotionClip]):
    """Clips of which those of packed corpora are read when they are asked for, every time."""

    def __init__(self, motions: list[MotionClip | PackedClip]) -> None:
        self._motions = motions

    def __len__(self) -> int:
        return len(self._motions)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return _LazyClips(self._motions[index])
        motion = self._motions[index]
        return motion.load() if isinstance(motion, PackedClip) else motion


def _entries(
    specs: Sequence[str | Path], options: dict[str, Any], base: Path | None, lists: tuple[Path, ...]
) -> list[Entry]:
    entries: list[Entry] = []
    for item in _split(specs, base):
        if isinstance(item, _Reading):
            entries += _entries([item.spec], options | item.options, base, lists)
            continue
        if isinstance(item, Entry):
            if "where" in options:
                raise AthenaError(f"{_BUILTIN_WORD}: where: filters packed corpora alone; leave it out")
            entries.append(replace(item, lists=lists))
            continue
        packed, where = _packed_spec(item, base)
        if packed is not None:
            told = [text for text in (where, options.get("where")) if text is not None]
            only = {"where": " and ".join(f"({text})" for text in told) if len(told) > 1 else told[0]} if told else {}
            entries.append(Entry(Path(packed), only, lists=lists))
            continue
        path = _located(item, base)
        if path is not None and _is_list(path):
            entries += _list_entries(path, options, lists)
        else:
            entries += [replace(entry, lists=lists) for entry in _expand(item, path, base, options)]
    return entries


def _split(specs: Sequence[str | Path], base: Path | None) -> Iterator[str | Entry | _Reading]:
    """Entries of specifications: built-in clips as entries, what says how it is read, and anything else as text."""
    for spec in specs:
        reading = _reading(spec) if isinstance(spec, str) else None
        if reading is not None:
            yield _Reading(*reading)
            continue
        if isinstance(spec, Path) or os.path.exists(spec) or _packed_spec(spec, base)[0] is not None:
            yield str(spec)  # a name, or a filter, with a comma in it
            continue
        selected: list[str] | None = None
        for part in (part.strip() for part in spec.split(",")):
            if not part:
                continue
            if part == _BUILTIN_WORD or part.startswith(f"{_BUILTIN_WORD}:"):
                if selected is not None:
                    yield Entry(names=tuple(selected) or None)
                selected = [part.removeprefix(f"{_BUILTIN_WORD}:")] if ":" in part else []
            elif selected and part in BUILTIN:
                selected.append(part)
            else:
                if selected is not None:
                    yield Entry(names=tuple(selected) or None)
                    if selected and not _looks_like_path(part):
                        raise AthenaError(f"--motions: built-in clip {suggest(part, BUILTIN)}, and no such file")
                    selected = None
                yield part
        if selected is not None:
            yield Entry(names=tuple(selected) or None)


def _packed_spec(text: str, base: Path | None) -> tuple[str | None, str | None]:
    """Folder and filter of a specification that names a packed corpus; (None, None) of any other."""
    prefix, mark, where = text.partition("?")
    for path in (text, prefix) if mark else (text,):
        places = [base / path] if base is not None else []
        for place in (*places, Path(path).expanduser()):
            if path and is_packed(place):
                return str(place), where.strip() if mark and path == prefix else None
    return None, None


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
        return path.suffix.lower() != ".txt" or not _begins_as_json(path)
    return False


def _begins_as_json(path: Path) -> bool:
    """Whether a text begins as a JSON mapping that is no entry of a list: a motion that no reader knows."""
    with open(path, "rb") as stream:
        line = stream.readline(1 << 16).decode("utf-8", errors="replace").strip()
    try:
        return line.startswith("{") and _reading(line) is None
    except AthenaError:
        return True


def _may_be_motion(path: Path) -> bool:
    """Whether a file that a folder holds is one to read: notes and lists beside the motions are not."""
    return path.suffix.lower() not in _LIST_ENDINGS or not _is_list(path)


def _expand(text: str, path: Path | None, base: Path | None, options: dict[str, Any]) -> list[Entry]:
    """Entries of a file, a folder or a pattern, sorted."""
    if path is None:
        places = [base / text] if base is not None else []
        for place in (*places, Path(text).expanduser()):
            found = sorted(glob.glob(str(place), recursive=True))
            if found:
                return [entry for name in found for entry in _expand(name, Path(name), None, options)]
        raise AthenaError(f"{text}: no file fits this pattern; check it against the folder")
    where = options.get("where")
    if is_packed(path):
        return [Entry(path, {} if where is None else {"where": where})]
    if where is not None:
        raise AthenaError(f"{path}: where: filters packed corpora, and this is none; athena motions pack it first")
    if not path.is_dir():
        return [Entry(path, options)]
    endings = motion_extensions()
    entries = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if is_packed(Path(folder)):
            entries.append(Entry(Path(folder)))
            folders.clear()
            continue
        entries += [
            Entry(Path(folder) / name, options)
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in endings and _may_be_motion(Path(folder) / name)
        ]
    if not entries:
        raise AthenaError(
            f"{path}: no motion files in this folder (endings {', '.join(sorted(endings))}); check the path"
        )
    return entries


def _read(entries: Sequence[Entry], embodiment: Embodiment) -> list[MotionClip | PackedClip]:
    clips: list[MotionClip | PackedClip] = []
    for entry in _with_progress(entries):
        clips += read_entry(entry, embodiment)
    return clips


def _with_progress(entries: Sequence[Entry]) -> Iterable[Entry]:
    if len(entries) < _PROGRESS_FROM:
        return entries
    from rich.console import Console
    from rich.progress import track

    return track(entries, description="reading motions", console=Console(stderr=True), transient=True)


def _list_entries(path: Path, options: dict[str, Any], lists: tuple[Path, ...]) -> list[Entry]:
    if len(lists) >= _MOST_DEPTH:
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
    entries: list[Entry] = []
    for item in items:
        spec, own = _item(path, item)
        try:
            entries += _entries([spec], options | own, path.parent, (*lists, path))
        except AthenaError as error:
            raise AthenaError(f"{path}: {error}") from error
    if wanted is None:
        return entries
    return [Entry(path, names=tuple(wanted), among=tuple(entries), lists=lists)]


def _chosen(clips: list[MotionClip | PackedClip], entry: Entry) -> list[MotionClip | PackedClip]:
    by_name = {clip.name: clip for clip in clips}
    for name in entry.names or ():
        if name not in by_name:
            raise AthenaError(": ".join(map(str, (*entry.lists, entry.path, f"clips: {suggest(name, by_name)}"))))
    return [by_name[name] for name in entry.names or ()]


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


def _with_unique_names(clips: list[MotionClip | PackedClip]) -> list[MotionClip | PackedClip]:
    names = unique_names([clip.name for clip in clips])
    return [clip if clip.name == name else replace(clip, name=name) for clip, name in zip(clips, names, strict=True)]


def unique_names(names: Sequence[str]) -> list[str]:
    """The same names, where the second of two that are equal becomes `name~2`."""
    taken, seen, last, unique = set(names), set(), {}, []
    for name in names:
        free = name
        if name in seen:
            number = last.get(name, 1) + 1
            while f"{name}~{number}" in taken:
                number += 1
            last[name], free = number, f"{name}~{number}"
            taken.add(free)
        seen.add(free)
        unique.append(free)
    return unique
