"""A packed corpus as it lies on disk: shards of frames end to end, and the manifest that says which clip is where.

A shard is a flat file of little-endian float32, 7 + J numbers a frame: root position, root quaternion (x, y, z, w),
joint positions in the robot's order. Any tool can map it: ``numpy.memmap(path, "<f4").reshape(-1, 7 + J)``. Here clips
are read by their place in the file, straight to where they are wanted: a map would count every page that was touched
as memory of the process, and a shard that shrinks below it would end the process instead of raising an error.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.packed.table import COLUMNS, MANIFEST, Facts, read_manifest
from athena_wbc.motion.packed.where import matching_rows

WORK = ".packing"
"""Folder for what is known of an unfinished corpus."""


def clip_hash(fps: float, rows: np.ndarray) -> str:
    """Hash (32 hexadecimal digits) of a clip's rate and its (T, 7 + J) float32 coordinates, whatever its name."""
    digest = hashlib.sha256(f"{float(fps)!r} {rows.shape[0]} {rows.shape[1]}\n".encode())
    digest.update(np.ascontiguousarray(rows, dtype="<f4"))
    return digest.hexdigest()[:32]


def clip_rows(clip: MotionClip, embodiment: Embodiment, out: np.ndarray | None = None) -> np.ndarray:
    """(T, 7 + J) float32 coordinates of a clip in the robot's canonical order, in ``out`` where that is given."""
    fitted = clip.for_embodiment(embodiment)
    if out is None:
        out = np.empty((clip.num_frames, 7 + embodiment.num_joints), dtype=np.float32)
    return np.concatenate((fitted.root_pos, fitted.root_quat, fitted.joint_pos), axis=1, out=out, casting="same_kind")


def is_packed(path: Path) -> bool:
    """Whether a path is the folder of a packed corpus, finished or not."""
    # os.path takes a text that can be no name, such as a long filter, for a path that does not exist.
    return os.path.isfile(path / MANIFEST) or os.path.isdir(path / WORK)


@functools.lru_cache(maxsize=4)
def _opened(path: Path, stamp: tuple[int, int]) -> tuple[dict[str, list[Any]], Facts]:
    return read_manifest(path)


