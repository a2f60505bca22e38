"""The whole corpus, resident on the device, queried for many environments at once.

Resident are the generalised coordinates at each clip's own frame rate: 7 + J floats a frame (36 for G1), so that
176 hours at 50 Hz take 4.6 GB. Velocities are central differences of the neighbouring frames, body states come from
forward kinematics; while it fits the memory budget, both are computed once for every control step and looked up.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.packed.folder import PackedClip, clip_hash, clip_rows
from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.rotations import quat_conj, quat_log, quat_mul, quat_slerp

_BUILD_ROWS = 65536
"""Control steps per batch while the cache is built: bounds the memory of the forward kinematics."""


@dataclasses.dataclass
class PackedClips:
    """Clips end to end, as the library keeps them."""

    coordinates: np.ndarray
    """(total frames, 7 + J) float32: root position, root quaternion (x, y, z, w), joint positions."""
    num_frames: np.ndarray
    """(M,) frames of each clip, at least two."""
    fps: np.ndarray
    """(M,) Hz."""
    names: tuple[str, ...]
    labels: tuple[str, ...]
    hashes: tuple[str, ...] = ()
    """(M,) `clip_hash` of each clip; empty where it is not known yet."""

    @staticmethod
    def of(clips: Sequence[MotionClip | PackedClip], embodiment: Embodiment) -> PackedClips:
        """Put clips end to end, joints matched by name to the robot's canonical order; shards are read in place."""
        if not clips:
            raise AthenaError("motions: no clip was found; name at least one")
        names = tuple(clip.name for clip in clips)
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise AthenaError(f"motions: two clips are called '{twice}'; rename one")
        num_frames = np.array([clip.num_frames for clip in clips])
        coordinates = np.empty((num_frames.sum(), 7 + embodiment.num_joints), dtype=np.float32)
        for rows, clip in zip(np.split(coordinates, np.cumsum(num_frames)[:-1]), clips, strict=True):
            write_rows(clip, embodiment, rows)
        return PackedClips(
            coordinates=coordinates,
            num_frames=num_frames,
            fps=np.array([clip.fps for clip in clips]),
            names=names,
            labels=tuple(clip.label for clip in clips),
            hashes=known_hashes(clips),
        )


def write_rows(clip: MotionClip | PackedClip, embodiment: Embodiment, out: np.ndarray) -> None:
    """Write a clip's coordinates into `out` (T, 7 + J) float32, C-contiguous."""
    if isinstance(clip, PackedClip):
        clip.read(out)
    else:
        clip_rows(clip, embodiment, out)


def known_hashes(clips: Sequence[MotionClip | PackedClip]) -> tuple[str, ...]:
    """Hashes of packed clips, out of their manifests; empty where one of the clips is not packed."""
    hashes = tuple(clip["hash"] for clip in clips if isinstance(clip, PackedClip))
    return hashes if len(hashes) == len(clips) else ()


