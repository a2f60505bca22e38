"""Unit quaternions, scalar last (x, y, z, w), batched over leading dimensions.

Exponential and logarithm come from RoMa. What RoMa lacks (heading, per-element slerp) or does several times slower on
a CPU (product, action on vectors) is here, and tested against it. Product and action take the dimension that holds the
components: with it in front, long batches run over contiguous memory.
"""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor


def quat_conj(q: Tensor) -> Tensor:
    """Conjugate, which is the inverse of a unit quaternion. (..., 4) -> (..., 4)."""
    return torch.cat((-q[..., :3], q[..., 3:]), dim=-1)


def quat_mul(a: Tensor, b: Tensor, dim: int = -1) -> Tensor:
    """Hamilton product a b: first rotate by b, then by a. (..., 4), (..., 4) -> (..., 4)."""
    ax, ay, az, aw = a.unbind(dim)
    bx, by, bz, bw = b.unbind(dim)
    return torch.stack(
        (
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ),
        dim=dim,
    )


def cross(a: Tensor, b: Tensor, dim: int = -1) -> Tensor:
    """Cross product of broadcasting vectors. (..., 3), (..., 3) -> (..., 3)."""
    ax, ay, az = a.unbind(dim)
    bx, by, bz = b.unbind(dim)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), dim=dim)


def quat_apply(q: Tensor, v: Tensor, dim: int = -1) -> Tensor:
    """Rotate vectors: v + 2 w (u x v) + 2 u x (u x v) with q = (u, w). The other dimensions broadcast."""
    u, w = q.split((3, 1), dim)
    t = 2.0 * cross(u, v, dim)
    return v + w * t + cross(u, t, dim)


def quat_apply_inverse(q: Tensor, v: Tensor) -> Tensor:
    """Rotate vectors by the inverse of q: from the world into the frame that q describes."""
    u, w = q[..., :3], q[..., 3:]
    t = 2.0 * cross(u, v)
    return v - w * t + cross(u, t)


def quat_exp(rotvec: Tensor) -> Tensor:
    """Rotation vector (axis times angle, rad) to quaternion. (..., 3) -> (..., 4)."""
    return roma.rotvec_to_unitquat(rotvec)


def quat_log(q: Tensor) -> Tensor:
    """Rotation vector of the shorter arc, rad. (..., 4) -> (..., 3)."""
    return roma.unitquat_to_rotvec(q)


def quat_slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation along the shorter arc, a at t = 0 and b at t = 1.

    Args:
        a, b: unit quaternions (..., 4).
        t: weights (...), one for every pair.
    """
    dot = (a * b).sum(-1, keepdim=True)
    b = torch.where(dot < 0.0, -b, b)
    dot = dot.abs().clamp(max=1.0)
    angle = torch.acos(dot)
    sine = torch.sin(angle)
    t = t.unsqueeze(-1)
    # Below about 1e-3 rad the quotient of sines loses its digits, and the chord is the arc to 1e-7.
    near = sine < 1e-3
    safe = torch.where(near, torch.ones_like(sine), sine)
    wa = torch.where(near, 1.0 - t, torch.sin((1.0 - t) * angle) / safe)
    wb = torch.where(near, t, torch.sin(t * angle) / safe)
    return torch.nn.functional.normalize(wa * a + wb * b, dim=-1)


def heading(q: Tensor) -> Tensor:
    """Angle of the twist of q about world z, in (-pi, pi], rad. (..., 4) -> (...).

    The twist is not the yaw of Euler angles: it has no singularity at 90 degrees of pitch.
    """
    return wrap_angle(2.0 * torch.atan2(q[..., 2], q[..., 3]))


def quat_heading(q: Tensor) -> Tensor:
    """Twist of q about world z as a quaternion; identity where it is undefined (upside down). (..., 4) -> (..., 4)."""
    z, w = q[..., 2], q[..., 3]
    norm = torch.sqrt(z * z + w * w)
    defined = norm > 1e-6
    safe = torch.where(defined, norm, torch.ones_like(norm))
    zero = torch.zeros_like(z)
    return torch.stack(
        (
            zero,
            zero,
            torch.where(defined, z / safe, zero),
            torch.where(defined, w / safe, torch.ones_like(w)),
        ),
        -1,
    )


def rotation_6d(q: Tensor) -> Tensor:
    """First two columns of the rotation matrix, row by row: r00 r01 r10 r11 r20 r21. (..., 4) -> (..., 6)."""
    x, y, z, w = q.unbind(-1)
    return torch.stack(
        (
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
        ),
        dim=-1,
    )


def rotation_angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle between two orientations in [0, pi], rad. (..., 4), (..., 4) -> (...).

    By the chord on the sphere, 4 asin(|a - b| / 2) of the nearer of b and -b, which keeps its digits at small angles,
    where 2 acos(a . b) loses half of them.
    """
    chord = torch.minimum((a - b).norm(dim=-1), (a + b).norm(dim=-1))
    return 4.0 * torch.asin((0.5 * chord).clamp(max=1.0))


def wrap_angle(angle: Tensor) -> Tensor:
    """Angle folded into (-pi, pi], rad."""
    return math.pi - torch.remainder(math.pi - angle, 2.0 * math.pi)
