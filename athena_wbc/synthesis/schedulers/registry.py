"""Schedulers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.protocols import Scheduler
from athena_wbc.synthesis.registry import Entry, make_part
from athena_wbc.synthesis.schedulers.ablation import AblatedScheduler

_PACKAGE = "athena_wbc.synthesis.schedulers"
_SCHEDULERS: Mapping[str, Entry] = {
    "rule": Entry(f"{_PACKAGE}.rule", "RuleScheduler", "RuleConfig", "check_rule_config"),
    "llm": Entry(f"{_PACKAGE}.llm", "LlmScheduler", "LlmConfig", "check_llm_config", is_asking=True),
    "random": Entry(f"{_PACKAGE}.random_choice", "RandomScheduler", "RandomConfig", "check_random_config"),
    "one_shot": Entry(f"{_PACKAGE}.one_shot", "OneShotScheduler", "OneShotConfig", "check_one_shot_config"),
}

SCHEDULERS = tuple(_SCHEDULERS)
"""Names that :func:`make_scheduler` knows."""


def make_scheduler(name: str, options: Mapping[str, Any], where: str, ablation: str = "") -> Scheduler:
    """The scheduler by name.

    Args:
        name: one of :data:`SCHEDULERS`.
        options: keys and values of its settings.
        where: file and key that the options come from, for messages.
        ablation: one of `ablation.ABLATIONS`, or empty.

    Raises:
        AthenaError: an unknown scheduler, option or ablation, with the nearest one, a value out of range, or what
            the scheduler needs is missing: a package, a key.
    """
    scheduler: Scheduler = make_part("scheduler", _SCHEDULERS, name, options, where)
    if not ablation:
        return scheduler
    try:
        return AblatedScheduler(scheduler, ablation)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from None
