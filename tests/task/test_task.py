"""The phases of a control step: their order, the clock of a clip, endings, resets, the state of it all."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.task.config import (
    COMMAND_BASE,
    ObservationGroup,
    ObservationTerm,
    RandomisationConfig,
    RewardTerm,
    TaskConfig,
)
from athena_wbc.task.state import RobotState
from athena_wbc.task.task import TrackingTask
from tests.tracking import g1, library_of, moving_clip, random_robot, robot_at

CLIPS = [moving_clip("long", 2.0), moving_clip("short", 0.4, swing=0.4), moving_clip("mid", 1.0, swing=0.3)]
LIBRARY = library_of(*CLIPS)
LAST = LIBRARY.num_steps - 1
J = g1().num_joints


def make_task(num_envs: int = 3, groups: tuple[str, ...] = ("teacher",), seed: int = 0, **changes) -> TrackingTask:
    config = TaskConfig(**changes)
    config.observations.teacher = ObservationGroup([ObservationTerm("joint_pos"), ObservationTerm("root_pos_error")])
    config.rewards.terms = {"joint_pos": RewardTerm(1.0), "body_pos": RewardTerm(2.0)}
    return TrackingTask(config, g1(), LIBRARY, num_envs, 0.02, groups, seed=seed)


def put(task: TrackingTask, clip: list[int], step: list[int]) -> None:
    """Start episodes there, the robots on the reference."""
    clips, steps = torch.tensor(clip), torch.tensor(step)
    task.reset_to(torch.arange(len(clip)), clips, steps, noise=False)
    task.observations(robot_at(LIBRARY.at(clips, steps)))


def on_reference(task: TrackingTask, ahead: int = 1) -> RobotState:
    """Robots that have followed the reference for `ahead` control steps."""
    return robot_at(LIBRARY.at(task.clip, task.step + ahead))


def act(task: TrackingTask, value: float = 0.0) -> Tensor:
    return task.actions(torch.full((task.num_envs, J), value)).target


def pose(clip: int, step: int) -> Tensor:
    """(J,) joints of a clip, whose frames are control steps."""
    return torch.tensor(CLIPS[clip].joint_pos[step], dtype=torch.float32)


def test_no_simulator_is_imported():
    program = "import sys, athena_wbc.task.task; print(sorted(m for m in sys.modules if m.split('.')[0] == 'mujoco'))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- the clock of a clip


def test_a_state_is_compared_with_the_reference_of_its_own_time():
    task = make_task()
    put(task, [0, 1, 2], [0, 5, 30])
    for _ in range(3):
        act(task)
        terminated, timed_out = task.dones(on_reference(task))
        assert task.errors.key_body.max() < 1e-5 and task.errors.yaw.max() < 1e-5
        assert not (terminated | timed_out).any()
        assert task.rewards().tolist() == pytest.approx([3.0 * 0.02] * 3, rel=1e-5)
        task.observations(task.robot)
    assert task.step.tolist() == [3, 8, 33]
    assert task.episode_step.tolist() == [3, 3, 3]
    act(task)
    task.dones(on_reference(task, ahead=2))
    assert task.errors.body.max() > 1e-3, "one step of difference shows"


def test_a_residual_target_is_the_pose_that_leads_the_state():
    task = make_task()
    put(task, [0, 1, 2], [0, 5, 30])
    torch.testing.assert_close(act(task), torch.stack([pose(0, 3), pose(1, 8), pose(2, 33)]))
    task.dones(on_reference(task))
    torch.testing.assert_close(act(task), torch.stack([pose(0, 4), pose(1, 9), pose(2, 34)]))


def test_the_lead_is_held_at_the_clips_end():
    task = make_task()
    put(task, [0, 1, 1], [int(LAST[0]) - 1, int(LAST[1]) - 3, int(LAST[1])])
    target = act(task)
    torch.testing.assert_close(target, torch.stack([pose(0, -1), pose(1, -1), pose(1, -1)]))


@pytest.mark.parametrize("mode", ["residual", "absolute"])
def test_the_command_base_is_the_command_of_a_zero_action(mode: str):
    config = TaskConfig()
    config.action.mode = mode
    task = make_task(groups=("teacher", COMMAND_BASE), action=config.action)
    put(task, [0, 1, 2], [0, 5, 30])
    base = task.observations(task.robot)[COMMAND_BASE]
    act(task, 0.0)
    torch.testing.assert_close(base, task.command)
    act(task, 0.5)
    torch.testing.assert_close(base + 0.5, task.command)
    assert (base.abs().max() == 0.0) == (mode == "absolute")


# --- endings


def test_an_episode_times_out_at_its_clips_end():
    task = make_task()
    put(task, [0, 1, 2], [int(LAST[0]) - 2, int(LAST[1]) - 1, 0])
    timed_out = []
    for _ in range(2):
        act(task)
        terminated, late = task.dones(on_reference(task))
        assert not terminated.any()
        timed_out.append(late.tolist())
    assert timed_out == [[False, True, False], [True, True, False]]


def test_an_episode_times_out_at_its_longest():
    config = TaskConfig()
    config.termination.episode_length_s = 0.1
    task = make_task(termination=config.termination)
    put(task, [0, 0, 2], [0, 50, 20])
    for k in range(1, 6):
        act(task)
        late = task.dones(on_reference(task))[1]
        assert late.tolist() == [k == 5] * 3


def test_an_episode_never_ends_both_ways():
    task = make_task(num_envs=200)
    seen = torch.zeros(2, 2, dtype=torch.long)
    clip = torch.randint(3, (200,), generator=torch.Generator().manual_seed(1)).tolist()
    put(task, clip, [int(LAST[c]) - 2 for c in clip])
    for _ in range(3):
        act(task)
        robot = on_reference(task)
        robot.root_pos_w[::3, 2] += 1.0
        terminated, timed_out = task.dones(robot)
        for one, two in zip(terminated.tolist(), timed_out.tolist(), strict=True):
            seen[int(one), int(two)] += 1
    assert seen[1, 1] == 0
    assert seen[0, 0] > 0 and seen[0, 1] > 0 and seen[1, 0] > 0


def test_a_state_that_is_not_a_number_terminates_its_environment_alone():
    task = make_task()
    put(task, [0, 1, 2], [0, 5, 30])
    act(task)
    robot = on_reference(task)
    for field in dataclasses.fields(robot):
        getattr(robot, field.name)[1] = math.nan
    terminated, timed_out = task.dones(robot)
    assert terminated.tolist() == [False, True, False] and not timed_out.any()
    assert task.sampler.bin_difficulty.isfinite().all()


def test_a_failed_simulation_ends_its_episode_without_reward():
    task = make_task()
    put(task, [0, 1, 2], [0, 5, 30])
    act(task)
    broken = torch.tensor([False, False, True])
    before = task.sampler.clip_difficulty()
    # The simulator has put it somewhere, here onto the reference.
    terminated, timed_out = task.dones(on_reference(task), broken)
    assert terminated.tolist() == [False, False, True] and not timed_out.any()
    assert task.rewards().tolist() == pytest.approx([0.06, 0.06, 0.0], rel=1e-5)
    after = task.sampler.clip_difficulty()
    assert after[2] > before[2] and after[1] < before[1]
    task.reset(torch.tensor([2]))
    log = task.log.pop()
    assert log["ending/broken_simulation"] == 1.0 and log["reward/total"] == 0.0
    act(task)
    assert not task.dones(on_reference(task))[0].any()
    assert (task.rewards() > 0.05).all()


def test_the_curriculums_scale_reaches_the_limits():
    for scale, ended in ((1.0, True), (2.0, False)):
        task = make_task(num_envs=1)
        task.termination_scale = scale
        put(task, [0], [0])
        act(task)
        robot = on_reference(task)
        robot.root_pos_w[:, 2] += 0.3
        assert task.dones(robot)[0].tolist() == [ended]


# --- what the sampler sees


def test_the_terminal_frame_is_scored_before_the_reset():
    config = TaskConfig()
    config.sampler.ema = 1.0
    task = make_task(num_envs=1, sampler=config.sampler)
    put(task, [2], [20])
    act(task)
    robot = on_reference(task)
    robot.root_pos_w[:, 2] += 0.3
    assert task.dones(robot)[0].all()
    task.rewards()
    task.reset(torch.tensor([0]))
    # Height is off by 1.5 thresholds: one violation. Bins: two of clip 0, one of clip 1, one of clip 2.
    assert task.sampler.bin_difficulty.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.75], abs=1e-5)


def test_every_step_scores_the_bin_that_it_reaches():
    config = TaskConfig()
    config.sampler.ema = 1.0
    task = make_task(num_envs=1, sampler=config.sampler)
    put(task, [0], [49])
    act(task)
    task.dones(on_reference(task))
    assert task.sampler.bin_difficulty.round(decimals=4).tolist() == [0.0, 1.0, 1.0, 1.0]
    act(task)
    task.dones(on_reference(task))
    assert task.sampler.bin_difficulty.round(decimals=4).tolist() == [0.0, 0.0, 1.0, 1.0]


# --- resets


def test_a_reset_starts_an_episode_in_its_environment_alone():
    task = make_task()
    put(task, [0, 1, 2], [10, 5, 30])
    act(task, 0.5)
    task.dones(on_reference(task))
    task.rewards()
    start, physics = task.reset(torch.tensor([1]))
    assert task.step[[0, 2]].tolist() == [11, 31] and task.clip[[0, 2]].tolist() == [0, 2]
    assert task.episode_step.tolist() == [1, 0, 1]
    assert task.last_action.abs().amax(-1).tolist() == [0.5, 0.0, 0.5]
    assert len(start.joint_pos) == 1 and physics.friction is None
    reference = LIBRARY.at(task.clip[1:2], task.step[1:2])
    offset = start.root_pos_w - reference.root_pos_w
    assert 0.0 < offset.abs().max() < 0.06


def test_after_a_reset_errors_and_reference_are_those_of_the_new_start():
    task, whole = make_task(), make_task()
    for one in (task, whole):
        put(one, [0, 1, 2], [10, 5, 30])
        act(one)
        one.dones(on_reference(one, ahead=2))
        one.rewards()
        one.reset_to(torch.tensor([1]), torch.tensor([2]), torch.tensor([17]), noise=False)
    robot = random_robot(3, seed=4)
    kept = task.robot
    for field in dataclasses.fields(robot):
        getattr(robot, field.name)[[0, 2]] = getattr(kept, field.name)[[0, 2]]
    seen = task.observations(robot)["teacher"]
    whole.observe(robot)
    assert torch.equal(seen, whole.observations(robot)["teacher"])
    for name in ("errors", "reference", "robot"):
        one, other = getattr(task, name), getattr(whole, name)
        for field in dataclasses.fields(one):
            torch.testing.assert_close(
                getattr(one, field.name), getattr(other, field.name), atol=1e-6, rtol=1e-6, msg=f"{name}.{field.name}"
            )


def test_starts_of_several_resets_before_one_observation():
    task = make_task()
    put(task, [0, 0, 0], [0, 0, 0])
    act(task)
    task.dones(on_reference(task))
    for env, (clip, step) in enumerate(((1, 4), (2, 9))):
        task.reset_to(torch.tensor([env]), torch.tensor([clip]), torch.tensor([step]), noise=False)
    task.observations(on_reference(task, ahead=0))
    assert task.errors.body.max() < 1e-5


def test_penalties_of_a_first_step_do_not_look_into_the_episode_before():
    config = TaskConfig()
    task = make_task(num_envs=2, termination=config.termination)
    task = _with_rewards(task, "joint_acc", "torque_rate", "action_rate")
    put(task, [0, 0], [0, 0])
    act(task, 3.0)
    robot = on_reference(task)
    robot.joint_vel += 5.0
    robot.joint_torque += 9.0
    task.dones(robot)
    task.rewards()
    task.reset_to(torch.tensor([0]), torch.tensor([0]), torch.tensor([0]), noise=False)
    start = robot_at(LIBRARY.at(task.clip, task.step))
    start.joint_vel[1], start.joint_torque[1] = robot.joint_vel[1], robot.joint_torque[1]
    task.observations(start)
    act(task, 0.0)
    still = dataclasses.replace(start, joint_vel=start.joint_vel.clone())
    task.dones(still)
    reward = task.rewards()
    assert reward[0] == 0.0, "nothing changed since this episode's start"
    assert reward[1] != 0.0, "the other's action changed from 3 to 0"


def _with_rewards(task: TrackingTask, *names: str) -> TrackingTask:
    config = dataclasses.replace(task.config)
    config.rewards.terms = {name: RewardTerm(-1.0) for name in names}
    return TrackingTask(config, g1(), LIBRARY, task.num_envs, 0.02, ("teacher",))


# --- the state of it all


def test_state_goes_round_exactly():
    config = load_config("general", ["task.observations=compact", "task.randomisation.delay_steps=[0,2]"]).task
    config.randomisation.push_interval_s = [0.04, 0.1]

    def make(seed: int) -> TrackingTask:
        task = TrackingTask(config, g1(), LIBRARY, 8, 0.02, ("teacher", "student", "critic"), seed=seed)
        everyone = torch.arange(8)
        task.reset_to(everyone, *task.sampler.sample(8, task.generator), noise=True)
        task.observations(robot_at(LIBRARY.at(task.clip, task.step)))
        return task

    def run(task: TrackingTask, steps: range) -> list[Tensor]:
        seen = []
        for k in steps:
            command = task.actions(torch.full((8, J), 0.1 * k))
            robot = on_reference(task)
            robot.root_pos_w[k % 8, 2] += 0.5
            robot.joint_vel += 0.01 * k
            terminated, timed_out = task.dones(robot)
            seen += [command.target, terminated, timed_out, task.rewards()]
            seen += [] if command.push is None else [command.push.ids, command.push.ang_vel_w]
            ids = (terminated | timed_out).nonzero().flatten()
            if len(ids):
                start, physics = task.reset(ids)
                seen += [start.root_quat_w, physics.friction, physics.stiffness]
            seen += task.observations(robot).values()
        return seen

    task, other = make(seed=0), make(seed=1)
    run(task, range(12))
    state = task.state_dict()
    robot = task.robot
    expected = run(task, range(12, 24))
    run(other, range(3))
    other.load_state_dict(state)
    other.observe(robot)
    found = run(other, range(12, 24))
    assert len(expected) == len(found) > 12 * 7
    assert all(torch.equal(one, two) for one, two in zip(expected, found, strict=True))
    assert task.log.pop() == other.log.pop()


def test_the_state_holds_no_live_tensor():
    task = make_task(randomisation=RandomisationConfig(encoder_bias=[-0.1, 0.1]))
    put(task, [0, 1, 2], [10, 5, 30])
    state = task.state_dict()
    kept = {key: value.clone() for key, value in state.items() if isinstance(value, Tensor)}
    kept |= {key: value.clone() for key, value in state["randomisation"].items()}
    act(task)
    task.dones(on_reference(task))
    task.rewards()
    task.reset(torch.tensor([0, 1, 2]))
    for key, value in kept.items():
        assert torch.equal(value, (state | state["randomisation"])[key]), key


# --- refusals


def test_a_task_without_groups_cannot_act():
    task = make_task(groups=())
    with pytest.raises(AthenaError, match=r"ppo\.obs_groups"):
        act(task)


def test_a_library_of_another_control_step_is_refused():
    config = TaskConfig()
    config.rewards.terms = {"joint_pos": RewardTerm(1.0)}
    with pytest.raises(ValueError, match=r"control step of 0\.01 s does not fit the library's of 0\.02 s"):
        TrackingTask(config, g1(), LIBRARY, 2, 0.01, ())