class MotionLibrary:
    """M clips on one device.

    Args:
        clips: the corpus, of which packed clips are read from their shards without a second copy; or end to end.
        embodiment: the robot, whose key bodies are returned.
        control_dt: time between control steps, s. Step k of a clip is at time k * control_dt.
        device: where everything is kept and returned.
        memory_budget_gb: most memory for the cache at control rate. Above it, body states are computed in every
            query, with the same numbers.

    Raises:
        AthenaError: no clip, two of one name, a joint that does not fit, a clip shorter than a control step.
    """

    def __init__(
        self,
        clips: Sequence[MotionClip | PackedClip] | PackedClips,
        embodiment: Embodiment,
        control_dt: float = 0.02,
        device: str | torch.device = "cpu",
        memory_budget_gb: float = 1.0,
    ) -> None:
        packed = clips if isinstance(clips, PackedClips) else PackedClips.of(clips, embodiment)
        width, needed = packed.coordinates.shape[1], 7 + embodiment.num_joints
        if width != needed:
            raise AthenaError(
                f"motions: have {width} numbers a frame, robot '{embodiment.name}' needs {needed}; "
                "choose motions of this robot"
            )
        self.embodiment = embodiment
        self.control_dt = control_dt
        self.device = torch.device(device)
        self.names = packed.names
        self.labels = packed.labels
        self._hashes = packed.hashes
        self._coordinates = torch.as_tensor(packed.coordinates, device=self.device)
        self._around = torch.arange(-1, 3, device=self.device)
        self._first = _offsets(packed.num_frames, self.device)
        self._last = self._first + torch.as_tensor(packed.num_frames, device=self.device) - 1
        self._fps = torch.as_tensor(packed.fps, dtype=torch.float64, device=self.device)
        durations = (packed.num_frames - 1) / packed.fps
        steps = np.floor(durations / control_dt + 1e-6).astype(np.int64) + 1
        short = steps < 2
        if short.any():
            name = packed.names[int(short.argmax())]
            raise AthenaError(f"{name}: lasts less than one control step of {control_dt:g} s; leave the clip out")
        self.durations = torch.as_tensor(durations, device=self.device)
        """(M,) s, float64."""
        self.num_steps = torch.as_tensor(steps, device=self.device)
        """(M,) control steps of each clip; the last lies within the clip."""
        self._first_row = _offsets(steps, self.device)
        self._kinematics = Kinematics(embodiment, embodiment.key_bodies, self.device)
        joints, bodies = embodiment.num_joints, len(embodiment.key_bodies)
        self._general_sizes = (3, 4, 3, 3, joints, joints)
        self._body_shapes = ((bodies, 3), (bodies, 4), (bodies, 3), (bodies, 3))
        self._general_rows: Tensor | None = None
        self._body_rows: Tensor | None = None
        self.cache_bytes = 4 * int(steps.sum()) * (sum(self._general_sizes) + sum(a * b for a, b in self._body_shapes))
        """Size of the cache at control rate, whether it is kept or not."""
        if self.cache_bytes <= memory_budget_gb * 1e9:
            self._build_cache()

    @property
    def num_clips(self) -> int:
        return len(self.names)

    @property
    def cached(self) -> bool:
        """Whether body states are looked up (True) or computed in every query."""
        return self._general_rows is not None

    @property
    def streams(self) -> bool:
        """Whether a part of the clips is resident at a time."""
        return False

    def require(self, clips: Sequence[int] | Tensor) -> None:
        """Make sure that clips can be queried. Here all always can."""

    @property
    def resident_bytes(self) -> int:
        """Bytes of the generalised coordinates, without the cache."""
        return self._coordinates.numel() * self._coordinates.element_size()

    @functools.cached_property
    def hash(self) -> str:
        """Hash of names, frame rates, lengths and coordinates: which corpus this is, packed or not."""
        hashes = self._hashes or self._compute_hashes()
        return hashlib.sha256(json.dumps([self.names, hashes]).encode()).hexdigest()[:16]

    def _compute_hashes(self) -> tuple[str, ...]:
        lengths = (self._last - self._first + 1).tolist()
        parts = zip(self._fps.tolist(), self._coordinates.split(lengths), strict=True)
        return tuple(clip_hash(fps, rows.cpu().numpy()) for fps, rows in parts)

    def clip_index(self, names: Sequence[str]) -> list[int]:
        """Indices of clips by name; an unknown name is an error with the nearest."""
        known = {name: index for index, name in enumerate(self.names)}
        for name in names:
            if name not in known:
                raise AthenaError(f"motions: clip {suggest(name, self.names)}")
        return [known[name] for name in names]

    def at(self, clip: Tensor, step: Tensor) -> ReferenceState:
        """Reference at control steps, held at the clip's own first and last step.

        Args:
            clip: (N,) int64. step: (N,) int64.
        """
        if self._general_rows is None or self._body_rows is None:
            return self.query(clip, self._time(self._clamp(clip, step)))
        row = self._first_row[clip] + self._clamp(clip, step)
        general = self._general_rows[row].split(self._general_sizes, dim=-1)
        return ReferenceState(*general, *self._split_bodies(self._body_rows[row]))

    def generalised(self, clip: Tensor, step: Tensor) -> GeneralisedState:
        """Generalised coordinates and velocities at control steps (N, F) of clips (N,), held at the clip's ends."""
        step = self._clamp(clip.unsqueeze(-1), step)
        if self._general_rows is None:
            return self._interpolate(clip.unsqueeze(-1), self._time(step))
        rows = self._general_rows[self._first_row[clip].unsqueeze(-1) + step]
        return GeneralisedState(*rows.split(self._general_sizes, dim=-1))

    def query(self, clip: Tensor, time: Tensor) -> ReferenceState:
        """Reference at any time, held at the clip's ends: interpolated coordinates, then forward kinematics.

        Args:
            clip: (N,) int64. time: (N,) s from the clip's first frame.
        """
        state = self._interpolate(clip, time)
        body = self._kinematics.state(
            state.root_pos_w,
            state.root_quat_w,
            state.joint_pos,
            state.root_lin_vel_w,
            state.root_ang_vel_w,
            state.joint_vel,
        )
        general = (getattr(state, field.name) for field in dataclasses.fields(GeneralisedState))
        return ReferenceState(*general, body.pos, body.quat, body.lin_vel, body.ang_vel)

    def _clamp(self, clip: Tensor, step: Tensor) -> Tensor:
        return torch.minimum(step.clamp(min=0), self.num_steps[clip] - 1)

    def _time(self, step: Tensor) -> Tensor:
        """Control steps to seconds, in float64: in float32 a step at ten minutes is off by a thousandth of a frame."""
        return step.double() * self.control_dt

    def _interpolate(self, clip: Tensor, time: Tensor) -> GeneralisedState:
        """Linear in positions, slerp in orientation; velocities of the two frames around, linear between them.

        Args:
            clip: (...) int64, broadcast against time. time: (...) s.
        """
        first, last, fps = self._first[clip], self._last[clip], self._fps[clip]
        at = torch.minimum((time.double() * fps).clamp(min=0.0), (last - first).double())
        low = torch.minimum(at.long(), last - first - 1)
        weight = (at - low).clamp(0.0, 1.0)
        # The two frames around, and their neighbours; at an end of the clip its own frame stands for the neighbour.
        row = (low + first).unsqueeze(-1) + self._around
        row = torch.minimum(torch.maximum(row, first.unsqueeze(-1)), last.unsqueeze(-1))
        frames = self._coordinates.index_select(0, row.flatten()).unflatten(0, row.shape)
        before, after = frames[..., :2, :], frames[..., 2:, :]
        change = after - before
        turn = quat_log(quat_mul(after[..., 3:7], quat_conj(before[..., 3:7])))
        # Of the velocities of both frames: one over the time between their neighbours, times the interpolation weight.
        share = torch.stack((1.0 - weight, weight), dim=-1)
        share = (share * fps.unsqueeze(-1) / (row[..., 2:] - row[..., :2])).float().unsqueeze(-1)
        velocity, ang_vel = _sum_of_two(change, share), _sum_of_two(turn, share)
        low_frame, high_frame, weight = frames[..., 1, :], frames[..., 2, :], weight.float()
        position = torch.lerp(low_frame, high_frame, weight.unsqueeze(-1))
        return GeneralisedState(
            root_pos_w=position[..., :3],
            root_quat_w=quat_slerp(low_frame[..., 3:7], high_frame[..., 3:7], weight),
            root_lin_vel_w=velocity[..., :3],
            root_ang_vel_w=ang_vel,
            joint_pos=position[..., 7:],
            joint_vel=velocity[..., 7:],
        )

    def _build_cache(self) -> None:
        rows = int(self.num_steps.sum())
        self._general_rows = torch.empty(rows, sum(self._general_sizes), device=self.device)
        self._body_rows = torch.empty(rows, sum(a * b for a, b in self._body_shapes), device=self.device)
        clip = torch.repeat_interleave(torch.arange(self.num_clips, device=self.device), self.num_steps)
        step = torch.arange(rows, device=self.device) - self._first_row[clip]
        parts = (values.split(_BUILD_ROWS) for values in (self._general_rows, self._body_rows, clip, step))
        for general, body, clips, steps in zip(*parts, strict=True):
            state = self.query(clips, self._time(steps))
            values = [getattr(state, field.name) for field in dataclasses.fields(ReferenceState)]
            torch.cat(values[:6], dim=-1, out=general)
            torch.cat([value.flatten(-2) for value in values[6:]], dim=-1, out=body)

    def _split_bodies(self, rows: Tensor) -> tuple[Tensor, ...]:
        parts = rows.split([a * b for a, b in self._body_shapes], dim=-1)
        return tuple(part.unflatten(-1, shape) for part, shape in zip(parts, self._body_shapes, strict=True))


def _sum_of_two(values: Tensor, weights: Tensor) -> Tensor:
    """(..., 2, C) values and (..., 2, 1) weights -> (..., C)."""
    return torch.addcmul(values[..., 0, :] * weights[..., 0, :], values[..., 1, :], weights[..., 1, :])


def _offsets(counts: np.ndarray, device: torch.device) -> Tensor:
    """(M,) where each run starts when runs of these lengths lie end to end."""
    return torch.as_tensor(np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64), device=device)
