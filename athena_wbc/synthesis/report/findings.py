"""What a run of the loop has left in its folder, read for the report. What is missing is told, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.corpus import load_clips
from athena_wbc.pipeline.config import rooted_specs
from athena_wbc.pipeline.manifest import DONE
from athena_wbc.pipeline.tabular import counted
from athena_wbc.synthesis import analysis
from athena_wbc.synthesis.analysis import Overlap, Speeds
from athena_wbc.synthesis.language.config import COSTS
from athena_wbc.synthesis.language.costs import read_costs, summarise
from athena_wbc.synthesis.loop.graph import BASELINE, loop_folder
from athena_wbc.synthesis.loop.making import CLIPS_FILE, PREPARED_FOLDER, SCHEDULE_FILE, load_clip
from athena_wbc.synthesis.loop.manifest import SynthesisManifest
from athena_wbc.synthesis.loop.record import domain_of
from athena_wbc.synthesis.loop.resolve import LANGUAGE_FOLDER
from athena_wbc.synthesis.loop.store import read_lines

SOURCE = "source"
"""Name of the source set beside those of the loops."""


@dataclass
class MotionSet:
    """Motions of one loop, or of the source."""

    speeds: list[Speeds] = field(default_factory=list)
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    """(N, D) windows."""
    domains: list[str] = field(default_factory=list)
    """Of every window; empty for the source."""
    overlap: Overlap | None = None
    """With the source."""


@dataclass
class LoopFindings:
    """One loop."""

    number: int
    figures: dict[str, Any]
    """Its entry in the manifest."""
    clips: list[dict[str, Any]]
    """Lines of ``clips.jsonl``."""
    log: list[dict[str, Any]]
    """Decisions that its prompts came from."""
    motions: MotionSet


@dataclass
class RunFindings:
    """One run."""

    folder: Path
    name: str
    manifest: dict[str, Any]
    loops: list[LoopFindings]
    source: MotionSet
    baseline: dict[str, Any] | None
    """The fixed tracker on the held-out motions."""
    notes: list[str] = field(default_factory=list)
    """What is missing or to be read with care."""
    costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What language models were asked and took, by model; see `costs.summarise` for the keys."""

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, as it was run with."""
        return self.manifest["config"]

    @property
    def domains(self) -> list[str]:
        """Domains that occur, sorted."""
        return sorted({domain for loop in self.loops for domain in loop.figures["by_domain"]})

    def prompts(self) -> dict[str, dict[str, Any]]:
        """All prompts by their identifier."""
        return {row["prompt"]["id"]: row["prompt"] for loop in self.loops for row in loop.clips}


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run of the loop."""
    try:
        SynthesisManifest.read(folder)
    except AthenaError:
        return False
    return True


def read_run(folder: Path, with_motions: bool = True) -> RunFindings:
    """Read a run.

    Args:
        folder: what ``athena synthesize`` wrote to.
        with_motions: read the clips too, which takes a while.

    Raises:
        AthenaError: the folder holds no run of the loop.
    """
    folder = Path(folder)
    manifest = SynthesisManifest.read(folder)
    notes: list[str] = []
    loops = []
    for number, figures in enumerate(manifest.loops()):
        home = folder / loop_folder(number)
        clips = _optional(lambda home=home: read_lines(home / CLIPS_FILE), notes) or []
        log = _optional(lambda home=home: _log(home / SCHEDULE_FILE), notes) or []
        loops.append(LoopFindings(number, figures, clips, log, MotionSet()))
        if others := figures.get("stood_in"):
            notes.append(
                f"loop {number}: the judge '{manifest.content['judge']}' gave no answer for "
                f"{counted(others, 'motion')}, and another stood in; docs/synthesis_language.md says how to ask again"
            )
    if not loops:
        notes.append("no loop is over yet")
    entry = manifest.stages.get(BASELINE, {})
    baseline = entry["sets"]["heldout"] if entry.get("status") == DONE else None
    costs = _optional(lambda: summarise(read_costs(folder / LANGUAGE_FOLDER / COSTS)), notes) or {}
    found = RunFindings(folder, folder.resolve().name, manifest.content, loops, MotionSet(), baseline, notes, costs)
    if with_motions and loops:
        _read_motions(found)
    return found


def picture_of(run: RunFindings, loop: int, clip: str) -> Path:
    """Where the prepared motion of a clip lies."""
    return run.folder / loop_folder(loop) / PREPARED_FOLDER / f"{clip}.npz"


def _read_motions(run: RunFindings) -> None:
    embodiment = get_embodiment(run.manifest["robot"])
    options = run.config["analysis"]
    source = _optional(lambda: list(load_clips(_source_specs(run), embodiment)), run.notes)
    motions = [analysis.body_motion(clip, embodiment) for clip in source or ()]
    run.source = _motion_set(motions)
    for loop in run.loops:
        kept = [row for row in loop.clips if row["kept"]]
        home = run.folder / loop_folder(loop.number)
        clips = _optional(lambda home=home, kept=kept: [load_clip(home, row["clip"]) for row in kept], run.notes) or []
        moved = [analysis.body_motion(clip, embodiment) for clip in clips]
        loop.motions = _motion_set(moved, [domain_of(row["prompt"]) for row in kept])
        points, most = loop.motions.points, options["points"]
        if len(points) and len(run.source.points):
            loop.motions.overlap = analysis.overlap(
                analysis.thinned(points, most), analysis.thinned(run.source.points, most), options["neighbours"]
            )


def _source_specs(run: RunFindings) -> list[str]:
    return rooted_specs(run.config["motions_root"], run.config["analysis"]["source"])


def _motion_set(motions: list[analysis.BodyMotion], domains: list[str] | None = None) -> MotionSet:
    if not motions:
        return MotionSet()
    parts = [analysis.windows(motion) for motion in motions]
    named = [domain for domain, part in zip(domains or [], parts, strict=False) for _ in range(len(part))]
    return MotionSet([analysis.speeds(motion) for motion in motions], np.concatenate(parts), named)


def _log(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AthenaError(f"{path}: cannot be read ({error})") from None
    log = content.get("log") if isinstance(content, Mapping) else None
    return [entry for entry in log or () if isinstance(entry, dict)]


def _optional(read: Any, notes: list[str]) -> Any:
    try:
        return read()
    except AthenaError as error:
        notes.append(str(error))
        return None
