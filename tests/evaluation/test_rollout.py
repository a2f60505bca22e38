"""Rollouts on a shell without physics: alignment, cuts, bookkeeping."""

from __future__ import annotations

import math

import pytest
import torch
from reference_shell import FakeEnv, make_clip, on_reference, zero_policy

from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig
from athena_wbc.evaluation.errors import ERRORS
from athena_wbc.evaluation.rollout import Job, choose_num_envs, plan_waves, roll_out
from athena_wbc.evaluation.score import VALUES, Scorer, Trajectory

CONFIG = EvaluationConfig(rollouts=2, num_envs=3)
CLIPS = [make_clip("short", 0.3, seed=1), make_clip("long", 1.0, seed=2), make_clip("mid", 0.5, seed=3)]


def run(env: FakeEnv, policy=zero_policy, config: EvaluationConfig = CONFIG) -> dict[tuple[int, int], Trajectory]:
    found: list[Trajectory] = []
    roll_out(env, policy, config, found.append)
    by_job = {(trajectory.clip, trajectory.rollout): trajectory for trajectory in found}
    assert len(by_job) == len(found) == env.library.num_clips * config.rollouts
    return by_job


def score(env: FakeEnv, trajectory: Trajectory, config: EvaluationConfig = CONFIG) -> dict[str, float]:
    result = Scorer(config, env.library, env.embodiment)(trajectory)
    return dict(zip(VALUES, result.values.tolist(), strict=True))


def test_replaying_the_reference_has_no_error():
    env = FakeEnv(CLIPS, num_envs=3)
    for (clip, _), trajectory in run(env).items():
        assert trajectory.completed
        assert len(trajectory.errors) == trajectory.expected_frames == int(env.library.num_steps[clip]) - 1
        assert float(trajectory.errors.abs().max()) < 1e-5
        values = score(env, trajectory)
        assert values["MPJPE_mm"] < 1e-2
        assert values["MPJPE_world_mm"] < 1e-2
        assert values["critical_scale"] < 1e-4
        assert values["frames_evaluated"] == 1.0


def test_being_one_frame_late_is_seen():
    env = FakeEnv(CLIPS, num_envs=3)
    plain = env.library.at

    class Late(FakeEnv):
        def step(self, actions):
            self.library.at = lambda clip, step: plain(clip, step - 1)
            result = super().step(actions)
            robot, self.library.at = self.task.robot, plain
            self.task.reference = plain(self.clip, self.step_index)
            self.task.robot = robot
            return result

    late = Late(CLIPS, num_envs=3)
    plain = late.library.at
    values = score(late, run(late)[1, 0])
    # 0.5 m/s for one control step of 20 ms
    assert values["MPJPE_world_mm"] == pytest.approx(10.0, rel=0.5)


def test_every_environment_count_gives_the_same_trajectories():
    def wander(clip, step, actions):
        shift = torch.stack((0.01 * step * (clip + 1), 0.0 * step, 0.002 * step), dim=-1)
        return shift + actions[:, :3] * 0.01, 0.003 * step

    def policy(observations):
        phase = observations["policy"].sum(-1, keepdim=True)
        return torch.sin(phase * torch.arange(29))

    reference = run(FakeEnv(CLIPS, 1, wander), policy)
    for num_envs in (2, 3, 6, 9):
        found = run(FakeEnv(CLIPS, num_envs, wander), policy)
        for job, trajectory in reference.items():
            for name in ("errors", "position", "reference", "anchored", "command", "action"):
                same = torch.equal(getattr(trajectory, name), getattr(found[job], name))
                assert same, (num_envs, job, name)


def test_actions_and_commands_are_recorded_side_by_side():
    trajectory = run(FakeEnv(CLIPS, 2), lambda o: o["policy"][:, 1:].expand(-1, 29) + 1.0)[1, 0]
    # The first action is taken at step 0, and the fake halves it.
    torch.testing.assert_close(trajectory.action[:, 0], torch.arange(1.0, 51.0))
    torch.testing.assert_close(trajectory.command, 0.5 * trajectory.action)


