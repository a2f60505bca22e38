"""The library of the motions that a run, an evaluation or a benchmark names."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.corpus import find_motions
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.streaming import StreamingLibrary

_log = logging.getLogger(__name__)


def open_library(
    motions: Sequence[str],
    embodiment: Embodiment,
    control_dt: float,
    device: str | torch.device = "cpu",
    memory_budget_gb: float = 1.0,
    corpus_budget_gb: float = math.inf,
) -> MotionLibrary:
    """Load motions; those of packed corpora go from their shards to their place in the library.

    A corpus that is larger than `corpus_budget_gb` is streamed through a window of that size.

    Args:
        motions: specifications.
        control_dt, device, memory_budget_gb: as of :class:`MotionLibrary`.

    Raises:
        AthenaError: what :func:`load_clips` and :class:`MotionLibrary` raise.
    """
    clips = find_motions(list(motions), embodiment)
    size = 4e-9 * (7 + embodiment.num_joints) * sum(clip.num_frames for clip in clips)
    if size <= corpus_budget_gb:
        return MotionLibrary(clips, embodiment, control_dt, device, memory_budget_gb)
    _log.warning(
        "%d clips of %.3g GB are streamed through %.3g GB (task.corpus_budget_gb)", len(clips), size, corpus_budget_gb
    )
    return StreamingLibrary(clips, embodiment, control_dt, device, corpus_budget_gb)
