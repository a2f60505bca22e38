"""Observation terms against a slow reference, and how groups assemble them: order, noise, history, sizes."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.motion.library import MotionLibrary
from athena_wbc.task.config import ObservationGroup, ObservationTerm, RewardTerm, TaskConfig
from athena_wbc.task.observations import TERMS
from athena_wbc.task.state import RobotState
from athena_wbc.task.task import TrackingTask
from tests.task.slow import Row, anchored, heading, sixd
from tests.tracking import carried, g1, library_of, moving_clip, random_robot, standing_clip

LIBRARY = library_of(moving_clip("a", 1.2), moving_clip("b", 0.5, swing=0.4))
CLIP = torch.tensor([0, 1, 0, 1])
STEP = torch.tensor([7, 3, 58, 25])
"""The third lies two control steps before the end of its clip, the fourth on the end."""

STEPS = (0, 4, -2)
K, J = len(g1().key_bodies), g1().num_joints
WEIGHT = g1().mass * 9.81


def make_task(
    terms: Sequence[ObservationTerm], num_envs: int = len(CLIP), noise: bool = False, library: MotionLibrary = LIBRARY
) -> TrackingTask:
    """A task with one group, `teacher`, whose environments are at CLIP and STEP."""
    config = TaskConfig()
    config.observations.teacher = ObservationGroup(list(terms), noise)
    config.rewards.terms = {"joint_pos": RewardTerm(1.0)}
    task = TrackingTask(config, g1(), library, num_envs, 0.02, ("teacher",))
    task.clip, task.step = CLIP[:num_envs].clone(), STEP[:num_envs].clone()
    return task


def observe(task: TrackingTask, robot: RobotState) -> Tensor:
    """Observations of a state that follows another one, without a control step in between."""
    task.observe(robot)
    return task.observations(robot)["teacher"]


def term(name: str, **changes) -> ObservationTerm:
    return ObservationTerm(name, list(STEPS) if TERMS[name].reference else [], **changes)


# --- what each term is


@dataclasses.dataclass
class Scene:
    """One environment of a slow reference."""

    robot: Row
    now: Row
    """The reference of now."""
    future: list[Row]
    """The reference at each of STEPS."""
    gravity: float
    last_action: np.ndarray

    def __post_init__(self) -> None:
        self.default = g1().default_joint_pos
        self.heading = heading(self.robot.root)
        self.turn, self.anchored_pos, self.anchored_rotations = anchored(self.robot, self.now, anchor=0)

    def here(self, vectors: np.ndarray) -> np.ndarray:
        """World vectors in the robot's heading frame."""
        return self.heading.inv().apply(vectors)


SLOW: dict[str, Callable[[Scene], object]] = {
    "projected_gravity": lambda s: s.robot.root.inv().apply([0.0, 0.0, -1.0]),
    "base_ang_vel": lambda s: s.robot.root.inv().apply(s.robot.root_ang_vel_w),
    "joint_pos": lambda s: s.robot.joint_pos - s.default,
    "joint_vel": lambda s: s.robot.joint_vel,
    "last_action": lambda s: s.last_action,
    "reference_joint_pos": lambda s: [f.joint_pos - s.default for f in s.future],
    "reference_joint_vel": lambda s: [f.joint_vel for f in s.future],
    "reference_orientation": lambda s: [sixd(s.robot.root.inv() * f.root) for f in s.future],
    "reference_height": lambda s: [f.root_pos_w[2] for f in s.future],
    "reference_lin_vel": lambda s: [heading(f.root).inv().apply(f.root_lin_vel_w) for f in s.future],
    "reference_ang_vel": lambda s: [heading(f.root).inv().apply(f.root_ang_vel_w) for f in s.future],
    "base_lin_vel": lambda s: s.robot.root.inv().apply(s.robot.root_lin_vel_w),
    "base_height": lambda s: s.robot.root_pos_w[2],
    "root_pos_error": lambda s: s.here(s.now.root_pos_w - s.robot.root_pos_w),
    "body_pos": lambda s: s.here(s.robot.body_pos_w[1:] - s.robot.root_pos_w),
    "body_ori": lambda s: [sixd(s.heading.inv() * body) for body in s.robot.bodies],
    "body_lin_vel": lambda s: s.here(s.robot.body_lin_vel_w),
    "body_ang_vel": lambda s: s.here(s.robot.body_ang_vel_w),
    "body_pos_error": lambda s: s.here(s.anchored_pos - s.robot.body_pos_w),
    "body_ori_error": lambda s: [
        sixd(body.inv() * reference) for body, reference in zip(s.robot.bodies, s.anchored_rotations, strict=True)
    ],
    "body_lin_vel_error": lambda s: s.here(s.turn.apply(s.now.body_lin_vel_w) - s.robot.body_lin_vel_w),
    "body_ang_vel_error": lambda s: s.here(s.turn.apply(s.now.body_ang_vel_w) - s.robot.body_ang_vel_w),
    "reference_body_pos": lambda s: s.here(s.anchored_pos - s.robot.root_pos_w),
    "reference_body_ori": lambda s: [sixd(s.heading.inv() * body) for body in s.anchored_rotations],
    "foot_force": lambda s: s.robot.foot_force / WEIGHT,
    "gravity_scale": lambda s: s.gravity,
}


