"""Text to motion without a learned model: compositions of key poses and of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.files import sha256_json
from athena_wbc.synthesis.generators.library.compose import compose
from athena_wbc.synthesis.generators.library.config import LibraryConfig, check
from athena_wbc.synthesis.generators.library.recordings import LICENCE, find_clips
from athena_wbc.synthesis.motion import SyntheticMotion
from athena_wbc.synthesis.prompt import Prompt

LEAST_FRAMES, MOST_FRAMES = 20, 2000


class LibraryGenerator:
    """Composes the moves of a prompt in its manner; see docs/synthesis_library.md."""

    name = "library"
    is_learned = False

    def __init__(self, config: LibraryConfig | None = None, where: str = "library") -> None:
        """Raises :class:`AthenaError` for settings that mean nothing."""
        self.config = config or LibraryConfig()
        check(self.config, where)
        self._clips = find_clips(self.config.mocap)

    def files(self) -> list[Path]:
        """The recordings that stand for moves."""
        return [self._clips[name] for name in sorted(self._clips)]

    def generate(self, prompts: Sequence[Prompt], frames: int, seed: int) -> list[SyntheticMotion]:
        """One motion of `frames` frames for each prompt; see :class:`~athena_wbc.synthesis.protocols.Generator`."""
        if not LEAST_FRAMES <= frames <= MOST_FRAMES:
            raise AthenaError(f"library: frames: must be from {LEAST_FRAMES} to {MOST_FRAMES}, is {frames}")
        return [self._one(prompt, frames, seed) for prompt in prompts]

    def _one(self, prompt: Prompt, frames: int, seed: int) -> SyntheticMotion:
        rng = np.random.default_rng(int(sha256_json([prompt.id, seed, self.name])[:15], 16))
        made = compose(prompt.moves, prompt.manner, frames, rng, self.config.noise, self._clips)
        recorded = any(part["source"] == "recording" for part in made.provenance["moves"])
        return SyntheticMotion(
            prompt_id=prompt.id,
            positions=made.track.positions,
            generator=self.name,
            is_learned=self.is_learned,
            seed=seed,
            provenance=made.provenance,
            licence=LICENCE if recorded else "made by rules of this library",
        )
