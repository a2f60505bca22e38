"""``athena train`` and ``athena evaluate``."""

from __future__ import annotations

import argparse
from typing import Any

from athena_tasks import find_task
from athena_wbc.errors import AthenaError

INTERRUPTED = 130
"""Exit code of a command that a signal has stopped, as shells have it."""


def train(arguments: argparse.Namespace) -> int:
    """Train a policy, or go on with a run."""
    return _train(arguments, init_from=arguments.init_from)


def distill(arguments: argparse.Namespace) -> int:
    """Teach a student what its teachers do, or go on with that."""
    from athena_wbc.pipeline.bank import parse_teachers

    teachers = parse_teachers(arguments.teacher or ())
    recipe = arguments.recipe or (None if arguments.resume and _has_run(arguments.out) else "student")
    return _train(arguments, recipe, teachers=teachers or None, routing=arguments.routing)


def _has_run(out: str) -> bool:
    from athena_wbc.learning.checkpoint import checkpoints

    return bool(checkpoints(out))


def _train(arguments: argparse.Namespace, recipe: str | None = None, **options: Any) -> int:
    robot = None
    if arguments.task is not None:
        entry = find_task(arguments.task)
        if entry.play:
            trained_on = arguments.task.replace("-Play-", "-")
            raise AthenaError(f"--task: {arguments.task} is for looking at, with athena play; train on {trained_on}")
        robot = entry.robot
    from athena_wbc.learning.train import run_training

    result = run_training(
        arguments.out,
        arguments.max_iterations,
        recipe=recipe or arguments.recipe,
        motions=arguments.motions,
        num_envs=arguments.num_envs,
        seed=arguments.seed,
        robot=robot,
        task=arguments.task,
        device=arguments.device,
        resume=arguments.resume,
        overrides=arguments.overrides,
        **options,
    )
    return INTERRUPTED if result.interrupted else 0


def evaluate(arguments: argparse.Namespace) -> None:
    """Evaluate a checkpoint under a protocol, and write and print the report."""
    from athena_wbc.evaluation.run import run_evaluation

    run_evaluation(
        arguments.checkpoint,
        arguments.motions,
        arguments.protocol,
        arguments.out,
        rollouts=arguments.rollouts,
        num_envs=arguments.num_envs,
        seed=arguments.seed,
        randomisation=arguments.randomisation,
        overrides=arguments.overrides,
        device=arguments.device,
        series=arguments.series,
    )
