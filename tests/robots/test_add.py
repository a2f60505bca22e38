"""A robot file from a model alone, found by name afterwards; and every refusal in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml

from athena_tasks import find_task
from athena_wbc import cli
from athena_wbc.embodiment import embodiment_names, get_embodiment, robot_origin
from athena_wbc.errors import AthenaError
from athena_wbc.resources import user_robots_folder
from athena_wbc.robots.add import add
from athena_wbc.robots.build import MOST_CONTACTS, SPHERE, build_robot
from athena_wbc.robots.source import ActuatorFigures, read_source
from athena_wbc.robots.write import robot_yaml

SCOUT = Path(__file__).parent / "third_party_package" / "acme_robots" / "scout" / "scout.xml"
"""Sixteen joints; names that say left and right in another way."""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    """The scout's model with texts replaced."""
    text = SCOUT.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "model.xml"
    path.write_text(text)
    return path


def test_the_g1_from_its_model_alone_is_the_g1() -> None:
    g1 = get_embodiment("g1")
    built = build_robot(read_source(g1.model_path), "copy")
    assert built.key_bodies == g1.key_bodies
    assert built.anchor == g1.anchor
    assert built.feet == g1.feet
    assert built.end_effectors == g1.end_effectors
    assert set(g1.contact_allowed) <= set(built.contact_allowed)
    assert built.root_height == pytest.approx(g1.default_root_height, abs=0.01)
    legs = [g1.joint_names.index(f"left_{joint}_joint") for joint in ("hip_pitch", "knee", "ankle_pitch")]
    np.testing.assert_allclose(built.stance.qpos[7:][legs], g1.default_joint_pos[legs], atol=0.1)
    # By rule, from nothing but mass and leg length: within a factor of two of the real motors. (The G1's wrists are
    # rolled by the elbow's motor.)
    for joint, limit in zip(g1.joint_names, g1.effort_limit, strict=True):
        if "wrist_roll" not in joint:
            assert 0.5 < built.joints[joint].effort_limit / limit < 2.0, joint
    assert built.notes == ()


def test_the_file_written_is_the_one_that_the_third_party_ships() -> None:
    ours = yaml.safe_load(robot_yaml(build_robot(read_source(SCOUT), "scout")))
    theirs = yaml.safe_load((SCOUT.parent / "robot.yaml").read_text())
    assert ours.pop("description") == "from scout.xml, 16 joints, 20 kg"
    theirs.pop("description")
    assert ours.keys() == theirs.keys()
    assert {key: ours[key] for key in ("anchor", "key_bodies", "feet", "end_effectors", "contact_allowed")} == {
        key: theirs[key] for key in ("anchor", "key_bodies", "feet", "end_effectors", "contact_allowed")
    }
    assert ours["root_height"] == pytest.approx(theirs["root_height"], abs=1e-3)


def test_soles_flat_and_the_mass_above_them() -> None:
    built = build_robot(read_source(SCOUT), "scout")
    data = mujoco.MjData(built.model)
    data.qpos[:] = built.stance.qpos
    mujoco.mj_forward(built.model, data)
    for foot in built.feet:
        np.testing.assert_allclose(data.body(foot).xmat.reshape(3, 3), np.eye(3), atol=0.02)
        # The box's underside: 0.038 m below the ankle's axis, 0.012 m thick to either side.
        assert data.body(foot).xpos[2] - 0.05 == pytest.approx(0.0, abs=1e-3)
    assert data.subtree_com[1, 0] == pytest.approx(data.body("l_foot").xpos[0] + 0.03, abs=0.005)
    assert data.subtree_com[1, 1] == pytest.approx(0.0, abs=1e-3)
    assert data.joint("l_knee").qpos[0] == pytest.approx(0.65, abs=1e-6)


def test_a_robot_that_was_added_is_known_to_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    built, path = add(SCOUT, "scout")
    assert path == user_robots_folder() / "scout" / "robot.yaml"
    assert "scout" in embodiment_names()
    assert get_embodiment("scout").num_joints == 16
    assert find_task("Athena-Tracking-Scout-v0").robot == "scout"
    assert robot_origin("scout") == f"added, {path.parent}"
    assert cli.main(["robots", "show", "scout"]) == 0
    assert f"added, {path.parent}" in capsys.readouterr().out
    assert built.mass == pytest.approx(get_embodiment("scout").mass)


