"""Effort and velocity limits, armature and gains of a joint: the model's own figures, and a rule for those it lacks.

Gains follow BeyondMimic (Liao et al. 2025) and SONIC (Luo et al. 2025): the response of a second-order system of
`FREQUENCY` and `DAMPING_RATIO` on the armature alone, so that they depend on the motor and not on the pose. What the
rules are made of is dimensionless, and scaled to the robot's mass m, leg length l and gravity g as human gait data are
(Hof 1996, "Scaling gait data to body size"): a moment is a share of m g l, an angular velocity a multiple of sqrt(g/l).
The shares are those of the Unitree G1 (NOTICE of the shipped robot), rounded.
"""

from __future__ import annotations

import dataclasses
import math

from athena_wbc.robots.source import ActuatorFigures

FREQUENCY = 10.0
"""Of the closed loop on the armature, Hz."""

DAMPING_RATIO = 2.0

GRAVITY = 9.81

ARMATURE_PER_EFFORT = 1.5e-4
"""kg m^2 of reflected rotor inertia per N m of effort: the motors of the G1 have 1.2e-4 to 1.8e-4, the wrist's apart.
Rotor inertia and torque grow alike with a motor's size, and the square of the gear hits the one, its first power the
other: the rule holds for gears that are chosen to balance them, which those of legged robots are."""

EFFORT_SHARE = {
    "hip": 0.45,
    "knee": 0.6,
    "ankle": 0.25,
    "waist": 0.25,
    "shoulder": 0.12,
    "elbow": 0.12,
    "wrist": 0.03,
    "other": 0.03,
}
"""Effort limit over m g l, by the part of the body that a joint is in."""

VELOCITY_MULTIPLE = {
    "hip": 5.2,
    "knee": 5.2,
    "ankle": 8.0,
    "waist": 5.2,
    "shoulder": 8.0,
    "elbow": 8.0,
    "wrist": 5.2,
    "other": 5.2,
}
"""Velocity limit over sqrt(g/l)."""


@dataclasses.dataclass(frozen=True)
class JointFigures:
    """What robot.yaml needs of a joint, and where each figure is from ("model" or "rule")."""

    stiffness: float
    damping: float
    armature: float
    effort_limit: float
    velocity_limit: float
    origin: tuple[tuple[str, str], ...]

    @property
    def values(self) -> tuple[float, ...]:
        return (self.stiffness, self.damping, self.armature, self.effort_limit, self.velocity_limit)


def joint_figures(
    part: str,
    mass: float,
    leg_length: float,
    actuator: ActuatorFigures,
    effort: float = 0.0,
    velocity: float = 0.0,
    armature: float = 0.0,
) -> JointFigures:
    """Figures of one joint.

    Args:
        part: where the joint is, a key of `EFFORT_SHARE`.
        mass: of the robot, kg.
        leg_length: from the hips to the soles, m.
        actuator: what the model's actuator says.
        effort: the model's limit of the joint itself, N m; 0 where it has none.
        velocity: likewise, rad/s.
        armature: likewise, kg m^2.
    """
    origin = {}

    def choose(key: str, given: float, rule: float) -> float:
        origin[key] = "model" if given > 0.0 else "rule"
        return given if given > 0.0 else rule

    moment = mass * GRAVITY * leg_length
    # A joint that limits its force below its actuator's has the last word.
    limits = [limit for limit in (actuator.effort, effort) if limit > 0.0]
    effort = choose("effort_limit", min(limits, default=0.0), EFFORT_SHARE[part] * moment)
    velocity = choose("velocity_limit", velocity, VELOCITY_MULTIPLE[part] * math.sqrt(GRAVITY / leg_length))
    armature = choose("armature", armature, ARMATURE_PER_EFFORT * effort)
    pulse = 2.0 * math.pi * FREQUENCY
    stiffness = choose("stiffness", actuator.stiffness, armature * pulse**2)
    # With stiffness of its own, critical to the same ratio: 2 zeta sqrt(k J), which is 2 zeta J w for the rule's.
    damping = choose("damping", actuator.damping, 2.0 * DAMPING_RATIO * math.sqrt(stiffness * armature))
    return JointFigures(
        stiffness=_rounded(stiffness),
        damping=_rounded(damping),
        armature=_rounded(armature),
        effort_limit=_rounded(effort),
        velocity_limit=_rounded(velocity),
        origin=tuple(sorted(origin.items())),
    )


def _rounded(value: float) -> float:
    """Four significant figures: more would pretend to be measured."""
    return float(f"{value:.4g}")
