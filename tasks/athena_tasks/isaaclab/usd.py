"""A robot's MJCF as a USD articulation: bodies, joints, masses and colliders, nothing for the eye.

Bodies are siblings below the default prim, so that `Robot/.*` names exactly the bodies on every engine. Joint frames
have x along the axis. What USD has no word for (contact dimension, priority of a collider) is authored as `mjc:`
attributes, which Newton reads and PhysX passes over.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.rotations import quat_apply, quat_mul

VERSION = 2
"""Of what is written here: part of the cache's key."""

ROOT = "/Robot"
_COLLIDERS = ("sphere", "capsule", "cylinder", "box", "mesh")


def write_robot(embodiment: Embodiment, path: Path) -> None:
    """Write the articulation of a robot to `path` (.usda or .usdc).

    Raises:
        AthenaError: the robot has no model, or one that MuJoCo cannot read; a collider of a kind that has no USD form.
    """
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics

    model = _read(embodiment)
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, ROOT).GetPrim())
    positions, quats = _rest_poses(embodiment)
    for index, name in enumerate(embodiment.body_names):
        body = UsdGeom.Xform.Define(stage, f"{ROOT}/{name}")
        body.AddTranslateOp().Set(Gf.Vec3d(*positions[index]))
        body.AddOrientOp(UsdGeom.XformOp.PrecisionFloat).Set(_quat(quats[index]))
        UsdPhysics.RigidBodyAPI.Apply(body.GetPrim())
        _mass(body.GetPrim(), model, model.body(name).id)
        _colliders(stage, body.GetPath(), model, model.body(name).id, embodiment)
    root = stage.GetPrimAtPath(f"{ROOT}/{embodiment.root}")
    UsdPhysics.ArticulationRootAPI.Apply(root)
    for engine in ("newton:selfCollisionEnabled", "physxArticulation:enabledSelfCollisions"):
        root.CreateAttribute(engine, Sdf.ValueTypeNames.Bool).Set(True)
    _joints(stage, model, embodiment)
    _filters(stage, model, embodiment)
    stage.GetRootLayer().Save()


