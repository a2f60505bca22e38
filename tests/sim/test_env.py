"""The environment as rsl_rl sees it, and how its parts fit together on real physics."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from rsl_rl.env import VecEnv
from rsl_rl.utils import resolve_obs_groups
from tensordict import TensorDict
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.sim.env import TrackingEnv
from athena_wbc.task.state import JointCommand
from tests.tracking import g1, library_of, moving_clip, standing_clip, start_of

J = g1().num_joints
LIBRARY = library_of(standing_clip("stand", 1.0), moving_clip("move", 2.0), standing_clip("swing", 0.6, swing=0.3))
QUIET = ("task.randomisation=none", "task.reset.scale=0")


def make(
    *overrides: str, num_envs: int = 4, seed: int = 0, library: MotionLibrary = LIBRARY, **arguments
) -> TrackingEnv:
    config = load_config("general", ["task.observations=compact", "sim.threads=1", *overrides])
    return TrackingEnv(config, library, num_envs, seed=seed, **arguments)


def actions(env: TrackingEnv, steps: int, std: float = 0.3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return std * torch.randn(steps, env.num_envs, J, generator=generator)


def ids(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


# --- the contract of rsl_rl


def test_it_is_a_vectorised_environment():
    env = make()
    assert isinstance(env, VecEnv)
    assert (env.num_envs, env.num_actions) == (4, J)
    assert env.max_episode_length == 500, "10 s of 20 ms"
    assert env.device == torch.device("cpu")
    assert env.episode_length_buf.tolist() == [0] * 4 and env.episode_length_buf.dtype == torch.long
    assert env.cfg.task.action.mode == "residual"
    observations = env.get_observations()
    assert isinstance(observations, TensorDict) and observations.batch_size == torch.Size([4])
    groups = resolve_obs_groups(observations, env.cfg.ppo.obs_groups, ["actor", "critic"])
    assert set(observations.keys()) == {"teacher", "critic"} == {name for group in groups.values() for name in group}


def test_a_step_gives_observations_rewards_dones_and_time_outs():
    env = make()
    observations, rewards, dones, extras = env.step(torch.zeros(4, J))
    assert all(value.shape[0] == 4 and value.dtype == torch.float32 for value in observations.values())
    assert rewards.shape == (4,) and rewards.dtype == torch.float32 and rewards.isfinite().all()
    assert dones.shape == (4,) and dones.dtype == torch.bool
    assert extras["time_outs"].shape == (4,) and extras["time_outs"].dtype == torch.bool
    assert env.episode_length_buf.tolist() == [0 if done else 1 for done in dones]


def test_asking_again_gives_the_same_observations():
    env = make("ppo.obs_groups={actor: [student], critic: [critic]}")
    observations = env.get_observations()
    for _ in range(2):
        for again in (env.get_observations(), env.get_observations()):
            assert all(torch.equal(again[name], observations[name]) for name in ("student", "critic"))
        observations = env.step(torch.zeros(4, J))[0]


def test_the_counter_of_an_episode_may_be_shifted():
    env = make(*QUIET)
    env.reset_to(torch.arange(4), torch.ones(4, dtype=torch.long), torch.arange(4))
    env.episode_length_buf = ids(0, 499, 200, 498)
    step = env.task.step.clone()
    extras = env.step(torch.zeros(4, J))[3]
    assert extras["time_outs"].tolist() == [False, True, False, False]
    assert env.task.step[[0, 2, 3]].tolist() == (step + 1)[[0, 2, 3]].tolist(), "the clip's clock is another"


def test_columns_are_those_of_the_schema():
    env = make("ppo.obs_groups={actor: [teacher], critic: [student]}", "task.observations.student.noise=false", *QUIET)
    observations = env.step(actions(env, 1)[0])[0]
    robot, reference = env.task.robot, env.library.generalised(env.task.clip, env.task.step.unsqueeze(-1) + ids(1, 6))
    default = torch.as_tensor(g1().default_joint_pos, dtype=torch.float32)
    expected = {
        "joint_pos": robot.joint_pos - default,
        "joint_vel": robot.joint_vel,
        "base_height": robot.root_pos_w[:, 2:],
        "last_action": env.task.last_action,
        "reference_joint_pos@1,6": (reference.joint_pos - default).flatten(1),
        "reference_height@1,6": reference.root_pos_w[..., 2],
    }
    seen = 0
    for group, schema in env.task.observation_schema().items():
        columns = observations[group].split([size for _, size in schema], dim=-1)
        for (name, _), column in zip(schema, columns, strict=True):
            if name in expected:
                torch.testing.assert_close(column, expected[name], msg=f"{group}: {name}")
                seen += 1
    assert seen == 10


def test_gradients_and_inference_mode_stay_outside():
    env = make()
    with torch.inference_mode():
        for action in actions(env, 3):
            env.step(action)
        state = env.state_dict()
    env.reset_to(ids(0), ids(1), ids(3))
    env.load_state_dict(state)
    observations, rewards, _, _ = env.step(torch.zeros(4, J, requires_grad=True))
    assert not rewards.requires_grad and not any(value.requires_grad for value in observations.values())


def test_an_unknown_group_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^ppo\.obs_groups: group unknown 'techer'; did you mean 'teacher'"):
        make(groups=("techer",))


# --- the reference and the state are of one time


def test_reset_to_is_the_reference_exactly():
    env = make("task.randomisation=none", num_envs=40)
    generator = torch.Generator().manual_seed(2)
    clips = torch.randint(3, (40,), generator=generator)
    steps = (torch.rand(40, generator=generator) * LIBRARY.num_steps[clips]).long()
    observations = env.reset_to(torch.arange(40), clips, steps)
    reference, robot, errors = LIBRARY.at(clips, steps), env.task.robot, env.task.errors
    for name in ("root_pos_w", "root_quat_w", "joint_pos", "joint_vel", "body_pos_w"):
        torch.testing.assert_close(getattr(robot, name), getattr(reference, name), atol=1e-5, rtol=0.0, msg=name)
    for name in ("root_lin_vel_w", "root_ang_vel_w", "body_lin_vel_w", "body_ang_vel_w"):
        torch.testing.assert_close(getattr(robot, name), getattr(reference, name), atol=5e-5, rtol=0.0, msg=name)
    dot = (robot.body_quat_w * reference.body_quat_w).sum(-1)
    torch.testing.assert_close(dot.abs(), torch.ones_like(dot), atol=1e-5, rtol=0.0)
    assert max(errors.body.max(), errors.height.max(), errors.yaw.max()) < 1e-5
    assert torch.equal(env.task.clip, clips) and torch.equal(env.task.step, steps)
    assert env.episode_length_buf.tolist() == [0] * 40
    assert observations is env.get_observations()


def test_reset_to_leaves_the_others_where_they_are():
    env = make(*QUIET)
    env.step(torch.zeros(4, J))
    qpos, step = env.physics.batch.qpos.copy(), env.task.step.clone()
    env.reset_to(ids(3, 1), ids(0, 1), ids(10, 20))
    np.testing.assert_array_equal(env.physics.batch.qpos[[0, 2]], qpos[[0, 2]])
    assert env.task.step.tolist() == [step[0].item(), 20, step[2].item(), 10]
    assert env.task.errors.body[[1, 3]].max() < 1e-5


def test_a_replay_of_the_reference_has_no_error(monkeypatch: pytest.MonkeyPatch):
    """The simulator is replaced by one that puts the robot onto the reference of the time after the step."""
    env = make(*QUIET, "task.rewards.phys=0", "task.rewards.effort=0", "task.rewards.temp=0", num_envs=3)
    everyone = torch.arange(3)

    def replay(command: JointCommand) -> Tensor:
        env.physics.write(everyone, start_of(LIBRARY.at(env.task.clip, env.task.step + 1)))
        return torch.zeros(3, dtype=torch.bool)

    monkeypatch.setattr(env.physics, "step", replay)
    env.reset_to(everyone, ids(0, 1, 2), ids(0, 0, 0))
    full = sum(term.weight for term in env.cfg.task.rewards.terms.values() if term.weight > 0.0) * 0.02
    ends = []
    for k in range(1, 101):
        reached = env.task.step + 1
        last = LIBRARY.num_steps[env.task.clip] - 1
        _, rewards, dones, extras = env.step(torch.zeros(3, J))
        assert torch.equal(dones, extras["time_outs"]) and torch.equal(dones, reached == last)
        assert rewards.min() > 0.999 * full
        assert env.task.errors.body.max() < 2e-5, "of the new start where the episode is over"
        ends += [(k, env_id) for env_id in dones.nonzero().flatten().tolist()]
    # Clips of 30, 50 and 100 steps that begin at their first; what follows them starts anywhere.
    assert {(30, 2), (50, 0), (100, 1)} <= set(ends) and ends[0] == (30, 2)


def test_one_frame_of_misalignment_would_show(monkeypatch: pytest.MonkeyPatch):
    env = make(*QUIET, num_envs=1)

    def late(command: JointCommand) -> Tensor:
        env.physics.write(ids(0), start_of(LIBRARY.at(env.task.clip, env.task.step)))
        return torch.zeros(1, dtype=torch.bool)

    monkeypatch.setattr(env.physics, "step", late)
    env.reset_to(ids(0), ids(1), ids(20))
    env.step(torch.zeros(1, J))
    assert env.task.errors.key_body.item() > 1e-3


# --- episodes


def test_what_ends_starts_anew_by_itself():
    env = make("task.randomisation=none")
    ended = 0
    for action in actions(env, 60, std=1.0):
        before = env.task.clip.clone(), env.task.step.clone()
        observations, _, dones, extras = env.step(action)
        assert not (extras["time_outs"] & ~dones).any()
        for env_id in range(4):
            if dones[env_id]:
                ended += 1
                assert env.episode_length_buf[env_id] == 0
                assert env.task.last_action[env_id].abs().max() == 0.0
                assert env.task.errors.key_body[env_id] < 0.4, "back near the reference"
            else:
                assert env.task.clip[env_id] == before[0][env_id]
                assert env.task.step[env_id] == before[1][env_id] + 1
        assert all(value.isfinite().all() for value in observations.values())
    log = env.pop_log()
    assert log["episode/count"] == ended > 4
    assert log["simulation/broken"] == 0.0
    assert env.pop_log() == {"simulation/broken": 0.0}


def test_without_auto_reset_nothing_ends():
    env = make(*QUIET, num_envs=3)
    env.auto_reset = False
    env.reset_to(torch.arange(3), ids(0, 1, 2), ids(0, 0, 0))
    time_outs = torch.zeros(3, dtype=torch.long)
    for k, action in enumerate(actions(env, 120, std=2.0), start=1):
        _, _, dones, extras = env.step(action)
        assert not dones.any()
        time_outs += extras["time_outs"]
        assert env.task.step.tolist() == [k] * 3 and env.episode_length_buf.tolist() == [k] * 3
    # They lie on the ground, and the references stand at their clips' ends.
    assert (env.task.robot.root_pos_w[:, 2] < 0.5).all()
    last = LIBRARY.at(torch.arange(3), LIBRARY.num_steps - 1)
    assert torch.equal(env.task.reference.body_pos_w, last.body_pos_w)


def test_the_start_is_drawn_around_the_reference():
    env = make("task.randomisation=none", num_envs=200)
    errors = env.task.errors
    assert 0.0 < errors.height.max() <= 0.0101 and 0.05 < errors.yaw.max() < 0.4
    assert len(env.task.clip.unique()) == 3 and len(env.task.step.unique()) > 20
    assert (env.task.step < LIBRARY.num_steps[env.task.clip] - 1).all()


# --- randomisation


def test_drawn_parameters_reach_the_simulator():
    env = make("task.randomisation.gravity=[0.5, 1.0]", "task.reset.scale=0", num_envs=6)

    def fields(env_id: int) -> dict[str, float]:
        model = env.physics.batch.get_model(env_id)
        sole = model.geom("left_toe_inner").id
        return {
            "gravity": -model.opt.gravity[2] / 9.81,
            "friction": model.geom_friction[sole, 0],
            "stiffness": model.actuator_gainprm[3, 0] / g1().stiffness[3],
            "damping": -model.actuator_biasprm[3, 2] / g1().damping[3],
            "mass": model.body_mass[4] / g1().body_mass[3],
        }

    ranges = env.cfg.task.randomisation
    before = [fields(env_id) for env_id in range(6)]
    for env_id, drawn in enumerate(before):
        assert drawn["gravity"] == pytest.approx(env.task.randomisation.gravity[env_id].item(), rel=1e-6)
        for key, value in drawn.items():
            low, high = getattr(ranges, key)
            assert low <= value <= high, key
    for key in before[0]:
        assert len({drawn[key] for drawn in before}) == 6, key
    env.reset_to(ids(2), ids(0), ids(0))
    after = [fields(env_id) for env_id in range(6)]
    for env_id, (one, other) in enumerate(zip(before, after, strict=True)):
        if env_id == 2:
            assert one.pop("mass") == other.pop("mass"), "drawn once for each environment"
            assert all(one[key] != other[key] for key in one)
        else:
            assert one == other


def test_pushes_reach_the_robots():
    push = ("task.randomisation.push_interval_s=[0.1, 0.1]", "task.randomisation.push_lin_vel=[2.0, 0.0, 0.0]")
    quiet, pushed = make(*QUIET), make(*QUIET, *push)
    for env in (quiet, pushed):
        env.auto_reset = False
        env.reset_to(torch.arange(4), torch.zeros(4, dtype=torch.long), ids(0, 5, 10, 15))
    for k in range(1, 7):
        for env in (quiet, pushed):
            env.step(torch.zeros(4, J))
        difference = abs(pushed.physics.batch.qvel[:, 0] - quiet.physics.batch.qvel[:, 0])
        if k < 5:
            assert difference.max() == 0.0, f"step {k} pushes"
        else:
            assert difference.min() > 1e-3, "the fifth step does not push"


# --- determinism


def record(env: TrackingEnv, acts: Tensor) -> list[np.ndarray]:
    """All that a run hands out, and the positions behind it."""
    seen = []
    for action in acts:
        observations, rewards, dones, extras = env.step(action)
        seen += [value.numpy() for value in (*observations.values(), rewards, dones, extras["time_outs"])]
        seen.append(env.physics.batch.qpos.copy())
    return seen


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


ALL = ("ppo.obs_groups={actor: [student], critic: [critic]}", "task.randomisation.push_interval_s=[0.1, 0.3]")


def test_the_seed_decides_the_run():
    acts = actions(make(), 25)
    runs = [record(make(*ALL, seed=seed, num_envs=4), acts) for seed in (0, 0, 1)]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_the_number_of_threads_does_not():
    acts = actions(make(), 25)
    assert same(record(make(*ALL), acts), record(make(*ALL, "sim.threads=2"), acts))


@pytest.mark.parametrize("before", [0, 1, 30])
def test_a_restored_environment_continues_to_the_bit(before: int):
    overrides = (*ALL, "task.randomisation.delay_steps=[0, 2]", "task.randomisation.gravity=[0.5, 1.0]")
    first, second = make(*overrides, num_envs=6), make(*overrides, num_envs=6, seed=7)
    acts = actions(first, 60, std=0.8)
    record(first, acts[:before])
    record(second, actions(second, 13, std=1.0, seed=5))
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    expected, log = record(first, acts[before:]), first.pop_log()
    buffer.seek(0)
    second.load_state_dict(torch.load(buffer, weights_only=True))
    assert same(record(second, acts[before:]), expected)
    assert second.pop_log() == log and log["episode/count"] > 3
    assert torch.equal(second.task.sampler.bin_difficulty, first.task.sampler.bin_difficulty)


def test_the_state_is_a_copy():
    env = make(*ALL)
    state = env.state_dict()
    before = env.get_observations().clone()
    record(env, actions(env, 20, std=1.0))
    env.load_state_dict(state)
    restored = env.get_observations()
    assert all(torch.equal(restored[name], before[name]) for name in ("student", "critic"))


# --- a simulation that blows up


@pytest.mark.parametrize("where", ["qvel", "action"])
def test_a_simulation_that_blows_up_is_reset_alone_and_counted(where: str):
    whole, broken = make(*QUIET), make(*QUIET)
    clips, steps = ids(0, 0, 0, 0), ids(0, 5, 10, 15)
    for env in (whole, broken):
        env.reset_to(torch.arange(4), clips, steps)
    acts = actions(whole, 20, std=0.05)
    failures = 0
    for k, action in enumerate(acts):
        observations, rewards, dones, _ = whole.step(action)
        assert not dones[[0, 1, 3]].any(), "the case must be a quiet one"
        action = action.clone()
        if k in (4, 5, 11):
            failures += 1
            if where == "action":
                action[2, 7] = torch.nan
            else:
                broken.physics.batch.qvel[2, 3] = np.nan
        seen, earned, ended, extras = broken.step(action)
        np.testing.assert_array_equal(broken.physics.batch.qpos[[0, 1, 3]], whole.physics.batch.qpos[[0, 1, 3]])
        for name in ("teacher", "critic"):
            assert torch.equal(seen[name][[0, 1, 3]], observations[name][[0, 1, 3]])
            assert seen[name].isfinite().all()
        assert torch.equal(earned[[0, 1, 3]], rewards[[0, 1, 3]])
        assert broken.num_broken == failures
        if k in (4, 5, 11):
            assert broken.broken.tolist() == ended.tolist() == [False, False, True, False]
            assert earned[2] == 0.0 and not extras["time_outs"].any()
            assert broken.task.errors.body[2].max() < 1e-5, "it starts anew, on a reference"
    log = broken.pop_log()
    assert log["simulation/broken"] == 3.0
    assert log["ending/broken_simulation"] * log["episode/count"] == pytest.approx(3.0)
    assert broken.task.sampler.bin_difficulty.isfinite().all()


def test_without_auto_reset_a_failure_is_told_and_nothing_else_happens():
    env = make(*QUIET)
    env.auto_reset = False
    env.physics.batch.qvel[1, 0] = np.inf
    dones = env.step(torch.zeros(4, J))[2]
    assert not dones.any() and env.broken.tolist() == [False, True, False, False]
    env.step(torch.zeros(4, J))
    assert not env.broken.any() and env.num_broken == 1
