"""Quaternions against RoMa and against cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import roma
import torch
from torch import Tensor

from athena_wbc import rotations as R

PI = math.pi
HALF = math.sqrt(0.5)
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


def quats(count: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    raw = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(raw, dim=-1).to(dtype)


def vectors(count: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def about(axis: str, angle: float) -> Tensor:
    """A rotation about x, y or z, float64, by half-angle formulas."""
    q = torch.zeros(4, dtype=torch.float64)
    q["xyz".index(axis)], q[3] = math.sin(angle / 2), math.cos(angle / 2)
    return q


def same(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=0.0, atol=tolerance)


# Product, action, matrices


def test_product_equals_roma(dtype: torch.dtype) -> None:
    a, b = quats(50, dtype), quats(50, dtype, 1)
    same(R.quat_mul(a, b), roma.quat_product(a, b), TOLERANCE[dtype])


def test_product_turns_by_the_right_factor_first() -> None:
    """A quarter about x, then a quarter about z: y goes to z and stays; z goes to -y and on to x."""
    q = R.quat_mul(about("z", PI / 2), about("x", PI / 2))
    same(R.quat_apply(q, torch.eye(3).double()), torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).double(), 1e-15)


def test_action_equals_roma_and_its_inverse(dtype: torch.dtype) -> None:
    q, v = quats(50, dtype), vectors(50, dtype, 2)
    same(R.quat_apply(q, v), roma.quat_action(q, v), 4 * TOLERANCE[dtype])
    same(R.quat_apply_inverse(q, v), roma.quat_action(R.quat_conj(q), v), 4 * TOLERANCE[dtype])
    same(R.quat_apply_inverse(q, R.quat_apply(q, v)), v, 4 * TOLERANCE[dtype])


def test_action_broadcasts() -> None:
    q, v = quats(6, torch.float64).view(6, 1, 4), vectors(5, torch.float64)
    found = R.quat_apply(q, v)
    assert found.shape == (6, 5, 3)
    same(found[3, 2], R.quat_apply(q[3, 0], v[2]), 1e-15)
    same(R.quat_apply_inverse(q, v)[3, 2], R.quat_apply_inverse(q[3, 0], v[2]), 1e-15)


def test_components_may_lie_in_another_dimension() -> None:
    a, b, v = quats(7, torch.float64), quats(7, torch.float64, 1), vectors(7, torch.float64)
    same(R.quat_mul(a.T, b.T, 0), R.quat_mul(a, b).T, 0.0)
    same(R.quat_apply(a.T, v.T, 0), R.quat_apply(a, v).T, 0.0)
    same(R.cross(a.T[:3], v.T, 0), torch.linalg.cross(a[:, :3], v).T, 1e-15)


def test_conjugate_is_the_inverse(dtype: torch.dtype) -> None:
    q = quats(20, dtype)
    identity = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=dtype).expand(20, 4)
    same(R.quat_mul(q, R.quat_conj(q)), identity, TOLERANCE[dtype])


def test_rotation_6d_is_two_columns_row_by_row(dtype: torch.dtype) -> None:
    q = quats(20, dtype)
    same(R.rotation_6d(q), roma.unitquat_to_rotmat(q)[:, :, :2].flatten(1), 2 * TOLERANCE[dtype])
    same(R.rotation_6d(about("z", PI / 2)), torch.tensor([0.0, -1.0, 1.0, 0.0, 0.0, 0.0]).double(), 1e-15)


# Exponential and logarithm


def test_exponential_of_an_axis_times_an_angle(dtype: torch.dtype) -> None:
    axis = torch.nn.functional.normalize(vectors(30, torch.float64, 3), dim=-1).to(dtype)
    angle = torch.linspace(-3.0, 3.0, 30, dtype=dtype)
    half = 0.5 * angle.unsqueeze(-1)
    expected = torch.cat((axis * half.sin(), half.cos()), dim=-1)
    same(R.quat_exp(axis * angle.unsqueeze(-1)), expected, 2 * TOLERANCE[dtype])
    same(R.quat_exp(torch.tensor([0.0, 0.0, PI / 3])), about("z", PI / 3).float(), 1e-7)


def test_logarithm_is_the_shorter_arc(dtype: torch.dtype) -> None:
    rotvec = vectors(50, dtype)
    rotvec = rotvec / rotvec.norm(dim=-1, keepdim=True) * torch.linspace(0.0, 3.0, 50, dtype=dtype).unsqueeze(-1)
    q = R.quat_exp(rotvec)
    same(R.quat_log(q), rotvec, 10 * TOLERANCE[dtype])
    same(R.quat_log(-q), rotvec, 10 * TOLERANCE[dtype])
    expected = torch.tensor([-0.5 * PI, 0.0, 0.0], dtype=torch.float64)
    same(R.quat_log(about("x", 1.5 * PI)), expected, 1e-14)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 1e-4, 1e-2])
def test_logarithm_keeps_the_digits_of_tiny_angles(angle: float, dtype: torch.dtype) -> None:
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=dtype) / 3.0
    found = R.quat_log(R.quat_exp(axis * angle))
    torch.testing.assert_close(found, axis * angle, rtol=4 * torch.finfo(dtype).eps, atol=0.0)


# Slerp


def test_slerp_equals_roma(dtype: torch.dtype) -> None:
    a, b = quats(40, dtype), quats(40, dtype, 1)
    t = torch.linspace(0.0, 1.0, 40, dtype=dtype)
    expected = torch.stack(
        [roma.unitquat_slerp(x, y, s.view(1), shortest_arc=True)[0] for x, y, s in zip(a, b, t, strict=True)]
    )
    found = R.quat_slerp(a, b, t)
    assert R.rotation_angle(found, expected).max() < 4 * TOLERANCE[dtype]


def test_slerp_turns_at_constant_speed(dtype: torch.dtype) -> None:
    a, b = about("y", 0.3).to(dtype), about("y", 1.5).to(dtype)
    for t in (0.0, 0.25, 0.5, 1.0):
        same(R.quat_slerp(a, b, torch.tensor(t, dtype=dtype)), about("y", 0.3 + 1.2 * t).to(dtype), TOLERANCE[dtype])


def test_slerp_takes_the_shorter_arc_between_opposite_signs(dtype: torch.dtype) -> None:
    a, b = about("z", 0.2).to(dtype), -about("z", 0.6).to(dtype)
    same(R.quat_slerp(a, b, torch.tensor(0.5, dtype=dtype)), about("z", 0.4).to(dtype), TOLERANCE[dtype])
    same(R.quat_slerp(a, -a, torch.tensor(0.5, dtype=dtype)), a, TOLERANCE[dtype])


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-6, 1e-4, 9e-4, 1.1e-3, 2.1e-3, 1e-2, 0.1])
def test_slerp_of_tiny_angles(angle: float, dtype: torch.dtype) -> None:
    """Across the switch from sines to the chord; a third of the way, so that the weights differ."""
    start, t = 0.7, 1.0 / 3.0
    a, b = about("x", start).to(dtype), about("x", start + angle).to(dtype)
    found = R.quat_slerp(a, b, torch.tensor(t, dtype=dtype))
    bound = 2.5e-7 if dtype == torch.float32 else max(1e-15, 0.1 * angle**3 if angle < 2.1e-3 else 0.0)
    same(found, about("x", start + t * angle).to(dtype), bound)


def test_slerp_of_opposite_orientations_is_finite(dtype: torch.dtype) -> None:
    found = R.quat_slerp(about("x", 0.0).to(dtype), about("x", PI).to(dtype), torch.tensor(0.5, dtype=dtype))
    assert found.isfinite().all()
    assert abs(found.norm() - 1.0) < 1e-6


# Heading


@pytest.mark.parametrize("yaw", [-3.0, -1.0, 0.0, 0.4, 3.1])
@pytest.mark.parametrize("pitch", [-PI / 2, -1.5707, -0.5, 0.0, 1.0, 1.5707, PI / 2, 3.0])
def test_heading_of_yaw_after_pitch_is_the_yaw(yaw: float, pitch: float, dtype: torch.dtype) -> None:
    """qz(yaw) qy(pitch) = (.., .., sin(yaw/2) cos(pitch/2), cos(yaw/2) cos(pitch/2)): the pitch cancels."""
    q = R.quat_mul(about("z", yaw), about("y", pitch)).to(dtype)
    same(R.heading(q), torch.tensor(yaw, dtype=dtype), 2e-5 if dtype == torch.float32 else 1e-13)


def test_heading_does_not_jump_at_90_degrees_of_pitch() -> None:
    """Rolled a little, Euler's yaw jumps by pi as the pitch passes 90 degrees; the twist moves by the step only."""
    pitch = PI / 2 + torch.linspace(-1e-3, 1e-3, 9, dtype=torch.float64)
    lean = R.quat_exp(torch.tensor([0.0, 1.0, 0.0]).double() * pitch.unsqueeze(-1))
    q = R.quat_mul(about("z", 0.8).expand(9, 4), R.quat_mul(lean, about("x", 0.05).expand(9, 4)))
    forward = R.quat_apply(q, torch.tensor([1.0, 0.0, 0.0]).double())
    euler = torch.atan2(forward[:, 1], forward[:, 0])
    assert euler.diff().abs().max() > 1.0
    assert R.heading(q).diff().abs().max() < 1e-4


