"""Metrics against cases worked out by hand, quadrature of eq. 19 and a slow Fourier transform."""

from __future__ import annotations

import math

import pytest
import torch

from athena_wbc.evaluation import metrics
from athena_wbc.evaluation.config import Limits
from athena_wbc.evaluation.errors import RULES
from athena_wbc.rotations import quat_apply, quat_exp, quat_mul

INF = math.inf
NAN = math.nan


def _rollouts(height, yaw, key_body, valid=None, completed=None) -> torch.Tensor:
    height, yaw, key_body = (torch.tensor(values) for values in (height, yaw, key_body))
    valid = torch.ones(height.shape, dtype=torch.bool) if valid is None else torch.tensor(valid)
    completed = torch.ones(height.shape[0], dtype=torch.bool) if completed is None else torch.tensor(completed)
    return _star("athena", valid, completed, height=height, yaw=yaw, key_body=key_body)


def _star(
    rule: str, valid: torch.Tensor, completed: torch.Tensor, limits: Limits | None = None, **errors: torch.Tensor
):
    """The critical scale under a published rule."""
    stacked, limits = torch.stack([errors[name] for name in RULES[rule]], dim=-1), limits or Limits()
    return metrics.largest_ratio(stacked, [getattr(limits, name) for name in RULES[rule]], valid, completed)


def test_critical_scale_is_the_worst_quotient_over_frames_and_errors():
    star = _rollouts(
        height=[[0.10, 0.02], [0.0, 0.0], [0.0, 0.30]],
        yaw=[[0.10, 0.10], [0.60, 0.0], [0.1, 0.1]],
        key_body=[[0.05, 0.20], [0.10, 0.10], [0.4, 0.4]],
    )
    # 0.10 / 0.20, 0.60 / 0.50, 0.30 / 0.20
    torch.testing.assert_close(star, torch.tensor([0.5, 1.2, 1.5]))


def test_critical_scale_ignores_signs_and_takes_other_thresholds():
    ones = torch.ones(1, 1, dtype=torch.bool)
    star = _star(
        "athena",
        ones,
        ones[0],
        Limits(height=0.1, yaw=0.4, key_body=1.0),
        height=torch.tensor([[-0.3]]),
        yaw=torch.tensor([[-0.2]]),
        key_body=torch.tensor([[0.1]]),
    )
    torch.testing.assert_close(star, torch.tensor([3.0]))


def test_frames_that_are_not_valid_are_padding_even_when_they_hold_nan():
    star = _rollouts(
        height=[[0.1, 9.0], [0.1, NAN]],
        yaw=[[0.0, 9.0], [0.0, NAN]],
        key_body=[[0.0, 9.0], [0.0, INF]],
        valid=[[True, False], [True, False]],
    )
    torch.testing.assert_close(star, torch.tensor([0.5, 0.5]))


def test_what_was_not_measured_is_a_failure_at_every_tolerance():
    zero = [[0.0, 0.0]] * 4
    star = _rollouts(
        height=[[0.0, 0.0], [0.0, NAN], [0.0, 0.0], [0.0, INF]],
        yaw=zero,
        key_body=zero,
        valid=[[True, True], [True, True], [False, False], [True, True]],
        completed=[False, True, True, True],
    )
    assert star.tolist() == [INF] * 4
    assert metrics.success_rate(star).item() == 0.0
    assert metrics.success_rate(star, 1e30).item() == 0.0
    assert metrics.threshold_integrated_success(star).item() == 0.0
    assert metrics.success_tolerance_curve(star, torch.tensor([0.0, 1.0, 1e30])).tolist() == [0.0] * 3


def test_a_rollout_without_frames_fails():
    none = torch.zeros(2, 0)
    completed = torch.ones(2, dtype=torch.bool)
    star = _star("athena", none.bool(), completed, height=none, yaw=none, key_body=none)
    assert star.tolist() == [INF, INF]


def test_success_is_strict_and_nan_fails():
    star = torch.tensor([1.0, 0.5, NAN, INF])
    assert metrics.success_rate(star).item() == 0.25
    assert metrics.success_rate(star, 1.0001).item() == 0.5
    curve = metrics.success_tolerance_curve(star, torch.tensor([0.0, 0.5, 0.75, 1.0, 2.0]))
    assert curve.tolist() == [0.0, 0.0, 0.25, 0.25, 0.5]


def test_a_perfect_rollout_fails_only_at_tolerance_zero():
    star = _rollouts([[0.0]], [[0.0]], [[0.0]])
    assert metrics.success_tolerance_curve(star, torch.tensor([0.0, 1e-9])).tolist() == [0.0, 1.0]
    assert metrics.threshold_integrated_success(star).item() == 1.0


