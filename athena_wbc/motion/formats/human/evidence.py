"""What a human motion itself says about the conventions of its file.

A person is between 1.2 and 2.2 m tall, stands on the feet for most of the time, over a floor that does not move, with
toes in front of the ankles, and falls at g. These measures are pure functions of the positions of landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from athena_wbc.motion.evidence import BodyTrace, Fall, find_flights, measure_fall
from athena_wbc.motion.human import unit_vectors

SHORTEST, TALLEST = 1.2, 2.2
"""Stature in m that decides an open unit. The range is narrower than the ratio of any two units."""

LEG_AND_TRUNK = 0.779
"""Thigh, shank and the line from hips to shoulders as a share of stature (Drillis and Contini 1966: 0.245, 0.246 and
0.818 - 0.530)."""

ANKLE_HEIGHT, TOE_HEIGHT = 0.039, 0.012
"""Ankle and ball of the foot above the sole as a share of stature (Drillis and Contini 1966; the second half of a
shoe's sole and forefoot)."""

_UPRIGHT_COSINE = 0.7
_MASS = {
    ("chest", "pelvis"): 0.435, ("neck", "head"): 0.069,
    **{
        pair: mass
        for side in ("left", "right")
        for pair, mass in {
            (f"{side}_hip", f"{side}_knee"): 0.142, (f"{side}_knee", f"{side}_ankle"): 0.057,
            (f"{side}_shoulder", f"{side}_elbow"): 0.027, (f"{side}_elbow", f"{side}_wrist"): 0.022,
        }.items()
    },
}  # fmt: skip
"""Masses of segments as a share of the body's (de Leva 1996), hands and feet with their neighbours."""

Points = Mapping[str, np.ndarray]
"""Landmark -> positions (T, 3)."""


def middle(points: Points, part: str) -> np.ndarray:
    """(T, 3) between the left and the right one."""
    return 0.5 * (points[f"left_{part}"] + points[f"right_{part}"])


def stature(points: Points) -> float:
    """Stature of the person in the file's unit, from the median lengths of legs and trunk."""
    total = 0.0
    for side in ("left", "right"):
        for upper, lower in (("hip", "knee"), ("knee", "ankle")):
            segment = points[f"{side}_{upper}"] - points[f"{side}_{lower}"]
            total += 0.5 * float(np.median(np.linalg.norm(segment, axis=1)))
    trunk = middle(points, "shoulder") - middle(points, "hip")
    return (total + float(np.median(np.linalg.norm(trunk, axis=1)))) / LEG_AND_TRUNK


def body_up(points: Points) -> np.ndarray:
    """(T, 3) unit vectors from the ankles to the shoulders."""
    return unit_vectors(middle(points, "shoulder") - middle(points, "ankle"))


def upright_share(points: Points, axis: np.ndarray) -> float:
    """Share of the frames in which the body stands along an axis, within 45 degrees."""
    return float((body_up(points) @ axis > _UPRIGHT_COSINE).mean())


def lowest(positions: np.ndarray, points: Points, axis: np.ndarray, height: float) -> np.ndarray:
    """(T,) lowest point of the body along an axis: of all joints, and of the soles below ankles and toes."""
    low = (positions @ axis).min(axis=1)
    for part, share in (("ankle", ANKLE_HEIGHT), ("toe", TOE_HEIGHT)):
        for side in ("left", "right"):
            if f"{side}_{part}" in points:
                low = np.minimum(low, points[f"{side}_{part}"] @ axis - share * height)
    return low


def floor_spread(positions: np.ndarray, points: Points, axis: np.ndarray, height: float) -> float:
    """How far the lowest point wanders along an axis between the 5th and the 75th percentile, as a share of stature.

    It is small along the true vertical, on which a floor keeps the lowest point, and large along an axis on which the
    person travels; jumps are left out by the percentile.
    """
    low, high = np.percentile(lowest(positions, points, axis, height), (5.0, 75.0))
    return float(high - low) / height


def toes_forward(points: Points) -> float:
    """Mean cosine between toes, or bending knees, and the body's front as its left side and its head define it.

    Near 1 where left is left; near -1 where the sides are swapped or the axes left-handed.
    """
    up = body_up(points)
    left = points["left_hip"] - points["right_hip"] + points["left_shoulder"] - points["right_shoulder"]
    front = unit_vectors(np.cross(left, up))
    cosines = []
    for side in ("left", "right"):
        ankle, knee, hip = (points[f"{side}_{part}"] for part in ("ankle", "knee", "hip"))
        if f"{side}_toe" in points:
            direction = points[f"{side}_toe"] - ankle
            shank = unit_vectors(ankle - knee)
            direction = direction - (direction * shank).sum(axis=1, keepdims=True) * shank
            cosines.append((unit_vectors(direction) * front).sum(axis=1))
        else:
            bend = knee - 0.5 * (hip + ankle)
            # A straight leg says nothing: the cosine counts in full from a bend of 5 % of the leg on.
            length = np.linalg.norm(hip - ankle, axis=1)
            weight = np.minimum(np.linalg.norm(bend, axis=1) / np.maximum(0.05 * length, 1e-9), 1.0)
            cosines.append((unit_vectors(bend) * front).sum(axis=1) * weight)
    return float(np.mean(cosines))


def centre_of_mass(points: Points) -> np.ndarray:
    """(T, 3) from the middles of the segments, weighted with their masses."""
    have = dict(points)
    have.setdefault("chest", middle(points, "shoulder"))
    have.setdefault("neck", middle(points, "shoulder"))
    have.setdefault("head", have["neck"])
    total = sum(0.5 * mass * (have[one] + have[other]) for (one, other), mass in _MASS.items())
    return total / sum(_MASS.values())


def fall_of(positions: np.ndarray, points: Points, fps: float, height: float) -> Fall | None:
    """How the free flights of a motion in m, z up, fall; None where it has none."""
    frames = len(positions)
    vertical = np.array((0.0, 0.0, 1.0))
    low = lowest(positions, points, vertical, height)
    zeros = np.zeros((frames, 1, 2))
    trace = BodyTrace(
        fps=fps,
        root_pos=points["pelvis"],
        upright=body_up(points)[:, 2],
        forward=zeros[:, 0],
        foot_height=low[:, None],
        other_height=low,
        foot_pos=zeros,
        foot_tilt=zeros[:, :, 0],
        com=centre_of_mass(points),
    )
    return measure_fall(find_flights(trace))
