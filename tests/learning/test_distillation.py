from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from athena_wbc.errors import AthenaError
from athena_wbc.learning.algorithm import build_algorithm
from athena_wbc.learning.checkpoint import load_checkpoint, load_latest, load_policy
from athena_wbc.learning.config import PPOConfig, RegulariserConfig, required_groups, validate
from athena_wbc.learning.distillation import Distillation, distillation_loss
from athena_wbc.learning.finite import TrainingDiverged
from athena_wbc.learning.ppo import AthenaPPO
from athena_wbc.learning.rng import seed_everything
from athena_wbc.learning.runner import TrainingRunner
from athena_wbc.learning.teachers import RoutedTeachers, TeacherBank
from tests.learning.small import collect, equal, weights
from tests.learning.taught_env import TaughtEnv, constant_teachers, student_config, teacher_contents


def student(config: PPOConfig, *values: float, num_envs: int = 8) -> tuple[Distillation, TaughtEnv]:
    torch.manual_seed(0)
    env = TaughtEnv(num_envs)
    return Distillation.for_env(env, config, constant_teachers(env, *values)), env


def silence(algorithm: Distillation) -> None:
    """Make the student's mean zero everywhere."""
    with torch.no_grad():
        for parameter in algorithm.actor.mlp.parameters():
            parameter.zero_()


def test_the_loss_is_the_squared_distance_of_the_means() -> None:
    mean = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    label = torch.tensor([[0.0, 4.0], [3.0, -1.0]])
    assert distillation_loss(mean, label).tolist() == [5.0, 9.0]


def test_figures_of_the_visited_states_by_hand() -> None:
    algorithm, env = student(student_config(num_steps_per_env=2), 1.0, 2.0, num_envs=4)
    silence(algorithm)
    env.end_probability = 0.0
    env.task.clip = torch.tensor([0, 0, 0, 2])
    collect(algorithm, env, 2)
    figures = algorithm.update()
    # Three actions each: 3 * 1^2 for the first teacher, 3 * 2^2 for the second, which has a quarter of the states.
    assert figures["distillation/loss_t0"] == pytest.approx(3.0)
    assert figures["distillation/loss_t1"] == pytest.approx(12.0)
    assert figures["distillation/share_t0"] == 0.75 and figures["distillation/share_t1"] == 0.25
    assert figures["distillation"] == pytest.approx(0.75 * 3.0 + 0.25 * 12.0)
    assert figures["skipped_steps"] == 0.0


def test_a_teacher_without_states_has_no_figures() -> None:
    algorithm, env = student(student_config(num_steps_per_env=2), 1.0, 2.0, 3.0)
    env.end_probability, env.task.clip = 0.0, torch.ones(8, dtype=torch.long)
    collect(algorithm, env, 2)
    figures = algorithm.update()
    assert "distillation/loss_t1" in figures and "distillation/loss_t0" not in figures


def test_the_student_acts_with_its_mean_unless_told() -> None:
    algorithm, env = student(student_config(actor__init_std=0.2), 5.0, num_envs=512)
    observations = env.get_observations()
    mean = algorithm.actor.mean(algorithm.actor.inputs(observations))
    torch.testing.assert_close(algorithm.act(observations), mean.detach(), rtol=1e-2, atol=1e-2)
    config = student_config(actor__init_std=0.2)
    config.distillation.noise = True
    noisy, env = student(config, 5.0, num_envs=512)
    observations = env.get_observations()
    mean = noisy.actor.mean(noisy.actor.inputs(observations)).detach()
    spread = noisy.act(observations) - mean
    assert 0.17 < float(spread.std()) < 0.23
    # What is learnt from is the mean, not the noisy action.
    expected = distillation_loss(mean, torch.full_like(mean, 5.0))
    torch.testing.assert_close(noisy._loss[0], expected, rtol=1e-2, atol=0.0)


