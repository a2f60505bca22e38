"""The same environments on PhysX, for whoever has Isaac Sim: in a process of its own, as it cannot share one.

`ATHENA_PARITY` names what `tests/isaaclab/write_parity.py` has written, as in the tests on Newton.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.sim.registry import simulator
from tests.isaaclab.conftest import environments
from tests.isaaclab.test_env import (  # noqa: F401  run here again, with the fixtures below
    test_a_reset_is_the_reference,
    test_bodies_are_right_after_an_automatic_reset,
    test_gravity_of_each_environment,
    test_isaac_labs_counter_is_not_the_clips,
    test_observations_have_the_sizes_that_were_told_beforehand,
    test_the_default_pose_is_held_as_on_mujoco,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("isaacsim") is None, reason="no Isaac Sim here: PhysX is untested"
)


@pytest.fixture(scope="module")
def launched() -> Iterator[None]:
    """PhysX on the CPU, without a window."""
    with simulator("isaaclab", "cpu", "isaacsim_physx"):
        yield


@pytest.fixture
def make(launched: None) -> Iterator[Callable]:
    """Make environments on PhysX."""
    with environments() as build:
        yield build


@pytest.fixture
def mujoco() -> dict[str, np.ndarray]:
    """States of the MuJoCo shell."""
    path = os.environ.get("ATHENA_PARITY")
    if not path or not Path(path).is_file():
        pytest.skip("nothing of the MuJoCo shell's: set ATHENA_PARITY, as make test-isaaclab does")
    with np.load(path) as arrays:
        return dict(arrays)


def test_randomised_environments_step(make):
    env = make("task.randomisation=standard")
    for _ in range(10):
        observations, rewards, _, _ = env.step(torch.zeros(4, env.num_actions))
    assert rewards.isfinite().all() and all(value.isfinite().all() for value in observations.values())
