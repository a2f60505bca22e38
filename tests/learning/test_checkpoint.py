from __future__ import annotations

import dataclasses
import errno
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.errors import AthenaError
from athena_wbc.learning import checkpoint as module
from athena_wbc.learning.checkpoint import (
    BEST,
    check_compatible,
    checkpoints,
    latest_checkpoint,
    load_checkpoint,
    load_policy,
    save_checkpoint,
)
from athena_wbc.learning.config import PPOConfig
from athena_wbc.learning.runner import TrainingRunner
from tests.learning.fake_env import FakeEnv
from tests.learning.small import equal, small_config, weights


def plain(config: PPOConfig) -> dict:
    return {"ppo": dataclasses.asdict(config)}


def train(folder: Path, iterations: int = 4, **changes: object) -> TrainingRunner:
    config = small_config(keep_checkpoints=2, **changes)
    torch.manual_seed(0)
    runner = TrainingRunner(FakeEnv(), config, folder, {"config": plain(config), "run": {}}, quiet=True)
    runner.learn(iterations)
    return runner


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingRunner]:
    folder = tmp_path_factory.mktemp("run")
    return folder, train(folder)


def test_everything_comes_back(tmp_path: Path) -> None:
    contents = {
        "version": 1,
        "nested": [1, 2.5, None, True, "text", (3, [4])],
        "big": 2**127 + 1,
        "array": np.arange(6, dtype=np.uint32).reshape(2, 3),
        "flags": np.array([True, False]),
        "scalar": np.float32(0.5),
        "tensor": torch.arange(3),
        7: "a number as a key",
    }
    needed = {key: {} for key in ("iteration", "robot", "schema", "action", "config", "algorithm")}
    save_checkpoint(tmp_path / "model_1.pt", contents | needed)
    read = load_checkpoint(tmp_path / "model_1.pt")
    assert read["nested"] == contents["nested"] and read["big"] == contents["big"] and read[7] == contents[7]
    assert read["array"].dtype == np.uint32 and np.array_equal(read["array"], contents["array"])
    assert read["flags"].tolist() == [True, False]
    assert read["scalar"] == 0.5 and torch.equal(read["tensor"], contents["tensor"])


def test_a_view_does_not_take_its_base_along(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model_1.pt", {"row": torch.zeros(1000, 1000)[0]})
    assert (tmp_path / "model_1.pt").stat().st_size < 100_000


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"checkpoint\.environment\.where: PosixPath"):
        save_checkpoint(tmp_path / "model_1.pt", {"environment": {"where": tmp_path}})
    assert not (tmp_path / "model_1.pt").exists()


def test_only_the_newest_are_kept(run: tuple[Path, TrainingRunner]) -> None:
    folder, _ = run
    assert [path.name for path in checkpoints(folder)] == ["model_2.pt", "model_4.pt"]
    assert (folder / "checkpoints" / BEST).is_file()
    assert latest_checkpoint(folder).name == "model_4.pt"


def test_the_best_is_the_one_with_the_largest_figure(tmp_path: Path) -> None:
    runner = train(tmp_path, iterations=2)
    best = load_checkpoint(tmp_path / "checkpoints" / BEST)["iteration"]
    runner.iteration = 3
    runner.save([runner.best - 1.0])
    assert load_checkpoint(tmp_path / "checkpoints" / BEST)["iteration"] == best
    runner.iteration = 4
    runner.save([runner.best + 1.0])
    assert load_checkpoint(tmp_path / "checkpoints" / BEST)["iteration"] == 4


