"""A whole pipeline from the outside: what ``athena pipeline`` calls."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from athena_wbc.pipeline.config import PipelineConfig, load_pipeline, to_dict
from athena_wbc.pipeline.driver import (
    WorkKind,
    forget_from,
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
from athena_wbc.pipeline.graph import build_graph
from athena_wbc.pipeline.manifest import Manifest
from athena_wbc.pipeline.plan import REPORT_FILE, Plan, make_plan
from athena_wbc.pipeline.resolve import resolve
from athena_wbc.pipeline.show import results_table
from athena_wbc.pipeline.stages import run_stage

PIPELINE = WorkKind(
    manifest=Manifest,
    run_stage=run_stage,
    name="pipeline",
    lock_name="pipeline",
    option="--config",
    recorded={"config": dict, "policies": list},
    seeds_kind="study",
    seeds_file="study.json",
    seeds_name="study",
)


def run_pipeline(
    out: str | os.PathLike[str],
    config: str | None = None,
    *,
    seed: int | None = None,
    num_envs: int | None = None,
    jobs: int = 1,
    resume: bool = False,
    until: str | None = None,
    start: str | None = None,
    dry_run: bool = False,
    device: str = "cpu",
    motions_root: str | None = None,
    overrides: Sequence[str] = (),
    console: Console | None = None,
) -> bool:
    """Run a pipeline, or go on with one.

    Args:
        out: its folder.
        config: name in ``configs/pipeline`` or a YAML file; None, to go on, for the one that ``out`` was made with.
        seed, num_envs: instead of the configuration's seeds and environments.
        jobs: stages that run side by side; no result depends on it.
        resume: go on with what is in ``out``; otherwise it has to be empty.
        until: last stage: it and what it needs are run.
        start: this stage and all that need it are done again; goes on like ``resume``.
        dry_run: only tell what would run and why; nothing is written.
        device: torch device of networks and tasks.
        motions_root: folder that relative motions start at.
        overrides: ``key=value`` changes to the configuration.
        console: where it is told.

    Returns:
        Whether a signal stopped it; it then goes on with ``resume``.

    Raises:
        AthenaError: anything that the user can put right.
    """
    began = time.monotonic()
    console = console or Console(highlight=False)
    goes_on = resume or start is not None
    folder = work_folder(out, goes_on)
    given: dict[str, Any] = {} if seed is None else {"seeds": [seed]}
    given |= {} if num_envs is None else {"num_envs": num_envs}
    given |= {} if motions_root is None else {"motions_root": motions_root}
    source, loaded = _load(folder, config, overrides, given)
    plans = _plans(loaded, source, folder)
    wanted = wanted_stages(plans[0].graph, until, start)
    if dry_run:
        forget_from(plans, start)
        tell(plans, wanted, console)
        return False

    def write_report() -> None:
        from athena_wbc.pipeline.report import write_study_report

        write_study_report(folder)

    record = {"config": to_dict(loaded), "policies": list(loaded.policies), "seeds": loaded.seeds}
    stopped = run_plans(
        PIPELINE, plans, folder, goes_on=goes_on, start=start, wanted=wanted, jobs=jobs, device=device,
        console=console, source=config, seeds_record=record, facts=_facts, write_report=write_report,
    )  # fmt: skip
    if stopped:
        tell_stopped(PIPELINE, out, console)
        return True
    report = f"report: {Path(out) / REPORT_FILE}" if (folder / REPORT_FILE).is_file() else "no report"
    tell_end(results_table(plans), report if is_reported(wanted) else "", began, console)
    return False


def _load(
    folder: Path, name: str | None, overrides: Sequence[str], given: Mapping[str, Any]
) -> tuple[str, PipelineConfig]:
    """Where the configuration comes from, and the configuration."""
    if name is not None:
        return name, load_pipeline(name, overrides, given)
    path, content = read_recorded(PIPELINE, folder)
    loaded = load_pipeline(None, overrides, given, (path, content["config"]))
    # JSON sorts its keys; the configuration's order is also that of tables and of ties among stages.
    order = content["policies"]
    loaded.policies = dict(sorted(loaded.policies.items(), key=lambda item: _place(item[0], order)))
    return path, loaded


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _plans(config: PipelineConfig, source: str, folder: Path) -> list[Plan]:
    """One plan for each seed."""
    build_graph(config, source)  # a circle is told before anything else
    resolved = resolve(config, source)

    def plan(home: Path, label: str, seed: int, manifest: Manifest) -> Plan:
        return make_plan(config, resolved, source, home, label, seed, manifest)

    return plan_seeds(PIPELINE, folder, config.seeds, plan)


def _facts(plan: Plan) -> dict[str, Any]:
    """What the manifest says beside the stages."""
    return {
        "config": to_dict(plan.config) | {"seeds": [plan.seed]},
        "policies": list(plan.config.policies),
        "seed": plan.seed,
        "robot": plan.config.robot,
        "corpus": {"clips": list(plan.corpus.names), "hash": plan.corpus.hash},
        "heldout": {"clips": list(plan.heldout.names), "hash": plan.heldout.hash},
    }
