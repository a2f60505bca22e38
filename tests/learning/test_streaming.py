"""Training, evaluation and routed labels on a corpus that does not fit into its memory budget."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow")
pytest.importorskip("mujoco.batch", reason="the MuJoCo shell needs mujoco >= 3.17")

from athena_wbc.config import load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.run import run_evaluation
from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.learning.teachers import RoutedTeachers, route_indices
from athena_wbc.learning.train import build_env, build_library, run_training
from athena_wbc.motion.packed.pack import pack_motions
from tests.learning.tiny import TINY, sway, tensors

FRAMES = 51
STREAMED = (f"task.corpus_budget_gb={4.5 * FRAMES * 144e-9}", "task.streaming.interval_s=0.1")
"""Four of the eight clips at a time, which change every five control steps."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(8):
        sway(f"clip{number}", "left_elbow_joint", 0.1 * number).save(folder / "clips" / f"{number}.npz")
    pack_motions(folder / "clips", folder / "packed", get_embodiment("g1"))
    return str(folder / "packed")


def train(out: Path, motions: str | None, iterations: int, **options: object) -> None:
    overrides = ()
    if not options.get("resume"):
        options, overrides = {"num_envs": 6, "seed": 3, **options}, (*TINY, *STREAMED)
    run_training(out, iterations, motions=motions, overrides=overrides, quiet=True, **options)


def test_five_and_five_are_ten_to_the_byte(corpus: str, tmp_path: Path) -> None:
    train(tmp_path / "whole", corpus, 10)
    train(tmp_path / "parts", corpus, 5)
    train(tmp_path / "parts", None, 10, resume=True)
    whole, parts = (load_checkpoint(tmp_path / name / "checkpoints" / "model_10.pt") for name in ("whole", "parts"))
    rotation = whole["environment"]["task"]["rotation"]
    assert rotation["rotations"] == 8 and len(rotation["resident"]) == 4
    assert parts["environment"]["task"]["rotation"]["resident"] == rotation["resident"]
    for part in ("algorithm", "environment", "rng", "observations"):
        first, second = tensors(whole[part]), tensors(parts[part])
        assert first.keys() == second.keys()
        for name in first:
            assert torch.equal(first[name], second[name]), f"{part}{name}"
    assert whole["environment"]["task"]["sampler"]["bin_difficulty"].shape == (8,)


def test_episodes_on_clips_that_leave_end_as_time_outs(corpus: str) -> None:
    config = load_config("general", [*TINY, *STREAMED])
    env = build_env(config, build_library(config, [corpus], "cpu"), 16, "cpu", seed=0, training=True)
    cut = 0
    for step in range(1, 31):
        before, place = env.task.clip.clone(), env.task.step.clone()
        _, _, dones, extras = env.step(torch.zeros(16, 29))
        resident = torch.zeros(8, dtype=torch.bool)
        resident[env.library.resident] = True
        assert resident[env.task.clip].all()
        lost = ~resident[before]
        assert dones[lost].all() and (step % 5 == 0 or not lost.any())
        early = lost & (place + 1 < env.library.num_steps[before] - 1)
        cut += int((early & extras["time_outs"]).sum())
    assert cut > 0
    env.close()


def test_without_training_nothing_changes(corpus: str) -> None:
    config = load_config("general", [*TINY, *STREAMED])
    env = build_env(config, build_library(config, [corpus], "cpu"), 4, "cpu", seed=0)
    resident = env.library.resident
    for _ in range(12):
        env.step(torch.zeros(4, 29))
    assert env.library.resident == resident
    env.close()


def test_routes_are_of_the_whole_corpus(corpus: str) -> None:
    config = load_config("general", [*TINY, *STREAMED])
    library = build_library(config, [corpus], "cpu")
    env = build_env(config, library, 6, "cpu", seed=0, training=True)
    routes = {name: "even" if int(name[-1]) % 2 == 0 else "odd" for name in library.names}
    index = route_indices(routes, library.names, ["even", "odd"], "routing.json")

    class Bank:
        names = ("even", "odd")

        def __call__(self, observations, route):
            return route.float()

    teachers = RoutedTeachers(Bank(), index, env)
    seen = set()
    for _ in range(40):
        env.step(torch.zeros(6, 29))
        _, route = teachers(env.get_observations())
        assert route.tolist() == [int(library.names[clip][-1]) % 2 for clip in env.task.clip]
        seen |= set(env.task.clip.tolist())
    assert len(seen) == 8
    env.close()


def test_an_evaluation_reads_the_clips_of_each_wave(corpus: str, tmp_path: Path) -> None:
    common = ["task.observations=compact", "sim.threads=1"]
    options = {"rollouts": 1, "num_envs": 3, "seed": 5, "randomisation": "none"}
    resident = run_evaluation("zero", corpus, "athena", tmp_path / "a", overrides=common, **options)
    streamed = run_evaluation("zero", corpus, "athena", tmp_path / "b", overrides=[*common, STREAMED[0]], **options)
    assert streamed["corpus_hash"] == resident["corpus_hash"]
    assert (tmp_path / "a" / "clips.csv").read_text() == (tmp_path / "b" / "clips.csv").read_text()
    with pytest.raises(AthenaError, match="fewer environments"):
        run_evaluation(
            "zero", corpus, "athena", tmp_path / "c", overrides=[*common, STREAMED[0]], **{**options, "num_envs": 8}
        )


def test_a_filter_is_part_of_the_run(corpus: str, tmp_path: Path) -> None:
    spec = f"{corpus}?name <> 'clip0' and frames > 10"
    run_training(tmp_path, 1, motions=[spec], num_envs=4, seed=3, overrides=TINY, quiet=True)
    assert load_checkpoint(tmp_path)["run"]["motions"] == [spec]
    run_training(tmp_path, 2, resume=True, quiet=True)
    contents = load_checkpoint(tmp_path)
    assert contents["iteration"] == 2
    assert contents["environment"]["task"]["sampler"]["bin_difficulty"].shape == (7,)
    with pytest.raises(AthenaError, match="motions: differ from those that"):
        run_training(tmp_path, 3, motions=[corpus], resume=True, quiet=True)
