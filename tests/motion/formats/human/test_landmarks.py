from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.landmarks import find_by_names, find_by_structure, find_landmarks, normalise
from athena_wbc.motion.human import LANDMARKS, REQUIRED
from tests.motion.formats.human import people

SIDED = {
    "mixamo": ("mixamorig:{S}UpLeg", "mixamorig:{S}Leg", "mixamorig:{S}Foot", "mixamorig:{S}ToeBase",
               "mixamorig:{S}Arm", "mixamorig:{S}ForeArm", "mixamorig:{S}Hand"),
    "rokoko": ("{S}Thigh", "{S}Shin", "{S}Foot", "{S}Toe", "{S}Arm", "{S}ForeArm", "{S}Hand"),
    "poser": ("{S}Hip", "{S}Knee", "{S}Ankle", "{S}Toe", "{S}Shoulder", "{S}Elbow", "{S}Wrist"),
    "xsens": ("{S}UpperLeg", "{S}LowerLeg", "{S}Foot", "{S}Toe", "{S}UpperArm", "{S}ForeArm", "{S}Hand"),
    "biped": ("Bip01 {s} Thigh", "Bip01 {s} Calf", "Bip01 {s} Foot", "Bip01 {s} Toe0", "Bip01 {s} UpperArm",
              "Bip01 {s} Forearm", "Bip01 {s} Hand"),
    "unreal": ("thigh_{s}", "calf_{s}", "foot_{s}", "ball_{s}", "upperarm_{s}", "lowerarm_{s}", "hand_{s}"),
    "vrm": ("{S}UpperLeg", "{S}LowerLeg", "{S}Foot", "{S}Toes", "{S}UpperArm", "{S}LowerArm", "{S}Hand"),
    "neuron": ("Robot_{S}UpLeg", "Robot_{S}Leg", "Robot_{S}Foot", "Robot_{S}ToeBase", "Robot_{S}Arm",
               "Robot_{S}ForeArm", "Robot_{S}Hand"),
    "blender": ("thigh.{S}", "shin.{S}", "foot.{S}", "toe.{S}", "upper_arm.{S}", "forearm.{S}", "hand.{S}"),
}  # fmt: skip
MIDDLE = {
    "mixamo": ("mixamorig:Hips", "mixamorig:Spine2", "mixamorig:Neck", "mixamorig:Head"),
    "xsens": ("Pelvis", "T8", "Neck", "Head"),
    "biped": ("Bip01 Pelvis", "Bip01 Spine2", "Bip01 Neck", "Bip01 Head"),
    "unreal": ("pelvis", "spine_03", "neck_01", "head"),
    "neuron": ("Robot_Hips", "Robot_Spine3", "Robot_Neck", "Robot_Head"),
}


PLAIN = ("Hips", "Chest", "Neck", "Head")


@pytest.mark.parametrize("family", SIDED)
def test_naming_families(family: str) -> None:
    parts = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
    expected = dict(zip(("pelvis", "chest", "neck", "head"), MIDDLE.get(family, PLAIN), strict=True))
    for side in ("left", "right"):
        names = [name.format(S=side.capitalize(), s=side[0].upper()) for name in SIDED[family]]
        expected |= {f"{side}_{part}": name for part, name in zip(parts, names, strict=True)}
    extra = [f"{prefix}{finger}" for prefix in ("LeftHand", "RightHand") for finger in ("Index1", "Thumb1")]
    found, _ = find_by_names([*expected.values(), *extra])
    assert found == {landmark: expected[landmark] for landmark in LANDMARKS}


def test_collars_are_no_shoulders() -> None:
    """`LeftShoulder` is the collar beside `LeftArm`, and the shoulder beside `LeftElbow`."""
    assert find_by_names(people.BVH_JOINTS)[0]["left_shoulder"] == "LeftArm"
    classic = [name.format(S=side) for name in SIDED["poser"] for side in ("Left", "Right")]
    assert find_by_names(["Hips", "Chest", "Neck", "Head", *classic])[0]["left_shoulder"] == "LeftShoulder"


def test_normalise() -> None:
    names = ("mixamorig:LeftUpLeg", "Bip01 L Thigh", "Character1_Hips", "upper_arm.L", "Hips", "Robot_LeftArm")
    assert [normalise(name) for name in names] == ["leftupleg", "lthigh", "hips", "upperarml", "hips", "leftarm"]


@pytest.mark.parametrize("turn", [np.eye(3), np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 1.0, 0]])])
def test_structure_of_an_unnamed_body(turn: np.ndarray) -> None:
    names = [f"bone{i}" for i in range(22)]
    found = find_by_structure(names, body.PARENTS[:22], people.joints() @ turn.T * 37.0)
    assert {landmark: body.JOINT_NAMES[int(name[4:])] for landmark, name in found.items()} == body.LANDMARKS


def test_structure_finds_the_same_as_names() -> None:
    from athena_wbc.motion.formats.human.bvh import _rest_pose

    tree = people._BVH_TREE
    parents = tuple(-1 if parent is None else people.BVH_JOINTS.index(parent) for parent, _ in tree.values())
    rest = _rest_pose(parents, np.array([offset for _, offset in tree.values()]))
    by_names, _ = find_by_names(people.BVH_JOINTS)
    by_structure = find_by_structure(people.BVH_JOINTS, parents, np.stack((rest, rest)))
    assert {key: by_structure[key] for key in REQUIRED} == {key: by_names[key] for key in REQUIRED}


def test_the_end_of_a_foot_stands_for_missing_toes() -> None:
    names = [name.replace("ToeBase", "Foot_end") for name in people.BVH_JOINTS]
    parents = tuple(
        -1 if parent is None else people.BVH_JOINTS.index(parent) for parent, _ in people._BVH_TREE.values()
    )
    rest = np.zeros((2, len(names), 3))
    for joint, (_, offset) in enumerate(people._BVH_TREE.values()):
        rest[:, joint] = (rest[:, parents[joint]] if joint else 0.0) + np.array(offset)
    found, reason = find_landmarks("x.bvh", names, parents, rest)
    assert (found["left_toe"], found["right_toe"]) == ("LeftFoot_end", "RightFoot_end")
    assert "toes: the ends of the feet" in reason
    below = rest.copy()
    for side in ("Left", "Right"):
        below[:, names.index(f"{side}Foot_end")] = below[:, names.index(f"{side}Foot")] + (0.0, -13.0, 0.0)
    assert "left_toe" not in find_landmarks("x.bvh", names, parents, below)[0]


def test_what_is_no_body() -> None:
    names = ["a", "b", "c"]
    assert find_by_structure(names, (-1, 0, 1), np.zeros((2, 3, 3))) is None
    with pytest.raises(AthenaError, match=r"x\.bvh: the joints a, b, c show no whole body .* --landmarks"):
        find_landmarks("x.bvh", names, (-1, 0, 1), np.zeros((2, 3, 3)))
