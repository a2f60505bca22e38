"""Read a model that someone brings, MJCF or URDF, and make it a robot alone: what is no robot goes, and is named."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import mujoco
import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.files import write_text
from athena_wbc.robots.urdf import Urdf

ASSETS = "assets"
"""Folder of the meshes beside the model."""

_MESH = mujoco.mjtGeom.mjGEOM_MESH


@dataclasses.dataclass
class Source:
    """A model under construction.

    Attributes:
        path: the file that was given.
        spec: the robot, editable.
        actuators: what its actuators say of each joint; see `ActuatorFigures`.
        velocity: rad/s by joint, where the file has it.
        notes: what was changed or left out, one sentence each.
    """

    path: Path
    spec: mujoco.MjSpec
    actuators: dict[str, ActuatorFigures]
    velocity: dict[str, float]
    notes: list[str]

    def compile(self) -> mujoco.MjModel:
        """The model; inertias that no body can have are balanced, with a note."""
        try:
            return self.spec.compile()
        except ValueError as error:
            if "balanceinertia" not in str(error):
                raise _unreadable(self.path, error) from error
        self.spec.compiler.balanceinertia = True
        self.notes.append("inertias that no rigid body can have were balanced (A + B >= C): correct them in the model")
        try:
            return self.spec.compile()
        except ValueError as error:
            raise _unreadable(self.path, error) from error

    def write(self, path: Path) -> None:
        """Write the model as an MJCF with its meshes in a folder beside it."""
        folder = self._mesh_folder()
        for mesh in self.spec.meshes:
            if not mesh.file:
                continue
            origin = folder / mesh.file
            # Two meshes of one file name in different folders must not overwrite each other.
            target = f"{mesh.name or origin.stem}{origin.suffix.lower()}".replace("/", "_")
            (path.parent / ASSETS).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, path.parent / ASSETS / target)
            if not mesh.name:
                mesh.name = origin.stem
            mesh.file = target
        self.spec.meshdir, self.spec.modelfiledir = ASSETS, str(path.parent)
        self.compile()
        write_text(path, self.spec.to_xml())

    def _mesh_folder(self) -> Path:
        return self.path.resolve().parent / (self.spec.meshdir or "")


@dataclasses.dataclass(frozen=True)
class ActuatorFigures:
    """What a model's actuator says of its joint; zero where it says nothing."""

    effort: float = 0.0
    """N m."""
    stiffness: float = 0.0
    """N m/rad."""
    damping: float = 0.0
    """N m s/rad."""


def read_source(path: str | Path, ignore_meshes: bool = False) -> Source:
    """Read an MJCF or a URDF.

    Args:
        path: the model.
        ignore_meshes: do without meshes; links whose colliders they were get a box of the same inertia.

    Raises:
        AthenaError: one line: no such file, unreadable, a missing mesh, no free joint, no joints.
    """
    path = Path(path)
    if not path.is_file():
        raise AthenaError(f"{path}: no such model; give an MJCF (.xml) or a URDF (.urdf)")
    velocity: dict[str, float] = {}
    notes: list[str] = []
    if _is_urdf(path):
        urdf = Urdf(path, ignore_meshes)
        velocity = urdf.velocity
        spec = _read(path, urdf.xml())
        spec.modelname = path.stem
        notes.append("a free joint was put above the URDF's root link; visuals were left out")
    else:
        spec = _read(path, None)
    source = Source(path, spec, _actuators(spec), velocity, notes)
    _leave_only_the_robot(source)
    if ignore_meshes:
        _drop_meshes(source)
    _check_meshes(source)
    _name_all(spec)
    return source


def _is_urdf(path: Path) -> bool:
    if path.suffix.lower() in (".urdf", ".xacro"):
        return True
    with open(path, "rb") as file:
        return b"<robot" in file.read(4096)


