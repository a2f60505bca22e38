"""What each stage of a loop does. It runs in a process of its own whose working directory is the run's folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rich.console import Console

from athena_wbc.evaluation.run import run_evaluation
from athena_wbc.files import write_json
from athena_wbc.learning.train import run_training
from athena_wbc.pipeline.findings import read_clips
from athena_wbc.pipeline.graph import TRAIN, Stage
from athena_wbc.pipeline.stages import can_go_on, files_below, move_aside
from athena_wbc.pipeline.work import Outcome
from athena_wbc.synthesis.analysis import body_motion, speeds
from athena_wbc.synthesis.config import FIXED, plain
from athena_wbc.synthesis.loop import graph, making
from athena_wbc.synthesis.loop.graph import LoopStage, loop_folder
from athena_wbc.synthesis.loop.making import CLIPS_FILE, CORPUS_FILE, TRAINING_FILE
from athena_wbc.synthesis.loop.plan import PIPELINE, TRACKER, LoopPlan
from athena_wbc.synthesis.loop.record import summary, tracker_metrics
from athena_wbc.synthesis.loop.resolve import pipeline_overrides
from athena_wbc.synthesis.loop.store import read_lines, write_lines
from athena_wbc.synthesis.records import told

EVALUATION_FOLDER = "evaluation"
OWN, HELDOUT = "loop", "heldout"
"""Sets that a tracker is evaluated on; beside them ``fixed``, the fixed tracker on the loop's clips."""

CORPUS_LIST = "corpus.json"
"""List of the clips of all loops, in the run's folder."""

_WIDE = 160
_SHOWN = ("SR", "TIS", "g_MPJPE_mm", "l_MPJPE_mm", "MPJPE_mm", "clips")


def run_stage(plan: LoopPlan, stage: Stage, device: str, resume: bool) -> Outcome:
    """Do a stage in the current directory, which is the run's folder.

    Args:
        resume: go on with what an earlier try with the same inputs has left.

    Raises:
        AthenaError: anything that the user can put right.
    """
    loop = stage.loop if isinstance(stage, LoopStage) else -1
    if stage.kind == TRAIN:
        return _train_fixed(plan, device, resume) if stage.name == FIXED else _train(plan, loop, device, resume)
    if stage.kind == graph.PROMPTS:
        return making.make_prompts(plan, loop)
    if stage.kind == graph.GENERATE:
        return making.generate(plan, loop, resume)
    if stage.kind == graph.FILTER:
        return making.filter_motions(plan, loop)
    if stage.kind == graph.JUDGE:
        return making.judge(plan, loop, resume)
    if stage.kind == graph.RETARGET:
        return making.retarget(plan, loop, resume)
    if stage.kind == graph.CORPUS:
        return making.make_corpus(plan, loop)
    if stage.kind == graph.EVALUATE:
        return _evaluate(plan, loop, device)
    if stage.kind == graph.MEASURE:
        return _measure(plan, loop, device)
    if stage.kind == graph.BASELINE:
        return _baseline(plan, device)
    if stage.kind == graph.RECORD:
        return _record(plan, loop)
    return _report(plan)


def _train_fixed(plan: LoopPlan, device: str, resume: bool) -> Outcome:
    fixed, run = plan.config.fixed, Path(FIXED)
    resume = resume and can_go_on(run)
    if not resume:
        move_aside(run)
    result = run_training(
        run,
        fixed.iterations,
        recipe=fixed.recipe,
        motions=list(plan.fixed_motions.specs),
        num_envs=fixed.num_envs,
        seed=fixed.seed,
        robot=plan.config.robot,
        device=device,
        resume=resume,
        overrides=fixed.overrides,
    )
    text = f"{result.iteration} iterations on {len(plan.fixed_motions.names)} clips"
    return Outcome((plan.fixed_checkpoint(), f"{FIXED}/config.yaml"), {"told": text}, result.interrupted)


