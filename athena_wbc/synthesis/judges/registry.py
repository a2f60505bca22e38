"""Judges by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.layers import Layer, compose
from athena_wbc.synthesis.protocols import Judge


class _Entry(NamedTuple):
    judge: str
    config: str
    check: str
    is_asking: bool = True
    """Whether it asks an endpoint, and so has errors of its own to say where they come from."""


_PACKAGE = "athena_wbc.synthesis.judges"
_JUDGES: Mapping[str, _Entry] = {
    "kinematic": _Entry("KinematicJudge", "KinematicConfig", "check_kinematic_config", is_asking=False),
    "vlm": _Entry("VlmJudge", "VlmConfig", "check_vlm_config"),
    "ensemble": _Entry("EnsembleJudge", "EnsembleConfig", "check_ensemble_config"),
}

JUDGES = tuple(_JUDGES)
"""Names that :func:`make_judge` knows; each is a module of this package."""


def make_judge(name: str, options: Mapping[str, Any], where: str) -> Judge:
    """The judge by name.

    Args:
        name: one of :data:`JUDGES`.
        options: keys and values of its settings.
        where: file and key that the options come from, for messages.

    Raises:
        AthenaError: an unknown judge or option, with the nearest one, a value out of range, or what the judge needs
            is missing: a package, a key.
    """
    if name not in _JUDGES:
        raise AthenaError(f"{where}: judge {suggest(name, _JUDGES)}")
    entry = _JUDGES[name]
    module = importlib.import_module(f"{_PACKAGE}.{name}")
    config = compose(getattr(module, entry.config), [Layer(where, options)])
    getattr(module, entry.check)(config, where)
    make = getattr(module, entry.judge)
    judge: Judge = make(config, where) if entry.is_asking else make(config)
    return judge
