"""Start states: on the reference exactly, or within the noise's ranges around it."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.reference import GeneralisedState
from athena_wbc.task.config import ResetConfig
from athena_wbc.task.reset import ReferenceStart
from tests.tracking import g1, library_of, moving_clip, random_reference

CPU = torch.device("cpu")
LIBRARY = library_of(moving_clip("a", 2.0))
FIELDS = [field.name for field in dataclasses.fields(GeneralisedState)]


def draw(config: ResetConfig, reference, noise: bool = True, seed: int = 0) -> GeneralisedState:
    return ReferenceStart(config, g1(), CPU).draw(reference, torch.Generator().manual_seed(seed), noise)


def many(count: int = 4000):
    """One reference state, many times: joints far from their limits."""
    return LIBRARY.at(torch.zeros(count, dtype=torch.long), torch.full((count,), 30))


@pytest.mark.parametrize(("scale", "noise"), [(1.0, False), (0.0, True)])
def test_without_noise_a_start_is_the_reference(scale: float, noise: bool):
    reference = LIBRARY.at(torch.zeros(50, dtype=torch.long), torch.arange(50))
    start = draw(ResetConfig(scale=scale), reference, noise)
    for name in FIELDS:
        assert torch.equal(getattr(start, name), getattr(reference, name)), name


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_noise_fills_its_ranges_and_stays_within(scale: float):
    config = ResetConfig(
        position=[0.05, 0.1, 0.01],
        rotation=[0.1, 0.0, 0.2],
        lin_vel=[0.5, 0.4, 0.2],
        ang_vel=[0.52, 0.6, 0.78],
        joint_pos=0.05,
        scale=scale,
    )
    reference = many()
    start = draw(config, reference)
    turn = (
        Rotation.from_quat(start.root_quat_w.double().numpy())
        * Rotation.from_quat(reference.root_quat_w.double().numpy()).inv()
    )
    noise = {
        "position": start.root_pos_w - reference.root_pos_w,
        "rotation": torch.as_tensor(turn.as_rotvec(), dtype=torch.float32),
        "lin_vel": start.root_lin_vel_w - reference.root_lin_vel_w,
        "ang_vel": start.root_ang_vel_w - reference.root_ang_vel_w,
    }
    for key, drawn in noise.items():
        width = scale * torch.tensor(getattr(config, key))
        low, high = drawn.amin(0), drawn.amax(0)
        assert (high <= width + 1e-5).all() and (low >= -width - 1e-5).all(), key
        assert (high >= 0.98 * width - 1e-5).all() and (low <= -0.98 * width + 1e-5).all(), key
        # 4000 draws of standard deviation width / sqrt(3): five standard errors are 0.046 widths.
        assert (drawn.mean(0).abs() <= 0.05 * width + 1e-5).all(), key
    joints = start.joint_pos - reference.joint_pos
    assert 0.049 * scale < joints.max() <= 0.05 * scale + 1e-6
    assert torch.equal(start.joint_vel, reference.joint_vel)
    assert (joints[:, 0] != joints[:, 1]).any() and (joints[0] != joints[1]).any()


def test_joints_stay_within_their_limits():
    lower, upper = (torch.tensor(limit, dtype=torch.float32) for limit in (g1().joint_lower, g1().joint_upper))
    reference = random_reference(200, seed=1)
    reference.joint_pos[::2], reference.joint_pos[1::2] = upper, lower
    for noise in (True, False):
        start = draw(ResetConfig(joint_pos=0.3), reference, noise)
        assert (start.joint_pos >= lower).all() and (start.joint_pos <= upper).all()
    reference.joint_pos[:] = upper + 1.0
    assert torch.equal(draw(ResetConfig(), reference, noise=False).joint_pos, upper.expand_as(reference.joint_pos))


def test_orientations_stay_unit():
    start = draw(ResetConfig(rotation=[1.0, 1.0, 3.0]), random_reference(500, seed=2))
    torch.testing.assert_close(start.root_quat_w.norm(dim=-1), torch.ones(500))


def test_the_reference_is_left_alone():
    reference = random_reference(10, seed=3)
    kept = {name: getattr(reference, name).clone() for name in FIELDS}
    draw(ResetConfig(), reference)
    assert all(torch.equal(getattr(reference, name), kept[name]) for name in FIELDS)


def test_the_generator_decides_the_draw():
    first, again, other = (draw(ResetConfig(), many(5), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.joint_pos, again.joint_pos) and torch.equal(first.root_quat_w, again.root_quat_w)
    assert not torch.equal(first.joint_pos, other.joint_pos)


@pytest.mark.parametrize(
    ("key", "value"),
    [("position", [0.1]), ("rotation", [0.1, 0.1, -0.1]), ("lin_vel", []), ("ang_vel", [0.0, math.nan, 0.0])],
)
def test_bad_half_widths_are_refused(key: str, value: list[float]):
    with pytest.raises(AthenaError, match=rf"^task\.reset\.{key}: .*give three half-widths"):
        ReferenceStart(ResetConfig(**{key: value}), g1(), CPU)


@pytest.mark.parametrize("key", ["joint_pos", "scale"])
def test_negative_noise_is_refused(key: str):
    with pytest.raises(AthenaError, match=rf"^task\.reset\.{key}: is -0\.1"):
        ReferenceStart(ResetConfig(**{key: -0.1}), g1(), CPU)
