"""``athena pipeline``."""

from __future__ import annotations

import argparse

from athena_wbc.commands.console import make_console
from athena_wbc.commands.learning import INTERRUPTED


def pipeline(arguments: argparse.Namespace) -> int:
    """Run the whole method, or go on with it."""
    from athena_wbc.pipeline.run import run_pipeline

    stopped = run_pipeline(
        arguments.out,
        arguments.config,
        seed=arguments.seed,
        num_envs=arguments.num_envs,
        jobs=arguments.jobs,
        resume=arguments.resume,
        until=arguments.until,
        start=arguments.start,
        dry_run=arguments.dry_run,
        device=arguments.device,
        motions_root=arguments.motions_root,
        overrides=arguments.overrides,
        console=make_console(),
    )
    return INTERRUPTED if stopped else 0
