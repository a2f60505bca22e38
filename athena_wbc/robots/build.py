"""A robot file from a model alone: roles from the tree, figures from model or rule, soles, default pose."""

from __future__ import annotations

import dataclasses
import math
import re

import mujoco
import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.soles import Sole
from athena_wbc.robot_file import check_model
from athena_wbc.robots.gains import JointFigures, joint_figures
from athena_wbc.robots.source import ActuatorFigures, Source
from athena_wbc.robots.stance import Limb, Stance, find_stance
from athena_wbc.roles import Role, Roles, find_roles

MOST_CONTACTS = 8
"""Contact points of a foot's own colliders above which four spheres take their place: contacts of the feet decide how
fast a simulation is."""

SPHERE = 0.01
"""Radius of a sole's spheres, m."""

LEAST_PATH = 0.01
"""A key body nearer to the root than this along the tree, m, would take the whole weight of MPJPE-W: it is left out."""

FIGURES = ("stiffness", "damping", "armature", "effort_limit", "velocity_limit")
"""Keys of an actuator group, in the order of `JointFigures.values`."""

_SIDES = ("left", "right")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CONTACTS = {
    mujoco.mjtGeom.mjGEOM_SPHERE: 1,
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: 1,
    mujoco.mjtGeom.mjGEOM_CAPSULE: 2,
    mujoco.mjtGeom.mjGEOM_BOX: 4,
    mujoco.mjtGeom.mjGEOM_CYLINDER: 4,
}


@dataclasses.dataclass(frozen=True)
class Built:
    """All that robot.yaml says, and why."""

    name: str
    description: str
    model: mujoco.MjModel
    roles: Roles
    joints: dict[str, JointFigures]
    """By joint, in the model's order."""
    parts: dict[str, str]
    """Part of the body that each joint is in, as `gains` names them."""
    stance: Stance
    anchor: str
    key_bodies: tuple[str, ...]
    feet: tuple[str, str]
    end_effectors: tuple[str, ...]
    contact_allowed: tuple[str, ...]
    root_height: float
    notes: tuple[str, ...]

    @property
    def mass(self) -> float:
        """kg."""
        return float(self.model.body_subtreemass[1])


def check_name(name: str) -> None:
    """Refuse a name that a task id, a folder or a command line could not carry."""
    if not _NAME.fullmatch(name):
        raise AthenaError(
            f"--name: '{name}': must begin with a small letter, and go on with small letters, digits and _; "
            "choose such a name"
        )


def build_robot(source: Source, name: str, roles: dict[str, str] | None = None) -> Built:
    """Find out everything that a robot file needs; the source's model is changed where soles and colliders need it.

    Args:
        source: the model.
        name: of the robot.
        roles: role -> body, for what the tree does not tell.

    Raises:
        AthenaError: one line: a name that will not do, joints that are no limited hinges, no legs or arms, a foot
            without a collider, a robot that does not look along x.
    """
    check_name(name)
    model = source.compile()
    check_model(source.path, model)
    found = find_roles(model, name, overrides=roles)
    if found.forward[0] < math.cos(0.1):
        raise AthenaError(
            f"{source.path}: the robot looks along ({found.forward[0]:.2f}, {found.forward[1]:.2f}) in its zero pose; "
            "turn the model so that it looks along x"
        )
    feet = tuple(_sole_body(model, found[f"{side}_foot"].body) for side in _SIDES)
    stance = _stance(model, found, feet, name)
    _simplify_soles(source, model, feet, stance)
    model = source.compile()
    stance = _stance(model, found, feet, name)
    _exclude_touching(source, model, stance)
    model = source.compile()
    parts = joint_parts(model, found)
    hands = tuple(_hand_body(model, found, side) for side in _SIDES)
    return Built(
        name=name,
        description=f"from {source.path.name}, {model.njnt - 1} joints, {model.body_subtreemass[1]:.0f} kg",
        model=model,
        roles=found,
        joints=_figures(source, model, parts, stance.leg_length),
        parts=parts,
        stance=stance,
        anchor=model.body(1).name,
        key_bodies=_key_bodies(model, found, feet, hands),
        feet=feet,
        end_effectors=(*feet, *hands),
        contact_allowed=_forearms(model, found, hands),
        root_height=float(stance.qpos[2]),
        notes=tuple(source.notes),
    )


