"""Checks on the model itself: mass, inertias, symmetry, limits."""

from __future__ import annotations

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.morphology import Morphology
from athena_wbc.motion.mirror import find_symmetry
from athena_wbc.robots.findings import PASS, WARN, Finding, judge
from athena_wbc.sim.render import stature

MASS_RANGE = (3.0, 150.0)
"""kg of humanoids that have been built; what is outside is most likely in other units."""
HUMAN_BMI = (8.0, 60.0)
"""Mass over squared height, kg/m^2: a person has about 22, the G1 19."""
MOST_RATIO = 100.0
"""Greatest over least principal moment of a body: a thin rod of ten times its thickness has about 100."""
MIRROR_DISTANCE = 0.02
"""m between a joint and the mirror image of its partner."""


def check_bodies(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on masses and inertias."""
    model, names = body.model, embodiment.body_names
    data = mujoco.MjData(model)
    data.qpos[:] = body.nominal
    mujoco.mj_kinematics(model, data)
    height = stature(model, data)
    mass = embodiment.mass
    low, high = MASS_RANGE
    index = mass / height**2
    plausible = low <= mass <= high and HUMAN_BMI[0] <= index <= HUMAN_BMI[1]
    findings = [
        Finding(
            "mass",
            PASS if plausible else WARN,
            mass,
            "kg",
            f"{low:g} to {high:g}, {HUMAN_BMI[0]:g} to {HUMAN_BMI[1]:g} kg/m^2",
            f"{height:.2f} m tall in the default pose, {index:.0f} kg/m^2",
            "" if plausible else "check the units of masses (kg) and lengths (m)",
        )
    ]
    moments = np.sort(model.body_inertia[1:], axis=1)
    heavy = embodiment.body_mass > 0.0
    excess = np.where(heavy, moments[:, 2] / np.maximum(moments[:, 0] + moments[:, 1], 1e-12), 0.0)
    worst = int(excess.argmax())
    findings.append(
        judge(
            "inertia: triangle inequality",
            excess[worst],
            "of bound",
            1.0 + 1e-6,
            1.0 + 1e-6,
            f"greatest I_max / (I_mid + I_min), at '{names[worst]}'",
            f"correct the inertia of '{names[worst]}': no rigid body has it",
        )
    )
    ratio = np.where(heavy, moments[:, 2] / np.maximum(moments[:, 0], 1e-12), 1.0)
    worst = int(ratio.argmax())
    findings.append(
        judge(
            "inertia: principal ratio",
            ratio[worst],
            "",
            MOST_RATIO,
            1000.0,
            f"greatest I_max / I_min, at '{names[worst]}'",
            f"check the inertia of '{names[worst]}'",
        )
    )
    gyration = np.sqrt(moments[:, 2] / np.maximum(embodiment.body_mass, 1e-9)) * heavy
    worst = int(gyration.argmax())
    findings.append(
        judge(
            "inertia: radius of gyration",
            gyration[worst] / height,
            "of height",
            0.2,
            0.5,
            f"greatest at '{names[worst]}', {gyration[worst]:.2f} m",
            f"check mass and inertia of '{names[worst]}': it is as if its mass were far outside the robot",
        )
    )
    return findings


def check_symmetry(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on left against right: every joint off the middle has a mirror image with equal limits and gains."""
    model, data = body.model, mujoco.MjData(body.model)
    data.qpos[:] = body.nominal
    mujoco.mj_forward(model, data)
    partner, sign, gap = mirror_joints(data, embodiment)
    names = embodiment.joint_names
    worst = int(gap.argmax())
    remedy = "correct the model, if it should be symmetric; mirrored motions and symmetry rewards need it"
    findings = [
        judge(
            "symmetry: joints",
            gap[worst],
            "m",
            MIRROR_DISTANCE,
            np.inf,
            f"'{names[worst]}' to its mirror image '{names[partner[worst]]}', in the default pose",
            remedy,
        )
    ]
    lower, upper = embodiment.joint_lower, embodiment.joint_upper
    mirrored = np.where(sign > 0, lower[partner], -upper[partner]), np.where(sign > 0, upper[partner], -lower[partner])
    off = np.maximum(np.abs(lower - mirrored[0]), np.abs(upper - mirrored[1]))
    # A joint in the middle, such as a waist that bends farther forward than back, has no partner but itself.
    off[partner == np.arange(len(names))] = 0.0
    worst = int(off.argmax())
    findings.append(
        judge(
            "symmetry: ranges",
            off[worst],
            "rad",
            0.02,
            np.inf,
            f"'{names[worst]}' to '{names[partner[worst]]}'",
            remedy,
        )
    )
    table = np.stack((embodiment.stiffness, embodiment.damping, embodiment.effort_limit, embodiment.velocity_limit))
    share = (np.abs(table - table[:, partner]) / table).max(axis=0)
    worst = int(share.argmax())
    findings.append(
        judge(
            "symmetry: gains",
            share[worst],
            "of value",
            0.02,
            np.inf,
            f"'{names[worst]}' to '{names[partner[worst]]}'",
            remedy,
        )
    )
    weight = embodiment.body_mass[embodiment.joint_body]
    share = np.abs(weight - weight[partner]) / np.maximum(weight, 1e-9)
    worst = int(share.argmax())
    findings.append(
        judge(
            "symmetry: masses",
            share[worst],
            "of value",
            0.05,
            np.inf,
            f"links of '{names[worst]}' and '{names[partner[worst]]}'",
            remedy,
        )
    )
    findings.append(_check_mirroring(embodiment))
    return findings


def _check_mirroring(embodiment: Embodiment) -> Finding:
    """Whether `athena motions convert --mirror` can mirror motions of this robot; sides are told by names there."""
    check, bar = "symmetry: mirrored motions", "possible"
    try:
        deviation = find_symmetry(embodiment).deviation
    except AthenaError as error:
        return Finding(check, WARN, None, "", bar, str(error), "give both sides names with left and right, or l and r")
    return Finding(check, PASS, deviation, "m", bar, "by the names and axes of both sides")


def mirror_joints(data: mujoco.MjData, embodiment: Embodiment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mirror partners of joints about the plane y = 0 of the root, in an upright pose that heads along x.

    A rotation is mirrored as a pseudovector: its axis (x, y, z) becomes (-x, y, -z).

    Returns:
        (J,) index of each joint's partner; (J,) +1 where both turn alike for equal angles, -1 where against each
        other; (J,) m between the joint and the mirror image of its partner.
    """
    anchor = data.xanchor[1:] - data.xpos[1]
    axis = data.xaxis[1:]
    image = anchor * (1.0, -1.0, 1.0)
    image_axis = axis * (-1.0, 1.0, -1.0)
    distance = np.linalg.norm(anchor[:, None] - image[None], axis=-1)
    cosine = axis @ image_axis.T
    # Joints that meet in a point, as those of a hip, are told by their axes.
    partner = (distance + 0.1 * (1.0 - np.abs(cosine))).argmin(axis=1)
    rows = np.arange(embodiment.num_joints)
    return partner, np.sign(cosine[rows, partner]), distance[rows, partner]


def check_limits(embodiment: Embodiment) -> list[Finding]:
    """Findings on ranges, velocities, efforts, and the room that actions have."""
    names = embodiment.joint_names
    span = embodiment.joint_upper - embodiment.joint_lower
    narrow, wide = int(span.argmin()), int(span.argmax())
    findings = [
        judge(
            "limits: narrowest range",
            span[narrow],
            "rad",
            0.2,
            0.02,
            f"'{names[narrow]}'",
            f"correct the range of '{names[narrow]}' (rad), or weld the joint",
        ),
        judge(
            "limits: widest range",
            span[wide],
            "rad",
            2.0 * np.pi + 0.01,
            4.0 * np.pi + 0.01,
            f"'{names[wide]}'",
            f"correct the range of '{names[wide]}': angles are in rad, not degrees",
        ),
    ]
    room = np.minimum(
        embodiment.default_joint_pos - embodiment.joint_lower, embodiment.joint_upper - embodiment.default_joint_pos
    )
    least = int(room.argmin())
    findings.append(
        judge(
            "limits: room about the default pose",
            room[least],
            "rad",
            0.02,
            0.0,
            f"'{names[least]}' at {embodiment.default_joint_pos[least]:.2f}",
            f"move '{names[least]}' off its limit in default_joint_pos",
        )
    )
    share = embodiment.effort_limit / embodiment.stiffness
    tight = int(share.argmin())
    findings.append(
        judge(
            "limits: effort over stiffness",
            share[tight],
            "rad",
            0.1,
            0.01,
            f"least at '{names[tight]}': the error of position that already asks for all of its torque",
            f"lower the stiffness of '{names[tight]}', or check its effort limit",
        )
    )
    slow = int(embodiment.velocity_limit.argmin())
    findings.append(
        judge(
            "limits: slowest joint",
            embodiment.velocity_limit[slow],
            "rad/s",
            3.0,
            0.5,
            f"'{names[slow]}'; a person's walk needs about 6 at the knee",
            f"check the velocity limit of '{names[slow]}' (rad/s)",
        )
    )
    return findings
