"""How many samples a second the whole training loop takes in."""

from __future__ import annotations

import statistics
from typing import Any

import torch

from athena_wbc.config import Config, to_dict
from athena_wbc.learning.rng import seed_everything
from athena_wbc.learning.runner import TrainingRunner
from athena_wbc.learning.train import build_env
from athena_wbc.motion.library import MotionLibrary

WARM_UP = 2
"""Iterations before the measurement: allocation, first resets, first passes through the networks."""


def bench_train(
    config: Config, library: MotionLibrary, num_envs: int = 512, iterations: int = 20, seed: int = 0
) -> dict[str, Any]:
    """Train for some iterations without files, and measure each.

    Args:
        config: of the run; networks, observations and randomisation decide the speed.
        library: the corpus.
        num_envs: environments.
        iterations: that are measured, after :data:`WARM_UP` others.

    Returns:
        ``samples_per_s`` over all measured iterations, its smallest and largest value over single iterations,
        microseconds per sample of collection and learning, and the sizes of what was run.
    """
    torch.set_num_threads(1)
    seed_everything(seed)
    config.ppo.logging.writer = "none"
    env = build_env(config, library, num_envs, "cpu", seed)
    try:
        runner = TrainingRunner(env, config.ppo, None, {"config": to_dict(config)}, quiet=True)
        runner.learn(WARM_UP)
        rates, collection, learning = [], 0.0, 0.0
        for iteration in range(iterations):
            result = runner.learn(WARM_UP + 1 + iteration)
            rates.append(result.figures["throughput/samples_per_s"])
            collection += result.collection_s
            learning += result.learning_s
        observations = env.get_observations()
    finally:
        env.close()
    samples = num_envs * config.ppo.num_steps_per_env * iterations
    return {
        "samples_per_s": samples / (collection + learning),
        "samples_per_s_range": [min(rates), max(rates)],
        "samples_per_s_median": statistics.median(rates),
        "collection_us_per_sample": 1e6 * collection / samples,
        "learning_us_per_sample": 1e6 * learning / samples,
        "num_envs": num_envs,
        "num_steps_per_env": config.ppo.num_steps_per_env,
        "num_learning_epochs": config.ppo.num_learning_epochs,
        "iterations": iterations,
        "inputs": {group: value.shape[-1] for group, value in observations.items()},
        "hidden_dims": list(config.ppo.actor.hidden_dims),
    }
