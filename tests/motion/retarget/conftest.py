"""The G1 as retargeting sees it, and motions of its own seen as those of a person."""

from __future__ import annotations

import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.builtin import builtin_clips
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.human import HumanMotion
from athena_wbc.motion.retarget.build import Build, robot_build
from tests.motion.retarget.person_of import person_of


@pytest.fixture(scope="session")
def build() -> Build:
    return robot_build(get_embodiment("g1"))


@pytest.fixture(scope="session")
def own(build: Build) -> dict[str, MotionClip]:
    """Clips of the robot itself, by name, of a second or two each."""
    clips = builtin_clips(build.embodiment, ["squat", "walk", "vertical_jump", "wave"])
    return {clip.name: clip.slice(0, min(clip.num_frames, 130)) for clip in clips}


@pytest.fixture(scope="session")
def people(build: Build, own: dict[str, MotionClip]) -> dict[str, HumanMotion]:
    """The same seen as people."""
    return {name: person_of(build, clip) for name, clip in own.items()}
