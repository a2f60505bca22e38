"""Arm poses that the scripts name, as directions; the joint angles are found for each robot."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ArmPose:
    """Directions (forward, outward, up) of the upper arm and the forearm in the frame of the torso."""

    upper: tuple[float, float, float]
    fore: tuple[float, float, float]


POSES: dict[str, ArmPose] = {
    # "rest" is the default pose of the robot and needs no entry.
    "swing_forward": ArmPose(upper=(0.25, 0.22, -1.0), fore=(1.0, 0.1, -0.5)),
    "swing_back": ArmPose(upper=(-0.55, 0.3, -1.0), fore=(0.3, 0.35, -1.0)),
    "reach": ArmPose(upper=(1.0, 0.1, -0.35), fore=(1.0, -0.1, -0.1)),
    "guard": ArmPose(upper=(0.45, 0.35, -1.0), fore=(0.75, -0.2, 1.0)),
    "punch": ArmPose(upper=(1.0, 0.0, -0.08), fore=(1.0, -0.12, 0.0)),
    "hook": ArmPose(upper=(0.75, 0.75, -0.1), fore=(0.75, -1.0, 0.05)),
    "uppercut": ArmPose(upper=(0.9, 0.1, -0.35), fore=(0.35, -0.1, 1.0)),
    "wave_in": ArmPose(upper=(0.2, 1.0, -0.15), fore=(0.25, -0.25, 1.0)),
    "wave_out": ArmPose(upper=(0.2, 1.0, -0.15), fore=(0.25, 0.75, 1.0)),
    "side": ArmPose(upper=(0.15, 1.0, -0.25), fore=(0.25, 1.0, -0.15)),
    "balance": ArmPose(upper=(0.1, 0.6, -1.0), fore=(0.5, 0.6, -0.6)),
}