def test_the_curve_at_one_is_the_success_rate_and_never_falls():
    star = torch.rand(500, generator=torch.Generator().manual_seed(0)) * 3.0
    curve = metrics.success_tolerance_curve(star, torch.linspace(0.0, 3.0, 301))
    assert curve[100] == metrics.success_rate(star)
    assert bool((curve.diff() >= 0).all())


def test_tis_equals_quadrature_of_equation_19():
    star = torch.cat((torch.rand(40, generator=torch.Generator().manual_seed(1)) * 4.0, torch.tensor([0.0, INF])))
    # With s = u / (1 - u) the weight ds / (1 + s)^2 becomes du, and the integral runs over [0, 1].
    u = (torch.arange(400_000, dtype=torch.float64) + 0.5) / 400_000
    quadrature = metrics.success_tolerance_curve(star.double(), u / (1.0 - u)).mean()
    torch.testing.assert_close(metrics.threshold_integrated_success(star.double()), quadrature, atol=1e-5, rtol=0.0)


def test_tis_by_hand():
    # 1 / (1 + 0.25) = 0.8, 1 / (1 + 1) = 0.5, 1 / (1 + 3) = 0.25, 0
    star = torch.tensor([0.25, 1.0, 3.0, INF])
    assert metrics.threshold_integrated_success(star).item() == pytest.approx((0.8 + 0.5 + 0.25) / 4)


def test_no_rollout_is_an_error():
    for function in (metrics.success_rate, metrics.threshold_integrated_success):
        with pytest.raises(ValueError, match="no rollout"):
            function(torch.zeros(0))


def test_limits_must_be_positive_and_as_many_as_errors():
    valid = torch.ones(1, 2, dtype=torch.bool)
    for limits in ((0.5, 0.0), (0.5,), (0.5, NAN)):
        with pytest.raises(ValueError, match="limits"):
            metrics.largest_ratio(torch.zeros(1, 2, 2), limits, valid, valid[:, 0])


def test_phc_and_sonic_rules():
    valid, completed = torch.ones(2, 2, dtype=torch.bool), torch.tensor([True, True])
    mean_distance = torch.tensor([[0.1, 0.49], [0.1, 0.5]])
    star = _star("phc", valid, completed, mean_body_world=mean_distance)
    assert (star < 1.0).tolist() == [True, False]
    height = torch.tensor([[0.05, 0.1], [0.1, 0.1]])
    orientation = torch.tensor([[0.9, 0.2], [0.1, 1.2]])
    hands = torch.tensor([[0.1, 0.1], [0.1, 0.1]])
    sonic = {"anchor_height": height, "anchor_orientation": orientation, "end_effector_height": hands}
    torch.testing.assert_close(_star("sonic", valid, completed, **sonic), torch.tensor([0.9, 1.2]))
    # The published rule bounds the square: 0.64 rad^2 is an angle of 0.8 rad.
    tighter = _star("sonic", valid, completed, Limits(anchor_orientation=0.8), **sonic)
    torch.testing.assert_close(tighter, torch.tensor([0.9 / 0.8, 1.5]))


def test_mpjpe_in_millimetres_by_hand():
    reference = torch.zeros(2, 2, 3)
    position = torch.tensor([[[0.03, 0.04, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.1], [0.2, 0.0, 0.0]]])
    assert metrics.mpjpe(position, reference).item() == pytest.approx((50 + 0 + 100 + 200) / 4)
    batch = metrics.mpjpe(torch.stack((position, reference)), torch.zeros(2, 2, 2, 3))
    torch.testing.assert_close(batch, torch.tensor([87.5, 0.0]))
    assert math.isnan(metrics.mpjpe(torch.zeros(0, 2, 3), torch.zeros(0, 2, 3)).item())


def test_local_mpjpe_removes_the_translation_and_keeps_the_heading():
    reference = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(2))
    root = reference[:, 0]
    shift = torch.tensor([3.0, -2.0, 0.5])
    assert metrics.local_mpjpe(reference + shift, reference, root + shift, root).item() == pytest.approx(0.0, abs=1e-3)
    turned = quat_apply(torch.tensor([0.0, 0.0, 1.0, 0.0]), reference)
    assert metrics.local_mpjpe(turned, reference, turned[:, 0], root).item() > 100.0


def test_salience_weights_by_hand():
    # Body 0 travels 0.3 m at the end of a chain of 0.5 m, body 1 travels 0.2 m at 1.0 m, body 2 rests.
    local = torch.zeros(3, 3, 3, dtype=torch.float64)
    local[1, 0, 0], local[2, 0, 1] = 0.1, 0.0
    local[2, 0, 0] = 0.3
    local[:, 1, 2] = torch.tensor([0.0, 0.1, 0.0])
    weights = metrics.salience_weights(local, torch.tensor([0.5, 1.0, 0.7]))
    torch.testing.assert_close(weights, torch.tensor([0.6, 0.2, 0.0]).double() / 0.8, atol=1e-5, rtol=0.0)
    assert weights.sum().item() == pytest.approx(1.0)


