"""Reward terms by hand and against a slow reference; families, weights, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.task import rewards
from athena_wbc.task.config import ObservationGroup, ObservationTerm, RewardConfig, RewardTerm, TaskConfig
from athena_wbc.task.rewards import FAMILIES, TERMS, RewardSum
from athena_wbc.task.state import RobotState
from athena_wbc.task.task import TrackingTask
from tests.task.slow import Row, anchored
from tests.tracking import g1, library_of, moving_clip, random_robot, robot_at

DT = 0.02
LIBRARY = library_of(moving_clip("a", 1.2), moving_clip("b", 0.5, swing=0.4))
CLIP, STEP = torch.tensor([0, 1, 0]), torch.tensor([7, 3, 40])
N, J = len(CLIP), g1().num_joints
FEET = [g1().key_bodies.index(name) for name in g1().feet]
ENDS = [g1().key_bodies.index(name) for name in g1().end_effectors]
ACTIONS = [torch.linspace(-1.0, 1.0, N * J).view(N, J).pow(power) for power in (1, 2, 3)]


def make_task(config: RewardConfig) -> TrackingTask:
    """A task whose environments reach STEP with the next control step."""
    task_config = TaskConfig(rewards=config)
    task_config.observations.teacher = ObservationGroup([ObservationTerm("joint_pos")])
    task = TrackingTask(task_config, g1(), LIBRARY, N, DT, ("teacher",))
    task.clip, task.step = CLIP.clone(), STEP - 1
    return task


def reward_of(task: TrackingTask, robot: RobotState, before: RobotState | None = None) -> Tensor:
    """Reward of the control step from `before` to `robot`, after three actions."""
    task.observe(before if before is not None else robot)
    for action in ACTIONS:
        task.actions(action)
    task.dones(robot)
    return task.rewards()


def value_of(name: str, robot: RobotState, before: RobotState | None = None, **settings) -> Tensor:
    """A term's value: its reward at a weight of 1 / dt."""
    config = RewardConfig(terms={name: RewardTerm(weight=1.0 / DT, **settings)})
    return reward_of(make_task(config), robot, before)


# --- each term


class Scene:
    """One environment of a slow reference."""

    def __init__(self, robot: RobotState, before: RobotState, env: int) -> None:
        self.robot, self.before = Row(robot, env), Row(before, env)
        self.reference = Row(LIBRARY.at(CLIP, STEP), env)
        self.turn, self.positions, self.rotations = anchored(self.robot, self.reference, anchor=0)
        self.actions = [action[env].double().numpy() for action in ACTIONS]
        lead = TaskConfig().action.lead_steps
        base = LIBRARY.at(CLIP, STEP - 1 + lead).joint_pos[env].double().numpy()
        self.target = base + g1().action_scale * self.actions[2]


def closeness(squared: float, std: float) -> float:
    return math.exp(-squared / std**2)


def length2(vectors: np.ndarray) -> np.ndarray:
    return (np.asarray(vectors) ** 2).sum(-1)


def angle2(first, second) -> float:
    return (first * second.inv()).magnitude() ** 2


LOWER, UPPER = g1().joint_lower, g1().joint_upper
SPEED, EFFORT = g1().velocity_limit, g1().effort_limit
SETTINGS: dict[str, dict[str, float]] = {
    "root_pos": {"std": 2.0},
    "root_ori": {"std": 2.0},
    "body_pos": {"std": 0.8},
    "end_effector_pos": {"std": 0.9},
    "body_ori": {"std": 2.5},
    "body_lin_vel": {"std": 4.0},
    "body_ang_vel": {"std": 6.0},
    "joint_pos": {"std": 0.7},
    "joint_vel": {"std": 1.5},
    "joint_pos_limit": {"threshold": 0.3},
    "joint_vel_limit": {"threshold": 0.02},
    "torque_limit": {"threshold": 1.2},
    "foot_slip": {"threshold": 100.0},
}


def over(values: np.ndarray, threshold: float) -> float:
    return float(np.maximum(np.abs(values) - threshold, 0.0).sum())


