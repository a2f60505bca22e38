"""What is measured on a rollout: pure functions of tensors, no simulator and no task.

Symbols: R rollouts, T frames, J bodies, A action dimensions. Positions are metres in a frame that the caller
chooses (world, or the reference moved to the robot); results in millimetres say so. Leading dimensions are
batch dimensions wherever a docstring shows ``...``.

Success is decided by the *critical scale* s* of a rollout: the largest quotient of an error by its threshold
over all frames and errors. The rollout succeeds at tolerance s exactly if s* < s, so one number per rollout
holds the whole success-tolerance curve, and its integral with the weight (1 + s)^-2 is 1 / (1 + s*).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from athena_wbc.rotations import quat_apply_inverse, quat_heading

MILLIMETRES = 1000.0

PATH_LENGTH_EPSILON = 1e-6
"""The epsilon of eq. A.15, metres."""

SPECTRUM_BAND = (0.5, 25.0)
"""Band of frequencies, in Hz, that counts as action variation; the paper's Figure 10."""

HIGH_BAND = (8.0, 25.0)
"""Band of frequencies, in Hz, that counts as jitter; the paper's Figure 10."""

# Power below this share of the actions' own energy is what rounding leaves of a constant, not a signal.
_ROUNDING_SHARE = 1e-13


# --- success ---------------------------------------------------------------------------------------------


def largest_ratio(errors: Tensor, limits: Sequence[float] | Tensor, valid: Tensor, completed: Tensor) -> Tensor:
    """Critical scale for any set of errors: max over frames and errors of |error| / limit.

    Args:
        errors: (..., T, E), in the units of the limits.
        limits: E positive numbers.
        valid: (..., T) bool. Frames that are not valid are padding, and their values are ignored.
        completed: (...) bool. False where the rollout did not reach the end of its clip.

    Returns:
        (...). Infinity where the rollout was not completed, has no valid frame, or has a value that is not a
        number in a valid frame: what could not be measured is a failure, never a success.
    """
    limits = torch.as_tensor(limits, dtype=errors.dtype, device=errors.device)
    if limits.ndim != 1 or limits.shape[0] != errors.shape[-1] or not bool((limits > 0).all()):
        raise ValueError(f"limits: {errors.shape[-1]} positive numbers are needed, got {limits.tolist()}")
    infinity = torch.full((), math.inf, dtype=errors.dtype, device=errors.device)
    ratio = errors.abs() / limits
    ratio = torch.where(torch.isnan(ratio), infinity, ratio).amax(dim=-1)
    ratio = torch.where(valid, ratio, torch.zeros_like(ratio))
    # A row without frames has no maximum to take; the column of zeros gives it one.
    ratio = torch.nn.functional.pad(ratio, (0, 1)).amax(dim=-1)
    return torch.where(completed & valid.any(dim=-1), ratio, infinity)


def _checked_scales(critical_scale: Tensor) -> Tensor:
    critical_scale = torch.as_tensor(critical_scale)
    if critical_scale.numel() == 0:
        raise ValueError("critical_scale: no rollout, so there is no success rate")
    infinity = torch.full_like(critical_scale, math.inf)
    return torch.where(torch.isnan(critical_scale), infinity, critical_scale).flatten()


def success_tolerance_curve(critical_scale: Tensor, scales: Tensor) -> Tensor:
    """Share of rollouts with s* < s, for every s (eq. A.10, A.11).

    Args:
        critical_scale: s* of all rollouts, any shape; NaN counts as infinity.
        scales: (S,) tolerances.

    Returns:
        (S,). An infinite s* fails at every s.
    """
    star = _checked_scales(critical_scale)
    scales = torch.as_tensor(scales, dtype=star.dtype, device=star.device)
    # s* < s counts the sorted s* that lie strictly before s: memory stays S + R instead of S x R.
    below = torch.searchsorted(star.sort().values, scales.contiguous(), side="left")
    return below.to(star.dtype) / star.numel()


def success_rate(critical_scale: Tensor, scale: float = 1.0) -> Tensor:
    """Share of rollouts that succeed at one tolerance: STC(scale); scalar."""
    star = _checked_scales(critical_scale)
    return (star < scale).to(star.dtype).mean()


def threshold_integrated_success(critical_scale: Tensor) -> Tensor:
    """TIS, the integral of STC(s) / (1 + s)^2 over s >= 0 (eq. 19), in closed form; scalar.

    A rollout contributes the integral from s* on, which is 1 / (1 + s*): no quadrature, no largest scale.
    """
    return (1.0 / (1.0 + _checked_scales(critical_scale))).mean()


# --- position errors -------------------------------------------------------------------------------------


def mpjpe(position: Tensor, reference: Tensor) -> Tensor:
    """Mean distance over frames and bodies, millimetres.

    Args:
        position, reference: (..., T, J, 3), metres. NaN inside gives NaN; so does T = 0.

    Returns:
        (...).
    """
    return (position - reference).norm(dim=-1).mean(dim=(-2, -1)) * MILLIMETRES


