"""What a finding of `check` is: kinds, severities, frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

SEVERITIES = ("info", "warning", "error")
"""An error is what reading the clip from a file would refuse; a warning is what a tracker will not follow."""

KINDS = {
    "joint_limit": "joints beyond their limits",
    "velocity_spike": "joints faster than their motors",
    "joint_twitch": "joints that jump in a single frame, below their limit",
    "root_jump": "single-frame jumps of the root",
    "root_spin": "root turning faster than a body can",
    "orientation": "quaternion order or heading against the motion",
    "flight": "flights that do not fall at g",
    "floating": "lowest point above the ground without a flight",
    "penetration": "points below the ground",
    "foot_skating": "feet that slide while they stand",
}
"""Every kind of finding, with what it means."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One kind of defect in a clip."""

    kind: str
    """Of KINDS."""
    severity: str
    """Of SEVERITIES."""
    frames: tuple[tuple[int, int], ...]
    """Intervals [start, stop) of the frames concerned. What happens between two frames counts for the first."""
    worst: int
    """The frame in which it is worst."""
    value: float
    """The worst value, in `unit`."""
    unit: str
    message: str

    def as_dict(self) -> dict:
        """The finding as plain values, for JSON."""
        return dataclasses.asdict(self) | {"frames": [list(interval) for interval in self.frames]}


def worst_severity(findings: Iterable[Finding]) -> str:
    """The highest severity among findings; empty where there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="")
