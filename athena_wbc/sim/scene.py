"""The MuJoCo model of a robot on flat ground: the robot's MJCF plus ground, actuators and contact sensors."""

from __future__ import annotations

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.sim.config import SimConfig

FLOOR = "athena_floor"
_FOUND, _FOUND_AND_FORCE = 1 << 0, 1 << 0 | 1 << 1
_NET_FORCE = 3
_FROM_GEOMS = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE


def build_model(embodiment: Embodiment, config: SimConfig) -> mujoco.MjModel:
    """Compile the scene. Gains, armature and effort limits are the robot file's, whatever the MJCF says.

    Sensors: `foot:<body>` (found, net force in the world frame) for every foot; `ground:<body>` (found) for the
    feet and the allowed bodies; `ground` (found) for the whole robot.
    """
    return build_spec(embodiment, config).compile()


def build_spec(embodiment: Embodiment, config: SimConfig, visuals: bool = False) -> mujoco.MjSpec:
    """The scene before compilation, to add cameras or other robots to.

    Args:
        visuals: keep the geoms that collide with nothing. They are for pictures, and only slow a simulation down.
    """
    try:
        spec = mujoco.MjSpec.from_file(str(embodiment.model_path))
    except ValueError as error:
        raise AthenaError(f"{embodiment.model_path}: MuJoCo cannot read it ({error}); correct the model") from error
    if not visuals:
        _delete_visuals(spec)
    _set_options(spec, config)
    _let_soles_decide(spec, embodiment)
    spec.worldbody.add_geom(
        name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], rgba=[0.85, 0.86, 0.88, 1], condim=3
    )
    _add_actuators(spec, embodiment)
    _add_contact_sensors(spec, embodiment)
    return spec


def sole_geoms(model: mujoco.MjModel, embodiment: Embodiment) -> np.ndarray:
    """Ids of the colliders on the feet."""
    feet = [model.body(name).id for name in embodiment.feet]
    return np.flatnonzero(np.isin(model.geom_bodyid, feet) & (model.geom_contype > 0))


def _set_options(spec: mujoco.MjSpec, config: SimConfig) -> None:
    spec.option.timestep = config.dt
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    # MuJoCo 4.0.0's sparse Newton solver has a bug, and a humanoid is too small to gain from sparsity.
    spec.option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    spec.option.iterations = config.iterations
    spec.option.ls_iterations = config.ls_iterations


def _delete_visuals(spec: mujoco.MjSpec) -> None:
    for geom in list(spec.geoms):
        # A body without an inertia of its own has that of its geoms: there they must stay.
        has_inertia = geom.parent.explicitinertial and spec.compiler.inertiafromgeom != _FROM_GEOMS
        if geom.contype == 0 and geom.conaffinity == 0 and has_inertia:
            spec.delete(geom)


def _let_soles_decide(spec: mujoco.MjSpec, embodiment: Embodiment) -> None:
    """Give the feet's colliders priority over the ground, so that a contact has their friction.

    Of two geoms of equal priority MuJoCo takes the larger friction, and a sole could never be made slippery.
    """
    for name in embodiment.feet:
        for geom in spec.body(name).geoms:
            if geom.priority < 1:
                geom.priority = 1
                # Nor is the contact's dimension the larger of the two now: a frictionless sole had the ground's.
                geom.condim = max(geom.condim, 3)


def _add_actuators(spec: mujoco.MjSpec, embodiment: Embodiment) -> None:
    # With the model's actuators go the keyframes and sensors that may speak of them.
    for element in (*spec.keys, *spec.sensors, *spec.actuators):
        spec.delete(element)
    for index, name in enumerate(embodiment.joint_names):
        joint = spec.joint(name)
        joint.armature = embodiment.armature[index]
        limit = embodiment.effort_limit[index]
        actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(kp=embodiment.stiffness[index], kv=embodiment.damping[index])
        actuator.forcelimited, actuator.forcerange = True, [-limit, limit]
        actuator.ctrllimited = False


def _add_contact_sensors(spec: mujoco.MjSpec, embodiment: Embodiment) -> None:
    def add(name: str, kind: mujoco.mjtObj, body: str, data: int, reduce: int) -> None:
        spec.add_sensor(
            name=name,
            type=mujoco.mjtSensor.mjSENS_CONTACT,
            objtype=kind,
            objname=body,
            reftype=mujoco.mjtObj.mjOBJ_GEOM,
            refname=FLOOR,
            intprm=[data, reduce, 1],
        )

    for foot in embodiment.feet:
        add(f"foot:{foot}", mujoco.mjtObj.mjOBJ_BODY, foot, _FOUND_AND_FORCE, _NET_FORCE)
    for body in embodiment.contact_allowed:
        if body not in embodiment.feet:
            add(f"ground:{body}", mujoco.mjtObj.mjOBJ_BODY, body, _FOUND, 0)
    add("ground", mujoco.mjtObj.mjOBJ_XBODY, embodiment.root, _FOUND, 0)
