"""Which errors end an episode, and when exactly."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.reference import ReferenceState
from athena_wbc.task.config import TerminationConfig
from athena_wbc.task.rewards import Limits
from athena_wbc.task.state import RobotState
from athena_wbc.task.termination import REASONS, TerminationView, check_termination, violations
from athena_wbc.task.tracking import tracking_errors
from tests.tracking import carried, g1, library_of, robot_at, standing_clip

LIMITS = Limits(g1(), torch.device("cpu"))
WRIST = g1().key_bodies.index("left_wrist_yaw_link")
TORSO = g1().key_bodies.index("torso_link")


def reference_of(count: int) -> ReferenceState:
    """A standing reference, its root at a height of 0.75 m."""
    reference = library_of(standing_clip()).at(torch.zeros(count, dtype=torch.long), torch.arange(count))
    lower = 0.75 - reference.root_pos_w[:, 2:3]
    reference.root_pos_w[:, 2:3] += lower
    reference.body_pos_w[..., 2] += lower
    return reference


def only(reason: str, limit: float) -> TerminationConfig:
    return dataclasses.replace(TerminationConfig(), **dict.fromkeys(REASONS, 0.0) | {reason: limit})


def ended(robot: RobotState, reference: ReferenceState, config: TerminationConfig, scale: float = 1.0) -> dict:
    view = TerminationView(robot, reference, tracking_errors(robot, reference, anchor=0), LIMITS)
    return {reason: mask.tolist() for reason, mask in violations(view, config, scale).items()}


def leaning(robot: RobotState, angles: list[float], axis: str) -> None:
    turn = torch.tensor(Rotation.from_euler(axis, [[angle] for angle in angles]).as_quat(), dtype=torch.float32)
    robot.root_quat_w[:] = turn
    robot.body_quat_w[:, 0] = turn


def test_an_error_ends_the_episode_where_it_reaches_its_limit():
    reference = reference_of(3)
    robot = robot_at(reference)
    robot.root_pos_w[:, 2] = torch.tensor([0.999, 1.0, 0.25])
    assert ended(robot, reference, only("root_height", 0.25)) == {"root_height": [False, True, True]}


def test_a_curriculum_scales_all_limits():
    reference = reference_of(3)
    robot = robot_at(reference)
    robot.root_pos_w[:, 2] = torch.tensor([0.999, 1.0, 1.25])
    assert ended(robot, reference, only("root_height", 0.25), scale=2.0) == {"root_height": [False, False, True]}
    assert ended(robot, reference, only("root_height", 1.0), scale=0.25) == {"root_height": [False, True, True]}


def test_yaw():
    reference = reference_of(3)
    robot = robot_at(reference)
    leaning(robot, [0.49, -0.51, 3.0], "z")
    assert ended(robot, reference, only("root_yaw", 0.5)) == {"root_yaw": [False, True, True]}


@pytest.mark.parametrize("axis", ["x", "y"])
def test_tilt_is_the_angle_between_the_vertical_axes(axis: str):
    reference = reference_of(4)
    robot = robot_at(reference)
    leaning(robot, [0.79, -0.79, 0.81, -3.0], axis)
    assert ended(robot, reference, only("root_tilt", 0.8)) == {"root_tilt": [False, False, True, True]}


def test_heading_is_no_tilt():
    reference = reference_of(2)
    leaning(reference, [0.3, 0.3], "x")
    for yaw in (1.0, 3.0):
        robot = carried(robot_at(reference), yaw, shift=(5.0, 0.0, 0.0))
        assert ended(robot, reference, only("root_tilt", 0.01)) == {"root_tilt": [False, False]}


def test_key_body():
    reference = reference_of(2)
    robot = robot_at(reference)
    robot.body_pos_w[:, TORSO, 0] += torch.tensor([0.49, 0.51])
    assert ended(robot, reference, only("key_body", 0.5)) == {"key_body": [False, True]}


def test_end_effector_height_looks_at_heights_of_end_effectors_alone():
    reference = reference_of(4)
    robot = robot_at(reference)
    robot.body_pos_w[0, WRIST] += torch.tensor([1.0, 1.0, 0.24])
    robot.body_pos_w[1, WRIST, 2] -= 0.26
    robot.body_pos_w[2, TORSO, 2] += 1.0
    robot.body_pos_w[3, WRIST, 2] += 0.26
    expected = {"end_effector_height": [False, True, False, True]}
    assert ended(robot, reference, only("end_effector_height", 0.25)) == expected


@pytest.mark.parametrize("reason", REASONS)
def test_an_error_that_is_not_a_number_ends_the_episode(reason: str):
    reference = reference_of(2)
    robot = robot_at(reference)
    for field in dataclasses.fields(robot):
        getattr(robot, field.name)[0] = math.nan
    assert ended(robot, reference, only(reason, 0.5)) == {reason: [True, False]}


def test_zero_disables_a_limit():
    reference = reference_of(1)
    robot = robot_at(reference)
    robot.body_pos_w += 7.0
    robot.root_pos_w[:, 2] += 7.0
    config = TerminationConfig(root_height=0.0, key_body=0.0, end_effector_height=0.0, root_tilt=0.8)
    assert ended(robot, reference, config) == {"root_tilt": [False]}


def test_on_the_reference_nothing_ends():
    reference = reference_of(2)
    config = dataclasses.replace(TerminationConfig(), **dict.fromkeys(REASONS, 1e-3))
    assert ended(robot_at(reference), reference, config) == {reason: [False, False] for reason in REASONS}


@pytest.mark.parametrize(("key", "value"), [("root_tilt", -0.1), ("scale", 0.0), ("episode_length_s", math.nan)])
def test_numbers_out_of_range_are_refused(key: str, value: float):
    with pytest.raises(AthenaError, match=rf"^task\.termination\.{key}: is {value:g}"):
        check_termination(dataclasses.replace(TerminationConfig(), **{key: value}))
