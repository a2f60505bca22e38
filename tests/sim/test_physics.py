"""Simulations: what is read back, contacts, stepping, failures, exact continuation."""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.task.randomisation import BodyParameters, PhysicsParameters
from athena_wbc.task.state import JointCommand, Push, RobotState
from tests.sim.simulations import BODIES, KNEE, NOTHING, J, everyone, hold, make, run, standing
from tests.toy_robot import MODEL, write_toy
from tests.tracking import g1, random_reference, start_of

# --- what is written and read back


@pytest.fixture(params=["g1", "toy"])
def robot(request: pytest.FixtureRequest, tmp_path: Path) -> Embodiment:
    """The G1, and a robot with joints off the bodies' origins, tilted axes and bodies without joints."""
    return g1() if request.param == "g1" else load_embodiment(write_toy(tmp_path))


def test_velocities_of_bodies_are_mujocos(robot: Embodiment):
    physics = make(4, embodiment=robot, decimation=1)
    generator = np.random.default_rng(0)
    start = standing(4, height=2.0, embodiment=robot)
    start.root_quat_w = torch.as_tensor(Rotation.random(4, rng=generator).as_quat(), dtype=torch.float32)
    for name in ("root_lin_vel_w", "root_ang_vel_w", "joint_vel"):
        value = getattr(start, name)
        setattr(start, name, torch.as_tensor(generator.normal(size=value.shape), dtype=torch.float32))
    physics.write(everyone(physics), start)
    for stepped in (False, True):
        if stepped:
            physics.step(JointCommand(start.joint_pos, None))
        state = physics.read()
        for env in range(4):
            data = physics.batch.get_data(env)
            mujoco.mj_forward(physics.model, data)
            for index, name in enumerate(robot.key_bodies):
                velocity = np.zeros(6)
                body = physics.model.body(name).id
                mujoco.mj_objectVelocity(physics.model, data, mujoco.mjtObj.mjOBJ_XBODY, body, velocity, 0)
                np.testing.assert_allclose(state.body_ang_vel_w[env, index], velocity[:3], atol=2e-5)
                np.testing.assert_allclose(state.body_lin_vel_w[env, index], velocity[3:], atol=2e-5)
                np.testing.assert_allclose(state.body_pos_w[env, index], data.xpos[body], atol=1e-6)
                np.testing.assert_allclose(state.body_quat_w[env, index], np.roll(data.xquat[body], -1), atol=1e-6)
    np.testing.assert_allclose(state.root_lin_vel_w, state.body_lin_vel_w[:, 0], atol=2e-5)
    np.testing.assert_allclose(state.root_ang_vel_w, state.body_ang_vel_w[:, 0], atol=2e-5)


def test_what_is_written_is_read_back_with_the_scalar_last():
    physics = make(5)
    reference = random_reference(5, seed=1)
    reference.root_pos_w[:, 2] += 5.0
    reference.body_pos_w[..., 2] += 5.0
    physics.write(everyone(physics), start_of(reference))
    state = physics.read()
    for field in dataclasses.fields(reference):
        one, other = getattr(state, field.name), getattr(reference, field.name)
        if "quat" in field.name:
            other = torch.where((one * other).sum(-1, keepdim=True) < 0, -other, other)
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0.0, msg=field.name)
    np.testing.assert_allclose(physics.batch.qpos[:, 3], reference.root_quat_w[:, 3])
    np.testing.assert_allclose(physics.batch.qpos[:, 4:7], reference.root_quat_w[:, :3])


