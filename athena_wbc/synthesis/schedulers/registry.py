"""Schedulers by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose
from athena_wbc.synthesis.protocols import Scheduler
from athena_wbc.synthesis.schedulers.ablation import AblatedScheduler


class _Entry(NamedTuple):
    module: str
    scheduler: str
    config: str
    check: str
    is_asking: bool = False
    """Whether it asks an endpoint, and so has errors of its own to say where they come from."""


_PACKAGE = "athena_wbc.synthesis.schedulers"
_SCHEDULERS: Mapping[str, _Entry] = {
    "rule": _Entry("rule", "RuleScheduler", "RuleConfig", "check_rule_config"),
    "llm": _Entry("llm", "LlmScheduler", "LlmConfig", "check_llm_config", is_asking=True),
    "random": _Entry("random_choice", "RandomScheduler", "RandomConfig", "check_random_config"),
    "one_shot": _Entry("one_shot", "OneShotScheduler", "OneShotConfig", "check_one_shot_config"),
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
    if name not in _SCHEDULERS:
        raise AthenaError(f"{where}: scheduler {suggest(name, _SCHEDULERS)}")
    entry = _SCHEDULERS[name]
    module = importlib.import_module(f"{_PACKAGE}.{entry.module}")
    config = compose(getattr(module, entry.config), [Layer(where, options)])
    getattr(module, entry.check)(config, where)
    make = getattr(module, entry.scheduler)
    scheduler: Scheduler = make(config, where) if entry.is_asking else make(config)
    if not ablation:
        return scheduler
    try:
        return AblatedScheduler(scheduler, ablation)
    except AthenaError as error:
        raise AthenaError(f"{where}: {error}") from None
