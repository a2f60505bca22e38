"""What each stage does. A stage runs in a process of its own whose working directory is the pipeline's folder.

So every path that a stage writes into a file is relative to that folder: it may be moved, and two pipelines of one
configuration and seed leave the same files wherever they lie.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import run_evaluation
from athena_wbc.files import write_json
from athena_wbc.learning.checkpoint import checkpoints, load_latest
from athena_wbc.learning.train import run_training
from athena_wbc.motion.corpus import load_clips, specs_from
from athena_wbc.motion.manifest import MANIFESTS, left_out, make_manifest
from athena_wbc.motion.manifest_files import write_manifest
from athena_wbc.pipeline import graph
from athena_wbc.pipeline.config import FULL, RESIDUAL, JudgingConfig
from athena_wbc.pipeline.findings import read_clips
from athena_wbc.pipeline.folders import move_aside
from athena_wbc.pipeline.graph import Stage
from athena_wbc.pipeline.mining import run_mining
from athena_wbc.pipeline.pictures import choose_pictures, draw_pictures
from athena_wbc.pipeline.plan import (
    EVALUATION_FOLDER,
    MANIFEST_FOLDER,
    PICTURE_FOLDER,
    REPORT_FILES,
    RESIDUAL_FILE,
    ROUTING_FILE,
    Plan,
)
from athena_wbc.pipeline.routing import run_routing
from athena_wbc.pipeline.telling import in_words
from athena_wbc.pipeline.work import Outcome

_WIDE = 160


def run_stage(plan: Plan, stage: Stage, device: str, resume: bool) -> Outcome:
    """Do a stage in the current directory, which is the pipeline's folder.

    Args:
        resume: of a training: go on from its checkpoints.

    Raises:
        AthenaError: anything that the user can put right.
    """
    outcome = _do(plan, stage, device, resume)
    told = in_words(stage.kind, outcome.facts)
    return dataclasses.replace(outcome, facts=outcome.facts | {"told": told}) if told else outcome


def _do(plan: Plan, stage: Stage, device: str, resume: bool) -> Outcome:
    if stage.kind == graph.TRAIN:
        return _train(plan, stage, device, resume)
    if stage.kind == graph.MANIFESTS:
        return _manifests(plan)
    if stage.kind == graph.MINE:
        return _mine(plan, device)
    if stage.kind == graph.ROUTE:
        return _route(plan, device)
    if stage.kind == graph.EVALUATE:
        return _evaluate(plan, stage, device)
    if stage.kind == graph.PICTURES:
        return _pictures(plan, stage)
    return _report()


def _train(plan: Plan, stage: Stage, device: str, resume: bool) -> Outcome:
    config, policy = plan.config, plan.policy(stage)
    run = Path(stage.policy)
    resume = resume and can_go_on(run)
    if not resume:  # or none of its checkpoints can be read
        move_aside(Path(), stage.policy)
    teachers = {name: plan.checkpoint(name) for name in plan.teachers(policy)}
    motions = [RESIDUAL_FILE] if policy.motions == RESIDUAL else list(plan.corpus.specs)
    routing = ROUTING_FILE if len(policy.teachers) > 1 else None
    result = run_training(
        run,
        policy.iterations,
        recipe=policy.recipe,
        motions=motions,
        num_envs=policy.num_envs or config.num_envs,
        seed=plan.seed,
        robot=config.robot,
        device=device,
        resume=resume,
        init_from=None if policy.init_from is None else plan.checkpoint(policy.init_from),
        teachers=teachers or None,
        routing=routing,
        overrides=[*config.overrides, *policy.overrides],
    )
    outputs = (plan.checkpoint(stage.policy), f"{stage.policy}/config.yaml")
    return Outcome(outputs, {"iterations": result.iteration}, result.interrupted)


def can_go_on(run: Path) -> bool:
    """Whether a run has a checkpoint that can be read."""
    if not checkpoints(run):
        return False
    try:
        load_latest(run)
    except AthenaError:
        return False
    return True


def _manifests(plan: Plan) -> Outcome:
    out = Path(MANIFEST_FOLDER)
    _clear(out)
    config = plan.resolved.manifests
    embodiment = get_embodiment(plan.config.robot)
    clips = load_clips(list(plan.corpus.specs), embodiment)
    specs = specs_from(plan.corpus.specs, out)
    if len(left_out(clips, config, ())) == len(clips):
        chosen: dict[str, list[str]] = {name: [] for name in MANIFESTS}
        for name in MANIFESTS:
            write_json(out / f"{name}.json", {"motions": specs, "clips": []})
    else:
        manifest = make_manifest(clips, embodiment, config)
        chosen = {name: [entry.name for entry in manifest.chosen(name)] for name in MANIFESTS}
        write_manifest(out, manifest, clips, embodiment, config, specs)
    return Outcome(files_below(out), {"clips": chosen})


def _mine(plan: Plan, device: str) -> Outcome:
    mining = plan.config.mining
    record = run_mining(
        plan.checkpoint(mining.teacher),
        list(plan.corpus.specs),
        RESIDUAL_FILE,
        rho=mining.rho,
        sample=mining.sample,
        early_s=mining.early_s,
        device=device,
        console=_console(),
        **_judging(plan, mining),
    )
    found = {key: record[key] for key in ("clips", "num_clips", "SR")}
    return Outcome((RESIDUAL_FILE,), found | {"teacher": mining.teacher})


def _route(plan: Plan, device: str) -> Outcome:
    routing = plan.config.routing
    teachers = [name for name in plan.config.bank if name in routing.without or not plan.is_skipped(name)]
    record = run_routing(
        {name: plan.checkpoint(name) for name in teachers},
        list(plan.corpus.specs),
        ROUTING_FILE,
        tie=routing.tie,
        without=routing.without,
        device=device,
        console=_console(),
        **_judging(plan, routing),
    )
    routed = {teacher["name"]: teacher["routed"] for teacher in record["teachers"]}
    failing = [teacher["name"] for teacher in record["teachers"] if teacher["never_succeeds"]]
    return Outcome((ROUTING_FILE,), {"routed": routed, "never_succeeds": failing, "ties": record["ties"]})


def _evaluate(plan: Plan, stage: Stage, device: str) -> Outcome:
    home = Path(EVALUATION_FOLDER) / stage.policy
    _clear(home)
    sets, skipped = plan.sets()
    rows = {}
    for name, specs in sets.items():
        summary = run_evaluation(
            plan.checkpoint(stage.policy),
            specs,
            out=home / name,
            device=device,
            console=_console(),
            **_judging(plan, plan.config.evaluation),
        )
        rows[name] = {key: summary[key] for key in ("SR", "TIS", "MPJPE_mm", "MPJPE_W_mm", "clips")}
    return Outcome(files_below(home), {"sets": rows, "skipped_sets": skipped})


def _pictures(plan: Plan, stage: Stage) -> Outcome:
    home = Path(PICTURE_FOLDER)
    _clear(home)
    teacher = plan.mined_teacher()
    rows = {
        name: read_clips(Path(EVALUATION_FOLDER) / name / FULL / "clips.csv")
        for name in (stage.policy, *([] if teacher is None else [teacher]))
    }
    pictures = choose_pictures(
        stage.policy, rows[stage.policy], teacher, rows.get(teacher) if teacher else None, plan.residual() or ()
    )
    checkpoints = {name: plan.checkpoint(name) for name in rows}
    drawn, problem = draw_pictures(pictures, checkpoints, plan.corpus.specs, home)
    if problem:
        print(f"not all of {len(pictures)} pictures could be drawn: {problem}")
    return Outcome(tuple(str(home / name) for name in sorted(drawn)), {"drawn": drawn, "problem": problem})


def _report() -> Outcome:
    from athena_wbc.pipeline.report import write_pipeline_report

    write_pipeline_report(Path.cwd())
    return Outcome(tuple(name for name in REPORT_FILES if Path(name).is_file()))


def _judging(plan: Plan, judging: JudgingConfig) -> dict[str, Any]:
    return {
        "protocol": judging.protocol,
        "rollouts": judging.rollouts,
        "num_envs": judging.num_envs,
        "randomisation": judging.randomisation,
        "seed": plan.judging_seed(judging),
    }


def _console() -> Console:
    # Of the stage's log: wide enough for whole names.
    return Console(highlight=False, width=_WIDE)


def files_below(folder: Path) -> tuple[str, ...]:
    """Files in a folder and below it, sorted; hidden ones are none."""
    return tuple(sorted(str(path) for path in _below(folder)))


def _below(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
