"""What the tracker of a checkpoint was trained on, by the checkpoint's own record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import checkpoint_file
from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.pipeline.config import rooted_specs

_FOLDERS = slice(1, 4)
"""Of the folders above a checkpoint: its run's, and those of a loop and of a work, which stages run in."""


def trained_clips(checkpoint: str, embodiment: Embodiment, root: str | None) -> list[MotionClip]:
    """The clips that a tracker was trained on.

    The record names them as they were read from the folder in which the training ran, and not that folder. So they are
    looked for from several, and are those of the training where they have the hash that the record has.

    Args:
        checkpoint: a file, a run's folder, or ``zero``, which was trained on nothing.
        root: folder that relative paths may start at, beside the current one and those above the checkpoint.

    Raises:
        AthenaError: the checkpoint cannot be read, or its motions are gone or not what they were.
    """
    path = checkpoint_file(checkpoint)
    if path is None:
        return []
    record = load_checkpoint(path).get("run") or {}
    motions = [str(spec) for spec in record.get("motions") or ()]
    for specs in (motions, *(rooted_specs(str(folder), motions) for folder in _folders(path, root))):
        clips = _read(specs, embodiment)
        if clips and MotionLibrary(clips, embodiment, memory_budget_gb=0.0).hash == record.get("motions_hash"):
            return clips
    told = ", ".join(motions) or "none on record"
    raise AthenaError(f"{path}: the motions that it was trained on ({told}) are gone or have changed; put them back")


def _folders(path: Path, root: str | None) -> Sequence[str | Path]:
    return (*([] if root is None else [root]), *path.absolute().parents[_FOLDERS])


def _read(specs: Sequence[str], embodiment: Embodiment) -> list[MotionClip]:
    try:
        return list(load_clips(specs, embodiment))
    except AthenaError:
        return []
