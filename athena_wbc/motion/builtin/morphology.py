"""What a script needs to know of a robot: leg length, soles, stance, torso and arms, found through its roles."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.builtin.soles import Sole, find_sole
from athena_wbc.roles import SIDES, Roles, find_roles

LIMIT_MARGIN = 0.02
"""Distance that clips keep from joint limits, rad (or a tenth of the range, where that is less)."""

LEFT, RIGHT = 0, 1


@dataclasses.dataclass(frozen=True)
class ArmChain:
    """One arm, from the shoulder to the hand. Body ids and joint addresses are those of the MuJoCo model."""

    shoulder: int
    elbow: int
    hand: int
    dofs: np.ndarray
    """(A,) velocity addresses of the joints between torso and hand."""
    free: np.ndarray
    """(A,) bool: joints that aim the arm (shoulder and elbow); the others keep the default pose."""


@dataclasses.dataclass(frozen=True)
class Morphology:
    """A humanoid as the scripts see it. Left comes first in pairs; positions in m, nominal soles at z = 0."""

    model: mujoco.MjModel
    """Private copy whose joint ranges are narrowed by the margin."""
    nominal: np.ndarray
    """(nq,) default pose, moved so that the feet stand flat on the ground; root at x = y = 0, scalar-first."""
    torso: int
    """Body id of the last body that both arms hang from; the root for a robot without a waist."""
    feet: tuple[int, int]
    pelvis_rotation: np.ndarray
    torso_rotation: np.ndarray
    """(3, 3) orientations in the nominal pose."""
    foot_pos: np.ndarray
    """(2, 3) origins of the feet in the nominal pose, at the height of a level foot."""
    soles: tuple[Sole, Sole]
    leg_length: float
    """Height of the hips above the soles in the nominal pose."""
    com: np.ndarray
    """(3,) centre of mass in the nominal pose."""
    arms: tuple[ArmChain | None, ArmChain | None]

    @property
    def mass(self) -> float:
        """Total mass, kg."""
        return float(self.model.body_subtreemass[1])


def morphology(embodiment: Embodiment) -> Morphology:
    """Read a robot's build from its model and roles.

    Raises:
        AthenaError: the robot has not exactly two feet, or a foot has no collider.
    """
    model = mujoco.MjModel.from_xml_path(str(embodiment.model_path))
    data = mujoco.MjData(model)
    data.qpos[:3] = (0.0, 0.0, embodiment.default_root_height)
    for name, value in zip(embodiment.joint_names, embodiment.default_joint_pos, strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_forward(model, data)
    if len(embodiment.feet) != 2:
        raise AthenaError(
            f"robot '{embodiment.name}': feet: built-in clips need two feet, it has {len(embodiment.feet)}"
        )
    feet = _left_first(data, [model.body(name).id for name in embodiment.feet])
    soles = tuple(find_sole(model, data, foot, embodiment.name) for foot in feet)
    # Lower or raise the default pose so that its soles are at height zero.
    data.qpos[2] -= np.mean([data.xpos[foot, 2] - sole.height for foot, sole in zip(feet, soles, strict=True)])
    mujoco.mj_forward(model, data)
    foot_pos = data.xpos[list(feet)].copy()
    foot_pos[:, 2] = [sole.height for sole in soles]
    hands = [model.body(name).id for name in embodiment.end_effectors if name not in embodiment.feet]
    hands = _left_first(data, hands) if len(hands) == 2 else ()
    torso = _common_ancestor(model, hands) if hands else 1
    arms = _arms(embodiment, model, torso, hands) if hands else (None, None)
    _narrow_ranges(model)
    return Morphology(
        model=model,
        nominal=data.qpos.copy(),
        torso=torso,
        feet=feet,
        pelvis_rotation=data.xmat[1].reshape(3, 3).copy(),
        torso_rotation=data.xmat[torso].reshape(3, 3).copy(),
        foot_pos=foot_pos,
        soles=soles,
        leg_length=float(np.mean([data.xpos[_leg_top(model, foot), 2] for foot in feet])),
        com=data.subtree_com[1].copy(),
        arms=arms,
    )


def _left_first(data: mujoco.MjData, bodies: list[int]) -> tuple[int, int]:
    return tuple(sorted(bodies, key=lambda body: -data.xpos[body, 1]))


def _chain(model: mujoco.MjModel, body: int, stop: int) -> list[int]:
    """Bodies from the child of `stop` down to `body`."""
    chain = []
    while body not in (stop, 0):
        chain.append(body)
        body = int(model.body_parentid[body])
    return chain[::-1]


def _common_ancestor(model: mujoco.MjModel, bodies: tuple[int, int]) -> int:
    first, second = ([1, *_chain(model, body, 1)] for body in bodies)
    return max(body for body in first if body in second)


def _leg_top(model: mujoco.MjModel, foot: int) -> int:
    """First body of the leg that turns: the hip."""
    return next(body for body in _chain(model, foot, 1) if model.body_jntnum[body] > 0)


def _arms(
    embodiment: Embodiment, model: mujoco.MjModel, torso: int, hands: tuple[int, int]
) -> tuple[ArmChain | None, ...]:
    """Left and right arm, each None where the tree shows no shoulder and elbow."""
    try:
        roles = find_roles(model, embodiment.name, overrides=embodiment.roles)
    except AthenaError:
        return None, None
    return tuple(_arm(model, torso, hand, roles, side) for hand, side in zip(hands, SIDES, strict=True))


def _arm(model: mujoco.MjModel, torso: int, hand: int, roles: Roles, side: str) -> ArmChain | None:
    bodies = [body for body in _chain(model, hand, torso) if model.body_jntnum[body] > 0]
    joints = [int(model.body_jntadr[body]) for body in bodies]
    # The shoulder's body is the one whose frame is nearest to the point that the upper arm swings about.
    shoulder, elbow = (model.body(roles[f"{side}_{part}"].body).id for part in ("shoulder", "elbow"))
    if shoulder not in bodies or elbow not in bodies or hand == elbow:
        return None
    aiming = {*roles[f"{side}_shoulder"].joints, *roles[f"{side}_elbow"].joints}
    return ArmChain(
        shoulder=shoulder,
        elbow=elbow,
        hand=hand,
        dofs=model.jnt_dofadr[joints].copy(),
        free=np.array([model.joint(joint).name in aiming for joint in joints]),
    )


def _narrow_ranges(model: mujoco.MjModel) -> None:
    limited = model.jnt_limited.astype(bool)
    span = model.jnt_range[limited, 1] - model.jnt_range[limited, 0]
    margin = np.minimum(LIMIT_MARGIN, 0.1 * span)
    model.jnt_range[limited] += np.stack((margin, -margin), axis=1)
