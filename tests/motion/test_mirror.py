from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment, get_embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import trace_bodies
from athena_wbc.motion.features import foot_contacts
from athena_wbc.motion.mirror import find_symmetry, mirror_clip, mirrored_name, swap_sides
from tests.motion.samples import random_clip, standing
from tests.toy_robot import write_toy

G1 = get_embodiment("g1")

LIMB = """
      <body name="{side}_thigh" pos="0.02 {y} -0.1" quat="{hip_quat}">
        <inertial pos="0 0 -0.1" mass="2" diaginertia="0.02 0.02 0.01"/>
        <joint name="{side}_hip_roll" axis="{roll}" pos="0 0 0.01" range="-2 2"/>
        <body name="{side}_shank" pos="0.03 {y2} -0.2">
          <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
          <joint name="{side}_hip_yaw" axis="{yaw}" range="-2 2"/>
          <body name="{side}_foot" pos="0 0 -0.3">
            <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
            <joint name="{side}_knee" axis="{pitch}" range="-2 2"/>
            <geom type="sphere" size="0.03"/>
          </body>
        </body>
      </body>"""
LEFT = {"side": "left", "y": 0.1, "y2": 0.01, "hip_quat": "0.96 0.28 0 0", "roll": "1 0 0", "yaw": "0 0 1"}
RIGHT = {"side": "right", "y": -0.1, "y2": -0.01, "hip_quat": "0.96 -0.28 0 0", "roll": "-1 0 0", "yaw": "0 0 -1"}
ROBOT = """
name: mirror
model: toy.xml
anchor: base
key_bodies: [base, chest, left_foot, right_foot]
feet: [left_foot, right_foot]
end_effectors: [left_foot, right_foot]
root_height: 0.6
actuators:
  - joints: [".*"]
    stiffness: 40
    damping: 2
    effort_limit: 80
    velocity_limit: 20
"""


def symmetric_robot(folder: Path, left: dict | None = None, right: dict | None = None) -> Embodiment:
    """Two legs whose roll and yaw axes point opposite ways, and a waist with one joint of each kind."""
    legs = LIMB.format(**(LEFT | {"pitch": "0 1 0"} | (left or {})))
    legs += LIMB.format(**(RIGHT | {"pitch": "0 1 0"} | (right or {})))
    model = f"""
<mujoco model="toy">
  <compiler angle="radian" autolimits="true"/>
  <worldbody>
    <body name="base" pos="0 0 1">
      <inertial pos="0 0 0" mass="5" diaginertia="0.1 0.2 0.15"/>
      <freejoint/>
      <body name="waist" pos="0 0 0.1">
        <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
        <joint name="waist_yaw" axis="0 0 1" range="-1 1"/>
        <body name="chest" pos="0 0 0.2">
          <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
          <joint name="waist_pitch" axis="0 1 0" range="-1 1"/>
        </body>
      </body>{legs}
    </body>
  </worldbody>
</mujoco>"""
    return load_embodiment(write_toy(folder, ROBOT, model))


def bodies(clip: MotionClip, robot: Embodiment) -> np.ndarray:
    kinematics = Kinematics(robot, dtype=torch.float64)
    arrays = (torch.from_numpy(array.copy()) for array in (clip.root_pos, clip.root_quat, clip.joint_pos))
    return kinematics.forward(*arrays)[0].numpy()


def test_signs_follow_from_the_axes(tmp_path: Path) -> None:
    """Roll axes along x and -x are each other's mirrored axes (-M x = -x), so roll and yaw keep their sign here."""
    robot = symmetric_robot(tmp_path)
    symmetry = find_symmetry(robot)
    pairs = {
        name: (robot.joint_names[other], int(sign))
        for name, other, sign in zip(robot.joint_names, symmetry.joint, symmetry.sign, strict=True)
    }
    assert pairs["left_hip_roll"] == ("right_hip_roll", 1)
    assert pairs["right_hip_yaw"] == ("left_hip_yaw", 1)
    assert pairs["left_knee"] == ("right_knee", 1)
    assert pairs["waist_yaw"] == ("waist_yaw", -1)
    assert pairs["waist_pitch"] == ("waist_pitch", 1)
    g1 = find_symmetry(G1)
    assert g1.sign[G1.joint_names.index("left_hip_roll_joint")] == -1
    assert g1.sign[G1.joint_names.index("left_knee_joint")] == 1
    assert g1.deviation < 5e-5


