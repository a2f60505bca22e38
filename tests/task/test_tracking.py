"""Tracking errors against hand-made displacements and a slow reference in SciPy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.motion.reference import ReferenceState
from athena_wbc.task.tracking import tracking_errors
from tests.task.slow import Row, anchored, twist
from tests.tracking import carried, g1, random_reference, random_robot, robot_at

KEYS = g1().key_bodies
TORSO = KEYS.index("torso_link")
WRIST = KEYS.index("left_wrist_yaw_link")


def upright(count: int = 1, yaw: float = 0.0) -> ReferenceState:
    """A reference that stands, looking along `yaw`."""
    reference = random_reference(count, seed=5)
    turn = torch.tensor(Rotation.from_euler("z", yaw).as_quat(), dtype=torch.float32)
    changes = {"root_quat_w": turn.expand(count, 4).clone(), "body_quat_w": turn.repeat(count, len(KEYS), 1)}
    return dataclasses.replace(reference, **changes)


def test_no_error_on_the_reference():
    reference = random_reference(6, seed=1)
    errors = tracking_errors(robot_at(reference), reference, anchor=0)
    for field in ("height", "yaw", "key_body", "body"):
        assert getattr(errors, field).abs().max() < 2e-6, field
    torch.testing.assert_close(errors.anchored_pos_w, reference.body_pos_w, atol=2e-6, rtol=0.0)


@pytest.mark.parametrize("yaw", [0.0, 0.7, 3.0, -2.2])
def test_drift_and_heading_are_no_error_of_the_bodies(yaw: float):
    reference = random_reference(6, seed=1)
    robot = carried(robot_at(reference), yaw, shift=(30.0, -12.0, 0.0))
    errors = tracking_errors(robot, reference, anchor=0)
    assert errors.key_body.max() < 2e-5
    assert errors.height.max() < 1e-5
    torch.testing.assert_close(errors.yaw, torch.full((6,), abs(yaw)), atol=1e-5, rtol=0.0)
    torch.testing.assert_close(errors.anchored_pos_w, robot.body_pos_w, atol=2e-5, rtol=0.0)
    torch.testing.assert_close(errors.anchored_quat_w.abs(), robot.body_quat_w.abs(), atol=1e-5, rtol=0.0)


def test_height_is_no_drift():
    reference = random_reference(3, seed=2)
    errors = tracking_errors(carried(robot_at(reference), 0.5, shift=(1.0, 2.0, -0.3)), reference, anchor=0)
    torch.testing.assert_close(errors.height, torch.full((3,), 0.3), atol=1e-6, rtol=0.0)
    # The reference keeps its height, so every body is 0.3 m from it.
    torch.testing.assert_close(errors.body, torch.full((3, len(KEYS)), 0.3), atol=1e-5, rtol=0.0)


def test_the_largest_body_error_counts():
    reference = random_reference(2, seed=3)
    robot = robot_at(reference)
    robot.body_pos_w[0, WRIST] += torch.tensor([0.3, 0.0, 0.4])
    robot.body_pos_w[1, TORSO] += torch.tensor([0.0, 0.12, 0.05])
    errors = tracking_errors(robot, reference, anchor=0)
    torch.testing.assert_close(errors.key_body, torch.tensor([0.5, 0.13]), atol=1e-6, rtol=0.0)
    assert errors.body[0].argmax() == WRIST
    assert errors.body[0, TORSO] < 1e-6


def test_yaw_is_wrapped_and_in_the_world():
    reference = upright(yaw=3.0)
    robot = robot_at(upright(yaw=-3.0))
    errors = tracking_errors(robot, reference, anchor=0)
    assert errors.yaw.item() == pytest.approx(2.0 * math.pi - 6.0, abs=1e-5)


@pytest.mark.parametrize("pitch", [1.5, math.pi / 2, 1.6, -math.pi / 2])
@pytest.mark.parametrize("yaw", [0.3, -1.2])
def test_yaw_by_twist_holds_where_euler_angles_break(pitch: float, yaw: float):
    # Robot and reference bend forward alike (push-ups, crawling); the robot is turned about the vertical.
    bent = Rotation.from_euler("ZYX", [0.4, pitch, 0.05])
    off = Rotation.from_euler("z", yaw) * bent
    reference = upright()
    reference.root_quat_w[:] = torch.tensor(bent.as_quat())
    reference.body_quat_w[:, 0] = reference.root_quat_w
    robot = robot_at(reference)
    robot.root_quat_w[:] = torch.tensor(off.as_quat())
    robot.body_quat_w[:, 0] = robot.root_quat_w
    assert tracking_errors(robot, reference, anchor=0).yaw.item() == pytest.approx(abs(yaw), abs=1e-5)


def test_a_difference_of_pitch_alone_is_no_yaw():
    for near in (0.0, math.pi / 2):
        bent = [Rotation.from_euler("y", angle) for angle in (near - 0.2, near + 0.2)]
        reference = upright()
        reference.body_quat_w[:, 0] = reference.root_quat_w[:] = torch.tensor(bent[0].as_quat())
        robot = robot_at(reference)
        robot.body_quat_w[:, 0] = robot.root_quat_w[:] = torch.tensor(bent[1].as_quat())
        assert tracking_errors(robot, reference, anchor=0).yaw.item() < 1e-5


def test_the_sign_of_a_quaternion_means_nothing():
    robot, reference = random_robot(5, seed=7), random_reference(5, seed=8)
    plain = tracking_errors(robot, reference, anchor=0)
    flipped = dataclasses.replace(robot, root_quat_w=-robot.root_quat_w, body_quat_w=-robot.body_quat_w)
    other = tracking_errors(flipped, reference, anchor=0)
    torch.testing.assert_close(other.yaw, plain.yaw, atol=1e-5, rtol=0.0)
    torch.testing.assert_close(other.body, plain.body, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("anchor", [0, TORSO])
def test_against_a_slow_reference(anchor: int):
    robots, references = random_robot(8, seed=11), random_reference(8, seed=12)
    errors = tracking_errors(robots, references, anchor)
    for env in range(8):
        robot, reference = Row(robots, env), Row(references, env)
        _, positions, rotations = anchored(robot, reference, anchor)
        distance = np.linalg.norm(robot.body_pos_w - positions, axis=1)
        expected = {
            "height": abs(robot.root_pos_w[2] - reference.root_pos_w[2]),
            "yaw": abs(twist(robot.root * reference.root.inv())),
            "key_body": distance.max(),
            "body": distance,
            "anchored_pos_w": positions,
        }
        for key, value in expected.items():
            np.testing.assert_allclose(getattr(errors, key)[env].numpy(), value, atol=2e-5, err_msg=key)
        matrices = Rotation.from_quat(errors.anchored_quat_w[env].double().numpy()).as_matrix()
        np.testing.assert_allclose(matrices, [rotation.as_matrix() for rotation in rotations], atol=2e-5)


def test_an_error_that_is_not_a_number_shows():
    reference = random_reference(2, seed=1)
    robot = robot_at(reference)
    robot.body_pos_w[0, WRIST, 0] = math.nan
    robot.root_pos_w[0, 2] = math.nan
    errors = tracking_errors(robot, reference, anchor=0)
    assert errors.key_body.isnan().tolist() == errors.height.isnan().tolist() == [True, False]