def read_names(path: Path) -> tuple[list[str], list[str]]:
    """Names of the joints that move, and of the bodies, of a robot's USD file.

    Raises:
        AthenaError: USD cannot read the file.
    """
    from pxr import Tf, Usd, UsdPhysics

    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise AthenaError(
            f"{path}: USD cannot read it; bring the file back, or remove it to have it made anew"
        ) from error
    prims = list(Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()))
    joints = [prim for prim in prims if prim.IsA(UsdPhysics.Joint) and not prim.IsA(UsdPhysics.FixedJoint)]
    bodies = [prim for prim in prims if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    return [prim.GetName() for prim in joints], [prim.GetName() for prim in bodies]


def write_ground(path: Path) -> None:
    """Write an infinite plane at z = 0, which asks no file server for anything."""
    from pxr import Usd, UsdGeom, UsdPhysics

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Ground").GetPrim())
    plane = UsdGeom.Plane.Define(stage, "/Ground/plane")
    plane.CreateAxisAttr(UsdGeom.Tokens.z)
    UsdPhysics.CollisionAPI.Apply(plane.GetPrim())
    stage.GetRootLayer().Save()


def _read(embodiment: Embodiment):
    import mujoco

    path = embodiment.model_path
    if not path.is_file():
        raise AthenaError(f"{path}: robot '{embodiment.name}' has no model there; bring its MJCF back")
    try:
        return mujoco.MjSpec.from_file(str(path)).compile()
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise AthenaError(f"{path}: MuJoCo cannot read it ({reason}); correct the model") from error


def _rest_poses(embodiment: Embodiment) -> tuple[np.ndarray, np.ndarray]:
    """World poses of all bodies with every joint at zero and the root at the origin: (B, 3), (B, 4)."""
    import torch

    count = len(embodiment.body_names)
    positions, quats = torch.zeros(count, 3).double(), torch.zeros(count, 4).double()
    quats[:, 3] = 1.0
    offset_pos = torch.as_tensor(embodiment.body_offset_pos)
    offset_quat = torch.as_tensor(embodiment.body_offset_quat)
    for body, parent in enumerate(embodiment.body_parents):
        if parent >= 0:
            positions[body] = positions[parent] + quat_apply(quats[parent], offset_pos[body])
            quats[body] = quat_mul(quats[parent], offset_quat[body])
    return positions.numpy(), quats.numpy()


def _mass(prim, model, body: int) -> None:
    from pxr import Gf, UsdPhysics

    mass = UsdPhysics.MassAPI.Apply(prim)
    mass.CreateMassAttr(float(model.body_mass[body]))
    mass.CreateCenterOfMassAttr(Gf.Vec3f(*map(float, model.body_ipos[body])))
    mass.CreateDiagonalInertiaAttr(Gf.Vec3f(*map(float, model.body_inertia[body])))
    mass.CreatePrincipalAxesAttr(_quat(model.body_iquat[body][[1, 2, 3, 0]]))


def _colliders(stage, body_path, model, body: int, embodiment: Embodiment) -> None:
    from pxr import Gf, Sdf, UsdGeom, UsdPhysics, UsdShade

    for number, geom in enumerate(np.flatnonzero(model.geom_bodyid == body)):
        if model.geom_contype[geom] == 0 and model.geom_conaffinity[geom] == 0:
            continue
        name = model.geom(geom).name or str(number)
        path = body_path.AppendChild(f"collider_{''.join(c if c.isalnum() else '_' for c in name)}")
        shape = _shape(stage, path, model, geom, embodiment)
        shape.AddTranslateOp().Set(Gf.Vec3d(*map(float, model.geom_pos[geom])))
        shape.AddOrientOp(UsdGeom.XformOp.PrecisionFloat).Set(_quat(model.geom_quat[geom][[1, 2, 3, 0]]))
        prim = shape.GetPrim()
        UsdPhysics.CollisionAPI.Apply(prim)
        prim.CreateAttribute("mjc:condim", Sdf.ValueTypeNames.Int).Set(int(model.geom_condim[geom]))
        prim.CreateAttribute("mjc:priority", Sdf.ValueTypeNames.Int).Set(int(model.geom_priority[geom]))
        material = UsdShade.Material.Define(stage, path.AppendChild("material"))
        friction = float(model.geom_friction[geom, 0])
        physics = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
        physics.CreateStaticFrictionAttr(friction)
        physics.CreateDynamicFrictionAttr(friction)
        physics.CreateRestitutionAttr(0.0)
        UsdShade.MaterialBindingAPI.Apply(prim).Bind(
            material, UsdShade.Tokens.weakerThanDescendants, materialPurpose="physics"
        )


def _shape(stage, path, model, geom: int, embodiment: Embodiment):
    """Define the shape of one geom; sizes are MuJoCo's halves."""
    import mujoco
    from pxr import Gf, UsdGeom, UsdPhysics, Vt

    kind = mujoco.mjtGeom(model.geom_type[geom]).name.removeprefix("mjGEOM_").lower()
    size = [float(value) for value in model.geom_size[geom]]
    if kind == "sphere":
        shape = UsdGeom.Sphere.Define(stage, path)
        shape.CreateRadiusAttr(size[0])
    elif kind in ("capsule", "cylinder"):
        shape = (UsdGeom.Capsule if kind == "capsule" else UsdGeom.Cylinder).Define(stage, path)
        shape.CreateRadiusAttr(size[0])
        shape.CreateHeightAttr(2.0 * size[1])
        shape.CreateAxisAttr(UsdGeom.Tokens.z)
    elif kind == "box":
        # A cube of edge 2, scaled, with the scale innermost: operations apply from the last to the first.
        holder = UsdGeom.Cube.Define(stage, path)
        holder.CreateSizeAttr(2.0)
        return _ScaledLast(holder, Gf.Vec3f(*size))
    elif kind == "mesh":
        mesh = model.geom_dataid[geom]
        vertex, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        face, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        shape = UsdGeom.Mesh.Define(stage, path)
        shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(model.mesh_vert[vertex : vertex + count].astype(np.float32)))
        shape.CreateFaceVertexCountsAttr(Vt.IntArray([3] * int(faces)))
        corners = model.mesh_face[face : face + faces].astype(np.int32).ravel()
        shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(corners))
        UsdPhysics.MeshCollisionAPI.Apply(shape.GetPrim()).CreateApproximationAttr(UsdPhysics.Tokens.convexHull)
    else:
        raise AthenaError(
            f"{embodiment.model_path}: geom '{model.geom(geom).name}' of body "
            f"'{model.body(model.geom_bodyid[geom]).name}' is a {kind}; colliders must be one of "
            f"{', '.join(_COLLIDERS)}"
        )
    return shape


