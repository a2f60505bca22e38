"""Remedies for what `check` finds: root jumps, spikes of joints, joints beyond their limits.

Every remedy is a function from a clip and its robot to a clip. It changes the frames concerned and nothing else, to the
last bit, and writes what it did, in numbers, into the clip's history; a clip without the defect comes back as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion import evidence, spikes
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import BodyTrace, trace_bodies
from athena_wbc.rotations import quat_exp, quat_mul

LEAST_REACH = 0.05
MOST_REACH = 0.15
"""Time in s that a bridge reaches to both sides of a spike: the first, and longer up to the second until the joints
pass within BRIDGE_SHARE of their velocity limits."""

BRIDGE_SHARE = 0.5

MEMBER_SHARE = 0.1
"""Joints whose step stands out by this share of their limit take part in the bridge of another joint's spike: the
inverse kinematics changed its solution for all of them at once."""

ROOT_SPEED = 0.5
ROOT_SPIN = 2.0
"""A root that stands out by more than this (m/s, rad/s) in a spike takes part, and the whole pose with it: legs that
keep their angles while the root is moved would drag planted feet along."""


@dataclasses.dataclass(frozen=True)
class _Bridge:
    """Frames start + 1 to stop - 1 are rewritten between the anchors start and stop."""

    start: int
    stop: int
    steps: tuple[int, ...]
    """The steps that made it necessary."""
    joints: np.ndarray
    """(J,) which joints take part."""
    root: bool


def remove_root_jumps(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The clip without jumps of the whole body: all frames after a jump are moved back by its excess.

    A jump of the root in which the feet go along (`spikes.carried`) is a fault of the root track. What is taken away
    is the step's difference from its neighbours, so that a walk goes on at its pace. A jump against planted feet is a
    change of pose, and is left to `smooth_spikes`.
    """
    clip = clip.for_embodiment(embodiment)
    jumps = np.flatnonzero(_carried_jumps(clip, embodiment))
    if not len(jumps):
        return clip
    excess = spikes.root_excess(clip)[jumps]
    root_pos = clip.root_pos.copy()
    for step, offset in zip(jumps, excess, strict=True):
        root_pos[step + 1 :] -= offset
    listed = ", ".join(f"{_vector(offset)} m after frame {step}" for step, offset in zip(jumps, excess, strict=True))
    return clip.replace(root_pos=root_pos, history=(*clip.history, f"root jumps removed: {listed}"))


