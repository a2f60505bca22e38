"""Settings of interleaved generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.layers import Layer, compose

MOST_ROUNDS = 5
"""More rounds than the published model takes are not worth their time."""


@dataclass
class RefineConfig:
    """Settings of interleaved generation."""

    rounds: int = 3
    """Motions that are made and assessed at most, the first one included, 1 to 5."""
    accept_score: float = 80.0
    """Alignment from which a judge that looks is content whatever its verdict, 0 to 100."""
    adviser: dict[str, Any] = field(default_factory=dict)
    """Settings of a vision-language model that says what to do about a motion, see `adviser.AdviserConfig`; empty for
    the rules."""


def refine_config(options: Mapping[str, Any], where: str) -> RefineConfig:
    """Settings from a configuration; an unknown or impossible one is an error that begins with `where`."""
    config = compose(RefineConfig, [Layer(where, options)])
    check_refine_config(config, where)
    return config


def check_refine_config(config: RefineConfig, where: str) -> None:
    """Refuse numbers out of range; the message begins with `where` and the key."""
    if not 1 <= config.rounds <= MOST_ROUNDS:
        raise AthenaError(f"{where}: rounds: must be from 1 to {MOST_ROUNDS}, is {config.rounds}")
    if not 0.0 <= config.accept_score <= 100.0:
        raise AthenaError(f"{where}: accept_score: must be from 0 to 100, is {config.accept_score:g}")
