"""The shipped G1 against the figures of its source model."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import mujoco
import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment, get_embodiment
from athena_wbc.kinematics import Kinematics
from athena_wbc.rotations import rotation_angle
from tests.robots import g1_source as source


@pytest.fixture(scope="module")
def g1() -> Embodiment:
    return get_embodiment("g1")


@pytest.fixture(scope="module")
def model(g1: Embodiment) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(g1.model_path))


def without_side(joint: str) -> str:
    """'left_hip_pitch_joint' -> 'hip_pitch'."""
    return joint.removeprefix("left_").removeprefix("right_").removesuffix("_joint")


def mirrored(name: str) -> str:
    return name.replace("left", "*").replace("right", "left").replace("*", "right")


# Against the source


def test_bodies_and_masses(g1: Embodiment) -> None:
    assert g1.body_names == tuple(source.MASS)
    np.testing.assert_allclose(g1.body_mass, list(source.MASS.values()), rtol=1e-9)
    assert g1.mass == pytest.approx(33.341142, abs=1e-6)


@pytest.mark.parametrize("body", source.INERTIA)
def test_inertias(g1: Embodiment, model: mujoco.MjModel, body: str) -> None:
    centre, moments = source.INERTIA[body]
    np.testing.assert_allclose(model.body(body).ipos, centre, atol=1e-9)
    np.testing.assert_allclose(model.body(body).inertia, moments, rtol=1e-6)
    np.testing.assert_allclose(g1.body_com[g1.body_names.index(body)], centre, atol=1e-9)


def test_joints_their_axes_and_ranges(g1: Embodiment) -> None:
    assert g1.joint_names == tuple(source.RANGE)
    assert g1.num_joints == 29
    np.testing.assert_allclose(np.stack((g1.joint_lower, g1.joint_upper), 1), list(source.RANGE.values()), atol=1e-9)
    axes = [source.AXIS[without_side(joint).split("_")[-1]] for joint in g1.joint_names]
    np.testing.assert_allclose(g1.joint_axis, axes, atol=1e-12)
    np.testing.assert_array_equal(g1.joint_anchor, np.zeros((29, 3)))


def test_armature_is_the_reflected_rotor_inertia(g1: Embodiment) -> None:
    """J1 (g2 g3)^2 + J2 g3^2 + J3 for each motor of a joint."""
    for joint, armature in zip(g1.joint_names, g1.armature, strict=True):
        motor, count = source.MOTORS[without_side(joint)]
        inertia, gear = source.ROTOR_INERTIA[motor]
        expected = inertia[0] * (gear[1] * gear[2]) ** 2 + inertia[1] * gear[2] ** 2 + inertia[2]
        assert armature == pytest.approx(count * expected, rel=1e-6), joint


def test_gains_give_10_hz_with_damping_ratio_2_on_the_armature(g1: Embodiment) -> None:
    frequency = 2 * math.pi * 10
    np.testing.assert_allclose(g1.stiffness, g1.armature * frequency**2, rtol=1e-6)
    np.testing.assert_allclose(g1.damping, 2 * 2 * g1.armature * frequency, rtol=1e-6)


def test_effort_and_velocity_limits(g1: Embodiment) -> None:
    for joint, effort, velocity in zip(g1.joint_names, g1.effort_limit, g1.velocity_limit, strict=True):
        motor, count = source.MOTORS[without_side(joint)]
        assert effort == count * source.EFFORT_LIMIT[motor], joint
        assert velocity == source.VELOCITY_LIMIT[motor], joint


def test_action_scale(g1: Embodiment) -> None:
    """A quarter of effort limit / stiffness; by hand 0.25 * 139 / 99.0984 = 0.35066 for the knee."""
    scale = dict(zip(g1.joint_names, g1.action_scale, strict=True))
    assert scale["left_knee_joint"] == pytest.approx(0.350661, abs=1e-6)
    assert scale["waist_yaw_joint"] == pytest.approx(0.547546, abs=1e-6)
    assert scale["right_ankle_roll_joint"] == pytest.approx(0.438577, abs=1e-6)
    assert scale["left_elbow_joint"] == pytest.approx(0.438577, abs=1e-6)
    assert scale["right_wrist_yaw_joint"] == pytest.approx(0.074501, abs=1e-6)


def test_default_pose(g1: Embodiment) -> None:
    assert g1.default_root_height == 0.76
    for joint, angle in zip(g1.joint_names, g1.default_joint_pos, strict=True):
        named = source.DEFAULT_POSE.get(joint.removesuffix("_joint"))
        assert angle == (named if named is not None else source.DEFAULT_POSE.get(without_side(joint), 0.0)), joint


@pytest.mark.parametrize("pose", source.POSES, ids=["first", "second", "third"])
def test_forward_kinematics(g1: Embodiment, pose: source.Pose) -> None:
    kinematics = Kinematics(g1, g1.key_bodies, dtype=torch.float64)
    coordinates = [
        torch.tensor(value, dtype=torch.float64) for value in (pose.root_pos, pose.root_quat, pose.joint_pos)
    ]
    coordinates[1] /= coordinates[1].norm()
    pos, quat = kinematics.forward(*coordinates)
    assert g1.key_bodies == tuple(pose.body_pos)
    np.testing.assert_allclose(pos.numpy(), list(pose.body_pos.values()), atol=1e-6)
    for body, expected in pose.body_quat.items():
        found = quat[g1.key_bodies.index(body)]
        assert rotation_angle(found, torch.tensor(expected, dtype=torch.float64)) < 1e-5, body


# What the model file must be


def test_every_body_has_an_explicit_inertial_and_no_mesh(g1: Embodiment, model: mujoco.MjModel) -> None:
    root = ElementTree.parse(g1.model_path).getroot()
    bodies = list(root.find("worldbody").iter("body"))
    assert len(bodies) == len(g1.body_names)
    for body in bodies:
        inertial = body.find("inertial")
        assert inertial is not None, body.get("name")
        assert {"mass", "pos", "diaginertia"} <= set(inertial.keys()), body.get("name")
    assert model.nmesh == model.ntex == 0
    assert not list(root.iter("mesh"))


def sole(model: mujoco.MjModel, foot: str) -> np.ndarray:
    """Indices of the geoms that a foot collides with."""
    collides = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    return np.flatnonzero(collides & (model.geom_bodyid == model.body(foot).id))


def test_four_sole_spheres_a_foot(g1: Embodiment, model: mujoco.MjModel) -> None:
    for foot in g1.feet:
        geoms = sole(model, foot)
        assert len(geoms) == 4
        assert (model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_SPHERE).all()
        assert (model.geom_condim[geoms] == 3).all()
        # All at one depth: a flat foot touches with all four.
        assert np.ptp(model.geom_pos[geoms, 2] - model.geom_size[geoms, 0]) == 0.0


def test_soles_touch_the_ground_in_the_default_pose(g1: Embodiment, model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    data.qpos[:] = [0, 0, g1.default_root_height, 1, 0, 0, 0, *g1.default_joint_pos]
    mujoco.mj_forward(model, data)
    soles = np.concatenate([sole(model, foot) for foot in g1.feet])
    lowest = data.geom_xpos[soles, 2] - model.geom_size[soles, 0]
    assert np.abs(lowest).max() < 0.005
    # Nothing touches itself, and the centre of mass is above the feet: the robot can stand like this.
    assert data.ncon == 0
    feet = data.geom_xpos[soles, :2]
    assert (feet.min(0) < data.subtree_com[1, :2]).all()
    assert (data.subtree_com[1, :2] < feet.max(0)).all()


def test_left_and_right_mirror_each_other(g1: Embodiment) -> None:
    """Masses and pitch ranges are equal; roll and yaw turn the other way about on the other side."""
    mass = dict(zip(g1.body_names, g1.body_mass, strict=True))
    assert all(mass[body] == mass[mirrored(body)] for body in g1.body_names)
    rows = np.stack((g1.joint_lower, g1.joint_upper, g1.effort_limit, g1.stiffness, g1.armature), axis=1)
    values = dict(zip(g1.joint_names, rows.tolist(), strict=True))
    turned = ("_roll_joint", "_yaw_joint")
    for joint, (lower, upper, *gains) in values.items():
        expected = [-upper, -lower, *gains] if joint.endswith(turned) else [lower, upper, *gains]
        assert values[mirrored(joint)] == expected, joint


def test_roles(g1: Embodiment) -> None:
    assert len(g1.key_bodies) == 14
    assert g1.key_bodies[0] == g1.anchor == g1.root == "pelvis"
    assert g1.feet == ("left_ankle_roll_link", "right_ankle_roll_link")
    assert set(g1.feet) < set(g1.end_effectors) < set(g1.key_bodies)
    assert set(map(mirrored, g1.key_bodies)) == set(g1.key_bodies)
    # A key body at the root's own place would take the whole weight of MPJPE-W.
    assert (g1.key_body_path_length[1:] > 0.01).all()


def test_the_owners_notice_is_there(g1: Embodiment) -> None:
    notice = (g1.model_path.parent / "NOTICE").read_text()
    for words in ("BSD 3-Clause License", "HangZhou YuShu", "mjlab 1.6.0", "Redistributions in binary form"):
        assert words in notice
