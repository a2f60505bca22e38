"""The robot as a USD articulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from athena_tasks.isaaclab.usd import write_ground, write_robot
from athena_wbc.embodiment import get_embodiment


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
