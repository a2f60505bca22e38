"""How much of the simulator's speed our environment keeps.

Our whole environment and the bare `mujoco.batch` run in alternation in one process: the environment records what it
writes into the simulator (controls, pushes, starts), the bare run replays exactly that on a second batch with the same
model, randomised fields and states. Simulation is deterministic, so both do the same physics, contact for contact.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from athena_wbc.config import Config
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.sim.env import TrackingEnv
from athena_wbc.sim.physics import Physics
from athena_wbc.task.randomisation import PhysicsParameters
from athena_wbc.task.state import JointCommand


class _Recorder:
    """Stands between an environment and its physics and keeps what a bare run has to do to follow."""

    def __init__(self, physics: Physics, bare: Physics) -> None:
        self._physics, self._bare = physics, bare
        self._replay: list[Callable[[], None]] = []

    def __getattr__(self, name: str):
        return getattr(self._physics, name)

    def step(self, command: JointCommand) -> torch.Tensor:
        failed = self._physics.step(command)
        ctrl = self._physics.batch.ctrl.copy()
        batch, nstep, stage = self._bare.batch, self._bare.config.decimation, self._bare.stage

        def replay() -> None:
            batch.ctrl[:] = ctrl
            if command.push is not None:
                self._bare.push(command.push)
            batch.step(nstep=nstep, stage=stage)

        self._replay.append(replay)
        return failed

    def write(self, ids: torch.Tensor, start: GeneralisedState) -> None:
        self._physics.write(ids, start)
        rows = ids.cpu().numpy()
        state = self._physics.batch.state[rows].copy()
        batch = self._bare.batch

        def replay() -> None:
            batch.state[rows] = state
            batch.forward(ids=rows)

        self._replay.append(replay)

    def write_parameters(self, ids: torch.Tensor, parameters: PhysicsParameters) -> None:
        self._physics.write_parameters(ids, parameters)
        self._replay.append(lambda: self._bare.write_parameters(ids, parameters))

    def replay(self) -> float:
        """Let the bare batch catch up; seconds that it took."""
        begin = time.perf_counter()
        for action in self._replay:
            action()
        seconds = time.perf_counter() - begin
        self._replay.clear()
        return seconds


def bench_env(
    config: Config,
    library: MotionLibrary,
    num_envs: int = 512,
    rounds: int = 10,
    steps: int = 20,
    action_std: float = 0.25,
    seed: int = 0,
) -> dict:
    """Measure `rounds` alternations of `steps` control steps each, after one that is not counted.

    Args:
        action_std: actions are drawn with this standard deviation; 0.25 is an untrained policy of the demo, which
            falls often and so resets often. Smaller values reset less.

    Returns:
        env_steps_per_s, physics_steps_per_s (control steps of the bare run), ratio (median over the rounds) with its
        quartiles, resets_per_step (share of environments), and the same states in both (`same_states`).
    """
    torch.manual_seed(seed)
    env = TrackingEnv(config, library, num_envs, seed=seed)
    randomised = env.physics.randomised
    bare = Physics(env.embodiment, config.sim, num_envs, randomised)
    bare.load_state_dict(env.physics.state_dict())
    recorder = _Recorder(env.physics, bare)
    env.physics = recorder
    env_seconds, bare_seconds, resets = [], [], 0
    with torch.no_grad():
        for _ in range(rounds + 1):
            actions = action_std * torch.randn(steps, num_envs, env.num_actions)
            begin = time.perf_counter()
            dones = [env.step(action)[2] for action in actions]
            env_seconds.append(time.perf_counter() - begin)
            bare_seconds.append(recorder.replay())
            resets += int(torch.stack(dones).sum())
    ours, theirs = np.array(env_seconds[1:]), np.array(bare_seconds[1:])
    count = num_envs * steps
    low, middle, high = np.percentile(theirs / ours, (25, 50, 75))
    return {
        "env_steps_per_s": float(count / np.median(ours)),
        "physics_steps_per_s": float(count / np.median(theirs)),
        "ratio": float(middle),
        "ratio_quartiles": [float(low), float(high)],
        "outside_physics_us_per_env_step": float((np.median(ours) - np.median(theirs)) / count * 1e6),
        "resets_per_env_step": resets / (count * (rounds + 1)),
        "same_states": bool(np.array_equal(env.physics.batch.qpos, bare.batch.qpos)),
        "num_envs": num_envs,
        "observations": {name: int(value.shape[-1]) for name, value in env.get_observations().items()},
        "randomised": randomised,
        "threads": env.physics.batch.nthread,
    }
