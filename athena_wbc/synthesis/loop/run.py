"""A whole run of the loop from the outside: what ``athena synthesize`` calls."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from athena_wbc.pipeline.driver import (
    WorkKind,
    is_reported,
    plan_seeds,
    read_recorded,
    run_plans,
    tell_end,
    tell_stopped,
    wanted_stages,
    work_folder,
)
from athena_wbc.pipeline.folders import tell
from athena_wbc.pipeline.manifest import Manifest
from athena_wbc.synthesis.config import SynthesisConfig, load_synthesis, to_dict
from athena_wbc.synthesis.loop.manifest import SynthesisManifest
from athena_wbc.synthesis.loop.plan import LoopPlan, make_loop_plan
from athena_wbc.synthesis.loop.resolve import resolve_loop
from athena_wbc.synthesis.loop.stages import run_stage

LOOP = WorkKind(
    manifest=SynthesisManifest,
    run_stage=run_stage,
    name="loop",
    lock_name="run of the loop",
    option="--preset",
    recorded={"config": dict},
    seeds_kind="synthesis_seeds",
    seeds_file="seeds.json",
    seeds_name="loops",
)
REPORT_FILE = "report.html"
PRESET = "default"
"""What a new run is made with where nothing is named."""


def run_synthesis(
    out: str | os.PathLike[str],
    preset: str | None = None,
    *,
    given: Mapping[str, Any] | None = None,
    jobs: int = 1,
    resume: bool = False,
    until: str | None = None,
    dry_run: bool = False,
    device: str = "cpu",
    overrides: Sequence[str] = (),
    console: Console | None = None,
) -> bool:
    """Run the loop, or go on with it.

    Args:
        out: its folder.
        preset: name in ``configs/synthesis`` or a YAML file; None for :data:`PRESET`, and, to go on, for what ``out``
            was made with.
        given: keys of the configuration -> values, from the command's own options.
        jobs: stages that run side by side; no result depends on it.
        resume: go on with what is in ``out``; otherwise it has to be empty.
        until: last stage: it and what it needs are run.
        dry_run: only tell what would run and why; nothing is written.
        device: torch device of networks and tasks.
        overrides: ``key=value`` changes to the configuration.
        console: where it is told.

    Returns:
        Whether a signal stopped it; it then goes on with ``resume``.

    Raises:
        AthenaError: anything that the user can put right.
    """
    began = time.monotonic()
    console = console or Console(highlight=False)
    folder = work_folder(out, resume)
    if preset is None and not resume:
        preset = PRESET
    source, config = _load(folder, preset, overrides, given or {})
    plans = _plans(config, source, folder)
    wanted = wanted_stages(plans[0].graph, until)
    if dry_run:
        tell(plans, wanted, console)
        return False

    def write_report() -> None:
        from athena_wbc.synthesis.report.compare import write_comparison

        write_comparison([plan.folder for plan in plans], folder)

    record = {"config": to_dict(config), "seeds": config.seeds}
    stopped = run_plans(
        LOOP, plans, folder, goes_on=resume, start=None, wanted=wanted, jobs=jobs, device=device,
        console=console, source=preset, seeds_record=record, facts=_facts, write_report=write_report,
    )  # fmt: skip
    if stopped:
        tell_stopped(LOOP, out, console)
        return True
    is_there = (folder / REPORT_FILE).is_file() and is_reported(wanted)
    tell_end(loops_table(plans), f"report: {Path(out) / REPORT_FILE}" if is_there else "", began, console)
    return False


def loops_table(plans: Sequence[LoopPlan]) -> Table:
    """A row for every loop that is over."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = (
        "prompts",
        "kept",
        "speed m/s",
        "tier",
        "judged",
        "fixed SR %",
        "difficulty",
        "tracker SR %",
        "heldout TIS",
    )
    table.add_column("loop")
    for heading in headings:
        table.add_column(heading, justify="right")
    for plan in plans:
        for number, loop in enumerate(plan.manifest.loops()):
            heldout = loop["heldout"]
            cells = [
                str(loop["prompts"]),
                str(loop["kept"]),
                _cell(loop["mean_speed"], 2),
                _cell(loop["tier"], 2),
                _cell(loop["judge_difficulty"], 1),
                _cell(loop["fixed_tracker_success"], 0, 100.0),
                _cell(loop["difficulty"], 3),
                _cell(loop["tracker"]["SR"], 0, 100.0),
                "" if heldout is None else _cell(heldout["TIS"], 3),
            ]
            table.add_row(f"{plan.label}{number}", *cells)
    return table


def _cell(value: float | None, digits: int, factor: float = 1.0) -> str:
    return "" if value is None else f"{factor * value:.{digits}f}"


def _load(
    folder: Path, name: str | None, overrides: Sequence[str], given: Mapping[str, Any]
) -> tuple[str, SynthesisConfig]:
    """Where the configuration comes from, and the configuration."""
    if name is not None:
        return name, load_synthesis(name, overrides, given)
    path, content = read_recorded(LOOP, folder)
    return path, load_synthesis(None, overrides, given, (path, content["config"]))


def _plans(config: SynthesisConfig, source: str, folder: Path) -> list[LoopPlan]:
    """One plan for each seed."""
    resolved = resolve_loop(config, source)

    def plan(home: Path, label: str, seed: int, manifest: Manifest) -> LoopPlan:
        return make_loop_plan(config, resolved, source, home, label, seed, manifest)

    return plan_seeds(LOOP, folder, config.seeds, plan)


def _facts(plan: LoopPlan) -> dict[str, Any]:
    """What the manifest says beside the stages."""
    config = plan.config
    return {
        "config": to_dict(config) | {"seeds": [plan.seed]},
        "generator": config.generator.name,
        "judge": config.judge.name,
        "scheduler": config.scheduler.name,
        "ablation": config.scheduler.ablation,
        "seed": plan.seed,
        "robot": config.robot,
        "domains": sorted(plan.bank.domains),
        "fixed": {"checkpoint": config.fixed.checkpoint, "clips": list(plan.fixed_motions.names)},
        "heldout": {"clips": list(plan.heldout.names), "hash": plan.heldout.hash},
    }