def test_errors_of_a_moved_robot():
    def moved(clip, step, actions):
        return torch.tensor([0.3, -0.4, 0.1]).expand(len(clip), 3), torch.full((len(clip),), 0.2)

    env = FakeEnv(CLIPS, 3, moved)
    trajectory = run(env)[1, 0]
    errors = dict(zip(ERRORS, trajectory.errors[10].tolist(), strict=True))
    assert errors["height"] == pytest.approx(0.1, abs=1e-5)
    assert errors["yaw"] == pytest.approx(0.2, abs=1e-5)
    # Anchoring takes the horizontal shift and the heading away; the height stays.
    assert errors["key_body"] == pytest.approx(0.1, abs=1e-5)
    assert errors["anchor_height"] == pytest.approx(0.1, abs=1e-5)
    assert errors["anchor_orientation"] == pytest.approx(0.2, abs=1e-5)
    assert errors["end_effector_height"] == pytest.approx(0.1, abs=1e-5)
    distance = (trajectory.position[10] - trajectory.reference[10]).norm(dim=-1)
    assert errors["key_body_world"] == pytest.approx(float(distance.max()))
    assert errors["mean_body_world"] == pytest.approx(float(distance.mean()))
    assert errors["key_body_world"] > errors["mean_body_world"] > 0.3
    values = score(env, trajectory)
    assert values["final_drift_m"] == pytest.approx(0.5, abs=1e-4)
    assert values["MPJPE_mm"] == pytest.approx(100.0, abs=0.01)
    assert values["MPJPE_W_mm"] == pytest.approx(100.0, abs=0.01)
    assert min(values["MPJPE_world_mm"], values["MPJPE_W_world_mm"]) > 300.0
    assert values["critical_scale"] == pytest.approx(0.5, abs=1e-4)
    # Only a constant shift of the root is left out of l-MPJPE: what remains is the turn.
    assert 0.0 < values["l_MPJPE_mm"] < values["g_MPJPE_mm"]
    assert values["g_MPJPE_mm"] == pytest.approx(values["MPJPE_world_mm"], rel=0.02)


def test_the_cap_cuts_a_rollout_and_a_violation_does_not():
    def falls(clip, step, actions):
        height = torch.where((clip == 1) & (step >= 5), -0.0501 * (step - 4.0), 0.0)
        return torch.stack((0.0 * height, 0.0 * height, height), dim=-1), 0.0 * height

    env = FakeEnv(CLIPS, 2, falls)
    result = Scorer(CONFIG, env.library, env.embodiment)
    found = run(env)
    fallen = found[1, 1]
    # A little over 0.05 m a step from step 5 on: 0.20 m, the limit, at step 8; six times that at step 28.
    assert not fallen.completed
    assert len(fallen.errors) == 28
    fallen_score = result(fallen)
    assert (fallen_score.first_failure, fallen_score.first_failure_step) == ("height", 8)
    assert fallen_score.values[0].item() == math.inf
    assert fallen_score.values[VALUES.index("frames_evaluated")].item() == pytest.approx(28 / 50)
    # Below 0.50 m up to step 13; what was cut is no success either.
    assert fallen_score.values[VALUES.index("frame_success")].item() == pytest.approx(13 / 50)
    assert found[0, 0].completed and found[2, 1].completed
    # Below the cap a rollout goes on to the end of its clip, and s* is a number.
    lenient = EvaluationConfig(rollouts=1, cap_scale=20.0)
    whole = run(FakeEnv(CLIPS, 2, falls), config=lenient)[1, 0]
    assert whole.completed and len(whole.errors) == 50
    assert result(whole).values[0].item() == pytest.approx(0.0501 * 46 / 0.20, rel=1e-4)


def test_numbers_that_are_not_finite_cut_a_rollout():
    def breaks(clip, step, actions):
        height = torch.where((clip == 1) & (step >= 5), torch.nan, 0.0)
        return torch.stack((height, height, height), dim=-1), 0.0 * step

    env = FakeEnv(CLIPS, 3, breaks)
    found = run(env)
    broken = found[1, 0]
    assert not broken.completed
    assert len(broken.errors) == 4
    result = Scorer(CONFIG, env.library, env.embodiment)(broken)
    assert (result.first_failure, result.first_failure_step) == ("not finite", 5)
    assert result.values[0].item() == math.inf
    assert math.isfinite(result.values[VALUES.index("MPJPE_mm")].item())


def test_a_simulation_that_failed_cuts_its_rollout_alone():
    class Failing(FakeEnv):
        def step(self, actions):
            result = super().step(actions)
            self.broken = (self.clip == 2) & (self.step_index == 7)
            return result

    found = run(Failing(CLIPS, 6))
    assert [trajectory.completed for _, trajectory in sorted(found.items())] == [True] * 4 + [False] * 2
    assert len(found[2, 0].errors) == 6


def test_numbers_lost_in_the_first_step_leave_no_frame():
    def breaks(clip, step, actions):
        return torch.full((len(clip), 3), torch.nan), 0.0 * step

    env = FakeEnv(CLIPS, 3, breaks)
    trajectory = run(env)[0, 0]
    assert len(trajectory.errors) == 0
    values = score(env, trajectory)
    assert values["critical_scale"] == math.inf
    assert values["frames_evaluated"] == values["frame_success"] == 0.0
    assert math.isnan(values["MPJPE_mm"]) and math.isnan(values["action_jerk"])