def joint_parts(model: mujoco.MjModel, roles: Roles) -> dict[str, str]:
    """Part of the body of every joint below the root, in the model's order: hip, knee, ankle, waist, ... or other."""
    part = dict.fromkeys(roles.waist, "waist")
    for role, found in roles.items():
        if role not in ("torso", "head"):
            part.update((joint, role.partition("_")[2]) for joint in found.joints)
    return {model.joint(index).name: part.get(model.joint(index).name, "other") for index in range(1, model.njnt)}


def _stance(model: mujoco.MjModel, roles: Roles, feet: tuple[str, ...], name: str) -> Stance:
    legs = tuple(
        _limb(model, roles, side, ("hip", "knee", "foot"), foot) for side, foot in zip(_SIDES, feet, strict=True)
    )
    arms = tuple(_limb(model, roles, side, ("shoulder", "elbow", "wrist")) for side in _SIDES)
    movable = [roles[f"{side}_{part}"].joints for side in _SIDES for part in ("hip", "ankle", "shoulder", "elbow")]
    return find_stance(model, legs, arms, tuple(joint for joints in movable for joint in joints), name)


def _limb(model: mujoco.MjModel, roles: Roles, side: str, parts: tuple[str, str, str], foot: str = "") -> Limb:
    found = [roles[f"{side}_{part}"] for part in parts]
    bodies = [role.body for role in found]
    points = [role.point for role in found]
    if foot:
        bodies[2], points[2] = foot, (0.0, 0.0, 0.0)
    return Limb(1.0 if side == "left" else -1.0, *(model.body(body).id for body in bodies), tuple(points))


def _hand_body(model: mujoco.MjModel, roles: Roles, side: str) -> str:
    """The body that stands for the hand: of those welded to the last link of the arm, the farthest from the elbow."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    hand = model.body(roles[f"{side}_hand"].body).id
    elbow = _limb(model, roles, side, ("shoulder", "elbow", "wrist")).place(data, 1)
    welded = np.flatnonzero(model.body_weldid == model.body_weldid[hand])
    # Frames without mass, of sensors and the like, are no hands.
    heavy = [int(body) for body in welded if model.body_mass[body] > 0.0] or [hand]
    return model.body(max(heavy, key=lambda body: float(np.linalg.norm(data.xpos[body] - elbow)))).name


def _sole_body(model: mujoco.MjModel, foot: str) -> str:
    """The body of a foot that has the colliders: of those welded to it, the one that reaches lowest."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    weld = model.body_weldid[model.body(foot).id]
    solid = [
        geom
        for geom in range(model.ngeom)
        if model.body_weldid[model.geom_bodyid[geom]] == weld
        and (model.geom_contype[geom] or model.geom_conaffinity[geom])
    ]
    if not solid:
        return foot
    lowest = min(solid, key=lambda geom: data.geom_xpos[geom, 2] - model.geom_rbound[geom])
    return model.body(model.geom_bodyid[lowest]).name


def _simplify_soles(source: Source, model: mujoco.MjModel, feet: tuple[str, ...], stance: Stance) -> None:
    for foot, sole in zip(feet, stance.soles, strict=True):
        body = model.body(foot).id
        solid = [
            geom
            for geom in source.spec.geoms
            if model.body_weldid[model.body(geom.parent.name).id] == model.body_weldid[body]
            and (geom.contype or geom.conaffinity)
        ]
        count = sum(_CONTACTS.get(geom.type, MOST_CONTACTS + 1) for geom in solid)
        if count <= MOST_CONTACTS:
            continue
        for geom in solid:
            geom.contype = geom.conaffinity = 0
        for corner in sole_corners(sole):
            source.spec.body(foot).add_geom(
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=[SPHERE, 0, 0],
                pos=corner,
                condim=3,
                priority=1,
                friction=[0.8, 0.005, 0.0001],
                mass=0.0,
            )
        source.notes.append(f"sole of '{foot}': four spheres collide in place of {len(solid)} colliders")


