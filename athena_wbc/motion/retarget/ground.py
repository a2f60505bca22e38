"""Heights of a solved motion: nothing below the ground, nothing hovering over it, flights that fall at g."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from athena_wbc.embodiment import Embodiment
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.colliders import surface_points
from athena_wbc.motion.evidence import GRAVITY
from athena_wbc.motion.retarget.build import Build
from athena_wbc.motion.retarget.contacts import Contacts, intervals, smoothstep
from athena_wbc.motion.retarget.person import Person
from athena_wbc.rotations import quat_apply

LEAST_AIRTIME = 0.1
"""A shorter time without contact is a gap in the contacts, s."""

FALL_RANGE = (0.5, 1.4)
"""A flight's own acceleration in g; outside the body is held by something else: a hand, a wall, a harness."""

LEAST_RISE = 0.015
"""Clearance that every flight reaches, m, for a leg of about 0.8 m."""

PUSH_OFF = 0.25
"""Time before and after a flight over which the body gathers and sheds its speed, s."""


@dataclasses.dataclass(frozen=True)
class Heights:
    """What a robot's surface does in T frames."""

    foot: np.ndarray
    """(T, 2) lowest point of either foot, m, left first."""
    other: np.ndarray
    """(T,) lowest point of all bodies besides the feet and the arms below the elbow, m."""
    sole: np.ndarray
    """(T, 2, 3) middle of either sole, m."""
    com: np.ndarray
    """(T, 3) centre of mass, m."""
    arm: np.ndarray
    """(T, 2) lowest point of either arm from the elbow on, m."""
    bodies: np.ndarray
    """(T, B) lowest surface point of every body of the embodiment, infinity where it has none, m."""

    @property
    def lowest(self) -> np.ndarray:
        """(T,) lowest point of the robot, m."""
        return self.bodies.min(axis=1)


def measure_heights(build: Build, qpos: np.ndarray) -> Heights:
    """Forward kinematics of configurations (T, nq), reduced to heights."""
    embodiment: Embodiment = build.embodiment
    points = surface_points(embodiment)
    kinematics = Kinematics(embodiment, dtype=torch.float64)
    root_pos, root_quat, joints = (torch.from_numpy(np.array(part)) for part in split(qpos))
    pos, quat = kinematics.forward(root_pos, root_quat, joints)
    surface = (pos[:, points.body] + quat_apply(quat[:, points.body], torch.as_tensor(points.offset))).numpy()
    height = surface[..., 2] - points.radius
    share = torch.as_tensor(embodiment.body_mass / embodiment.mass)
    com = ((pos + quat_apply(quat, torch.as_tensor(embodiment.body_com))) * share[:, None]).sum(dim=1).numpy()
    bodies = np.full((len(qpos), len(embodiment.body_names)), np.inf)
    for body in np.unique(points.body):
        bodies[:, body] = height[:, points.body == body].min(axis=1)
    feet = embodiment.body_index(tuple(build.roles[f"{side}_foot"].body for side in ("left", "right")))
    soles = []
    for side, foot in enumerate(feet):
        axes = build.alignment[("left_foot", "right_foot")[side]]
        ankle = build.point_offset[build.ankles[side]]
        middle = axes.T @ build.soles[side].mean(axis=0) + ankle
        soles.append((pos[:, foot] + quat_apply(quat[:, foot], torch.as_tensor(middle))).numpy())
    arms = [_below(embodiment, build.roles[f"{side}_elbow"].body) for side in ("left", "right")]
    others = np.delete(bodies, [*feet, *arms[0], *arms[1]], axis=1)
    return Heights(
        foot=bodies[:, feet],
        other=others.min(axis=1),
        sole=np.stack(soles, axis=1),
        com=com,
        arm=np.stack([bodies[:, arm].min(axis=1) for arm in arms], axis=1),
        bodies=bodies,
    )


def _below(embodiment: Embodiment, top: str) -> list[int]:
    """Indices of a body and of all that hang from it."""
    found = [embodiment.body_names.index(top)]
    for body, parent in enumerate(embodiment.body_parents):
        if parent in found:
            found.append(body)
    return found


