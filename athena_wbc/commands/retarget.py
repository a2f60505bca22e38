"""``athena motions retarget``: motions of people to clips of a robot."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.commands.humans import human_options
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.clip import LABELS
from athena_wbc.motion.retarget.quality import Bar
from athena_wbc.motion.retarget.run import REPORT, STATUSES, Job, human_files, retarget_files

_MOST_ROWS = 200
"""Of the printed table; the report holds all."""


def retarget(arguments: argparse.Namespace) -> int:
    """Write clips and report; the exit code is 1 where a file could not be read."""
    # The extra may be absent: say so before anything is read.
    from athena_wbc.motion.retarget.clip import Settings

    if not 1.0 <= arguments.fps <= 1000.0:
        raise AthenaError(f"--fps: must be between 1 and 1000, is {arguments.fps:g}")
    if arguments.scale is not None and not 0.05 <= arguments.scale <= 20.0:
        raise AthenaError(f"--scale: must be between 0.05 and 20, is {arguments.scale:g}")
    if arguments.label and arguments.label not in LABELS:
        raise AthenaError(f"--label: {suggest(arguments.label, LABELS)}")
    reading = human_options(arguments) | {"fps": arguments.source_fps}
    job = Job(
        embodiment=get_embodiment(arguments.robot),
        settings=Settings(fps=arguments.fps, scale=arguments.scale, collisions=arguments.collisions),
        reading=reading,
        stated={key: getattr(arguments, key) for key in ("label", "licence", "source") if getattr(arguments, key)},
        bar=_bar(arguments.bar),
        keep_refused=arguments.keep_refused,
    )
    files, out = human_files(arguments.files), Path(arguments.out)
    with _progress() as progress:
        task = progress.add_task("retargeting", total=len(files))
        records = retarget_files(
            files,
            job,
            out,
            jobs=arguments.jobs,
            redo=arguments.redo,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if arguments.json:
        print(json.dumps(records, indent=2))
    else:
        _print(records, out)
    return _exit_code(records)


def _bar(changes: list[str]) -> Bar:
    fields = {field.name: field for field in dataclasses.fields(Bar)}
    values: dict[str, Any] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in fields:
            raise AthenaError(f"--bar: {suggest(name, fields)}; write NAME=VALUE")
        try:
            values[name] = float(text)
        except ValueError:
            values[name] = math.nan
        if not values[name] >= 0.0:
            raise AthenaError(f"--bar {name}: must be a number of zero or more, or inf, is '{text}'")
    return Bar(**values)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _print(records: list[dict[str, Any]], out: Path) -> None:
    console = make_console()
    headings = (
        "clip",
        "status",
        "frames",
        "error cm",
        "worst",
        "slide cm/s",
        "depth cm",
        "speed rad/s",
        "at limits",
        "reason",
    )
    rows = [_row(record) for record in records[:_MOST_ROWS]]
    print_table(headings, rows, left=("clip", "status", "reason"), console=console)
    if len(records) > _MOST_ROWS:
        console.print(f"... and {len(records) - _MOST_ROWS} more in {REPORT}", markup=False)
    counts = {status: sum(record["status"] == status for record in records) for status in STATUSES}
    seconds = sum(record["seconds"] for record in records)
    frames = sum(record["quality"]["frames"] for record in records if record["quality"])
    rate = f", {frames / seconds:.0f} frames/s a core" if seconds > 0.0 else ""
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    console.print(f"\n{summary}{rate}; report: {out / REPORT}", markup=False, soft_wrap=True)


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    quality = record["quality"]
    if quality is None:
        return (record["name"], record["status"], *("",) * 7, record["reason"])
    return (
        record["name"],
        record["status"],
        str(quality["frames"]),
        f"{100.0 * quality['error_mean']:.1f}",
        f"{100.0 * quality['error_worst']:.0f}",
        f"{100.0 * quality['slide_median']:.1f}",
        f"{100.0 * quality['penetration']:.1f}",
        f"{quality['joint_speed_p99']:.0f}",
        f"{quality['limit_share']:.0%}",
        record["reason"],
    )


def _exit_code(records: list[dict[str, Any]]) -> int:
    """0 where a clip was written, refused ones or not; 1 where a file could not be read; 2 where there is no clip."""
    if not any(record["status"] == "written" for record in records):
        first = next(record for record in records if record["status"] != "written")
        kept = sum(bool(record["output"]) for record in records)
        count = f"none of {len(records)} motion(s) is good enough ({kept} kept)" if kept else "no clip was written"
        raise AthenaError(f"{count}: {first['name']}: {first['reason']}")
    return int(any(record["status"] == "failed" for record in records))
