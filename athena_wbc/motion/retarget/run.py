"""Many files to clips, in several processes, with a journal by which a run goes on."""

from __future__ import annotations

import dataclasses
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import make_folder, sha256_file, sha256_json, write_json
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import output_path
from athena_wbc.motion.formats.human import human_extensions, read_human
from athena_wbc.motion.retarget.quality import Bar

JOURNAL, REPORT = "retarget.jsonl", "retarget.json"
"""What a run leaves beside its clips: a line for every finished file, and the whole of it at the end."""

STATUSES = ("written", "refused", "failed")


@dataclasses.dataclass(frozen=True)
class Job:
    """What is the same for all files of a run."""

    embodiment: Embodiment
    settings: Any
    """`clip.Settings`; its module needs the extra."""
    reading: Mapping[str, Any]
    """Options of `read_human`."""
    stated: Mapping[str, str]
    """Fields of a clip that the user states: label, licence, source."""
    bar: Bar
    keep_refused: bool = False

    @functools.cached_property
    def key(self) -> str:
        """Hash of everything that a clip depends on besides its file."""
        content = {
            "robot": self.embodiment.hash,
            "settings": dataclasses.asdict(self.settings),
            "reading": {name: str(value) for name, value in self.reading.items()},
            "stated": dict(self.stated),
            "bar": dataclasses.asdict(self.bar),
            "keep_refused": self.keep_refused,
            "version": 1,
        }
        return sha256_json(content)[:16]


def human_files(paths: Iterable[str | Path]) -> list[Path]:
    """Files of human motions: what is named, and everything below folders with an ending that a format claims.

    Raises:
        AthenaError: a path that does not exist, or nothing found.
    """
    found: list[Path] = []
    endings = human_extensions()
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix.lower() in endings and file.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise AthenaError(f"{path}: no such file or folder; give files of human motions")
    found = list(dict.fromkeys(found))
    if not found:
        raise AthenaError(f"{', '.join(map(str, paths))}: no file with a known ending ({' '.join(sorted(endings))})")
    return found


def retarget_files(
    files: list[Path],
    job: Job,
    out: Path,
    jobs: int = 1,
    redo: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Retarget every motion of every file; write clips, journal and report.

    Files that the journal names as finished under the same settings, and whose clips are still there, are left out,
    unless `redo`.

    Args:
        jobs: processes.
        progress: told how many files of how many are done.

    Returns:
        One record for each motion, or for each file that could not be read, in the order of the files.
    """
    make_folder(out)
    done = {} if redo else _finished(out, job)
    hashes = {file: sha256_file(file) for file in files}
    waiting = [file for file in files if hashes[file] not in done]
    records: dict[Path, list[dict[str, Any]]] = {file: done[hashes[file]] for file in files if hashes[file] in done}
    # Clips of this run and of runs before it into the same folder: nothing of them is overwritten by another's.
    taken = {record["output"]: record["sha256"] for group in done.values() for record in group if record["output"]}
    count = len(files) - len(waiting)
    progress(count, len(files))
    with open(out / JOURNAL, "a", encoding="utf-8") as journal:
        for file, results in zip(waiting, _map(waiting, job, jobs), strict=True):
            group: list[dict[str, Any]] = []
            for record, clip in results:
                record |= {"file": str(file), "sha256": hashes[file], "key": job.key, "output": ""}
                if clip is not None:
                    path = _free_path(out, clip, hashes[file], taken, {other["output"] for other in group})
                    clip.save(path)
                    record["output"] = path.name
                group.append(record)
            records[file] = group
            for record in group:
                journal.write(json.dumps(record) + "\n")
            journal.flush()
            count += 1
            progress(count, len(files))
    ordered = [record for file in files for record in records[file]]
    write_json(out / REPORT, {"robot": job.embodiment.name, "bar": dataclasses.asdict(job.bar), "clips": ordered})
    return ordered


def _map(files: list[Path], job: Job, jobs: int) -> Iterator[list[tuple[dict[str, Any], MotionClip | None]]]:
    if jobs == 1 or len(files) < 2:
        _start(job)
        yield from map(_retarget_file, files)
        return
    # Threads of libraries do not survive a fork; and every process has a core of its own, no more.
    context = multiprocessing.get_context("spawn")
    threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    os.environ.update(dict.fromkeys(threads, "1"))
    try:
        with ProcessPoolExecutor(min(jobs, len(files)), context, _start, (job,)) as pool:
            yield from pool.map(_retarget_file, files)
    finally:
        for name, value in threads.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_job: Job
_build: Any


def _start(job: Job) -> None:
    """Prepare a process: one robot for all of its files."""
    global _job, _build
    import torch

    from athena_wbc.motion.retarget.build import robot_build

    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    _job, _build = job, robot_build(job.embodiment)


def _retarget_file(file: Path) -> list[tuple[dict[str, Any], MotionClip | None]]:
    """Records of the motions of a file, each with its clip where one is to be written."""
    from athena_wbc.motion.retarget.clip import retarget

    try:
        motions = read_human(file, **_job.reading)
    except AthenaError as error:
        return [(_failure(file.stem, str(error)), None)]
    results: list[tuple[dict[str, Any], MotionClip | None]] = []
    for motion in motions:
        try:
            result = retarget(motion, _build, _job.settings)
        except AthenaError as error:
            results.append((_failure(motion.name, str(error)), None))
            continue
        reasons = result.quality.reasons(_job.bar)
        record = {
            "name": motion.name,
            "status": "refused" if reasons else "written",
            "reason": "; ".join(reasons),
            "quality": result.quality.as_dict(),
            "seconds": round(result.seconds, 4),
        }
        wanted = not reasons or _job.keep_refused
        results.append((record, result.clip.replace(**_job.stated) if wanted else None))
    return results


def _failure(name: str, reason: str) -> dict[str, Any]:
    return {"name": name, "status": "failed", "reason": reason, "quality": None, "seconds": 0.0}


def _finished(out: Path, job: Job) -> dict[str, list[dict[str, Any]]]:
    """Records of finished files by the hash of the file; a line that a kill cut short is passed over."""
    path = out / JOURNAL
    if not path.is_file():
        return {}
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            if record["key"] == job.key and record["status"] in STATUSES:
                groups.setdefault(record["sha256"], []).append(record)
        except (ValueError, KeyError, TypeError):
            continue
    return {
        key: list({record["name"]: record for record in group}.values())
        for key, group in groups.items()
        if all(record["status"] != "failed" for record in group)
        and all(not record["output"] or (out / record["output"]).is_file() for record in group)
    }


def _free_path(out: Path, clip: MotionClip, source: str, taken: dict[str, str], siblings: set[str]) -> Path:
    """Where a clip goes: by its name, with a number behind it where another clip has the name already."""
    number, path = 1, output_path(out, clip.name)
    while taken.get(path.name, source) != source or path.name in siblings:
        number += 1
        path = output_path(out, f"{clip.name}-{number}")
    taken[path.name] = source
    return path