def sole_corners(sole: Sole) -> np.ndarray:
    """(4, 3) centres of spheres of radius `SPHERE` inside the corners of a sole, in the foot's frame, m."""
    level = sole.points @ sole.level.T
    low, high = level.min(axis=0), level.max(axis=0)
    inset = np.minimum(SPHERE, 0.4 * (high - low))
    corners = np.array(
        [
            [x, y, low[2] + SPHERE]
            for x in (low[0] + inset[0], high[0] - inset[0])
            for y in (low[1] + inset[1], high[1] - inset[1])
        ]
    )
    return corners @ sole.level


def _exclude_touching(source: Source, model: mujoco.MjModel, stance: Stance) -> None:
    """Bodies whose colliders overlap in the default pose belong together, and must not push each other apart."""
    data = mujoco.MjData(model)
    data.qpos[:] = stance.qpos
    mujoco.mj_forward(model, data)
    pairs = sorted({tuple(sorted(int(model.geom_bodyid[geom]) for geom in contact.geom)) for contact in data.contact})
    for first, second in pairs:
        names = model.body(first).name, model.body(second).name
        source.spec.add_exclude(bodyname1=names[0], bodyname2=names[1])
        source.notes.append(f"'{names[0]}' and '{names[1]}' overlap in the default pose and do not collide")


def _figures(
    source: Source, model: mujoco.MjModel, parts: dict[str, str], leg_length: float
) -> dict[str, JointFigures]:
    figures = {}
    mass = float(model.body_subtreemass[1])
    for index in range(1, model.njnt):
        name = model.joint(index).name
        limited = bool(model.jnt_actfrclimited[index])
        low, high = model.jnt_actfrcrange[index] if limited else (0.0, 0.0)
        figures[name] = joint_figures(
            parts[name],
            mass,
            leg_length,
            source.actuators.get(name, ActuatorFigures()),
            effort=min(abs(low), abs(high)),
            velocity=source.velocity.get(name, 0.0),
            armature=float(model.dof_armature[model.jnt_dofadr[index]]),
        )
    return figures


def _key_bodies(model: mujoco.MjModel, roles: Roles, feet: tuple[str, ...], hands: tuple[str, ...]) -> tuple[str, ...]:
    """The root, the legs, the torso, the arms: fourteen, as SONIC tracks them, where the robot has them all."""
    names = [model.body(1).name]
    for side, foot in zip(_SIDES, feet, strict=True):
        names += [roles[f"{side}_hip"].body, roles[f"{side}_knee"].body, foot]
    names.append(roles["torso"].body)
    for side, hand in zip(_SIDES, hands, strict=True):
        names += [roles[f"{side}_shoulder"].body, roles[f"{side}_elbow"].body, hand]
    kept = [name for name in dict.fromkeys(names[1:]) if _path_length(model, name) > LEAST_PATH]
    return (names[0], *(name for name in kept if name != names[0]))


def _path_length(model: mujoco.MjModel, body: str) -> float:
    index, length = model.body(body).id, 0.0
    while index > 1:
        length += float(np.linalg.norm(model.body_pos[index]))
        index = int(model.body_parentid[index])
    return length


def _forearms(model: mujoco.MjModel, roles: Roles, hands: tuple[str, ...]) -> tuple[str, ...]:
    """Bodies from the elbow to the hand: they may touch the ground."""
    names = []
    for side, hand in zip(_SIDES, hands, strict=True):
        elbow, body = model.body(roles[f"{side}_elbow"].body).id, model.body(hand).id
        chain = []
        while body != elbow and body > 1:
            chain.append(model.body(body).name)
            body = int(model.body_parentid[body])
        names += [model.body(elbow).name, *reversed(chain)]
    return tuple(names)


def role_rows(built: Built) -> list[tuple[str, str, str, str, str]]:
    """Role, body, joints, confidence and reason, as text."""

    def row(role: str, found: Role) -> tuple[str, str, str, str, str]:
        return role, found.body, ", ".join(found.joints) or "-", f"{found.confidence:.2f}", found.reason

    return [row(role, found) for role, found in built.roles.items()]
