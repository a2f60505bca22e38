"""The second pass: the first solution smoothed, its feet put back where they stand."""

from __future__ import annotations

import numpy as np
from scipy.signal import savgol_filter

from athena_wbc.motion.retarget.build import Build
from athena_wbc.motion.retarget.contacts import Contacts, fade, smoothstep
from athena_wbc.motion.retarget.ground import find_flights, flight_lift, ground_lift, measure_heights
from athena_wbc.motion.retarget.person import Person
from athena_wbc.motion.retarget.skeleton import Chain
from athena_wbc.motion.retarget.solve import ChainSolver, Costs

SMOOTHING = 0.14
"""Window of the smoothing filter, s; cubic, so that it keeps peaks of a motion of 5 Hz and less."""

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
    planted_ankle=200.0,
    planted_foot_axes=20.0,
    posture=1.0,
)


def grounded(
    chain: Chain, qpos: np.ndarray, person: Person, contacts: Contacts, build: Build, fps: float
) -> tuple[Chain, np.ndarray, list[tuple[int, int]]]:
    """The chain moved to the heights that the solved robot needs, the lift (T,) in m, and the flights.

    Planted feet stay where they are.
    """
    heights = measure_heights(build, qpos)
    flights = find_flights(person, contacts)
    lift = ground_lift(heights, contacts, flights, fps) + flight_lift(heights.com, flights, fps)
    points = chain.points.copy()
    points[..., 2] += lift[:, None]
    for side, ankle in enumerate(build.ankles):
        points[:, ankle, 2] -= lift * fade(contacts.planted[:, side], 0.06 * fps)
    chain = chain.moved(points)
    points[:, build.ankles, 2] += np.maximum(-chain.clearance(build), 0.0)
    return chain.moved(points), lift, flights


def second_pass(
    chain: Chain,
    qpos: np.ndarray,
    lift: np.ndarray,
    contacts: Contacts,
    solver: ChainSolver,
    fps: float,
    iterations: int,
) -> np.ndarray:
    """Configurations (T, nq) near the smoothed first solution whose planted feet do not move."""
    weight = np.stack([fade(contacts.planted[:, side], 0.06 * fps) for side in (0, 1)], axis=1)
    # A foot that passes low over the ground has to keep its height as exactly as one that stands.
    weight = np.maximum(weight, 1.0 - smoothstep(chain.clearance(solver.build) / LOW))
    guess = smooth(qpos, fps)
    guess[:, 2] += lift
    return solver.solve(chain, weight, SECOND, iterations, guess)


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