def test_a_folder_of_ones_own_is_found_by_name_too(tmp_path: Path) -> None:
    _, path = add(SCOUT, "scout", out=tmp_path / "mine")
    assert path == tmp_path / "mine" / "robot.yaml"
    assert get_embodiment("scout").model_path == tmp_path / "mine" / "scout.xml"
    shutil.rmtree(tmp_path / "mine")
    with pytest.raises(AthenaError, match=r"mine/robot\.yaml: no such robot file"):
        get_embodiment("scout")


def test_a_robot_that_is_gone_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(SCOUT, "scout", out=tmp_path / "mine")
    shutil.rmtree(tmp_path / "mine")
    assert cli.main(["robots", "list"]) == 0
    out = capsys.readouterr().out
    assert "unreadable" in out
    assert "Unitree G1" in out


def test_replace(tmp_path: Path) -> None:
    add(SCOUT, "scout")
    with pytest.raises(AthenaError, match=r"robot 'scout' is known already \(added, .*; give --replace"):
        add(SCOUT, "scout")
    assert get_embodiment("scout").mass == pytest.approx(19.6)
    add(changed(tmp_path, ('mass="8"', 'mass="9"')), "scout", replace=True)
    assert get_embodiment("scout").mass == pytest.approx(20.6)


def test_a_shipped_robot_is_not_replaced() -> None:
    with pytest.raises(AthenaError, match=r"robot 'g1' is known already \(shipped\); choose another name"):
        add(SCOUT, "g1", replace=True)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(AthenaError, match="mine: exists already; choose another folder"):
        add(SCOUT, "scout", out=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["", "Scout", "my robot", "../scout", "a-b", "7up", "scöut", "x" * 3 + "\n"])
def test_names_that_will_not_do(name: str) -> None:
    with pytest.raises(AthenaError, match=r"--name: .*must begin with a small letter"):
        add(SCOUT, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("<freejoint/>", "")], "root body 'hull' has no free joint; add <freejoint/> to it"),
        ([(' range="0 2.3"', "")], "joints l_knee, r_knee have no range; give every joint a range"),
        ([('<joint name="l_knee"', '<joint type="slide" name="l_knee"')], "joints l_knee are not hinges"),
        ([("</mujoco>", "")], "MuJoCo cannot compile it"),
        (
            [('<body name="hull" pos="0 0 0.55">', '<body name="hull" pos="0 0 0.55" euler="0 0 1.5708">')],
            "looks along",
        ),
        (
            [("<worldbody>", '<asset><mesh name="shell" file="shell.stl"/></asset><worldbody>')],
            "mesh 'shell.stl' is missing; put it there, or leave meshes out with --ignore-meshes",
        ),
    ],
)
def test_models_that_are_refused(tmp_path: Path, changes: list[tuple[str, str]], message: str) -> None:
    path = changed(tmp_path, *changes)
    with pytest.raises(AthenaError) as caught:
        add(path, "scout")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (user_robots_folder() / "scout").exists()


def test_no_model_and_no_robot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["robots", "add", str(tmp_path / "none.urdf"), "--name", "scout"]) == 2
    assert "none.urdf: no such model; give an MJCF (.xml) or a URDF (.urdf)" in capsys.readouterr().err
    assert cli.main(["robots", "check", "skout"]) == 2
    assert "robot: unknown 'skout'" in capsys.readouterr().err
    assert cli.main(["robots", "add", str(SCOUT), "--name", "scout", "--role", "left_knee"]) == 2
    assert "--role: 'left_knee' is not ROLE=BODY" in capsys.readouterr().err


def test_no_legs(tmp_path: Path) -> None:
    arm = '<mujoco><worldbody><body name="base"><freejoint/><geom size="0.1"/><body name="link" pos="0 0 0.2">'
    arm += '<geom size="0.1"/><joint name="swing" range="-1 1" axis="0 1 0"/></body></body></worldbody></mujoco>'
    (tmp_path / "arm.xml").write_text(arm)
    with pytest.raises(AthenaError, match="robot 'scout': legs were not found"):
        add(tmp_path / "arm.xml", "scout")


