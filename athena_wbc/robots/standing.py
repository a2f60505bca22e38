"""Does the robot stand? A balance controller that may only move the joints' position targets, as a policy may."""

from __future__ import annotations

import dataclasses
import math

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion.builtin.morphology import Morphology
from athena_wbc.robots.findings import FAIL, Finding, judge
from athena_wbc.robots.statics import support_torques
from athena_wbc.sim.config import SimConfig
from athena_wbc.sim.scene import build_model

SECONDS = 5.0
LEAST_HEIGHT = 0.9
"""Share of its height that the root has to keep."""
MOST_TILT = 0.25
"""rad."""

_BALANCE = 1.6
"""Natural frequency of the balance over that of the fall, sqrt(g / height of the centre of mass)."""


@dataclasses.dataclass(frozen=True)
class Stood:
    """How a robot stood."""

    height: float
    """Least height of the root over its height in the default pose."""
    tilt: float
    """Greatest angle of the root from upright, rad."""
    effort: float
    """Greatest joint torque over its limit, after the first half second."""
    joint: str
    """The joint that had it."""
    alone: float
    """How long the default pose as a constant target keeps the robot up, s; `SECONDS` where it does not fall."""


def stand(embodiment: Embodiment, body: Morphology) -> Stood:
    """Stand for `SECONDS` in MuJoCo at the robot file's gains, effort limits and armature."""
    config = SimConfig()
    model = build_model(embodiment, config)
    height, tilt, torque = _simulate(embodiment, body, model, config, balance=True)
    share = torque / embodiment.effort_limit
    fallen = _simulate(embodiment, body, model, config, balance=False)[:2]
    down = np.flatnonzero((fallen[0] < LEAST_HEIGHT) | (fallen[1] > MOST_TILT))
    return Stood(
        height=float(height.min()),
        tilt=float(tilt.max()),
        effort=float(share.max()),
        joint=embodiment.joint_names[int(share.argmax())],
        alone=float(down[0] * config.control_dt) if len(down) else SECONDS,
    )


def check_standing(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on height, tilt and effort of standing."""
    stood = stand(embodiment, body)
    if not math.isfinite(stood.height + stood.tilt):
        return [Finding("standing", FAIL, None, "", "finite", "the simulation diverges", "lower the gains")]
    alone = f"; with the default pose as a constant target it stays up {stood.alone:.1f} s"
    remedy = "raise stiffness and effort limits of legs and waist, or correct the default pose and the soles"
    return [
        judge(
            "standing: root height",
            stood.height,
            "of default",
            LEAST_HEIGHT + 0.05,
            LEAST_HEIGHT,
            f"least in {SECONDS:g} s under a balance controller on position targets" + alone,
            remedy,
        ),
        judge("standing: tilt", stood.tilt, "rad", 0.6 * MOST_TILT, MOST_TILT, "greatest of the root", remedy),
        judge(
            "standing: effort",
            stood.effort,
            "of limit",
            0.8,
            1.0,
            f"greatest after the start, at '{stood.joint}'",
            f"raise the effort limit of '{stood.joint}', or make the robot lighter",
        ),
    ]


def _simulate(
    embodiment: Embodiment, body: Morphology, model: mujoco.MjModel, config: SimConfig, balance: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T,) height share, (T,) tilt, (J,) greatest torque after half a second."""
    data = mujoco.MjData(model)
    data.qpos[:] = body.nominal
    steps = round(SECONDS / config.control_dt)
    feet = np.array(body.feet)
    points = np.stack([sole.points.mean(axis=0) for sole in body.soles])
    wished = body.nominal[7:].copy()
    height, tilt, torque = np.zeros(steps), np.zeros(steps), np.zeros(model.nu)
    pulse = _BALANCE * math.sqrt(9.81 / body.com[2])
    for step in range(steps):
        mujoco.mj_forward(model, data)
        data.ctrl[:] = wished
        if balance:
            mujoco.mj_subtreeVel(model, data)
            centre = np.mean(
                [data.xpos[f] + data.xmat[f].reshape(3, 3) @ p for f, p in zip(feet, points, strict=True)], 0
            )
            error = centre - data.subtree_com[1]
            acceleration = pulse**2 * error - 2.0 * pulse * data.subtree_linvel[1]
            acceleration[2] = 0.0
            wanted = support_torques(model, data, feet, points, acceleration)
            data.ctrl[:] += wanted / embodiment.stiffness
        for _ in range(config.decimation):
            mujoco.mj_step(model, data)
            if step * config.control_dt > 0.5:
                torque = np.maximum(torque, np.abs(data.actuator_force))
        height[step] = data.qpos[2] / body.nominal[2]
        tilt[step] = math.acos(float(np.clip(data.xmat[1].reshape(3, 3)[2, 2], -1.0, 1.0)))
    return height, tilt, torque