class _ScaledLast:
    """A shape whose scale is authored behind translation and rotation."""

    def __init__(self, shape, scale) -> None:
        self._shape, self._scale = shape, scale

    def AddTranslateOp(self):
        return self._shape.AddTranslateOp()

    def AddOrientOp(self, precision):
        operation = self._shape.AddOrientOp(precision)
        self._shape.AddScaleOp().Set(self._scale)
        return operation

    def GetPrim(self):
        return self._shape.GetPrim()


def _joints(stage, model, embodiment: Embodiment) -> None:
    """One revolute joint, with a drive, for every actuated joint; bodies without a joint are fixed to their parent."""
    import torch
    from pxr import Gf, Sdf, UsdGeom, UsdPhysics

    UsdGeom.Scope.Define(stage, f"{ROOT}/joints")
    joint_of = {int(body): joint for joint, body in enumerate(embodiment.joint_body)}
    for body, parent in enumerate(embodiment.body_parents):
        if parent < 0:
            continue
        offset_pos, offset_quat = embodiment.body_offset_pos[body], embodiment.body_offset_quat[body]
        joint = joint_of.get(body)
        if joint is None:
            definition = UsdPhysics.FixedJoint.Define(stage, f"{ROOT}/joints/fixed_{embodiment.body_names[body]}")
            anchor, turn = np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0])
        else:
            definition = UsdPhysics.RevoluteJoint.Define(stage, f"{ROOT}/joints/{embodiment.joint_names[joint]}")
            definition.CreateAxisAttr(UsdPhysics.Tokens.x)
            definition.CreateLowerLimitAttr(math.degrees(embodiment.joint_lower[joint]))
            definition.CreateUpperLimitAttr(math.degrees(embodiment.joint_upper[joint]))
            anchor, turn = embodiment.joint_anchor[joint], _x_onto(embodiment.joint_axis[joint])
            drive = UsdPhysics.DriveAPI.Apply(definition.GetPrim(), "angular")
            drive.CreateTypeAttr(UsdPhysics.Tokens.force)
            # USD counts angles in degrees.
            drive.CreateStiffnessAttr(math.radians(embodiment.stiffness[joint]))
            drive.CreateDampingAttr(math.radians(embodiment.damping[joint]))
            drive.CreateMaxForceAttr(float(embodiment.effort_limit[joint]))
            dof = model.joint(embodiment.joint_names[joint]).dofadr[0]
            passive = {
                "armature": embodiment.armature[joint],
                "damping": model.dof_damping[dof],
                "frictionloss": model.dof_frictionloss[dof],
            }
            for key, value in passive.items():
                definition.GetPrim().CreateAttribute(f"mjc:{key}", Sdf.ValueTypeNames.Double).Set(float(value))
        definition.CreateBody0Rel().SetTargets([Sdf.Path(f"{ROOT}/{embodiment.body_names[parent]}")])
        definition.CreateBody1Rel().SetTargets([Sdf.Path(f"{ROOT}/{embodiment.body_names[body]}")])
        turned = quat_apply(torch.as_tensor(offset_quat), torch.as_tensor(anchor)).numpy()
        frame = quat_mul(torch.as_tensor(offset_quat), torch.as_tensor(turn)).numpy()
        definition.CreateLocalPos0Attr(Gf.Vec3f(*map(float, offset_pos + turned)))
        definition.CreateLocalRot0Attr(_quat(frame))
        definition.CreateLocalPos1Attr(Gf.Vec3f(*map(float, anchor)))
        definition.CreateLocalRot1Attr(_quat(turn))


def _filters(stage, model, embodiment: Embodiment) -> None:
    """Pairs of bodies that the MJCF excludes from collision."""
    from pxr import Sdf, UsdPhysics

    for signature in model.exclude_signature:
        first, second = model.body(signature >> 16).name, model.body(signature & 0xFFFF).name
        if first in embodiment.body_names and second in embodiment.body_names:
            pairs = UsdPhysics.FilteredPairsAPI.Apply(stage.GetPrimAtPath(f"{ROOT}/{first}"))
            pairs.CreateFilteredPairsRel().AddTarget(Sdf.Path(f"{ROOT}/{second}"))


def _x_onto(axis: np.ndarray) -> np.ndarray:
    """The shortest rotation (x, y, z, w) that turns x onto a unit axis."""
    if axis[0] < -1.0 + 1e-9:
        return np.array([0.0, 0.0, 1.0, 0.0])
    quat = np.array([0.0, -axis[2], axis[1], 1.0 + axis[0]])
    return quat / np.linalg.norm(quat)


def _quat(xyzw: np.ndarray):
    from pxr import Gf

    x, y, z, w = map(float, xyzw)
    return Gf.Quatf(w, x, y, z)
