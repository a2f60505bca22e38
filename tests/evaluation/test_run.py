"""Whole evaluations on the MuJoCo shell, small."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from reference_shell import make_clip

from athena_wbc.config import load_config
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.rollout import roll_out
from athena_wbc.evaluation.run import (
    evaluate_checkpoint,
    evaluation_config,
    evaluation_library,
    run_evaluation,
    zero_policy,
)
from athena_wbc.evaluation.score import Trajectory
from athena_wbc.files import sha256_file
from athena_wbc.learning.checkpoint import latest_checkpoint
from athena_wbc.learning.train import run_training
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.library import MotionLibrary

pytest.importorskip("mujoco.batch", reason="the MuJoCo shell needs mujoco >= 3.17")

from athena_wbc.sim.env import TrackingEnv

COMPACT = ["task.observations=compact", "sim.threads=1"]


@pytest.fixture(scope="module")
def motions(tmp_path_factory):
    """A folder with a clip that stands still and one that walks off as no robot can."""
    folder = tmp_path_factory.mktemp("motions")
    walk = make_clip("walk", 0.8, "locomotion", seed=1)
    rest = np.repeat(walk.joint_pos[:1] * 0.0 + get_embodiment("g1").default_joint_pos, 21, axis=0)
    stand = walk.slice(0, 21).replace(
        name="stand",
        label="balance",
        root_pos=np.tile([0.0, 0.0, get_embodiment("g1").default_root_height], (21, 1)),
        root_quat=np.tile([0.0, 0.0, 0.0, 1.0], (21, 1)),
        joint_pos=rest,
    )
    walk.save(folder / "walk.npz")
    stand.save(folder / "stand.npz")
    return folder


@pytest.fixture(scope="module")
def report(motions, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    summary = run_evaluation("zero", str(motions), "athena", out, 2, seed=5, overrides=COMPACT, series=True)
    return out, summary


def trajectories(motions, num_envs: int, config: EvaluationConfig) -> tuple[MotionLibrary, list[Trajectory]]:
    nominal = load_config("general", COMPACT, {"task.randomisation": "none"})
    embodiment = get_embodiment("g1")
    library = MotionLibrary(load_clips(str(motions), embodiment), embodiment)
    env = TrackingEnv(nominal, library, num_envs, groups=("teacher",))
    found: list[Trajectory] = []
    roll_out(env, zero_policy(env), config, found.append)
    env.close()
    return library, found


def test_the_report_is_whole_and_plausible(report):
    out, summary = report
    assert sorted(path.name for path in out.iterdir()) == [
        "clips.csv",
        "failed.json",
        "metrics.json",
        "series.npz",
        "spectrum.csv",
        "stc.csv",
        "stc.png",
    ]
    assert json.loads((out / "metrics.json").read_text()) == summary
    # For 0.4 s a robot stands by itself; walking off takes a policy.
    assert summary["by_label"]["balance"]["SR"] == 1.0
    assert summary["by_label"]["balance"]["MPJPE_mm"] < 60.0 < summary["by_label"]["locomotion"]["MPJPE_mm"]
    assert (summary["checkpoint_hash"], summary["robot"], summary["seed"]) == ("zero", "g1", 5)
    assert (summary["rollouts"], summary["randomisation"]) == (2, "standard")
    assert summary["randomisation_ranges"]["friction"] == [0.3, 1.6]
    assert summary["raw_action_rate"] == 0.0 < summary["action_rate"]


def test_the_same_seed_gives_the_same_bytes(report, motions, tmp_path):
    out, _ = report
    run_evaluation("zero", str(motions), "athena", tmp_path, 2, seed=5, overrides=COMPACT, series=True)
    for path in sorted(out.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_another_seed_draws_another_robot(report, motions, tmp_path):
    _, summary = report
    other = run_evaluation("zero", str(motions), "athena", tmp_path, 2, seed=6, overrides=COMPACT)
    assert other["MPJPE_mm"] != summary["MPJPE_mm"]


def test_failed_clips_can_be_evaluated_again(motions, tmp_path):
    strict = [*COMPACT, "evaluation.limits.key_body=0.1", "evaluation.limits.height=0.1"]
    arguments = {"rollouts": 1, "randomisation": "none"}
    first = run_evaluation("zero", str(motions), "athena", tmp_path / "all", overrides=strict, **arguments)
    failed = json.loads((tmp_path / "all" / "failed.json").read_text())
    assert first["clips_failed"] == 1 and failed["clips"] == ["walk"]
    again = run_evaluation(
        "zero", str(tmp_path / "all" / "failed.json"), "athena", tmp_path / "again", overrides=strict, **arguments
    )
    assert (again["clips"], again["SR"]) == (1, 0.0)
    assert again["MPJPE_mm"] == pytest.approx(first["by_label"]["locomotion"]["MPJPE_mm"])


def test_the_shell_is_compared_with_the_reference_of_its_own_time(motions):
    config = EvaluationConfig(rollouts=1)
    library, found = trajectories(motions, 2, config)
    for trajectory in found:
        steps = torch.arange(1, trajectory.expected_frames + 1)
        expected = library.at(torch.full_like(steps, trajectory.clip), steps)
        assert torch.equal(trajectory.reference, expected.body_pos_w)
    # One step from the exact reference state the robot is still on it: nearest to the reference of step 1, by far.
    walk = next(trajectory for trajectory in found if library.names[trajectory.clip] == "walk")
    around = library.at(torch.full((3,), walk.clip), torch.tensor([0, 1, 2])).body_pos_w
    before, now, after = (walk.position[0] - around).norm(dim=-1).mean(dim=-1).tolist()
    assert now < 0.005 < 0.01 < min(before, after)


def test_the_number_of_environments_changes_nothing(motions):
    config = EvaluationConfig(rollouts=2)
    alone, together = (trajectories(motions, num_envs, config)[1] for num_envs in (1, 4))
    assert [(t.clip, t.rollout) for t in alone] == [(t.clip, t.rollout) for t in together]
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.position, other.position)
        assert torch.equal(one.errors, other.errors)


def test_a_trained_policy_is_evaluated_with_its_own_configuration(motions, tmp_path):
    run_training(tmp_path / "run", 1, motions=str(motions), num_envs=4, overrides=COMPACT, quiet=True)
    checkpoint = latest_checkpoint(tmp_path / "run")
    by_folder = run_evaluation(tmp_path / "run", str(motions), "sonic", tmp_path / "a")
    by_file = run_evaluation(checkpoint, str(motions), "sonic", tmp_path / "b")
    assert by_folder == by_file
    assert by_folder["checkpoint_hash"] == sha256_file(checkpoint)
    # It acts, and so differs from the policy that does not.
    assert by_folder["raw_action_rate"] > 0.0
    with pytest.raises(AthenaError, match="use the observations that it was trained with"):
        run_evaluation(checkpoint, str(motions), "sonic", tmp_path / "c", overrides=["task.observations=full"])


def test_bad_arguments_are_one_line(motions, tmp_path):
    with pytest.raises(AthenaError, match="no such checkpoint"):
        run_evaluation(tmp_path / "model_1.pt", str(motions), "athena", tmp_path / "out")
    with pytest.raises(AthenaError, match="holds no checkpoint"):
        run_evaluation(tmp_path, str(motions), "athena", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_named_protocol_brings_its_own_rule(motions, tmp_path):
    summary = run_evaluation("zero", str(motions), "phc", tmp_path, overrides=COMPACT)
    assert (summary["protocol"], summary["frame"], summary["rollouts"]) == ("phc", "world", 1)
    assert summary["thresholds"] == {"mean_body_world": 0.5}
    assert (summary["randomisation"], summary["randomisation_ranges"]) == (None, {})
    assert {key: summary[key] for key in ("SR", "TIS")} == summary["by_rule"]["phc"]
    assert summary["by_rule"]["phc"] != summary["by_rule"]["athena"]


def test_what_a_policy_observes_does_not_change_the_robots_that_it_meets(motions):
    """Observation noise takes random numbers too; the dynamics and the pushes must not feel it."""
    found = []
    for group in ("teacher", "student"):
        overrides = [*COMPACT, f"ppo.obs_groups={{actor: [{group}], critic: [critic]}}"]
        overrides += ["task.randomisation.push_interval_s=[0.1,0.2]", "evaluation.num_envs=2"]
        config = evaluation_config(None, "athena", 2, overrides=overrides)
        library = evaluation_library([str(motions)], config)
        found.append(evaluate_checkpoint(None, config, library, [str(motions)], seed=3)[0])
    teacher, student = found
    assert np.array_equal(teacher.values, student.values, equal_nan=True)
    assert np.array_equal(teacher.peaks, student.peaks)
    # Two rollouts of a clip are two robots.
    assert (teacher.of("MPJPE_mm")[:, 0] != teacher.of("MPJPE_mm")[:, 1]).all()
