"""A whole run of the loop from the outside: what ``athena synthesize`` calls."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json
from athena_wbc.pipeline.folders import check_empty, clean, contents, tell
from athena_wbc.pipeline.graph import find_stage, upstream
from athena_wbc.pipeline.lock import folder_lock
from athena_wbc.pipeline.manifest import NAME as MANIFEST_NAME
from athena_wbc.pipeline.manifest import PENDING
from athena_wbc.pipeline.records import read_record
from athena_wbc.pipeline.schedule import Schedule
from athena_wbc.pipeline.show import Screen, duration
from athena_wbc.synthesis.config import SynthesisConfig, load_synthesis, to_dict
from athena_wbc.synthesis.loop.graph import REPORT
from athena_wbc.synthesis.loop.manifest import KIND, SynthesisManifest
from athena_wbc.synthesis.loop.plan import LoopPlan, make_loop_plan
from athena_wbc.synthesis.loop.resolve import resolve_loop

SEEDS, SEEDS_FILE = "synthesis_seeds", "seeds.json"
REPORT_FILE = "report.html"


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
        preset: name in ``configs/synthesis`` or a YAML file; None, to go on, for what ``out`` was made with.
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
    folder = Path(os.path.abspath(os.path.expanduser(out)))
    if folder.exists() and not folder.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    check_empty(folder, resume)
    source, config = _load(folder, preset, overrides, given or {})
    plans = _plans(config, source, folder)
    if until is not None:
        find_stage(plans[0].graph, until, "--until")
    wanted = None if until is None else upstream(plans[0].graph, until)
    if dry_run:
        tell(plans, wanted, console)
        return False
    screen = Screen(console)
    with folder_lock(folder, "run of the loop"):
        # Whoever held the lock before may have gone on since the first look.
        check_empty(folder, resume)
        for plan in plans:
            plan.manifest = _manifest(plan.folder)
        clean(folder)
        stopped = _run(plans, preset, config, folder, wanted, jobs, device, screen)
    if stopped:
        console.print(f"stopped; go on with: athena synthesize --out {out} --resume", soft_wrap=True)
        return True
    table = loops_table(plans)
    if table.row_count:
        console.print(table)
    if (folder / REPORT_FILE).is_file() and (wanted is None or REPORT in wanted):
        console.print(f"report: {Path(out) / REPORT_FILE}", soft_wrap=True)
    console.print(f"{duration(time.monotonic() - began)} in all", soft_wrap=True)
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
    for file, kind in ((MANIFEST_NAME, KIND), (SEEDS_FILE, SEEDS)):
        path = folder / file
        if path.is_file():
            remedy = "name the configuration with --preset, or choose another folder with --out"
            recorded = read_record(path, kind, "synthesize", remedy).get("config")
            if not isinstance(recorded, dict):
                raise AthenaError(f"{path}: damaged, it lacks config; {remedy}")
            return str(path), load_synthesis(None, overrides, given, (str(path), recorded))
    raise AthenaError(f"--preset: names no loop, and {folder} holds none; give demo, or a YAML file of your own")


def _plans(config: SynthesisConfig, source: str, folder: Path) -> list[LoopPlan]:
    """One plan for each seed."""
    resolved = resolve_loop(config, source)
    if len(config.seeds) == 1:
        return [make_loop_plan(config, resolved, source, folder, "", config.seeds[0], _manifest(folder))]
    old = contents(folder)
    if old and SEEDS_FILE not in old and not any(name.startswith("seed_") for name in old):
        raise AthenaError(f"{folder}: holds no loops of several seeds; choose another folder with --out")
    plans = []
    for seed in config.seeds:
        home = folder / f"seed_{seed}"
        plans.append(make_loop_plan(config, resolved, source, home, f"{home.name}/", seed, _manifest(home)))
    return plans


def _manifest(folder: Path) -> SynthesisManifest:
    return SynthesisManifest.read(folder) if contents(folder) else SynthesisManifest.new(folder)


def _run(
    plans: Sequence[LoopPlan],
    name: str | None,
    config: SynthesisConfig,
    folder: Path,
    wanted: set[str] | None,
    jobs: int,
    device: str,
    screen: Screen,
) -> bool:
    if len(plans) > 1:
        content = {"kind": SEEDS, "library_version": __version__, "config": to_dict(config)}
        write_json(folder / SEEDS_FILE, content | {"seeds": config.seeds})
    for plan in plans:
        plan.folder.mkdir(exist_ok=True)
        _begin(plan, name)
    try:
        stopped = Schedule(plans, wanted, jobs, device, screen).run()
    finally:
        screen.close()
    if not stopped and len(plans) > 1 and (wanted is None or REPORT in wanted):
        from athena_wbc.synthesis.report.compare import write_comparison

        write_comparison([plan.folder for plan in plans], folder)
    return stopped


def _begin(plan: LoopPlan, name: str | None) -> None:
    """Write down what will be run, and drop what the configuration no longer knows."""
    manifest, config = plan.manifest, plan.config
    for stage in [stage for stage in manifest.stages if stage not in plan.graph]:
        manifest.forget(stage)
    # What it was first made from stays on record where it goes on without a name.
    source = manifest.content.get("source") if name is None else name
    manifest.content |= {
        "source": source,
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
        "order": list(plan.graph),
    }
    for stage in plan.graph:
        manifest.stages.setdefault(stage, {"status": PENDING})
    manifest.write()
