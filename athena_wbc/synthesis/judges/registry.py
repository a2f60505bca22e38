"""Judges by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from athena_wbc.synthesis.protocols import Judge
from athena_wbc.synthesis.registry import Entry, make_part

_PACKAGE = "athena_wbc.synthesis.judges"
_JUDGES: Mapping[str, Entry] = {
    "kinematic": Entry(f"{_PACKAGE}.kinematic", "KinematicJudge", "KinematicConfig", "check_kinematic_config"),
    "vlm": Entry(f"{_PACKAGE}.vlm", "VlmJudge", "VlmConfig", "check_vlm_config", is_asking=True),
    "ensemble": Entry(
        f"{_PACKAGE}.ensemble", "EnsembleJudge", "EnsembleConfig", "check_ensemble_config", is_asking=True
    ),
}

JUDGES = tuple(_JUDGES)
"""Names that :func:`make_judge` knows."""


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
    judge: Judge = make_part("judge", _JUDGES, name, options, where)
    return judge
