"""The library of the motions that a run, an evaluation or a benchmark names."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.corpus import find_motions
from athena_wbc.motion.library import MotionLibrary


def open_library(
    motions: Sequence[str],
    embodiment: Embodiment,
    control_dt: float,
    device: str | torch.device = "cpu",
    memory_budget_gb: float = 1.0,
) -> MotionLibrary:
    """Load motions; those of packed corpora go from their shards to their place in the library.

    Args:
        motions: specifications.
        control_dt, device, memory_budget_gb: as of :class:`MotionLibrary`.

    Raises:
        AthenaError: what :func:`load_clips` and :class:`MotionLibrary` raise.
    """
    return MotionLibrary(find_motions(list(motions), embodiment), embodiment, control_dt, device, memory_budget_gb)