def test_a_clip_without_motion_has_uniform_weights():
    weights = metrics.salience_weights(torch.ones(4, 5, 3), torch.full((5,), 0.3))
    torch.testing.assert_close(weights, torch.full((5,), 0.2))
    one_frame = metrics.salience_weights(torch.ones(1, 2, 3), torch.ones(2))
    torch.testing.assert_close(one_frame, torch.full((2,), 0.5))


def test_a_path_length_of_zero_is_an_error():
    with pytest.raises(ValueError, match="leave the root out"):
        metrics.salience_weights(torch.rand(4, 2, 3), torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="2 lengths"):
        metrics.salience_weights(torch.rand(4, 2, 3), torch.ones(3))


def test_weights_do_not_see_translation_and_heading():
    generator = torch.Generator().manual_seed(3)
    root = torch.cumsum(torch.rand(20, 3, generator=generator, dtype=torch.float64), 0) * 0.1
    tilt = torch.nn.functional.normalize(
        torch.randn(20, 4, generator=generator, dtype=torch.float64) * 0.1 + torch.tensor([0.0, 0.0, 0.0, 1.0]),
        dim=-1,
    )
    body = root[:, None] + torch.rand(20, 4, 3, generator=generator, dtype=torch.float64)
    length = torch.tensor([0.4, 0.8, 0.3, 1.1])
    plain = metrics.salience_weights(metrics.heading_local(body, root, tilt), length)
    # Another heading and another place in every frame: walking a circle adds nothing to any body.
    yaw = torch.linspace(0.0, 9.0, 20, dtype=torch.float64)
    turn = quat_exp(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64) * yaw.unsqueeze(-1))
    place = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    moved_body = quat_apply(turn[:, None], body) + place[:, None]
    moved_root = quat_apply(turn, root) + place
    moved = metrics.salience_weights(metrics.heading_local(moved_body, moved_root, quat_mul(turn, tilt)), length)
    torch.testing.assert_close(moved, plain)