SLOW: dict[str, Callable[[Scene, dict[str, float]], float]] = {
    "root_pos": lambda s, c: closeness(length2(s.robot.root_pos_w - s.reference.root_pos_w), c["std"]),
    "root_ori": lambda s, c: closeness(angle2(s.robot.root, s.reference.root), c["std"]),
    "body_pos": lambda s, c: closeness(length2(s.robot.body_pos_w - s.positions).mean(), c["std"]),
    "end_effector_pos": lambda s, c: closeness(length2(s.robot.body_pos_w - s.positions)[ENDS].mean(), c["std"]),
    "body_ori": lambda s, c: closeness(np.mean(list(map(angle2, s.robot.bodies, s.rotations))), c["std"]),
    "body_lin_vel": lambda s, c: closeness(
        length2(s.robot.body_lin_vel_w - s.turn.apply(s.reference.body_lin_vel_w)).mean(), c["std"]
    ),
    "body_ang_vel": lambda s, c: closeness(
        length2(s.robot.body_ang_vel_w - s.turn.apply(s.reference.body_ang_vel_w)).mean(), c["std"]
    ),
    "joint_pos": lambda s, c: closeness(((s.robot.joint_pos - s.reference.joint_pos) ** 2).mean(), c["std"]),
    "joint_vel": lambda s, c: closeness(((s.robot.joint_vel - s.reference.joint_vel) ** 2).mean(), c["std"]),
    "joint_pos_limit": lambda s, c: sum(
        max(abs(q - (low + high) / 2) - c["threshold"] * (high - low) / 2, 0.0)
        for q, low, high in zip(s.robot.joint_pos, LOWER, UPPER, strict=True)
    ),
    "joint_vel_limit": lambda s, c: over(s.robot.joint_vel / SPEED, c["threshold"]),
    "torque_limit": lambda s, c: over(
        (g1().stiffness * (s.target - s.robot.joint_pos) - g1().damping * s.robot.joint_vel) / EFFORT, c["threshold"]
    ),
    "foot_slip": lambda s, c: sum(
        length2(s.robot.body_lin_vel_w[body, :2])
        for body, force in zip(FEET, s.robot.foot_force, strict=True)
        if force > c["threshold"]
    ),
    "undesired_contact": lambda s, c: float(s.robot.undesired_contact),
    "torque": lambda s, c: length2(s.robot.joint_torque / EFFORT),
    "energy": lambda s, c: np.abs(s.robot.joint_torque * s.robot.joint_vel).sum(),
    "joint_speed": lambda s, c: length2(s.robot.joint_vel),
    "joint_acc": lambda s, c: length2((s.robot.joint_vel - s.before.joint_vel) / DT),
    "action_rate": lambda s, c: length2(s.actions[2] - s.actions[1]),
    "action_smoothness": lambda s, c: length2(s.actions[2] - 2 * s.actions[1] + s.actions[0]),
    "torque_rate": lambda s, c: length2((s.robot.joint_torque - s.before.joint_torque) / EFFORT),
}


