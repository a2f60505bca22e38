"""From a person to a clip of a robot."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.human import HumanMotion
from athena_wbc.motion.retarget.branches import solve_both_ways
from athena_wbc.motion.retarget.build import Build
from athena_wbc.motion.retarget.contacts import fade, find_contacts
from athena_wbc.motion.retarget.ground import split
from athena_wbc.motion.retarget.person import read_person
from athena_wbc.motion.retarget.quality import Quality, measure_quality
from athena_wbc.motion.retarget.second import grounded, on_ground, second_pass
from athena_wbc.motion.retarget.skeleton import plant, rebuild
from athena_wbc.motion.retarget.solve import ChainSolver, Costs

ROUNDS = 2
"""Times that the second pass is repeated where something is still below the ground, or hovers."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a user may choose."""

    fps: float = 50.0
    """Frame rate of the clips."""
    scale: float | None = None
    """Root path of the robot by that of the person; the ratio of their legs where None."""
    collisions: bool = False
    """Keep the legs apart."""
    iterations: int = 2
    """Of the first pass, each frame."""
    second_iterations: int = 2


@dataclasses.dataclass(frozen=True)
class Retargeted:
    """A clip, how good it is, and what it cost."""

    clip: MotionClip
    quality: Quality
    seconds: float
    """Process time."""


def retarget(motion: HumanMotion, build: Build, settings: Settings) -> Retargeted:
    """Retarget one motion.

    Raises:
        AthenaError: a motion too short, or whose limbs have no length.
    """
    began = time.process_time()
    person = read_person(motion, settings.fps)
    scale = settings.scale or (build.thigh + build.shin) / person.leg
    contacts = find_contacts(person)
    chain = plant(rebuild(person, contacts, build, scale), contacts, build, settings.fps)
    solver = ChainSolver(build, settings.fps, settings.collisions)
    fps = settings.fps
    feet = [fade(contacts.planted[:, side], 0.06 * fps) for side in (0, 1)]
    firm = np.stack([*feet, np.zeros(len(feet[0])), np.zeros(len(feet[0]))], axis=1)
    first = solve_both_ways(solver, chain, firm, Costs(), settings.iterations)
    target = grounded(chain, first, person, contacts, build, fps)
    qpos = second_pass(target, first, solver, fps, settings.second_iterations)
    for _ in range(ROUNDS):
        again = on_ground(target, qpos, contacts, build, fps)
        if again is None:
            break
        target, qpos = again, second_pass(again, qpos, solver, fps, settings.second_iterations)
    reached = solver.points(qpos)
    quality = measure_quality(build, qpos, reached, target.chain.points, contacts, len(target.flights), fps)
    return Retargeted(_clip(motion, build, qpos, settings, scale, quality), quality, time.process_time() - began)


def _clip(
    motion: HumanMotion, build: Build, qpos: np.ndarray, settings: Settings, scale: float, quality: Quality
) -> MotionClip:
    root_pos, root_quat, joints = split(qpos)
    how = f"retargeted to {build.embodiment.name}: {motion.fps:g} to {settings.fps:g} fps, scale {scale:.3f}"
    how += f", key-body error {100.0 * quality.error_mean:.1f} cm in the mean"
    return MotionClip(
        name=motion.name,
        fps=settings.fps,
        root_pos=root_pos,
        root_quat=root_quat,
        joint_pos=joints,
        joint_names=build.embodiment.joint_names,
        robot=build.embodiment.name,
        robot_hash=build.embodiment.hash,
        source=motion.source,
        licence=motion.licence,
        label=motion.label,
        text=motion.text,
        history=(*motion.history, how),
    )
