"""Training on the real task and simulator, with two short clips and networks of a few neurons."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from athena_wbc.bench.train import bench_train
from athena_wbc.config import config_from_dict, load_config
from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import checkpoints, load_checkpoint, load_policy
from athena_wbc.learning.runner import TrainingResult
from athena_wbc.learning.train import build_env, build_library, changed_keys, run_training
from tests.learning.tiny import TINY, sway, tensors
from tests.motion.samples import write_csv


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("motions")
    sway("elbow", "left_elbow_joint", 0.4).save(folder / "elbow.npz")
    sway("waist", "waist_yaw_joint", 0.3, seconds=0.6).save(folder / "waist.npz")
    return str(folder)


def train(out: Path, motions: str | None, iterations: int, *overrides: str, **options: object) -> TrainingResult:
    if not options.get("resume"):
        options = {"num_envs": 6, "seed": 3, **options}
        overrides = (*TINY, *overrides)
    return run_training(out, iterations, motions=motions, overrides=overrides, quiet=True, **options)


@pytest.fixture(scope="module")
def run(motions: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two iterations, for tests that only read it or are refused."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    train(folder, motions, 2)
    return folder


def test_five_and_five_are_ten_to_the_byte(motions: str, tmp_path: Path) -> None:
    train(tmp_path / "whole", motions, 10)
    train(tmp_path / "parts", motions, 5)
    torch.randn(5)
    result = train(tmp_path / "parts", None, 10, resume=True)
    assert result.iteration == 10 and not result.interrupted
    whole, parts = (load_checkpoint(tmp_path / name / "checkpoints" / "model_10.pt") for name in ("whole", "parts"))
    for part in ("algorithm", "environment", "rng", "observations"):
        first, second = tensors(whole[part]), tensors(parts[part])
        assert first and first.keys() == second.keys()
        for name in first:
            assert torch.equal(first[name], second[name]), f"{part}{name}"
    before = tensors(load_checkpoint(tmp_path / "parts" / "checkpoints" / "model_5.pt")["algorithm"])
    assert not torch.equal(
        before["/actor_state_dict/mlp.0.weight"], tensors(parts["algorithm"])["/actor_state_dict/mlp.0.weight"]
    )


@pytest.mark.parametrize("mode", ["residual", "absolute"])
def test_the_command_base_is_the_target_of_an_action_of_zero(mode: str, motions: str) -> None:
    config = load_config(
        "general", [*TINY, f"task.action.mode={mode}", "ppo.regulariser.kind=grad_caps", "ppo.regulariser.on=target"]
    )
    env = build_env(config, build_library(config, [motions], "cpu"), 4, "cpu", seed=0)
    base = env.get_observations()["command_base"].clone()
    action = torch.full((4, 29), 0.3)
    env.step(action)
    torch.testing.assert_close(env.task.command, base + action)
    assert bool((base == 0.0).all()) == (mode == "absolute")
    env.close()


def test_the_number_of_physics_threads_changes_nothing(motions: str, run: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", motions, 2, "sim.threads=2")
    first, second = (tensors(load_checkpoint(folder)["algorithm"]) for folder in (run, tmp_path / "run"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_is_another_run(motions: str, run: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", motions, 2, seed=4)
    first, second = (tensors(load_checkpoint(folder)["algorithm"]) for folder in (run, tmp_path / "run"))
    assert not torch.equal(first["/actor_state_dict/mlp.0.weight"], second["/actor_state_dict/mlp.0.weight"])


def test_what_a_run_leaves(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {"config.yaml", "checkpoints"}
    assert [path.name for path in checkpoints(run)] == ["model_0.pt", "model_2.pt"]
    contents = load_checkpoint(run)
    assert contents["robot"]["name"] == "g1" and contents["iteration"] == 2
    assert contents["run"]["num_envs"] == 6 and contents["run"]["seed"] == 3 and contents["run"]["recipe"] == "general"
    assert sum(size for _, size in contents["schema"]["teacher"]) <= 320


def test_a_policy_of_the_run_acts_in_its_task(run: Path, motions: str) -> None:
    config = config_from_dict(load_checkpoint(run)["config"], str(run))
    env = build_env(config, build_library(config, [motions], "cpu"), 2, "cpu", seed=0)
    policy = load_policy(run, env)
    action = policy(env.get_observations())
    assert action.shape == (2, 29) and torch.equal(action, policy(env.get_observations()))
    env.close()


def test_an_existing_run_is_not_overwritten(run: Path, motions: str) -> None:
    with pytest.raises(AthenaError, match=r"short: already holds a run; go on with --resume, or choose another --out"):
        train(run, motions, 4)


def test_a_file_is_no_folder(tmp_path: Path, motions: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AthenaError, match="is a file; name a folder with --out"):
        train(tmp_path / "file", motions, 1)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("num_envs", 7, "num_envs: the run was started with 6, --resume was given 7"),
        ("seed", 0, "seed: the run was started with 3, --resume was given 0"),
        ("recipe", "demo", "recipe: the run was started with general, --resume was given demo"),
    ],
)
def test_resume_with_another_option_is_refused(option: str, value: object, message: str, run: Path) -> None:
    with pytest.raises(AthenaError, match=message):
        train(run, None, 4, resume=True, **{option: value})


def test_resume_with_other_motions_is_refused(run: Path) -> None:
    with pytest.raises(AthenaError, match=r"builtin:walk: motions: differ from those that .*model_2.pt was trained on"):
        train(run, "builtin:walk", 4, resume=True)


def test_a_training_goes_on_wherever_its_motions_lie(motions: str, tmp_path: Path) -> None:
    there = Path(shutil.copytree(motions, tmp_path / "there"))
    train(tmp_path / "run", str(there), 1)
    elsewhere = str(there.rename(tmp_path / "elsewhere"))
    assert train(tmp_path / "run", elsewhere, 2, resume=True).iteration == 2
    assert load_checkpoint(tmp_path / "run")["run"]["motions"] == [elsewhere]
    assert train(tmp_path / "run", None, 2, resume=True).iteration == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.gamma=0.5", "ppo.gamma: the run was trained with 0.97, --resume was given 0.5"),
        ("task.action.mode=absolute", "task.action.mode: the run was trained with residual"),
        ("ppo.actor.hidden_dims=[8,8]", "ppo.actor.hidden_dims: the run was trained with 16, --resume was given 8, 8"),
        ("ppo.gama=0.5", "ppo.gama: unknown key 'gama'; did you mean 'gamma'"),
    ],
)
def test_resume_with_another_configuration_is_refused(override: str, message: str, run: Path) -> None:
    with pytest.raises(AthenaError, match=message):
        train(run, None, 4, override, resume=True)


def test_resume_reads_the_motions_as_they_were_read(tmp_path: Path) -> None:
    """A table of numbers that says neither its rate nor its order: the run remembers both."""
    clip = sway("elbow", "left_elbow_joint", 0.4)
    path = write_csv(tmp_path / "a.csv", clip, "wxyz")
    spec = json.dumps({"path": str(path), "fps": 20.0, "quaternion": "wxyz"})
    train(tmp_path / "run", spec, 1)
    assert load_checkpoint(tmp_path / "run")["run"]["motions"] == [spec]
    assert train(tmp_path / "run", None, 2, resume=True).iteration == 2
    with pytest.raises(AthenaError, match=r"motions: differ from those that .* was trained on"):
        train(tmp_path / "run", spec.replace("20.0", "25.0"), 3, resume=True)


def test_some_keys_may_change_on_resume(motions: str, tmp_path: Path) -> None:
    train(tmp_path / "run", motions, 1)
    partial = tmp_path / "run" / "checkpoints" / ".model_1.pt.abcd.tmp"
    partial.write_bytes(b"a kill has cut this short")
    result = train(
        tmp_path / "run", None, 2, "ppo.save_interval=1", "ppo.max_learning_rate=1e-4", "sim.threads=2", resume=True
    )
    # Nothing of a distillation has an effect here.
    train(tmp_path / "run", None, 2, "ppo.distillation.num_learning_epochs=9", resume=True)
    assert result.figures["loss/learning_rate"] <= 1e-4
    assert not partial.exists()


def test_changed_clips_are_noticed(motions: str, tmp_path: Path) -> None:
    sway("elbow", "left_elbow_joint", 0.4).save(tmp_path / "elbow.npz")
    train(tmp_path / "run", str(tmp_path / "elbow.npz"), 1)
    sway("elbow", "left_elbow_joint", 0.5).save(tmp_path / "elbow.npz")
    with pytest.raises(AthenaError, match=r"elbow.npz: motions: differ from those that .*model_1.pt was trained on"):
        train(tmp_path / "run", None, 2, resume=True)


def test_resume_of_nothing_starts_anew(motions: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_training(tmp_path / "run", 1, motions=motions, num_envs=4, resume=True, overrides=TINY, quiet=True)
    assert "holds no checkpoint; training starts at iteration 0" in caplog.text
    assert load_checkpoint(tmp_path / "run")["iteration"] == 1


def test_a_finished_run_has_nothing_to_do(run: Path) -> None:
    result = train(run, None, 2, resume=True)
    assert result.iteration == 2 and result.checkpoint == run / "checkpoints" / "model_2.pt"


def test_changed_keys_names_what_differs() -> None:
    then, now = {"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"b": 2, "c": [1, 2]}, "e": 3}
    assert changed_keys(then, now) == {"a.b": (1, 2), "e": (None, 3)}


def test_the_benchmark_accounts_for_all_time(motions: str) -> None:
    config = load_config("general", list(TINY))
    figures = bench_train(config, build_library(config, [motions], "cpu"), num_envs=6, iterations=3)
    per_sample = figures["collection_us_per_sample"] + figures["learning_us_per_sample"]
    assert figures["samples_per_s"] == pytest.approx(1e6 / per_sample)
    least, most = figures["samples_per_s_range"]
    assert least <= figures["samples_per_s_median"] <= most
    assert figures["inputs"]["teacher"] <= 320