def _train(plan: LoopPlan, loop: int, device: str, resume: bool) -> Outcome:
    training, home = plan.config.training, loop_folder(loop)
    motions = [f"{home}/{TRAINING_FILE}"]
    if training.pipeline is not None:
        return _train_pipeline(plan, loop, motions, device, resume)
    run = Path(home) / TRACKER
    resume = resume and can_go_on(run)
    if not resume:
        move_aside(run)
    result = run_training(
        run,
        training.iterations,
        recipe=training.recipe,
        motions=motions,
        num_envs=training.num_envs,
        seed=plan.seed + loop,
        robot=plan.config.robot,
        device=device,
        resume=resume,
        init_from=plan.first_init() if graph.starts_anew(plan.config, loop) else plan.checkpoint(loop - 1),
        overrides=training.overrides,
    )
    outputs = (plan.checkpoint(loop), f"{home}/{TRACKER}/config.yaml")
    return Outcome(outputs, {"told": f"{result.iteration} iterations"}, result.interrupted)


def _train_pipeline(plan: LoopPlan, loop: int, motions: list[str], device: str, resume: bool) -> Outcome:
    from athena_wbc.pipeline.run import run_pipeline

    training = plan.config.training
    folder = Path(loop_folder(loop)) / PIPELINE
    if not resume:
        move_aside(folder)
    absolute = [str(Path(motion).absolute()) for motion in motions]
    stopped = run_pipeline(
        folder,
        training.pipeline,
        seed=plan.seed + loop,
        resume=folder.exists(),
        device=device,
        overrides=pipeline_overrides(plan.config, absolute),
        console=_console(),
    )
    outputs = () if stopped else (plan.checkpoint(loop), f"{folder}/manifest.json")
    return Outcome(outputs, {"told": f"pipeline {training.pipeline}"}, stopped)


def _evaluate(plan: LoopPlan, loop: int, device: str) -> Outcome:
    home = Path(loop_folder(loop))
    checkpoint = plan.checkpoint(loop)
    found = {OWN: _roll_out(plan, checkpoint, _own_motions(home), home, OWN, device)}
    if plan.heldout.names:
        found[HELDOUT] = _roll_out(plan, checkpoint, list(plan.heldout.specs), home, HELDOUT, device)
    outputs = [name for key in found for name in files_below(home / EVALUATION_FOLDER / key)]
    text = ", ".join(f"{key} SR {100.0 * row['SR']:.0f} %, TIS {row['TIS']:.2f}" for key, row in found.items())
    return Outcome(tuple(outputs), {"sets": found, "told": text})


def _measure(plan: LoopPlan, loop: int, device: str) -> Outcome:
    home = Path(loop_folder(loop))
    row = _roll_out(plan, plan.fixed_checkpoint(), _own_motions(home), home, FIXED, device)
    text = f"fixed tracker: SR {100.0 * row['SR']:.0f} %, difficulty {1.0 - row['TIS']:.3f}"
    return Outcome(files_below(home / EVALUATION_FOLDER / FIXED), {"sets": {FIXED: row}, "told": text})


def _baseline(plan: LoopPlan, device: str) -> Outcome:
    """The fixed tracker on the held-out motions: what the trackers of the loops are compared with."""
    row = _roll_out(plan, plan.fixed_checkpoint(), list(plan.heldout.specs), Path(), HELDOUT, device)
    text = f"fixed tracker on heldout: SR {100.0 * row['SR']:.0f} %, TIS {row['TIS']:.2f}"
    return Outcome(files_below(Path(EVALUATION_FOLDER) / HELDOUT), {"sets": {HELDOUT: row}, "told": text})


def _own_motions(home: Path) -> list[str]:
    """The loop's own clips; where it made none, those that it trained on."""
    return [str(home / (CORPUS_FILE if (home / CORPUS_FILE).is_file() else TRAINING_FILE))]


