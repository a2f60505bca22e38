"""The second pass: the first solution smoothed, its feet put back where they stand."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.signal import savgol_filter

from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.contacts import Contacts, fade, smoothstep
from athena_wbc.motion.retarget.ground import (
    arm_lift,
    find_flights,
    flight_lift,
    ground_lift,
    measure_heights,
)
from athena_wbc.motion.retarget.person import Person
from athena_wbc.motion.retarget.skeleton import Chain
from athena_wbc.motion.retarget.solve import ChainSolver, Costs
from athena_wbc.roles import SIDES

SMOOTHING = 0.14
"""Window of the smoothing filter, s; cubic, so that it keeps peaks of a motion of 5 Hz and less."""

DEEP, HIGH = 0.01, 0.03
"""From this depth below the ground, or this height above it where something should lie, a solution is done again, m."""

LOW = 0.06
"""Feet below this height are held as planted ones are, m."""

SECOND = Costs(
    hip=4.0,
    knee=3.0,
    ankle=12.0,
    shoulder=3.0,
    elbow=3.0,
    wrist=4.0,
    foot_axes=1.0,
    firm_ankle=200.0,
    firm_foot_axes=20.0,
    firm_arm=40.0,
    posture=1.0,
)


@dataclasses.dataclass(frozen=True)
class Grounded:
    """A chain at the heights that the solved robot needs."""

    chain: Chain
    lift: np.ndarray
    """(T,) by which the body was raised, m."""
    firm: np.ndarray
    """(T, 4) 0 to 1: feet and hands that touch the ground."""
    flights: list[tuple[int, int]]


def grounded(chain: Chain, qpos: np.ndarray, person: Person, contacts: Contacts, build: Build, fps: float) -> Grounded:
    """Raise what is below the ground, lower what hovers, let flights fall at g; planted feet stay where they are."""
    heights = measure_heights(build, qpos)
    flights = find_flights(person, contacts)
    lift = ground_lift(heights, contacts, flights, fps) + flight_lift(heights.com, flights, fps)
    return _raised(chain, lift, arm_lift(heights, lift, fps), flights, contacts, build, fps)


def on_ground(target: Grounded, qpos: np.ndarray, contacts: Contacts, build: Build, fps: float) -> Grounded | None:
    """The target raised where the second solution is below the ground, lowered where it hovers; None where neither.

    A body that lies may have come to another shape at its new height.
    """
    heights = measure_heights(build, qpos)
    lift = ground_lift(heights, contacts, target.flights, fps)
    if heights.lowest.min() > -DEEP and lift.min() > -HIGH:
        return None
    arms = arm_lift(heights, lift, fps)
    again = _raised(target.chain, lift, arms, target.flights, contacts, build, fps)
    return dataclasses.replace(again, firm=np.maximum(again.firm, target.firm))


def _raised(
    chain: Chain,
    lift: np.ndarray,
    arms: np.ndarray,
    flights: list[tuple[int, int]],
    contacts: Contacts,
    build: Build,
    fps: float,
) -> Grounded:
    points = chain.points.copy()
    points[..., 2] += lift[:, None]
    for side, ankle in enumerate(build.ankles):
        points[:, ankle, 2] -= lift * fade(contacts.planted[:, side], 0.06 * fps)
        for part in ("elbow", "wrist"):
            points[:, POINTS.index(f"{SIDES[side]}_{part}"), 2] += arms[:, side]
    chain = chain.moved(points)
    points[:, build.ankles, 2] += np.maximum(-chain.clearance(build), 0.0)
    chain = chain.moved(points)
    planted = np.stack([fade(contacts.planted[:, side], 0.06 * fps) for side in (0, 1)], axis=1)
    # A foot that passes low over the ground has to keep its height as exactly as one that stands.
    low = 1.0 - smoothstep(chain.clearance(build) / LOW)
    firm = np.concatenate((np.maximum(planted, low), smoothstep(arms / 0.01)), axis=1)
    return Grounded(chain, lift, firm, flights)


def second_pass(target: Grounded, qpos: np.ndarray, solver: ChainSolver, fps: float, iterations: int) -> np.ndarray:
    """Configurations (T, nq) near the smoothed first solution whose planted feet do not move."""
    guess = smooth(qpos, fps)
    guess[:, 2] += target.lift
    return solver.solve(target.chain, target.firm, SECOND, iterations, guess)


def smooth(qpos: np.ndarray, fps: float) -> np.ndarray:
    """Configurations (T, nq) through a Savitzky-Golay filter; quaternions are normalised again."""
    window = 2 * round(0.5 * SMOOTHING * fps) + 1
    if window < 5 or len(qpos) < window:
        return qpos.copy()
    out = qpos.copy()
    flips = np.sign((out[1:, 3:7] * out[:-1, 3:7]).sum(axis=1))
    out[1:, 3:7] *= np.cumprod(np.where(flips == 0.0, 1.0, flips))[:, None]
    out = savgol_filter(out, window, 3, axis=0, mode="interp")
    out[:, 3:7] /= np.linalg.norm(out[:, 3:7], axis=1, keepdims=True)
    return out