def local_mpjpe(position: Tensor, reference: Tensor, root: Tensor, root_reference: Tensor) -> Tensor:
    """CLAIMS' l-MPJPE: as :func:`mpjpe`, each side relative to its own root position, millimetres.

    Only the translation is removed, not the heading.

    Args:
        position, reference: (..., T, J, 3) in the world frame, metres.
        root, root_reference: (..., T, 3), metres.
    """
    return mpjpe(position - root.unsqueeze(-2), reference - root_reference.unsqueeze(-2))


def heading_local(position: Tensor, root_position: Tensor, root_quaternion: Tensor) -> Tensor:
    """Positions relative to the root, in axes that turn with the root's heading but stay upright.

    Args:
        position: (..., J, 3) in the world frame, metres.
        root_position: (..., 3).
        root_quaternion: (..., 4), scalar last.

    Returns:
        (..., J, 3), unchanged by a translation of everything and by a rotation of everything about world z.
    """
    heading = quat_heading(root_quaternion).unsqueeze(-2)
    return quat_apply_inverse(heading, position - root_position.unsqueeze(-2))


def salience_weights(reference_local: Tensor, path_length: Tensor) -> Tensor:
    """Share of a clip's motion that each body carries (eq. A.14 to A.16).

    The length of the way that a body travels relative to the root, over the length of the kinematic chain
    from the root to it, normalised to a sum of one. A clip without any motion gets uniform weights.

    Args:
        reference_local: (T, J, 3) reference in the heading-local root frame, without the root itself.
        path_length: (J,) length of the chain from the root to the body, metres.

    Returns:
        (J,).

    Raises:
        ValueError: a path length is not positive. The root would take the whole weight.
    """
    path_length = torch.as_tensor(path_length, dtype=reference_local.dtype, device=reference_local.device)
    if path_length.shape != reference_local.shape[1:2]:
        raise ValueError(f"path_length: {reference_local.shape[1]} lengths needed, got {tuple(path_length.shape)}")
    if not bool((path_length > 0).all()):
        raise ValueError("path_length: every body needs a positive length; leave the root out")
    # In double precision, so that the sum over a clip of minutes does not depend on where its frames lie.
    travelled = reference_local.double().diff(dim=0).norm(dim=-1).sum(dim=0)
    score = travelled / (path_length.double() + PATH_LENGTH_EPSILON)
    total = score.sum()
    uniform = torch.full_like(score, 1.0 / score.shape[0])
    return torch.where(total > 0, score / total.clamp(min=torch.finfo(score.dtype).tiny), uniform).to(
        reference_local.dtype
    )


def mpjpe_w(position: Tensor, reference: Tensor, weights: Tensor) -> Tensor:
    """Motion-salience weighted MPJPE of one rollout (inner sums of eq. A.17), millimetres.

    Args:
        position, reference: (..., T, J, 3), metres.
        weights: (J,) or (..., J) from :func:`salience_weights`, of the same bodies.

    Returns:
        (...).
    """
    distance = (position - reference).norm(dim=-1)
    return (distance * weights.unsqueeze(-2)).sum(dim=-1).mean(dim=-1) * MILLIMETRES


def resample_positions(position: Tensor, rate: float, target_rate: float) -> Tensor:
    """Linear interpolation to another frame rate, from the first frame on and never past the last.

    Args:
        position: (T, ...) at ``rate`` Hz.

    Returns:
        (T', ...) at ``target_rate`` Hz.
    """
    frames = position.shape[0]
    if frames < 2 or rate == target_rate:
        return position
    # The small slack keeps a last frame that rounding would put just past the end.
    count = math.floor((frames - 1) * target_rate / rate + 1e-6) + 1
    time = torch.arange(count, dtype=torch.float64, device=position.device) * (rate / target_rate)
    left = time.floor().long().clamp(max=frames - 2)
    weight = (time - left).clamp(max=1.0).to(position.dtype).reshape(-1, *[1] * (position.ndim - 1))
    return torch.lerp(position[left], position[left + 1], weight)


def velocity_distance(position: Tensor, reference: Tensor) -> Tensor:
    """CLAIMS' velocity distance: mean ||dv|| of forward differences, millimetres per frame.

    Args:
        position, reference: (..., T, J, 3), metres, already at the rate at which it is to be measured (30 Hz
            as published). Times that rate / 1000 is metres per second. T < 2 gives NaN.
    """
    return mpjpe(position.diff(dim=-3), reference.diff(dim=-3))


def acceleration_distance(position: Tensor, reference: Tensor) -> Tensor:
    """CLAIMS' acceleration distance: mean ||da|| of second differences, millimetres per frame squared.

    Args:
        position, reference: as in :func:`velocity_distance`. Times rate^2 / 1000 is m/s^2. T < 3 gives NaN.
    """
    return mpjpe(position.diff(n=2, dim=-3), reference.diff(n=2, dim=-3))


# --- actions ---------------------------------------------------------------------------------------------


