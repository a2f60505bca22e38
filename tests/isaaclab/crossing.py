"""A run that one simulator leaves for the other: it travels as files, since no Python environment has both."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch
from tensordict import TensorDict

from athena_wbc.config import config_from_dict, to_dict
from athena_wbc.evaluation.run import run_evaluation
from athena_wbc.learning.checkpoint import checkpoints, load_checkpoint, load_policy
from athena_wbc.learning.runner import TrainingRunner
from athena_wbc.learning.train import build_env, build_library, run_training
from athena_wbc.sim.registry import chosen
from tests.learning.tiny import TINY, tensors

ROWS = 8
ACTIONS = "actions.npz"


def leave_run(folder: Path) -> None:
    """Train for two iterations on the simulator in use, and write beside it what the policy does."""
    shutil.rmtree(folder, ignore_errors=True)
    run_training(
        folder, 2, recipe="general", motions="builtin:wave", num_envs=4, seed=3, overrides=list(TINY), quiet=True
    )
    contents = load_checkpoint(folder)
    generator = torch.Generator().manual_seed(4)
    sizes = {name: sum(size for _, size in terms) for name, terms in contents["schema"].items()}
    observations = {name: torch.randn(ROWS, size, generator=generator) for name, size in sizes.items()}
    env = _env(contents)
    try:
        actions = load_policy(folder, env)(TensorDict(observations, batch_size=[ROWS]))
    finally:
        env.close()
    arrays = {name: value.numpy() for name, value in observations.items()}
    np.savez(folder / ACTIONS, actions=actions.detach().numpy(), **arrays)


def take_run(left: Path, folder: Path) -> None:
    """Load, evaluate and resume, on the simulator in use, a run that the other one has left."""
    run = folder / "run"
    shutil.copytree(left, run)
    contents = load_checkpoint(run)
    assert contents["environment"].get("simulator", "mujoco") != chosen().name
    env = _env(contents)
    try:
        with np.load(run / ACTIONS) as arrays:
            observations = {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != "actions"}
            expected = torch.from_numpy(arrays["actions"])
        actions = load_policy(run, env)(TensorDict(observations, batch_size=[ROWS]))
        torch.testing.assert_close(actions.detach(), expected, atol=1e-4, rtol=1e-4)
        config = config_from_dict(contents["config"], "the checkpoint")
        runner = TrainingRunner(env, config.ppo, None, {"config": to_dict(config)}, quiet=True)
        assert not runner.resume(contents, str(checkpoints(run)[-1])), "episodes start anew"
        saved = tensors(contents["environment"]["task"]["sampler"])
        now = tensors(env.task.sampler.state_dict())
        assert saved and saved.keys() == now.keys()
        assert all(torch.equal(value, now[name]) for name, value in saved.items())
    finally:
        env.close()
    run_evaluation(run, ["builtin:wave"], "athena", folder / "evaluation", rollouts=1, num_envs=2)
    assert (folder / "evaluation" / "metrics.json").is_file()
    assert run_training(run, 3, resume=True, quiet=True).iteration == 3
    before, after = contents["algorithm"]["actor_state_dict"], load_checkpoint(run)["algorithm"]["actor_state_dict"]
    assert any(not torch.equal(value, after[name]) for name, value in before.items()), "it learns"


def _env(contents):
    config = config_from_dict(contents["config"], "the checkpoint")
    library = build_library(config, contents["run"]["motions"], "cpu")
    return build_env(config, library, contents["run"]["num_envs"], "cpu", 0, training=True)
