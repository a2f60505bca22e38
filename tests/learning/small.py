"""Small configurations and helpers that the tests of learning share."""

from __future__ import annotations

import torch

from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.ppo import AthenaPPO
from tests.learning.fake_env import FakeEnv


def small_config(**changes: object) -> PPOConfig:
    """A configuration that learns :class:`FakeEnv` in a moment; dotted keys use ``__``."""
    config = PPOConfig(num_steps_per_env=6, num_learning_epochs=2, num_mini_batches=2, save_interval=2)
    config.actor.hidden_dims = [16]
    config.critic.hidden_dims = [16]
    config.logging.writer = "none"
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = config
        for parent in parents:
            node = getattr(node, parent)
        setattr(node, last, value)
    return config


def collect(algorithm: AthenaPPO, env: FakeEnv, steps: int | None = None) -> None:
    """Fill the storage with a rollout and compute its returns."""
    with torch.no_grad():
        observations = env.get_observations()
        for _ in range(steps or algorithm.config.num_steps_per_env):
            actions = algorithm.act(observations)
            observations, rewards, dones, extras = env.step(actions)
            algorithm.process_env_step(observations, rewards, dones, extras)
        algorithm.compute_returns(observations)


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of parameters and buffers."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two states are the same to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
