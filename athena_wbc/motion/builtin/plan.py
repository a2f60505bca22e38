"""From a script to trajectories: where the feet, the load and the posture targets are in every frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from athena_wbc.motion.builtin.curves import FPS, GRAVITY, minimum_jerk, quintic
from athena_wbc.motion.builtin.feet import FootPath, FootState, foot_path, next_state, standing, stays
from athena_wbc.motion.builtin.morphology import LEFT, RIGHT, Morphology
from athena_wbc.motion.builtin.script import Phase, Script

PRESS_LIMIT = 0.2
"""A foot in the air may carry at most this share of the weight; it shifts the zero moment point within the other."""

_CHANNELS = ("weight", "press", "height", "pelvis", "torso")


@dataclasses.dataclass(frozen=True)
class Plan:
    """Targets of N frames at `FPS`. Feet are (left, right); angles are roll, pitch, yaw in rad, positions in m."""

    foot_pos: np.ndarray
    """(N, 2, 3) origin of either foot."""
    foot_rpy: np.ndarray
    """(N, 2, 3)"""
    contact: np.ndarray
    """(N, 2) bool: the foot supports the body; where its pitch is not zero, with the toes."""
    zmp: np.ndarray
    """(N, 2) where the zero moment point should be."""
    height: np.ndarray
    """(N,) of the pelvis or the centre of mass relative to the nominal pose."""
    height_acc: np.ndarray
    """(N,) its second derivative, m/s^2."""
    pelvis_rpy: np.ndarray
    torso_rpy: np.ndarray
    """(N, 3) in the world frame."""
    arms: np.ndarray
    """(N, A) joint angles of all arm joints, left arm first."""

    @property
    def flight(self) -> np.ndarray:
        """(N,) bool: no foot on the ground."""
        return ~self.contact.any(axis=1)

    @property
    def flat(self) -> np.ndarray:
        """(N, 2) bool: the foot stands on the ground with its whole sole."""
        return self.contact & (self.foot_rpy[:, :, 1] == 0.0)


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
        self.feet = (standing(body, LEFT), standing(body, RIGHT))
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
        self.paths: tuple[list[FootPath], list[FootPath]] = ([], [])

    def add(self, index: int) -> None:
        """Append the frames of a phase, its first included, its last left to the next phase."""
        phase = self.script.phases[index]
        frames = round(phase.duration * FPS)
        if frames < 1 or abs(frames / FPS - phase.duration) > 1e-9:
            raise self._error(index, f"duration {phase.duration} is no multiple of {1 / FPS} s")
        fraction = np.arange(frames) / frames
        self._add_feet(index, phase, fraction)
        ends = dict(self.values)
        for key in _CHANNELS:
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
        if not all(foot.grounded for foot in self.feet):
            raise self._error(len(self.script.phases) - 1, "a clip ends with both feet on the ground")
        self._add_feet(len(self.script.phases), Phase(0.0), np.zeros(1))
        for key, value in self.values.items():
            self.tracks[key].append(value[None])
        self.tracks["height_acc"].append(np.zeros((1, 1)))
        tracks = {key: np.concatenate(track) for key, track in self.tracks.items()}
        feet = {
            field.name: np.stack([np.concatenate([getattr(p, field.name) for p in path]) for path in self.paths], 1)
            for field in dataclasses.fields(FootPath)
        }
        pos, rpy, planted = feet["pos"], feet["rpy"], feet["planted"]
        leg = self.body.leg_length
        # A foot that is held in the air goes up and down with the body.
        pos[:, :, 2] += leg * feet["airborne"] * tracks["height"]
        # The first frame of a swing still has the foot at rest on the ground.
        contact = planted.copy()
        contact[1:] |= planted[:-1]
        heading = np.concatenate((np.zeros((len(pos), 2)), tracks["heading"]), axis=1)
        return Plan(
            foot_pos=pos,
            foot_rpy=rpy,
            contact=contact,
            zmp=self._zmp(feet, tracks),
            height=leg * tracks["height"][:, 0],
            height_acc=leg * tracks["height_acc"][:, 0],
            pelvis_rpy=heading + tracks["pelvis"],
            torso_rpy=heading + tracks["torso"],
            arms=np.concatenate((tracks["left_arm"], tracks["right_arm"]), axis=1),
        )

    def _zmp(self, feet: dict[str, np.ndarray], tracks: dict[str, np.ndarray]) -> np.ndarray:
        """(N, 2) between the loads of the feet, which rest on the toes where the heel is raised."""
        # Flat on the ground, as far in front of the foot's origin as the centre of mass is in the nominal pose.
        ahead = self.body.com[0] - self.body.foot_pos[:, 0].mean() + self.body.leg_length * tracks["press"]
        toe = np.array([sole.toe for sole in self.body.soles])
        ahead = ahead + feet["toes"] * (toe - ahead)
        yaw = feet["rpy"][:, :, 2]
        load = feet["ground"] + ahead[:, :, None] * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)
        share = tracks["weight"]
        return share * load[:, LEFT] + (1.0 - share) * load[:, RIGHT]

    def _add_feet(self, index: int, phase: Phase, fraction: np.ndarray) -> None:
        moves = (phase.left, phase.right)
        supports = [stays(move, foot) for move, foot in zip(moves, self.feet, strict=True)]
        if any(supports) == phase.flight:
            raise self._error(index, "a phase is a flight if and only if no foot stays on the ground")
        shares = [float(self.values["weight"][0]), phase.weight]
        ends: list[FootState] = []
        for side, move in enumerate(moves):
            end = next_state(self.body, side, move, self.feet)
            flight = phase.duration if phase.flight else None
            self.paths[side].append(foot_path(self.body, side, move, self.feet[side], end, fraction, flight))
            ends.append(end)
            loaded = any(abs(1 - side - share) < 1.0 - PRESS_LIMIT for share in shares if share is not None)
            if loaded and not supports[side] and not phase.flight:
                raise self._error(index, f"the {('left', 'right')[side]} foot is in the air but carries weight")
        self.feet = (ends[LEFT], ends[RIGHT])

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
        if phase.flight and abs(end - start) > 1e-9:
            raise self._error(index, "a flight ends at the height where it began")
        height, acc = quintic((start, *knot_start), (end, *knot_end), phase.duration, fraction)
        self.tracks["height"].append(height[:, None])
        self.tracks["height_acc"].append(acc[:, None])
        self.height_knot = knot_end if phase.flight else (0.0, 0.0)

    def _error(self, index: int, problem: str) -> ValueError:
        return ValueError(f"{self.script.name}: phase {index}: {problem}")