def test_bodies_are_the_mirror_images(tmp_path: Path) -> None:
    robot = symmetric_robot(tmp_path)
    clip = random_clip(robot)
    image = bodies(mirror_clip(clip, robot), robot)[:, find_symmetry(robot).body]
    np.testing.assert_allclose(image, bodies(clip, robot) * (1.0, -1.0, 1.0), atol=1e-9)
    clip = random_clip(G1)
    image = bodies(mirror_clip(clip, G1), G1)[:, find_symmetry(G1).body]
    # The drawing of the G1 is rounded to a hundredth of a millimetre.
    np.testing.assert_allclose(image, bodies(clip, G1) * (1.0, -1.0, 1.0), atol=3e-5)


def test_twice_is_the_clip_itself() -> None:
    clip = random_clip(G1).replace(name="kick_left", text="Kicks left, turns clockwise.")
    once = mirror_clip(clip, G1)
    assert (once.name, once.text) == ("kick_right_mirrored", "Kicks right, turns counterclockwise.")
    assert once.label == clip.label
    assert once.history[-1] == "mirrored left to right (model symmetric to 0.01 mm)"
    twice = mirror_clip(once, G1)
    assert (twice.name, twice.text) == (clip.name, clip.text)
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_allclose(getattr(twice, key), getattr(clip, key), atol=1e-12)


def test_a_walk_in_the_mirror_steps_with_the_other_foot() -> None:
    """March: the left knee comes up in the first second, the right one in the second."""
    clip = standing(G1, frames=60)
    joint_pos = clip.joint_pos.copy()
    for side, start in (("left", 0), ("right", 30)):
        lift = np.sin(np.linspace(0.0, np.pi, 30)) ** 2
        joint_pos[start : start + 30, G1.joint_names.index(f"{side}_hip_pitch_joint")] -= 0.8 * lift
        joint_pos[start : start + 30, G1.joint_names.index(f"{side}_knee_joint")] += 1.2 * lift
    clip = clip.replace(joint_pos=joint_pos)
    image = mirror_clip(clip, G1)
    mine, its = (trace_bodies(G1, c.root_pos, c.root_quat, c.joint_pos, c.fps) for c in (clip, image))
    contacts, mirrored = foot_contacts(mine, np.zeros(60)), foot_contacts(its, np.zeros(60))
    assert not contacts[15, 0] and contacts[15, 1] and contacts[45, 0] and not contacts[45, 1]
    np.testing.assert_array_equal(mirrored, contacts[:, ::-1])


def test_joints_are_matched_by_name() -> None:
    clip = random_clip(G1)
    turned = clip.replace(joint_pos=clip.joint_pos[:, ::-1], joint_names=clip.joint_names[::-1])
    np.testing.assert_array_equal(mirror_clip(turned, G1).joint_pos, mirror_clip(clip, G1).joint_pos)


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ({"y": -0.13}, "joint 'left_hip_roll' lies 30.0 mm from the mirror image of 'right_hip_roll'"),
        ({"pitch": "0 0.8 0.6"}, "joint 'left_knee' turns about an axis 36.9 deg from the mirror image of that of"),
        ({"side": "other"}, "joint 'left_hip_roll' has no counterpart on the other side"),
    ],
)
def test_a_robot_that_is_not_symmetric(right: dict, message: str, tmp_path: Path) -> None:
    if "side" in right:
        model = symmetric_robot(tmp_path).model_path
        model.write_text(model.read_text().replace("right_hip_roll", "other_hip_roll"))
        robot = load_embodiment(tmp_path)
    else:
        robot = symmetric_robot(tmp_path, right=right)
    with pytest.raises(AthenaError) as caught:
        mirror_clip(random_clip(robot), robot)
    assert message in str(caught.value)
    assert str(caught.value).endswith("motions cannot be mirrored, leave --mirror out")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left hook, then turns right", "Right hook, then turns left"),
        ("KICK_RIGHT", "KICK_LEFT"),
        ("turnLeft", "turnRight"),
        ("LeftUpLeg", "RightUpLeg"),
        ("counterclockwise", "clockwise"),
        ("upright, bright, leftovers", "upright, bright, leftovers"),
        ("", ""),
    ],
)
def test_sides_in_texts(text: str, expected: str) -> None:
    assert swap_sides(text) == expected


def test_names_of_mirrored_clips() -> None:
    assert mirrored_name("walk") == "walk_mirrored"
    assert mirrored_name("walk_mirrored") == "walk"
    assert mirrored_name("kick_left") == "kick_right_mirrored"
