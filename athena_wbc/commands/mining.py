"""``athena mine`` and ``athena route``."""

from __future__ import annotations

import argparse

from athena_wbc.commands.console import make_console


def mine(arguments: argparse.Namespace) -> None:
    """Find the clips that a teacher cannot do."""
    from athena_wbc.pipeline.mining import run_mining

    run_mining(
        arguments.checkpoint,
        arguments.motions,
        arguments.out,
        rho=arguments.rho,
        sample=arguments.sample,
        early_s=arguments.early,
        console=make_console(),
        **_rollout_options(arguments),
    )


def route(arguments: argparse.Namespace) -> None:
    """Find the best teacher of every clip."""
    from athena_wbc.pipeline.bank import parse_teachers
    from athena_wbc.pipeline.routing import run_routing

    run_routing(
        parse_teachers(arguments.teacher),
        arguments.motions,
        arguments.out,
        tie=arguments.tie,
        without=arguments.without,
        console=make_console(),
        **_rollout_options(arguments),
    )


def _rollout_options(arguments: argparse.Namespace) -> dict:
    names = ("protocol", "rollouts", "num_envs", "seed", "randomisation", "overrides", "device")
    return {name: getattr(arguments, name) for name in names}
