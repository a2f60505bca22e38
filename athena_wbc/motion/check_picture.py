"""One page about a clip: time lines of what was measured, and the findings on them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion import spikes
from athena_wbc.motion.check import (
    FLOAT_HEIGHT,
    PENETRATION_DEPTH,
    SKATE_SPEED,
    standing_feet,
)
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import trace_bodies
from athena_wbc.motion.findings import SEVERITIES, Finding

COLOURS = {
    "joint_limit": "#9f6b53",
    "velocity_spike": "#d1242f",
    "joint_twitch": "#e8909c",
    "root_jump": "#ad1a72",
    "root_spin": "#6940a5",
    "orientation": "#22272e",
    "flight": "#0b6e99",
    "floating": "#3fa7d6",
    "penetration": "#d9730d",
    "foot_skating": "#dfab01",
}
"""A colour for every kind of finding."""

MOST_PICTURES = 6
"""Worst moments that a page shows."""

_LINES = ("root height (m)", "lowest point (m)", "joint speed / limit", "foot speed (m/s)")
_LINE_OF = {
    "root_jump": 0,
    "root_spin": 0,
    "orientation": 0,
    "flight": 1,
    "floating": 1,
    "penetration": 1,
    "joint_limit": 2,
    "velocity_spike": 2,
    "joint_twitch": 2,
    "foot_skating": 3,
}
_INK = "#22272e"
_GREY = "#8b949e"
_FEET = ("#0f7b6c", "#6940a5", "#9f6b53", "#0b6e99")
_LEAST_SPAN = 0.004
"""Width of a span as a share of the time line at least: one frame of a long clip would be too thin to see."""


def worst_moments(findings: Sequence[Finding], most: int = MOST_PICTURES) -> list[tuple[int, str]]:
    """The worst frame of each finding with its kinds, the most severe findings first, each frame once."""
    moments: dict[int, list[str]] = {}
    for finding in findings:
        moments.setdefault(finding.worst, []).append(finding.kind)
    return [(frame, ", ".join(kinds)) for frame, kinds in moments.items()][:most]


def draw_page(
    clip: MotionClip,
    findings: Sequence[Finding],
    embodiment: Embodiment,
    pictures: Sequence[tuple[str, np.ndarray]] = (),
) -> bytes:
    """Draw the page of a clip.

    Args:
        clip: of the robot `embodiment`; its joints are matched by name.
        findings: what `check_clip` found in it, or some of it.
        pictures: captions and RGB pictures (height, width, 3) uint8 for a strip below the time lines.

    Returns:
        A PNG. It holds no date and no version, so that the same clip gives the same bytes.
    """
    clip = clip.for_embodiment(embodiment)
    rows = max(len(findings), 1)
    heights = [0.24 * rows + 0.1, 1.2, 1.2, 1.2, 1.2] + ([1.9] if pictures else [])
    figure = Figure(figsize=(11.0, sum(heights) + 1.9), dpi=110, layout="constrained")
    top = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    overview = figure.add_subplot(top[0])
    lines = [figure.add_subplot(top[1 + number], sharex=overview) for number in range(len(_LINES))]
    duration = max(clip.duration, 1.0 / clip.fps)
    overview.set_xlim(0.0, duration)
    _draw_overview(overview, findings, clip.fps, duration)
    _draw_lines(lines, clip, embodiment)
    for finding in findings:
        axes = lines[_LINE_OF[finding.kind]]
        for left, width in _spans(finding, clip.fps, duration):
            axes.axvspan(left, left + width, color=COLOURS[finding.kind], alpha=0.25, linewidth=0, zorder=1)
    _mark_worst(lines, findings, clip.fps, duration)
    for axes, label in zip(lines, _LINES, strict=True):
        axes.set_ylabel(label, fontsize=8)
        _plain(axes)
    for axes in lines[:-1]:
        axes.tick_params(labelbottom=False)
    lines[-1].set_xlabel("time (s)", fontsize=8.5)
    title = f"{clip.name}   {clip.num_frames} frames, {clip.fps:g} fps, {clip.duration:.1f} s"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=_INK)
    if pictures:
        _draw_pictures(figure, top[len(heights) - 1], pictures)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _draw_overview(axes: Axes, findings: Sequence[Finding], fps: float, duration: float) -> None:
    """A row for each finding, with its frames and its message."""
    for row, finding in enumerate(findings):
        colour = COLOURS[finding.kind]
        axes.broken_barh(_spans(finding, fps, duration), (row - 0.4, 0.8), color=colour, linewidth=0, zorder=3)
        axes.axhline(row, color="#e6e8eb", linewidth=0.6, zorder=1)
    labels = [f"{finding.severity}: {finding.kind}" for finding in findings] or ["no findings"]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    for tick, finding in zip(axes.get_yticklabels(), findings, strict=False):
        tick.set_fontweight("bold" if finding.severity == SEVERITIES[-1] else "normal")
    axes.set_ylim(len(labels) - 0.5, -0.5)
    frames = axes.secondary_xaxis("top", functions=(lambda seconds: seconds * fps, lambda frame: frame / fps))
    frames.set_xlabel("frame", fontsize=8, color=_GREY)
    frames.tick_params(labelsize=7.5, colors=_GREY, length=3)
    frames.spines["top"].set_visible(False)
    _plain(axes)
    axes.tick_params(labelbottom=False, left=False)


def _draw_lines(lines: Sequence[Axes], clip: MotionClip, embodiment: Embodiment) -> None:
    time = np.arange(clip.num_frames) / clip.fps
    between = time[:-1] + 0.5 / clip.fps
    trace = trace_bodies(embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    root, lowest, joints, feet = lines
    root.plot(time, clip.root_pos[:, 2], color=_INK, linewidth=1.0)
    lowest.plot(time, trace.lowest, color=_INK, linewidth=1.0)
    lowest.axhline(0.0, color=_GREY, linewidth=0.8)
    for height in (FLOAT_HEIGHT, -PENETRATION_DEPTH):
        lowest.axhline(height, color=_GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    joints.plot(between, (spikes.joint_speed(clip) / embodiment.velocity_limit).max(axis=1), color=_INK, linewidth=0.9)
    joints.axhline(1.0, color=_GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    joints.set_ylim(bottom=0.0)
    standing, speed = standing_feet(trace), trace.foot_speed()
    top = max(float(speed.max(initial=0.0)), 2.0 * SKATE_SPEED)
    for foot, name in enumerate(embodiment.feet):
        colour = _FEET[foot % len(_FEET)]
        feet.plot(between, speed[:, foot], color=colour, linewidth=0.9, label=name)
        # Contacts as bars below the axis' zero, one row for each foot.
        level = np.where(standing[:, foot], -0.07 * top * (foot + 1), np.nan)
        feet.plot(between, level, color=colour, linewidth=3.0, solid_capstyle="butt")
    feet.axhline(SKATE_SPEED, color=_GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    feet.set_ylim(-0.07 * top * (len(embodiment.feet) + 1), 1.05 * top)
    feet.legend(
        loc="upper right",
        bbox_to_anchor=(1.0, -0.12),
        fontsize=7.5,
        frameon=False,
        ncols=4,
        title_fontsize=7.5,
        title="feet; bars below zero: contacts",
    )


def _mark_worst(lines: Sequence[Axes], findings: Sequence[Finding], fps: float, duration: float) -> None:
    """Name the worst frame of every finding at the top of its time line, each label on a line of its own."""
    used = [0] * len(lines)
    for finding in findings:
        line = _LINE_OF[finding.kind]
        at = finding.worst / fps
        lines[line].axvline(at, color=COLOURS[finding.kind], linewidth=1.0, zorder=2)
        late = at > 0.8 * duration
        lines[line].annotate(
            f"{finding.kind} {finding.worst}",
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            xytext=(-3 if late else 3, -8 - 9 * used[line]),
            ha="right" if late else "left",
            fontsize=7.5,
            color=COLOURS[finding.kind],
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.7, "linewidth": 0},
            zorder=5,
        )
        used[line] += 1


def _draw_pictures(figure: Figure, place, pictures: Sequence[tuple[str, np.ndarray]]) -> None:
    strip = place.subgridspec(1, MOST_PICTURES)
    for column, (caption, picture) in enumerate(pictures[:MOST_PICTURES]):
        axes = figure.add_subplot(strip[column])
        axes.imshow(picture)
        axes.set_title(caption, fontsize=7.5, color=_INK)
        axes.set_axis_off()


def _spans(finding: Finding, fps: float, duration: float) -> list[tuple[float, float]]:
    """(left, width) in seconds of each interval, wide enough to be seen; a frame reaches half way to its neighbours."""
    spans = []
    for start, stop in finding.frames:
        width = max((stop - start) / fps, _LEAST_SPAN * duration)
        spans.append((0.5 * (start + stop - 1) / fps - 0.5 * width, width))
    return spans


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(colors=_INK, length=3, labelsize=8)