def test_heading_local_turns_with_the_heading_and_stays_upright():
    root = torch.tensor([[1.0, 2.0, 0.8]])
    body = root[:, None] + torch.tensor([[[0.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    quarter, pitch = torch.tensor([math.pi / 2]), torch.tensor([0.7])
    turn = quat_exp(torch.tensor([[0.0, 0.0, 1.0]]) * quarter)
    tilt = quat_exp(torch.tensor([[0.0, 1.0, 0.0]]) * pitch)
    # Facing +y and bent forward: what is above stays above, what lies in front is along x.
    local = metrics.heading_local(body, root, quat_mul(turn, tilt))
    torch.testing.assert_close(local, torch.tensor([[[0.0, 0.0, 0.5], [1.0, 0.0, 0.0]]]), atol=1e-6, rtol=0.0)


def test_mpjpe_w_weighs_bodies():
    position, reference = torch.zeros(2, 2, 3), torch.zeros(2, 2, 3)
    position[:, 0, 0] = 0.1
    position[1, 1, 2] = 0.4
    weighted = metrics.mpjpe_w(position, reference, torch.tensor([0.75, 0.25]))
    assert weighted.item() == pytest.approx((75.0 + 75.0 + 100.0) / 2)
    uniform = metrics.mpjpe_w(position, reference, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(uniform, metrics.mpjpe(position, reference))


def test_resampling_interpolates_and_stays_inside():
    ramp = torch.arange(6, dtype=torch.float32)[:, None, None] * torch.ones(1, 1, 3) / 50.0
    resampled = metrics.resample_positions(ramp, 50.0, 30.0)
    # 0.1 s at 30 Hz: frames at 0, 1/30, 2/30 and 3/30 s
    torch.testing.assert_close(resampled[:, 0, 0], torch.arange(4) / 30.0)
    assert metrics.resample_positions(ramp, 30.0, 30.0) is ramp
    assert metrics.resample_positions(ramp[:1], 50.0, 30.0).shape[0] == 1


def test_velocity_and_acceleration_distances_by_hand():
    time = torch.arange(5, dtype=torch.float32)
    position, reference = torch.zeros(5, 2, 3), torch.zeros(5, 2, 3)
    position[:, 0, 0] = 0.010 * time  # 10 mm per frame too fast, no acceleration
    position[:, 1, 1] = 0.002 * time**2  # differences 2, 6, 10, 14 mm; second differences 4 mm
    assert metrics.velocity_distance(position, reference).item() == pytest.approx((10.0 + 8.0) / 2, rel=1e-4)
    assert metrics.acceleration_distance(position, reference).item() == pytest.approx(2.0, rel=1e-3)
    assert math.isnan(metrics.velocity_distance(position[:1], reference[:1]).item())
    assert math.isnan(metrics.acceleration_distance(position[:2], reference[:2]).item())


def test_action_rate_and_jerk_by_hand():
    actions = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
    assert metrics.action_rate(actions).item() == pytest.approx((1 + 4 + 0) / 3)
    # second differences (-1, 2) and (0, -2)
    assert metrics.action_jerk(actions).item() == pytest.approx((5 + 4) / 2)
    ramp = torch.arange(8, dtype=torch.float32)[:, None]
    assert metrics.action_jerk(ramp).item() == 0.0


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_sequences_too_short_for_a_difference_have_none(frames):
    actions = torch.ones(frames, 3)
    assert math.isnan(metrics.action_jerk(actions).item())
    assert math.isnan(metrics.action_rate(actions).item()) == (frames < 2)
    assert math.isnan(metrics.high_frequency_ratio(actions, 50.0).item()) == (frames < 2)


@pytest.mark.parametrize("frames", [16, 17])
def test_spectrum_equals_a_slow_transform(frames):
    actions = torch.randn(frames, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64) + 5.0
    frequencies, power = metrics.power_spectrum(actions, 50.0)
    centred = actions - actions.mean(0)
    slow = torch.zeros(frames // 2 + 1, dtype=torch.float64)
    for k in range(frames):
        angle = -2.0 * math.pi * k * torch.arange(frames, dtype=torch.float64) / frames
        real = (centred * torch.cos(angle)[:, None]).sum(0)
        imaginary = (centred * torch.sin(angle)[:, None]).sum(0)
        slow[min(k, frames - k)] += (real**2 + imaginary**2).sum() / frames**2
    torch.testing.assert_close(power, slow)
    torch.testing.assert_close(frequencies, torch.arange(frames // 2 + 1).double() * 50.0 / frames)
    torch.testing.assert_close(power.sum(), centred.square().mean(0).sum())


def test_high_frequency_ratio_of_two_tones():
    time = torch.arange(200, dtype=torch.float64) / 50.0
    actions = torch.stack(
        (3.0 + 2.0 * torch.sin(2 * math.pi * 2.0 * time), -1.0 + torch.sin(2 * math.pi * 12.0 * time)), -1
    )
    assert metrics.high_frequency_ratio(actions, 50.0).item() == pytest.approx(1.0 / 5.0)
    # A drift below 0.5 Hz is not action variation.
    slow = actions + 10.0 * torch.sin(2 * math.pi * 0.25 * time)[:, None]
    assert metrics.high_frequency_ratio(slow, 50.0).item() == pytest.approx(1.0 / 5.0)
    # Scale and offset do not matter.
    assert metrics.high_frequency_ratio(7.0 * actions + 2.0, 50.0).item() == pytest.approx(1.0 / 5.0)


def test_the_borders_belong_to_the_bands():
    time = torch.arange(100, dtype=torch.float64) / 50.0
    at_eight = torch.sin(2 * math.pi * 8.0 * time)[:, None]
    assert metrics.high_frequency_ratio(at_eight, 50.0).item() == pytest.approx(1.0)
    nyquist = torch.cos(math.pi * torch.arange(100, dtype=torch.float64))[:, None]
    assert metrics.high_frequency_ratio(nyquist, 50.0).item() == pytest.approx(1.0)
    at_half = torch.sin(2 * math.pi * 0.5 * time)[:, None]
    assert metrics.high_frequency_ratio(at_half, 50.0).item() == pytest.approx(0.0)


def test_constant_actions_have_no_jitter():
    assert metrics.high_frequency_ratio(torch.full((137, 29), 0.1), 50.0).item() == 0.0
    assert metrics.high_frequency_ratio(torch.zeros(50, 2), 50.0).item() == 0.0


@pytest.mark.parametrize("frames", [90, 101, 400])
def test_spectrum_density_integrates_to_one_and_finds_the_tone(frames):
    edges = torch.arange(0.5, 25.5, 0.5)
    actions = torch.sin(2 * math.pi * 10.0 * torch.arange(frames, dtype=torch.float64) / 50.0)[:, None]
    density = metrics.spectrum_density(actions, 50.0, edges)
    assert (density * 0.5).sum().item() == pytest.approx(1.0)
    centre = edges[density.argmax()].item() + 0.25
    assert abs(centre - 10.0) <= 0.5
    near = (edges[:-1] >= 8.9) & (edges[:-1] <= 10.6)
    assert (density * 0.5)[near].sum().item() > 0.95


def test_spectrum_density_of_no_variation_is_not_a_valid_episode():
    edges = torch.arange(0.5, 25.5, 0.5)
    assert bool(metrics.spectrum_density(torch.full((60, 4), 0.3), 50.0, edges).isnan().all())
    assert bool(metrics.spectrum_density(torch.zeros(1, 4), 50.0, edges).isnan().all())
