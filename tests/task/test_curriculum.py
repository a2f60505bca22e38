"""The gravity curriculum (eq. 13): its schedule, who gets it and when, and that only training has it."""

from __future__ import annotations

import pytest
import torch

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.task.config import GravityCurriculumConfig
from athena_wbc.task.curriculum import GravityCurriculum, check_gravity_curriculum, scheduled_alpha
from athena_wbc.task.task import TrackingTask
from tests.tracking import g1, library_of, moving_clip, robot_at, standing_clip

LIBRARY = library_of(standing_clip("stand", 1.0), moving_clip("move", 2.0))
CPU = torch.device("cpu")


def make_task(*overrides: str, num_envs: int = 3, training: bool = True, seed: int = 0) -> TrackingTask:
    config = load_config("balance", ["task.observations=compact", "task.randomisation=none", *overrides]).task
    groups = ("teacher", "student", "critic")
    return TrackingTask(config, g1(), LIBRARY, num_envs, 0.02, groups, seed=seed, training=training)


def begin(task: TrackingTask, step: int = 0) -> torch.Tensor:
    """Start everyone on clip 0; returns what the shell is asked to write into its gravity."""
    ids = torch.arange(task.num_envs)
    physics = task.reset_to(ids, torch.zeros_like(ids), torch.full_like(ids, step), noise=False)[1]
    task.observations(robot_at(LIBRARY.at(task.clip, task.step)))
    return physics.gravity


def follow(task: TrackingTask, fallen: tuple[int, ...] = ()) -> tuple[torch.Tensor, torch.Tensor]:
    """One control step on the reference; the environments `fallen` are half a metre too low."""
    task.actions(torch.zeros(task.num_envs, g1().num_joints))
    robot = robot_at(LIBRARY.at(task.clip, task.step + 1))
    robot.root_pos_w[list(fallen), 2] -= 0.5
    return task.dones(robot)


# --- the schedule


@pytest.mark.parametrize(
    ("progress", "alpha"),
    [(0.0, 0.4), (0.2, 0.4), (0.3, 0.55), (0.4, 0.7), (0.5, 0.85), (0.6, 1.0), (0.7, 1.0), (1.0, 1.0)],
)
def test_the_schedule_by_numbers(progress: float, alpha: float):
    config = GravityCurriculumConfig("progress", alpha_min=0.4, ramp_start=0.2, full_at=0.6)
    assert scheduled_alpha(config, progress) == pytest.approx(alpha, abs=1e-12)


@pytest.mark.parametrize("mode", ["progress", "survival"])
def test_the_last_thirty_percent_are_nominal_at_the_latest_schedule(mode: str):
    curriculum = GravityCurriculum(GravityCurriculumConfig(mode, full_at=0.7, ramp_start=0.7), 2, CPU)
    for iteration in range(20):
        curriculum.set_progress((iteration + 1) / 20)
        assert curriculum.level == (0.5 if iteration < 13 else 1.0), iteration


