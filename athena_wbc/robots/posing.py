"""Checks on poses: soles and self-collision in the default pose, a squat by inverse kinematics, gravity."""

from __future__ import annotations

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.morphology import Morphology
from athena_wbc.robots.findings import FAIL, PASS, WARN, Finding, judge
from athena_wbc.robots.statics import support_torques

REACHES = 400
"""Poses drawn for the torque that gravity asks of each limb held out in the air."""


def check_default_pose(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on soles, height, balance and self-collision in the default pose."""
    model = body.model
    data = mujoco.MjData(model)
    data.qpos[:] = body.nominal
    data.qpos[2] = embodiment.default_root_height
    mujoco.mj_forward(model, data)
    bottoms, points, tilts = [], [], []
    for foot, sole in zip(body.feet, body.soles, strict=True):
        rotation = data.xmat[foot].reshape(3, 3)
        world = data.xpos[foot] + sole.points @ rotation.T
        bottoms.append(world[:, 2].min())
        points.append(world)
        tilts.append(np.arccos(np.clip((rotation @ sole.level[2])[2], -1.0, 1.0)))
    points = np.concatenate(points)[:, :2]
    com = data.subtree_com[1, :2]
    margin = float(min((com - points.min(0)).min(), (points.max(0) - com).min()))
    findings = [
        judge(
            "default pose: soles on the ground",
            float(np.abs(bottoms).max()),
            "m",
            0.005,
            0.03,
            "greatest distance of a sole from the ground at root_height",
            f"set root_height to {body.nominal[2]:.4f}",
        ),
        judge(
            "default pose: soles flat",
            float(max(tilts)),
            "rad",
            0.03,
            0.15,
            "greatest angle of a sole to the ground",
            "correct the ankles in default_joint_pos",
        ),
        judge(
            "default pose: balance",
            margin,
            "m",
            0.02,
            0.0,
            "centre of mass inside the edge of the soles",
            "bend hips and ankles in default_joint_pos until the centre of mass is above the soles",
        ),
        judge(
            "soles: contact area",
            1e4 * min(float(np.prod(np.ptp(sole.points @ sole.level.T, axis=0)[:2])) for sole in body.soles),
            "cm^2",
            20.0,
            1.0,
            "of the smaller one, around the points that touch in the default pose",
            "give the feet colliders of the sole's length and width; a foot that stands on its edge or its toes has "
            "ankles to correct in default_joint_pos",
        ),
    ]
    pairs = touching(model, data)
    names = ", ".join(f"{first}/{second}" for first, second in pairs) or "nothing touches"
    findings.append(
        Finding(
            "self-collision in the default pose",
            FAIL if pairs else PASS,
            float(len(pairs)),
            "pairs",
            "none",
            names,
            "exclude the pairs in the model (<contact><exclude>), or make their colliders smaller" if pairs else "",
        )
    )
    return findings


def touching(model: mujoco.MjModel, data: mujoco.MjData) -> list[tuple[str, str]]:
    """Names of the pairs of bodies whose colliders overlap, after `mj_forward`."""
    pairs = {tuple(sorted(int(model.geom_bodyid[geom]) for geom in contact.geom)) for contact in data.contact}
    return [(model.body(first).name, model.body(second).name) for first, second in sorted(pairs)]


def check_squat(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on the built-in squat: how well inverse kinematics follows it, and what holding it costs."""
    try:
        from athena_wbc.motion.builtin.generate import Generator
        from athena_wbc.motion.builtin.scripts import SCRIPTS
    except ImportError as error:
        remedy = "pip install -e '.[retarget]' in the checkout"
        return [Finding("squat", WARN, None, "", "made", f"not checked: {error.name} is not installed", remedy)]
    try:
        squat = Generator(embodiment).generate(SCRIPTS["squat"])
    except AthenaError as error:
        return [Finding("squat", FAIL, None, "", "made", str(error), "correct feet and end_effectors")]
    joint_pos = squat.qpos[:, 7:]
    speed = (np.abs(np.diff(joint_pos, axis=0)) * 50.0 / embodiment.velocity_limit).max(axis=0)
    fast = int(speed.argmax())
    depth = float(np.ptp(squat.qpos[:, 2]))
    findings = [
        judge(
            "squat: error of inverse kinematics",
            1000.0 * squat.miss,
            "mm",
            3.0,
            30.0,
            f"greatest of feet and centre of mass; the root goes down by {depth:.2f} m",
            "widen the ranges of hips, knees and ankles, if the robot's are wider",
        ),
        judge(
            "squat: joint speed",
            speed[fast],
            "of limit",
            0.8,
            1.0,
            f"greatest at '{embodiment.joint_names[fast]}'",
            f"check the velocity limit of '{embodiment.joint_names[fast]}'",
        ),
    ]
    deepest = squat.qpos[int(squat.qpos[:, 2].argmin())]
    share = np.abs(_held(body, deepest)) / embodiment.effort_limit
    worst = int(share.argmax())
    findings.append(
        judge(
            "effort: deep squat",
            share[worst],
            "of limit",
            0.7,
            1.0,
            f"to hold it, greatest at '{embodiment.joint_names[worst]}'",
            f"raise the effort limit of '{embodiment.joint_names[worst]}', if the motor has more",
        )
    )
    return findings


def check_gravity(embodiment: Embodiment, body: Morphology) -> list[Finding]:
    """Findings on static torques: standing, and every limb held out in the air."""
    share = np.abs(_held(body, body.nominal)) / embodiment.effort_limit
    worst = int(share.argmax())
    names = embodiment.joint_names
    findings = [
        judge(
            "effort: default pose",
            share[worst],
            "of limit",
            0.5,
            1.0,
            f"to hold it, greatest at '{names[worst]}'",
            f"raise the effort limit of '{names[worst]}', if the motor has more",
        )
    ]
    share = _reach_torques(body, embodiment) / embodiment.effort_limit
    worst = int(share.argmax())
    findings.append(
        judge(
            "effort: limbs held out",
            share[worst],
            "of limit",
            0.9,
            2.0,
            f"against gravity alone over {REACHES} poses, greatest at '{names[worst]}'",
            f"raise the effort limit of '{names[worst]}', or expect it to drop what hangs from it",
        )
    )
    return findings


def _held(body: Morphology, qpos: np.ndarray) -> np.ndarray:
    """(J,) torques that hold a pose on both feet, N m."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = qpos
    mujoco.mj_forward(body.model, data)
    points = np.stack([sole.points.mean(axis=0) for sole in body.soles])
    return support_torques(body.model, data, np.array(body.feet), points)


def _reach_torques(body: Morphology, embodiment: Embodiment) -> np.ndarray:
    """(J,) greatest torque of gravity with an upright root and limbs in random poses, N m.

    The waist is left out: it holds the trunk up, which the default pose judges.
    """
    model, data = body.model, mujoco.MjData(body.model)
    random = np.random.default_rng(0)
    lower, upper = model.jnt_range[1:].T
    greatest = np.zeros(model.nv - 6)
    moving = np.ones(model.nv - 6, dtype=bool)
    index = body.torso
    while index > 1:
        moving[[joint - 1 for joint in range(model.njnt) if model.jnt_bodyid[joint] == index]] = False
        index = int(model.body_parentid[index])
    data.qpos[:] = body.nominal
    for _ in range(REACHES):
        data.qpos[7:][moving] = random.uniform(lower, upper)[moving]
        mujoco.mj_forward(model, data)
        greatest = np.maximum(greatest, np.abs(data.qfrc_bias[6:]))
    return np.where(moving, greatest, 0.0)
