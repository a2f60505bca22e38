"""``athena demo``: from nothing to a trained tracker and its report in a few minutes."""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import time
from pathlib import Path

from athena_wbc.commands.learning import INTERRUPTED
from athena_wbc.errors import AthenaError
from athena_wbc.files import write_json

RECIPE = "demo"
MARK = "demo.json"
"""File by which a folder is known to be an earlier demo, which may be replaced."""
EVALUATION_SECONDS = 45.0
"""Kept back from the demo's time for the evaluation, its report and the pictures."""
LEAST_SECONDS = 5.0


def demo(arguments: argparse.Namespace) -> int:
    """Train on the built-in motions until the time is nearly up, then evaluate under the ``athena`` protocol."""
    began = time.monotonic()
    out = Path(arguments.out)
    _make_room(out)
    print("athena demo: a Unitree G1 learns to track the built-in motions.", flush=True)

    from athena_wbc.embodiment import get_embodiment
    from athena_wbc.evaluation.run import run_evaluation
    from athena_wbc.learning.train import run_training
    from athena_wbc.motion.corpus import load_clips

    # The motions are made here if they are not in the cache, so that the rest of the time is for learning.
    clips = load_clips("builtin", get_embodiment("g1"))
    seconds = sum(clip.duration for clip in clips)
    print(f"{len(clips)} motions, {seconds:.0f} s in all; the run goes to {out}.", flush=True)
    budget = arguments.minutes * 60.0 - EVALUATION_SECONDS - (time.monotonic() - began)
    if budget < LEAST_SECONDS:
        raise AthenaError(f"--minutes: {arguments.minutes:g} leaves no time to train; give 1 or more")
    write_json(out / MARK, {"seed": arguments.seed, "minutes": arguments.minutes, "overrides": arguments.overrides})
    result = run_training(
        out,
        max_iterations=_MOST_ITERATIONS,
        max_seconds=budget,
        recipe=RECIPE,
        motions="builtin",
        num_envs=arguments.num_envs,
        seed=arguments.seed,
        robot="g1",
        overrides=arguments.overrides,
    )
    if result.interrupted:
        return INTERRUPTED
    report = out / "evaluation"
    summary = run_evaluation(out, "builtin", "athena", report, seed=arguments.seed, randomisation="none")
    pictures = _pictures(out, report)
    print(
        f"After {result.seconds:.0f} s of training ({result.iteration} iterations) {summary['SR']:.0%} of the rollouts "
        f"succeed; the whole demo took {time.monotonic() - began:.0f} s.\n"
        f"report: {report}\n"
        f"pictures (the ghost is the reference): {', '.join(map(str, pictures)) or 'none, OpenGL is missing here'}\n"
        f"watch it: athena play --checkpoint {out} --motions builtin:walk --out walk.mp4\n"
        f"go on:    athena train --out {out} --resume --max_iterations {2 * result.iteration}"
    )
    return 0


def _pictures(run: Path, report: Path) -> list[Path]:
    """Draw the clip that was hardest among the successes and the one that failed worst; those that could be drawn.

    In processes of their own: on a machine without OpenGL even MuJoCo's import would fail.
    """
    with open(report / "clips.csv", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["critical_scale_worst"]))
    solved = [row["clip"] for row in rows if float(row["SR"]) == 1.0]
    failed = [row["clip"] for row in rows if float(row["SR"]) < 1.0]
    drawn = []
    for name in (*solved[-1:], *failed[-1:]):
        path = report / f"{name}.png"
        command = [sys.executable, "-m", "athena_wbc.cli", "play", "--checkpoint", str(run)]
        command += ["--motions", f"builtin:{name}", "--out", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            drawn.append(path)
    return drawn


_MOST_ITERATIONS = 1_000_000
"""The time ends the training, not this."""


def _make_room(out: Path) -> None:
    """Remove an earlier demo; anything else that is there is not ours to remove."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MARK).is_file():
        raise AthenaError(f"{out}: exists, and is no earlier demo; choose another folder with --out")
    shutil.rmtree(out)
