"""A whole pipeline from the outside: what ``athena pipeline`` calls."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json
from athena_wbc.pipeline import manifest as records
from athena_wbc.pipeline.config import PipelineConfig, load_pipeline, to_dict
from athena_wbc.pipeline.folders import check_empty, clean, contents, tell
from athena_wbc.pipeline.graph import REPORT, build_graph, downstream, find_stage, upstream
from athena_wbc.pipeline.lock import folder_lock
from athena_wbc.pipeline.manifest import Manifest
from athena_wbc.pipeline.plan import REPORT_FILE, Plan, make_plan
from athena_wbc.pipeline.records import read_record
from athena_wbc.pipeline.resolve import resolve
from athena_wbc.pipeline.schedule import Schedule
from athena_wbc.pipeline.show import Screen, duration, results_table

STUDY, STUDY_FILE = "study", "study.json"


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
    folder = Path(os.path.abspath(os.path.expanduser(out)))
    if folder.exists() and not folder.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    goes_on = resume or start is not None
    check_empty(folder, goes_on)
    given: dict[str, Any] = {} if seed is None else {"seeds": [seed]}
    given |= {} if num_envs is None else {"num_envs": num_envs}
    given |= {} if motions_root is None else {"motions_root": motions_root}
    source, loaded = _load(folder, config, overrides, given)
    plans = _plans(loaded, source, folder)
    for name, option in ((until, "--until"), (start, "--from")):
        if name is not None:
            find_stage(plans[0].graph, name, option)
    wanted = None if until is None else upstream(plans[0].graph, until)
    if dry_run:
        _forget_from(plans, start)
        tell(plans, wanted, console)
        return False
    screen = Screen(console)
    with folder_lock(folder):
        # Whoever held the lock before may have gone on since the first look.
        check_empty(folder, goes_on)
        for plan in plans:
            plan.manifest = _manifest(plan.folder)
        _forget_from(plans, start)
        clean(folder)
        stopped = _run(plans, config, loaded, folder, wanted, jobs, device, screen)
    if stopped:
        console.print(f"stopped; go on with: athena pipeline --out {out} --resume", soft_wrap=True)
        return True
    table = results_table(plans)
    if table.row_count:
        console.print(table)
    report = folder / REPORT_FILE
    if wanted is None or REPORT in wanted:
        console.print(f"report: {Path(out) / REPORT_FILE}" if report.is_file() else "no report", soft_wrap=True)
    console.print(f"{duration(time.monotonic() - began)} in all", soft_wrap=True)
    return False


def _load(
    folder: Path, name: str | None, overrides: Sequence[str], given: Mapping[str, Any]
) -> tuple[str, PipelineConfig]:
    """Where the configuration comes from, and the configuration."""
    if name is not None:
        return name, load_pipeline(name, overrides, given)
    for file, kind in ((records.NAME, records.KIND), (STUDY_FILE, STUDY)):
        path = folder / file
        if path.is_file():
            remedy = "name the configuration with --config, or choose another folder with --out"
            content = read_record(path, kind, "pipeline", remedy)
            recorded, order = content.get("config"), content.get("policies")
            if not isinstance(recorded, dict) or not isinstance(order, list):
                raise AthenaError(f"{path}: damaged, it lacks config or policies; {remedy}")
            loaded = load_pipeline(None, overrides, given, (str(path), recorded))
            # JSON sorts its keys; the configuration's order is also that of tables and of ties among stages.
            loaded.policies = dict(sorted(loaded.policies.items(), key=lambda item: _place(item[0], order)))
            return str(path), loaded
    raise AthenaError(f"--config: names no pipeline, and {folder} holds none; give demo, or a YAML file of your own")


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _plans(config: PipelineConfig, source: str, folder: Path) -> list[Plan]:
    """One plan for each seed."""
    build_graph(config, source)  # a circle is told before anything else
    resolved = resolve(config, source)
    if len(config.seeds) == 1:
        return [make_plan(config, resolved, source, folder, "", config.seeds[0], _manifest(folder))]
    old = contents(folder)
    if old and STUDY_FILE not in old and not any(name.startswith("seed_") for name in old):
        raise AthenaError(f"{folder}: holds no study of several seeds; choose another folder with --out")
    plans = []
    for seed in config.seeds:
        home = folder / f"seed_{seed}"
        plans.append(make_plan(config, resolved, source, home, f"{home.name}/", seed, _manifest(home)))
    return plans


def _manifest(folder: Path) -> Manifest:
    return Manifest.read(folder) if contents(folder) else Manifest.new(folder)


def _forget_from(plans: Sequence[Plan], start: str | None) -> None:
    """Make a stage and all that need it as if they had never run."""
    for plan in plans if start is not None else ():
        for name in downstream(plan.graph, start):
            plan.manifest.stages[name] = {"status": records.PENDING, "why": f"asked for with --from {start}"}


def _run(
    plans: Sequence[Plan],
    name: str | None,
    config: PipelineConfig,
    folder: Path,
    wanted: set[str] | None,
    jobs: int,
    device: str,
    screen: Screen,
) -> bool:
    if len(plans) > 1:
        content = {"kind": STUDY, "library_version": __version__, "config": to_dict(config)}
        write_json(folder / STUDY_FILE, content | {"policies": list(config.policies), "seeds": config.seeds})
    for plan in plans:
        plan.folder.mkdir(exist_ok=True)
        _begin(plan, name)
    try:
        stopped = Schedule(plans, wanted, jobs, device, screen).run()
    finally:
        screen.close()
    if not stopped and len(plans) > 1 and (wanted is None or REPORT in wanted):
        from athena_wbc.pipeline.report import write_study_report

        write_study_report(folder)
    return stopped


def _begin(plan: Plan, name: str | None) -> None:
    """Write down what will be run, and drop what the configuration no longer knows."""
    manifest = plan.manifest
    for stage in [stage for stage in manifest.stages if stage not in plan.graph]:
        entry = manifest.stages[stage]
        plan.remove_shown(entry.get("kind", ""), entry.get("policy") or "")
        manifest.forget(stage)
    # What it was first made from stays on record where it goes on without a name.
    source = manifest.content.get("source") if name is None else name
    manifest.content |= {
        "source": source,
        "config": to_dict(plan.config) | {"seeds": [plan.seed]},
        "policies": list(plan.config.policies),
        "seed": plan.seed,
        "robot": plan.config.robot,
        "corpus": {"clips": list(plan.corpus.names), "hash": plan.corpus.hash},
        "heldout": {"clips": list(plan.heldout.names), "hash": plan.heldout.hash},
        "order": list(plan.graph),
    }
    for stage in plan.graph:
        manifest.stages.setdefault(stage, {"status": records.PENDING})
    manifest.write()
