"""Randomised fields: each changes its own simulation, by as much as it says, and no other."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest
import torch

from athena_wbc.sim.physics import Physics
from athena_wbc.task.randomisation import BodyParameters, PhysicsParameters
from athena_wbc.task.state import JointCommand
from tests.sim.simulations import BODIES, NOTHING, J, everyone, hold, make, standing
from tests.tracking import g1


def test_each_simulation_falls_by_its_own_gravity():
    physics = make(4, randomised=True)
    factors = torch.tensor([1.0, 0.5, 0.2])
    physics.write_parameters(torch.tensor([0, 2, 3]), dataclasses.replace(NOTHING, gravity=factors))
    start = standing(4, height=5.0)
    physics.write(everyone(physics), start)
    hold(physics, 25)
    expected = 9.81 * torch.tensor([1.0, 1.0, 0.5, 0.2])
    state = physics.read()
    torch.testing.assert_close(-state.root_lin_vel_w[:, 2], 0.5 * expected, rtol=0.01, atol=0.0)
    torch.testing.assert_close(5.0 - state.root_pos_w[:, 2], 0.5 * expected * 0.5**2, rtol=0.02, atol=0.0)
    physics.write_parameters(torch.tensor([2]), dataclasses.replace(NOTHING, gravity=torch.ones(1)))
    physics.write(everyone(physics), start)
    hold(physics, 25)
    assert physics.read().root_lin_vel_w[:3, 2].tolist() == pytest.approx([-4.905] * 3, rel=0.01)


CHANGES = {
    "friction": PhysicsParameters(friction=torch.tensor([0.05]), stiffness=None, damping=None, gravity=None),
    "stiffness": PhysicsParameters(friction=None, stiffness=torch.full((1, J), 0.5), damping=None, gravity=None),
    "damping": PhysicsParameters(friction=None, stiffness=None, damping=torch.full((1, J), 2.0), gravity=None),
    "gravity": PhysicsParameters(friction=None, stiffness=None, damping=None, gravity=torch.tensor([0.8])),
    "mass": BodyParameters(mass=torch.ones(3, BODIES), com=None),
    "com": BodyParameters(mass=None, com=torch.zeros(3, 3)),
}
CHANGES["mass"].mass[1] = 1.3
CHANGES["com"].com[1] = torch.tensor([0.05, 0.0, 0.0])


@pytest.mark.parametrize("key", CHANGES)
def test_a_randomised_field_changes_its_simulation_alone(key: str):
    plain, changed = make(3), make(3, randomised=True)
    if isinstance(CHANGES[key], BodyParameters):
        changed.write_body_parameters(CHANGES[key])
    else:
        changed.write_parameters(torch.tensor([1]), CHANGES[key])
    ends = []
    for physics in (plain, changed):
        start = standing(3)
        start.root_lin_vel_w = torch.tensor([[0.3, 0.1, 0.0]]).repeat(3, 1)
        physics.write(everyone(physics), start)
        hold(physics, 10)
        ends.append(physics.batch.qpos.copy())
    np.testing.assert_array_equal(ends[0][[0, 2]], ends[1][[0, 2]])
    assert abs(ends[1][1] - ends[0][1]).max() > 1e-4


def model_of(physics: Physics, env: int) -> mujoco.MjModel:
    return physics.batch.get_model(env)


def test_masses_scale_inertias_and_derived_constants():
    physics = make(2, randomised=True)
    factor = torch.ones(2, BODIES)
    factor[1] = torch.linspace(0.8, 1.2, BODIES)
    physics.write_body_parameters(BodyParameters(mass=factor, com=None))
    model = model_of(physics, 1)
    np.testing.assert_allclose(model.body_mass[1:], g1().body_mass * factor[1].numpy(), rtol=1e-6)
    ratio = model.body_inertia[1:] / physics.model.body_inertia[1:]
    np.testing.assert_allclose(ratio, factor[1].numpy()[:, None].repeat(3, axis=1), rtol=1e-6)
    assert model.body_subtreemass[1] == pytest.approx((g1().body_mass * factor[1].numpy()).sum(), rel=1e-6)
    physics.write_body_parameters(BodyParameters(mass=torch.ones(2, BODIES), com=None))
    np.testing.assert_allclose(model_of(physics, 1).body_mass, physics.model.body_mass)


def test_a_heavier_robot_weighs_more():
    physics = make(2, randomised=True)
    factor = torch.ones(2, BODIES)
    factor[1] = 1.2
    physics.write_body_parameters(BodyParameters(mass=factor, com=None))
    physics.write(everyone(physics), standing(2))
    hold(physics, 8)
    forces = []
    for _ in range(12):
        hold(physics, 1)
        forces.append(physics.read().foot_force.sum(-1))
    nominal, heavy = torch.stack(forces).mean(0).tolist()
    assert heavy / nominal == pytest.approx(1.2, rel=0.02)


def test_the_heaviest_bodys_centre_of_mass_moves():
    physics = make(2, randomised=True)
    physics.write_body_parameters(BodyParameters(mass=None, com=torch.tensor([[0.0, 0.0, 0.0], [0.02, -0.01, 0.03]])))
    body = 1 + int(np.argmax(g1().body_mass))
    assert physics.model.body(body).name == "torso_link"
    shift = model_of(physics, 1).body_ipos - physics.model.body_ipos
    np.testing.assert_allclose(shift[body], [0.02, -0.01, 0.03], atol=1e-7)
    assert abs(np.delete(shift, body, axis=0)).max() == 0.0
    np.testing.assert_array_equal(model_of(physics, 0).body_ipos, physics.model.body_ipos)


def test_gains_are_each_joints_own():
    physics = make(2, randomised=True, decimation=1)
    stiffness, damping = torch.linspace(0.8, 1.2, J).view(1, J), torch.linspace(1.5, 0.5, J).view(1, J)
    ids = torch.tensor([1])
    physics.write_parameters(ids, dataclasses.replace(NOTHING, stiffness=stiffness, damping=damping))
    start = standing(2, height=2.0)
    start.joint_vel[:] = 0.1
    physics.write(everyone(physics), start)
    torque = physics.read().joint_torque
    np.testing.assert_allclose(torque[0], -0.1 * g1().damping, rtol=1e-4)
    np.testing.assert_allclose(torque[1], -0.1 * g1().damping * damping[0].numpy(), rtol=1e-4)
    start.joint_vel[:] = 0.0
    physics.write(everyone(physics), start)
    physics.step(JointCommand(start.joint_pos + 0.02, None))
    torque = physics.read().joint_torque
    np.testing.assert_allclose(torque[0], 0.02 * g1().stiffness, rtol=1e-4)
    np.testing.assert_allclose(torque[1], 0.02 * g1().stiffness * stiffness[0].numpy(), rtol=1e-4)


def test_slippery_soles_slide_farther():
    physics = make(3, randomised=True)
    friction = torch.tensor([0.05, 0.3, 1.0])
    physics.write_parameters(everyone(physics), dataclasses.replace(NOTHING, friction=friction))
    start = standing(3)
    start.root_lin_vel_w = torch.tensor([[0.0, 0.4, 0.0]]).repeat(3, 1)
    physics.write(everyone(physics), start)
    foot = g1().key_bodies.index(g1().feet[0])
    begin = physics.read().body_pos_w[:, foot, 1]
    hold(physics, 10)
    slid = (physics.read().body_pos_w[:, foot, 1] - begin).tolist()
    assert slid[0] > slid[1] > slid[2]
    assert slid[0] > 0.03
    model = model_of(physics, 1)
    changed = np.flatnonzero(model.geom_friction[:, 0] == np.float32(0.3)).tolist()
    soles = [index for index in range(model.ngeom) if model.geom(index).name.split("_")[1:2] in (["heel"], ["toe"])]
    assert changed == soles and len(soles) == 8
