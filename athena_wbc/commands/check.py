"""``athena motions check``: what is wrong with motions, as text, JSON, a table and pictures."""

from __future__ import annotations

import argparse
import csv
import functools
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from athena_wbc.commands.console import make_console, print_table
from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.files import atomic_write, write_text
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import output_path
from athena_wbc.motion.findings import KINDS, SEVERITIES, Finding, worst_severity
from athena_wbc.motion.formats import ACCEPTABLE
from athena_wbc.parallel import parallel_map
from athena_wbc.sim.render import choose_backend

_COLUMNS = ("clip", "severity", "kind", "frames", "worst", "value", "unit", "intervals", "message")
_PICTURE_SIZE = (260, 300)


def check(arguments: argparse.Namespace) -> int:
    """Print the findings of every clip; the exit code is 1 where one of them is an error."""
    if arguments.frames and not arguments.picture:
        raise AthenaError("--frames: belongs to a picture; add --picture")
    if arguments.frames:
        choose_backend()  # before anything imports MuJoCo
    from athena_wbc.commands.motions import load_motions

    # Nonsense is to be reported here, with everything else about the clip, not to stop at the first.
    clips, embodiment = load_motions(arguments, accept=ACCEPTABLE)
    pages = _page_paths(arguments.picture, clips)
    examine = functools.partial(
        _examine,
        embodiment=embodiment,
        kinds=tuple(arguments.kind or KINDS),
        severity=arguments.severity,
        frames=arguments.frames,
    )
    items = list(zip(clips, pages, strict=True))
    results = parallel_map(examine, items, arguments.jobs, "checking motions")
    found = {clip.name: findings for clip, findings in zip(clips, results, strict=True)}
    if arguments.csv:
        write_text(arguments.csv, findings_csv(found))
    if arguments.json:
        content = summarise(clips, found) if arguments.summary else _plain(found)
        print(json.dumps(content, indent=2))
    else:
        _print_findings(clips, found, arguments.summary)
    return int(any(worst_severity(findings) == "error" for findings in results))


def summarise(clips: Sequence[MotionClip], found: Mapping[str, Sequence[Finding]]) -> dict[str, dict]:
    """For each kind that was found: clips, of them with each severity, frames, share of all frames, the clip with
    most."""
    total = sum(clip.num_frames for clip in clips)
    summary = {}
    for kind in KINDS:
        of_kind = {name: finding for name, findings in found.items() for finding in findings if finding.kind == kind}
        if not of_kind:
            continue
        frames = {name: _num_frames(finding) for name, finding in of_kind.items()}
        severities = [finding.severity for finding in of_kind.values()]
        summary[kind] = {
            "clips": len(of_kind),
            **{severity: severities.count(severity) for severity in reversed(SEVERITIES)},
            "frames": sum(frames.values()),
            "share": sum(frames.values()) / total,
            "most": max(frames, key=frames.__getitem__),
        }
    return summary


def findings_csv(found: Mapping[str, Sequence[Finding]]) -> str:
    """One line for each finding of each clip; intervals as `start-stop` with the last frame included."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, findings in found.items():
        for finding in findings:
            intervals = " ".join(f"{start}-{stop - 1}" for start, stop in finding.frames)
            row = (name, finding.severity, finding.kind, _num_frames(finding), finding.worst, f"{finding.value:.6g}")
            writer.writerow((*row, finding.unit, intervals, finding.message))
    return stream.getvalue()


def _examine(
    item: tuple[MotionClip, Path | None], embodiment: Embodiment, kinds: Sequence[str], severity: str, frames: bool
) -> list[Finding]:
    """The findings of a clip that are asked for; its page is drawn where it has a path."""
    clip, page = item
    least = SEVERITIES.index(severity)
    findings = [
        finding
        for finding in check_clip(clip, embodiment)
        if finding.kind in kinds and SEVERITIES.index(finding.severity) >= least
    ]
    if page is not None:
        from athena_wbc.motion.check_picture import draw_page

        pictures = _worst_pictures(clip, findings, embodiment) if frames else []
        atomic_write(page, draw_page(clip, findings, embodiment, pictures))
    return findings


def _worst_pictures(
    clip: MotionClip, findings: Sequence[Finding], embodiment: Embodiment
) -> list[tuple[str, np.ndarray]]:
    from athena_wbc.motion.check_picture import worst_moments
    from athena_wbc.sim.render import SceneRenderer

    moments = worst_moments(findings)
    if not moments:
        return []
    clip = clip.for_embodiment(embodiment)
    poses = np.concatenate((clip.root_pos, clip.root_quat, clip.joint_pos), axis=1)
    renderer = SceneRenderer(embodiment, *_PICTURE_SIZE, smoothing=1.0)
    try:
        # What a step jumps to stands behind the pose that it leaves, as the ghost.
        return [
            (f"frame {frame}: {kinds}", renderer.draw(poses[frame], poses[min(frame + 1, len(poses) - 1)]))
            for frame, kinds in moments
        ]
    finally:
        renderer.close()


def _page_paths(picture: str | None, clips: Sequence[MotionClip]) -> list[Path | None]:
    """A path for each clip: the file itself for one, files named after the clips in a folder for many."""
    if picture is None:
        return [None] * len(clips)
    path = Path(picture)
    if path.suffix.lower() == ".png":
        if len(clips) > 1:
            raise AthenaError(f"--picture: {path} is one file for {len(clips)} clips; name a folder")
        return [path]
    if path.suffix and not path.is_dir():
        raise AthenaError(f"--picture: {path}: unknown kind of file; end the name in .png, or name a folder")
    pages = [output_path(path, clip.name).with_suffix(".png") for clip in clips]
    for page in pages:
        if pages.count(page) > 1:
            raise AthenaError(f"{page}: two clips would share it; rename one of them")
    return pages


def _print_findings(clips: Sequence[MotionClip], found: Mapping[str, Sequence[Finding]], summary: bool) -> None:
    console = make_console()
    if summary:
        counted = ("clips", *reversed(SEVERITIES), "frames")
        rows = [
            (kind, *(str(facts[key]) for key in counted), f"{facts['share']:.1%}", facts["most"])
            for kind, facts in summarise(clips, found).items()
        ]
        headings = ("kind", "clips", *(f"{severity}s" for severity in reversed(SEVERITIES)), "frames", "share", "most")
        left = ("kind", "most")
    else:
        rows = [
            (name, finding.severity, finding.kind, _first_frames(finding.frames), str(finding.worst), finding.message)
            for name, findings in found.items()
            for finding in findings
        ]
        headings = ("clip", "severity", "kind", "frames", "worst", "finding")
        left = ("clip", "severity", "kind", "frames", "finding")
    if rows:
        print_table(headings, rows, left=left, console=console)
        console.print()
    worst = [worst_severity(findings) for findings in found.values()]
    counts = ", ".join(f"{worst.count(severity)} with {severity}s" for severity in reversed(SEVERITIES))
    console.print(f"{len(clips)} clip(s): {worst.count('')} clean, {counts}", markup=False)


def _plain(found: Mapping[str, Sequence[Finding]]) -> dict[str, list[dict]]:
    return {name: [finding.as_dict() for finding in findings] for name, findings in found.items()}


def _num_frames(finding: Finding) -> int:
    return sum(stop - start for start, stop in finding.frames)


def _first_frames(frames: tuple[tuple[int, int], ...]) -> str:
    shown = [f"{start}" if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in frames[:2]]
    return " ".join(shown) + (" ..." if len(frames) > 2 else "")
