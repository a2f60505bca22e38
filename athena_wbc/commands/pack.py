"""``athena motions pack``: a packed corpus of motion files."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from athena_wbc.commands.console import make_console
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.packed.pack import REJECTED, PackResult, pack_motions

_SHOWN = 5
"""Rejected files, and groups of identical clips, that are printed."""


def pack(arguments: argparse.Namespace) -> None:
    """Pack motions into a folder and say what it holds."""
    columns = (TextColumn("packing motions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("packing")
        result = pack_motions(
            arguments.motions,
            arguments.out,
            get_embodiment(arguments.robot),
            options={key: getattr(arguments, key) for key in ("format", "fps", "quaternion", "joint_order", "accept")},
            changes={key: getattr(arguments, key) for key in ("label", "licence", "source") if getattr(arguments, key)},
            jobs=arguments.jobs,
            shard_mb=arguments.shard_mb,
            resume=arguments.resume,
            strict=arguments.strict,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _print(result, arguments.out)


def _print(result: PackResult, out: str) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    console = make_console()
    for path, reason in result.rejected[:_SHOWN]:
        say(f"left out: {reason if path in reason else f'{path}: {reason}'}")
    for names in result.identical[:_SHOWN]:
        say(f"identical: {', '.join(names[:_SHOWN])}{' ...' if len(names) > _SHOWN else ''}")
    copies = sum(len(names) - 1 for names in result.identical)
    say(
        f"{result.clips} clip(s), {result.seconds:.1f} s in {result.shards} shard(s) written to {out}; "
        f"{len(result.rejected)} left out ({REJECTED}), {copies} identical to another"
    )
