"""The gravity curriculum in the simulator: what falls, how fast, and that nothing but training falls slower."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.learning.train import build_env
from athena_wbc.sim.env import TrackingEnv
from tests.tracking import g1, library_of, moving_clip, standing_clip

J = g1().num_joints
G = 9.81
LIBRARY = library_of(standing_clip("stand", 1.0), moving_clip("move", 2.0))
HIGH = standing_clip("high", 1.0)
AIRBORNE = library_of(HIGH.replace(root_pos=HIGH.root_pos + np.array([0.0, 0.0, 2.0])))
NOMINAL = ("task.randomisation=none", "task.reset.scale=0")


def make(*overrides: str, library=LIBRARY, num_envs: int = 4, seed: int = 0, training: bool = True) -> TrackingEnv:
    config = load_config("balance", ["task.observations=compact", "sim.threads=1", *overrides])
    return TrackingEnv(config, library, num_envs, seed=seed, training=training)


def gravity(env: TrackingEnv) -> list[float]:
    """Vertical gravity of every simulation, m/s^2."""
    return env.physics.batch.expand("opt.gravity")[:, 2].tolist()


def fallen(env: TrackingEnv, steps: int = 10) -> Tensor:
    """(N,) downward velocity of the robots' centre of mass after a fall from rest, over the time fallen, m/s^2."""
    env.auto_reset = False
    zero = torch.zeros(env.num_envs, dtype=torch.long)
    env.reset_to(torch.arange(env.num_envs), zero, zero)
    for _ in range(steps):
        env.step(torch.zeros(env.num_envs, J))
    # The pose is held, so that the root falls as the centre of mass does.
    return -env.task.robot.root_lin_vel_w[:, 2] / (steps * env.cfg.sim.control_dt)


def test_the_simulations_have_the_curriculums_gravity():
    env = make(*NOMINAL)
    assert gravity(env) == pytest.approx([-0.5 * G] * 4)
    env.task.set_progress(0.35)
    assert gravity(env) == pytest.approx([-0.5 * G] * 4), "at resets only"
    one = torch.tensor([2])
    env.reset_to(one, torch.zeros_like(one), torch.zeros_like(one))
    assert gravity(env) == pytest.approx([-0.5 * G, -0.5 * G, -0.75 * G, -0.5 * G])
    assert env.pop_log()["curriculum/gravity"] == pytest.approx((3 * 0.5 + 0.75) / 4)


def test_robots_fall_as_alpha_says():
    torch.testing.assert_close(fallen(make(*NOMINAL, library=AIRBORNE)), torch.full((4,), 0.5 * G), rtol=0.02, atol=0.0)


@pytest.mark.parametrize("randomisation", ["none", "standard"])
def test_without_training_robots_fall_at_one_g(randomisation: str):
    env = make(f"task.randomisation={randomisation}", "task.reset.scale=0", library=AIRBORNE, training=False)
    env.task.set_progress(0.0)
    torch.testing.assert_close(fallen(env), torch.full((4,), G), rtol=0.02, atol=0.0)
    assert gravity(env) == [-G] * 4


def test_learnings_environment_has_a_curriculum_only_when_it_is_for_training():
    config = load_config("balance", ["task.observations=compact", "sim.threads=1", *NOMINAL])
    for training, expected in ((False, G), (True, 0.5 * G)):
        env = build_env(config, LIBRARY, 2, "cpu", 0, training=training)
        assert gravity(env) == pytest.approx([-expected] * 2)
    env = build_env(config, LIBRARY, 2, "cpu", 0)
    assert gravity(env) == [-G] * 2


@pytest.mark.parametrize("mode", ["progress", "survival"])
def test_a_run_of_steps_ends_at_one_g(mode: str):
    env = make(f"task.gravity_curriculum.mode={mode}", *NOMINAL)
    seen = []
    for iteration in range(10):
        env.task.set_progress((iteration + 1) / 10)
        for _ in range(3):
            env.step(torch.zeros(4, J))
        seen.append(min(-value for value in gravity(env)) / G)
    assert seen[0] == pytest.approx(0.5)
    assert seen[5:] == [1.0] * 5, "from 60 % on, resets or not"


def test_a_restored_environment_continues_to_the_bit():
    overrides = (
        "task.gravity_curriculum.mode=survival",
        "task.gravity_curriculum.survival_share=0",
        "task.gravity_curriculum.survival_episodes=0.5",
        "task.randomisation.gravity=[0.9, 1.1]",
    )
    first, second = make(*overrides, num_envs=6), make(*overrides, num_envs=6, seed=7)
    generator = torch.Generator().manual_seed(0)
    actions = 0.8 * torch.randn(60, 6, J, generator=generator)

    def run(env: TrackingEnv, steps: range) -> list[np.ndarray]:
        seen = []
        for step in steps:
            if step % 10 == 0:
                env.task.set_progress(step / 100)
            observations, rewards, dones, _ = env.step(actions[step])
            seen += [value.numpy() for value in (*observations.values(), rewards, dones)]
            seen += [env.physics.batch.qpos.copy(), np.array(gravity(env))]
        return seen

    run(first, range(30))
    run(second, range(13))
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    alpha = first.task.gravity_curriculum.alpha.clone()
    expected = run(first, range(30, 60))
    buffer.seek(0)
    second.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(second.task.gravity_curriculum.alpha, alpha)
    assert all(np.array_equal(a, b) for a, b in zip(run(second, range(30, 60)), expected, strict=True))
    log = first.pop_log()
    assert second.pop_log() == log and 0.5 < log["curriculum/gravity"] <= 1.0
