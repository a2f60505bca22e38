"""What `isaaclab train` runs, on rsl_rl's own runner and without Isaac Lab: progress, resume, refused recipes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from rsl_rl.runners import OnPolicyRunner

from athena_tasks.isaaclab.algorithm import SamplerPPO, check_recipe
from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from tests.learning.fake_env import FakeEnv


class Task:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[float | str] = []
        self.sampler = SimpleNamespace(synchronise=lambda: self.told.append("synchronise"))
        self.progress: dict = {"sampler": "new"}

    def set_progress(self, progress: float) -> None:
        self.told.append(progress)

    def progress_state(self) -> dict:
        return {"sampler": "learnt"}

    def load_progress(self, state: dict) -> None:
        self.progress = state


def make(recipe: str = "balance", max_iterations: int = 4, play: bool = False) -> tuple[OnPolicyRunner, Task]:
    env = FakeEnv()
    env.task = Task()
    env.config = load_config(recipe)
    env.cfg = SimpleNamespace(recipe=recipe, play=play)
    env.unwrapped = env
    network = {"class_name": "rsl_rl.models:MLPModel", "hidden_dims": [8]}
    noise = {"class_name": "rsl_rl.modules.distribution:GaussianDistribution"}
    cfg = {
        "max_iterations": max_iterations,
        "num_steps_per_env": 4,
        "save_interval": 100,
        "obs_groups": {"actor": ["teacher"], "critic": ["critic"]},
        "actor": network | {"distribution_cfg": noise},
        "critic": dict(network),
        "algorithm": {"class_name": SamplerPPO},
    }
    return OnPolicyRunner(env, cfg), env.task


def test_curricula_follow_the_iterations_and_processes_share_after_each():
    runner, task = make()
    runner.learn(4)
    assert task.told == [0.25, *("synchronise", 0.5), *("synchronise", 0.75), *("synchronise", 1.0), "synchronise", 1.0]


def test_a_resumed_run_counts_on(tmp_path: Path):
    runner, _ = make()
    runner.learn(3)
    runner.save(str(tmp_path / "model.pt"))
    again, task = make(max_iterations=5)
    again.load(str(tmp_path / "model.pt"))
    again.learn(5)
    assert task.progress == {"sampler": "learnt"}
    # 0.2 before it knew better; then 3 of 8 are done.
    assert [value for value in task.told if value != "synchronise"] == [0.2, 0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    assert again.alg.iterations == 8


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("dynamic", "ppo.regulariser.kind=grad_caps"),
        ("dynamic_caps", "ppo.regulariser.kind=caps"),
        ("student", "ppo.algorithm=distillation"),
        ("finetune", "ppo.init.required=true"),
    ],
)
def test_recipes_that_would_lose_their_loss_are_refused(recipe: str, why: str):
    with pytest.raises(AthenaError, match=f"^env.recipe: '{recipe}' has {why}, .*tools/train.py --sim isaaclab$"):
        make(recipe)
    make(recipe, play=True)


@pytest.mark.parametrize("recipe", ["general", "balance", "no_smooth", "demo", "sonic_base", "residual_control"])
def test_all_others_are_not(recipe: str):
    check_recipe(load_config(recipe), recipe)
