"""Make clips of other files into this library's own: trim, repair, ground, resample, write."""

from __future__ import annotations

import re
from pathlib import Path

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import GROUND_TIME
from athena_wbc.motion.grounding import ground_along, ground_clip
from athena_wbc.motion.repair import clamp_joints, remove_root_jumps, smooth_spikes

_TIME = re.compile(r"(\d+(?:\.\d+)?)(s?)")


def convert_clip(
    clip: MotionClip,
    embodiment: Embodiment,
    fps: float | None = None,
    ground: bool = False,
    trim: str | None = None,
    ground_window: float | None = None,
    fix_jumps: bool = False,
    smooth: bool = False,
    clamp: bool = False,
    repair: bool = False,
) -> MotionClip:
    """The clip trimmed, repaired, grounded and resampled, in this order, with each step in its history.

    Repairs come before resampling, which would smear a spike over the frames beside it.

    Args:
        fps: new frame rate; None keeps the file's own.
        ground: move the whole clip up or down, so that the lowest point of its feet touches the ground.
        trim: see `trim_range`.
        ground_window: s; see `ground_along`.
        fix_jumps, smooth, clamp: see `remove_root_jumps`, `smooth_spikes`, `clamp_joints`.
        repair: all three, and `ground_along` where the clip floats or sinks and no other grounding is asked for.

    Raises:
        AthenaError: a range that leaves fewer than two frames, an fps that does, or that is not positive; both ways of
            grounding at once.
    """
    if ground and ground_window is not None:
        raise AthenaError("--ground_window: excludes --ground; leave one of them out")
    if trim is not None:
        start, stop = trim_range(trim, clip)
        clip = clip.slice(start, stop)
    if fix_jumps or repair:
        clip = remove_root_jumps(clip, embodiment)
    if smooth or repair:
        clip = smooth_spikes(clip, embodiment)
    if clamp or repair:
        clip = clamp_joints(clip, embodiment)
    if repair and not ground and ground_window is None and _is_off_the_ground(clip, embodiment):
        ground_window = GROUND_TIME
    if ground:
        clip = ground_clip(clip, embodiment)
    elif ground_window is not None:
        clip = ground_along(clip, embodiment, ground_window)
    if fps is not None:
        if not 0.0 < fps <= 1e5:
            raise AthenaError(f"--resample: must be a positive frame rate, is {fps:g}")
        if clip.duration * fps < 1.0:
            raise AthenaError(f"{clip.name}: lasts {clip.duration:.3f} s, too short for two frames at {fps:g} fps")
        clip = clip.resample(fps)
    return clip


def _is_off_the_ground(clip: MotionClip, embodiment: Embodiment) -> bool:
    return any(finding.kind in ("floating", "penetration") for finding in check_clip(clip, embodiment))


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
