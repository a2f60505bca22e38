"""The gym ids, as Isaac Lab's own commands read them."""

from __future__ import annotations

import gymnasium
import pytest
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry

import athena_tasks.isaaclab  # noqa: F401  registers
from athena_wbc.embodiment import embodiment_names


@pytest.mark.parametrize("robot", embodiment_names())
def test_isaac_labs_own_loader_reads_the_configurations_of_every_robot(robot: str) -> None:
    ids = [name for name in gymnasium.registry if name.lower().startswith(f"athena-tracking-{robot}-")]
    assert len(ids) == 2
    for name in ids:
        env_cfg = load_cfg_from_registry(name, "env_cfg_entry_point")
        assert env_cfg.robot == robot and env_cfg.play == ("-Play-" in name)
        runner_cfg = load_cfg_from_registry(name, "rsl_rl_cfg_entry_point")
        assert set(runner_cfg.obs_groups) == {"actor", "critic"}
