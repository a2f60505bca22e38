"""Inverse kinematics: arm poses point where they say, and a frame meets all its targets."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from athena_wbc.motion.builtin.arms import POSES
from athena_wbc.motion.builtin.generate import Generator
from athena_wbc.motion.builtin.ik import FrameTarget, WholeBodyIK
from athena_wbc.motion.builtin.morphology import LEFT, RIGHT
from athena_wbc.motion.builtin.scripts import SCRIPTS


def _kinematics(generator: Generator, qpos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(generator.body.model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(generator.body.model, data)
    mujoco.mj_comPos(generator.body.model, data)
    return data


@pytest.mark.parametrize("name", POSES)
@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_an_arm_points_where_its_pose_says(generator: Generator, name: str, side: int):
    body, arm = generator.body, generator.body.arms[side]
    qpos = body.nominal.copy()
    qpos[arm.dofs + 1] = generator.arm_pose(side, name)
    data = _kinematics(generator, qpos)
    outward = (1.0, 1.0 if side == LEFT else -1.0, 1.0)
    for start, end, direction in (
        (arm.shoulder, arm.elbow, POSES[name].upper),
        (arm.elbow, arm.hand, POSES[name].fore),
    ):
        link = data.xpos[end] - data.xpos[start]
        wanted = np.multiply(direction, outward)
        cosine = link @ wanted / np.linalg.norm(link) / np.linalg.norm(wanted)
        assert np.degrees(np.arccos(cosine)) < 12.0
    # The wrist stays as it is: only shoulder and elbow aim.
    assert qpos[arm.dofs + 1][~arm.free] == pytest.approx(body.nominal[arm.dofs + 1][~arm.free], abs=1e-4)


def test_arms_of_both_sides_are_mirror_images(generator: Generator):
    # Pitch joints and the elbow turn the same way on both sides, roll and yaw joints against each other.
    flip = np.array([1, -1, -1, 1, -1, 1, -1])
    for name in POSES:
        left, right = (generator.arm_pose(side, name) for side in (LEFT, RIGHT))
        assert right == pytest.approx(left * flip, abs=2e-3)


def test_rest_is_the_default_pose(generator: Generator):
    arm = generator.body.arms[LEFT]
    assert generator.arm_pose(LEFT, "rest") == pytest.approx(generator.body.nominal[arm.dofs + 1])


def test_every_pose_of_the_scripts_is_known():
    named = {
        name for script in SCRIPTS.values() for phase in script.phases for name in (phase.left_arm, phase.right_arm)
    }
    assert named - {None, "rest"} <= set(POSES)
    assert set(POSES) <= named  # none is left over


def _crouch(generator: Generator, follow: str) -> FrameTarget:
    body = generator.body
    turn = np.array([[np.cos(0.2), 0, np.sin(0.2)], [0, 1, 0], [-np.sin(0.2), 0, np.cos(0.2)]])
    return FrameTarget(
        foot_pos=body.foot_pos + np.array([[0.05, 0.02, 0.0], [-0.05, 0.0, 0.04]]),
        foot_rotation=np.stack([sole.level for sole in body.soles]),
        com=body.com + np.array([0.02, 0.03, -0.06 if follow == "com" else 0.0]),
        pelvis_height=body.nominal[2] - 0.1,
        pelvis_rotation=np.eye(3),
        torso_rotation=turn,
        arms=np.concatenate([generator.arm_pose(side, "reach") for side in (LEFT, RIGHT)]),
    )


@pytest.mark.parametrize("follow", ["pelvis", "com"])
def test_a_frame_meets_all_its_targets(generator: Generator, follow: str):
    body, target = generator.body, _crouch(generator, follow)
    solver = WholeBodyIK(body, follow)
    qpos = solver.solve(body.nominal, target)
    data = _kinematics(generator, qpos)
    assert data.xpos[list(body.feet)] == pytest.approx(target.foot_pos, abs=1e-6)
    assert data.xmat[list(body.feet)].reshape(2, 3, 3) == pytest.approx(target.foot_rotation, abs=1e-6)
    assert data.xmat[body.torso].reshape(3, 3) == pytest.approx(target.torso_rotation, abs=1e-5)
    assert data.subtree_com[1, :2] == pytest.approx(target.com[:2], abs=1e-6)
    if follow == "com":
        assert data.subtree_com[1, 2] == pytest.approx(target.com[2], abs=1e-6)
    else:
        assert qpos[2] == pytest.approx(target.pelvis_height, abs=1e-6)
    assert np.concatenate([qpos[arm.dofs + 1] for arm in body.arms]) == pytest.approx(target.arms, abs=1e-4)
    assert solver.miss(qpos, target) < 1e-6


def test_the_solution_does_not_depend_on_the_way_to_it(generator: Generator):
    target = _crouch(generator, "pelvis")
    solver = WholeBodyIK(generator.body, "pelvis")
    direct = solver.solve(generator.body.nominal, target)
    lower = dataclasses.replace(target, pelvis_height=target.pelvis_height - 0.08)
    assert solver.solve(solver.solve(direct, lower), target) == pytest.approx(direct, abs=1e-5)


def test_what_is_out_of_reach_is_missed_within_the_limits(generator: Generator):
    body = generator.body
    solver = WholeBodyIK(body, "pelvis")
    target = dataclasses.replace(_crouch(generator, "pelvis"), pelvis_height=body.nominal[2] + 0.2)
    qpos = solver.solve(body.nominal, target)
    assert solver.miss(qpos, target) > 0.005
    assert (qpos[7:] > body.model.jnt_range[1:, 0] - 1e-6).all() and (
        qpos[7:] < body.model.jnt_range[1:, 1] + 1e-6
    ).all()
