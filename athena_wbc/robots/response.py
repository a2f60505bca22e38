"""Control bandwidth: how fast each joint follows its target at the gains of the robot file."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.robots.findings import WARN, Finding, judge
from athena_wbc.sim.config import SimConfig
from athena_wbc.sim.scene import build_model

STEP_SHARE = 0.1
"""Of the effort limit that the step asks for at first: small, so that nothing saturates."""
MOST_STEP = 0.05
"""rad."""
TIME_STEP = 0.001
SECONDS = 4.0

SLOW, TOO_SLOW = 0.8, 0.4
"""Hz. The slowest joint of the shipped G1, its waist that turns the whole upper body, is at 1.5 Hz."""
LOOSE, TOO_LOOSE = 0.65, 0.9
"""Share of the step. The same joint of the G1 overshoots by 0.53."""


@dataclasses.dataclass(frozen=True)
class Response:
    """Step responses of J joints."""

    bandwidth: np.ndarray
    """(J,) Hz at which the amplitude has fallen by 3 dB; the Nyquist frequency where it never does."""
    overshoot: np.ndarray
    """(J,) share of the step."""
    settled: np.ndarray
    """(J,) share of the step that is reached in the end."""


def step_responses(embodiment: Embodiment, nominal: np.ndarray) -> Response:
    """Step the target of each joint in turn, the root held in the air, without gravity, contacts and joint limits.

    The frequency response is the Fourier transform of the derivative of the step response.

    Args:
        embodiment: the robot.
        nominal: (nq,) pose around which the joints move.
    """
    model = build_model(embodiment, SimConfig(dt=TIME_STEP))
    model.opt.gravity[:] = 0.0
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_LIMIT
    # A root of a million times the robot's mass stays where it is.
    model.body_mass[1] = 1e6 * model.body_subtreemass[1]
    model.body_inertia[1] = 1e6 * model.body_subtreemass[1]
    data = mujoco.MjData(model)
    mujoco.mj_setConst(model, data)
    amplitude = np.minimum(MOST_STEP, STEP_SHARE * embodiment.effort_limit / embodiment.stiffness)
    steps = round(SECONDS / TIME_STEP)
    curves = np.empty((embodiment.num_joints, steps + 1))
    for joint in range(embodiment.num_joints):
        mujoco.mj_resetData(model, data)
        data.qpos[:] = nominal
        data.ctrl[:] = nominal[7:]
        data.ctrl[joint] += amplitude[joint]
        curves[joint, 0] = 0.0
        for step in range(steps):
            mujoco.mj_step(model, data)
            curves[joint, step + 1] = (data.qpos[7 + joint] - nominal[7 + joint]) / amplitude[joint]
    gain = np.abs(np.fft.rfft(np.diff(curves, axis=1), axis=1))
    frequency = np.fft.rfftfreq(steps, TIME_STEP)
    return Response(
        bandwidth=np.array([_crossing(frequency, row) for row in gain]),
        overshoot=np.maximum(curves.max(axis=1) - 1.0, 0.0),
        settled=curves[:, -1],
    )


def check_response(embodiment: Embodiment, nominal: np.ndarray) -> list[Finding]:
    """Findings on the slowest joint, the greatest overshoot, and the resolution of the physics step."""
    response = step_responses(embodiment, nominal)
    names = embodiment.joint_names
    slow, over = int(response.bandwidth.argmin()), int(response.overshoot.argmax())
    findings = [
        judge(
            "bandwidth",
            response.bandwidth[slow],
            "Hz",
            SLOW,
            TOO_SLOW,
            f"slowest is '{names[slow]}'; median {np.median(response.bandwidth):.1f}, "
            f"fastest {response.bandwidth.max():.1f} Hz ('{names[int(response.bandwidth.argmax())]}')",
            f"raise the stiffness of '{names[slow]}', or lower its damping",
        ),
        judge(
            "overshoot",
            response.overshoot[over],
            "of step",
            LOOSE,
            TOO_LOOSE,
            f"greatest at '{names[over]}'",
            f"raise the damping of '{names[over]}'",
        ),
    ]
    bare = [name for name, armature in zip(names, embodiment.armature, strict=True) if armature == 0.0]
    if bare:
        detail = f"{len(bare)} joints have none, '{bare[0]}' the first"
        remedy = "give every actuator group the reflected inertia of its rotor"
        findings.append(Finding("armature", WARN, 0.0, "kg m^2", "more than 0", detail, remedy))
    return findings


def _crossing(frequency: np.ndarray, gain: np.ndarray) -> float:
    """First frequency at which the gain falls below -3 dB, between two bins by a line."""
    below = np.flatnonzero(gain < np.sqrt(0.5))
    if not len(below):
        return float(frequency[-1])
    index = int(below[0])
    if index == 0:
        return 0.0
    high, low = gain[index - 1], gain[index]
    share = (high - np.sqrt(0.5)) / (high - low)
    return float(frequency[index - 1] + share * (frequency[index] - frequency[index - 1]))
