"""Robots: reading, the registry, refusals, the hash."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml

from athena_wbc import embodiment as registry
from athena_wbc.embodiment import embodiment_names, get_embodiment, load_embodiment, register_embodiment
from athena_wbc.errors import AthenaError
from tests.toy_robot import MODEL, ROBOT, write_toy


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers stays in the test."""
    monkeypatch.setattr(registry, "_registered", {})


def refusal(folder: Path, robot: str = ROBOT, model: str | None = MODEL) -> str:
    """The message with which these files are refused: a single line."""
    path = write_toy(folder, robot, model)
    with pytest.raises(AthenaError) as caught:
        load_embodiment(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder))
    return message.removeprefix(str(folder) + "/")


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# Reading


def test_tree_in_depth_first_order(tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    assert toy.body_names == (
        *("base", "plate", "head", "camera", "lamp"),
        *("left_thigh", "left_foot", "left_toe", "right_thigh", "right_foot"),
    )
    assert toy.body_parents == (-1, 0, 1, 2, 2, 0, 5, 6, 0, 8)
    assert toy.joint_names == ("neck", "left_hip", "left_knee", "right_hip", "right_knee")
    assert toy.joint_body.tolist() == [2, 5, 6, 8, 9]
    assert toy.root == "base"
    assert toy.num_joints == 5


def test_numbers_of_the_model(tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    assert toy.mass == pytest.approx(5 + 1 + 0.5 + 0.1 + 0.1 + 2 + 1 + 0.1 + 2 + 1)
    np.testing.assert_allclose(toy.body_com[0], [0.01, 0.02, 0.03])
    np.testing.assert_array_equal(toy.body_offset_pos[0], np.zeros(3))
    np.testing.assert_array_equal(toy.body_offset_quat[0], [0, 0, 0, 1])
    np.testing.assert_allclose(toy.body_offset_quat[6], [0.28, 0, 0, 0.96])
    np.testing.assert_allclose(toy.joint_axis[1], np.array([1, 2, 2]) / 3)
    np.testing.assert_allclose(toy.joint_anchor[2], [0, 0, 0.04])
    np.testing.assert_allclose(toy.joint_lower, [-1, -2, 0.1, -1.5, 0.1])
    np.testing.assert_allclose(toy.joint_upper, [1, 1.5, 2, 2, 2])


def test_gains_by_pattern_and_the_action_scale(tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    np.testing.assert_array_equal(toy.stiffness, [10, 40, 40, 40, 40])
    np.testing.assert_array_equal(toy.damping, [0.5, 2, 2, 2, 2])
    np.testing.assert_array_equal(toy.effort_limit, [5, 80, 80, 80, 80])
    np.testing.assert_array_equal(toy.velocity_limit, [30, 20, 20, 20, 20])
    np.testing.assert_array_equal(toy.armature, [0, 0.01, 0.01, 0.01, 0.01])
    np.testing.assert_allclose(toy.action_scale, [0.125, 0.5, 0.5, 0.5, 0.5])


def test_default_pose_is_zero_or_the_nearest_limit(tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    np.testing.assert_allclose(toy.default_joint_pos, [0, -0.25, 0.1, -0.25, 0.1])


def test_a_later_pattern_of_the_default_pose_wins(tmp_path: Path) -> None:
    robot = changed(ROBOT, '{".*_hip": -0.25}', '{".*_hip": -0.25, left_hip: 0.5}')
    toy = load_embodiment(write_toy(tmp_path, robot))
    np.testing.assert_allclose(toy.default_joint_pos, [0, 0.5, 0.1, -0.25, 0.1])


def test_path_lengths_of_key_bodies(tmp_path: Path) -> None:
    """base; base-plate-head; base-thigh-foot."""
    toy = load_embodiment(write_toy(tmp_path))
    thigh = np.sqrt(0.02)
    head = np.hypot(0.1, 0.05) + np.hypot(0.02, 0.3)
    np.testing.assert_allclose(toy.key_body_path_length, [0, head, thigh + 0.4, thigh + 0.4])
    assert toy.key_body_index.tolist() == [0, 2, 6, 9]


def test_indices_by_name(tmp_path: Path) -> None:
    toy = load_embodiment(write_toy(tmp_path))
    assert toy.joint_index(("right_knee", "neck")).tolist() == [4, 0]
    assert toy.body_index(()).tolist() == []
    with pytest.raises(AthenaError, match="robot 'toy': joint unknown 'right_kne'; did you mean 'right_knee'"):
        toy.joint_index(("right_kne",))


# The registry


def test_shipped_robots_are_known_by_their_own_name() -> None:
    assert "g1" in embodiment_names()
    for name in embodiment_names():
        assert get_embodiment(name).name == name


def test_a_name_is_read_once() -> None:
    assert get_embodiment("g1") is get_embodiment("g1")


def test_by_file_folder_and_itself(tmp_path: Path) -> None:
    path = write_toy(tmp_path)
    toy = get_embodiment(path)
    assert toy.name == get_embodiment(str(path)).name == get_embodiment(tmp_path).name == "toy"
    assert get_embodiment(toy) is toy


def test_register(tmp_path: Path) -> None:
    assert register_embodiment(write_toy(tmp_path)) == "toy"
    assert "toy" in embodiment_names()
    assert get_embodiment("toy").model_path == tmp_path / "toy.xml"
    other = load_embodiment(write_toy(tmp_path / "other"))
    assert register_embodiment(other) == "toy"
    assert get_embodiment("toy") is other


def test_a_registered_robot_replaces_a_shipped_one(tmp_path: Path) -> None:
    register_embodiment(write_toy(tmp_path, changed(ROBOT, "name: toy", "name: g1")))
    assert get_embodiment("g1").num_joints == 5


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(AthenaError, match=r"robot: unknown 'g11'; did you mean 'g1'\?.*robot\.yaml"):
        get_embodiment("g11")


def plug_in(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Pretend that an installed package brings the robot 'plugged'."""
    point = metadata.EntryPoint(name="plugged", value=value, group=registry.ENTRY_POINT_GROUP)
    installed = metadata.EntryPoints([point])
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: installed.select(group=group))


def test_robots_of_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path / "files")
    (tmp_path / "robot_plugin.py").write_text(f"ROBOT = {str(tmp_path / 'files' / 'robot.yaml')!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    plug_in(monkeypatch, "robot_plugin:ROBOT")
    assert "plugged" in embodiment_names()
    assert get_embodiment("plugged").num_joints == 5


def test_a_broken_package_hurts_only_its_own_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, "no_such_module_anywhere:ROBOT")
    assert "plugged" in embodiment_names()
    assert get_embodiment("g1").name == "g1"
    with pytest.raises(AthenaError, match=r"robot 'plugged': its package cannot give the file .*no_such_module"):
        get_embodiment("plugged")


# Refusals: robot.yaml


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(AthenaError, match=rf"{re.escape(str(tmp_path))}/robot.yaml: no such robot file"):
        load_embodiment(tmp_path)
    with pytest.raises(AthenaError, match=r"none\.yaml: no such robot file; give a robot.yaml or a folder"):
        get_embodiment("none.yaml")
    assert refusal(tmp_path, model=None).startswith("robot.yaml: model: 'toy.xml' is not beside it")


@pytest.mark.parametrize("content", ["name: [toy", "a: b: c", "name: \x00"])
def test_not_yaml(tmp_path: Path, content: str) -> None:
    assert refusal(tmp_path, content).startswith("robot.yaml: not readable as YAML")


def test_not_yaml_names_the_line(tmp_path: Path) -> None:
    assert "(line 3: mapping values are not allowed here)" in refusal(tmp_path, "name: toy\n\na: b: c")


def test_not_text(tmp_path: Path) -> None:
    write_toy(tmp_path)
    (tmp_path / "robot.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(AthenaError, match=r"robot\.yaml: not readable as YAML"):
        load_embodiment(tmp_path)


def test_no_mapping(tmp_path: Path) -> None:
    assert refusal(tmp_path, "- toy\n").startswith("robot.yaml: holds no mapping")
    assert refusal(tmp_path, "").startswith("robot.yaml: holds no mapping")


@pytest.mark.parametrize(
    "key", ["name", "model", "anchor", "key_bodies", "feet", "end_effectors", "root_height", "actuators"]
)
def test_missing_key(tmp_path: Path, key: str) -> None:
    content = yaml.safe_load(ROBOT)
    del content[key]
    assert refusal(tmp_path, yaml.safe_dump(content)).startswith(f"robot.yaml: key '{key}' is missing")


def test_unknown_key_with_the_nearest(tmp_path: Path) -> None:
    message = refusal(tmp_path, ROBOT + "contact_alowed: [head]\n")
    assert message.startswith("robot.yaml: key unknown 'contact_alowed'; did you mean 'contact_allowed'?")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: toy", "name: 7", "robot.yaml: name: must be a text, is 7"),
        ("model: toy.xml", "model:", "robot.yaml: model: must be a text, is None"),
        ("anchor: base", "anchor: [base]", "robot.yaml: anchor: must be a text"),
        ("root_height: 0.6", "root_height: tall", "robot.yaml: root_height: must be a number, is 'tall'"),
        ("root_height: 0.6", "root_height: -1", "robot.yaml: root_height: must be positive"),
        ("root_height: 0.6", "root_height: .nan", "robot.yaml: root_height: must be a number"),
        ("feet: [left_foot, right_foot]", "feet: left_foot", "robot.yaml: feet: must be a list of names"),
        ("feet: [left_foot, right_foot]", "feet: []", "robot.yaml: feet: is empty"),
        ("feet: [left_foot, right_foot]", "feet: [3]", "robot.yaml: feet: must be a list of names"),
        ("feet: [left_foot, right_foot]", "feet: [left_foot, left_foot]", "robot.yaml: feet: 'left_foot' stands twice"),
        ('{".*_hip": -0.25}', "[1]", "robot.yaml: default_joint_pos: must map joint names"),
        ('{".*_hip": -0.25}', '{".*_hip": bent}', "robot.yaml: default_joint_pos..*_hip: must be a number"),
        ("stiffness: 10", "stiffness: 0", "robot.yaml: actuators[1].stiffness: must be positive, is 0"),
        ("stiffness: 10", "stiffness: stiff", "robot.yaml: actuators[1].stiffness: must be a number, is 'stiff'"),
        ("armature: 0.01", "armature: -0.01", "robot.yaml: actuators[0].armature: must be zero or positive"),
        ("damping: 0.5", "dampng: 0.5", "robot.yaml: actuators[1]: 'damping' is missing"),
        ("armature: 0.01", "armatur: 0.01", "robot.yaml: actuators[0]: key unknown 'armatur'; did you mean 'armature'"),
        ("joints: [neck]", "joints: neck", "robot.yaml: actuators[1].joints: must be a list of names"),
        ("joints: [neck]", 'joints: ["*neck"]', "robot.yaml: actuators[1].joints: '*neck' is no valid pattern"),
        (
            "joints: [neck]",
            "joints: [nack]",
            "robot.yaml: actuators[1].joints: joint unknown 'nack'; did you mean 'neck'",
        ),
        (
            "joints: [neck]",
            'joints: [neck, ".*_knee"]',
            "robot.yaml: actuators[1].joints: 'left_knee' is in actuators[0]",
        ),
        (
            '[".*_hip", ".*_knee"]',
            '[".*_hip"]',
            "robot.yaml: actuators: no group matches the joints left_knee, right_knee",
        ),
    ],
)
def test_values_of_the_wrong_kind(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert refusal(tmp_path, changed(ROBOT, old, new)).startswith(message)


@pytest.mark.parametrize("actuators", ["7", "{joints: [neck]}", "[7]"])
def test_actuators_that_are_no_groups(tmp_path: Path, actuators: str) -> None:
    head = ROBOT[: ROBOT.index("actuators:")]
    assert refusal(tmp_path, f"{head}actuators: {actuators}\n").startswith("robot.yaml: actuators")


def test_a_default_pose_beyond_the_limits(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed(ROBOT, '{".*_hip": -0.25}', '{".*_knee": 45}'))
    assert message.startswith("robot.yaml: default_joint_pos: 45 is outside the range 0.1 to 2 of 'left_knee'")


@pytest.mark.parametrize("key", ["key_bodies", "feet", "end_effectors", "contact_allowed"])
def test_bodies_that_the_model_lacks(tmp_path: Path, key: str) -> None:
    robot = ROBOT + "contact_allowed: [head]\n"
    message = refusal(tmp_path, re.sub(rf"\n({key}: )\[(.*)\]", r"\n\1[\2, left_fot]", robot))
    assert message.startswith(f"robot.yaml: {key}: ")
    assert "unknown 'left_fot'; did you mean 'left_foot'?" in message


@pytest.mark.parametrize("key", ["feet", "end_effectors"])
def test_feet_and_end_effectors_are_key_bodies(tmp_path: Path, key: str) -> None:
    message = refusal(tmp_path, re.sub(rf"\n({key}: )\[(.*)\]", r"\n\1[\2, left_toe]", ROBOT))
    assert message.startswith(f"robot.yaml: {key}: key body unknown 'left_toe'; did you mean 'left_foot'?")


def test_the_anchor_is_a_key_body(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed(ROBOT, "anchor: base", "anchor: plate"))
    assert message.startswith("robot.yaml: anchor: key body unknown 'plate'")


def test_key_bodies_begin_with_the_root(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed(ROBOT, "[base, head,", "[head, base,"))
    assert message.startswith("robot.yaml: key_bodies: the first must be the root body 'base'")


# Refusals: the model


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</mujoco>", "", "toy.xml: MuJoCo cannot compile it"),
        ('mass="0.5"', 'weight="0.5"', "toy.xml: MuJoCo cannot compile it"),
        ("<freejoint/>", "", "toy.xml: the first body has no free joint; add <freejoint/>"),
        ("<worldbody>", '<worldbody><body name="box"/>', "toy.xml: the first body has no free joint"),
        ("</worldbody>", '<body name="box"/></worldbody>', "toy.xml: bodies box stand beside the robot"),
        ("</worldbody>", '<body name="b" pos="1 0 0"/></worldbody>', "toy.xml: bodies b stand beside the robot"),
        ('<joint name="neck"', '<joint name="neck" type="slide"', "toy.xml: joints neck are not hinges"),
        ('<joint name="neck"', '<joint name="neck" limited="false"', "toy.xml: joints neck have no range"),
        ('<joint name="neck"', "<joint", "toy.xml: the joint of body 'head' has no name"),
        ('<body name="camera"', "<body", "toy.xml: a body has no name"),
        (
            '<joint name="neck"',
            '<joint name="nod" range="0 1"/><joint name="neck"',
            "toy.xml: joint 'neck' shares its body with another; put a body between them",
        ),
    ],
)
def test_models_that_are_no_humanoid(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert refusal(tmp_path, model=changed(MODEL, old, new)).startswith(message)


def test_a_model_without_joints(tmp_path: Path) -> None:
    model = re.sub(r'<joint name="\w+"[^>]*/>', "", MODEL)
    assert refusal(tmp_path, model=model).startswith("toy.xml: the robot has no joints")


# The hash


def hash_of(folder: Path, robot: str = ROBOT, model: str = MODEL) -> str:
    return load_embodiment(write_toy(folder, robot, model)).hash


def test_the_hash_does_not_depend_on_place_text_or_colliders(tmp_path: Path) -> None:
    expected = hash_of(tmp_path)
    assert hash_of(tmp_path / "elsewhere") == expected
    assert hash_of(tmp_path, "# a comment\n" + ROBOT + "description: other words\n") == expected
    assert (
        hash_of(tmp_path, model=changed(MODEL, 'type="sphere" size="0.1"', 'type="box" size="0.2 0.1 0.1"')) == expected
    )
    assert hash_of(tmp_path, model=changed(MODEL, "<worldbody>", "<!-- a comment --><worldbody>")) == expected
    assert hash_of(tmp_path, model=changed(MODEL, 'pos="0 0 1"', 'pos="0 0 2"')) == expected
    assert hash_of(tmp_path, model=changed(MODEL, 'pos="0.1 0 0.05"', 'pos="0.1 -0.0 0.05"')) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: toy", "name: tow"),
        ("stiffness: 10", "stiffness: 10.001"),
        ("damping: 0.5", "damping: 0.6"),
        ("armature: 0.01", "armature: 0.011"),
        ("effort_limit: 5", "effort_limit: 6"),
        ("velocity_limit: 30", "velocity_limit: 31"),
        ("root_height: 0.6", "root_height: 0.61"),
        ('".*_hip": -0.25', '".*_hip": -0.26'),
        ("end_effectors: [left_foot, head]", "end_effectors: [head, left_foot]"),
        ("key_bodies: [base, head,", "key_bodies: [base, head, plate,"),
        ("anchor: base", "anchor: head"),
    ],
)
def test_the_hash_depends_on_robot_yaml(tmp_path: Path, old: str, new: str) -> None:
    assert hash_of(tmp_path, changed(ROBOT, old, new)) != hash_of(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('range="-1 1"', 'range="-1 1.1"'),
        ('mass="0.5"', 'mass="0.51"'),
        ('pos="0.01 0.02 0.03"', 'pos="0.01 0.02 0.04"'),
        ('pos="0 0.02 0.3"', 'pos="0 0.02 0.31"'),
        ('axis="0.6 0 0.8"', 'axis="0.8 0 0.6"'),
        ('pos="0.02 0.01 0.03"', 'pos="0.02 0.01 0.04"'),
        ('name="camera"', 'name="lens"'),
    ],
)
def test_the_hash_depends_on_the_tree(tmp_path: Path, old: str, new: str) -> None:
    assert hash_of(tmp_path, model=changed(MODEL, old, new)) != hash_of(tmp_path)
