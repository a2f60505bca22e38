"""Packing: motions of any format, read by several processes, into the shards of one corpus.

Processes read; one writes. Results are taken in the order of the motions, so that the corpus does not depend on the
number of processes or on when it was interrupted. A shard takes its name when it is whole; beside it, in the folder of
`WORK`, lies what the manifest will say of it and where the next one begins.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_path, sha256_json, write_json, write_text
from athena_wbc.motion.corpus import Entry, find_entries, unique_names
from athena_wbc.motion.packed.folder import WORK, open_packed
from athena_wbc.motion.packed.readers import PackedRows, Reading, read_all
from athena_wbc.motion.packed.table import COLUMNS, MANIFEST, Facts, parquet, write_manifest

REJECTED = "rejected.csv"
_PLAN = "plan.json"
_UNIT_CLIPS = 64
"""Clips of a packed corpus that are read at a time when it is packed again."""


@dataclasses.dataclass
class PackResult:
    """What a packed corpus holds."""

    clips: int
    frames: int
    seconds: float
    shards: int
    rejected: list[tuple[str, str]]
    """What could not be read, and why."""
    identical: list[list[str]]
    """Names of clips whose numbers are the same, group by group."""


@dataclasses.dataclass
class _Place:
    """How far packing has come: entries that are done, and clips of the next one that are."""

    entry: int = 0
    clip: int = 0


def pack_motions(
    spec: str | Path | Sequence[str | Path],
    out: str | Path,
    embodiment: Embodiment,
    *,
    options: Mapping[str, Any] | None = None,
    changes: Mapping[str, str] | None = None,
    jobs: int = 1,
    shard_mb: int = 256,
    resume: bool = False,
    strict: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PackResult:
    """Pack motions into a folder; the same motions give the same bytes.

    Args:
        spec: motion specification.
        options: how to read files: arguments of `load_clips` by name.
        changes: fields to set in every clip: source, licence, label, text.
        jobs: processes that read.
        shard_mb: largest size of a shard, in 2^20 bytes; a clip that is larger has a shard of its own.
        resume: go on where an earlier call with the same motions and options was interrupted.
        strict: raise where something cannot be read, instead of leaving it out.
        progress: called with the entries that are done and their number.

    Raises:
        AthenaError: nothing to pack, a folder that holds something, a corpus begun with other motions, a full disk
            (finished shards stay), with `strict` anything that cannot be read.
    """
    out = Path(out)
    parquet(str(out / MANIFEST))
    entries = _divided(find_entries(spec, options), embodiment)
    plan = _plan(entries, embodiment, dict(changes or {}), shard_mb)
    if _begin(out, plan, resume):
        return _result(out, embodiment)
    done, place = _finished(out / WORK)
    rows: list[dict[str, Any]] = [row for part in done for row in part["rows"]]
    rejected: list[tuple[str, str]] = [tuple(pair) for part in done for pair in part["rejected"]]
    shard = _Shard(out, len(done), 2**20 * shard_mb)
    progress(place.entry, len(entries))
    readings = read_all(entries[place.entry :], embodiment, dict(changes or {}), jobs)
    for number, reading in enumerate(readings, place.entry):
        if reading.error:
            what = str(entries[number].path or "builtin")
            if strict:
                raise AthenaError(f"{reading.error} (--strict; without it, it is left out)")
            rejected.append((what, reading.error))
            shard.rejected.append((what, reading.error))
        skipped = place.clip if number == place.entry else 0
        for index, clip in _from(reading, skipped):
            if shard.is_full_with(clip):
                shard.write(_Place(number, index))
                shard = _Shard(out, shard.number + 1, shard.limit)
            rows.append(shard.add(clip))
        progress(number + 1, len(entries))
    if shard.clips:
        shard.write(_Place(len(entries)))
    if not rows:
        shutil.rmtree(out / WORK)
        raise AthenaError(f"{out}: no motion could be read, of {len(rejected)}; the first: {rejected[0][1]}")
    _finish(out, rows, rejected, embodiment)
    return _result(out, embodiment)


def _from(reading: Reading, start: int) -> Iterator[tuple[int, PackedRows]]:
    return ((index, clip) for index, clip in enumerate(reading.clips) if index >= start)


class _Shard:
    """The shard that is being filled."""

    def __init__(self, out: Path, number: int, limit: int) -> None:
        self.out, self.number, self.limit = out, number, limit
        self.name = f"shard-{number:05}.f32"
        self.rejected: list[tuple[str, str]] = []
        self.clips: list[np.ndarray] = []
        self._rows: list[dict[str, Any]] = []
        self._frames = self._bytes = 0

    def is_full_with(self, clip: PackedRows) -> bool:
        return bool(self.clips) and self._bytes + clip.coordinates.nbytes > self.limit

    def add(self, clip: PackedRows) -> dict[str, Any]:
        """Take a clip; returns its row of the manifest, whose name may yet change."""
        row = {**clip.row, "shard": self.name, "offset": self._frames}
        self.clips.append(clip.coordinates)
        self._rows.append(row)
        self._frames += len(clip.coordinates)
        self._bytes += clip.coordinates.nbytes
        return row

    def write(self, following: _Place) -> None:
        with atomic_path(self.out / self.name) as temporary, open(temporary, "wb") as stream:
            for clip in self.clips:
                stream.write(np.ascontiguousarray(clip, dtype="<f4"))
        # After the shard: whoever finds this file finds a whole shard.
        note = {"rows": self._rows, "rejected": self.rejected, "next": dataclasses.asdict(following)}
        write_text(self.out / WORK / f"{self.name}.json", json.dumps(note))


def _divided(entries: Sequence[Entry], embodiment: Embodiment) -> list[Entry]:
    """The same entries, packed corpora in parts that a process reads at a time."""
    parts: list[Entry] = []
    for entry in entries:
        if not entry.packed:
            parts.append(entry)
            continue
        count = len(open_packed(entry.path, embodiment).clips(entry.options.get("where")))
        starts = range(0, count, _UNIT_CLIPS)
        parts += [dataclasses.replace(entry, rows=(start, min(start + _UNIT_CLIPS, count))) for start in starts]
    return parts


def _plan(entries: Sequence[Entry], embodiment: Embodiment, changes: Mapping[str, str], shard_mb: int) -> str:
    """Hash of all that the corpus follows from: two calls of one plan give the same bytes."""
    facts = [_described(entry) for entry in entries]
    return sha256_json([facts, embodiment.name, embodiment.hash, dict(changes), shard_mb])


def _described(entry: Entry) -> list[Any]:
    path = entry.path
    state = None
    if path is not None:
        found = (path / MANIFEST if path.is_dir() else path).stat()
        state = [found.st_size, found.st_mtime_ns]
    among = [_described(inner) for inner in entry.among or ()]
    return [str(path), state, dict(entry.options), list(entry.names or ()), among, list(entry.rows or ())]


def _begin(out: Path, plan: str, resume: bool) -> bool:
    """Prepare the folder; returns whether all is done already."""
    work = out / WORK
    if out.exists() and not out.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    if (out / MANIFEST).is_file():
        shutil.rmtree(work, ignore_errors=True)
        if resume:
            return True
        raise AthenaError(f"{out}: already holds a packed corpus; choose another --out, or remove it")
    if work.is_dir() and (work / _PLAN).is_file():
        if not resume:
            raise AthenaError(f"{out}: holds a corpus that is not packed to the end; go on with --resume, or remove it")
        if json.loads((work / _PLAN).read_text(encoding="utf-8")) != {"plan": plan}:
            raise AthenaError(
                f"{out}: --resume: was begun with other motions or options; give the same, or another --out"
            )
    elif out.is_dir() and any(path.name != WORK for path in out.iterdir()):
        raise AthenaError(f"{out}: holds other files; name a new folder with --out")
    else:
        write_json(work / _PLAN, {"plan": plan})
    for part in (*out.glob(".*.tmp"), *work.glob(".*.tmp")):
        part.unlink()
    return False


def _finished(work: Path) -> tuple[list[dict[str, Any]], _Place]:
    """Notes of the shards that are whole, and where the next one begins."""
    notes: list[dict[str, Any]] = []
    while (path := work / f"shard-{len(notes):05}.f32.json").is_file():
        notes.append(json.loads(path.read_text(encoding="utf-8")))
    return notes, _Place(**notes[-1]["next"]) if notes else _Place()


def _finish(
    out: Path, rows: Sequence[dict[str, Any]], rejected: Sequence[tuple[str, str]], embodiment: Embodiment
) -> None:
    """Write what could not be read and then, last of all, the manifest."""
    for row, name in zip(rows, unique_names([row["name"] for row in rows]), strict=True):
        row["name"] = name
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("path", "reason"))
    writer.writerows(rejected)
    write_text(out / REJECTED, table.getvalue())
    shards: dict[str, int] = {}
    for row in rows:
        shards[row["shard"]] = row["offset"] + row["frames"]
    facts = Facts(embodiment.name, embodiment.hash, embodiment.joint_names, shards)
    write_manifest(out / MANIFEST, {column: [row[column] for row in rows] for column in COLUMNS}, facts)
    shutil.rmtree(out / WORK)


def _result(out: Path, embodiment: Embodiment) -> PackResult:
    columns = open_packed(out, embodiment).columns
    groups: dict[str, list[str]] = {}
    for name, value in zip(columns["name"], columns["hash"], strict=True):
        groups.setdefault(value, []).append(name)
    with open(out / REJECTED, encoding="utf-8", newline="") as stream:
        rejected = [(path, reason) for path, reason in list(csv.reader(stream))[1:]]
    return PackResult(
        clips=len(columns["name"]),
        frames=sum(columns["frames"]),
        seconds=sum(columns["duration"]),
        shards=len(set(columns["shard"])),
        rejected=rejected,
        identical=[names for names in groups.values() if len(names) > 1],
    )
