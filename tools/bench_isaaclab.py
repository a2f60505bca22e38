#!/usr/bin/env python3
"""Measure how much of Isaac Lab's speed the task keeps: our steps against bare steps of the same scene, in turn."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "robots"), str(ROOT / "tasks")]

import numpy as np
import torch

from athena_wbc.config import load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.opening import open_library
from athena_wbc.sim.registry import make_env, simulator


def main() -> int:
    """Print env-steps/s of both, their ratio, and the GPU's memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_envs", type=int, default=64, help="environments (64)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda:0 (cpu)")
    parser.add_argument("--rounds", type=int, default=5, help="alternations (5)")
    parser.add_argument("--steps", type=int, default=20, help="control steps in each (20)")
    arguments = parser.parse_args()
    try:
        with simulator("isaaclab", arguments.device), torch.inference_mode():
            measure(arguments)
    except AthenaError as error:
        print(f"athena: error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(arguments: argparse.Namespace) -> None:
    """Alternate the two and print the medians."""
    config = load_config("general")
    library = open_library(["builtin"], get_embodiment("g1"), config.sim.control_dt, arguments.device)
    env = make_env(config, library, arguments.num_envs, arguments.device, 0, None, True)
    inner = env.env

    def ours() -> None:
        env.step(0.1 * torch.randn(arguments.num_envs, env.num_actions, device=env.device))

    def bare() -> None:
        calls = 1 if inner._physics_handles_decimation else inner.cfg.decimation
        for _ in range(calls):
            inner.scene.write_data_to_sim()
            inner.sim.step(render=False)
            inner.scene.update(dt=inner.physics_dt * inner.cfg.decimation / calls)

    for step in (ours, bare):
        for _ in range(3):
            step()
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(arguments.rounds):
        for name, step in (("ours", ours), ("bare", bare)):
            seconds[name].append(_timed(step, arguments.steps, arguments.device))
        # Bare steps have let the robots fall: both begin each round on their references.
        inner.reset()
    count = arguments.num_envs * arguments.steps
    for name, times in seconds.items():
        print(f"{name}: {count / np.median(times):.0f} env-steps/s")
    ratio = np.array(seconds["bare"]) / np.array(seconds["ours"])
    print(f"ratio: {np.median(ratio):.3f}")
    if arguments.device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(arguments.device)
        print(f"memory: {(total - free) / 1e9:.1f} GB of {total / 1e9:.1f} GB")
    env.close()


def _timed(step, steps: int, device: str) -> float:
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    if cuda:
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
