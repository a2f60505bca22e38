"""The compiled scene: what the robot's file says holds, whatever its MJCF says."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.sim.config import SimConfig
from athena_wbc.sim.scene import FLOOR, build_model, build_spec, sole_geoms
from tests.toy_robot import MODEL, write_toy
from tests.tracking import g1

CONFIG = SimConfig(dt=0.004, decimation=5, iterations=7, ls_iterations=13)

OTHER_ACTUATORS = """
  <actuator>
    <motor name="push" joint="left_hip" gear="3"/>
    <position name="neck" joint="neck" kp="1000"/>
  </actuator>
  <sensor>
    <actuatorfrc actuator="push"/>
    <framepos objtype="body" objname="head"/>
  </sensor>
  <keyframe>
    <key name="stand" ctrl="1 2"/>
  </keyframe>
</mujoco>
"""

HOLLOW = """
        <body name="shell" pos="0 0 0.2">
          <geom type="box" size="0.1 0.1 0.1" contype="0" conaffinity="0" mass="3"/>
        </body>
      <body name="left_thigh" """
"""A body whose mass is that of a geom which touches nothing."""


def toy(folder: Path, *changes: tuple[str, str]) -> Embodiment:
    model = MODEL
    for old, new in changes:
        assert old in model
        model = model.replace(old, new)
    return load_embodiment(write_toy(folder, model=model))


def test_options():
    option = build_model(g1(), CONFIG).opt
    assert option.timestep == 0.004
    assert (option.iterations, option.ls_iterations) == (7, 13)
    assert option.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert option.jacobian == mujoco.mjtJacobian.mjJAC_DENSE
    np.testing.assert_allclose(option.gravity, [0.0, 0.0, -9.81])
    assert CONFIG.control_dt == pytest.approx(0.02)


@pytest.mark.parametrize("robot", ["g1", "toy"])
def test_actuators_are_the_robot_files(robot: str, tmp_path: Path):
    # The toy brings a motor and a stiff servo of its own, with what hangs on them; none of it stays.
    embodiment = g1() if robot == "g1" else toy(tmp_path, ("</mujoco>", OTHER_ACTUATORS))
    model = build_model(embodiment, CONFIG)
    names = [model.joint(model.actuator_trnid[index, 0]).name for index in range(model.nu)]
    assert names == list(embodiment.joint_names), "in the canonical order, which is that of the joints"
    assert [model.joint(index + 1).name for index in range(model.nu)] == names
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], embodiment.stiffness)
    np.testing.assert_allclose(model.actuator_biasprm[:, 1], -embodiment.stiffness)
    np.testing.assert_allclose(model.actuator_biasprm[:, 2], -embodiment.damping)
    np.testing.assert_allclose(model.actuator_forcerange[:, 1], embodiment.effort_limit)
    np.testing.assert_allclose(model.actuator_forcerange[:, 0], -embodiment.effort_limit)
    assert model.actuator_forcelimited.all() and not model.actuator_ctrllimited.any()
    np.testing.assert_allclose(model.dof_armature[6:], embodiment.armature)
    np.testing.assert_allclose(model.actuator_gear[:, 0], 1.0)
    assert model.nkey == 0
    assert (model.sensor_type == mujoco.mjtSensor.mjSENS_CONTACT).all()


@pytest.mark.parametrize("change", [None, ('\n      <body name="left_thigh" ', HOLLOW)])
def test_masses_are_the_embodiments(change: tuple[str, str] | None, tmp_path: Path):
    embodiment = toy(tmp_path, *([change] if change else []))
    model = build_model(embodiment, CONFIG)
    np.testing.assert_allclose(model.body_mass[1:], embodiment.body_mass)
    if change:
        assert embodiment.body_mass[embodiment.body_names.index("shell")] == 3.0


def test_what_touches_nothing_is_left_out_of_a_simulation():
    with_pictures = build_spec(g1(), CONFIG, visuals=True).compile()
    model = build_model(g1(), CONFIG)
    assert with_pictures.ngeom > model.ngeom
    assert ((model.geom_contype != 0) | (model.geom_conaffinity != 0)).all()
    np.testing.assert_array_equal(with_pictures.body_mass, model.body_mass)
    np.testing.assert_array_equal(with_pictures.body_inertia, model.body_inertia)


def test_soles_are_the_colliders_of_the_feet():
    model = build_model(g1(), CONFIG)
    names = [model.geom(index).name for index in sole_geoms(model, g1())]
    corners = ("heel_inner", "heel_outer", "toe_inner", "toe_outer")
    assert names == [f"{side}_{corner}" for side in ("left", "right") for corner in corners]


@pytest.mark.parametrize("own", ["", ' condim="1"', ' priority="2"'])
def test_a_contact_has_the_friction_of_the_sole(tmp_path: Path, own: str):
    """The toy's soles have no priority of their own; the ground has a sliding friction of 1."""
    sole = '<geom name="left_sole" type="sphere" size="0.03"'
    embodiment = toy(tmp_path, (sole, sole + own))
    model = build_model(embodiment, CONFIG)
    soles = sole_geoms(model, embodiment)
    model.geom_friction[soles, 0] = 0.2
    data = mujoco.MjData(model)
    mujoco.mj_resetData(model, data)
    mujoco.mj_forward(model, data)
    data.qpos[2] -= data.geom_xpos[soles, 2].min() - 0.025
    mujoco.mj_forward(model, data)
    floor = model.geom(FLOOR).id
    touching = [c for c in data.contact if floor in c.geom and set(map(int, c.geom)) & set(soles.tolist())]
    assert touching
    for contact in touching:
        assert contact.friction[0] == pytest.approx(0.2)
        assert contact.dim == 3


def test_the_ground_is_flat_and_at_zero():
    model = build_model(g1(), CONFIG)
    floor = model.geom(FLOOR)
    assert floor.type == mujoco.mjtGeom.mjGEOM_PLANE
    assert floor.pos.tolist() == [0.0, 0.0, 0.0] and floor.quat.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_model_that_mujoco_cannot_read_is_named(tmp_path: Path):
    embodiment = toy(tmp_path)
    embodiment.model_path.write_text("<mujoco><worldbody>")
    with pytest.raises(AthenaError, match=r"toy\.xml: MuJoCo cannot read it .*; correct the model$"):
        build_model(embodiment, CONFIG)