def split(qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root position (T, 3), root orientation (T, 4) scalar last, joint angles (T, J) of MuJoCo's (T, nq)."""
    return qpos[:, :3], qpos[:, [4, 5, 6, 3]], qpos[:, 7:]


def find_flights(person: Person, contacts: Contacts) -> list[tuple[int, int]]:
    """Flights of a person as (last frame on the ground, first frame on the ground).

    No foot stands, both are off the ground, and the centre of mass falls about at g: a body that is carried by its
    hands or rolls on its back does not fly.
    """
    rise = contacts.clearance.min(axis=1)
    off = ~contacts.planted.any(axis=1) & (rise > 0.0)
    found = []
    for start, stop in intervals(off):
        first, last = start - 1, stop
        if first < 0 or last >= len(off) or last - first < LEAST_AIRTIME * person.fps:
            continue
        height = person.com[first : last + 1, 2]
        time = np.arange(len(height)) / person.fps
        acceleration = -2.0 * np.polyfit(time, height, 2)[0] / GRAVITY
        if rise[start:stop].max() > LEAST_RISE and FALL_RANGE[0] < acceleration < FALL_RANGE[1]:
            found.append((first, last))
    return found


def flight_lift(com: np.ndarray, flights: list[tuple[int, int]], fps: float) -> np.ndarray:
    """(T,) by how much to raise each frame for the centre of mass to fall at g over the time that a flight lasts.

    Smaller robots would fall slower than g if all lengths were scaled and times kept. Speeds that a flight begins and
    ends with are gathered and shed on the ground, within PUSH_OFF.

    Args:
        com: (T, 3) m.
        flights: see `find_flights`.
    """
    lift = np.zeros(len(com))
    reach = round(PUSH_OFF * fps)
    for number, (first, last) in enumerate(flights):
        time = np.arange(last - first + 1) / fps
        total = time[-1]
        chord = com[first, 2] + (com[last, 2] - com[first, 2]) * time / total
        lift[first : last + 1] = chord + 0.5 * GRAVITY * time * (total - time) - com[first : last + 1, 2]
        begin, end = (lift[first + 1] - lift[first]) * fps, (lift[last] - lift[last - 1]) * fps
        before = min(reach, first - (flights[number - 1][1] if number else 0))
        after = min(reach, (flights[number + 1][0] if number + 1 < len(flights) else len(com) - 1) - last)
        # Cubics that start at rest and arrive at height zero with the flight's speed, and the other way round.
        if before > 1:
            x = np.arange(before + 1) / before
            lift[first - before : first + 1] += begin * (before / fps) * (x**3 - x**2)
        if after > 1:
            x = np.arange(after + 1) / after
            lift[last : last + after + 1] += end * (after / fps) * (x**3 - 2.0 * x**2 + x)
    return lift


def ground_lift(heights: Heights, contacts: Contacts, flights: list[tuple[int, int]], fps: float) -> np.ndarray:
    """(T,) by how much to raise the body so that nothing but the feet goes below the ground, or hovers.

    Where no foot stands and nothing flies, some part of the body lies on the ground: it is moved there.
    """
    flying = np.zeros(len(heights.other), dtype=bool)
    for first, last in flights:
        flying[first + 1 : last] = True
    hovering = np.where(_standing(contacts) | flying, 0.0, np.maximum(heights.lowest, 0.0))
    return body_lift(heights, contacts, fps) - _eased(hovering, fps)


def body_lift(heights: Heights, contacts: Contacts, fps: float) -> np.ndarray:
    """(T,) by how much to raise the body for trunk and legs to stay above the ground, m; feet where none stands."""
    lowest = np.where(_standing(contacts), heights.other, np.minimum(heights.other, heights.foot.min(axis=1)))
    return _cover(np.maximum(-lowest, 0.0), fps)


def _standing(contacts: Contacts) -> np.ndarray:
    """(T,) bool: a foot is on the ground, planted or not."""
    return contacts.planted.any(axis=1) | (contacts.clearance.min(axis=1) < 0.02)


def arm_lift(heights: Heights, lift: np.ndarray, fps: float) -> np.ndarray:
    """(T, 2) by how much to raise either hand besides the body's lift (T,) for the arm to stay above the ground, m."""
    return np.stack([_cover(np.maximum(-heights.arm[:, side] - lift, 0.0), fps) for side in (0, 1)], axis=1)


def _cover(depth: np.ndarray, fps: float) -> np.ndarray:
    """(T,) a smooth curve nowhere below the depths (T,), m."""
    width = max(1, round(0.06 * fps))
    highest = maximum_filter1d(depth, 4 * width + 1, mode="nearest")
    return gaussian_filter1d(highest, float(width), truncate=2.0, mode="nearest")


def _eased(values: np.ndarray, fps: float) -> np.ndarray:
    """Positive values, smoothed and brought to zero at the borders of the runs in which they are."""
    out = np.zeros_like(values)
    ramp = max(1.0, 0.1 * fps)
    for start, stop in intervals(values > 0.0):
        at = np.arange(stop - start)
        rise = np.ones(stop - start) if start == 0 else smoothstep((at + 1) / ramp)
        fall = np.ones(stop - start) if stop == len(values) else smoothstep((stop - start - at) / ramp)
        smooth = gaussian_filter1d(values[start:stop], 0.04 * fps, mode="nearest")
        out[start:stop] = np.minimum(smooth, values[start:stop]) * np.minimum(rise, fall)
    return out
