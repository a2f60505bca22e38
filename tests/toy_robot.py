"""A small robot with every awkward feature that a model may have, for tests."""

from __future__ import annotations

from pathlib import Path

MODEL = """
<mujoco model="toy">
  <compiler angle="radian" autolimits="true"/>
  <worldbody>
    <body name="base" pos="0 0 1">
      <inertial pos="0.01 0.02 0.03" mass="5" diaginertia="0.1 0.2 0.15"/>
      <freejoint/>
      <geom type="sphere" size="0.1"/>
      <body name="plate" pos="0.1 0 0.05" quat="0.9238795325112867 0 0.3826834323650898 0">
        <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
        <body name="head" pos="0 0.02 0.3" quat="0.8 0.2 -0.4 0.4">
          <inertial pos="0 0 0" mass="0.5" diaginertia="0.01 0.01 0.01"/>
          <joint name="neck" axis="0.6 0 0.8" pos="0.01 -0.02 -0.05" range="-1 1"/>
          <body name="camera" pos="0.05 0 0.02" quat="0.7071067811865476 0 0 0.7071067811865476">
            <inertial pos="0 0 0" mass="0.1" diaginertia="0.001 0.001 0.001"/>
          </body>
          <body name="lamp" pos="-0.05 0 0.02">
            <inertial pos="0 0 0" mass="0.1" diaginertia="0.001 0.001 0.001"/>
          </body>
        </body>
      </body>
      <body name="left_thigh" pos="0 0.1 -0.1">
        <inertial pos="0 0 -0.1" mass="2" diaginertia="0.02 0.02 0.01"/>
        <joint name="left_hip" axis="1 2 2" pos="0.02 0.01 0.03" range="-2 1.5"/>
        <body name="left_foot" pos="0 0 -0.4" quat="0.96 0.28 0 0">
          <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
          <joint name="left_knee" axis="0 1 0" pos="0 0 0.04" range="0.1 2"/>
          <geom name="left_sole" type="sphere" size="0.03"/>
          <body name="left_toe" pos="0.1 0 0">
            <inertial pos="0 0 0" mass="0.1" diaginertia="0.001 0.001 0.001"/>
          </body>
        </body>
      </body>
      <body name="right_thigh" pos="0 -0.1 -0.1">
        <inertial pos="0 0 -0.1" mass="2" diaginertia="0.02 0.02 0.01"/>
        <joint name="right_hip" axis="1 0 0" range="-1.5 2"/>
        <body name="right_foot" pos="0 0 -0.4">
          <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
          <joint name="right_knee" axis="0 1 0" range="0.1 2"/>
          <geom name="right_sole" type="sphere" size="0.03"/>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
"""Anchors off the origin, tilted axes and offsets; bodies without a joint beside moving ones and above them; levels of
the tree with as many bodies as the level above but other parents."""

ROBOT = """
name: toy
model: toy.xml
anchor: base
key_bodies: [base, head, left_foot, right_foot]
feet: [left_foot, right_foot]
end_effectors: [left_foot, head]
root_height: 0.6
default_joint_pos: {".*_hip": -0.25}
actuators:
  - joints: [".*_hip", ".*_knee"]
    stiffness: 40
    damping: 2
    armature: 0.01
    effort_limit: 80
    velocity_limit: 20
  - joints: [neck]
    stiffness: 10
    damping: 0.5
    effort_limit: 5
    velocity_limit: 30
"""


def write_toy(folder: Path, robot: str = ROBOT, model: str | None = MODEL) -> Path:
    """Write the robot's files into a folder; returns the robot.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    if model is not None:
        (folder / "toy.xml").write_text(model)
    path = folder / "robot.yaml"
    path.write_text(robot)
    return path
