"""The same environment on PhysX, for whoever has Isaac Sim."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("isaacsim") is None:
    pytest.skip("no Isaac Sim here: PhysX is untested", allow_module_level=True)

import torch

from athena_wbc.config import load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.opening import open_library
from athena_wbc.sim.registry import make_env, simulator


def test_environments_step_on_physx():
    config = load_config("general", ["task.randomisation=none"])
    library = open_library(["builtin:wave"], get_embodiment("g1"), config.sim.control_dt)
    with simulator("isaaclab", "cuda:0", "isaacsim_physx"):
        env = make_env(config, library, 4, "cuda:0")
        try:
            for _ in range(10):
                observations, rewards, _, _ = env.step(torch.zeros(4, env.num_actions, device="cuda:0"))
            assert rewards.isfinite().all() and all(value.isfinite().all() for value in observations.values())
        finally:
            env.close()
