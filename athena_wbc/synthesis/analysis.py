"""How the motions of the loops differ from each other and from a source set, as the robot shows them.

All figures are of clips after retargeting: what is trained on. Bodies are the robot's key bodies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.evaluation.metrics import heading_local
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.rotations import quat_apply_inverse, quat_heading

FPS = 30.0
"""Rate at which velocities are taken, as CLAIMS has it, Hz."""

WINDOW_S, STEP_S = 1.0, 0.5
"""Length and distance of the windows that are compared, s."""

INSTANTS = 6
"""Poses of a window."""

VELOCITY_S = 0.3
"""Velocity of the root counts as the way of this time, s, so that it compares with positions in m."""

_CHUNK = 512


@dataclasses.dataclass(frozen=True, eq=False)
class BodyMotion:
    """Key bodies of a clip at :data:`FPS`."""

    position: np.ndarray
    """(T, K, 3) in the world frame, root first, m."""
    local: np.ndarray
    """(T, K, 3) relative to the root, in axes that turn with its heading and stay upright, m."""
    velocity: np.ndarray
    """(T, 3) of the root in the same axes, m/s."""


@dataclasses.dataclass(frozen=True, eq=False)
class Speeds:
    """Speeds and accelerations of one clip, over its bodies and frames."""

    speed: np.ndarray
    """(T - 1,) mean over the bodies, m/s."""
    acceleration: np.ndarray
    """(T - 2,) mean over the bodies, m/s^2."""

    @property
    def mean(self) -> float:
        """Mean speed, m/s."""
        return float(self.speed.mean())

    @property
    def mean_acceleration(self) -> float:
        """Mean magnitude of the acceleration, m/s^2; zero of a clip of two frames."""
        return float(self.acceleration.mean()) if len(self.acceleration) else 0.0


def body_motion(clip: MotionClip, embodiment: Embodiment) -> BodyMotion:
    """Key bodies of a clip, by forward kinematics in double precision."""
    at = clip.for_embodiment(embodiment).resample(FPS)
    kinematics = Kinematics(embodiment, embodiment.key_bodies, dtype=torch.float64)
    root, quat, joints = (torch.from_numpy(array.copy()) for array in (at.root_pos, at.root_quat, at.joint_pos))
    position, _ = kinematics.forward(root, quat, joints)
    velocity = quat_apply_inverse(quat_heading(quat), torch.from_numpy(at.root_lin_vel.copy()))
    return BodyMotion(position.numpy(), heading_local(position, root, quat).numpy(), velocity.numpy())


def speeds(motion: BodyMotion) -> Speeds:
    """Forward differences of the bodies' positions in the world frame, times the rate."""
    step = np.diff(motion.position, axis=0)
    speed = np.linalg.norm(step, axis=-1).mean(axis=-1) * FPS
    acceleration = np.linalg.norm(np.diff(step, axis=0), axis=-1).mean(axis=-1) * FPS**2
    return Speeds(speed, acceleration)


def windows(motion: BodyMotion) -> np.ndarray:
    """Windows of a motion as points in a space of metres.

    A point holds, at :data:`INSTANTS` instants over :data:`WINDOW_S`, where the bodies are relative to the root, how
    high the root is, and its velocity times :data:`VELOCITY_S`. A motion shorter than a window gives one, whose last
    frame is held.

    Returns:
        (W, D).
    """
    frames = len(motion.position)
    length, step = round(WINDOW_S * FPS), round(STEP_S * FPS)
    starts = np.arange(0, max(1, frames - length), step)
    offsets = np.linspace(0.0, length, INSTANTS).round().astype(int)
    index = np.minimum(starts[:, None] + offsets, frames - 1)
    parts = (
        motion.local[:, 1:].reshape(frames, -1),
        motion.position[:, 0, 2:],
        VELOCITY_S * motion.velocity,
    )
    rows = np.concatenate(parts, axis=1)[index]
    return rows.reshape(len(starts), -1)


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How much of two sets of points lies together (improved precision and recall, Kynkaanniemi et al. 2019)."""

    inside: float
    """Share of the set's points that lie within the k-th neighbour's distance of some point of the source."""
    covered: float
    """Share of the source's points that lie within the k-th neighbour's distance of some point of the set."""
    distance: float
    """Median distance of the set's points to the nearest one of the source, by that of the source to itself."""


