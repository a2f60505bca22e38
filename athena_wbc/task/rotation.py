"""Which clips of a corpus that does not fit are resident, and when they change.

The window has two parts. The larger one is an arc of a ring on which all clips lie in random order: at every rotation
the arc's oldest clips leave and the next ones of the ring come in, so that every clip comes by. The other part holds
clips drawn by the sampler's probabilities over the whole corpus, so that hard clips are resident more often.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from athena_wbc.motion.streaming import StreamingLibrary
from athena_wbc.task.checks import check_positive, check_share
from athena_wbc.task.config import StreamingConfig
from athena_wbc.task.sampler import AdaptiveSampler, clip_probabilities


class Rotation:
    """Chooses the resident clips of a library, and restricts the sampler to them.

    Args:
        control_dt: s.
        generator: of the draws.

    Raises:
        AthenaError: a value out of its range.
    """

    def __init__(
        self,
        config: StreamingConfig,
        library: StreamingLibrary,
        sampler: AdaptiveSampler,
        control_dt: float,
        generator: torch.Generator,
    ) -> None:
        check_positive("task.streaming.interval_s", config.interval_s)
        check_positive("task.streaming.exchange", config.exchange)
        check_share("task.streaming.exchange", config.exchange)
        check_share("task.streaming.drawn", config.drawn)
        self.library, self.sampler, self.generator = library, sampler, generator
        self.interval = max(1, round(config.interval_s / control_dt))
        """Control steps between rotations."""
        self.rotations = 0
        """Rotations so far."""
        self._steps = 0
        longest = int(library.frames.max())
        self._arc_frames = max(longest, int((1.0 - config.drawn) * library.window_frames))
        self._exchange = min(self._arc_frames, max(longest, int(config.exchange * library.window_frames)))
        self._ring = torch.randperm(library.num_clips, generator=generator, device=generator.device).cpu()
        self._arc: list[int] = []
        """Clips of the arc, the oldest first; they follow each other on the ring."""
        self._next = 0
        """Place on the ring of the clip that comes in next."""
        self._turn(self._arc_frames)

    @property
    def cycle(self) -> int:
        """Rotations within which every clip is resident at least once, whenever one begins to count.

        A rotation frees `exchange` frames of the arc, and leaves at most one clip's length less one of them unused:
        it brings in at least `exchange` - longest + 1 frames of the ring.
        """
        longest = int(self.library.frames.max())
        return math.ceil(int(self.library.frames.sum()) / (self._exchange - longest + 1))

    def step(self) -> Tensor | None:
        """Count one control step; where a rotation is due, change the resident clips.

        Returns:
            (M,) bool, the clips that are no longer resident; None where nothing changed.
        """
        self._steps += 1
        if self._steps < self.interval:
            return None
        self._steps = 0
        self.rotations += 1
        self._turn(self._exchange)
        gone = torch.ones(self.library.num_clips, dtype=torch.bool, device=self.library.device)
        gone[self.library.resident] = False
        return gone

    def state_dict(self) -> dict:
        return {
            "ring": self._ring.clone(),
            "arc": list(self._arc),
            "next": self._next,
            "resident": sorted(self.library.resident),
            "steps": self._steps,
            "rotations": self.rotations,
        }

    def load_state_dict(self, state: dict) -> None:
        """Make the same clips resident again, and go on from there."""
        self._ring.copy_(state["ring"])
        self._arc, self._next = list(state["arc"]), state["next"]
        self._steps, self.rotations = state["steps"], state["rotations"]
        self._load(state["resident"])

    def _turn(self, freed: int) -> None:
        """Free frames at the arc's tail, fill it from the ring, and draw the rest of the window."""
        frames = self.library.frames
        held = int(frames[self._arc].sum())
        # The arc as a whole stays within its bound, so what is already unused counts as freed.
        keep = self._arc_frames - freed
        leaving = 0
        while leaving < len(self._arc) and held > keep:
            held -= int(frames[self._arc[leaving]])
            leaving += 1
        self._arc = self._arc[leaving:]
        inside = set(self._arc)
        while len(inside) < len(self._ring):
            clip = int(self._ring[self._next])
            if clip in inside or held + int(frames[clip]) > self._arc_frames:
                break
            self._arc.append(clip)
            inside.add(clip)
            held += int(frames[clip])
            self._next = (self._next + 1) % len(self._ring)
        self._load(self._arc + self._drawn(inside, self.library.window_frames - held))
        ahead = self._ring.roll(-self._next).tolist()
        self.library.prefetch(_fitting(ahead, frames, self._exchange))

    def _drawn(self, outside: set[int], room: int) -> list[int]:
        """Clips for the rest of the window, by the sampler's probabilities without replacement (Gumbel's trick)."""
        probability = clip_probabilities(self.sampler.clip_difficulty(), self.sampler.config)
        draw = torch.rand(len(probability), generator=self.generator, device=self.generator.device)
        key = probability.log() - torch.log(-torch.log(draw.clamp(1e-12, 1.0 - 1e-7)))
        order = [clip for clip in key.argsort(descending=True).tolist() if clip not in outside]
        return _fitting(order, self.library.frames, room)

    def _load(self, clips: list[int]) -> None:
        self.library.load(clips)
        self.sampler.restrict(torch.tensor(sorted(clips), device=self.library.device))


def _fitting(clips: list[int], frames: np.ndarray, room: int) -> list[int]:
    """The first clips that fit together into `room` frames."""
    count = int((frames[clips].cumsum() <= room).sum()) if clips else 0
    return clips[:count]
