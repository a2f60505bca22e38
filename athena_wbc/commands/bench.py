"""``athena bench``: measure this machine, as a table to read or one JSON object to keep."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from athena_wbc.commands.console import print_table

RECIPE = "general"
SETTING = ("task.observations=compact", "task.randomisation=standard")
"""What is measured where nothing else is asked for: small groups, randomisation on."""


def env(arguments: argparse.Namespace) -> None:
    """Measure the whole environment against bare physics."""
    from athena_wbc.bench.env import bench_env
    from athena_wbc.config import load_config
    from athena_wbc.learning.train import build_library

    config = load_config(RECIPE, [*SETTING, *arguments.overrides])
    library = build_library(config, arguments.motions or ["builtin"], "cpu")
    _print(bench_env(config, library, arguments.num_envs, arguments.rounds, seed=arguments.seed), arguments.json)


def library(arguments: argparse.Namespace) -> None:
    """Measure the motion library on a synthetic corpus."""
    from athena_wbc.bench.library import bench_library

    _print(bench_library(hours=arguments.hours), arguments.json)


def corpus(arguments: argparse.Namespace) -> None:
    """Measure packing, opening and loading on synthetic clips."""
    from athena_wbc.bench.corpus import bench_corpus

    _print(bench_corpus(arguments.clips, arguments.seconds, arguments.jobs), arguments.json)


def train(arguments: argparse.Namespace) -> None:
    """Measure the whole training loop."""
    from athena_wbc.bench.train import bench_train
    from athena_wbc.config import load_config
    from athena_wbc.learning.train import build_library

    config = load_config(RECIPE, [*SETTING, *arguments.overrides])
    library = build_library(config, arguments.motions or ["builtin"], "cpu")
    _print(bench_train(config, library, arguments.num_envs, arguments.iterations), arguments.json)


def _print(figures: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, sort_keys=True))
        return
    print_table(
        ("figure", "value"), ((name, _shown(value)) for name, value in figures.items()), left=("figure", "value")
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return " to ".join(_shown(inner) for inner in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
