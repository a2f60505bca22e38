"""Every recipe learns in the real task; the gravity curriculum goes through training, resume and evaluation."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from athena_wbc.commands import play as play_command
from athena_wbc.embodiment import get_embodiment
from athena_wbc.evaluation import run as evaluation_run
from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.learning.train import run_training
from athena_wbc.motion.clip import MotionClip
from athena_wbc.resources import config_names
from athena_wbc.sim import play as sim_play
from athena_wbc.sim.env import TrackingEnv
from tests.tracking import standing_clip

TINY = (
    "ppo.num_steps_per_env=4",
    "ppo.num_learning_epochs=1",
    "ppo.num_mini_batches=2",
    "ppo.actor.hidden_dims=[8]",
    "ppo.critic.hidden_dims=[8]",
    "ppo.save_interval=5",
    "ppo.logging.writer=none",
    "sim.threads=1",
)


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> str:
    robot = get_embodiment("g1")
    folder = tmp_path_factory.mktemp("motions")
    for name, seconds in (("short", 0.5), ("long", 0.8)):
        clip: MotionClip = standing_clip(name, seconds, swing=0.2)
        clip.replace(robot=robot.name, robot_hash=robot.hash).save(folder / f"{name}.npz")
    return str(folder)


def train(out: Path, motions: str | None, iterations: int, recipe: str | None, *overrides: str, **options: object):
    given = {} if options.get("resume") else {"num_envs": 8, "seed": 1, "recipe": recipe, "motions": motions}
    overrides = () if options.get("resume") else (*TINY, *overrides)
    return run_training(out, iterations, overrides=overrides, quiet=True, **given, **options)


def tensors(value: object, place: str = "") -> dict[str, torch.Tensor]:
    """Every tensor of a nested container by its place."""
    if isinstance(value, torch.Tensor):
        return {place: value}
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {name: tensor for key, entry in entries for name, tensor in tensors(entry, f"{place}/{key}").items()}


NEED_A_POLICY = ("finetune", "single_teacher_student", "student")
"""Recipes that start from teachers or from a student; tests/learning/test_student.py trains them."""


@pytest.mark.parametrize("recipe", [name for name in config_names("recipe") if name not in NEED_A_POLICY])
def test_every_recipe_trains(recipe: str, motions: str, tmp_path: Path):
    result = train(tmp_path / "run", motions, 2, recipe)
    assert result.iteration == 2 and torch.tensor(list(result.figures.values())).isfinite().all()
    first, last = (tensors(load_checkpoint(tmp_path / "run" / "checkpoints" / f"model_{i}.pt")) for i in (0, 2))
    for network in ("actor", "critic"):
        weight = f"/algorithm/{network}_state_dict/mlp.0.weight"
        assert not torch.equal(first[weight], last[weight])
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    regulariser = config["ppo"]["regulariser"]["kind"]
    assert {name for name in result.figures if "caps" in name} == ({f"loss/{regulariser}"} - {"loss/none"})
    assert ("curriculum/gravity" in result.figures) == (config["task"]["gravity_curriculum"]["mode"] != "none")


@pytest.fixture(scope="module")
def whole(motions: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten undisturbed iterations of the balance recipe; gravity rises in the middle ones."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    overrides = ("task.observations=compact", "task.gravity_curriculum.ramp_start=0.3")
    assert train(folder, motions, 10, "balance", *overrides).figures["curriculum/gravity"] == 1.0
    return folder


def test_a_killed_run_goes_on_to_the_byte(whole: Path, tmp_path: Path):
    parts = tmp_path / "parts"
    (parts / "checkpoints").mkdir(parents=True)
    shutil.copy(whole / "checkpoints" / "model_5.pt", parts / "checkpoints")
    middle = load_checkpoint(parts)["environment"]
    alpha = middle["task"]["gravity_curriculum"]["alpha"]
    assert alpha.min() < 1.0, "the kill comes while gravity is reduced"
    torch.testing.assert_close(middle["physics"]["field:opt.gravity"][:, 2], -9.81 * alpha.double())
    train(parts, None, 10, None, resume=True)
    ends = [load_checkpoint(folder / "checkpoints" / "model_10.pt") for folder in (whole, parts)]
    first, second = (tensors({key: end[key] for key in ("algorithm", "environment", "rng")}) for end in ends)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name
    assert ends[0]["progress"] == ends[1]["progress"] == 1.0


@pytest.mark.parametrize("randomisation", ["none", "standard"])
def test_evaluation_is_at_one_g(
    randomisation: str, whole: Path, motions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def watched(env: TrackingEnv, *rest: object):
        results = evaluate(env, *rest)
        seen.append(env.physics.batch.expand("opt.gravity").copy())
        return results

    evaluate = evaluation_run.evaluate_policy
    monkeypatch.setattr(evaluation_run, "evaluate_policy", watched)
    checkpoint = whole / "checkpoints" / "model_5.pt"
    silent = Console(quiet=True)
    evaluation_run.run_evaluation(
        checkpoint, motions, "athena", tmp_path, 1, 2, randomisation=randomisation, console=silent
    )
    assert seen[0].tolist() == [[0.0, 0.0, -9.81]] * 2


def test_playback_is_at_one_g(whole: Path, motions: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        sim_play, "record_rollouts", lambda env, *rest: env.physics.batch.expand("opt.gravity")[0].tolist()
    )
    checkpoint = str(whole / "checkpoints" / "model_5.pt")
    arguments = argparse.Namespace(checkpoint=checkpoint, seed=0, num_envs=1, seconds=None, device="cpu", overrides=[])
    assert play_command._rollouts(arguments, [motions])[1] == [0.0, 0.0, -9.81]
