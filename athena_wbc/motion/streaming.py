"""A corpus that is larger than the memory for it: a window of it is resident, and what is in it changes.

Every clip keeps its number, so that samplers, routing tables and logs index the whole corpus; what only resident
clips have is a place in the window. A query of one that is not resident has no rows to read and raises an
IndexError on a CPU (an assertion of the device on a GPU): nothing stale is ever returned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary, PackedClips, known_hashes, write_rows
from athena_wbc.motion.packed.folder import PackedClip, clip_hash

_ABSENT = 2**40
"""First row of a clip that is not resident: far beyond any window."""


class StreamingLibrary(MotionLibrary):
    """M clips, of which a window is on the device; body states are computed in every query.

    Args:
        clips: the corpus; packed clips are read from their shards when they come in.
        embodiment, control_dt, device: as of :class:`MotionLibrary`.
        window_gb: memory of the window.

    Raises:
        AthenaError: what :class:`MotionLibrary` raises, or a clip that is larger than the window.
    """

    def __init__(
        self,
        clips: Sequence[MotionClip | PackedClip],
        embodiment: Embodiment,
        control_dt: float = 0.02,
        device: str | torch.device = "cpu",
        window_gb: float = 1.0,
    ) -> None:
        self.frames = np.array([clip.num_frames for clip in clips])
        """(M,) frames of each clip."""
        width = 7 + embodiment.num_joints
        self.window_frames = min(int(window_gb * 1e9) // (4 * width), int(self.frames.sum()))
        """Frames that the window holds."""
        longest = int(self.frames.argmax())
        if self.frames[longest] > self.window_frames:
            raise AthenaError(
                f"task.corpus_budget_gb: {window_gb:g} GB do not hold clip '{clips[longest].name}' of "
                f"{4e-9 * width * self.frames[longest]:.2g} GB; give more, or leave the clip out"
            )
        packed = PackedClips(
            coordinates=np.empty((0, width), dtype=np.float32),
            num_frames=self.frames,
            fps=np.array([clip.fps for clip in clips]),
            names=tuple(clip.name for clip in clips),
            labels=tuple(clip.label for clip in clips),
            hashes=known_hashes(clips),
        )
        super().__init__(packed, embodiment, control_dt, device, memory_budget_gb=0.0)
        self._clips = list(clips)
        self._coordinates = torch.zeros(self.window_frames, width, device=self.device)
        self._row = np.full(len(clips), _ABSENT)
        self._order: list[int] = []
        self._place([])

    @property
    def streams(self) -> bool:
        return True

    @property
    def resident(self) -> list[int]:
        """Clips that can be queried, in the order of their places."""
        return list(self._order)

    def require(self, clips: Sequence[int] | Tensor) -> None:
        """Make clips resident; where one is not, others that are not among them may leave.

        Raises:
            AthenaError: the window does not hold them together, or a shard is missing or damaged.
        """
        wanted = list(dict.fromkeys(clips.tolist() if isinstance(clips, Tensor) else clips))
        if not all(self._row[clip] < _ABSENT for clip in wanted):
            self.load(wanted)

    def load(self, clips: Sequence[int]) -> None:
        """Make these clips, all different, the resident ones. Those that are resident are not read again.

        Raises:
            AthenaError: as of :meth:`require`.
        """
        needed = int(self.frames[list(clips)].sum())
        if needed > self.window_frames:
            raise AthenaError(
                f"task.corpus_budget_gb: the window holds {self.window_frames} frames, {len(clips)} clips that are "
                f"used at once have {needed}; give more, or fewer environments"
            )
        wanted = set(clips)
        staying = [clip for clip in self._order if clip in wanted]
        coming = [clip for clip in clips if self._row[clip] == _ABSENT]
        end = self._close_gaps(staying)
        self._place(staying)
        for clip in coming:
            rows = self._coordinates[end : end + self.frames[clip]]
            if self.device.type == "cpu":
                write_rows(self._clips[clip], self.embodiment, rows.numpy())
            else:
                staged = np.empty(rows.shape, dtype=np.float32)
                write_rows(self._clips[clip], self.embodiment, staged)
                rows.copy_(torch.from_numpy(staged))
            end += int(self.frames[clip])
        self._place(staying + coming)

    def prefetch(self, clips: Sequence[int]) -> None:
        """Let the system read clips that will come soon in the background."""
        for clip in clips:
            motion = self._clips[clip]
            if isinstance(motion, PackedClip):
                motion.prefetch()

    def _close_gaps(self, staying: Sequence[int]) -> int:
        """Move clips, in the order of their rows, to the front of the window; returns the row behind them."""
        end = 0
        for clip in staying:
            first, count = int(self._row[clip]), int(self.frames[clip])
            if first != end:
                self._coordinates[end : end + count] = self._coordinates[first : first + count].clone()
            end += count
        return end

    def _place(self, order: list[int]) -> None:
        """Say which clips lie in the window, end to end from its first row on."""
        self._order = order
        self._row[:] = _ABSENT
        if order:
            ends = np.cumsum(self.frames[order])
            self._row[order] = ends - self.frames[order]
        self._first.copy_(torch.from_numpy(self._row))
        torch.add(self._first, torch.from_numpy(self.frames - 1).to(self.device), out=self._last)

    def _compute_hashes(self) -> tuple[str, ...]:
        hashes = []
        for clip in self._clips:
            rows = np.empty((clip.num_frames, self._coordinates.shape[1]), dtype=np.float32)
            write_rows(clip, self.embodiment, rows)
            hashes.append(clip_hash(clip.fps, rows))
        return tuple(hashes)
