from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from athena_wbc.learning import runner as runner_module
from athena_wbc.learning.checkpoint import checkpoints, load_checkpoint, load_latest
from athena_wbc.learning.config import PPOConfig, RegulariserConfig
from athena_wbc.learning.finite import TrainingDiverged
from athena_wbc.learning.rng import seed_everything
from athena_wbc.learning.runner import TrainingRunner
from tests.learning.fake_env import FakeEnv
from tests.learning.small import equal, small_config, weights


def make(folder: Path | None, config: PPOConfig | None = None, env: FakeEnv | None = None, seed: int = 0):
    seed_everything(seed)
    config = config or small_config()
    return TrainingRunner(env or FakeEnv(), config, folder, {"config": {}, "run": {}}, quiet=True)


def state(runner: TrainingRunner) -> dict[str, torch.Tensor]:
    algorithm = runner.algorithm
    networks = {f"actor.{k}": v for k, v in weights(algorithm.actor).items()}
    networks |= {f"critic.{k}": v for k, v in weights(algorithm.critic).items()}
    for index, entry in algorithm.optimizer.state_dict()["state"].items():
        networks |= {f"optimiser.{index}.{k}": v.clone() for k, v in entry.items()}
    return networks


@pytest.mark.parametrize("regulariser", ["none", "caps"])
def test_five_and_five_are_ten_to_the_byte(regulariser: str, tmp_path: Path) -> None:
    kind = RegulariserConfig(kind=regulariser, spatial_weight=0.1)
    config = small_config(regulariser=kind, critic_warmup_iterations=2, actor_unfreeze_iterations=3)
    whole = make(tmp_path / "whole", config)
    whole.learn(10)
    first = make(tmp_path / "parts", config)
    first.learn(5)
    path, contents = load_latest(tmp_path / "parts")
    assert path.name == "model_5.pt"
    # Another process has drawn other numbers before it resumes.
    second = make(tmp_path / "parts", config, FakeEnv(seed=77), seed=99)
    torch.randn(3)
    random.random()
    np.random.rand()
    assert second.resume(contents, str(path))
    assert second.iteration == 5
    second.learn(10)
    assert equal(state(whole), state(second))
    for key in ("generator", "target", "episode_length"):
        assert torch.equal(whole.env.state_dict()[key], second.env.state_dict()[key])
    ends = [load_checkpoint(tmp_path / name)["rng"]["torch"] for name in ("whole", "parts")]
    assert torch.equal(*ends)


def test_the_warm_up_counts_the_runs_iterations(tmp_path: Path) -> None:
    config = small_config(critic_warmup_iterations=2, actor_unfreeze_iterations=1)
    scales = [make(None, config).learn(iterations).figures["policy/actor_scale"] for iterations in (1, 2, 3, 4)]
    assert scales == [0.0, 0.0, 0.5, 1.0]


def test_saving_changes_nothing(tmp_path: Path) -> None:
    often = make(tmp_path, small_config(save_interval=1))
    often.learn(4)
    never = make(None)
    never.learn(4)
    assert equal(state(often), state(never))


def test_the_run_can_be_resumed_from_the_start(tmp_path: Path) -> None:
    runner = make(tmp_path, small_config(save_interval=100))
    runner.env.poison = "reward"
    runner.config.max_nonfinite_steps = 1
    with pytest.raises(TrainingDiverged):
        runner.learn(5)
    assert [path.name for path in checkpoints(tmp_path)] == ["model_0.pt"]


def test_without_the_environments_state_episodes_restart(tmp_path: Path) -> None:
    make(tmp_path).learn(2)
    contents = load_checkpoint(tmp_path)
    contents["environment"] = None
    runner = make(tmp_path)
    assert runner.resume(contents, "x") is False
    assert runner.iteration == 2


