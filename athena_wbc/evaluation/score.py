"""Turn one recorded rollout into numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.evaluation import metrics
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.errors import ERRORS, RULES, error_columns, error_limits
from athena_wbc.motion.library import MotionLibrary

_WEIGHT_ROWS = 4096

MEANS = (
    "MPJPE_mm",
    "MPJPE_W_mm",
    "MPJPE_world_mm",
    "MPJPE_W_world_mm",
    "g_MPJPE_mm",
    "l_MPJPE_mm",
    "velocity_distance_mm_per_frame",
    "velocity_distance_m_per_s",
    "acceleration_distance_mm_per_frame2",
    "acceleration_distance_m_per_s2",
    "final_drift_m",
    "action_rate",
    "action_jerk",
    "high_frequency_ratio",
    "raw_action_rate",
    "raw_action_jerk",
    "raw_high_frequency_ratio",
    "frames_evaluated",
    "frame_success",
)
"""Values whose mean over rollouts, then clips, is reported."""

VALUES = ("critical_scale", *(f"critical_scale_{rule}" for rule in RULES), *MEANS)
"""Names of what is measured on a rollout, in the order of :attr:`Score.values`."""


@dataclass(frozen=True)
class Trajectory:
    """One rollout as it was recorded: T frames, K key bodies (root first), A actions.

    Frame t is control step t + 1. The initial state is the reference itself and is not recorded: it would
    only dilute the means.
    """

    clip: int
    rollout: int
    expected_frames: int
    """Frames of a completed rollout."""
    completed: bool
    """Whether the clip's last step was reached with finite numbers and below the cap."""
    errors: Tensor
    """(T, E) in the order of ``ERRORS``."""
    position: Tensor
    """(T, K, 3) key bodies in the world frame, m."""
    reference: Tensor
    """(T, K, 3) the reference's at the same time."""
    anchored: Tensor
    """(T, K, 3) the reference moved to the robot's horizontal position and heading."""
    command: Tensor
    """(T, A) commanded joint targets in action units: (target - default) / scale."""
    action: Tensor
    """(T, A) raw output of the policy."""


@dataclass(frozen=True)
class Score:
    """What one rollout is worth."""

    clip: int
    rollout: int
    completed: bool
    values: Tensor
    """(V,) float64, in the order of ``VALUES``; NaN where a value is not defined."""
    peaks: Tensor
    """(E,) largest value of every error over the frames evaluated; NaN without a frame."""
    first_failure: str
    """The error that first reached its limit at tolerance 1, ``not finite`` where numbers were lost before
    any did, or empty for a success."""
    first_failure_step: int
    """Control step at which it did; -1 for a success."""
    spectrum: Tensor
    """(C,) normalised power spectral density of the commands on the protocol's grid."""
    series: Tensor
    """(T, E) the errors over time."""


