"""The gym ids, as Isaac Lab's own commands read them."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import pytest
from isaaclab_tasks.utils.hydra import resolve_task_config
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry

import athena_tasks.isaaclab  # noqa: F401  registers
from athena_tasks.isaaclab.cfg import task_config
from athena_wbc.config import load_config
from athena_wbc.embodiment import embodiment_names
from athena_wbc.errors import AthenaError


@pytest.mark.parametrize("robot", embodiment_names())
def test_isaac_labs_own_loader_reads_the_configurations_of_every_robot(robot: str) -> None:
    ids = [name for name in gymnasium.registry if name.lower().startswith(f"athena-tracking-{robot}-")]
    assert len(ids) == 2
    for name in ids:
        env_cfg = load_cfg_from_registry(name, "env_cfg_entry_point")
        assert env_cfg.robot == robot and env_cfg.play == ("-Play-" in name)
        runner_cfg = load_cfg_from_registry(name, "rsl_rl_cfg_entry_point")
        assert set(runner_cfg.obs_groups) == {"actor", "critic"}


def composed(*overrides: str):
    """Both configurations as Isaac Lab's command line `overrides` makes them."""
    return resolve_task_config("Athena-Tracking-G1-v0", "rsl_rl_cfg_entry_point", overrides=list(overrides))


def test_without_changes_it_is_the_default_recipe() -> None:
    env_cfg, _ = composed()
    assert task_config(env_cfg) == load_config("general", given={"seed": env_cfg.seed or 0})


def test_isaac_labs_overrides_reach_every_key_of_the_task() -> None:
    env_cfg, agent_cfg = composed(
        "env.recipe=dynamic",
        "env.task.reset.scale=0.5",
        "env.task.observations=compact",
        "env.task.observations.teacher.noise=true",
        "env.task.rewards.terms.joint_pos.weight=2",
        "env.task.randomisation=none",
        "env.task.randomisation.friction=[0.5, 0.75]",
        "env.task.gravity_curriculum.mode=none",
        "env.scene.num_envs=8",
        "agent.algorithm.learning_rate=0.25",
    )
    overrides = [
        "task.reset.scale=0.5",
        "task.observations=compact",
        "task.observations.teacher.noise=true",
        "task.rewards.terms.joint_pos.weight=2",
        "task.randomisation=none",
        "task.randomisation.friction=[0.5, 0.75]",
        "task.gravity_curriculum.mode=none",
    ]
    config = task_config(env_cfg)
    assert config.task == load_config("dynamic", overrides).task
    assert config.task.observations.teacher.noise and config.task.randomisation.friction == [0.5, 0.75]
    assert env_cfg.scene.num_envs == 8 and agent_cfg.algorithm.learning_rate == 0.25


def test_the_last_of_several_changes_counts() -> None:
    env_cfg, _ = composed("env.task.reset.scale=0.5", "env.task.reset.scale=0.25")
    assert task_config(env_cfg).task.reset.scale == 0.25
    env_cfg, _ = composed("env.task.reset.scale=0.5", 'env.overrides=["task.reset.scale=0.125"]')
    assert task_config(env_cfg).task.reset.scale == 0.125


def test_isaac_labs_own_times_are_taken_over() -> None:
    env_cfg, _ = composed("env.sim.dt=0.0025", "env.decimation=8", "env.episode_length_s=3.0")
    config = task_config(env_cfg)
    assert (config.sim.dt, config.sim.decimation, config.task.termination.episode_length_s) == (0.0025, 8, 3.0)


def test_changes_are_of_one_configuration_alone() -> None:
    composed("env.task.reset.scale=0.5")
    env_cfg, _ = composed()
    assert env_cfg.task == {}


def test_the_record_of_a_run_names_the_changes() -> None:
    env_cfg, _ = composed("env.task.reset.scale=0.5")
    assert env_cfg.to_dict()["task"] == {"task.reset.scale": 0.5}


def test_what_hydra_itself_composes_keeps_the_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # Hydra leaves a folder where it is called
    env_cfg, _ = composed("env.task.reset.scale=0.5", "hydra.job.name=mine")
    assert task_config(env_cfg).task.reset.scale == 0.5


def test_an_unknown_key_names_the_nearest() -> None:
    env_cfg, _ = composed("env.task.reset.scal=0.5")
    with pytest.raises(AthenaError, match=r"task\.reset\.scal.*did you mean 'scale'"):
        task_config(env_cfg)