def test_heading_of_both_signs_and_its_range(dtype: torch.dtype) -> None:
    q = quats(200, dtype)
    same(R.heading(-q), R.heading(q), 1e-5 if dtype == torch.float32 else 1e-13)
    half_turn = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, -1.0, 0.0]], dtype=dtype)
    same(R.heading(half_turn), torch.tensor([PI, PI], dtype=dtype), 1e-6)


def test_heading_quaternion_is_the_twist(dtype: torch.dtype) -> None:
    """q = twist swing, where the swing's axis is horizontal."""
    q = quats(100, dtype)
    twist = R.quat_heading(q)
    axis, angle = torch.tensor([0.0, 0.0, 1.0], dtype=dtype).expand(100, 3), R.heading(q)
    about_axis = R.quat_exp(axis * angle.unsqueeze(-1))
    assert R.rotation_angle(twist, about_axis).max() < (1e-5 if dtype == torch.float32 else 1e-13)
    swing = R.quat_mul(R.quat_conj(twist), q)
    same(swing[:, 2], torch.zeros(100, dtype=dtype), TOLERANCE[dtype])
    same(twist.norm(dim=-1), torch.ones(100, dtype=dtype), TOLERANCE[dtype])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_heading_upside_down_is_zero(axis: str, dtype: torch.dtype) -> None:
    """Turned over exactly, the twist is undefined: it must be a rotation all the same."""
    q = torch.zeros(4, dtype=dtype)
    q["xyz".index(axis)] = 1.0
    same(R.quat_heading(q), torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=dtype), 0.0)
    same(R.heading(q), torch.tensor(0.0, dtype=dtype), 0.0)