def test_what_actuators_say_and_a_scene_around_the_robot(tmp_path: Path) -> None:
    actuators = (
        '<actuator><motor joint="l_knee" ctrlrange="-2 2" gear="30"/>'
        '<position joint="r_knee" kp="90" kv="4" forcerange="-50 70"/></actuator></mujoco>'
    )
    scene = '<worldbody><geom type="plane" size="1 1 1"/><body name="table"><geom size="0.1"/></body>'
    path = changed(tmp_path, ("</mujoco>", actuators), ("<worldbody>", scene))
    source = read_source(path)
    assert source.actuators["l_knee"] == ActuatorFigures(effort=60.0)
    assert source.actuators["r_knee"] == ActuatorFigures(effort=50.0, stiffness=90.0, damping=4.0)
    assert any("table" in note for note in source.notes)
    model = source.compile()
    assert (model.nu, model.body(1).name) == (0, "hull")
    figures = build_robot(source, "scout").joints["r_knee"]
    assert (figures.stiffness, figures.damping, figures.effort_limit) == (90.0, 4.0, 50.0)
    assert figures.armature == pytest.approx(1.5e-4 * 50.0)


def test_many_colliders_under_a_foot_become_four_spheres(tmp_path: Path) -> None:
    box = '<geom type="box" size="0.09 0.04 0.012" pos="0.03 0 -0.038" mass="0.4" condim="3"/>'
    more = "".join(
        f'<geom type="box" size="0.01 0.04 0.012" pos="{x} 0 -0.038" mass="0.1"/>' for x in (-0.05, 0.03, 0.11)
    )
    assert MOST_CONTACTS < 3 * 4
    built = build_robot(read_source(changed(tmp_path, (box, more))), "scout")
    model = built.model
    for foot in built.feet:
        geoms = [g for g in range(model.ngeom) if model.geom_bodyid[g] == model.body(foot).id and model.geom_contype[g]]
        assert [model.geom_type[g] for g in geoms] == [mujoco.mjtGeom.mjGEOM_SPHERE] * 4
        np.testing.assert_allclose(model.geom_pos[geoms, 2] - SPHERE, -0.05, atol=1e-3)
        # Inside the corners: from -0.06 to 0.12, 0.04 to either side.
        np.testing.assert_allclose(model.geom_pos[geoms, 0].min(), -0.05, atol=2e-3)
        np.testing.assert_allclose(model.geom_pos[geoms, 0].max(), 0.11, atol=2e-3)
    assert sum("four spheres" in note for note in built.notes) == 2


def test_colliders_that_overlap_in_the_default_pose_are_excluded(tmp_path: Path) -> None:
    fat = changed(tmp_path, ('fromto="0 0 -0.05 0 0 -0.2" mass="1.6"', 'fromto="0 0 0.09 0 0 -0.2" mass="1.6"'))
    built = build_robot(read_source(fat), "scout")
    assert any("'hull' and 'l_thigh' overlap" in note for note in built.notes)
    data = mujoco.MjData(built.model)
    data.qpos[:] = built.stance.qpos
    mujoco.mj_forward(built.model, data)
    assert data.ncon == 0


def test_boxes_from_inertias(tmp_path: Path) -> None:
    """A box of 0.2 x 0.1 x 0.05 m has its own sides back."""
    sides = np.array([0.2, 0.1, 0.05])
    moments = 2.0 * ((sides**2).sum() - sides**2) / 12.0
    inertial = f'<inertial pos="0 0 0" mass="2" diaginertia="{moments[0]} {moments[1]} {moments[2]}"/>'
    (tmp_path / "box.xml").write_text(
        '<mujoco><asset><mesh name="m" file="gone.stl"/></asset><worldbody><body name="base"><freejoint/>'
        f'{inertial}<geom type="mesh" mesh="m"/></body></worldbody></mujoco>'
    )
    model = read_source(tmp_path / "box.xml", ignore_meshes=True).compile()
    np.testing.assert_allclose(model.geom_size[0], 0.5 * sides, rtol=1e-6)
    assert model.body("base").mass[0] == pytest.approx(2.0)
