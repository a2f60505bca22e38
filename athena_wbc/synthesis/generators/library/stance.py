"""A person on its feet: from functions of time to a motion whose planted feet stay, that balances, and falls with g.

The horizontal centre of mass c follows the support p by the moment balance of a point mass at height z,
(g + z'') (c - p) = z c'' (the linear inverted pendulum with a height that changes; in flight c'' = 0), with both ends
at rest over the support: a tridiagonal system. The pelvis is then put where the mass wants it, and the legs reach the
ground by inverse kinematics of two bones.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.linalg import solve_banded
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from athena_wbc.motion.builtin.curves import GRAVITY, bump
from athena_wbc.synthesis.generators.library.skeleton import (
    ARMS,
    BALLS,
    INDEX,
    LEG_LENGTH,
    LEGS,
    OFFSETS,
    SIGNS,
    STANDING_HEIGHT,
    Track,
    about,
    between,
    centre_of_mass,
    hinge,
    local_rotations,
    place,
    swing,
    turned,
    world_rotations,
)  # fmt: skip
from athena_wbc.synthesis.generators.library.timeline import (
    AIR,
    ARM,
    BALL,
    DROP,
    HEAD,
    HEADING,
    LEG,
    MID_FOOT,
    PELVIS,
    PITCH,
    PRESS,
    SPINE,
    WEIGHT,
    Samples,
    Timeline,
    sample,
)  # fmt: skip
from athena_wbc.synthesis.motion import FPS, JOINTS

_ROUNDS = 4
_STRETCH = 0.995
"""Of the leg's length that a standing leg may take."""
_HEELS = np.radians(np.linspace(0.0, 65.0, 14))
_SPINE = ("spine1", "spine2", "spine3")
_KNEE = 0.045
"""Least height of the knee of a standing leg, m: half its thickness."""
_FARTHEST = 0.3
"""By how much the pelvis at most comes over to a foot that it cannot reach, m; what is missing it sinks."""
_SHIFT, _SHIFT_TIME = 0.15, 0.5
"""How far, in m, and for how long, in s, the pressure under the soles moves to start and to stop the body."""


def upper_body(values: np.ndarray) -> np.ndarray:
    """(T, 22, 3, 3) orientations in the world from channels; the legs hang down from the pelvis."""
    frames = len(values)
    world = np.empty((frames, JOINTS, 3, 3))
    roll, pitch, yaw = values[:, PELVIS].T
    pelvis = about("z", values[:, HEADING] + yaw) @ about("y", pitch) @ about("x", roll)
    world[:] = pelvis[:, None]
    third = turned(values[:, SPINE] / 3.0)
    chest = pelvis
    for name in _SPINE:
        chest = chest @ third
        world[:, INDEX[name]] = chest
    half = turned(values[:, HEAD] / 2.0)
    world[:, INDEX["neck"]] = chest @ half
    world[:, INDEX["head"]] = world[:, INDEX["neck"]] @ half
    for side, (limb, sign) in enumerate(zip(ARMS, SIGNS, strict=True)):
        raised, out, reach, turn = values[:, ARM[side]].T
        # The shoulder girdle takes its share above the level.
        shrug = 0.25 * np.clip(np.abs(raised) - 1.2, 0.0, None)
        girdle = chest @ about("x", sign * shrug)
        world[:, INDEX["left_collar"] + side] = girdle
        flexion, lag = hinge(limb, np.clip(reach, 0.2, 0.998) * sum(limb.lengths))
        upper = chest @ swing(raised, out, sign) @ about("z", -sign * turn) @ about("y", lag)
        world[:, limb.joints[0]] = upper @ limb.rest[0]
        fore = upper @ about("y", -flexion)
        world[:, limb.joints[1]] = fore @ limb.rest[1]
        world[:, limb.joints[2]] = world[:, limb.joints[1]]
    return world


def free_legs(world: np.ndarray, values: np.ndarray) -> None:
    """Write the orientations of legs that hang in the air by their angles."""
    for side in (0, 1):
        thigh, knee, ankle = leg_angles(values[:, LEG[side]], SIGNS[side])
        write_leg(world, side, world[:, 0] @ thigh, knee, ankle)


