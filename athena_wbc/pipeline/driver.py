"""What a command does with a work from the outside: its folder, its seeds, what it was made from, and its run.

Pipeline and loop share all of it but their configurations, their plans, and what they show in the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from athena_wbc import __version__
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json
from athena_wbc.pipeline.folders import check_empty, clean, contents
from athena_wbc.pipeline.graph import REPORT, Stage, downstream, find_stage, upstream
from athena_wbc.pipeline.lock import folder_lock
from athena_wbc.pipeline.manifest import NAME, PENDING, Manifest
from athena_wbc.pipeline.records import read_record
from athena_wbc.pipeline.schedule import Schedule
from athena_wbc.pipeline.show import Screen, duration
from athena_wbc.pipeline.work import RunStage, Work

PlanT = TypeVar("PlanT", bound=Work)


@dataclass(frozen=True)
class WorkKind:
    """What one kind of work does and is called, and how its folder is known."""

    manifest: type[Manifest]
    run_stage: RunStage
    name: str
    """In messages, such as ``pipeline``."""
    lock_name: str
    """What a second one is told that it has to wait for."""
    option: str
    """Of the command, that names a configuration."""
    recorded: Mapping[str, type]
    """Keys of a record that the configuration is made from again, and their types."""
    seeds_kind: str
    """What the record of several seeds calls itself."""
    seeds_file: str
    """Its name, in the folder that holds one folder for each seed."""
    seeds_name: str
    """Works of several seeds in messages, such as ``study``."""


def work_folder(out: str | os.PathLike[str], goes_on: bool) -> Path:
    """The absolute folder of a work.

    Raises:
        AthenaError: it is a file, or it holds something that is not to be gone on with.
    """
    folder = Path(os.path.abspath(os.path.expanduser(out)))
    if folder.exists() and not folder.is_dir():
        raise AthenaError(f"{out}: is a file; name a folder with --out")
    check_empty(folder, goes_on)
    return folder


def read_recorded(kind: WorkKind, folder: Path) -> tuple[str, dict[str, Any]]:
    """The record that a folder keeps of its configuration: its path, and its content.

    Raises:
        AthenaError: there is none, or it is damaged.
    """
    remedy = f"name the configuration with {kind.option}, or choose another folder with --out"
    for file, record in ((NAME, kind.manifest.kind), (kind.seeds_file, kind.seeds_kind)):
        path = folder / file
        if path.is_file():
            content = read_record(path, record, kind.manifest.command, remedy)
            if not all(isinstance(content.get(key), expected) for key, expected in kind.recorded.items()):
                raise AthenaError(f"{path}: damaged, it lacks {' or '.join(kind.recorded)}; {remedy}")
            return str(path), content
    raise AthenaError(
        f"{kind.option}: names no {kind.name}, and {folder} holds none; give demo, or a YAML file of your own"
    )


def read_manifest(kind: WorkKind, folder: Path) -> Manifest:
    """The manifest of a folder, a new one where the folder is empty."""
    return kind.manifest.read(folder) if contents(folder) else kind.manifest.new(folder)


def plan_seeds(
    kind: WorkKind, folder: Path, seeds: Sequence[int], plan: Callable[[Path, str, int, Manifest], PlanT]
) -> list[PlanT]:
    """One plan for each seed, of several in a folder of its own.

    Args:
        plan: makes one from its folder, its label, its seed and its manifest.

    Raises:
        AthenaError: there are several seeds, and the folder holds something else.
    """
    if len(seeds) == 1:
        return [plan(folder, "", seeds[0], read_manifest(kind, folder))]
    old = contents(folder)
    if old and kind.seeds_file not in old and not any(name.startswith("seed_") for name in old):
        raise AthenaError(f"{folder}: holds no {kind.seeds_name} of several seeds; choose another folder with --out")
    plans = []
    for seed in seeds:
        home = folder / f"seed_{seed}"
        plans.append(plan(home, f"{home.name}/", seed, read_manifest(kind, home)))
    return plans


def wanted_stages(graph: Mapping[str, Stage], until: str | None, start: str | None = None) -> set[str] | None:
    """Names of the stages that may run, None for all.

    Raises:
        AthenaError: one of the options names no stage.
    """
    for name, option in ((until, "--until"), (start, "--from")):
        if name is not None:
            find_stage(graph, name, option)
    return None if until is None else upstream(graph, until)


def forget_from(plans: Sequence[Work], start: str | None) -> None:
    """Make a stage and all that need it as if they had never run; nothing where `start` is None."""
    for plan in plans if start is not None else ():
        for name in downstream(plan.graph, start):
            plan.manifest.stages[name] = {"status": PENDING, "why": f"asked for with --from {start}"}


def is_reported(wanted: Collection[str] | None) -> bool:
    """Whether the report is among the stages that may run."""
    return wanted is None or REPORT in wanted


def run_plans(
    kind: WorkKind,
    plans: Sequence[PlanT],
    folder: Path,
    *,
    goes_on: bool,
    start: str | None,
    wanted: Collection[str] | None,
    jobs: int,
    device: str,
    console: Console,
    source: str | None,
    seeds_record: Mapping[str, Any],
    facts: Callable[[PlanT], Mapping[str, Any]],
    write_report: Callable[[], object],
) -> bool:
    """Run what there is to run, with the folder locked.

    Args:
        goes_on: whether the folder may hold something.
        start: see :func:`forget_from`.
        wanted: names of the stages that may run; None for all.
        source: name of the configuration; None where it comes from the folder.
        seeds_record: what the record of several seeds says.
        facts: what a plan's manifest says beside its stages.
        write_report: writes the report on several seeds.

    Returns:
        Whether a signal stopped it.

    Raises:
        AthenaError: anything that the user can put right.
    """
    screen = Screen(console)
    with folder_lock(folder, kind.lock_name):
        # Whoever held the lock before may have gone on since the first look.
        check_empty(folder, goes_on)
        for plan in plans:
            plan.manifest = read_manifest(kind, plan.folder)
        forget_from(plans, start)
        clean(folder)
        if len(plans) > 1:
            content = {"kind": kind.seeds_kind, "library_version": __version__}
            write_json(folder / kind.seeds_file, content | dict(seeds_record))
        for plan in plans:
            plan.folder.mkdir(exist_ok=True)
            _begin(plan, source, facts(plan))
        try:
            stopped = Schedule(kind.run_stage, plans, wanted, jobs, device, screen).run()
        finally:
            screen.close()
        if not stopped and len(plans) > 1 and is_reported(wanted):
            write_report()
    return stopped


def tell_stopped(kind: WorkKind, out: str | os.PathLike[str], console: Console) -> None:
    """Say how to go on after a signal."""
    console.print(f"stopped; go on with: athena {kind.manifest.command} --out {out} --resume", soft_wrap=True)


def tell_end(table: Table, report: str, began: float, console: Console) -> None:
    """Show what a run has come to.

    Args:
        report: a line about the report; may be empty.
        began: `time.monotonic` at the beginning, s.
    """
    if table.row_count:
        console.print(table)
    if report:
        console.print(report, soft_wrap=True)
    console.print(f"{duration(time.monotonic() - began)} in all", soft_wrap=True)


def _begin(plan: Work, source: str | None, facts: Mapping[str, Any]) -> None:
    """Write down what will be run, and drop what the configuration no longer knows."""
    manifest = plan.manifest
    for stage in [stage for stage in manifest.stages if stage not in plan.graph]:
        entry = manifest.stages[stage]
        plan.remove_shown(entry.get("kind", ""), entry.get("policy") or "")
        manifest.forget(stage)
    # What it was first made from stays on record where it goes on without a name.
    source = manifest.content.get("source") if source is None else source
    manifest.content |= {"source": source, **facts, "order": list(plan.graph)}
    for stage in plan.graph:
        manifest.stages.setdefault(stage, {"status": PENDING})
    manifest.write()
