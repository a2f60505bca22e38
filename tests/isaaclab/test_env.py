"""The Isaac Lab shell: resets, phases, gravity, randomisation, and parity with the MuJoCo shell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from athena_tasks.isaaclab import launch
from athena_tasks.isaaclab.backend import PhysX
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.task.randomisation import PhysicsParameters
from tests.isaaclab import write_parity as parity

QUIET = ("task.randomisation=none", "task.reset.scale=0")


def ids(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_a_reset_is_the_reference(make):
    env = make(*QUIET)
    env.reset_to(ids(0, 1, 2, 3), ids(0, 0, 0, 0), ids(0, 10, 20, 30))
    robot, reference = env.task.robot, env.library.at(ids(0, 0, 0, 0), ids(0, 10, 20, 30))
    for name in ("root_pos_w", "root_quat_w", "joint_pos", "joint_vel", "body_pos_w", "root_lin_vel_w"):
        torch.testing.assert_close(getattr(robot, name), getattr(reference, name), atol=1e-4, rtol=0.0, msg=name)
    torch.testing.assert_close(robot.body_lin_vel_w, reference.body_lin_vel_w, atol=1e-3, rtol=0.0)


def test_bodies_are_right_after_an_automatic_reset(make):
    """Isaac Lab does not forward the simulation there; the shell does."""
    env = make(*QUIET)
    ended = 0
    for _ in range(60):
        _, _, dones, _ = env.step(4.0 * torch.randn(4, env.num_actions))
        for env_id in dones.nonzero().flatten().tolist():
            ended += 1
            reference = env.library.at(env.task.clip[env_id : env_id + 1], env.task.step[env_id : env_id + 1])
            got = env.task.robot.body_pos_w[env_id]
            torch.testing.assert_close(got, reference.body_pos_w[0], atol=1e-4, rtol=0.0)
        if ended:
            break
    assert ended


def test_observations_have_the_sizes_that_were_told_beforehand(make):
    env = make(*QUIET)
    spaces = env.env.single_observation_space
    observed = env.env.obs_buf
    assert spaces["policy"].shape == observed["policy"].shape[1:]
    assert spaces["critic"].shape == observed["critic"].shape[1:]
    assert env.env.single_action_space.shape == (29,)


def test_isaac_labs_counter_is_not_the_clips(make):
    env = make(*QUIET)
    env.env.episode_length_buf[:] = 300
    before = env.task.step.clone()
    _, _, dones, _ = env.step(torch.zeros(4, env.num_actions))
    assert not dones.any() and torch.equal(env.task.step, before + 1)


@pytest.mark.parametrize("way", ["the engine's", "by a force that stays"])
def test_gravity_of_each_environment(make, way: str):
    env = make(*QUIET, num_envs=3)
    env.auto_reset = False
    if way != "the engine's":
        # PhysX has one gravity for the scene; what is done there instead works on every engine.
        env.env.backend.engine = PhysX(env.env.backend.sim, env.env.backend._robot)
    env.reset_to(ids(0, 1, 2), ids(0, 0, 0), ids(0, 0, 0))
    start: GeneralisedState = parity.default_start(env)
    falling = GeneralisedState(*(value.expand(3, -1).clone() for value in list(vars(start).values())[:6]))
    falling.root_pos_w[:, 2] = 5.0
    factor = torch.tensor([0.0, 0.5, 1.0])
    env.env.backend.write_parameters(ids(0, 1, 2), PhysicsParameters(None, None, None, factor))
    env.env.backend.write(ids(0, 1, 2), falling)
    env.task.observe(env.env.backend.read_start(ids(0, 1, 2)))
    for _ in range(10):
        env.step(torch.zeros(3, env.num_actions))
    # The centre of mass falls freely whatever the joints do; the root frame nearly so with the pose held.
    backend = env.env.backend
    mass = backend._robot.data.body_mass.torch
    velocity = (backend._robot.data.body_com_vel_w.torch[..., 2] * mass).sum(1) / mass.sum(1)
    expected = -9.81 * 0.2 * factor
    torch.testing.assert_close(velocity.cpu(), expected, atol=0.01 * 9.81 * 0.2, rtol=0.0)


def test_only_the_ground_counts_as_undesired_contact(make):
    """One robot lies on the ground; the other floats, with legs that are pressed together."""
    env = make(*QUIET, "task.action.mode=absolute", num_envs=2)
    env.auto_reset = False
    backend, e = env.env.backend, env.embodiment
    pose: GeneralisedState = parity.default_start(env)
    start = GeneralisedState(*(value.expand(2, -1).clone() for value in list(vars(pose).values())[:6]))
    start.root_pos_w[:, 2] = torch.tensor([0.2, 5.0])
    start.root_quat_w[0] = torch.tensor([0.0, -(0.5**0.5), 0.0, 0.5**0.5])
    for name, angle in (("left_hip_roll_joint", -0.4), ("right_hip_roll_joint", 0.4)):
        start.joint_pos[1, e.joint_names.index(name)] = angle
    backend.write(ids(0, 1), start)
    env.task.observe(backend.read_start(ids(0, 1)))
    forces = backend._contacts.data.net_forces_w
    touched = pressed = False
    for _ in range(15):
        env.step(torch.zeros(2, env.num_actions))
        touched = touched or bool(env.task.robot.undesired_contact[0])
        pressed = pressed or bool(forces.torch[1].norm(dim=-1).max() > 1.0)
        assert not env.task.robot.undesired_contact[1] and not env.task.robot.foot_force[1].any()
    assert touched and pressed


def test_randomised_gains_reach_the_solver_and_the_torque(make):
    """They are written past Isaac Lab, which would compute constants of all worlds anew."""
    env = make("task.reset.scale=0", "task.randomisation.stiffness=[0.5,0.5]", "task.randomisation.damping=[2,2]")
    backend, e = env.env.backend, env.embodiment
    env.auto_reset = False
    env.reset_to(ids(0, 2), ids(0, 0), ids(0, 0))
    robot = backend._robot
    for found, wanted in ((robot.data.joint_stiffness, 0.5 * e.stiffness), (robot.data.joint_damping, 2.0 * e.damping)):
        expected = torch.as_tensor(wanted, dtype=torch.float32).expand(4, -1)
        torch.testing.assert_close(found.torch[:, backend._joints], expected)
    solver = backend.engine._manager._solver
    for field in ("actuator_gainprm", "actuator_biasprm"):
        before = backend.engine._warp.to_torch(getattr(solver.mjw_model, field)).clone()
        # What Newton itself makes of the joints' gains is what was written.
        solver._update_joint_dof_properties()
        after = backend.engine._warp.to_torch(getattr(solver.mjw_model, field))
        assert after.any() and torch.equal(before, after)


def test_the_default_pose_is_held_as_on_mujoco(make, mujoco):
    env = make(*parity.OVERRIDES, "task.action.mode=absolute", num_envs=1)
    backend = env.env.backend
    got = parity.held(env, backend.write, lambda: backend.read_start(ids(0)))
    np.testing.assert_allclose(got["root_pos_w"][:, 2], mujoco["held/root_pos_w"][:, 2], atol=0.02)
    np.testing.assert_allclose(got["joint_pos"], mujoco["held/joint_pos"], atol=0.05)
    # The second half stands: there forces compare too. What a sole carries moves with every millimetre of sway.
    weight = 9.81 * env.embodiment.mass
    for held in (got, {name: mujoco[f"held/{name}"] for name in got}):
        assert abs(held["foot_force"][25:].sum(axis=1).mean() / weight - 1.0) < 0.05
        assert not held["undesired_contact"].any()
    torque, expected = got["joint_torque"][25:].mean(axis=0), mujoco["held/joint_torque"][25:].mean(axis=0)
    np.testing.assert_allclose(torque / env.embodiment.effort_limit, expected / env.embodiment.effort_limit, atol=0.03)


def test_two_hundred_states_say_the_same_on_both(make, mujoco):
    env = make(*parity.OVERRIDES, num_envs=parity.NUM_STATES, motions=("builtin",))

    def start(state: GeneralisedState):
        for name in ("root_pos_w", "root_quat_w", "root_lin_vel_w", "root_ang_vel_w", "joint_pos", "joint_vel"):
            setattr(state, name, torch.from_numpy(mujoco[f"given/{name}"]))
        everyone = torch.arange(parity.NUM_STATES)
        env.env.backend.write(everyone, state)
        robot = env.env.backend.read_start(everyone)
        # Forces at a start state that no step has seen are the engine's: the task gets those of the file.
        for name in ("joint_torque", "foot_force", "undesired_contact"):
            setattr(robot, name, torch.from_numpy(mujoco[f"states/robot/{name}"]))
        return robot

    got = parity.states(env, start)
    for name, value in got.items():
        expected = mujoco[f"states/{name}"]
        if value.dtype == bool:
            np.testing.assert_array_equal(value, expected, err_msg=name)
        elif not name.endswith("quat_w"):
            np.testing.assert_allclose(value, expected, atol=1e-4, rtol=1e-4, err_msg=name)


def test_isaac_labs_own_command_streams_a_corpus_that_does_not_fit(launched: None):
    from athena_tasks.isaaclab.cfg import make_env_cfg
    from athena_tasks.isaaclab.env import TrackingDirectEnv
    from athena_wbc.motion.streaming import StreamingLibrary

    cfg = make_env_cfg("g1")
    cfg.motions, cfg.scene.num_envs, cfg.sim.device = ["builtin"], 2, "cpu"
    cfg.sim.physics = launch.physics_cfg(cfg.sim.physics)
    cfg.overrides = ["task.corpus_budget_gb=5e-4"]
    env = TrackingDirectEnv(cfg)
    try:
        assert isinstance(env.library, StreamingLibrary)
    finally:
        env.close()
