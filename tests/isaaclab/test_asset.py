"""The robot as a USD articulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from athena_tasks.isaaclab.asset import check_names
from athena_tasks.isaaclab.usd import write_ground, write_robot
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory):
    from pxr import Usd

    path = tmp_path_factory.mktemp("usd") / "g1.usda"
    write_robot(get_embodiment("g1"), path)
    return Usd.Stage.Open(str(path))


def test_every_body_is_there_with_its_mass(stage):
    from pxr import UsdPhysics

    robot = get_embodiment("g1")
    for name, mass in zip(robot.body_names, robot.body_mass, strict=True):
        prim = stage.GetPrimAtPath(f"/Robot/{name}")
        assert prim.HasAPI(UsdPhysics.RigidBodyAPI)
        assert UsdPhysics.MassAPI(prim).GetMassAttr().Get() == pytest.approx(mass, rel=1e-6)


def test_limits_are_in_degrees_and_axes_fit(stage):
    from pxr import Gf, UsdPhysics

    robot = get_embodiment("g1")
    for index, name in enumerate(robot.joint_names):
        joint = UsdPhysics.RevoluteJoint(stage.GetPrimAtPath(f"/Robot/joints/{name}"))
        assert math.radians(joint.GetLowerLimitAttr().Get()) == pytest.approx(robot.joint_lower[index], abs=1e-5)
        assert math.radians(joint.GetUpperLimitAttr().Get()) == pytest.approx(robot.joint_upper[index], abs=1e-5)
        axis = Gf.Rotation(Gf.Quatd(joint.GetLocalRot1Attr().Get())).TransformDir(Gf.Vec3d(1, 0, 0))
        np.testing.assert_allclose(axis, robot.joint_axis[index], atol=1e-6)


def test_there_is_one_articulation_root_and_no_scene(stage):
    from pxr import UsdPhysics

    roots = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
    assert [prim.GetName() for prim in roots] == [get_embodiment("g1").root]
    assert not [prim for prim in stage.Traverse() if prim.IsA(UsdPhysics.Scene)]


def test_the_ground_is_a_plane(tmp_path: Path):
    from pxr import Usd

    write_ground(tmp_path / "ground.usda")
    stage = Usd.Stage.Open(str(tmp_path / "ground.usda"))
    assert [prim.GetTypeName() for prim in stage.Traverse()] == ["Xform", "Plane"]


@pytest.mark.parametrize(
    ("name", "other", "told"),
    [
        ("left_knee_joint", "left_knie_joint", r"joints of robot 'g1': the asset lacks left_knee_joint; the robot"),
        ("left_elbow_link", "left_ellbow_link", r"bodies of robot 'g1': the asset lacks left_elbow_link; the robot"),
    ],
)
def test_an_asset_with_other_names_is_refused(tmp_path: Path, name: str, other: str, told: str):
    robot, path = get_embodiment("g1"), tmp_path / "g1.usda"
    write_robot(robot, path)
    check_names(path, robot)
    path.write_text(path.read_text().replace(name, other))
    with pytest.raises(AthenaError, match=told) as caught:
        check_names(path, robot)
    assert f"file lacks {other}; bring asset and robot.yaml together" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_environment_says_so_too(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_robot(get_embodiment("junior35"), tmp_path / "junior.usda")
    monkeypatch.setattr("athena_tasks.isaaclab.cfg.robot_usd", lambda robot: tmp_path / "junior.usda")
    with pytest.raises(AthenaError, match=r"junior\.usda: joints of robot 'g1': the asset lacks waist_yaw_joint"):
        make()


def test_a_file_that_usd_cannot_read(tmp_path: Path):
    (tmp_path / "g1.usda").write_text("no USD")
    with pytest.raises(AthenaError, match=r"g1\.usda: USD cannot read it; bring the file back") as caught:
        check_names(tmp_path / "g1.usda", get_embodiment("g1"))
    assert "\n" not in str(caught.value)