def test_one_step_on_all_samples_is_a_plain_regression() -> None:
    config = student_config(matmul_precision="highest")
    config.distillation.num_mini_batches = 1
    config.distillation.num_learning_epochs = 3
    config.distillation.max_grad_norm = 0.5
    algorithm, env = student(config, 1.0, -2.0)
    actor = copy.deepcopy(algorithm.actor)
    collect(algorithm, env)
    inputs = algorithm._storage.observations["student"].flatten(0, 1).clone()
    labels = algorithm._storage.privileged_actions.flatten(0, 1).clone()
    assert set(labels.unique().tolist()) == {1.0, -2.0}
    algorithm.update()
    optimizer = torch.optim.Adam(actor.parameters(), lr=config.distillation.learning_rate)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (actor.mlp(actor.obs_normalizer(inputs)) - labels).pow(2).sum(-1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
        optimizer.step()
    for name, value in actor.mlp.state_dict().items():
        torch.testing.assert_close(algorithm.actor.mlp.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_the_normaliser_learns_and_the_noise_does_not() -> None:
    config = student_config(actor__init_std=0.1)
    algorithm, env = student(config, 1.0)
    before = weights(algorithm.actor.distribution)
    for _ in range(3):
        collect(algorithm, env)
        algorithm.update()
    assert int(algorithm.actor.obs_normalizer.count) == 3 * 6 * 8
    assert equal(before, weights(algorithm.actor.distribution))
    critic_less = AthenaPPO.for_env(env, config)
    assert critic_less.save()["actor_state_dict"].keys() == algorithm.save()["actor_state_dict"].keys()


def routed(env: TaughtEnv, route: tuple[int, ...]) -> RoutedTeachers:
    sizes = {"general": [16], "dynamic": [12, 8]}
    taught = {name: (name, teacher_contents(env, seed, size)) for seed, (name, size) in enumerate(sizes.items())}
    return RoutedTeachers(TeacherBank.for_env(taught, env), torch.tensor(route), env)


def make(
    folder: Path | None,
    config: PPOConfig | None = None,
    seed: int = 0,
    env_seed: int = 0,
    route: tuple[int, ...] = (0, 1, 0),
) -> TrainingRunner:
    env = TaughtEnv(seed=env_seed)
    teachers = routed(env, route)
    seed_everything(seed)
    config = config or student_config()
    record = {"config": {"ppo": dataclasses.asdict(config)}, "run": {}}
    return TrainingRunner(env, config, folder, record, quiet=True, teachers=teachers)


def test_it_learns_what_its_teacher_does() -> None:
    """All clips go to one of the two teachers: nothing in this environment's observations tells the clips apart."""
    config = student_config(num_steps_per_env=24, actor__hidden_dims=[32])
    config.obs_groups["actor"] = ["teacher"]
    config.distillation.learning_rate = 5e-3
    config.distillation.num_learning_epochs = 5
    runner = make(None, config, route=(1, 1, 1))
    first = runner.learn(1).figures["distillation/loss_dynamic"]
    figures = runner.learn(25).figures
    assert figures["distillation/loss_dynamic"] < 0.1 * first
    assert figures["distillation/share_dynamic"] == 1.0 and "distillation/loss_general" not in figures


@pytest.mark.parametrize(("noise", "rollouts"), [(False, 1), (True, 1), (False, 2), (False, 4)])
def test_three_and_three_are_six_to_the_byte(noise: bool, rollouts: int, tmp_path: Path) -> None:
    config = student_config()
    config.distillation.noise = noise
    config.distillation.aggregate_rollouts = rollouts
    config.regulariser = RegulariserConfig(kind="grad_caps", weight=0.1)
    whole = make(tmp_path / "whole", config)
    whole.learn(6)
    make(tmp_path / "parts", config).learn(3)
    path, contents = load_latest(tmp_path / "parts")
    again = make(tmp_path / "parts", config, seed=9, env_seed=7)
    torch.randn(3)
    assert again.resume(contents, str(path))
    again.learn(6)
    assert equal(weights(whole.algorithm.actor), weights(again.algorithm.actor))
    states = [runner.algorithm.optimizer.state_dict()["state"] for runner in (whole, again)]
    for index, entry in states[0].items():
        assert equal(entry, states[1][index])
    assert torch.equal(whole.env.task.clip, again.env.task.clip)


def test_a_changed_learning_rate_holds_after_a_resume(tmp_path: Path) -> None:
    make(tmp_path).learn(1)
    path, contents = load_latest(tmp_path)
    config = student_config()
    config.distillation.learning_rate = 1e-5
    again = make(tmp_path, config)
    again.resume(contents, str(path))
    assert again.learn(2).figures["loss/learning_rate"] == 1e-5
    assert again.algorithm.optimizer.param_groups[0]["lr"] == 1e-5


def test_its_checkpoint_is_a_policy(tmp_path: Path) -> None:
    runner = make(tmp_path)
    runner.learn(2)
    policy = load_policy(tmp_path, runner.env)
    assert policy.groups == ("student",)
    observations = runner.env.get_observations()
    actor = runner.algorithm.actor
    assert torch.equal(policy(observations), actor.mean(actor.inputs(observations)))
    assert "critic_state_dict" not in load_checkpoint(tmp_path)["algorithm"]


def test_events_hold_the_loss_of_every_route(tmp_path: Path) -> None:
    make(tmp_path, student_config(logging__writer="tensorboard")).learn(2)
    tags = set(EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"])
    expected = {f"distillation/{kind}_{name}" for kind in ("loss", "share") for name in ("general", "dynamic")}
    assert expected | {"loss/distillation", "loss/fit", "loss/learning_rate", "reward/total"} <= tags


def test_a_regulariser_takes_part() -> None:
    config = student_config(regulariser=RegulariserConfig(kind="grad_caps", weight=0.1))
    assert make(None, config).learn(2).figures["loss/grad_caps"] > 0.0
    config.regulariser.on = "target"
    assert required_groups(config) == ["student", "teacher", "command_base"]
    assert make(None, config).learn(2).figures["loss/grad_caps"] > 0.0


def test_labels_with_nan_change_nothing_and_are_counted() -> None:
    algorithm, env = student(student_config(max_nonfinite_steps=8), 1.0, float("nan"))
    before = weights(algorithm.actor)
    env.task.clip = torch.zeros(8, dtype=torch.long)
    env.task.clip[3] = 1
    collect(algorithm, env)
    assert algorithm.update()["skipped_steps"] == algorithm.skipped.total == 4
    assert equal(before, weights(algorithm.actor))
    collect(algorithm, env)
    with pytest.raises(TrainingDiverged, match=r"8 optimiser steps in a row.* a lower ppo.distillation.learning_rate"):
        algorithm.update()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("num_mini_batches", 0, "ppo.distillation.num_mini_batches: 0 must be 1 or more"),
        ("learning_rate", 0.0, "ppo.distillation.learning_rate: 0.0 must be above 0"),
        ("num_mini_batches", 49, "ppo.distillation.num_mini_batches: 49 minibatches of 48 samples"),
    ],
)
def test_a_wrong_value_is_named(key: str, value: float, message: str) -> None:
    config = student_config()
    setattr(config.distillation, key, value)
    with pytest.raises(AthenaError, match=message):
        student(config, 1.0)


def test_without_teachers_there_is_no_distillation() -> None:
    with pytest.raises(AthenaError, match="a distillation needs teachers; use athena distill"):
        build_algorithm(TaughtEnv(), student_config())
    config = student_config()
    del config.obs_groups["teacher"]
    with pytest.raises(AthenaError, match=r"ppo.obs_groups.teacher: names no observation group"):
        validate(config)
    config = student_config()
    config.algorithm = "dager"
    with pytest.raises(AthenaError, match=r"ppo.algorithm: unknown 'dager'"):
        validate(config)