def overlap(points: np.ndarray, source: np.ndarray, neighbours: int) -> Overlap | None:
    """Compare a set with a source set by nearest neighbours.

    Args:
        points: (N, D).
        source: (M, D).
        neighbours: k; where a set has fewer points, as many as there are.

    Returns:
        None where a set has fewer than two points.
    """
    if min(len(points), len(source)) < 2:
        return None
    to_source, within = _nearest(points, source, 1), _nearest(source, source, 2)
    k, own = min(neighbours, len(source) - 1), min(neighbours, len(points) - 1)
    source_radius, set_radius = _nearest(source, source, k + 1)[:, k], _nearest(points, points, own + 1)[:, own]
    usual = float(np.median(within[:, 1]))
    return Overlap(
        inside=_share_within(points, source, source_radius),
        covered=_share_within(source, points, set_radius),
        distance=float(np.median(to_source[:, 0])) / usual if usual > 0.0 else float("inf"),
    )


def _nearest(points: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """(N, count) distances to the nearest of the others, ascending; of a point to itself it is zero."""
    from scipy.spatial.distance import cdist

    parts = [
        np.sort(np.partition(cdist(points[start : start + _CHUNK], others), count - 1, axis=1)[:, :count], axis=1)
        for start in range(0, len(points), _CHUNK)
    ]
    return np.concatenate(parts)


def _share_within(points: np.ndarray, others: np.ndarray, radius: np.ndarray) -> float:
    """Share of the points within the radius (M,) of some other one."""
    from scipy.spatial.distance import cdist

    found = [
        (cdist(points[start : start + _CHUNK], others) <= radius).any(axis=1) for start in range(0, len(points), _CHUNK)
    ]
    return float(np.concatenate(found).mean())


def thinned(points: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the points (N, D), evenly from first to last."""
    if len(points) <= most:
        return points
    return points[np.linspace(0, len(points) - 1, most).round().astype(int)]


def embed(sets: Mapping[str, np.ndarray], most: int, seed: int = 0) -> tuple[dict[str, np.ndarray], str]:
    """All sets in one plane, for the eye alone: distances in it mean little.

    Args:
        sets: name -> (N, D).
        most: points of all sets together; each set keeps its share.
        seed: of t-SNE.

    Returns:
        Name -> (n, 2), and how it was done: ``t-SNE`` where scikit-learn is installed, else ``PCA``.
    """
    total = sum(map(len, sets.values()))
    share = min(1.0, most / max(1, total))
    kept = {name: thinned(points, max(1, int(len(points) * share))) for name, points in sets.items() if len(points)}
    joined = np.concatenate(list(kept.values()))
    centred = joined - joined.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane, how = centred @ axes[:2].T, "PCA"
    if len(joined) >= 10:
        try:
            from sklearn.manifold import TSNE
        except ImportError:
            pass
        else:
            reduced = centred @ axes[:30].T
            perplexity = min(30.0, (len(joined) - 1) / 3.0)
            plane = TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(reduced)
            how = "t-SNE"
    if plane.shape[1] < 2:
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    ends = np.cumsum([len(points) for points in kept.values()])[:-1]
    return dict(zip(kept, np.split(plane, ends), strict=True)), how


def quantiles(values: Sequence[np.ndarray], shares: Sequence[float]) -> list[float]:
    """Quantiles of all values of several arrays together; nothing without a value."""
    joined = np.concatenate([np.zeros(0), *values])
    return [float(value) for value in np.quantile(joined, shares)] if len(joined) else []
