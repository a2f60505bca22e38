#!/usr/bin/env python3
"""Measure how much of Isaac Lab's speed the task keeps: our steps against bare steps of the same scene, in turn.

And what comes of it: samples a second of the whole training loop, and memory. On a CPU time is that of the process, so
that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "robots"), str(ROOT / "tasks")]

import numpy as np
import torch

from athena_wbc.config import load_config, to_dict
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.learning.runner import TrainingRunner
from athena_wbc.motion.opening import open_library
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.sim.registry import make_env, simulator
from athena_wbc.threads import prepare_threads

WARM_UP = 60


def main() -> int:
    """Print env-steps/s of both, their ratio, samples/s of training, and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_envs", type=int, default=64, help="environments (64)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda:0 (cpu)")
    parser.add_argument("--rounds", type=int, default=12, help="alternations (12)")
    parser.add_argument("--steps", type=int, default=10, help="control steps in each (10)")
    parser.add_argument("--iterations", type=int, default=3, help="iterations of training to measure (3)")
    arguments = parser.parse_args()
    try:
        prepare_threads()
        with simulator("isaaclab", arguments.device):
            torch.set_num_threads(1)
            measure(arguments)
    except AthenaError as error:
        print(f"athena: error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(arguments: argparse.Namespace) -> None:
    """Alternate the two, then train, and print medians."""
    config = load_config("general", ["ppo.logging.writer=none"])
    library = open_library(["builtin"], get_embodiment("g1"), config.sim.control_dt, arguments.device)
    env = make_env(config, library, arguments.num_envs, arguments.device, 0, None, True)
    try:
        with torch.inference_mode():
            _alternate(env, arguments)
        _train(env, config, arguments)
    finally:
        env.close()
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"memory of the process: {gigabytes:.2f} GB at most")
    if arguments.device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(arguments.device)
        print(f"memory of the GPU: {(total - free) / 1e9:.1f} GB of {total / 1e9:.1f} GB")


def _alternate(env, arguments: argparse.Namespace) -> None:
    """Both from the same states and with the same joint targets: what a solver has to do depends on them."""
    inner, robot = env.env, env.env.backend
    everyone = torch.arange(arguments.num_envs, device=env.device)
    targets: list[torch.Tensor] = []

    def ours() -> None:
        env.step(0.1 * torch.randn(arguments.num_envs, env.num_actions, device=env.device))
        targets.append(inner.target)

    def bare() -> None:
        robot.apply(targets.pop(0))
        calls = 1 if inner._physics_handles_decimation else inner.cfg.decimation
        for _ in range(calls):
            inner.scene.write_data_to_sim()
            inner.sim.step(render=False)
            inner.scene.update(dt=inner.physics_dt * inner.cfg.decimation / calls)

    def state() -> GeneralisedState:
        return GeneralisedState(*(getattr(env.task.robot, field.name) for field in fields(GeneralisedState)))

    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    # Until episodes are of all ages, and end as often as in a training.
    for _ in range(WARM_UP):
        ours()
    targets.clear()
    for _ in range(arguments.rounds):
        begin = state()
        seconds["ours"].append(_timed(ours, arguments.steps, arguments.device))
        end = state()
        robot.write(everyone, begin)
        seconds["bare"].append(_timed(bare, arguments.steps, arguments.device))
        robot.write(everyone, end)
    count = arguments.num_envs * arguments.steps
    for name, times in seconds.items():
        print(f"{name}: {count / np.median(times):.0f} env-steps/s")
    ratio = np.array(seconds["bare"]) / np.array(seconds["ours"])
    low, high = np.percentile(ratio, [25, 75])
    print(f"ratio: {np.median(ratio):.3f}, half of {len(ratio)} rounds between {low:.3f} and {high:.3f}")


def _train(env, config, arguments: argparse.Namespace) -> None:
    runner = TrainingRunner(env, config.ppo, None, {"config": to_dict(config)}, device=arguments.device, quiet=True)
    runner.learn(1)
    times = []
    for iteration in range(arguments.iterations):
        result = runner.learn(2 + iteration)
        times.append((result.collection_s, result.learning_s))
    if times:
        collection, learning = np.median(times, axis=0)
        samples = arguments.num_envs * config.ppo.num_steps_per_env
        print(
            f"training: {samples / (collection + learning):.0f} samples/s; of an iteration {collection:.2f} s "
            f"are collection, {learning:.2f} s learning"
        )


def _timed(step, steps: int, device: str) -> float:
    cuda = device.startswith("cuda")
    clock = time.perf_counter if cuda else time.process_time
    if cuda:
        torch.cuda.synchronize(device)
    begin = clock()
    for _ in range(steps):
        step()
    if cuda:
        torch.cuda.synchronize(device)
    return clock() - begin


if __name__ == "__main__":
    sys.exit(main())
