from __future__ import annotations

import dataclasses

import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import ReadOptions
from athena_wbc.motion.formats.layouts import G1, G1_23, H1, LAYOUTS, T1, TIENKUNG, named_columns, unnamed_columns


def test_the_orders_of_known_robots(g1: Embodiment) -> None:
    assert G1.joints == g1.joint_names
    assert G1_23.joints == tuple(name for name in g1.joint_names if "wrist" not in name)
    assert [len(layout.joints) for layout in LAYOUTS] == [29, 23, 19, 23, 20]
    assert H1.joints[4:6] == ("left_ankle_joint", "right_hip_yaw_joint")
    assert (H1.joints[10], H1.joints[11], H1.joints[18]) == (
        "torso_joint",
        "left_shoulder_pitch_joint",
        "right_elbow_joint",
    )
    assert (T1.joints[0], T1.joints[2], T1.joints[10], T1.joints[22]) == (
        "AAHead_yaw",
        "Left_Shoulder_Pitch",
        "Waist",
        "Right_Ankle_Roll",
    )
    assert (TIENKUNG.joints[0], TIENKUNG.joints[3], TIENKUNG.joints[19]) == (
        "hip_roll_l_joint",
        "knee_pitch_l_joint",
        "elbow_pitch_r_joint",
    )


def options(g1: Embodiment, **changes) -> ReadOptions:
    """How to read for the G1, or for a robot with other joint names."""
    names = changes.pop("joint_names", g1.joint_names)
    return ReadOptions(dataclasses.replace(g1, joint_names=names), **changes)


def test_as_many_joints_as_the_robot_but_of_others(g1: Embodiment) -> None:
    """23 joints are the G1's or the T1's: for another robot with 23, only the user knows."""
    other = tuple(f"joint_{i}" for i in range(23))
    with pytest.raises(AthenaError, match=r"x: dof: has 23 .* without wrists .* or Booster T1 .*--joint-order mjcf"):
        unnamed_columns("x", "dof", 23, options(g1, joint_names=other))
    columns = unnamed_columns("x", "dof", 23, options(g1, joint_names=other, joint_order="mjcf"))
    assert columns["joints"].values == (other,)
    eleven = tuple(f"joint_{i}" for i in range(11))
    assert unnamed_columns("x", "dof", 11, options(g1, joint_names=eleven))["joints"].values == (eleven,)


def test_a_robot_with_the_joints_of_a_known_one(g1: Embodiment) -> None:
    columns = unnamed_columns("x", "dof", 23, options(g1, joint_names=T1.joints))
    assert columns["joints"].values == (T1.joints,)
    assert "Booster T1" in columns["joints"].origin


def test_names_of_another_robot(g1: Embodiment) -> None:
    with pytest.raises(
        AthenaError, match=r"x: names: are of another robot .* lacks 19 of the 19 joints \(Unitree H1: left"
    ):
        named_columns("x", "names", H1.joints, options(g1, joint_names=T1.joints))
    assert "fill_missing" not in named_columns("x", "names", G1.joints[:20], options(g1))
    assert named_columns("x", "names", G1_23.joints, options(g1))["fill_missing"]
