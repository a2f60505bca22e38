"""Make clips of other files into this library's own: trim, ground, resample, write."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import trace_bodies

_TIME = re.compile(r"(\d+(?:\.\d+)?)(s?)")


def convert_clip(
    clip: MotionClip,
    embodiment: Embodiment,
    fps: float | None = None,
    ground: bool = False,
    trim: str | None = None,
) -> MotionClip:
    """The clip trimmed, grounded and resampled, in this order, with each step in its history.

    Args:
        fps: new frame rate; None keeps the file's own.
        ground: move the whole clip up or down, so that the lowest point of its feet touches the ground.
        trim: see `trim_range`.

    Raises:
        AthenaError: a range that leaves fewer than two frames, an fps that does, or that is not positive.
    """
    if trim is not None:
        start, stop = trim_range(trim, clip)
        clip = clip.slice(start, stop)
    if ground:
        clip = ground_clip(clip, embodiment)
    if fps is not None:
        if not 0.0 < fps <= 1e5:
            raise AthenaError(f"--resample: must be a positive frame rate, is {fps:g}")
        if clip.duration * fps < 1.0:
            raise AthenaError(f"{clip.name}: lasts {clip.duration:.3f} s, too short for two frames at {fps:g} fps")
        clip = clip.resample(fps)
    return clip


def ground_clip(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The clip with the lowest point that its feet ever reach at height 0."""
    posed = clip.for_embodiment(embodiment)
    trace = trace_bodies(embodiment, posed.root_pos, posed.root_quat, posed.joint_pos, posed.fps)
    lowest = float(trace.foot_height.min())
    return clip.replace(
        root_pos=clip.root_pos - np.array((0.0, 0.0, lowest)),
        history=(*clip.history, f"grounded: moved by {-lowest:+.4f} m"),
    )


def trim_range(text: str, clip: MotionClip) -> tuple[int, int]:
    """Frames [start, stop) of a range `a:b`, in frames, or in seconds with an s: `30:120`, `1.5s:4s`, `:90`.

    Raises:
        AthenaError: not a range, or fewer than two frames of the clip within it.
    """
    parts = text.split(":")
    if len(parts) != 2:
        raise AthenaError(f"--trim: '{text}' is no range; write frames a:b or seconds 1.5s:4s")
    start = _frame(text, parts[0], clip.fps, 0)
    stop = min(_frame(text, parts[1], clip.fps, clip.num_frames), clip.num_frames)
    if stop - start < 2:
        raise AthenaError(
            f"{clip.name}: --trim {text} leaves {max(stop - start, 0)} of its {clip.num_frames} frames; two are needed"
        )
    return start, stop


def _frame(text: str, part: str, fps: float, default: int) -> int:
    if not part.strip():
        return default
    match = _TIME.fullmatch(part.strip())
    if match is None or (not match[2] and "." in match[1]):
        raise AthenaError(f"--trim: '{text}' is no range; write frames a:b or seconds 1.5s:4s")
    return round(float(match[1]) * fps) if match[2] else int(match[1])


def output_path(folder: str | Path, name: str) -> Path:
    """Where a clip of this name is written: characters that file systems refuse become underscores."""
    safe = re.sub(r"[^\w.+~=-]+", "_", name).strip("._") or "clip"
    return Path(folder) / f"{safe[:200]}.npz"