def test_every_term_has_a_slow_reference():
    assert set(SLOW) == set(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_term_against_its_slow_reference(name: str):
    robot, before = random_robot(N, seed=31), random_robot(N, seed=32)
    settings = SETTINGS.get(name, {})
    result = value_of(name, robot, before, **settings)
    expected = [SLOW[name](Scene(robot, before, env), settings) for env in range(N)]
    np.testing.assert_allclose(result.numpy(), expected, rtol=2e-4, atol=1e-6)
    if name not in ("undesired_contact", "foot_slip"):
        assert min(expected) > 1e-3, "every environment tells"


@pytest.mark.parametrize("name", TERMS)
def test_families_are_those_of_the_paper(name: str):
    families = {
        "track": "root_pos root_ori body_pos end_effector_pos body_ori body_lin_vel body_ang_vel joint_pos joint_vel",
        "phys": "joint_pos_limit joint_vel_limit torque_limit foot_slip undesired_contact",
        "effort": "torque energy joint_speed joint_acc",
        "temp": "action_rate action_smoothness torque_rate",
    }
    assert name in families[TERMS[name].family].split()


def test_a_tracking_term_is_one_over_e_at_its_width():
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    robot.root_pos_w += torch.tensor([0.0, 0.3, 0.4])
    assert value_of("root_pos", robot, std=0.5).tolist() == pytest.approx([math.exp(-1.0)] * N, rel=1e-5)
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    robot.joint_pos[:, 3] += 0.2 * math.sqrt(J)
    assert value_of("joint_pos", robot, std=0.2).tolist() == pytest.approx([math.exp(-1.0)] * N, rel=1e-5)


def test_limits_are_free_inside_their_threshold():
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    middle = torch.tensor((LOWER + UPPER) / 2, dtype=torch.float32)
    half = torch.tensor((UPPER - LOWER) / 2, dtype=torch.float32)
    robot.joint_pos[:] = middle + 0.899 * half
    assert value_of("joint_pos_limit", robot, threshold=0.9).tolist() == [0.0] * N
    robot.joint_pos[:] = middle - half
    assert value_of("joint_pos_limit", robot, threshold=0.9).tolist() == pytest.approx([0.1 * half.sum().item()] * N)


def test_the_torque_limit_counts_what_is_demanded_and_not_what_is_left_of_it():
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    config = RewardConfig(terms={"torque_limit": RewardTerm(weight=1.0 / DT, threshold=0.9)})
    task = make_task(config)
    task.observe(robot)
    target = task.actions(torch.zeros(N, J)).target
    stiffness, damping, effort = (torch.tensor(v, dtype=torch.float32) for v in (g1().stiffness, g1().damping, EFFORT))
    # The first robot asks for three times the limits, the second for 0.9 of them, the third brakes with as much as
    # its spring pushes: 1.5 limits less 1.5 limits. The simulator applies no more than the limit.
    robot.joint_pos = target - torch.tensor([[3.0], [0.899], [1.5]]) * effort / stiffness
    robot.joint_vel = torch.tensor([[0.0], [0.0], [1.5]]) * effort / damping
    robot.joint_torque[:] = effort
    task.dones(robot)
    assert task.rewards().tolist() == pytest.approx([2.1 * J, 0.0, 0.0], rel=1e-4, abs=1e-3)


def test_foot_slip_counts_loaded_feet_alone():
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    robot.body_lin_vel_w[:, FEET] = torch.tensor([[0.3, 0.4, 5.0], [0.0, -1.0, 0.0]])
    robot.foot_force[:] = torch.tensor([[6.0, 0.0], [5.0, 5.0], [50.0, 90.0]])
    assert value_of("foot_slip", robot, threshold=5.0).tolist() == pytest.approx([0.25, 0.0, 1.25])


# --- the sum


def base_config(**factors: float) -> RewardConfig:
    config = load_config("general").task.rewards
    for family, factor in factors.items():
        setattr(config, family, factor)
    return config


def test_perfect_tracking_earns_all_weights_of_track():
    config = base_config(phys=0.0, effort=0.0, temp=0.0)
    total = sum(term.weight for name, term in config.terms.items() if TERMS[name].family == "track")
    reward = reward_of(make_task(config), robot_at(LIBRARY.at(CLIP, STEP)))
    assert reward.tolist() == pytest.approx([total * DT] * N, rel=1e-5)


def test_perfect_tracking_far_away_loses_the_world_terms_alone():
    config = base_config(phys=0.0, effort=0.0, temp=0.0)
    robot = robot_at(LIBRARY.at(CLIP, STEP))
    robot.root_pos_w[:, :2] += 100.0
    robot.body_pos_w[..., :2] += 100.0
    total = sum(term.weight for name, term in config.terms.items() if TERMS[name].family == "track")
    expected = (total - config.terms["root_pos"].weight) * DT
    assert reward_of(make_task(config), robot).tolist() == pytest.approx([expected] * N, rel=1e-4)


def test_the_reward_is_the_weighted_sum_of_its_terms_and_families():
    robot, before = random_robot(N, seed=31), random_robot(N, seed=32)
    config = base_config(track=2.0, phys=0.5, effort=3.0, temp=0.25)
    expected = torch.zeros(N)
    for name, term in config.terms.items():
        value = value_of(name, robot, before, std=term.std, threshold=term.threshold)
        expected += value * term.weight * getattr(config, TERMS[name].family) * DT
    task = make_task(config)
    torch.testing.assert_close(reward_of(task, robot, before), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(task.reward.episode_sums.sum(-1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_factor_of_zero_switches_a_family_off(family: str, monkeypatch: pytest.MonkeyPatch):
    def never(view, term):
        raise AssertionError(f"a term of {family} was computed")

    for name, spec in list(TERMS.items()):
        if spec.family == family:
            monkeypatch.setitem(TERMS, name, rewards.TermSpec(never, family))
    task = make_task(base_config(**{family: 0.0}))
    reward_of(task, random_robot(N, seed=31), random_robot(N, seed=32))
    assert set(task.reward.families) == set(FAMILIES) - {family}


def test_a_term_without_weight_is_not_computed():
    config = RewardConfig(terms={"joint_pos": RewardTerm(1.0), "energy": RewardTerm(0.0)})
    assert RewardSum(config, 1, DT, torch.device("cpu")).names == ["joint_pos"]


def test_episode_sums_grow_and_start_anew_with_a_reset():
    task = make_task(RewardConfig(terms={"joint_pos": RewardTerm(2.0), "root_pos": RewardTerm(3.0)}))
    task.observe(robot_at(LIBRARY.at(CLIP, STEP - 1)))
    for ahead in range(3):
        task.actions(ACTIONS[0])
        task.dones(robot_at(LIBRARY.at(CLIP, STEP + ahead)))
        task.rewards()
    expected = torch.tensor([3 * 2.0 * DT, 3 * 3.0 * DT]).expand(N, 2)
    torch.testing.assert_close(task.reward.episode_sums, expected, rtol=1e-5, atol=0.0)
    task.reset(torch.tensor([1]))
    assert task.reward.episode_sums.count_nonzero(dim=-1).tolist() == [2, 0, 2]


# --- refusals


def test_an_unknown_term_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^task\.rewards\.terms: unknown 'bodypos'; did you mean 'body_pos'"):
        RewardSum(RewardConfig(terms={"bodypos": RewardTerm(1.0)}), 1, DT, torch.device("cpu"))


@pytest.mark.parametrize("terms", [{}, {"joint_pos": RewardTerm(0.0)}])
def test_no_reward_at_all_is_refused(terms: dict[str, RewardTerm]):
    with pytest.raises(AthenaError, match=r"^task\.rewards\.terms: no term has a weight"):
        RewardSum(RewardConfig(terms=terms), 1, DT, torch.device("cpu"))


def test_a_width_of_zero_is_refused():
    with pytest.raises(AthenaError, match=r"^task\.rewards\.terms\.joint_pos\.std: is 0; it must be positive"):
        RewardSum(RewardConfig(terms={"joint_pos": RewardTerm(1.0, std=0.0)}), 1, DT, torch.device("cpu"))
