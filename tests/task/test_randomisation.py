"""What domain randomisation draws, for whom and when."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from athena_wbc.config import load_config
from athena_wbc.errors import AthenaError
from athena_wbc.task.config import RandomisationConfig
from athena_wbc.task.randomisation import Randomisation
from tests.tracking import g1

N, J, B = 400, g1().num_joints, len(g1().body_names)
EVERYONE = torch.arange(N)
DT = 0.02


def make(num_envs: int = N, seed: int = 0, **ranges) -> Randomisation:
    config = RandomisationConfig(**ranges)
    return Randomisation(config, g1(), num_envs, DT, torch.device("cpu"), torch.Generator().manual_seed(seed))


def fills(values: Tensor, low: float, high: float) -> None:
    """Uniform over [low, high]: within it, near both ends, centred."""
    width = high - low
    assert low - 1e-6 <= values.min() < low + 0.02 * width
    assert high - 0.02 * width < values.max() <= high + 1e-6
    assert abs(values.mean().item() - (low + high) / 2) < 0.08 * width


def test_nothing_is_drawn_by_default():
    randomisation = make()
    body, physics = randomisation.body_parameters(N), randomisation.reset(EVERYONE)
    assert all(getattr(p, f.name) is None for p in (body, physics) for f in dataclasses.fields(p))
    for name in ("joint_default", "encoder_bias", "delay"):
        assert getattr(randomisation, name).count_nonzero() == 0
    assert (randomisation.gravity == 1.0).all()
    assert randomisation.max_delay == 0
    assert all(randomisation.push() is None for _ in range(500))


def test_bodies_are_drawn_each_for_itself():
    body = make(mass=[0.9, 1.2], com=[-0.02, 0.03]).body_parameters(N)
    assert body.mass.shape == (N, B) and body.com.shape == (N, 3)
    fills(body.mass, 0.9, 1.2)
    fills(body.com, -0.02, 0.03)
    assert (body.mass[:, 0] != body.mass[:, 1]).all() and (body.mass[0] != body.mass[1]).all()


@pytest.mark.parametrize(
    ("key", "low", "high", "shape"),
    [
        ("friction", 0.3, 1.6, (N,)),
        ("gravity", 0.4, 1.0, (N,)),
        ("stiffness", 0.8, 1.1, (N, J)),
        ("damping", 0.5, 2.0, (N, J)),
    ],
)
def test_physics_is_drawn_with_every_reset(key: str, low: float, high: float, shape: tuple[int, ...]):
    randomisation = make(**{key: [low, high]})
    first, second = (getattr(randomisation.reset(EVERYONE), key) for _ in range(2))
    assert first.shape == shape
    fills(first, low, high)
    assert not torch.equal(first, second)
    others = {"friction", "gravity", "stiffness", "damping"} - {key}
    assert all(getattr(randomisation.reset(EVERYONE), other) is None for other in others)


@pytest.mark.parametrize("key", ["joint_default", "encoder_bias"])
def test_offsets_are_drawn_for_the_environments_that_are_reset(key: str):
    randomisation = make(**{key: [-0.01, 0.02]})
    assert getattr(randomisation, key).count_nonzero() == 0
    randomisation.reset(EVERYONE)
    before = getattr(randomisation, key).clone()
    fills(before, -0.01, 0.02)
    randomisation.reset(torch.tensor([3, 5]))
    changed = (getattr(randomisation, key) != before).any(dim=-1).nonzero().flatten()
    assert changed.tolist() == [3, 5]


def test_delays_are_whole_steps_with_both_ends():
    randomisation = make(delay_steps=[1, 3])
    assert randomisation.max_delay == 3
    randomisation.reset(EVERYONE)
    assert set(randomisation.delay.tolist()) == {1, 2, 3}
    before = randomisation.delay.clone()
    randomisation.reset(EVERYONE[:200])
    assert torch.equal(randomisation.delay[200:], before[200:])
    assert not torch.equal(randomisation.delay[:200], before[:200])


def test_the_factor_of_gravity_is_kept_for_the_critic():
    randomisation = make(num_envs=4, gravity=[0.3, 0.6])
    drawn = randomisation.reset(torch.tensor([2, 0])).gravity
    torch.testing.assert_close(
        randomisation.gravity, torch.stack((drawn[1], torch.tensor(1.0), drawn[0], torch.ones(())))
    )


# --- pushes


def test_pushes_come_after_their_interval():
    randomisation = make(num_envs=2, push_interval_s=[0.1, 0.1])
    due = [k for k in range(1, 21) if randomisation.push() is not None]
    assert due == [5, 10, 15, 20]


def test_every_environment_waits_for_itself():
    randomisation = make(push_interval_s=[0.1, 0.4])
    waited, times = torch.zeros(N, dtype=torch.long), []
    for _ in range(200):
        waited += 1
        push = randomisation.push()
        if push is not None:
            assert len(push.ids) < N
            times.append(waited[push.ids])
            waited[push.ids] = 0
    assert set(torch.cat(times).tolist()) == set(range(5, 21))


def test_a_reset_starts_the_wait_anew():
    randomisation = make(num_envs=2, push_interval_s=[0.1, 0.1])
    pushed = []
    for k in range(1, 9):
        push = randomisation.push()
        pushed += [(k, env) for env in push.ids.tolist()] if push is not None else []
        if k == 3:
            randomisation.reset(torch.tensor([1]))
    assert pushed == [(5, 0), (8, 1)]


def test_pushes_fill_their_ranges():
    randomisation = make(push_interval_s=[0.02, 0.02], push_lin_vel=[0.5, 0.4, 0.0], push_ang_vel=[0.1, 0.2, 0.7])
    pushes = [randomisation.push() for _ in range(5)]
    for key, half_widths in (("lin_vel_w", [0.5, 0.4, 0.0]), ("ang_vel_w", [0.1, 0.2, 0.7])):
        drawn = torch.cat([getattr(push, key) for push in pushes])
        assert drawn.shape == (5 * N, 3)
        for axis, width in enumerate(half_widths):
            if width == 0.0:
                assert drawn[:, axis].count_nonzero() == 0
            else:
                fills(drawn[:, axis], -width, width)


# --- the same again


RANGES = {"friction": [0.3, 1.0], "encoder_bias": [-0.1, 0.1], "delay_steps": [0, 2], "push_interval_s": [0.1, 0.3]}


def test_the_seed_decides_all_draws():
    for other_seed in (0, 1):
        first, second = make(seed=0, **RANGES), make(seed=other_seed, **RANGES)
        same = torch.equal(first.reset(EVERYONE).friction, second.reset(EVERYONE).friction)
        same &= torch.equal(first.encoder_bias, second.encoder_bias)
        assert same == (other_seed == 0)


def test_state_goes_round():
    randomisation, other = make(gravity=[0.5, 1.0], **RANGES), make(seed=1, gravity=[0.5, 1.0], **RANGES)
    randomisation.reset(EVERYONE)
    for _ in range(7):
        randomisation.push()
    state = randomisation.state_dict()
    other.load_state_dict(state)
    for name in ("encoder_bias", "delay", "steps_to_push", "gravity"):
        assert torch.equal(getattr(other, name), getattr(randomisation, name)), name
    randomisation.reset(EVERYONE)
    assert torch.equal(other.encoder_bias, state["encoder_bias"])


# --- presets and refusals


def test_the_presets():
    none, light, standard = (
        load_config("general", [f"task.randomisation={name}"]).task.randomisation
        for name in ("none", "light", "standard")
    )
    assert none == RandomisationConfig()
    for name in ("friction", "mass", "com", "stiffness", "damping", "joint_default", "encoder_bias"):
        small, full = getattr(light, name), getattr(standard, name)
        assert full[0] <= small[0] < small[1] <= full[1], name
    assert standard.delay_steps == [0, 1] and light.delay_steps == []
    for config in (none, light, standard):
        make(num_envs=2, **{field.name: getattr(config, field.name) for field in dataclasses.fields(config)})


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("friction", [1.0, 0.5], r"give \[low, high\]"),
        ("mass", [1.0], r"give \[low, high\]"),
        ("com", [0.0, math.nan], r"give \[low, high\]"),
        ("gravity", [0.0, 1.0, 2.0], r"give \[low, high\]"),
        ("damping", [0.0, 1.0], "the lower end must be positive"),
        ("push_interval_s", [-1.0, 1.0], "the lower end must be positive"),
        ("delay_steps", [-1, 1], "cannot be negative"),
        ("push_lin_vel", [0.5], "give three half-widths"),
        ("push_ang_vel", [0.5, -0.5, 0.5], "give three half-widths"),
    ],
)
def test_bad_ranges_are_refused(key: str, value: list[float], remedy: str):
    with pytest.raises(AthenaError, match=rf"^task\.randomisation\.{key}: is .*{remedy}"):
        make(**{key: value})


def test_with_a_generator_of_its_own_nothing_else_shifts_its_draws():
    ranges = {"friction": [0.3, 1.6], "push_interval_s": [0.02, 0.1], "push_lin_vel": [0.5, 0.5, 0.2]}
    drawn = []
    for others in (0, 7):
        task = torch.Generator().manual_seed(0)
        randomisation = Randomisation(RandomisationConfig(**ranges), g1(), N, DT, torch.device("cpu"), task)
        randomisation.reseed(5)
        parts = []
        for _ in range(3):
            torch.rand(others, generator=task)
            push = randomisation.push()
            parts += [randomisation.reset(EVERYONE).friction, push.ids, push.lin_vel_w]
        drawn.append(parts)
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))
    randomisation.reseed(6)
    assert not torch.equal(randomisation.reset(EVERYONE).friction, drawn[0][0])
