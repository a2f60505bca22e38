"""The built-in clips of the G1 with their plans, once a session."""

from __future__ import annotations

import pytest

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.motion.builtin import BUILTIN, builtin_clips
from athena_wbc.motion.builtin.generate import Generator
from athena_wbc.motion.builtin.plan import make_plan
from tests.motion.builtin.motion import Motion


@pytest.fixture(scope="session")
def g1() -> Embodiment:
    return get_embodiment("g1")


@pytest.fixture(scope="session")
def generator(g1: Embodiment) -> Generator:
    return Generator(g1)


@pytest.fixture(scope="session")
def motions(g1: Embodiment, generator: Generator) -> dict[str, Motion]:
    """Every built-in clip by name."""
    return {
        clip.name: Motion(g1, clip, make_plan(BUILTIN[clip.name], generator.body, generator.arm_pose))
        for clip in builtin_clips(g1)
    }


@pytest.fixture
def motion(request: pytest.FixtureRequest, motions: dict[str, Motion]) -> Motion:
    """The clip whose name a test is given indirectly."""
    return motions[request.param]