def leg_angles(angles: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical frame of the thigh in the pelvis (T, 3, 3), knee (T,) rad and frame of the foot in the shank."""
    raised, out, knee, turn, point = angles.T
    return swing(raised, out, sign) @ about("z", sign * turn), knee, about("y", point)


def write_leg(world: np.ndarray, side: int, thigh: np.ndarray, knee: np.ndarray, ankle: np.ndarray) -> None:
    """Write the orientations of a leg from the results of :func:`reach_ground`."""
    limb = LEGS[side]
    shank = thigh @ about("y", knee)
    world[:, limb.joints[0]] = thigh @ limb.rest[0]
    world[:, limb.joints[1]] = shank @ limb.rest[1]
    world[:, limb.joints[2]] = world[:, BALLS[side]] = shank @ ankle


def reach_ground(
    world: np.ndarray, hip: np.ndarray, ankle: np.ndarray, foot: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A leg from hip to ankle: canonical frame of the thigh in the world, knee angle, frame of the foot in the shank.

    Args:
        world: (T, 22, 3, 3) orientations, for that of the pelvis.
        hip: (T, 3) m.
        ankle: (T, 3) wanted; what is out of reach is approached.
        foot: (T, 3, 3) wanted orientation.
        side: 0 left, 1 right.
    """
    line = ankle - hip
    distance = np.linalg.norm(line, axis=1)
    down = line / np.maximum(distance, 1e-9)[:, None]
    knee, lead = hinge(LEGS[side], np.clip(distance, 0.25 * LEG_LENGTH, 0.9995 * LEG_LENGTH))
    front = world[:, 0, :, 0] + foot[:, :, 0]
    front = front - (front * down).sum(axis=1, keepdims=True) * down
    front /= np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-9)
    frame = np.stack((front, np.cross(-down, front), -down), axis=-1)
    thigh = frame @ about("y", -lead)
    shank = thigh @ about("y", knee)
    return thigh, knee, np.swapaxes(shank, -1, -2) @ foot


def solve(line: Timeline, entry: tuple[np.ndarray, np.ndarray] | None = None) -> Track:
    """The motion of a timeline.

    Args:
        line: what is done.
        entry: local rotations (22, 3, 3) and pelvis (3,) that it goes on from, where something else was before it:
            the difference dies away within the first third of a second.
    """
    drawn = sample(line)
    world = upper_body(drawn.values)
    shift = np.zeros((len(world), 3))
    if entry is not None:
        fade = decay(len(world))
        local = local_rotations(world)
        offset = local[0].swapaxes(-1, -2) @ entry[0]
        keep = [j for j in range(JOINTS) if j not in _leg_joints()]
        for joint in keep:
            local[:, joint] = between(local[:, joint], local[:, joint] @ offset[joint], fade)
        world = world_rotations(local)
    support = _support(drawn)
    root = np.column_stack((support, STANDING_HEIGHT - drawn.values[:, DROP]))
    hips = np.einsum("tab,jb->tja", world[:, 0], OFFSETS[[limb.joints[0] for limb in LEGS]])
    free = [leg_angles(drawn.values[:, LEG[side]], SIGNS[side]) for side in (0, 1)]
    feet = [_foot_frames(drawn, side) for side in (0, 1)]
    heel = [np.zeros(len(world)), np.zeros(len(world))]
    positions, sink, pull = place(world, root), np.zeros(len(world)), np.zeros((len(world), 2))
    for number in range(_ROUNDS):
        off = centre_of_mass(positions) - positions[:, 0]
        root = root.copy()
        root[:, 2] = _height(line, drawn, off[:, 2])
        if number:
            root[:, 2] -= sink
        root[:, :2] = _balance(support, root[:, 2] + off[:, 2], drawn.flight) - off[:, :2]
        if entry is not None:
            if number == 0:
                shift = fade[:, None] * (entry[1] - root[0])
            root += shift
        pull = pull + _pull(root + np.column_stack((pull, np.zeros(len(root)))), hips, feet, heel, drawn)
        root[:, :2] += pull
        for side in (0, 1):
            ball, yaw, pitch = feet[side]
            hip = root + hips[:, side]
            heel[side] = _raised_heel(hip, ball, yaw, pitch, drawn.planted[:, side], side)
        lower = _lowering(root, hips, feet, heel, drawn)
        root[:, 2] -= lower
        for side in (0, 1):
            _stand(world, root, hips, feet[side], heel[side], free[side], drawn, side)
        positions = place(world, root)
        sink = sink + lower - _raising(positions, drawn)
    _clear_floor(world, root, hips, positions, drawn)
    return Track(world, root)