def test_a_raw_action_that_is_not_finite_counts_as_failure():
    def policy(observations):
        actions = torch.zeros(len(observations), 29)
        actions[observations["policy"][:, 1] >= 3] = torch.inf
        return actions

    found = run(FakeEnv(CLIPS, 3), policy)
    assert not any(trajectory.completed for trajectory in found.values())


def test_published_rules_are_scored_on_the_same_rollout():
    def drifts(clip, step, actions):
        return torch.stack((0.02 * step, 0.0 * step, 0.0 * step), dim=-1), 0.0 * step

    env = FakeEnv(CLIPS, 3, drifts)
    values = score(env, run(env)[1, 0])
    # One metre of drift in 50 steps fails where the world frame is compared, and nowhere else.
    assert values["critical_scale_athena"] < 1e-4
    assert values["critical_scale_sonic"] < 1e-4
    assert values["critical_scale_phc"] == pytest.approx(2.0, rel=1e-3)
    assert values["critical_scale_athena_world"] == pytest.approx(2.0, rel=1e-3)
    assert values["critical_scale"] == values["critical_scale_athena"]
    # 0.02 m a frame reaches 0.5 m at the 25th of 50 frames (CLAIMS counts frames).
    assert values["frame_success"] == pytest.approx(24 / 50, abs=0.021)
    # 0.02 m in 20 ms is 1 m/s, and 33.3 mm in a frame of 30 Hz.
    assert values["velocity_distance_m_per_s"] == pytest.approx(1.0, rel=1e-3)
    assert values["velocity_distance_mm_per_frame"] == pytest.approx(1000.0 / 30.0, rel=1e-3)
    assert values["acceleration_distance_m_per_s2"] == pytest.approx(0.0, abs=0.02)


def test_waves_are_filled_with_the_longest_clips_first():
    waves = plan_waves(torch.tensor([16, 51, 26]), rollouts=2, num_envs=4)
    assert waves == [
        [Job(1, 0, 50), Job(1, 1, 50), Job(2, 0, 25), Job(2, 1, 25)],
        [Job(0, 0, 15), Job(0, 1, 15)],
    ]
    env, steps = FakeEnv(CLIPS, 4), []
    roll_out(env, zero_policy, CONFIG, lambda trajectory: None, lambda: steps.append(1))
    assert env.resets == [[(0, 1), (1, 1), (2, 2), (3, 2)], [(0, 0), (1, 0)]]
    assert len(steps) == 50 + 15


def test_what_an_environment_does_after_its_clip_is_not_read():
    def breaks_afterwards(clip, step, actions):
        late = torch.where(step > torch.tensor([15, 50, 25])[clip], torch.nan, 0.0)
        return torch.stack((late, late, late), dim=-1), late

    found = run(FakeEnv(CLIPS, 6, breaks_afterwards))
    assert all(trajectory.completed for trajectory in found.values())


def test_environments_are_as_many_as_there_is_work_and_memory():
    env = FakeEnv(CLIPS, 1)
    bodies, actions = len(env.embodiment.key_bodies), env.num_actions
    assert choose_num_envs(env.library, EvaluationConfig(rollouts=2), bodies, actions) == 6
    assert choose_num_envs(env.library, EvaluationConfig(rollouts=2, num_envs=4), bodies, actions) == 4
    one = 4 * 50 * (8 + 9 * bodies + 2 * actions) / 1e9
    few = EvaluationConfig(rollouts=2, buffer_gb=2.5 * one)
    assert choose_num_envs(env.library, few, bodies, actions) == 2
    with pytest.raises(AthenaError, match="buffer_gb"):
        choose_num_envs(env.library, EvaluationConfig(buffer_gb=0.5 * one), bodies, actions)


def test_weights_come_from_the_reference_alone():
    env = FakeEnv(CLIPS, 1)
    scorers = [
        Scorer(config, env.library, env.embodiment) for config in (CONFIG, EvaluationConfig(errors=["mean_body_world"]))
    ]
    weights, again = ([scorer.weights(clip) for clip in range(env.library.num_clips)] for scorer in scorers)
    for one, other in zip(weights, again, strict=True):
        assert one.shape == (len(env.embodiment.key_bodies) - 1,)
        assert float(one.sum()) == pytest.approx(1.0)
        assert torch.equal(one, other)
    assert not torch.allclose(weights[0], weights[1])


def test_gradients_are_not_kept():
    parameter = torch.ones(29, requires_grad=True)
    found = run(FakeEnv(CLIPS, 3, on_reference), lambda o: parameter.expand(len(o), 29))
    assert not any(trajectory.action.requires_grad for trajectory in found.values())
    assert torch.is_grad_enabled()