def _read(path: Path, urdf: str | None) -> mujoco.MjSpec:
    try:
        return mujoco.MjSpec.from_file(str(path)) if urdf is None else mujoco.MjSpec.from_string(urdf)
    except (ValueError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> AthenaError:
    said = " ".join(str(error).split())
    remedy = "; put the mesh there, or leave meshes out with --ignore-meshes" if "opening file" in said else ""
    return AthenaError(f"{path}: MuJoCo cannot compile it ({said}){remedy or '; correct the model'}")


def _leave_only_the_robot(source: Source) -> None:
    """Drop the world around the robot, and all that only a scene needs."""
    spec = source.spec
    top = list(spec.worldbody.bodies)
    if not top:
        raise AthenaError(f"{source.path}: holds no body; give the model of a robot")
    robot = max(top, key=lambda body: len(body.find_all(mujoco.mjtObj.mjOBJ_JOINT)))
    others = [body.name or "(unnamed)" for body in top if body is not robot]
    for body in top:
        if body is not robot:
            spec.delete(body)
    if others:
        source.notes.append(f"bodies beside the robot were left out: {', '.join(others)}")
    world = spec.worldbody
    for element in (*world.geoms, *world.lights, *world.cameras, *world.sites):
        spec.delete(element)
    if not any(joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in robot.joints):
        raise AthenaError(f"{source.path}: root body '{robot.name}' has no free joint; add <freejoint/> to it")
    if spec.equalities:
        source.notes.append("equality constraints were left out: closed chains and mimic joints are not modelled")
    scene = (spec.keys, spec.sensors, spec.actuators, spec.tendons, spec.equalities, spec.lights, spec.cameras)
    for elements in (*scene, spec.skins, spec.hfields, spec.texts, spec.numerics, spec.tuples):
        for element in list(elements):
            spec.delete(element)
    for material in spec.materials:
        material.textures = [""] * len(material.textures)
    for texture in list(spec.textures):
        spec.delete(texture)


def _drop_meshes(source: Source) -> None:
    spec = source.spec
    for geom in list(spec.geoms):
        if geom.type == _MESH:
            spec.delete(geom)
    for mesh in list(spec.meshes):
        spec.delete(mesh)
    model = source.compile()
    bare = [body for body in spec.bodies[1:] if not body.geoms and model.body(body.name).mass[0] > 0.0]
    for body in bare:
        _add_box(body, model)
    if bare:
        source.notes.append(f"{len(bare)} bodies without meshes got a box of the same inertia as collider")


def _add_box(body: mujoco.MjsBody, model: mujoco.MjModel) -> None:
    """Box whose principal moments are the body's: side_x^2 = 6 (I_y + I_z - I_x) / m."""
    compiled = model.body(body.name)
    mass, moments = float(compiled.mass[0]), compiled.inertia
    sides = np.sqrt(np.maximum(6.0 * (moments.sum() - 2.0 * moments) / mass, 1e-4))
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=0.5 * sides, pos=compiled.ipos, quat=compiled.iquat, mass=0.0)


def _check_meshes(source: Source) -> None:
    for mesh in source.spec.meshes:
        if mesh.file and not (source._mesh_folder() / mesh.file).is_file():
            raise AthenaError(
                f"{source.path}: mesh '{mesh.file}' is missing; put it there, or leave meshes out with --ignore-meshes"
            )


def _name_all(spec: mujoco.MjSpec) -> None:
    """Bodies need names; a joint without one takes its body's."""
    for number, body in enumerate(spec.bodies[1:]):
        body.name = body.name or f"body_{number}"
        for joint in body.joints:
            joint.name = joint.name or ("root" if joint.type == mujoco.mjtJoint.mjJNT_FREE else f"{body.name}_joint")


def _actuators(spec: mujoco.MjSpec) -> dict[str, ActuatorFigures]:
    """Figures of the joint actuators; MuJoCo's general actuator is force = gain ctrl + bias (q, qdot)."""
    figures: dict[str, ActuatorFigures] = {}
    for actuator in spec.actuators:
        if actuator.trntype != mujoco.mjtTrn.mjTRN_JOINT:
            continue
        gear = abs(float(actuator.gear[0]))
        effort = _span(actuator.forcerange) * gear
        affine = actuator.biastype == mujoco.mjtBias.mjBIAS_AFFINE
        stiffness = -float(actuator.biasprm[1]) * gear**2 if affine else 0.0
        damping = -float(actuator.biasprm[2]) * gear**2 if affine else 0.0
        if effort == 0.0 and not affine and actuator.biastype == mujoco.mjtBias.mjBIAS_NONE:
            # A motor: its control times its gain is its force.
            effort = _span(actuator.ctrlrange) * abs(float(actuator.gainprm[0])) * gear
        figures[actuator.target] = ActuatorFigures(effort, max(stiffness, 0.0), max(damping, 0.0))
    return figures


def _span(limits: np.ndarray) -> float:
    """The smaller magnitude of a range; zero for an empty one."""
    low, high = float(limits[0]), float(limits[1])
    return min(abs(low), abs(high)) if low < high else 0.0
