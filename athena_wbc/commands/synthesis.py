"""``athena synthesize``."""

from __future__ import annotations

import argparse
from typing import Any

from athena_wbc.commands.console import make_console
from athena_wbc.commands.learning import INTERRUPTED
from athena_wbc.errors import AthenaError


def synthesize(arguments: argparse.Namespace) -> int:
    """Run the loop, or go on with it; or compare runs."""
    if arguments.overrides and arguments.overrides[0] == "compare":
        return _compare(arguments)
    if arguments.out is None:
        raise AthenaError("--out: is missing; name the folder of the run; see athena synthesize --help")
    from athena_wbc.synthesis.loop.run import run_synthesis

    stopped = run_synthesis(
        arguments.out,
        arguments.preset,
        given=_given(arguments),
        jobs=arguments.jobs,
        resume=arguments.resume,
        until=arguments.until,
        dry_run=arguments.dry_run,
        device=arguments.device,
        overrides=arguments.overrides,
        console=make_console(),
    )
    return INTERRUPTED if stopped else 0


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the configuration."""
    options = {"loops": arguments.loops, "motions_root": arguments.motions_root}
    options |= {key: getattr(arguments, key) for key in ("generator", "judge", "scheduler")}
    if arguments.seed is not None:
        options["seeds"] = [arguments.seed]
    return {key: value for key, value in options.items() if value is not None}


def _compare(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from athena_wbc.synthesis.report.compare import print_comparison, write_comparison

    runs = [Path(run) for run in arguments.overrides[1:]]
    if not runs:
        raise AthenaError("athena synthesize compare: names no run; give folders of finished runs")
    console = make_console()
    print_comparison(write_comparison(runs, None if arguments.out is None else Path(arguments.out)), console)
    return 0