def open_packed(folder: str | Path, embodiment: Embodiment) -> PackedCorpus:
    """Open a packed corpus for a robot: its manifest alone is read.

    Raises:
        AthenaError: not a finished corpus, a damaged manifest, another robot's motions, none at all, or a shard that
            is missing or of the wrong size.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / WORK).is_dir():
            raise AthenaError(f"{folder}: is not packed to the end; go on with athena motions pack ... --resume")
        raise AthenaError(f"{folder}: has no {MANIFEST}; give the folder of a packed corpus")
    state = path.stat()
    columns, facts = _opened(path.resolve(), (state.st_mtime_ns, state.st_size))
    if (facts.robot, facts.robot_hash) != (embodiment.name, embodiment.hash):
        raise AthenaError(
            f"{path}: robot: was packed for '{facts.robot}' ({facts.robot_hash}), this is '{embodiment.name}' "
            f"({embodiment.hash}); choose that robot, or pack the motions again for this one"
        )
    width = 7 + embodiment.num_joints
    if facts.joint_names != embodiment.joint_names:
        raise AthenaError(f"{path}: joint_names: are not those of '{embodiment.name}'; pack the motions again")
    if not columns["name"]:
        raise AthenaError(f"{path}: names no clip; pack the motions again")
    for name, rows in facts.shards.items():
        _check_shard(folder / name, 4 * width * rows)
    _check_places(path, columns, facts)
    return PackedCorpus(folder, embodiment, columns)


def _check_shard(path: Path, size: int) -> None:
    try:
        found = path.stat().st_size
    except OSError:
        raise AthenaError(f"{path}: this shard of the corpus is missing; copy it again, or pack again") from None
    if found != size:
        raise AthenaError(f"{path}: damaged: has {found} bytes, the manifest says {size}; copy it again, or pack again")


def _check_places(path: Path, columns: Mapping[str, list[Any]], facts: Facts) -> None:
    """Refuse a manifest whose clips lie outside of their shards."""
    places = (columns[key] for key in ("name", "shard", "offset", "frames"))
    for name, shard, offset, frames in zip(*places, strict=True):
        if shard not in facts.shards or not 0 <= offset <= facts.shards[shard] - frames or frames < 2:
            raise AthenaError(f"{path}: clip '{name}' does not lie within its shard; pack the motions again")


@dataclass(frozen=True, eq=False)
class PackedCorpus:
    """The clips of a packed corpus, none of them in memory."""

    folder: Path
    embodiment: Embodiment
    columns: Mapping[str, list[Any]]
    """Values by column of `COLUMNS`."""

    def __len__(self) -> int:
        return len(self.columns["name"])

    def clips(self, where: str | None = None) -> list[PackedClip]:
        """The clips that fit an SQL expression over the columns, all of them by default, in the order of packing.

        Raises:
            AthenaError: what `matching_rows` raises.
        """
        rows = range(len(self))
        if where is not None:
            rows = matching_rows(self.columns, COLUMNS, where, str(self.folder))
        return [PackedClip(self, row, self.columns["name"][row]) for row in rows]


@dataclass(frozen=True, eq=False)
class PackedClip:
    """One clip of a packed corpus: where it is, and what the manifest knows of it."""

    corpus: PackedCorpus
    row: int
    name: str
    """Its name in the corpus, or what it is called beside others of that name."""

    def __getitem__(self, column: str) -> Any:
        """Value of a column of the manifest."""
        return self.corpus.columns[column][self.row]

    @property
    def num_frames(self) -> int:
        return self["frames"]

    @property
    def fps(self) -> float:
        return self["fps"]

    @property
    def label(self) -> str:
        return self["label"]

    @property
    def path(self) -> Path:
        """File of its shard."""
        return self.corpus.folder / self["shard"]

    def read(self, out: np.ndarray | None = None) -> np.ndarray:
        """(T, 7 + J) float32 coordinates, in ``out`` (contiguous) where that is given; compared with their hash.

        Raises:
            AthenaError: the shard is missing, too short, unreadable or damaged here.
        """
        width = 7 + self.corpus.embodiment.num_joints
        if out is None:
            out = np.empty((self.num_frames, width), dtype="<f4")
        try:
            with open(self.path, "rb", buffering=0) as shard:
                shard.seek(4 * width * self["offset"])
                count, view = 0, memoryview(out).cast("B")
                while count < len(view) and (read := shard.readinto(view[count:])):
                    count += read
        except OSError as error:
            raise AthenaError(f"{self.path}: cannot be read ({error.strerror}); copy it again, or pack again") from None
        if count < len(view) or clip_hash(self.fps, out) != self["hash"]:
            raise AthenaError(f"{self.path}: damaged at clip '{self['name']}'; copy it again, or pack again")
        return out

    def prefetch(self) -> None:
        """Let the system read it in the background, where it can."""
        size = 4 * (7 + self.corpus.embodiment.num_joints)
        with contextlib.suppress(OSError, AttributeError), open(self.path, "rb") as shard:
            advice = os.POSIX_FADV_WILLNEED
            os.posix_fadvise(shard.fileno(), size * self["offset"], size * self.num_frames, advice)

    def load(self) -> MotionClip:
        """The clip by itself."""
        rows = self.read()
        embodiment = self.corpus.embodiment
        return MotionClip(
            name=self.name,
            fps=self.fps,
            root_pos=rows[:, :3],
            root_quat=rows[:, 3:7],
            joint_pos=rows[:, 7:],
            joint_names=embodiment.joint_names,
            robot=embodiment.name,
            robot_hash=embodiment.hash,
            **{key: self[key] for key in ("source", "licence", "label", "text")},
            history=tuple(self["history"].splitlines()),
        )
