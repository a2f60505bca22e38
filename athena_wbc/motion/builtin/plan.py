"""From a script to trajectories: where the feet, the load and the posture targets are in every frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from athena_wbc.motion.builtin.morphology import LEFT, RIGHT, Morphology
from athena_wbc.motion.builtin.script import Air, Phase, Place, Script

GRAVITY = 9.81
FPS = 50.0

PRESS_LIMIT = 0.2
"""A foot in the air may carry at most this share of the weight; it shifts the zero moment point within the other."""

FLIGHT_LIFT = 0.875
"""Rise of the feet in a flight relative to that of the body, g T^2 / 8. The feet's 64 s^3 (1-s)^3 then has the same
second Legendre coefficient as the body's 4 s (1-s): the legs reach, tuck and reach again, and the root, not only the
centre of mass, falls with g in the mean."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Targets of N frames at `FPS`. Feet are (left, right); angles are roll, pitch, yaw in rad, positions in m."""

    foot_pos: np.ndarray
    """(N, 2, 3) origin of either foot."""
    foot_rpy: np.ndarray
    """(N, 2, 3)"""
    contact: np.ndarray
    """(N, 2) bool: the foot stands still on the ground."""
    zmp: np.ndarray
    """(N, 2) where the zero moment point should be."""
    height: np.ndarray
    """(N,) of the pelvis or the centre of mass relative to the nominal pose."""
    height_acc: np.ndarray
    """(N,) its second derivative, m/s^2."""
    pelvis_rpy: np.ndarray
    torso_rpy: np.ndarray
    arms: np.ndarray
    """(N, A) joint angles of all arm joints, left arm first."""
    com_start: np.ndarray
    com_end: np.ndarray
    """(2,) horizontal centre of mass in the first and last frame."""

    @property
    def flight(self) -> np.ndarray:
        """(N,) bool: no foot on the ground."""
        return ~self.contact.any(axis=1)


@dataclasses.dataclass
class _Foot:
    """State of a foot at the border of two phases."""

    pos: np.ndarray
    rpy: np.ndarray
    grounded: bool = True


def make_plan(script: Script, body: Morphology, arm_pose: Callable[[int, str], np.ndarray]) -> Plan:
    """Lay a script out in time for one robot.

    Args:
        script: the clip.
        body: the robot.
        arm_pose: gives the joint angles of an arm (0 left, 1 right) for the name of a pose.

    Raises:
        ValueError: a script that contradicts itself, such as weight on a foot in the air.
    """
    builder = _Builder(script, body, arm_pose)
    for index in range(len(script.phases)):
        builder.add(index)
    return builder.finish()