def test_heading_nearly_upside_down_is_defined(dtype: torch.dtype) -> None:
    q = R.quat_mul(about("z", 0.9), about("x", PI - 1e-3)).to(dtype)
    same(R.quat_heading(q), about("z", 0.9).to(dtype), 1e-3 if dtype == torch.float32 else 1e-11)


# Angles


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.0, 0.0),
        (PI, PI),
        (-PI, PI),
        (3 * PI, PI),
        (-3 * PI, PI),
        (4.0, 4.0 - 2 * PI),
        (-4.0, 2 * PI - 4.0),
        (-0.1, -0.1),
    ],
)
def test_wrap(angle: float, expected: float) -> None:
    same(R.wrap_angle(torch.tensor(angle, dtype=torch.float64)), torch.tensor(expected, dtype=torch.float64), 1e-14)


def test_wrap_stays_in_its_interval(dtype: torch.dtype) -> None:
    angle = torch.linspace(-20.0, 20.0, 4001, dtype=dtype)
    wrapped = R.wrap_angle(angle)
    assert (wrapped.abs() <= PI + 1e-6).all()
    turns = (angle - wrapped) / (2 * PI)
    same(turns, turns.round(), 1e-5 if dtype == torch.float32 else 1e-13)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-3, 0.5, 3.0, PI])
def test_rotation_angle(angle: float) -> None:
    """In float32 too: the arc cosine of a dot product would be 3e-4 off at small angles."""
    q = quats(30, torch.float64, 5)
    axis = torch.nn.functional.normalize(vectors(30, torch.float64, 6), dim=-1)
    turned = R.quat_mul(R.quat_exp(axis * angle), q)
    same(R.rotation_angle(turned, q), torch.full((30,), angle, dtype=torch.float64), 1e-14)
    same(R.rotation_angle(-turned.float(), q.float()), torch.full((30,), angle), 1e-6)
