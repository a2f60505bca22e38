"""A robot's own motion seen as that of a person: the joints of a skeleton that its forward kinematics gives."""

from __future__ import annotations

import mujoco
import numpy as np

from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.human import HumanMotion
from athena_wbc.motion.retarget.build import POINTS, Build

NAMES = (*POINTS[2:], "left_toe", "right_toe", "root", "spine", "chest", "neck")
PARENTS = {"spine": "root", "chest": "spine", "neck": "chest"}


def person_of(build: Build, clip: MotionClip) -> HumanMotion:
    """The clip as a skeleton of 18 joints; spine is fixed to the pelvis, chest and neck to the torso."""
    model, data = build.model, mujoco.MjData(build.model)
    extra = {
        "spine": ("pelvis", (0.0, 0.0, 0.1)),
        "chest": ("torso", (0.0, 0.0, 0.1)),
        "neck": ("torso", (0.0, 0.0, 0.4)),
    }
    frames = []
    for pos, quat, joints in zip(clip.root_pos, clip.root_quat, clip.joint_pos, strict=True):
        data.qpos[:3], data.qpos[3:7], data.qpos[7:] = pos, quat[[3, 0, 1, 2]], joints
        mujoco.mj_kinematics(model, data)
        turn = data.xmat[build.point_body].reshape(-1, 3, 3)
        at = data.xpos[build.point_body] + np.einsum("nij,nj->ni", turn, build.point_offset)
        points = dict(zip(POINTS, at, strict=True))
        for side, sole in zip(("left", "right"), build.soles, strict=True):
            body = model.body(build.roles[f"{side}_foot"].body).id
            axes = data.xmat[body].reshape(3, 3) @ build.alignment[f"{side}_foot"].T
            toe = np.array((sole[:, 0].max(), 0.0, sole[:, 2].min() + 0.02))
            points[f"{side}_toe"] = points[f"{side}_ankle"] + axes @ toe
        points["root"] = 0.5 * (points["left_hip"] + points["right_hip"])
        for name, (body_name, offset) in extra.items():
            body = model.body(build.roles[body_name].body).id
            axes = data.xmat[body].reshape(3, 3) @ build.alignment[body_name].T
            points[name] = points["root" if body_name == "pelvis" else "torso"] + axes @ np.array(offset)
        frames.append([points[name] for name in NAMES])
    landmarks = {name: name for name in NAMES if name not in ("root", "spine")} | {"pelvis": "root"}
    return HumanMotion(
        name=clip.name,
        fps=clip.fps,
        positions=np.array(frames),
        joint_names=NAMES,
        parents=tuple(NAMES.index(PARENTS[name]) if name in PARENTS else -1 for name in NAMES),
        landmarks=landmarks,
        source="a robot",
        licence="CC0",
        label="balance",
        text="a robot moves",
        history=("made for a test",),
    )


def mirrored(motion: HumanMotion) -> HumanMotion:
    """Left and right exchanged about the plane y = 0."""
    order = [motion.joint_names.index(_other(name)) for name in motion.joint_names]
    return motion.replace(positions=motion.positions[:, order] * (1.0, -1.0, 1.0))


def mirrored_joints(names: tuple[str, ...], joints: np.ndarray) -> np.ndarray:
    """Joint angles (T, J) of a robot whose joints turn about x, y or z as their names say, exchanged as well."""
    order = [names.index(_other(name)) for name in names]
    sign = np.array([-1.0 if "roll" in name or "yaw" in name else 1.0 for name in names])
    return joints[:, order] * sign


def _other(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    return name.replace("right_", "left_", 1) if name.startswith("right_") else name
