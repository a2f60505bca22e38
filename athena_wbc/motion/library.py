"""The whole corpus, resident on the device, queried for many environments at once.

Resident are the generalised coordinates at each clip's own frame rate: 7 + J floats a frame (36 for G1), so that
176 hours at 50 Hz take 4.6 GB. Velocities are central differences of the neighbouring frames, body states come from
forward kinematics; while it fits the memory budget, both are computed once for every control step and looked up.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
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

    @staticmethod
    def of(clips: Sequence[MotionClip], embodiment: Embodiment) -> PackedClips:
        """Pack clips, their joints matched by name to the robot's canonical order."""
        if not clips:
            raise AthenaError("motions: no clip was found; name at least one")
        names = tuple(clip.name for clip in clips)
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise AthenaError(f"motions: two clips are called '{twice}'; rename one")
        fitted = [clip.for_embodiment(embodiment) for clip in clips]
        rows = [np.concatenate((c.root_pos, c.root_quat, c.joint_pos), axis=1, dtype=np.float32) for c in fitted]
        return PackedClips(
            coordinates=np.concatenate(rows),
            num_frames=np.array([len(row) for row in rows]),
            fps=np.array([clip.fps for clip in clips]),
            names=names,
            labels=tuple(clip.label for clip in clips),
        )


class MotionLibrary:
    """M clips on one device.

    Args:
        clips: the corpus; or already packed, for corpora that are read as a whole.
        embodiment: the robot, whose key bodies are returned.
        control_dt: time between control steps, s. Step k of a clip is at time k * control_dt.
        device: where everything is kept and returned.
        memory_budget_gb: most memory for the cache at control rate. Above it, body states are computed in every
            query, with the same numbers.
    """

    def __init__(
        self,
        clips: Sequence[MotionClip] | PackedClips,
        embodiment: Embodiment,
        control_dt: float = 0.02,
        device: str | torch.device = "cpu",
        memory_budget_gb: float = 1.0,
    ) -> None:
        packed = clips if isinstance(clips, PackedClips) else PackedClips.of(clips, embodiment)
        self.embodiment = embodiment
        self.control_dt = control_dt
        self.device = torch.device(device)
        self.names = packed.names
        self.labels = packed.labels
        self._packed_hash: str | None = None
        self._coordinates = torch.as_tensor(packed.coordinates, device=self.device)
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
    def resident_bytes(self) -> int:
        """Bytes of the generalised coordinates, without the cache."""
        return self._coordinates.numel() * self._coordinates.element_size()

    @property
    def hash(self) -> str:
        """Hash of names, frame rates and coordinates: which corpus this is."""
        if self._packed_hash is None:
            digest = hashlib.sha256("\n".join(self.names).encode())
            digest.update(self._fps.cpu().numpy().tobytes())
            digest.update(self._coordinates.cpu().numpy().tobytes())
            self._packed_hash = digest.hexdigest()[:16]
        return self._packed_hash

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
            return self.query(clip, self._clamp(clip, step) * self.control_dt)
        row = self._first_row[clip] + self._clamp(clip, step)
        general = self._general_rows[row].split(self._general_sizes, dim=-1)
        return ReferenceState(*general, *self._split_bodies(self._body_rows[row]))

    def generalised(self, clip: Tensor, step: Tensor) -> GeneralisedState:
        """Generalised coordinates and velocities at control steps (N, F) of clips (N,), held at the clip's ends."""
        step = self._clamp(clip.unsqueeze(-1), step)
        if self._general_rows is None:
            return self._interpolate(clip.unsqueeze(-1).expand_as(step), step * self.control_dt)
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

    def _interpolate(self, clip: Tensor, time: Tensor) -> GeneralisedState:
        """Linear in positions, slerp in orientation; velocities of the two frames around, linear between them."""
        first, last, fps = self._first[clip], self._last[clip], self._fps[clip]
        # In float64: a float32 frame number of a ten-minute clip is off by a thousandth of a frame.
        at = (time.double() * fps).clamp(min=0.0)
        at = torch.minimum(at, (last - first).double())
        low = torch.minimum(torch.floor(at + 1e-9).long(), last - first - 1)
        weight = (at - low).clamp(0.0, 1.0).float()
        low = low + first
        frames = [self._coordinates[torch.minimum(torch.maximum(low + k, first), last)] for k in (-1, 0, 1, 2)]
        # A frame at an end has no neighbour on one side: its difference spans one frame, not two.
        span_low = torch.where(low == first, 1.0, 2.0)
        span_high = torch.where(low + 1 == last, 1.0, 2.0)
        velocity_low = self._difference(frames[0], frames[2], (fps / span_low).float())
        velocity_high = self._difference(frames[1], frames[3], (fps / span_high).float())
        w = weight.unsqueeze(-1)
        position = torch.lerp(frames[1], frames[2], w)
        velocity = torch.lerp(velocity_low, velocity_high, w)
        return GeneralisedState(
            root_pos_w=position[..., :3],
            root_quat_w=quat_slerp(frames[1][..., 3:7], frames[2][..., 3:7], weight),
            root_lin_vel_w=velocity[..., :3],
            root_ang_vel_w=velocity[..., 3:6],
            joint_pos=position[..., 7:],
            joint_vel=velocity[..., 6:],
        )

    @staticmethod
    def _difference(before: Tensor, after: Tensor, rate: Tensor) -> Tensor:
        """(..., 6 + J) velocities between two frames; angular velocity from the logarithm, world frame."""
        rate = rate.unsqueeze(-1)
        turn = quat_log(quat_mul(after[..., 3:7], quat_conj(before[..., 3:7])))
        change = after - before
        return torch.cat((change[..., :3], turn, change[..., 7:]), dim=-1) * rate

    def _build_cache(self) -> None:
        clip = torch.repeat_interleave(torch.arange(self.num_clips, device=self.device), self.num_steps)
        step = torch.arange(len(clip), device=self.device) - self._first_row[clip]
        general, bodies = [], []
        for part, at in zip(clip.split(_BUILD_ROWS), step.split(_BUILD_ROWS), strict=True):
            state = self.query(part, at * self.control_dt)
            values = [getattr(state, field.name) for field in dataclasses.fields(ReferenceState)]
            general.append(torch.cat(values[:6], dim=-1))
            bodies.append(torch.cat([value.flatten(-2) for value in values[6:]], dim=-1))
        self._general_rows = torch.cat(general)
        self._body_rows = torch.cat(bodies)

    def _split_bodies(self, rows: Tensor) -> tuple[Tensor, ...]:
        parts = rows.split([a * b for a, b in self._body_shapes], dim=-1)
        return tuple(part.unflatten(-1, shape) for part, shape in zip(parts, self._body_shapes, strict=True))


def _offsets(counts: np.ndarray, device: torch.device) -> Tensor:
    """(M,) where each run starts when runs of these lengths lie end to end."""
    return torch.as_tensor(np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64), device=device)