class _Builder:
    def __init__(self, script: Script, body: Morphology, arm_pose: Callable[[int, str], np.ndarray]) -> None:
        self.script, self.body, self.arm_pose = script, body, arm_pose
        self.feet = [_Foot(body.foot_pos[side].copy(), np.zeros(3)) for side in (LEFT, RIGHT)]
        self.width = body.foot_pos[LEFT, 1] - body.foot_pos[RIGHT, 1]
        # The load of a foot rests as far in front of its origin as the centre of mass does in the nominal pose.
        self.press_offset = body.com[0] - body.foot_pos[:, 0].mean()
        self.values = {
            "weight": np.array([0.5]),
            "press": np.zeros(1),
            "height": np.zeros(1),
            "pelvis": np.zeros(3),
            "torso": np.zeros(3),
            "heading": np.zeros(1),
            "left_arm": arm_pose(LEFT, "rest"),
            "right_arm": arm_pose(RIGHT, "rest"),
        }
        self.height_knot = (0.0, 0.0)
        self.tracks: dict[str, list[np.ndarray]] = {key: [] for key in (*self.values, "height_acc")}
        self.foot_tracks: list[tuple[np.ndarray, ...]] = []

    def add(self, index: int) -> None:
        """Append the frames of a phase, its first included, its last left to the next phase."""
        phase = self.script.phases[index]
        frames = round(phase.duration * FPS)
        if frames < 1 or abs(frames / FPS - phase.duration) > 1e-9:
            raise self._error(index, f"duration {phase.duration} is no multiple of {1 / FPS} s")
        fraction = np.arange(frames) / frames
        self._add_feet(index, phase, fraction)
        ends = dict(self.values)
        for key in ("weight", "press", "height", "pelvis", "torso"):
            if getattr(phase, key) is not None:
                ends[key] = np.atleast_1d(np.asarray(getattr(phase, key), dtype=float))
        grounded = [foot.rpy[2] for foot in self.feet if foot.grounded]
        ends["heading"] = np.array([np.mean(grounded)]) if grounded else self.values["heading"]
        if phase.left_arm is not None:
            ends["left_arm"] = self.arm_pose(LEFT, phase.left_arm)
        if phase.right_arm is not None:
            ends["right_arm"] = self.arm_pose(RIGHT, phase.right_arm)
        blend = minimum_jerk(fraction)[:, None]
        for key, end in ends.items():
            if key != "height":
                self.tracks[key].append(self.values[key] + blend * (end - self.values[key]))
        self._add_height(index, phase, fraction, float(ends["height"][0]))
        self.values = ends

    def finish(self) -> Plan:
        """Close the last phase with its end frame and assemble the plan."""
        for key, value in self.values.items():
            self.tracks[key].append(value[None])
        self.tracks["height_acc"].append(np.zeros((1, 1)))
        pos = np.stack([foot.pos for foot in self.feet])[None]
        rpy = np.stack([foot.rpy for foot in self.feet])[None]
        grounded = np.array([[foot.grounded for foot in self.feet]])
        if not grounded.all():
            raise self._error(len(self.script.phases) - 1, "a clip ends with both feet on the ground")
        self.foot_tracks.append((pos, rpy, np.zeros((1, 2)), grounded))
        pos, rpy, airborne, planted = (np.concatenate(track) for track in zip(*self.foot_tracks, strict=True))
        # A frame between a stance and a swing still has the foot at rest on the ground.
        contact = planted.copy()
        contact[1:] |= planted[:-1] & (pos[1:, :, 2] <= self.body.foot_pos[:, 2] + 1e-9)
        contact[:-1] |= planted[1:] & (pos[:-1, :, 2] <= self.body.foot_pos[:, 2] + 1e-9)
        tracks = {key: np.concatenate(track) for key, track in self.tracks.items()}
        leg = self.body.leg_length
        # A foot that is held in the air goes up and down with the body.
        pos[:, :, 2] += leg * airborne * tracks["height"]
        yaw = rpy[:, :, 2]
        forward = np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
        load = pos[:, :, :2] + (self.press_offset + leg * tracks["press"])[:, :, None] * forward
        share = tracks["weight"]
        zmp = share * load[:, LEFT] + (1.0 - share) * load[:, RIGHT]
        heading = np.concatenate((np.zeros((len(yaw), 2)), tracks["heading"]), axis=1)
        return Plan(
            foot_pos=pos,
            foot_rpy=rpy,
            contact=contact,
            zmp=zmp,
            height=leg * tracks["height"][:, 0],
            height_acc=leg * tracks["height_acc"][:, 0],
            pelvis_rpy=heading + tracks["pelvis"],
            torso_rpy=heading + tracks["torso"],
            arms=np.concatenate((tracks["left_arm"], tracks["right_arm"]), axis=1),
            com_start=zmp[0],
            com_end=zmp[-1],
        )

    def _add_feet(self, index: int, phase: Phase, fraction: np.ndarray) -> None:
        moves = (phase.left, phase.right)
        planted = [foot.grounded and move is None for move, foot in zip(moves, self.feet, strict=True)]
        if any(planted) == phase.flight:
            raise self._error(index, "a phase is a flight if and only if no foot stays on the ground")
        starts = [dataclasses.replace(foot) for foot in self.feet]
        pos, rpy, airborne = [], [], []
        shares = [float(self.values["weight"][0]), phase.weight]
        for side in (LEFT, RIGHT):
            start, end = starts[side], self._target(side, moves[side], starts)
            blend = minimum_jerk(fraction)[:, None]
            path = start.pos + blend * (end.pos - start.pos)
            if isinstance(moves[side], Place):
                path[:, 2] += self._lift(phase, moves[side]) * _bump(fraction)
            pos.append(path)
            rpy.append(start.rpy + blend * (end.rpy - start.rpy))
            airborne.append((not start.grounded) + blend[:, 0] * (start.grounded - end.grounded))
            self.feet[side] = end
            loaded = any(abs(1 - side - share) < 1.0 - PRESS_LIMIT for share in shares if share is not None)
            if loaded and not planted[side] and not phase.flight:
                raise self._error(index, f"the {('left', 'right')[side]} foot is in the air but carries weight")
        still = np.broadcast_to(planted, (len(fraction), 2))
        self.foot_tracks.append((np.stack(pos, 1), np.stack(rpy, 1), np.stack(airborne, 1), still))

    def _lift(self, phase: Phase, move: Place) -> float:
        """Greatest height of a swinging foot, m."""
        if not phase.flight:
            return move.lift * self.body.leg_length
        return FLIGHT_LIFT * GRAVITY * phase.duration**2 / 8.0

    def _target(self, side: int, move: Place | Air | None, starts: list[_Foot]) -> _Foot:
        """Where a foot is at the end of a phase."""
        if move is None:
            return dataclasses.replace(starts[side])
        other = starts[1 - side]
        leg, sign = self.body.leg_length, (1.0, -1.0)[side]
        middle = other.rpy[2] + 0.5 * move.turn
        across = np.array([-np.sin(middle), np.cos(middle)])
        along = np.array([np.cos(middle), np.sin(middle)])
        # Beside the other foot; while that one is in the air, where the foot itself is.
        beside = other.pos[:2] + sign * self.width * across if other.grounded else starts[side].pos[:2]
        ground = beside + leg * (move.left * across + move.forward * along)
        yaw = other.rpy[2] + move.turn
        floor = self.body.foot_pos[side, 2]
        if isinstance(move, Place):
            return _Foot(np.array([*ground, floor]), np.array([0.0, 0.0, yaw]))
        rpy = np.array([move.roll, move.pitch, yaw])
        return _Foot(np.array([*ground, floor + leg * move.up]), rpy, grounded=False)

    def _add_height(self, index: int, phase: Phase, fraction: np.ndarray, end: float) -> None:
        """Quintic of the height; before and after a flight it has the parabola's velocity and acceleration."""
        phases = self.script.phases
        leg = self.body.leg_length
        knot_start, knot_end = self.height_knot, (0.0, 0.0)
        if phase.flight:
            speed = 0.5 * GRAVITY * phase.duration / leg
            knot_start, knot_end = (speed, -GRAVITY / leg), (-speed, -GRAVITY / leg)
        elif index + 1 < len(phases) and phases[index + 1].flight:
            knot_end = (0.5 * GRAVITY * phases[index + 1].duration / leg, -GRAVITY / leg)
        start = float(self.values["height"][0])
        height, acc = quintic((start, *knot_start), (end, *knot_end), phase.duration, fraction)
        self.tracks["height"].append(height[:, None])
        self.tracks["height_acc"].append(acc[:, None])
        self.height_knot = knot_end if phase.flight else (0.0, 0.0)
        if phase.flight and abs(end - start) > 1e-9:
            raise self._error(index, "a flight ends at the height where it began")

    def _error(self, index: int, problem: str) -> ValueError:
        return ValueError(f"{self.script.name}: phase {index}: {problem}")


