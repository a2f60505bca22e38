"""How a policy is evaluated: the schema of ``configs/evaluation/*.yaml``, one file a named protocol."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from athena_wbc.errors import AthenaError, suggest


@dataclass
class Limits:
    """Largest errors of a successful rollout at tolerance 1. Only those that the protocol names decide."""

    height: float = 0.20
    """Root height error |dz|, m."""
    yaw: float = 0.50
    """Root yaw error, rad."""
    key_body: float = 0.50
    """Largest key-body distance to the reference moved to the robot's horizontal position and heading, m."""
    key_body_world: float = 0.50
    """Largest key-body distance in the world frame, m."""
    anchor_height: float = 0.25
    """Height error of the anchor body, m (SONIC)."""
    anchor_orientation: float = 1.0
    """Rotation angle between the anchor body and its reference, rad. SONIC bounds its square by 1.0 rad^2."""
    end_effector_height: float = 0.25
    """Largest height error of an end effector, m (SONIC)."""
    mean_body_world: float = 0.50
    """Key-body distance in the world frame averaged over the bodies, m (PHC and CLAIMS)."""


@dataclass
class EvaluationConfig:
    """One protocol. Success rates of different protocols do not compare; every record carries all of this."""

    protocol: str = "athena"
    """Name that the record carries."""
    errors: list[str] = field(default_factory=lambda: ["height", "yaw", "key_body"])
    """Errors that decide success: names of `limits`."""
    limits: Limits = field(default_factory=Limits)
    """Thresholds at tolerance 1, strict (an error must stay below)."""
    rollouts: int = 5
    """Rollouts of every clip. Without any randomness they are equal, and one is enough."""
    num_envs: int = 256
    """Most environments at a time."""
    randomisation: str | None = "standard"
    """Preset of `configs/randomisation` for the dynamics; null for the nominal robot."""
    observation_noise: bool = True
    """Noise on the observations, as the checkpoint's configuration has it."""
    cap_scale: float = 6.0
    """A rollout is cut, and counts as failed at every tolerance, once an error that decides success reaches
    this many times its limit. Nothing else ends one early, so the curve is true below this tolerance."""
    curve_max: float = 6.0
    """Largest tolerance of the success-tolerance curve's table and plot."""
    curve_points: int = 241
    """Points of the curve from 0 to `curve_max`; keep tolerance 1 on the grid."""
    published_fps: float = 30.0
    """Frame rate that CLAIMS' velocity and acceleration distances are measured at, Hz."""
    spectrum_band: list[float] = field(default_factory=lambda: [0.5, 25.0])
    """Band of the action spectrum, Hz."""
    high_band: list[float] = field(default_factory=lambda: [8.0, 25.0])
    """Part of it that counts as jitter, Hz."""
    spectrum_cell: float = 0.5
    """Width of a cell of the averaged spectrum, Hz."""
    buffer_gb: float = 2.0
    """Memory for the rollouts under way, GB. Where long clips need more, fewer environments run at a time."""


def check_evaluation_config(config: EvaluationConfig, source: str = "evaluation") -> None:
    """Refuse values that cannot be evaluated with; the error names the key."""
    known = list(Limits.__dataclass_fields__)
    if not config.errors:
        raise AthenaError(f"{source}.errors: no error decides success; name some of {', '.join(known)}")
    for name in config.errors:
        if name not in known:
            raise AthenaError(f"{source}.errors: {suggest(name, known)}")
    for name in known:
        if not getattr(config.limits, name) > 0.0:
            raise AthenaError(f"{source}.limits.{name}: must be positive, is {getattr(config.limits, name)}")
    for name, least in (("rollouts", 1), ("num_envs", 1), ("curve_points", 2)):
        if getattr(config, name) < least:
            raise AthenaError(f"{source}.{name}: must be at least {least}, is {getattr(config, name)}")
    for name in ("cap_scale", "curve_max", "published_fps", "spectrum_cell", "buffer_gb"):
        if not 0.0 < getattr(config, name) < math.inf:
            raise AthenaError(f"{source}.{name}: must be positive and finite, is {getattr(config, name)}")
    if config.cap_scale < 1.0:
        raise AthenaError(f"{source}.cap_scale: must be at least 1, is {config.cap_scale}; SR would be cut")
    for name in ("spectrum_band", "high_band"):
        band = getattr(config, name)
        if len(band) != 2 or not 0.0 <= band[0] < band[1]:
            raise AthenaError(f"{source}.{name}: must be two ascending frequencies in Hz, is {list(band)}")
