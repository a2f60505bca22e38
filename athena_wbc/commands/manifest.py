"""``athena motions manifest``: the dynamic and the balance-critical clips of a corpus."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.manifest import MANIFESTS, Manifest, make_manifest
from athena_wbc.motion.manifest_config import load_manifest_config
from athena_wbc.motion.manifest_files import motion_entries, read_clip_names, write_manifest

_SHOWN = 25
"""Clips of each manifest that the table shows; the files hold all."""

_PROGRESS_FROM = 20


def manifest(arguments: argparse.Namespace) -> None:
    """Choose the clips, write the files, and print what was chosen."""
    size = [f"size={arguments.size}"] if arguments.size is not None else []
    config = load_manifest_config(arguments.config, [*size, *arguments.overrides])
    excluded = sorted({name for path in arguments.exclude or () for name in read_clip_names(Path(path))})
    embodiment = get_embodiment(arguments.robot)
    motions = arguments.motions or ["builtin"]
    options = {key: getattr(arguments, key) for key in ("format", "fps", "quaternion", "joint_order", "accept")}
    clips = load_clips(motions, embodiment, **options)
    result = make_manifest(clips, embodiment, config, excluded, progress=_with_progress)
    out = Path(arguments.out)
    write_manifest(out, result, clips, embodiment, config, motion_entries(motions, options), excluded)
    _print(result, out)


def _print(result: Manifest, out: Path) -> None:
    console = make_console()
    rows = [
        (name, str(entry.rank), entry.name, f"{entry.scores[name]:.2f}", entry.reason.removeprefix(f"{name}: "))
        for name in MANIFESTS
        for entry in result.chosen(name)[:_SHOWN]
    ]
    headings = ("manifest", "rank", "clip", "score", "bucket, and why")
    print_table(headings, rows, left=("manifest", "clip", "bucket, and why"), console=console)
    console.print()
    for name in MANIFESTS:
        chosen = result.chosen(name)
        counts: dict[str, int] = {}
        for entry in chosen:
            counts[entry.bucket] = counts.get(entry.bucket, 0) + 1
        families = len({entry.family for entry in chosen})
        shown = f", the first {_SHOWN} shown" if len(chosen) > _SHOWN else ""
        console.print(
            f"{name}: {len(chosen)} of {result.candidates(name)} candidates, {families} families, "
            f"{', '.join(f'{count} {bucket}' for bucket, count in counts.items())}{shown}",
            markup=False,
        )
    neither = sum(not entry.manifest for entry in result.entries)
    console.print(
        f"{neither} of {len(result.entries)} clip(s) in neither; reasons in {out / 'manifest.csv'}", markup=False
    )


def _with_progress(clips: Sequence[MotionClip]) -> Iterable[MotionClip]:
    if len(clips) < _PROGRESS_FROM:
        return clips
    from rich.console import Console
    from rich.progress import track

    return track(clips, description="measuring motions", console=Console(stderr=True), transient=True)