def minimum_jerk(fraction: np.ndarray) -> np.ndarray:
    """10 s^3 - 15 s^4 + 6 s^5: from 0 to 1, with no velocity and acceleration at either end."""
    return fraction**3 * (10.0 + fraction * (6.0 * fraction - 15.0))


def quintic(
    start: tuple[float, float, float], end: tuple[float, float, float], duration: float, fraction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Polynomial of degree five through position, velocity and acceleration at both ends.

    Returns:
        its values and second derivatives at `fraction` of the duration.
    """
    p0, v0, a0 = start[0], start[1] * duration, start[2] * duration**2
    p1, v1, a1 = end[0], end[1] * duration, end[2] * duration**2
    gap = p1 - p0
    coefficients = np.array(
        [
            p0,
            v0,
            0.5 * a0,
            10 * gap - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1,
            -15 * gap + 8 * v0 + 7 * v1 + 1.5 * a0 - a1,
            6 * gap - 3 * (v0 + v1) - 0.5 * (a0 - a1),
        ]
    )
    polynomial = np.polynomial.Polynomial(coefficients)
    return polynomial(fraction), polynomial.deriv(2)(fraction) / duration**2


def _bump(fraction: np.ndarray) -> np.ndarray:
    """64 s^3 (1 - s)^3: rises to 1 and falls, with no velocity and acceleration at either end."""
    return 64.0 * (fraction * (1.0 - fraction)) ** 3