def _roll_out(plan: LoopPlan, checkpoint: str, specs: list[str], home: Path, name: str, device: str) -> dict[str, Any]:
    judging = plan.config.evaluation
    out = home / EVALUATION_FOLDER / name
    shutil.rmtree(out, ignore_errors=True)
    content = run_evaluation(
        checkpoint,
        specs,
        protocol=judging.protocol,
        out=out,
        rollouts=judging.rollouts,
        num_envs=judging.num_envs,
        randomisation=judging.randomisation,
        seed=plan.judging_seed,
        device=device,
        console=_console(),
        overrides=[] if checkpoint != "zero" else [f"robot={plan.config.robot}"],
    )
    return {key: content[key] for key in _SHOWN} | {"published_fps": content["configuration"]["published_fps"]}


def _record(plan: LoopPlan, loop: int) -> Outcome:
    """Write down where every motion of the loop came from, what was found out about it, and what became of it."""
    home = Path(loop_folder(loop))
    filtered = {row["clip"]: row for row in read_lines(home / making.FILTERS_FILE)}
    judged = {row["clip"]: row["judgement"] for row in read_lines(home / making.JUDGEMENTS_FILE)}
    moved = {row["clip"]: row for row in read_lines(home / making.RETARGET_FILE)}
    fates = making.loop_fates(home, plan.config.judge.accept)
    sets = {
        kind: plan.manifest.stages[graph.stage_name(loop, kind)]["sets"] for kind in (graph.EVALUATE, graph.MEASURE)
    }
    own, fixed = sets[graph.EVALUATE], sets[graph.MEASURE]
    metrics = _metrics(home / EVALUATION_FOLDER / OWN, own[OWN]["published_fps"])
    measured = _metrics(home / EVALUATION_FOLDER / FIXED, fixed[FIXED]["published_fps"])
    lines = []
    for row in read_lines(home / making.GENERATED_FILE):
        name = row["clip"]
        reason, why = fates[name]
        line = {
            **{key: row[key] for key in ("clip", "prompt", "asked", "generator", "is_learned", "seed", "digest")},
            **{key: row[key] for key in ("licence", "provenance", "refinement")},
            "loop": loop,
            "label": row["prompt"]["domain"],
            "text": row["prompt"]["text"],
            "parents": row["prompt"]["parents"],
            "kept": not reason,
            "dropped_by": reason,
            "why": why,
            "filters": filtered[name]["filters"],
            "judgement": judged.get(name),
            "retargeting": moved[name]["quality"] if name in moved else None,
            "sha256": moved[name]["sha256"] if name in moved else "",
            "file": "" if reason else f"{making.CORPUS_FOLDER}/{name}.npz",
            "metrics": metrics.get(name),
            "fixed_metrics": measured.get(name),
            "duration": 0.0,
            "speed": None,
        }
        if not reason:
            clip = making.load_clip(home, name)
            speed = speeds(body_motion(clip, plan.embodiment))
            line |= {"duration": clip.duration, "speed": {"mean": speed.mean, "acceleration": speed.mean_acceleration}}
        lines.append(plain(line))
    write_lines(home / CLIPS_FILE, lines)
    trained = plan.manifest.stages[graph.stage_name(loop, graph.CORPUS)]["trained"]
    found = plain(summary(lines, own[OWN], own.get(HELDOUT), trained))
    return Outcome((f"{home}/{CLIPS_FILE}",), {"summary": found, "told": f"{found['kept']} of {found['prompts']} kept"})


def _metrics(folder: Path, published_fps: float) -> dict[str, dict[str, Any]]:
    return {name: told(tracker_metrics(row, published_fps)) for name, row in read_clips(folder / "clips.csv").items()}


def _report(plan: LoopPlan) -> Outcome:
    from athena_wbc.synthesis.report.write import REPORT_FILES, write_loop_report

    lists = [f"{loop_folder(loop)}/{CORPUS_FILE}" for loop in range(plan.config.loops)]
    write_json(CORPUS_LIST, [name for name in lists if Path(name).is_file()])
    write_loop_report(Path.cwd())
    return Outcome((CORPUS_LIST, *(name for name in REPORT_FILES if Path(name).is_file())))


def _console() -> Console:
    # Of the stage's log: wide enough for whole names.
    return Console(highlight=False, width=_WIDE)
