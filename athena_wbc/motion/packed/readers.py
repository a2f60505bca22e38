"""Processes that read motions and measure them, for packing: in order, and never far ahead of who takes the results."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import Entry, read_entry
from athena_wbc.motion.features import FEATURES, motion_features
from athena_wbc.motion.packed.folder import PackedClip, clip_hash, clip_rows
from athena_wbc.motion.packed.table import COLUMNS

_BATCH = 16
"""Entries that a process is given at a time."""
_AHEAD = 4
"""Batches for each process that may wait to be taken: bounds the memory of what was read too early."""


@dataclasses.dataclass
class PackedRows:
    """A clip as it goes into a shard."""

    row: dict[str, Any]
    """Columns of the manifest, without its place."""
    coordinates: np.ndarray
    """(T, 7 + J) float32."""


@dataclasses.dataclass
class Reading:
    """What came of one entry: its clips, or why there are none."""

    clips: list[PackedRows]
    error: str = ""


def read_all(
    entries: Sequence[Entry], embodiment: Embodiment, changes: Mapping[str, str], jobs: int
) -> Iterator[Reading]:
    """Read entries in order with `jobs` processes; with one, in this process.

    Raises:
        AthenaError: a process was killed, for want of memory as a rule.
    """
    if jobs == 1:
        yield from (_read(entry, embodiment, changes) for entry in entries)
        return
    batches = [entries[start : start + _BATCH] for start in range(0, len(entries), _BATCH)]
    # Not by fork: the parent may have threads, and a lock that one of them holds would never open in a child.
    pool = concurrent.futures.ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _prepare_reader, (embodiment, dict(changes))
    )
    waiting: collections.deque[concurrent.futures.Future[list[Reading]]] = collections.deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_read_batch, batch))
            if len(waiting) >= _AHEAD * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise AthenaError(
            "--jobs: a process that reads motions was killed (out of memory?); go on with fewer --jobs and --resume"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_reader: tuple[Embodiment, dict[str, str]] | None = None
"""Of a reading process: the robot, and the fields to set."""


def _prepare_reader(embodiment: Embodiment, changes: dict[str, str]) -> None:
    global _reader
    _reader = (embodiment, changes)
    torch.set_num_threads(1)
    # Ctrl-C goes to the whole group; the parent ends the readers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed tells nobody; its readers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_batch(entries: Sequence[Entry]) -> list[Reading]:
    assert _reader is not None
    return [_read(entry, *_reader) for entry in entries]


def _read(entry: Entry, embodiment: Embodiment, changes: Mapping[str, str]) -> Reading:
    try:
        with torch.inference_mode():
            return Reading([_packed(motion, embodiment, changes) for motion in read_entry(entry, embodiment)])
    except AthenaError as error:
        return Reading([], str(error))


def _packed(motion: MotionClip | PackedClip, embodiment: Embodiment, changes: Mapping[str, str]) -> PackedRows:
    """The numbers of a clip and its row of the manifest; what is packed already is copied."""
    if isinstance(motion, PackedClip):
        return PackedRows({column: motion[column] for column in COLUMNS} | dict(changes), motion.read())
    clip = motion.replace(**changes) if changes else motion
    coordinates = clip_rows(clip, embodiment)
    texts = {key: getattr(clip, key) for key in ("name", "source", "licence", "label", "text")}
    return PackedRows(
        row={
            **texts,
            **_features(clip, embodiment),
            "frames": clip.num_frames,
            "fps": clip.fps,
            "duration": clip.duration,
            "hash": clip_hash(clip.fps, coordinates),
            "history": "\n".join(" ".join(step.split()) for step in clip.history),
        },
        coordinates=coordinates,
    )


def _features(clip: MotionClip, embodiment: Embodiment) -> dict[str, float | None]:
    if clip.num_frames < 3 or len(embodiment.feet) != 2:
        return dict.fromkeys(FEATURES)
    return dict(vars(motion_features(clip, embodiment)))