def test_alpha_never_falls():
    curriculum = GravityCurriculum(GravityCurriculumConfig("progress"), 2, CPU)
    curriculum.set_progress(0.35)
    assert curriculum.level == pytest.approx(0.75)
    curriculum.set_progress(0.2)
    assert curriculum.level == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("full_at", 0.71, r"full_at: is 0\.71; the last 30 % of training run at 1 g, so give at most 0\.7"),
        ("full_at", -0.1, r"full_at: is -0\.1; it must be between 0 and 1"),
        ("ramp_start", 0.65, r"ramp_start: is 0\.65, after full_at = 0\.6; lower it"),
        ("alpha_min", 0.0, r"alpha_min: is 0; it must be positive"),
        ("alpha_min", 1.5, r"alpha_min: is 1\.5; it must be between 0 and 1"),
        ("alpha_min", float("nan"), r"alpha_min: is nan; it must be between 0 and 1"),
        ("survival_share", 1.2, r"survival_share: is 1\.2; it must be between 0 and 1"),
        ("survival_step", 0.0, r"survival_step: is 0; it must be positive"),
        ("survival_episodes", 0.0, r"survival_episodes: is 0; it must be positive"),
        ("mode", "progres", r"mode: unknown 'progres'; did you mean 'progress'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(key: str, value: object, message: str):
    with pytest.raises(AthenaError, match=rf"^task\.gravity_curriculum\.{message}"):
        check_gravity_curriculum(GravityCurriculumConfig(**({"mode": "progress"} | {key: value})))


@pytest.mark.parametrize("training", [True, False])
def test_a_task_with_such_a_schedule_is_refused(training: bool):
    with pytest.raises(AthenaError, match=r"^task\.gravity_curriculum\.full_at: is 0\.8"):
        make_task("task.gravity_curriculum.full_at=0.8", training=training)


# --- who gets it and when


def test_gravity_changes_at_resets_only_and_for_each_environment():
    task = make_task()
    assert begin(task).tolist() == [0.5] * 3
    task.set_progress(0.35)
    follow(task)
    assert task.randomisation.gravity.tolist() == [0.5] * 3, "the episodes go on as they began"
    physics = task.reset(torch.tensor([1]))[1]
    assert physics.gravity.tolist() == pytest.approx([0.75])
    assert task.randomisation.gravity.tolist() == pytest.approx([0.5, 0.75, 0.5])
    assert task.pop_log()["curriculum/gravity"] == pytest.approx((0.5 + 0.75 + 0.5) / 3)


def test_it_multiplies_randomised_gravity():
    task = make_task("task.randomisation.gravity=[0.9, 1.1]", num_envs=64)
    drawn = make_task("task.randomisation.gravity=[0.9, 1.1]", num_envs=64, training=False)
    written = begin(task)
    nominal = begin(drawn)
    assert nominal.min() > 0.9 and nominal.max() < 1.1 and nominal.std() > 0.03
    torch.testing.assert_close(written, 0.5 * nominal)
    torch.testing.assert_close(task.randomisation.gravity, written)


def test_the_critic_alone_sees_it():
    task, nominal = make_task(seed=5), make_task(seed=5, training=False)
    begin(task)
    begin(nominal)
    task.action.action.zero_()
    nominal.action.action.zero_()
    state = robot_at(LIBRARY.at(task.clip, task.step))
    seen, plain = task.observations(state), nominal.observations(state)
    assert torch.equal(seen["teacher"], plain["teacher"]) and torch.equal(seen["student"], plain["student"])
    differs = (seen["critic"] != plain["critic"]).any(0)
    names = [name for name, size in task.observation_schema()["critic"] for _ in range(size)]
    assert [name for name, different in zip(names, differs, strict=True) if different] == ["gravity_scale"]
    assert seen["critic"][:, differs].tolist() == [[0.5]] * 3


@pytest.mark.parametrize("overrides", [(), ("task.gravity_curriculum.mode=none",)])
def test_without_training_or_without_a_curriculum_nothing_is_written(overrides: tuple[str, ...]):
    task = make_task(*overrides, training=bool(overrides))
    assert begin(task) is None
    task.set_progress(0.5)
    follow(task)
    assert task.reset(torch.tensor([0]))[1].gravity is None
    assert task.randomisation.gravity.tolist() == [1.0] * 3
    assert "curriculum/gravity" not in task.pop_log()


def test_at_full_gravity_episodes_that_began_below_end_as_time_outs():
    task = make_task()
    begin(task)
    task.set_progress(0.59)
    assert not torch.stack(follow(task)).any()
    task.reset(torch.tensor([2]))
    task.set_progress(0.6)
    task.reset_to(torch.tensor([1]), torch.tensor([0]), torch.tensor([0]), noise=False)
    terminated, timed_out = follow(task, fallen=(2,))
    assert terminated.tolist() == [False, False, True]
    assert timed_out.tolist() == [True, False, False], "1 began at 1 g, 2 has fallen"
    task.reset(torch.tensor([0, 2]))
    assert task.gravity_curriculum.alpha.tolist() == [1.0] * 3
    assert not follow(task)[1].any(), "once is enough"


# --- survival


def survival(**changes: float) -> GravityCurriculum:
    values = {"ramp_start": 0.6, "survival_share": 0.6, "survival_step": 0.2, "survival_episodes": 2.0} | changes
    return GravityCurriculum(GravityCurriculumConfig("survival", **values), 2, CPU)


def live(curriculum: GravityCurriculum, steps: tuple[int, int], length: int = 10, timed_out: bool = False) -> None:
    """An episode of both environments that could last `length` control steps and lasts `steps`."""
    ids = torch.tensor([0, 1])
    start = torch.tensor([4, 7])
    curriculum.start(ids, start, torch.full((2,), length))
    curriculum.finish(ids, start + torch.tensor(steps), torch.tensor([timed_out] * 2))


def test_alpha_rises_with_survival():
    curriculum = survival()
    live(curriculum, (6, 6))
    curriculum.set_progress(0.1)
    assert curriculum.level == 0.5, "two episodes, four are asked for"
    live(curriculum, (5, 7))
    curriculum.set_progress(0.1)
    assert curriculum.level == 0.7, "24 of 40 steps is the share"
    curriculum.set_progress(0.1)
    assert curriculum.level == 0.7 and curriculum.survival() is None, "the next rise needs new episodes"


def test_alpha_stays_without_survival_until_the_schedule_lifts_it():
    curriculum = survival(ramp_start=0.5)
    for _ in range(3):
        live(curriculum, (5, 6))
        live(curriculum, (5, 6))
        curriculum.set_progress(0.4)
    assert curriculum.level == 0.5
    curriculum.set_progress(0.55)
    assert curriculum.level == pytest.approx(0.75)
    curriculum.set_progress(0.6)
    assert curriculum.level == 1.0


def test_long_episodes_count_more_than_short_ones():
    curriculum = survival(survival_episodes=2.0)
    live(curriculum, (2, 2), length=2)
    live(curriculum, (50, 50), length=100)
    assert curriculum.survival() == pytest.approx(104 / 204)
    curriculum.set_progress(0.0)
    assert curriculum.level == 0.5


def test_an_episode_that_times_out_has_lived_fully():
    curriculum = survival(survival_episodes=1.0)
    live(curriculum, (1, 1), timed_out=True)
    assert curriculum.figures() == {"curriculum/gravity": 0.5, "curriculum/survival": 1.0}
    curriculum.set_progress(0.0)
    assert curriculum.level == 0.7


def test_alpha_does_not_rise_beyond_one():
    curriculum = survival(survival_step=0.4, survival_episodes=1.0)
    for level in (0.9, 1.0, 1.0):
        live(curriculum, (10, 10))
        curriculum.set_progress(0.0)
        assert curriculum.level == level


def test_the_task_tells_survival_what_an_episode_could_last():
    task = make_task("task.gravity_curriculum.mode=survival", "task.termination.episode_length_s=0.5")
    begin(task, step=40)
    for _ in range(4):
        follow(task)
    follow(task, fallen=(1,))
    task.reset(torch.tensor([1]))
    assert task.gravity_curriculum.survival() == pytest.approx(5 / 10), "the clip has 10 steps left at step 40"
    begin(task, step=10)
    follow(task, fallen=(0,))
    task.reset(torch.tensor([0]))
    assert task.gravity_curriculum.survival() == pytest.approx(6 / 35), "an episode has 25 steps at most"


# --- the state


def test_state_goes_round_exactly():
    overrides = ("task.gravity_curriculum.mode=survival",)
    first, second = make_task(*overrides), make_task(*overrides, seed=9)
    begin(first)
    begin(second)
    first.set_progress(0.55)
    follow(first)
    first.reset(torch.tensor([0]))
    follow(first, fallen=(2,))
    first.reset(torch.tensor([2]))
    state = first.state_dict()
    saved = state["gravity_curriculum"]["alpha"].clone()
    second.load_state_dict(state)
    for task in (first, second):
        task.set_progress(0.2)
        follow(task, fallen=(1,))
        task.reset(torch.tensor([1]))
    curricula = [task.gravity_curriculum.state_dict() for task in (first, second)]
    assert curricula[0].keys() == curricula[1].keys()
    for key, value in curricula[0].items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(curricula[1][key])), key
    assert torch.equal(state["gravity_curriculum"]["alpha"], saved), "the state is a copy"
    assert first.pop_log() == second.pop_log()


def test_a_state_from_before_is_no_matter_without_a_curriculum():
    task = make_task("task.gravity_curriculum.mode=none")
    begin(task)
    state = task.state_dict()
    del state["gravity_curriculum"]
    task.step += 1
    task.load_state_dict(state)
    assert torch.equal(task.step, state["step"])