class Scorer:
    """Scores rollouts of one library under one protocol.

    Args:
        config: the protocol.
        library: the clips, for the salience weights: they come from the reference alone.
        embodiment: the robot, for path lengths.
    """

    def __init__(self, config: EvaluationConfig, library: MotionLibrary, embodiment: Embodiment) -> None:
        self.config = config
        self.rate = 1.0 / library.control_dt
        self.limits = error_limits(config)
        low, high = config.spectrum_band
        cells = max(1, round((high - low) / config.spectrum_cell))
        self.edges = torch.linspace(low, high, cells + 1, dtype=torch.float64)
        """(C + 1,) borders of the spectrum's cells, Hz."""
        self._library = library
        self._path_length = torch.as_tensor(embodiment.key_body_path_length[1:])
        self._weights: dict[int, Tensor] = {}

    def weights(self, clip: int) -> Tensor:
        """Salience weights (K - 1,) of a clip's key bodies, the root left out."""
        # When the first rollout of the clip is scored: of a corpus that is streamed, it is resident then.
        if clip not in self._weights:
            self._weights[clip] = clip_weights(self._library, clip, self._path_length)
        return self._weights[clip]

    def __call__(self, trajectory: Trajectory) -> Score:
        """Score one rollout. The trajectory lies on the CPU."""
        peaks, failure, step = self._failure(trajectory)
        values = self._success(trajectory) | self._positions(trajectory) | self._actions(trajectory)
        return Score(
            clip=trajectory.clip,
            rollout=trajectory.rollout,
            completed=trajectory.completed,
            values=torch.tensor([values[name] for name in VALUES], dtype=torch.float64),
            peaks=peaks,
            first_failure=failure,
            first_failure_step=step,
            spectrum=metrics.spectrum_density(trajectory.command, self.rate, self.edges),
            series=trajectory.errors,
        )

    def _success(self, trajectory: Trajectory) -> dict[str, float]:
        errors = trajectory.errors.double()
        valid, completed = torch.ones(len(errors), dtype=torch.bool), torch.tensor(trajectory.completed)
        stars = {}
        rules = {"critical_scale": tuple(self.config.errors)}
        rules |= {f"critical_scale_{rule}": names for rule, names in RULES.items()}
        for key, names in rules.items():
            columns = error_columns(names)
            star = metrics.largest_ratio(errors[:, columns], self.limits[columns], valid, completed)
            stars[key] = float(star)
        mean_body, limit = errors[:, ERRORS.index("mean_body_world")], self.config.limits.mean_body_world
        return stars | {
            "frames_evaluated": len(errors) / trajectory.expected_frames,
            # What was not reached counts as failed.
            "frame_success": float((mean_body < limit).sum()) / trajectory.expected_frames,
        }

    def _failure(self, trajectory: Trajectory) -> tuple[Tensor, str, int]:
        errors = trajectory.errors.double()
        if len(errors) == 0:
            return torch.full((len(ERRORS),), math.nan, dtype=torch.float64), "not finite", 1
        columns = error_columns(self.config.errors)
        ratio = errors[:, columns] / self.limits[columns]
        beyond = (ratio >= 1.0).any(dim=-1).nonzero()
        if len(beyond):
            frame = int(beyond[0])
            failure, step = self.config.errors[int(ratio[frame].argmax())], frame + 1
        elif trajectory.completed:
            failure, step = "", -1
        else:
            failure, step = "not finite", len(errors) + 1
        return errors.amax(dim=0), failure, step

    def _positions(self, trajectory: Trajectory) -> dict[str, float]:
        position, reference, anchored = trajectory.position, trajectory.reference, trajectory.anchored
        weights = self.weights(trajectory.clip)
        fps = self.config.published_fps
        at_fps = metrics.resample_positions(position, self.rate, fps)
        reference_at_fps = metrics.resample_positions(reference, self.rate, fps)
        velocity = float(metrics.velocity_distance(at_fps, reference_at_fps))
        acceleration = float(metrics.acceleration_distance(at_fps, reference_at_fps))
        drift = (position[-1:, 0, :2] - reference[-1:, 0, :2]).norm(dim=-1).mean()
        return {
            "MPJPE_mm": float(metrics.mpjpe(position, anchored)),
            "MPJPE_W_mm": float(metrics.mpjpe_w(position[:, 1:], anchored[:, 1:], weights)),
            "MPJPE_world_mm": float(metrics.mpjpe(position, reference)),
            "MPJPE_W_world_mm": float(metrics.mpjpe_w(position[:, 1:], reference[:, 1:], weights)),
            "g_MPJPE_mm": float(metrics.mpjpe(at_fps, reference_at_fps)),
            "l_MPJPE_mm": float(metrics.local_mpjpe(at_fps, reference_at_fps, at_fps[:, 0], reference_at_fps[:, 0])),
            "velocity_distance_mm_per_frame": velocity,
            "velocity_distance_m_per_s": velocity * fps / metrics.MILLIMETRES,
            "acceleration_distance_mm_per_frame2": acceleration,
            "acceleration_distance_m_per_s2": acceleration * fps**2 / metrics.MILLIMETRES,
            "final_drift_m": float(drift),
        }

    def _actions(self, trajectory: Trajectory) -> dict[str, float]:
        bands = tuple(self.config.high_band), tuple(self.config.spectrum_band)
        values = {}
        for prefix, actions in (("", trajectory.command), ("raw_", trajectory.action)):
            values |= {
                f"{prefix}action_rate": float(metrics.action_rate(actions)),
                f"{prefix}action_jerk": float(metrics.action_jerk(actions)),
                f"{prefix}high_frequency_ratio": float(metrics.high_frequency_ratio(actions, self.rate, *bands)),
            }
        return values


def clip_weights(library: MotionLibrary, clip: int, path_length: Tensor) -> Tensor:
    """Salience weights (K - 1,) of one clip's key bodies without the root, at control rate, float32.

    Args:
        path_length: (K - 1,) from the embodiment, m.
    """
    local = []
    for steps in torch.arange(int(library.num_steps[clip])).split(_WEIGHT_ROWS):
        state = library.at(torch.full_like(steps, clip).to(library.device), steps.to(library.device))
        # In double precision: a clip that only glides has no motion relative to its root.
        position, root = state.body_pos_w.double(), state.root_pos_w.double()
        local.append(metrics.heading_local(position[:, 1:], root, state.root_quat_w.double()).cpu())
    return metrics.salience_weights(torch.cat(local), path_length).float()
