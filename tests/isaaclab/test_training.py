"""Training and checkpoints on Isaac Lab: two iterations of every recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.learning.train import run_training

TINY = ("ppo.num_steps_per_env=4", "ppo.num_mini_batches=1", "ppo.num_learning_epochs=1", "ppo.logging.writer=none")
SMALL = ("ppo.actor.hidden_dims=[16]", "ppo.critic.hidden_dims=[16]")


def train(out: Path, recipe: str, **options):
    overrides = [*TINY, *SMALL]
    result = run_training(
        out, 2, recipe=recipe, motions="builtin:wave", num_envs=4, overrides=overrides, quiet=True, **options
    )
    assert result.iteration == 2
    return result


def actor(run: Path) -> dict[str, torch.Tensor]:
    """The newest actor's network, all of it finite."""
    state = load_checkpoint(run)["algorithm"]["actor_state_dict"]
    network = {name: value for name, value in state.items() if name.startswith("mlp")}
    assert network and all(value.isfinite().all() for value in network.values())
    return network


@pytest.fixture(scope="module")
def general(launched: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "general"
    train(out, "general")
    return out


@pytest.mark.parametrize(
    "recipe", ["dynamic", "balance", "demo", "sonic_base", "no_smooth", "dynamic_caps", "residual_control"]
)
def test_every_recipe_trains(launched: None, tmp_path: Path, recipe: str):
    train(tmp_path / recipe, recipe)
    assert actor(tmp_path / recipe)


def test_a_student_is_distilled_and_fine_tuned(general: Path, tmp_path: Path):
    train(tmp_path / "student", "single_teacher_student", teachers={"general": general})
    train(tmp_path / "finetuned", "finetune", init_from=tmp_path / "student")
    # Two iterations are the critic's alone: the student's network has to arrive, and to stay as it is.
    student, finetuned = actor(tmp_path / "student"), actor(tmp_path / "finetuned")
    assert student.keys() == finetuned.keys()
    assert all(torch.equal(value, finetuned[name]) for name, value in student.items())


def test_a_run_goes_on(general: Path):
    result = run_training(general, 3, resume=True, quiet=True)
    assert result.iteration == 3