def decay(frames: int) -> np.ndarray:
    """(T,) weight of what was before: from 1 to 0 within 0.35 s, with no velocity at the ends."""
    share = np.clip(np.arange(frames) / (0.35 * FPS), 0.0, 1.0)
    return 1.0 - share**3 * (10.0 + share * (6.0 * share - 15.0))


def _leg_joints() -> set[int]:
    return {joint for limb, ball in zip(LEGS, BALLS, strict=True) for joint in (*limb.joints, ball)}


def _foot_frames(drawn: Samples, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ball (T, 3), yaw and pitch of a foot that stands or steps."""
    x, y, yaw = drawn.values[:, BALL[side]].T
    lift = drawn.lift[:, side]
    # On its way a foot hangs a little.
    pitch = drawn.values[:, PITCH[side]] + 2.0 * lift
    return np.stack((x, y, lift), axis=1), yaw, pitch


def _ankle(ball: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    foot = about("z", yaw) @ about("y", pitch)
    return ball - foot @ OFFSETS[BALLS[side]], foot


def _support(drawn: Samples) -> np.ndarray:
    """(T, 2) where the weight is."""
    places = []
    for side in (0, 1):
        x, y, yaw = drawn.values[:, BALL[side]].T
        back = (drawn.values[:, PRESS] - MID_FOOT)[:, None]
        places.append(np.stack((x, y), axis=1) + back * np.stack((np.cos(yaw), np.sin(yaw)), axis=1))
        places[-1] -= 0.03 * SIGNS[side] * np.stack((-np.sin(yaw), np.cos(yaw)), axis=1)
    left, right = drawn.planted.T
    share = np.where(left & right | ~(left | right), drawn.values[:, WEIGHT], left.astype(float))
    return share[:, None] * places[0] + (1.0 - share[:, None]) * places[1]


def _balance(support: np.ndarray, height: np.ndarray, flight: np.ndarray) -> np.ndarray:
    """(T, 2) centre of mass over a support, see the head of the module."""
    rise = np.zeros_like(height)
    rise[1:-1] = (height[2:] - 2.0 * height[1:-1] + height[:-2]) * FPS**2
    load = np.where(flight, 0.0, np.clip(GRAVITY + rise, 0.2 * GRAVITY, 3.0 * GRAVITY))
    inertia = np.maximum(height, 0.3) * FPS**2
    bands = np.zeros((3, len(height)))
    bands[1] = load + 2.0 * inertia
    bands[0, 2:] = bands[2, :-2] = 0.0
    bands[0, 1:] = -inertia[:-1]
    bands[2, :-1] = -inertia[1:]
    bands[1, [0, -1]] = 1.0
    bands[0, 1] = bands[2, -2] = 0.0
    frames = np.arange(len(height)) / (_SHIFT_TIME * FPS)
    shifts = np.stack([bump(np.clip(share, 0.0, 1.0)) for share in (frames, frames[::-1])], axis=1)
    right = load[:, None] * np.concatenate((support, shifts), axis=1)
    right[[0, -1]] = 0.0
    right[[0, -1], :2] = support[[0, -1]]
    solved = solve_banded((1, 1), bands, right)
    # People set themselves in motion by the pressure under their soles before they step: as much of it as brings the
    # first and the last frame to rest.
    rates = np.stack((solved[1] - solved[0], solved[-1] - solved[-2]))
    amounts = np.linalg.lstsq(rates[:, 2:], -rates[:, :2], rcond=1e-6)[0]
    path = solved[:, :2] + solved[:, 2:] @ np.clip(amounts, -_SHIFT, _SHIFT)
    # What the soles cannot do the trunk does: a few centimetres of sway.
    for share, rate in ((frames, path[1] - path[0]), (frames[::-1], path[-2] - path[-1])):
        sway = share * np.clip(1.0 - share, 0.0, 1.0) ** 3 / (frames[1] * (1.0 - frames[1]) ** 3)
        path = path - sway[:, None] * rate
    return path


def _height(line: Timeline, drawn: Samples, offset: np.ndarray) -> np.ndarray:
    """(T,) height of the pelvis: cubics between keys, with the speed of take-off and landing at the ends of flights.

    `offset` (T,) is the centre of mass above the pelvis: in flight the former follows the parabola.
    """
    times, goal = line.times, STANDING_HEIGHT - line.values[:, DROP]
    slope = PchipInterpolator(times, goal).derivative()(times)
    after, before = slope[:-1].copy(), slope[1:].copy()
    height = np.empty(len(offset))
    rate = np.gradient(offset) * FPS
    flights = _stretches(line.flight)
    parabolas = []
    for first, last in flights:
        start, end = times[first], times[last]
        high = [float(np.interp(t, drawn.times, offset)) for t in (start, end)]
        lasts = end - start
        speed = (goal[last] + high[1] - goal[first] - high[0]) / lasts + 0.5 * GRAVITY * lasts
        parabolas.append((start, end, goal[first] + high[0], speed))
        if first > 0:
            before[first - 1] = speed - float(np.interp(start, drawn.times, rate))
        if last < len(after):
            after[last] = speed - GRAVITY * lasts - float(np.interp(end, drawn.times, rate))
    segment = drawn.segment
    length = np.diff(times)[segment]
    s = (drawn.times - times[segment]) / length
    height = (
        (1 + 2 * s) * (1 - s) ** 2 * goal[segment]
        + s * (1 - s) ** 2 * length * after[segment]
        + s**2 * (3 - 2 * s) * goal[segment + 1]
        + s**2 * (s - 1) * length * before[segment]
    )
    for start, end, low, speed in parabolas:
        inside = (drawn.times >= start) & (drawn.times <= end)
        t = drawn.times[inside] - start
        height[inside] = low + speed * t - 0.5 * GRAVITY * t**2 - offset[inside]
    return height


def _stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last index of runs of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _raised_heel(
    hip: np.ndarray, ball: np.ndarray, yaw: np.ndarray, pitch: np.ndarray, planted: np.ndarray, side: int
) -> np.ndarray:
    """(T,) pitch that a standing foot needs beyond its own so that the leg reaches it."""
    tries = []
    for more in _HEELS:
        ankle, _ = _ankle(ball, yaw, pitch + more, side)
        tries.append(np.linalg.norm(ankle - hip, axis=1))
    enough = np.array(tries) <= _STRETCH * LEG_LENGTH
    best = np.where(enough.any(axis=0), enough.argmax(axis=0), np.argmin(tries, axis=0))
    need = np.where(planted, _HEELS[best], 0.0)
    return gaussian_filter1d(maximum_filter1d(need, 3), 1.0)


def _lowering(root: np.ndarray, hips: np.ndarray, feet: list, heel: list, drawn: Samples) -> np.ndarray:
    """(T,) by how much the pelvis has to come down so that the standing legs reach their feet."""
    need = np.zeros(len(root))
    for side in (0, 1):
        ball, yaw, pitch = feet[side]
        ankle, _ = _ankle(ball, yaw, pitch + heel[side], side)
        hip = root + hips[:, side]
        flat = ((ankle - hip)[:, :2] ** 2).sum(axis=1)
        highest = ankle[:, 2] + np.sqrt(np.maximum((0.998 * LEG_LENGTH) ** 2 - flat, 0.0))
        need = np.maximum(need, np.where(drawn.planted[:, side], hip[:, 2] - highest, 0.0))
    if not (need > 1e-4).any():
        return np.zeros(len(root))
    smooth = gaussian_filter1d(maximum_filter1d(need, 5), 1.2)
    return np.where(drawn.flight, 0.0, smooth)


def _pull(root: np.ndarray, hips: np.ndarray, feet: list, heel: list, drawn: Samples) -> np.ndarray:
    """(T, 2) by how much the pelvis has to come over so that standing legs reach their feet at its height."""
    need = np.zeros((len(root), 2))
    for side in (0, 1):
        ball, yaw, pitch = feet[side]
        ankle, _ = _ankle(ball, yaw, pitch + np.maximum(heel[side], _HEELS[5]), side)
        line = ankle - (root + hips[:, side])
        flat = np.linalg.norm(line[:, :2], axis=1)
        reach = np.sqrt(np.maximum((0.99 * LEG_LENGTH) ** 2 - line[:, 2] ** 2, 0.0))
        excess = np.where(drawn.planted[:, side], np.clip(flat - reach, 0.0, _FARTHEST), 0.0)
        need += (excess / np.maximum(flat, 1e-9))[:, None] * line[:, :2]
    if not (np.abs(need) > 1e-4).any():
        return need
    # In flight and beside it the mass goes where the take-off has sent it.
    near = maximum_filter1d(drawn.flight.astype(float), 5)
    return gaussian_filter1d(need, 2.0, axis=0) * (1.0 - gaussian_filter1d(near, 1.0))[:, None]


def _raising(positions: np.ndarray, drawn: Samples) -> np.ndarray:
    """(T,) by how much the pelvis has to come up so that neither knees nor soles of standing legs are in the floor."""
    need = np.zeros(len(positions))
    for side in (0, 1):
        depth = np.maximum(_KNEE - positions[:, LEGS[side].joints[1], 2], -1.5 * positions[:, BALLS[side], 2])
        need = np.maximum(need, np.where(drawn.planted[:, side], depth, 0.0))
    if not (need > 1e-4).any():
        return np.zeros(len(positions))
    return np.where(drawn.flight, 0.0, gaussian_filter1d(maximum_filter1d(need, 3), 1.0))


def _stand(
    world: np.ndarray, root: np.ndarray, hips: np.ndarray, feet: tuple, heel: np.ndarray, free: tuple, drawn: Samples,
    side: int,
) -> None:  # fmt: skip
    """Write the orientations of a leg: on the ground, in the air, or between both."""
    ball, yaw, pitch = feet
    ankle, foot = _ankle(ball, yaw, pitch + heel, side)
    thigh, knee, sole = reach_ground(world, root + hips[:, side], ankle, foot, side)
    share = drawn.values[:, AIR[side]]
    if (share > 0.0).any():
        thigh = between(thigh, world[:, 0] @ free[0], share)
        knee = knee + share * (free[1] - knee)
        sole = between(sole, free[2], share)
    write_leg(world, side, thigh, knee, sole)


def _clear_floor(world: np.ndarray, root: np.ndarray, hips: np.ndarray, positions: np.ndarray, drawn: Samples) -> None:
    """Draw up legs whose feet would dip into the floor."""
    for side in (0, 1):
        ankle, ball = LEGS[side].joints[2], BALLS[side]
        clear = 0.6 * drawn.lift[:, side]
        depth = clear + np.maximum(-positions[:, ball, 2], 0.02 - positions[:, ankle, 2])
        frames = np.flatnonzero(depth > 1e-3)
        if not len(frames):
            continue
        part = world[frames]
        goal = positions[frames, ankle].copy()
        goal[:, 2] += depth[frames]
        foot = part[:, ankle]
        thigh, knee, sole = reach_ground(part, root[frames] + hips[frames, side], goal, foot, side)
        write_leg(part, side, thigh, knee, sole)
        world[frames] = part