def test_angular_velocity_is_the_worlds():
    physics = make(1)
    start = standing(1, height=2.0)
    # On its back, turning about the world's vertical: about the body's own x axis for MuJoCo.
    start.root_quat_w = torch.tensor(Rotation.from_euler("y", [[-np.pi / 2]]).as_quat(), dtype=torch.float32)
    start.root_ang_vel_w = torch.tensor([[0.0, 0.0, 3.0]])
    physics.write(torch.tensor([0]), start)
    np.testing.assert_allclose(physics.batch.qvel[0, 3:6], [3.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(physics.read().root_ang_vel_w[0], [0.0, 0.0, 3.0], atol=1e-6)


def test_rows_are_read_and_written_alone():
    physics = make(4)
    physics.write(everyone(physics), standing(4))
    hold(physics, 3)
    before = physics.read()
    ids = torch.tensor([2, 0])
    start = standing(2, height=1.5)
    start.root_pos_w[1, 0] = 7.0
    physics.write(ids, start)
    after = physics.read()
    part = physics.read(ids)
    assert part.root_pos_w[:, 0].tolist() == [0.0, 7.0]
    for field in dataclasses.fields(RobotState):
        one, other = getattr(after, field.name), getattr(before, field.name)
        assert torch.equal(one[[1, 3]], other[[1, 3]]), field.name
        torch.testing.assert_close(one[ids], getattr(part, field.name), msg=field.name)


def test_what_is_read_is_a_copy():
    physics = make(1)
    physics.write(torch.tensor([0]), standing(1))
    state = physics.read()
    kept = {field.name: getattr(state, field.name).clone() for field in dataclasses.fields(state)}
    run(physics, 2)
    assert all(torch.equal(getattr(state, name), value) for name, value in kept.items())


def test_a_start_forgets_the_life_before():
    fresh, used = make(1), make(1)
    used.write(torch.tensor([0]), standing(1, height=0.5))
    run(used, 7)
    seen = []
    for physics in (fresh, used):
        # Soles in the ground: the solver has something to solve, and nothing to begin from.
        physics.write(torch.tensor([0]), standing(1, height=0.75))
        state = physics.read()
        seen.append([getattr(state, field.name) for field in dataclasses.fields(state)] + run(physics, 5))
    for one, other in zip(*seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_torques_and_contacts_of_a_start_are_its_own():
    physics = make(2)
    physics.write(everyone(physics), standing(2))
    hold(physics, 10)
    assert (physics.read().foot_force > 50.0).all()
    high = standing(1, height=2.0)
    high.joint_vel[:, KNEE] = 1.0
    physics.write(torch.tensor([1]), high)
    state = physics.read()
    assert (state.foot_force[0] > 50.0).all() and state.foot_force[1].tolist() == [0.0, 0.0]
    assert state.joint_torque[1, KNEE].item() == pytest.approx(-g1().damping[KNEE])
    assert state.joint_torque[1].count_nonzero() == 1


# --- contacts


def test_the_feet_of_a_standing_robot_carry_its_weight():
    physics = make(1)
    physics.write(torch.tensor([0]), standing(1))
    hold(physics, 8)
    forces = []
    for _ in range(15):
        hold(physics, 1)
        forces.append(physics.read().foot_force[0])
    left, right = torch.stack(forces).mean(0).tolist()
    assert left + right == pytest.approx(g1().mass * 9.81, rel=0.03)
    assert left == pytest.approx(right, rel=0.02)
    assert physics.read().undesired_contact.tolist() == [0.0]


def lying(pitch: float, height: float, **joints: float) -> GeneralisedState:
    """A posture with the root pitched, and some joints elsewhere."""
    start = standing(1, height)
    start.root_quat_w = torch.tensor(Rotation.from_euler("y", [[pitch]]).as_quat(), dtype=torch.float32)
    start.joint_pos[:] = 0.0
    for name, value in joints.items():
        for side in ("left", "right"):
            start.joint_pos[:, g1().joint_names.index(f"{side}_{name}_joint")] = value
    return start


def test_a_torso_on_the_ground_is_undesired_and_hands_are_not():
    physics = make(3)
    # On its front; upside down with the arms stretched beyond the head; and high in the air.
    physics.write(torch.tensor([0]), lying(np.pi / 2, 0.08))
    upside_down = lying(np.pi, 2.0, shoulder_pitch=-3.0, elbow=1.5)
    physics.write(torch.tensor([1]), upside_down)
    # The hands reach some 0.15 m beyond the origin of their bodies.
    upside_down.root_pos_w[:, 2] -= physics.read().body_pos_w[1, :, 2].min() - 0.14
    physics.write(torch.tensor([1]), upside_down)
    physics.write(torch.tensor([2]), standing(1, height=3.0))
    for side in ("left", "right"):
        sensor = physics.model.sensor(f"ground:{side}_wrist_yaw_link").adr[0]
        assert physics.batch.sensordata[1, sensor] > 0, "the hands do touch the ground"
    state = physics.read()
    assert state.undesired_contact.tolist() == [1.0, 0.0, 0.0]
    assert state.foot_force[1:].abs().max() == 0.0


def test_feet_and_torso_together_are_undesired():
    physics = make(1)
    physics.write(torch.tensor([0]), lying(np.pi / 2, 0.08, ankle_pitch=0.5))
    hold(physics, 50)
    state = physics.read()
    assert state.undesired_contact.tolist() == [1.0]


# --- stepping


def test_targets_are_servoed():
    physics = make(1, decimation=1)
    start = standing(1, height=2.0)
    physics.write(torch.tensor([0]), start)
    target = start.joint_pos.clone()
    target[:, KNEE] += 0.1
    physics.step(JointCommand(target, None))
    torque = physics.read().joint_torque[0]
    assert torque[KNEE].item() == pytest.approx(0.1 * g1().stiffness[KNEE], rel=1e-4)
    target[:, KNEE] += 100.0
    physics.step(JointCommand(target, None))
    assert physics.read().joint_torque[0, KNEE].item() == pytest.approx(g1().effort_limit[KNEE])


def test_a_step_is_mujocos_own_to_the_bit():
    physics = make(1, decimation=3)
    physics.write(torch.tensor([0]), standing(1))
    data = mujoco.MjData(physics.model)
    data.qpos[:], data.qvel[:] = physics.batch.qpos[0], physics.batch.qvel[0]
    data.ctrl[:] = physics.batch.ctrl[0]
    mujoco.mj_forward(physics.model, data)
    generator = torch.Generator().manual_seed(3)
    for _ in range(10):
        target = standing(1).joint_pos + 0.3 * torch.randn(1, J, generator=generator)
        physics.step(JointCommand(target, None))
        data.ctrl[:] = target[0].numpy()
        for _ in range(3):
            mujoco.mj_step(physics.model, data)
        np.testing.assert_array_equal(physics.batch.qpos[0], data.qpos)
        np.testing.assert_array_equal(physics.batch.qvel[0], data.qvel)


def test_results_do_not_depend_on_the_number_of_threads():
    seen = []
    for threads in (1, 2):
        physics = make(7, randomised=True, threads=threads)
        mass = torch.linspace(0.9, 1.1, 7 * len(g1().body_names)).view(7, -1)
        physics.write_body_parameters(BodyParameters(mass=mass, com=None))
        physics.write(everyone(physics), standing(7))
        seen.append(run(physics, 30))
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_push_is_a_change_of_velocity():
    # Numbers that float32 holds exactly, and a robot that looks along y.
    turn = torch.tensor(Rotation.from_euler("z", [[np.pi / 2]]).as_quat(), dtype=torch.float32)
    push = Push(torch.tensor([1]), torch.tensor([[0.5, -0.25, 0.125]]), torch.tensor([[0.0, 0.5, 1.0]]))
    pushed, moving = make(2), make(2)
    for physics in (pushed, moving):
        start = standing(2, height=1.0)
        start.root_quat_w = turn.repeat(2, 1)
        if physics is moving:
            start.root_lin_vel_w[1], start.root_ang_vel_w[1] = push.lin_vel_w[0], push.ang_vel_w[0]
        physics.write(everyone(physics), start)
        physics.step(JointCommand(start.joint_pos, push if physics is pushed else None))
    np.testing.assert_allclose(pushed.batch.qvel, moving.batch.qvel, atol=1e-6)
    np.testing.assert_allclose(pushed.batch.qpos, moving.batch.qpos, atol=1e-7)
    assert abs(pushed.batch.qvel[1] - pushed.batch.qvel[0]).max() > 0.4


# --- failures


@pytest.mark.parametrize("where", ["qpos", "qvel", "target"])
def test_a_failed_simulation_is_told_every_time_and_touches_no_other(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    broken, whole = make(4, threads=2), make(4, threads=2)
    generator = torch.Generator().manual_seed(5)
    for physics in (broken, whole):
        physics.write(everyone(physics), standing(4))
    for k in range(12):
        target = standing(4).joint_pos + 0.3 * torch.randn(4, J, generator=generator)
        whole.step(JointCommand(target, None))
        target = target.clone()
        if k in (2, 3, 7):
            (target if where == "target" else getattr(broken.batch, where))[1, 4] = np.nan
        failed = broken.step(JointCommand(target, None))
        assert failed.tolist() == [False, k in (2, 3, 7), False, False]
        np.testing.assert_array_equal(broken.batch.qpos[[0, 2, 3]], whole.batch.qpos[[0, 2, 3]])
        state = broken.read()
        assert all(getattr(state, field.name).isfinite().all() for field in dataclasses.fields(state))
        if failed.any():
            broken.write(torch.tensor([1]), standing(1))
    assert list(tmp_path.iterdir()) == [], "MuJoCo writes no log file where the user is"


def test_an_error_that_mujoco_raises_is_a_failure_of_its_simulation():
    physics = make(3)
    physics.write(everyone(physics), standing(3))
    batch = physics.batch

    class Raising:
        """Steps, and reports that the simulation 1 raised."""

        def __getattr__(self, name: str):
            return getattr(batch, name)

        def step(self, **arguments) -> None:
            batch.step(**arguments)
            raise mujoco.batch.SimulationError(np.array([1]), "stack overflow")

    physics.batch = Raising()
    assert physics.step(JointCommand(standing(3).joint_pos, None)).tolist() == [False, True, False]
    assert physics.read().root_pos_w[1, 2].item() == pytest.approx(physics.model.qpos0[2]), "back at the default"
    physics.batch = batch
    assert not physics.step(JointCommand(standing(3).joint_pos, None)).any()


def test_failures_are_told_to_the_log(caplog: pytest.LogCaptureFixture):
    physics = make(1)
    physics.write(torch.tensor([0]), standing(1))
    physics.batch.qvel[0, 3] = np.inf
    with caplog.at_level(logging.INFO, logger="athena_wbc"):
        hold(physics, 1)
    assert any("unstable" in record.getMessage() for record in caplog.records)


# --- exact continuation


def test_a_restored_simulation_continues_to_the_bit():
    first, second = make(4, randomised=True, threads=2), make(4, randomised=True)
    for seed, physics in enumerate((first, second)):
        generator = torch.Generator().manual_seed(seed)
        mass = 0.8 + 0.4 * torch.rand(4, BODIES, generator=generator)
        physics.write_body_parameters(BodyParameters(mass=mass, com=0.02 * torch.rand(4, 3, generator=generator)))
        physics.write(everyone(physics), standing(4))
        run(physics, 5, seed)
        # As at a reset under way: other parameters, another start.
        gains = 0.9 + 0.2 * torch.rand(2, J, generator=generator)
        physics.write_parameters(
            torch.tensor([0, 3]), PhysicsParameters(torch.tensor([0.4, 0.9]), gains, gains, torch.tensor([0.6, 1.0]))
        )
        physics.write(torch.tensor([0, 3]), standing(2))
        run(physics, 5, seed)
    state = first.state_dict()
    expected = run(first, 20, seed=9)
    second.load_state_dict(state)
    np.testing.assert_array_equal(run(second, 20, seed=9), expected)


def test_a_restored_state_reads_the_same():
    first, second = make(3), make(3)
    first.write(everyone(first), standing(3))
    run(first, 10)
    second.load_state_dict(first.state_dict())
    one, other = first.read(), second.read()
    for field in dataclasses.fields(RobotState):
        if field.name not in ("joint_torque", "foot_force", "undesired_contact"):
            assert torch.equal(getattr(one, field.name), getattr(other, field.name)), field.name


def test_the_state_is_a_copy():
    physics = make(2, randomised=True)
    physics.write(everyone(physics), standing(2))
    state = physics.state_dict()
    kept = {key: value.clone() for key, value in state.items()}
    physics.write_parameters(everyone(physics), dataclasses.replace(NOTHING, gravity=torch.tensor([0.1, 0.2])))
    run(physics, 3)
    assert all(torch.equal(state[key], kept[key]) for key in kept)


# --- refusals


def test_an_old_mujoco_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mujoco.batch", None)
    monkeypatch.delattr(mujoco, "batch", raising=False)
    with pytest.raises(AthenaError, match=r"needs mujoco >= 3\.17, here is .*pip install -e '\.\[mujoco\]'"):
        make(1)


def test_feet_without_colliders_are_refused(tmp_path: Path):
    bare = MODEL.replace('<geom name="left_sole" type="sphere" size="0.03"/>', "")
    bare = bare.replace('<geom name="right_sole" type="sphere" size="0.03"/>', "")
    with pytest.raises(AthenaError, match=r"robot 'toy': feet left_foot, right_foot have no collider"):
        make(1, embodiment=load_embodiment(write_toy(tmp_path, model=bare)))


@pytest.mark.parametrize(("key", "value"), [("dt", 0.0), ("decimation", 0), ("threads", -1), ("iterations", 0)])
def test_numbers_out_of_range_are_refused(key: str, value: float):
    with pytest.raises(AthenaError, match=rf"^sim\.{key}: is {value:g}"):
        make(1, **{key: value})
