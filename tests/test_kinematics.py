"""Forward kinematics against MuJoCo."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment, get_embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import BodyState, Kinematics
from athena_wbc.rotations import quat_exp, quat_mul, rotation_angle
from tests.toy_robot import write_toy

FIELDS = ("pos", "quat", "lin_vel", "ang_vel")


@pytest.fixture(scope="module", params=["g1", "toy"])
def robot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embodiment:
    if request.param == "g1":
        return get_embodiment("g1")
    return load_embodiment(write_toy(tmp_path_factory.mktemp("toy")))


@pytest.fixture
def toy(tmp_path: Path) -> Embodiment:
    return load_embodiment(write_toy(tmp_path))


def random_state(robot: Embodiment, shape: tuple[int, ...], seed: int = 0) -> list[torch.Tensor]:
    """Root pose and joint positions, then root and joint velocities; float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(size: int) -> torch.Tensor:
        return torch.randn(*shape, size, generator=generator, dtype=torch.float64)

    quat = torch.nn.functional.normalize(normal(4), dim=-1)
    joints = robot.num_joints
    return [3.0 * normal(3), quat, normal(joints), normal(3), 2.0 * normal(3), 3.0 * normal(joints)]


def mujoco_state(robot: Embodiment, values: list[torch.Tensor]) -> BodyState:
    """The same from MuJoCo, one configuration after the other; bodies in the model's order."""
    model = mujoco.MjModel.from_xml_path(str(robot.model_path))
    data = mujoco.MjData(model)
    rows: dict[str, list[np.ndarray]] = {field: [] for field in FIELDS}
    for pos, quat, joints, lin_vel, ang_vel, joint_vel in zip(*(value.numpy() for value in values), strict=True):
        data.qpos[:3], data.qpos[3:7], data.qpos[7:] = pos, quat[[3, 0, 1, 2]], joints
        data.qvel[:3], data.qvel[6:] = lin_vel, joint_vel
        mujoco.mju_rotVecQuat(data.qvel[3:6], ang_vel, quat[[3, 0, 1, 2]] * [1, -1, -1, -1])
        mujoco.mj_forward(model, data)
        velocity = np.zeros((model.nbody, 6))
        for body in range(model.nbody):
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, body, velocity[body], 0)
        rows["pos"].append(data.xpos[1:].copy())
        rows["quat"].append(data.xquat[1:, [1, 2, 3, 0]].copy())
        rows["ang_vel"].append(velocity[1:, :3])
        rows["lin_vel"].append(velocity[1:, 3:])
    return BodyState(**{field: torch.from_numpy(np.stack(value)) for field, value in rows.items()})


def assert_same(found: BodyState, expected: BodyState, tolerance: float) -> None:
    for field in ("pos", "lin_vel", "ang_vel"):
        difference = (getattr(found, field).double() - getattr(expected, field)).abs().max()
        assert difference < tolerance, field
    assert rotation_angle(found.quat.double(), expected.quat).max() < tolerance
    assert (found.quat.norm(dim=-1) - 1.0).abs().max() < tolerance


def test_state_equals_mujoco_in_float64(robot: Embodiment) -> None:
    values = random_state(robot, (20,))
    found = Kinematics(robot, dtype=torch.float64).state(*values)
    assert found.pos.shape == (20, len(robot.body_names), 3)
    assert_same(found, mujoco_state(robot, values), 1e-10)


def test_state_equals_mujoco_in_float32(robot: Embodiment) -> None:
    values = random_state(robot, (20,), seed=1)
    found = Kinematics(robot).state(*(value.float() for value in values))
    assert found.pos.dtype == torch.float32
    assert_same(found, mujoco_state(robot, values), 1e-4)


def test_forward_gives_the_poses_of_state(robot: Embodiment) -> None:
    values = random_state(robot, (5,), seed=2)
    kinematics = Kinematics(robot, dtype=torch.float64)
    pos, quat = kinematics.forward(*values[:3])
    state = kinematics.state(*values)
    torch.testing.assert_close(pos, state.pos, rtol=0.0, atol=1e-14)
    torch.testing.assert_close(quat, state.quat, rtol=0.0, atol=1e-14)


