"""``athena motions``: what motion files hold, and conversion to this library's own files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.commands.humans import human_format_rows, show_humans, split_humans
from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import convert_clip
from athena_wbc.motion.corpus import corpus_hash, load_clips
from athena_wbc.motion.export import export_clip, export_path
from athena_wbc.motion.formats import formats
from athena_wbc.motion.mirror import mirror_clip

_HISTORY_FROM = 3
"""Up to this many clips, `info` also tells how each was read."""


def info(arguments: argparse.Namespace) -> None:
    """Print name, length, rate and origin of every clip, and of every human motion."""
    humans, arguments.motions = split_humans(arguments.motions, arguments.format)
    if humans:
        show_humans(humans, arguments)
    if not arguments.motions:
        return
    clips, _ = load_motions(arguments, accept=arguments.accept)
    if arguments.json:
        print(json.dumps({"hash": corpus_hash(clips), "clips": [_facts(clip) for clip in clips]}, indent=2))
        return
    console = make_console()
    rows = (
        (clip.name, str(clip.num_frames), f"{clip.fps:g}", f"{clip.duration:.2f}", clip.label, clip.source)
        for clip in clips
    )
    headings = ("clip", "frames", "fps", "seconds", "label", "source")
    print_table(headings, rows, left=("clip", "label", "source"), console=console)
    total = sum(clip.duration for clip in clips)
    console.print(f"\n{len(clips)} clip(s), {total:.1f} s, hash {corpus_hash(clips)}", markup=False)
    if len(clips) <= _HISTORY_FROM:
        for clip in clips:
            for step in clip.history:
                console.print(f"{clip.name}: {step}", markup=False, soft_wrap=True)


def convert(arguments: argparse.Namespace) -> None:
    """Write every clip as a file of this library, or in the format of another project."""
    if arguments.keep_original and not arguments.mirror:
        raise AthenaError("--keep_original: belongs to mirrored copies; add --mirror")
    clips, embodiment = load_motions(arguments, accept=arguments.accept)
    console = make_console()
    written: dict[Path, str] = {}
    seconds = 0.0
    for clip in clips:
        stated = {key: getattr(arguments, key) for key in ("label", "licence", "source") if getattr(arguments, key)}
        result = convert_clip(
            clip.replace(**stated),
            embodiment,
            fps=arguments.resample,
            ground=arguments.ground,
            trim=arguments.trim,
            ground_window=arguments.ground_window,
            fix_jumps=arguments.fix_jumps,
            smooth=arguments.smooth,
            clamp=arguments.clamp,
            repair=arguments.repair,
        )
        results = [result] if arguments.keep_original or not arguments.mirror else []
        results += [mirror_clip(result, embodiment)] if arguments.mirror else []
        for result in results:
            path = export_path(result, arguments.out, arguments.to)
            if path in written:
                raise AthenaError(
                    f"{path}: clips '{written[path]}' and '{clip.name}' would share it; rename one of them"
                )
            export_clip(result, embodiment, arguments.out, arguments.to)
            written[path] = clip.name
            seconds += result.duration
    said = " (quaternions xyzw, frame rates in the names)" if arguments.to == "csv" else ""
    console.print(
        f"{len(written)} clip(s), {seconds:.1f} s written to {arguments.out}{said}", markup=False, soft_wrap=True
    )


def list_formats(arguments: argparse.Namespace) -> None:
    """Print every format that `--format` takes."""
    rows = [
        (format.name, " ".join(format.extensions), ", ".join(format.sources), format.description)
        for format in formats()
    ]
    rows += human_format_rows()
    print_table(
        ("format", "endings", "sources", "description"), rows, left=("format", "endings", "sources", "description")
    )


def load_motions(
    arguments: argparse.Namespace, accept: list[str] | tuple[str, ...]
) -> tuple[list[MotionClip], Embodiment]:
    """The clips that a command of this group was given, and their robot."""
    embodiment = get_embodiment(arguments.robot)
    clips = load_clips(
        arguments.motions,
        embodiment,
        format=arguments.format,
        fps=arguments.fps,
        quaternion=arguments.quaternion,
        joint_order=arguments.joint_order,
        accept=accept,
    )
    return clips, embodiment


def _facts(clip: MotionClip) -> dict:
    keys = ("name", "fps", "num_frames", "duration", "robot", "robot_hash", "source", "licence", "label", "text")
    return {key: getattr(clip, key) for key in keys} | {"history": list(clip.history)}