def action_rate(actions: Tensor) -> Tensor:
    """Mean of ||a[t+1] - a[t]||^2 (eq. 20). (..., T, A) -> (...); NaN where T < 2."""
    return actions.diff(dim=-2).square().sum(dim=-1).mean(dim=-1)


def action_jerk(actions: Tensor) -> Tensor:
    """Mean of ||a[t+2] - 2 a[t+1] + a[t]||^2. (..., T, A) -> (...); NaN where T < 3.

    The paper names the quantity without a formula; this is ours.
    """
    if actions.shape[-2] < 3:
        return torch.full(actions.shape[:-2], math.nan, dtype=actions.dtype, device=actions.device)
    return actions.diff(n=2, dim=-2).square().sum(dim=-1).mean(dim=-1)


def power_spectrum(actions: Tensor, control_frequency: float) -> tuple[Tensor, Tensor]:
    """One-sided power of the de-meaned actions, summed over their dimensions.

    Args:
        actions: (T, A).
        control_frequency: Hz.

    Returns:
        frequencies (F,) in Hz from 0 to the Nyquist frequency, and power (F,), float64. The powers add up to
        the variance of the actions, summed over dimensions (Parseval).
    """
    frames = actions.shape[0]
    if frames == 0:
        raise ValueError("actions: no frame, so there is no spectrum")
    actions = actions.double()
    power = torch.fft.rfft(actions - actions.mean(dim=0), dim=0).abs().square().sum(dim=-1) / frames**2
    # Every frequency but 0 and Nyquist stands for itself and its negative.
    last = power.shape[0] if frames % 2 else power.shape[0] - 1
    power[1:last] *= 2.0
    frequencies = torch.fft.rfftfreq(frames, d=1.0 / control_frequency, dtype=torch.float64)
    return frequencies.to(actions.device), power


def _band_power(frequencies: Tensor, power: Tensor, band: tuple[float, float]) -> Tensor:
    # rfftfreq is exact to rounding; without the slack a bin on the border would come and go with T.
    slack = 1e-9 * band[1]
    inside = (frequencies >= band[0] - slack) & (frequencies <= band[1] + slack)
    return power[inside].sum()


def high_frequency_ratio(
    actions: Tensor,
    control_frequency: float,
    high: tuple[float, float] = HIGH_BAND,
    band: tuple[float, float] = SPECTRUM_BAND,
) -> Tensor:
    """Power of the de-meaned actions in 8 to 25 Hz over that in 0.5 to 25 Hz; scalar.

    Both borders belong to a band. Constant actions have no variation and give 0. A sequence too short to hold
    any frequency of the band (T < 2) gives NaN.

    Args:
        actions: (T, A).
        control_frequency: Hz.
        high, band: numerator and denominator, Hz.
    """
    if actions.shape[0] < 2:
        return torch.full((), math.nan, dtype=actions.dtype, device=actions.device)
    frequencies, power = power_spectrum(actions, control_frequency)
    total = _band_power(frequencies, power, band)
    if total <= _ROUNDING_SHARE * actions.double().square().sum(dim=-1).mean():
        return torch.zeros((), dtype=actions.dtype, device=actions.device)
    return (_band_power(frequencies, power, high) / total).to(actions.dtype)


def spectrum_density(
    actions: Tensor,
    control_frequency: float,
    edges: Tensor,
) -> Tensor:
    """Normalised power spectral density on a common grid, where episodes of any length can be averaged.

    Each frequency of the episode spreads its power evenly over its own width, control_frequency / T; the
    cells of the grid collect it, so that the density integrates to one over the grid (Figure 10).

    Args:
        actions: (T, A).
        control_frequency: Hz.
        edges: (C + 1,) ascending borders of the grid's cells, Hz.

    Returns:
        (C,) per Hz, float64. NaN where the episode has no power on the grid: it is not a valid episode there.
    """
    edges = edges.double()
    undefined = torch.full((edges.shape[0] - 1,), math.nan, dtype=torch.float64, device=actions.device)
    if actions.shape[0] < 2:
        return undefined
    frequencies, power = power_spectrum(actions, control_frequency)
    width = control_frequency / actions.shape[0]
    nyquist = control_frequency / 2.0
    borders = torch.cat((frequencies - width / 2.0, frequencies[-1:] + width / 2.0)).clamp(0.0, nyquist)
    cumulative = torch.cat((torch.zeros(1, dtype=power.dtype, device=power.device), power.cumsum(dim=0)))
    at = edges.clamp(0.0, nyquist)
    right = torch.searchsorted(borders, at.contiguous()).clamp(1, borders.shape[0] - 1)
    span = (borders[right] - borders[right - 1]).clamp(min=1e-12)
    weight = ((at - borders[right - 1]) / span).clamp(0.0, 1.0)
    cells = torch.lerp(cumulative[right - 1], cumulative[right], weight).diff()
    total = cells.sum()
    if total <= _ROUNDING_SHARE * actions.double().square().sum(dim=-1).mean():
        return undefined
    return cells / total / edges.diff()
