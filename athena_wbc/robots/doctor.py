"""The doctor: everything that can be found out about a robot before a policy is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.builtin.morphology import morphology
from athena_wbc.robots.bodies import check_bodies, check_limits, check_symmetry
from athena_wbc.robots.findings import Finding
from athena_wbc.robots.posing import check_default_pose, check_gravity, check_squat
from athena_wbc.robots.response import check_response
from athena_wbc.robots.standing import check_standing


def examine(embodiment: Embodiment) -> Iterator[Finding]:
    """Findings on a robot, as they come: some seconds in all.

    Raises:
        AthenaError: the robot has not two feet with colliders, or MuJoCo is too old.
    """
    body = morphology(embodiment)
    checks: tuple[Callable[[], list[Finding]], ...] = (
        lambda: check_bodies(embodiment, body),
        lambda: check_symmetry(embodiment, body),
        lambda: check_limits(embodiment),
        lambda: check_default_pose(embodiment, body),
        lambda: check_gravity(embodiment, body),
        lambda: check_standing(embodiment, body),
        lambda: check_squat(embodiment, body),
        lambda: check_response(embodiment, body.nominal),
    )
    for check in checks:
        yield from check()
