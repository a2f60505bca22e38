"""Soles and the rest of a robot's build, on the G1 and on feet of other shapes."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.generate import Generator
from athena_wbc.motion.builtin.morphology import morphology
from athena_wbc.motion.builtin.soles import find_sole

FOOT = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body pos="0 0 0.5">
      <freejoint/>
      <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
      <body name="foot" pos="0 0 -0.4" euler="0 {pitch} 0">
        <joint name="ankle" axis="0 1 0"/>
        <inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
        {geoms}
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def _sole(geoms: str, pitch: float = 0.0):
    model = mujoco.MjModel.from_xml_string(FOOT.format(geoms=geoms, pitch=pitch))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return find_sole(model, data, model.body("foot").id, "test")


def test_the_g1(generator: Generator, g1: Embodiment):
    body = generator.body
    assert body.mass == pytest.approx(g1.mass) and body.mass == pytest.approx(33.341, abs=1e-3)
    assert body.leg_length == pytest.approx(0.654, abs=1e-3)
    assert [body.model.body(foot).name for foot in body.feet] == list(g1.feet)
    assert body.foot_pos[:, 1] == pytest.approx([0.1185, -0.1185], abs=1e-4)
    assert body.model.body(body.torso).name == "torso_link"
    for sole in body.soles:
        assert len(sole.points) == 4
        assert (sole.height, sole.toe, sole.toe_radius) == pytest.approx((0.035, 0.12, 0.01), abs=1e-3)
    left, right = body.arms
    assert [body.model.body(part).name for part in (left.shoulder, left.elbow, left.hand)] == [
        "left_shoulder_roll_link",
        "left_elbow_link",
        "left_wrist_yaw_link",
    ]
    assert len(right.dofs) == 7 and right.free.tolist() == [True] * 4 + [False] * 3


def test_joint_ranges_are_narrowed_in_a_copy(generator: Generator, g1: Embodiment):
    ranges = generator.body.model.jnt_range[1:]
    assert ranges[:, 0] == pytest.approx(g1.joint_lower + 0.02)
    assert ranges[:, 1] == pytest.approx(g1.joint_upper - 0.02)


def test_the_nominal_pose_stands_on_the_ground(generator: Generator, g1: Embodiment):
    body = generator.body
    assert body.nominal[7:] == pytest.approx(g1.default_joint_pos)
    assert body.nominal[2] == pytest.approx(g1.default_root_height, abs=0.005)
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.nominal
    mujoco.mj_forward(body.model, data)
    height = [
        data.xpos[foot, 2] + (sole.points @ data.xmat[foot].reshape(3, 3).T)[:, 2].mean()
        for foot, sole in zip(body.feet, body.soles, strict=True)
    ]
    assert height == pytest.approx([0.0, 0.0], abs=5e-4)
    assert data.subtree_com[1] == pytest.approx(body.com)


@pytest.mark.parametrize(
    ("geoms", "count", "height", "toe", "radius"),
    [
        ('<geom type="box" size="0.1 0.04 0.02" pos="0.03 0 -0.05"/>', 4, 0.07, 0.13, 0.0),
        ('<geom type="capsule" size="0.02" fromto="-0.05 0.03 -0.04 0.11 0.03 -0.04"/>', 2, 0.06, 0.11, 0.02),
        (
            '<geom type="sphere" size="0.01" pos="0.1 0 -0.04"/><geom type="sphere" size="0.015" pos="-0.1 0 -0.035"/>'
            '<geom type="sphere" size="0.1" pos="0 0 0.1"/>',
            2,
            0.05,
            0.1,
            0.01,
        ),
    ],
)
def test_colliders_of_any_shape(geoms: str, count: int, height: float, toe: float, radius: float):
    sole = _sole(geoms)
    assert len(sole.points) == count
    assert (sole.height, sole.toe, sole.toe_radius) == pytest.approx((height, toe, radius))


def test_a_sole_that_is_tilted_in_the_default_pose_is_levelled():
    box = '<geom type="box" size="0.1 0.04 0.02" pos="0.03 0 -0.05" contype="1"/>'
    tilted, level = _sole(box, pitch=0.02), _sole(box)
    assert tilted.level == pytest.approx(np.eye(3), abs=1e-9)
    assert tilted.height == pytest.approx(level.height) and tilted.toe == pytest.approx(level.toe)


def test_a_collider_that_collides_with_nothing_is_no_sole():
    with pytest.raises(AthenaError, match="robot 'test': foot 'foot' has no collider"):
        _sole('<geom type="box" size="0.1 0.04 0.02" contype="0" conaffinity="0"/>')


def test_a_robot_needs_two_feet(g1: Embodiment):
    with pytest.raises(AthenaError, match="robot 'g1': feet: built-in clips need two feet, it has 1"):
        morphology(dataclasses.replace(g1, feet=g1.feet[:1]))