def test_bodies_come_in_the_order_asked_for(robot: Embodiment) -> None:
    values = random_state(robot, (4,), seed=3)
    wanted = (robot.body_names[-1], *robot.key_bodies[::-1])
    everything = Kinematics(robot, dtype=torch.float64).state(*values)
    some = Kinematics(robot, wanted, dtype=torch.float64).state(*values)
    index = robot.body_index(wanted)
    for field in FIELDS:
        expected = getattr(everything, field)[:, index]
        torch.testing.assert_close(getattr(some, field), expected, rtol=0.0, atol=1e-13)


def test_root_alone(robot: Embodiment) -> None:
    pos, quat, joints, lin_vel, ang_vel, joint_vel = random_state(robot, (3,), seed=4)
    found = Kinematics(robot, (robot.root,), dtype=torch.float64).state(pos, quat, joints, lin_vel, ang_vel, joint_vel)
    for field, expected in zip(FIELDS, (pos, quat, lin_vel, ang_vel), strict=True):
        torch.testing.assert_close(getattr(found, field), expected.unsqueeze(1), rtol=0.0, atol=0.0)


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (2, 1, 3), (0,)])
def test_any_leading_dimensions(robot: Embodiment, shape: tuple[int, ...]) -> None:
    values = random_state(robot, shape, seed=5)
    kinematics = Kinematics(robot, robot.key_bodies, dtype=torch.float64)
    found = kinematics.state(*values)
    flat = kinematics.state(*(value.reshape(-1, value.shape[-1]) for value in values))
    pos, _ = kinematics.forward(*values[:3])
    assert pos.shape == found.pos.shape == (*shape, len(robot.key_bodies), 3)
    assert found.quat.shape == (*shape, len(robot.key_bodies), 4)
    for field in FIELDS:
        value = getattr(found, field)
        expected = getattr(flat, field)
        torch.testing.assert_close(value.reshape(expected.shape), expected, rtol=0.0, atol=1e-13)


def test_a_fixed_body_beside_a_moving_one(toy: Embodiment) -> None:
    """The plate (no joint) is of the same depth as the thighs (joints): their angles must not reach it.

    It is pitched by 45 degrees at (0.1, 0, 0.05), so with a root at the origin it stays there.
    """
    joints = torch.full((1, toy.num_joints), 1.3)
    root = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    pos, quat = Kinematics(toy, ("plate", "left_thigh")).forward(torch.zeros(1, 3), root, joints)
    half = np.pi / 8
    torch.testing.assert_close(pos[0, 0], torch.tensor([0.1, 0.0, 0.05]))
    torch.testing.assert_close(quat[0, 0], torch.tensor([0.0, np.sin(half), 0.0, np.cos(half)]).float())


def test_velocities_are_the_derivative_of_positions(toy: Embodiment) -> None:
    """Against central differences of forward(), which knows nothing of velocities."""
    pos, quat, joints, lin_vel, ang_vel, joint_vel = random_state(toy, (8,), seed=6)
    kinematics = Kinematics(toy, dtype=torch.float64)
    state = kinematics.state(pos, quat, joints, lin_vel, ang_vel, joint_vel)
    h = 1e-5

    def moved(dt: float) -> torch.Tensor:
        turned = quat_mul(quat_exp(ang_vel * dt), quat)
        return kinematics.forward(pos + lin_vel * dt, turned, joints + joint_vel * dt)[0]

    difference = (moved(h) - moved(-h)) / (2 * h)
    torch.testing.assert_close(state.lin_vel, difference, rtol=0.0, atol=1e-6)


def test_an_unknown_body_is_refused(toy: Embodiment) -> None:
    with pytest.raises(AthenaError, match=r"body unknown 'left_fot'; did you mean 'left_foot'"):
        Kinematics(toy, ("left_fot",))