def smooth_spikes(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The clip with single-frame spikes of joints, and of a root that twitches on planted feet, spread out.

    The steps concerned are spikes, twitches (`spikes`), and root jumps that do not carry the body along. With e_k the
    excess of such a step and h the step function behind it, a bridge over frames a to b, LEAST_REACH to both sides,
    adds S(t) sum_k e_k - sum_k e_k h(t > k), where S is the smoothstep 3u^2 - 2u^3, u = (t - a) / (b - a): a value
    that jumps and stays goes over smoothly, one that comes back is never left, and what moves besides still moves.
    The joints that stand out in that step take part, or the whole pose where the root does. A bridge grows up to
    MOST_REACH until no joint in it exceeds BRIDGE_SHARE of its velocity limit; bridges that overlap become one.
    Joints stay within their limits.
    """
    clip = clip.for_embodiment(embodiment)
    fast, twitch = spikes.spikes(clip, embodiment), spikes.twitches(clip, embodiment)
    planted = spikes.root_jumps(clip)
    if planted.any():
        planted &= ~_carried_jumps(clip, embodiment)
    steps = np.flatnonzero(fast.any(axis=1) | twitch.any(axis=1) | planted)
    if not len(steps):
        return clip
    joints = spikes.joint_excess(clip)[steps] > MEMBER_SHARE * embodiment.velocity_limit
    joints |= fast[steps]
    slide = np.linalg.norm(spikes.root_excess(clip)[steps], axis=1) * clip.fps
    spin = np.linalg.norm(spikes.step_excess(spikes.root_spin(clip))[steps], axis=1)
    root = (slide > ROOT_SPEED) | (spin > ROOT_SPIN) | planted[steps]
    joints[root] = True

    least = max(1, round(LEAST_REACH * clip.fps))
    most = max(least, round(MOST_REACH * clip.fps))
    reach = np.full(len(steps), least)
    bound = BRIDGE_SHARE * embodiment.velocity_limit
    while True:
        bridges = _bridges(steps, reach, joints, root, clip.num_frames)
        result = _bridged(clip, embodiment, bridges)
        speed = spikes.joint_speed(result)
        tight = [
            step
            for bridge in bridges
            if (speed[bridge.start : bridge.stop] > bound)[:, bridge.joints].any()
            for step in bridge.steps
        ]
        grows = np.isin(steps, tight) & (reach < most)
        if not grows.any():
            break
        reach[grows] += 1
    before, after = float(spikes.joint_speed(clip).max()), float(speed.max())
    changed = sum(bridge.stop - bridge.start - 1 for bridge in bridges)
    return result.replace(
        history=(
            *clip.history,
            f"spikes smoothed: {len(steps)} step(s) in {len(bridges)} bridge(s), {changed} of {clip.num_frames} frames "
            f"(joint speed {before:.1f} -> {after:.1f} rad/s): {_listed(bridges)}",
        )
    )


def clamp_joints(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The clip with joints beyond their limits set to the limit."""
    clip = clip.for_embodiment(embodiment)
    excess = evidence.limit_excess(embodiment, clip.joint_pos)
    beyond = excess > 0.0
    if not beyond.any():
        return clip
    joint_pos = np.clip(clip.joint_pos, embodiment.joint_lower, embodiment.joint_upper)
    frame, joint = np.unravel_index(excess.argmax(), excess.shape)
    return clip.replace(
        joint_pos=joint_pos,
        history=(
            *clip.history,
            f"clamped: {int(beyond.any(axis=0).sum())} joint(s) in {int(beyond.any(axis=1).sum())} frame(s), "
            f"{embodiment.joint_names[joint]} by {excess[frame, joint]:.3f} rad at frame {frame}",
        ),
    )


def _carried_jumps(clip: MotionClip, embodiment: Embodiment) -> np.ndarray:
    """(T - 1,) the root jumps in which the feet go along."""
    jumps = spikes.root_jumps(clip)
    if not jumps.any():
        return jumps
    trace = trace_bodies(embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    jumps[jumps] = spikes.carried(spikes.root_excess(clip)[jumps], _foot_excess(trace)[jumps])
    return jumps


def _foot_excess(trace: BodyTrace) -> np.ndarray:
    """(T - 1, F, 3) m by which each step of each foot stands out."""
    feet = np.concatenate((trace.foot_pos, trace.foot_height[:, :, None]), axis=2)
    return spikes.step_excess(np.diff(feet, axis=0))


def _bridges(
    steps: np.ndarray, reach: np.ndarray, joints: np.ndarray, root: np.ndarray, num_frames: int
) -> list[_Bridge]:
    """One bridge for each step, those that overlap made one; in order of time."""
    bridges: list[_Bridge] = []
    for step, width, members, whole in zip(steps, reach, joints, root, strict=True):
        start, stop = max(int(step - width), 0), min(int(step + 1 + width), num_frames - 1)
        mine = _Bridge(start, stop, (int(step),), members, bool(whole))
        while bridges and bridges[-1].stop > mine.start:
            last = bridges.pop()
            mine = _Bridge(
                min(last.start, mine.start),
                max(last.stop, mine.stop),
                last.steps + mine.steps,
                last.joints | mine.joints,
                last.root or mine.root,
            )
        bridges.append(mine)
    return bridges


def _bridged(clip: MotionClip, embodiment: Embodiment, bridges: Sequence[_Bridge]) -> MotionClip:
    root_pos, root_quat, joint_pos = clip.root_pos.copy(), clip.root_quat.copy(), clip.joint_pos.copy()
    joint_excess = spikes.step_excess(np.diff(clip.joint_pos, axis=0))
    root_excess = spikes.root_excess(clip)
    turn_excess = spikes.step_excess(spikes.root_spin(clip)) / clip.fps
    for bridge in bridges:
        inside = slice(bridge.start + 1, bridge.stop)
        moved = clip.joint_pos[inside] + _spread(joint_excess, bridge)
        within = np.clip(moved, embodiment.joint_lower, embodiment.joint_upper)
        joint_pos[inside, bridge.joints] = within[:, bridge.joints]
        if bridge.root:
            root_pos[inside] += _spread(root_excess, bridge)
            turn = quat_exp(torch.from_numpy(_spread(turn_excess, bridge)))
            root_quat[inside] = quat_mul(torch.from_numpy(clip.root_quat[inside].copy()), turn).numpy()
    return clip.replace(root_pos=root_pos, root_quat=root_quat, joint_pos=joint_pos)


def _spread(excess: np.ndarray, bridge: _Bridge) -> np.ndarray:
    """(n, C) what a bridge adds to the frames inside of it, from the excess of all steps (T - 1, C)."""
    steps = np.array(bridge.steps)
    frames = np.arange(bridge.start + 1, bridge.stop)
    u = (frames - bridge.start) / (bridge.stop - bridge.start)
    share = (3.0 - 2.0 * u) * u * u
    return (share[:, None] - (frames[:, None] > steps)) @ excess[steps]


def _vector(value: np.ndarray) -> str:
    return "(" + ", ".join(f"{number:+.3f}" for number in value) + ")"


def _listed(bridges: Sequence[_Bridge], most: int = 12) -> str:
    shown = [
        f"frames {bridge.start + 1}-{bridge.stop - 1} "
        + ("whole pose" if bridge.root else f"{int(bridge.joints.sum())} joint(s)")
        for bridge in bridges[:most]
    ]
    return ", ".join(shown) + (f", and {len(bridges) - most} more" if len(bridges) > most else "")
