"""What commands on motions do with human ones: tell them from a robot's, read them, and show their facts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import formats
from athena_wbc.motion.formats.human import human_extensions, human_formats, read_human, recognise_human
from athena_wbc.motion.formats.human.evidence import stature
from athena_wbc.motion.human import HumanMotion

_HISTORY_FROM = 3
"""Up to this many motions, it is also told how each was read."""


def human_options(arguments: argparse.Namespace) -> dict:
    """Arguments of `read_human` but the frame rate, from a command line with `parsers.base.add_human_options`."""
    return {key: getattr(arguments, key) for key in ("format", "up", "units", "height", "landmarks", "handed")}


def split_humans(entries: list[str], format: str) -> tuple[list[Path], list[str]]:
    """Files of human motions among the entries of a command line, and the other entries.

    A folder counts as human where it holds files of human motions and none that a robot's reader knows.
    """
    named = any(format == known.name for known in human_formats())
    humans: list[Path] = []
    others: list[str] = []
    for entry in entries:
        path = Path(entry)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        files = [file for file in files if file.suffix.lower() in human_extensions() and _has_content(file)]
        if named:
            found = files
        elif format == "auto":
            found = [] if any(map(_is_robots, files)) else [file for file in files if _is_human(file)]
        else:
            found = []
        humans += found
        if not found:
            others.append(entry)
    return humans, others


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _is_robots(path: Path) -> bool:
    try:
        return any(format.recognise(path) for format in formats())
    except (AthenaError, OSError):
        return False


def _is_human(path: Path) -> bool:
    try:
        return recognise_human(path) is not None
    except (AthenaError, OSError):
        return False


def show_humans(paths: list[Path], arguments: argparse.Namespace) -> None:
    """Print name, length, rate, skeleton and stature of human motions, and how few were read."""
    motions = [motion for path in paths for motion in read_human(path, fps=arguments.fps, **human_options(arguments))]
    if arguments.json:
        print(json.dumps({"humans": [_facts(motion) for motion in motions]}, indent=2))
        return
    console = make_console()
    rows = [
        (
            motion.name,
            str(motion.num_frames),
            f"{motion.fps:.6g}",
            f"{motion.duration:.2f}",
            str(len(motion.joint_names)),
            str(len(motion.landmarks)),
            f"{_stature(motion):.2f}",
            motion.source,
        )
        for motion in motions
    ]
    headings = ("human motion", "frames", "fps", "seconds", "joints", "landmarks", "height m", "source")
    print_table(headings, rows, left=("human motion", "source"), console=console)
    total = sum(motion.duration for motion in motions)
    console.print(f"\n{len(motions)} human motion(s), {total:.1f} s", markup=False)
    if len(motions) <= _HISTORY_FROM:
        for motion in motions:
            for step in motion.history:
                console.print(f"{motion.name}: {step}", markup=False, soft_wrap=True)


def human_format_rows() -> list[tuple[str, str, str, str]]:
    """Rows of `athena motions formats`."""
    return [
        (format.name, " ".join(format.extensions), "", f"human: {format.description}") for format in human_formats()
    ]


def _stature(motion: HumanMotion) -> float:
    return stature({landmark: motion.landmark(landmark) for landmark in motion.landmarks})


def _facts(motion: HumanMotion) -> dict:
    keys = ("name", "fps", "num_frames", "duration", "source", "licence", "label", "text")
    return {key: getattr(motion, key) for key in keys} | {
        "joints": list(motion.joint_names),
        "landmarks": dict(motion.landmarks),
        "height": round(_stature(motion), 3),
        "history": list(motion.history),
    }
