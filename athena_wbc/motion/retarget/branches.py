"""Ways out of dead ends: the motion solved backwards in time as well, and for each limb the better of the two.

A limb that followed its targets into a limit stays there until they come back to it, although another configuration
would have reached them. Seen from the other end of time the same frames are approached from that configuration.
"""

from __future__ import annotations

import numpy as np

from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.skeleton import Chain
from athena_wbc.motion.retarget.solve import ChainSolver, Costs
from athena_wbc.roles import SIDES

CAUGHT = 0.06
"""Distance from its target from which a point is in a dead end, m."""

_CHANGE = 0.02
"""Price of changing between the two solutions, m^2 for each rad^2 between them."""


def solve_both_ways(solver: ChainSolver, chain: Chain, firm: np.ndarray, costs: Costs, iterations: int) -> np.ndarray:
    """Configurations (T, nq) that follow a chain; see `ChainSolver.solve`.

    Motions without dead ends are solved once.
    """
    forward = solver.solve(chain, firm, costs, iterations)
    error = np.linalg.norm(solver.points(forward) - chain.points, axis=2)
    groups = _groups(solver.build)
    caught = [number for number, (_, points) in enumerate(groups) if error[:, points].max() > CAUGHT]
    if not caught:
        return forward
    backward = solver.solve(chain.reversed(), firm[::-1], costs, iterations)[::-1]
    other = np.linalg.norm(solver.points(backward) - chain.points, axis=2)
    out = forward.copy()
    for number in caught:
        columns, points = groups[number]
        prices = np.stack(((error[:, points] ** 2).sum(axis=1), (other[:, points] ** 2).sum(axis=1)), axis=1)
        apart = ((forward[:, columns] - backward[:, columns]) ** 2).sum(axis=1)
        second = cheapest_path(prices, _CHANGE * apart).astype(bool)
        out[np.ix_(second, columns)] = backward[np.ix_(second, columns)]
    return out


def cheapest_path(prices: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(T,) which of two to take in every frame, for the least sum of prices (T, 2) and of changes (T,) between them."""
    total = prices[0].copy()
    came = np.zeros((len(prices), 2), dtype=np.int64)
    for frame in range(1, len(prices)):
        stay_or_change = total[:, None] + change[frame] * (1.0 - np.eye(2))
        came[frame] = stay_or_change.argmin(axis=0)
        total = stay_or_change.min(axis=0) + prices[frame]
    path = np.zeros(len(prices), dtype=np.int64)
    path[-1] = int(total.argmin())
    for frame in range(len(prices) - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path


def _groups(build: Build) -> list[tuple[np.ndarray, list[int]]]:
    """Columns of qpos and points of either arm, and of all the rest."""
    groups: list[tuple[np.ndarray, list[int]]] = []
    for side in SIDES:
        names = [name for part in ("shoulder", "elbow", "wrist") for name in build.roles[f"{side}_{part}"].joints]
        columns = np.array([int(build.model.joint(name).qposadr[0]) for name in names])
        groups.append((columns, [POINTS.index(f"{side}_{part}") for part in ("elbow", "wrist")]))
    arms = np.concatenate([columns for columns, _ in groups])
    rest = np.setdiff1d(np.arange(build.model.nq), arms)
    points = [index for index, name in enumerate(POINTS) if name.split("_")[-1] not in ("elbow", "wrist")]
    return [*groups, (rest, points)]