def test_every_term_has_a_slow_reference():
    assert set(SLOW) == set(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_term_against_its_slow_reference(name: str):
    robot = random_robot(len(CLIP), seed=21)
    task = make_task([term(name)])
    task.randomisation.gravity[:] = torch.tensor([1.0, 0.5, 0.75, 0.3])
    task.action.action[:] = torch.arange(len(CLIP) * J).view(len(CLIP), J) / 10.0
    result = observe(task, robot)
    now = LIBRARY.at(CLIP, STEP)
    future = LIBRARY.generalised(CLIP, STEP.unsqueeze(-1) + torch.tensor(STEPS))
    for env in range(len(CLIP)):
        scene = Scene(
            robot=Row(robot, env),
            now=Row(now, env),
            future=[Row(future, (env, index)) for index in range(len(STEPS))],
            gravity=task.randomisation.gravity[env].item(),
            last_action=task.action.action[env].numpy(),
        )
        expected = np.asarray(SLOW[name](scene), dtype=np.float64).reshape(-1)
        np.testing.assert_allclose(result[env].numpy(), expected, atol=5e-5, err_msg=f"environment {env}")


def test_the_future_is_held_at_the_clips_end():
    task = make_task([ObservationTerm("reference_joint_pos", [0, 2, 3, 500])])
    frames = observe(task, random_robot(len(CLIP), seed=1)).view(len(CLIP), 4, J)
    # The third environment reaches its clip's end in two steps, the fourth is on it.
    assert torch.equal(frames[2, 1], frames[2, 2]) and torch.equal(frames[2, 1], frames[2, 3])
    assert torch.equal(frames[3, 0], frames[3, 1])
    assert not torch.equal(frames[2, 0], frames[2, 1])
    last = torch.as_tensor(moving_clip("b", 0.5, swing=0.4).joint_pos[-1] - g1().default_joint_pos, dtype=torch.float32)
    torch.testing.assert_close(frames[3, 3], last)


# --- what each term does not depend on


@pytest.mark.parametrize(("yaw", "shift"), [(2.1, (12.0, -7.0, 0.0)), (-0.6, (0.0, 50.0, 0.0))])
def test_no_term_knows_where_in_the_world_it_is(yaw: float, shift: tuple[float, float, float]):
    clips = [moving_clip("a", 1.2), moving_clip("b", 0.5, swing=0.4)]
    moved = []
    for clip in clips:
        state = LIBRARY.generalised(torch.tensor([0]), torch.tensor([[0]]))
        rows = dataclasses.replace(
            state,
            root_pos_w=torch.tensor(clip.root_pos, dtype=torch.float32),
            root_quat_w=torch.tensor(clip.root_quat, dtype=torch.float32),
        )
        placed = carried(rows, yaw, shift)
        moved.append(clip.replace(root_pos=placed.root_pos_w.numpy(), root_quat=placed.root_quat_w.numpy()))
    robot = random_robot(len(CLIP), seed=22)
    terms = [term(name) for name in TERMS]
    here = observe(make_task(terms), robot)
    there = observe(make_task(terms, library=library_of(*moved)), carried(robot, yaw, shift))
    # Positions are float32 at 50 m, velocities their differences over 0.04 s.
    torch.testing.assert_close(there, here, atol=2e-3, rtol=0.0)


MEASURED = ("root_quat_w", "root_ang_vel_w", "joint_pos", "joint_vel")
"""What an IMU and encoders give."""


@pytest.mark.parametrize("preset", ["compact", "full"])
def test_the_student_sees_nothing_that_a_real_robot_cannot_measure(preset: str):
    config = load_config("general", [f"task.observations={preset}"])
    group = config.task.observations.student
    assert not {t.term for t in group.terms} & {"base_lin_vel", "root_pos_error", "base_height", "foot_force"}
    terms = [dataclasses.replace(t, noise=0.0) for t in group.terms]
    robot, other = random_robot(len(CLIP), seed=23), random_robot(len(CLIP), seed=24)
    other = dataclasses.replace(other, **{key: getattr(robot, key) for key in MEASURED})
    first, second = make_task(terms), make_task(terms)
    second.randomisation.gravity[:] = 0.4
    assert torch.equal(observe(first, robot), observe(second, other))
    for key in MEASURED:
        changed = dataclasses.replace(robot, **{key: getattr(random_robot(len(CLIP), seed=25), key)})
        assert not torch.equal(observe(make_task(terms), changed), observe(make_task(terms), robot)), key


# --- sizes of the presets


def schema_of(preset: str, group: str) -> dict[str, int]:
    config = load_config("general", [f"task.observations={preset}"]).task
    task = TrackingTask(config, g1(), LIBRARY, len(CLIP), 0.02, (group,))
    size = task.observations(random_robot(len(CLIP), seed=1))[group].shape
    schema = task.observation_schema()[group]
    assert size == (len(CLIP), sum(width for _, width in schema))
    return dict(schema)


@pytest.mark.parametrize("group", ["teacher", "student", "critic"])
def test_compact_groups_have_at_most_320_inputs(group: str):
    assert sum(schema_of("compact", group).values()) <= 320


def test_the_full_student_has_sonics_blocks():
    sizes = schema_of("full", "student")
    reference = {name: size for name, size in sizes.items() if name.startswith("reference")}
    own = {name: size for name, size in sizes.items() if name not in reference}
    # Ten future frames of 29 positions, 29 velocities and a 6D orientation.
    assert sum(reference.values()) == 10 * (29 + 29 + 6) == 640
    assert all("@0,5,10,15,20,25,30,35,40,45" in name for name in reference)
    # Ten steps of gravity, gyroscope, positions, velocities and actions.
    assert sum(own.values()) == 10 * (3 + 3 + 29 + 29 + 29) == 930
    assert all(name.endswith(" x10") for name in own)


def test_the_full_teacher_has_omnih2os_blocks():
    sizes = schema_of("full", "teacher")
    own = sum(sizes[name] for name in ("body_pos", "body_ori", "body_lin_vel", "body_ang_vel", "last_action"))
    errors = sum(sizes[f"body_{name}_error"] for name in ("pos", "ori", "lin_vel", "ang_vel"))
    target = sizes["reference_body_pos"] + sizes["reference_body_ori"]
    # Self: 3 (K - 1) + 6 K + 3 K + 3 K + J; task: 15 K of differences and 9 K of the target itself.
    assert own == 15 * K - 3 + J
    assert errors == 15 * K
    assert target == 9 * K
    assert own + errors + target == 39 * K - 3 + J == 572


def test_the_schema_names_terms_steps_and_history():
    terms = [ObservationTerm("joint_pos", history=3), ObservationTerm("reference_height", [1, 6])]
    task = make_task(terms)
    observe(task, random_robot(len(CLIP), seed=1))
    assert task.observation_schema() == {"teacher": [("joint_pos x3", 3 * J), ("reference_height@1,6", 2)]}


def test_terms_stand_in_the_order_of_the_configuration():
    robot = random_robot(len(CLIP), seed=1)
    terms = [ObservationTerm(name) for name in ("joint_vel", "base_height", "joint_pos")]
    result = observe(make_task(terms), robot)
    assert torch.equal(result[:, :J], robot.joint_vel)
    assert torch.equal(result[:, J : J + 1], robot.root_pos_w[:, 2:])
    default = torch.as_tensor(g1().default_joint_pos, dtype=torch.float32)
    assert torch.equal(result[:, J + 1 :], robot.joint_pos - default)


# --- history


def with_joint_vel(value: list[float]) -> RobotState:
    """Two robots whose joints all move at one speed each, rad/s."""
    robot = random_robot(2, seed=1)
    robot.joint_vel[:] = torch.tensor(value).unsqueeze(-1)
    return robot


def test_history_is_ten_steps_oldest_first_and_starts_full():
    task = make_task([ObservationTerm("joint_vel", history=10)], num_envs=2)
    for k in range(1, 13):
        history = observe(task, with_joint_vel([k, -k])).view(2, 10, J)
        expected = [max(1, k - age) for age in range(9, -1, -1)]
        assert history[0, :, 0].tolist() == expected, "an episode's first measurement fills the past"
        assert history[1, :, 5].tolist() == [-value for value in expected]


def test_a_reset_starts_the_history_of_its_environment_alone():
    terms = [ObservationTerm("joint_vel", history=3), ObservationTerm("base_height")]
    task = make_task(terms, num_envs=2)
    for k in (1.0, 2.0, 3.0):
        observe(task, with_joint_vel([k, 10 * k]))
    task.reset_to(torch.tensor([1]), torch.tensor([0]), torch.tensor([4]), noise=False)
    history = task.observations(with_joint_vel([4.0, 70.0]))["teacher"][:, : 3 * J].view(2, 3, J)[..., 0]
    assert history.tolist() == [[2.0, 3.0, 4.0], [70.0, 70.0, 70.0]]
    history = observe(task, with_joint_vel([5.0, 80.0]))[:, : 3 * J].view(2, 3, J)[..., 0]
    assert history.tolist() == [[3.0, 4.0, 5.0], [70.0, 70.0, 80.0]]


def test_handed_out_observations_stay_as_they_are():
    task = make_task([ObservationTerm("joint_vel", history=4)], num_envs=2)
    first = observe(task, with_joint_vel([1.0, 1.0]))
    kept = first.clone()
    for k in (2.0, 3.0):
        observe(task, with_joint_vel([k, k]))
    task.reset_to(torch.tensor([0, 1]), CLIP[:2], STEP[:2], noise=False)
    task.observations(with_joint_vel([9.0, 9.0]))
    assert torch.equal(first, kept)


# --- noise


def test_noise_is_uniform_within_its_half_width_and_only_where_the_group_asks():
    robot = random_robot(len(CLIP), seed=1)
    terms = [ObservationTerm("joint_vel", noise=0.5), ObservationTerm("joint_pos"), term("base_ang_vel", noise=0.2)]
    clean = observe(make_task(terms), robot)
    task = make_task(terms, noise=True)
    draws = torch.stack([observe(task, robot) - clean for _ in range(300)])
    velocity, position, gyroscope = draws.split([J, J, 3], dim=-1)
    assert position.abs().max() == 0.0
    assert 0.49 < velocity.max() <= 0.5 and -0.5 <= velocity.min() < -0.49
    assert 0.19 < gyroscope.max() <= 0.2001
    # 35k draws of variance width^2 / 3.
    assert velocity.std().item() == pytest.approx(0.5 / 3**0.5, rel=0.02)
    assert abs(velocity.mean().item()) < 0.01
    same_column = velocity[:, 0, 0] == velocity[:, 0, 1]
    assert not same_column.any() and not (velocity[:, 0] == velocity[:, 1]).any(), "each number has noise of its own"


def test_a_measurement_keeps_its_noise_as_it_ages():
    task = make_task([ObservationTerm("joint_vel", history=3, noise=0.5)], num_envs=2, noise=True)
    seen = [observe(task, with_joint_vel([1.0, 1.0])).view(2, 3, J) for _ in range(4)]
    for before, after in itertools.pairwise(seen):
        assert torch.equal(after[:, :2], before[:, 1:])
        assert not torch.equal(after[:, 2], before[:, 2])
    assert torch.equal(seen[0][:, 0], seen[0][:, 2]), "the first measurement is made once"


def test_the_encoder_bias_reaches_measured_joint_positions_alone():
    robot = random_robot(len(CLIP), seed=1)
    bias = torch.linspace(-0.1, 0.1, len(CLIP) * J).view(len(CLIP), J)
    for name in TERMS:
        for noise in (False, True):
            task = make_task([term(name)], noise=noise)
            clean = observe(task, robot)
            task.randomisation.encoder_bias[:] = bias
            shift = observe(task, robot) - clean
            if noise and name == "joint_pos":
                torch.testing.assert_close(shift, bias, atol=1e-6, rtol=0.0)
            else:
                assert shift.abs().max() == 0.0, name


def test_the_seed_decides_the_noise():
    def draw(seed: int) -> Tensor:
        task = make_task([term("joint_vel", noise=0.5)], noise=True)
        task.generator.manual_seed(seed)
        return observe(task, random_robot(len(CLIP), seed=1))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


# --- refusals


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (ObservationTerm("joint_poss"), "[1].term: unknown 'joint_poss'; did you mean 'joint_pos'?"),
        (ObservationTerm("reference_height"), "[1].steps: 'reference_height' needs control steps ahead"),
        (ObservationTerm("joint_pos", steps=[1]), "[1].steps: 'joint_pos' takes none"),
        (ObservationTerm("joint_pos", history=0), "[1].history: must be at least 1, is 0"),
        (ObservationTerm("joint_pos", noise=-0.1), "[1].noise: is -0.1"),
    ],
)
def test_a_bad_term_is_refused_by_its_place(bad: ObservationTerm, message: str):
    with pytest.raises(AthenaError, match="^" + re.escape("task.observations.teacher.terms" + message)):
        make_task([ObservationTerm("joint_vel"), bad])


def test_a_group_without_terms_is_refused():
    with pytest.raises(AthenaError, match=r"^task\.observations\.teacher: has no terms"):
        make_task([])


def test_an_unknown_group_is_refused():
    config = TaskConfig()
    config.rewards.terms = {"joint_pos": RewardTerm(1.0)}
    with pytest.raises(AthenaError, match=r"^ppo\.obs_groups: group unknown 'techer'; did you mean 'teacher'"):
        TrackingTask(config, g1(), library_of(standing_clip()), 1, 0.02, ("techer",))