@pytest.mark.parametrize("size", [0, 100, -1000, -1])
def test_a_truncated_newest_file_falls_back(size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(tmp_path)
    newest = tmp_path / "checkpoints" / "model_4.pt"
    newest.write_bytes(newest.read_bytes()[:size])
    with pytest.raises(AthenaError, match=r"model_4.pt: damaged") as refused:
        load_checkpoint(newest)
    assert "\n" not in str(refused.value)
    assert latest_checkpoint(tmp_path).name == "model_2.pt"
    assert "model_4.pt: damaged" in caplog.text and "the checkpoint before it" in caplog.text


def test_flipped_bits_are_found(tmp_path: Path) -> None:
    train(tmp_path)
    newest = tmp_path / "checkpoints" / "model_4.pt"
    with zipfile.ZipFile(newest) as archive:
        record = max(archive.infolist(), key=lambda entry: entry.file_size)
    data = bytearray(newest.read_bytes())
    # A zip record: a header of 30 bytes, which ends in the lengths of name and padding, these two, the data.
    start = record.header_offset
    name, padding = struct.unpack("<HH", data[start + 26 : start + 30])
    data[start + 30 + name + padding + record.file_size // 2] ^= 0x10
    newest.write_bytes(data)
    with pytest.raises(AthenaError, match="damaged"):
        load_checkpoint(newest)


def test_no_whole_checkpoint_at_all(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match="holds no checkpoint"):
        latest_checkpoint(tmp_path)
    (tmp_path / "model_1.pt").write_bytes(b"nothing")
    with pytest.raises(AthenaError, match="none of its 1 checkpoints can be read"):
        load_checkpoint(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=r"gone.pt: no such checkpoint"):
        load_checkpoint(tmp_path / "gone.pt")


class Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = str(trace)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_checkpoint_is_not_run(how: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "model_1.pt", tmp_path / "trace"
    if how == "torch":
        torch.save({"version": 1, "algorithm": Evil(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Evil(trace)))
    with pytest.raises(AthenaError, match="no checkpoint of athena"):
        load_checkpoint(path)
    assert not trace.exists()


def test_a_torch_file_of_something_else(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "model_1.pt")
    with pytest.raises(AthenaError, match="lacks version, iteration, robot"):
        load_checkpoint(tmp_path / "model_1.pt")


def test_another_format_version(tmp_path: Path, run: tuple[Path, TrainingRunner]) -> None:
    contents = load_checkpoint(run[0]) | {"version": 99, "library": "9.9"}
    save_checkpoint(tmp_path / "model_1.pt", contents)
    with pytest.raises(AthenaError, match=r"format version 99, this athena reads 1; use athena_wbc 9.9"):
        load_checkpoint(tmp_path / "model_1.pt")


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = train(tmp_path, iterations=2)
    path = tmp_path / "checkpoints" / "model_2.pt"
    before = path.read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(AthenaError, match=r"model_2.pt: cannot be written \(No space left on device\)"):
        runner.save([])
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.glob(".*")] == []


def test_a_policy_acts_as_the_actor_did(run: tuple[Path, TrainingRunner]) -> None:
    folder, runner = run
    env = FakeEnv(seed=5)
    policy = load_policy(folder, env)
    assert policy.iteration == 4 and policy.groups == ("teacher",)
    observations = env.get_observations()
    torch.testing.assert_close(policy(observations), runner.algorithm.actor(observations).detach())
    before = weights(policy.actor)
    for _ in range(3):
        policy(observations)
    policy.actor.update_normalization(observations)
    assert equal(before, weights(policy.actor))
    assert not any(parameter.requires_grad for parameter in policy.actor.parameters())
    assert policy.sample(observations).shape == (8, 3)
    assert "environment" not in policy.contents and policy.contents["robot"]["name"] == "fake"


def test_another_robot_is_refused(run: tuple[Path, TrainingRunner]) -> None:
    env = FakeEnv(robot_hash="bbbb")
    with pytest.raises(AthenaError, match=r"the robot 'fake' has changed since \(hash aaaa, now bbbb\)"):
        load_policy(run[0], env)
    env.embodiment.name = "other"
    with pytest.raises(AthenaError, match="was trained on the robot 'fake', this is 'other'"):
        load_policy(run[0], env)


def test_other_observations_are_refused_by_their_first_term(run: tuple[Path, TrainingRunner]) -> None:
    with pytest.raises(
        AthenaError, match=r"task.observations.teacher: term 1 was target \(3\), this task has target \(4\)"
    ):
        load_policy(run[0], FakeEnv(num_inputs=8))
    env = FakeEnv()
    env.task.observation_schema = lambda: {"teacher": [("target", 3)], "critic": []}
    with pytest.raises(AthenaError, match=r"term 2 was history \(3\), this task has nothing"):
        load_policy(run[0], env)
    env.task.observation_schema = lambda: {"critic": []}
    with pytest.raises(AthenaError, match="reads the observation group 'teacher', which this task does not give"):
        load_policy(run[0], env)


def test_a_policy_does_not_mind_the_critics_observations(run: tuple[Path, TrainingRunner]) -> None:
    env = FakeEnv()
    teacher = env.observation_schema()["teacher"]
    env.task.observation_schema = lambda: {"teacher": teacher}
    load_policy(run[0], env)
    with pytest.raises(AthenaError, match="'critic'"):
        check_compatible(load_checkpoint(run[0]), env, "x.pt")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mode", "absolute", "task.action.mode: was trained with residual, this is absolute"),
        ("scale", 0.5, "task.action.scale: was trained with 0.25, this is 0.5"),
        ("lead_steps", 0, "task.action.lead_steps: was trained with 3, this is 0"),
    ],
)
def test_other_actions_are_refused(key: str, value: object, message: str, run: tuple[Path, TrainingRunner]) -> None:
    env = FakeEnv()
    setattr(env.cfg.task.action, key, value)
    with pytest.raises(AthenaError, match=message):
        load_policy(run[0], env)


def test_another_control_rate_is_refused(run: tuple[Path, TrainingRunner]) -> None:
    env = FakeEnv()
    env.cfg.sim.decimation = 2
    with pytest.raises(AthenaError, match=r"sim.dt \* sim.decimation: was trained with 0.02, this is 0.01"):
        load_policy(run[0], env)


def test_the_order_is_that_of_the_iterations(tmp_path: Path) -> None:
    for name in ("model_100.pt", "model_20.pt", "model_3.pt", "model_x.pt", ".model_7.pt.abc.tmp"):
        (tmp_path / name).touch()
    assert [path.name for path in module.checkpoints(tmp_path)] == ["model_3.pt", "model_20.pt", "model_100.pt"]


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    """A resumed run holds other objects than one that never stopped; hashes of their checkpoints must not differ."""
    save_checkpoint(tmp_path / "one.pt", {"terms": ["walk", "walk"], "walk": 1})
    save_checkpoint(tmp_path / "two.pt", {"terms": ["".join(("wa", "lk")), "".join(("wal", "k"))], "walk": 1})
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "two.pt").read_bytes()
