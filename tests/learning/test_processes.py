"""Two processes on this machine that train one policy, as torchrun would start them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.learning.checkpoint import load_checkpoint
from athena_wbc.learning.processes import Processes, join_processes, local_device
from athena_wbc.learning.rng import seed_everything
from athena_wbc.learning.runner import TrainingRunner
from athena_wbc.task.config import SamplerConfig
from athena_wbc.task.sampler import AdaptiveSampler
from tests.learning.fake_env import FakeEnv
from tests.learning.small import equal, small_config, weights
from tests.tracking import errors_of


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shared_sampler(rank: int) -> AdaptiveSampler:
    """Four bins: both processes visit the first, one each the next two, none the last; then all share."""
    sampler = AdaptiveSampler(SamplerConfig(ema=0.5), torch.tensor([2, 2, 2, 2]), 0.02)
    # Raw scores: key body errors as shares of 0.5 m.
    clip, key_body = [([0, 1], [0.1, 0.2]), ([0, 2], [0.3, 0.4])][rank]
    sampler.update(torch.tensor(clip), torch.ones(2, dtype=torch.long), errors_of([0.0] * 2, [0.0] * 2, key_body))
    sampler.synchronise()
    return sampler


def worker(rank: int, port: int, folder: str) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    processes, device = join_processes("cpu")
    assert (processes.rank, processes.world_size, device) == (rank, 2, "cpu")
    assert processes.any(rank == 1) is True and processes.any(False) is False

    def make(out: str, seed: int = rank) -> TrainingRunner:
        # Another seed in each process: other environments, and weights that have to be made the same.
        seed_everything(seed)
        env = FakeEnv(seed=seed)
        return TrainingRunner(
            env, small_config(), Path(folder) / out, {"config": {}, "run": {}}, processes=processes, quiet=True
        )

    whole = make("whole")
    whole.learn(4)
    make("parts").learn(2)
    again = make("parts")
    torch.distributed.barrier()
    contents = load_checkpoint(Path(folder) / "parts")
    torch.distributed.barrier()
    assert again.resume(contents, "x")
    again.learn(4)
    twins = make("twins", seed=5)
    twins.learn(3)
    states = {
        name: {
            f"{part}.{key}": value
            for part, network in (("actor", runner.algorithm.actor), ("critic", runner.algorithm.critic))
            for key, value in weights(network).items()
        }
        for name, runner in (("whole", whole), ("again", again), ("twins", twins))
    }
    sampler = shared_sampler(rank)
    torch.save(
        {**states, "learning_rate": whole.algorithm.learning_rate, "difficulty": sampler.bin_difficulty},
        Path(folder) / f"rank{rank}.pt",
    )
    torch.distributed.destroy_process_group()


def test_two_processes_keep_one_policy_and_resume_exactly(tmp_path: Path) -> None:
    context = torch.multiprocessing.get_context("spawn")
    port = free_port()
    workers = [context.Process(target=worker, args=(rank, port, str(tmp_path))) for rank in range(2)]
    for process in workers:
        process.start()
    for process in workers:
        process.join(120)
        assert process.exitcode == 0
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    assert equal(first["whole"], second["whole"])
    assert equal(first["whole"], first["again"]) and equal(second["whole"], second["again"])
    # Two processes that see the same make the same steps as one: every mean over processes is one's own value.
    seed_everything(5)
    alone = TrainingRunner(FakeEnv(seed=5), small_config(), None, {}, quiet=True)
    alone.learn(3)
    for key, value in weights(alone.algorithm.actor).items():
        torch.testing.assert_close(first["twins"][f"actor.{key}"], value * (2 if key.endswith("count") else 1))
    assert first["learning_rate"] == second["learning_rate"]
    # Bin 0 went to 0.6 and to 0.8 in the two processes; the next two are one's alone and keep their whole change.
    assert first["difficulty"].tolist() == second["difficulty"].tolist() == pytest.approx([0.7, 0.7, 0.9, 1.0])
    assert (
        int(first["whole"]["actor.obs_normalizer.count"]) == 2 * 4 * 6 * 8
    )  # processes, iterations, steps, environments
    assert sorted(path.name for path in (tmp_path / "whole" / "checkpoints").iterdir()) == sorted(
        ["best.pt", "model_0.pt", "model_2.pt", "model_4.pt"]
    )


def test_alone_nothing_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_processes("cpu") == (Processes(), "cpu")
    assert Processes().rsl_rl() is None and Processes().gather("x") == ["x"]


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(AthenaError, match="--device: 'gpu' is no torch device"):
        join_processes("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(AthenaError, match="torch sees no GPU here"):
            join_processes("cuda:0")


def test_each_of_many_processes_has_the_gpu_of_its_rank(monkeypatch: pytest.MonkeyPatch):
    assert local_device("cuda") == "cuda" and local_device("cuda:3") == "cuda:3"
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "5")
    assert local_device("cuda") == local_device("cuda:0") == "cuda:5"
    assert local_device("cpu") == "cpu"
