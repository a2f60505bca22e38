"""What a command does with the folder of a work before and beside its stages: is it empty, what would run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from athena_wbc.errors import AthenaError
from athena_wbc.pipeline.lock import NAME as LOCK
from athena_wbc.pipeline.work import Work

REPLACED = "replaced"
"""Folder of a work that holds what its trainings left before they were made anew."""


def check_empty(folder: Path, goes_on: bool) -> None:
    """Refuse a folder that holds something, unless what it holds is to be gone on with."""
    if not goes_on and contents(folder):
        raise AthenaError(f"{folder}: is not empty; go on with --resume, or choose another folder with --out")


def contents(folder: Path) -> list[str]:
    """What lies in a folder, but for the lock that a work leaves first."""
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK) if folder.is_dir() else []


def clean(folder: Path) -> None:
    """Remove temporary files that a kill in the middle of a write has left."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def move_aside(work: Path, run: str) -> None:
    """Move what an earlier training left to ``replaced/``, so that nothing of it is mixed with a new one.

    Args:
        work: folder of the work.
        run: the training's folder in it; it need not be there.
    """
    if not (work / run).exists():
        return
    number = 1
    while (place := work / REPLACED / f"{Path(run).name}.{number}").exists():
        number += 1
    place.parent.mkdir(exist_ok=True)
    (work / run).rename(place)


def tell(works: Sequence[Work], wanted: Collection[str] | None, console: Console) -> None:
    """Say what would run and why. What a stage that would run leaves is not known, so neither is all that follows."""
    for work in works:
        again: set[str] = set()
        for stage in work.graph.values():
            if wanted is not None and stage.name not in wanted:
                continue
            runs = [need for need in stage.needs if need in again]
            if runs:
                why = f"would run if {', '.join(runs)} {'leaves' if len(runs) == 1 else 'leave'} something new"
                again.add(stage.name)
            elif (reason := work.why_skip(stage)) is not None:
                why = f"skipped: {reason}"
            else:
                settings = work.settings(stage)
                reason = work.why_run(stage, work.inputs(stage, settings), settings)
                why = "is done already" if reason is None else f"would run: {reason}"
                if reason is not None:
                    again.add(stage.name)
            console.print(f"{work.label}{stage.name:<24} {why}", soft_wrap=True, markup=False)
