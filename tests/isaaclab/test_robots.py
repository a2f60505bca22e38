"""Robots other than G1: those that ship, and one from outside the repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry

import athena_tasks.isaaclab
from athena_wbc import embodiment as robots
from athena_wbc.config import load_config
from athena_wbc.embodiment import Embodiment, get_embodiment, register_embodiment
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.registry import make_env
from athena_wbc.task.config import RandomisationConfig


def standing(robot: Embodiment) -> MotionClip:
    """Two seconds of the default pose with a swinging first joint."""
    joints = np.tile(robot.default_joint_pos, (101, 1))
    joints[:, 0] += 0.1 * np.sin(2 * np.pi * np.arange(101) / 50)
    root = np.tile([0.0, 0.0, robot.default_root_height], (101, 1))
    upright = np.tile([0.0, 0.0, 0.0, 1.0], (101, 1))
    return MotionClip("standing", 50.0, root, upright, joints, robot.joint_names, robot.name, robot.hash)


@pytest.mark.parametrize("name", ["athena80", "junior35"])
def test_a_shipped_robot_starts_on_its_reference_and_stands(launched: None, name: str):
    robot = get_embodiment(name)
    config = load_config("general", ["task.randomisation=none", "task.reset.scale=0"], {"robot": name})
    library = MotionLibrary([standing(robot)], robot, config.sim.control_dt)
    env = make_env(config, library, 2)
    try:
        everyone = torch.arange(2)
        env.reset_to(everyone, torch.zeros(2, dtype=torch.long), torch.tensor([0, 30]))
        reference = library.at(torch.zeros(2, dtype=torch.long), torch.tensor([0, 30]))
        torch.testing.assert_close(env.task.robot.body_pos_w, reference.body_pos_w, atol=1e-4, rtol=0.0)
        for _ in range(25):
            observations, rewards, dones, _ = env.step(torch.zeros(2, robot.num_joints))
            assert not dones.any(), "it has fallen"
        assert rewards.isfinite().all() and all(value.isfinite().all() for value in observations.values())
        # Half a second on, the soles carry the robot.
        carried = env.task.robot.foot_force.sum(dim=1) / (9.81 * robot.mass)
        assert ((carried > 0.7) & (carried < 1.3)).all()
    finally:
        env.close()


@pytest.fixture
def lodger(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embodiment]:
    """A robot of a folder of its own, as another package or a user registers one."""
    monkeypatch.setattr(robots, "_registered", {})
    folder = tmp_path / "lodger"
    shutil.copytree(repository / "robots" / "athena_robots" / "junior35", folder)
    file = folder / "robot.yaml"
    file.write_text(file.read_text().replace("name: junior35", "name: lodger"))
    register_embodiment(file)
    yield get_embodiment("lodger")
    for task_id in [task_id for task_id in gymnasium.registry if "Lodger" in task_id]:
        del gymnasium.registry[task_id]


def test_a_robot_from_outside_has_its_tasks(launched: None, lodger: Embodiment, tmp_path: Path):
    new = athena_tasks.isaaclab.register()
    assert new == ["Athena-Tracking-Lodger-v0", "Athena-Tracking-Lodger-Play-v0"]
    standing(lodger).save(tmp_path / "standing.npz")
    cfg = load_cfg_from_registry("Athena-Tracking-Lodger-Play-v0", "env_cfg_entry_point")
    cfg.scene.num_envs, cfg.sim.device, cfg.sim.physics = 2, "cpu", cfg.sim.physics.default
    cfg.motions = [str(tmp_path / "standing.npz")]
    env = gymnasium.make("Athena-Tracking-Lodger-Play-v0", cfg=cfg)
    try:
        inner = env.unwrapped
        assert inner.embodiment is lodger
        assert inner.config.task.randomisation == RandomisationConfig()
        observations, _ = env.reset()
        assert set(observations) >= {"policy", "critic"}
        observations, rewards, *_ = env.step(torch.zeros(2, lodger.num_joints))
        assert rewards.isfinite().all() and observations["policy"].isfinite().all()
    finally:
        env.close()