class Interrupting(FakeEnv):
    """Sends a signal to its own process in a given control step."""

    def __init__(self, step: int, number: int) -> None:
        super().__init__()
        self.left, self.number = step, number

    def step(self, actions):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return super().step(actions)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_the_iteration_with_a_checkpoint(number: int, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    runner = make(tmp_path, small_config(save_interval=100), Interrupting(15, number))
    result = runner.learn(10)  # the signal comes in the third iteration of six steps
    assert result.interrupted and result.iteration == 3
    assert result.checkpoint == tmp_path / "checkpoints" / "model_3.pt"
    assert signal.getsignal(number) is before
    whole = make(None)
    whole.learn(10)
    again = make(tmp_path)
    again.resume(load_checkpoint(tmp_path), "x")
    assert not again.learn(10).interrupted
    assert equal(state(whole), state(again))


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    class Impatient(Interrupting):
        def step(self, actions):
            if self.left == 2:
                os.kill(os.getpid(), self.number)
            return super().step(actions)

    # A test run that was started in the background may have been told to ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, env=Impatient(15, signal.SIGINT)).learn(10)
    finally:
        signal.signal(signal.SIGINT, before)


def test_events_hold_the_figures(tmp_path: Path) -> None:
    config = small_config(logging__writer="tensorboard")
    make(tmp_path, config).learn(3)
    first = EventAccumulator(str(tmp_path)).Reload()
    tags = set(first.Tags()["scalars"])
    assert {"reward/total", "loss/value", "loss/surrogate", "loss/kl", "loss/learning_rate"} <= tags
    assert {"policy/action_std", "policy/entropy", "throughput/samples_per_s", "memory/process_gb"} <= tags
    assert [event.step for event in first.Scalars("loss/kl")] == [1, 2, 3]


def test_events_after_a_resume_replace_those_of_lost_iterations(tmp_path: Path) -> None:
    config = small_config(logging__writer="tensorboard", save_interval=2)
    make(tmp_path, config).learn(3)
    (tmp_path / "checkpoints" / "model_3.pt").unlink()
    runner = make(tmp_path, config)
    runner.resume(load_checkpoint(tmp_path), "x")
    runner.learn(4)
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("loss/kl")
    assert [event.step for event in events] == [1, 2, 3, 4]


def test_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    import io

    from rich.console import Console

    stream = io.StringIO()
    config = small_config(logging__print_interval=0.0)
    seed_everything(0)
    console = Console(file=stream, width=200, highlight=False)
    TrainingRunner(FakeEnv(), config, tmp_path, {"config": {}, "run": {}}, console=console).learn(2)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3 and lines[0].startswith("iteration 1: reward ")
    assert "samples/s" in lines[1] and "100%, about 0 s left" in lines[1]
    assert lines[2].endswith("model_2.pt")


def test_a_limit_of_time_ends_it_as_if_complete(tmp_path: Path) -> None:
    result = make(tmp_path).learn(1000, max_seconds=0.0)
    assert result.iteration == 1 and not result.interrupted
    assert result.checkpoint.name == "model_1.pt"


# --- progress


def watched(runner: TrainingRunner) -> list[float]:
    """What the runner tells the task, from now on."""
    told: list[float] = []
    runner.env.task.set_progress = told.append
    return told


def test_the_task_is_told_its_progress_before_each_iteration(tmp_path: Path) -> None:
    first = make(tmp_path)
    told = watched(first)
    first.learn(4)
    assert told == [0.25, 0.5, 0.75, 1.0]
    path, contents = load_latest(tmp_path)
    second = make(tmp_path)
    assert second.resume(contents, str(path)) and second.progress == 1.0
    told = watched(second)
    second.learn(6)
    assert told == [1.0, 1.0], "it never falls"


def test_a_killed_run_goes_on_where_its_progress_was(tmp_path: Path) -> None:
    make(tmp_path).learn(4)
    path = tmp_path / "checkpoints" / "model_2.pt"
    second = make(None)
    second.resume(load_checkpoint(path), str(path))
    assert second.progress == 0.5
    told = watched(second)
    second.learn(4)
    assert told == [0.75, 1.0]


def test_with_a_limit_of_time_progress_is_the_share_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(runner_module.time, "perf_counter", lambda: now[0])

    def told_in(runner: TrainingRunner, seconds: float, iterations: int = 1000) -> list[float]:
        told = watched(runner)
        step = runner.env.step

        def slow(actions: torch.Tensor):
            now[0] += 5.0 / runner.config.num_steps_per_env
            return step(actions)

        runner.env.step = slow
        runner.learn(iterations, seconds)
        return told

    config = small_config(num_steps_per_env=4)
    assert told_in(make(None, config), 20.0) == pytest.approx([0.001, 0.25, 0.5, 0.75])
    assert told_in(make(None, config), 20.0, iterations=2) == pytest.approx([0.5, 1.0]), "iterations end it sooner"
    resumed = make(None, config)
    resumed.progress = 0.6
    assert told_in(resumed, 10.0) == pytest.approx([0.6, 0.8]), "what is left is spread over the new limit"
    assert told_in(make(None, config), 0.0) == [1.0]


def test_the_best_is_judged_by_all_iterations_between_two_saves(tmp_path: Path) -> None:
    runner = make(tmp_path, small_config(save_interval=2))
    # A lucky iteration at a save; a pair that is better as a whole; one in which no episode ended; a worse pair.
    logs = [{"reward/total": value} for value in (1.0, 9.0, 5.0, 5.5)] + [{}, {"reward/total": 5.1}]
    runner.env.pop_log = lambda: logs.pop(0)
    runner.learn(6)
    assert load_checkpoint(tmp_path / "checkpoints" / "best.pt")["iteration"] == 4
    assert runner.best == 5.25


def test_iterations_at_reduced_gravity_are_not_judged(tmp_path: Path) -> None:
    runner = make(tmp_path, small_config(save_interval=2))
    gravity = (0.5, 0.7, 0.9, 1.0, 1.0, 1.0)
    rewards = (90.0, 80.0, 70.0, 4.0, 5.0, 6.0)
    logs = [{"reward/total": r, "curriculum/gravity": g} for r, g in zip(rewards, gravity, strict=True)]
    runner.env.pop_log = lambda: logs.pop(0)
    best = tmp_path / "checkpoints" / "best.pt"
    runner.learn(2)
    assert not best.exists()
    runner.learn(4)
    assert load_checkpoint(best)["iteration"] == 4 and runner.best == 4.0
    runner.learn(6)
    assert load_checkpoint(best)["iteration"] == 6 and runner.best == 5.5
