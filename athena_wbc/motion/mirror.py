"""Mirror motions left to right, by the symmetry of the robot itself.

Reflection in the plane y = 0 maps a position p to M p with M = diag(1, -1, 1), and a rotation R to M R M. A joint that
turns about the world axis a turns in the mirror about -M a by the same angle. So the joint on the other side takes the
angle, with the sign by which its own axis differs from -M a; a joint in the middle keeps it (pitch) or turns it round
(roll, yaw). Sides are told by names, signs by the axes of the model in its zero pose.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.rotations import quat_apply

POSITION_TOLERANCE = 2e-3
AXIS_TOLERANCE = 0.02
"""What the two sides of a model may differ by, in m and as the sine of an angle: drawings are rounded. The G1 differs
by 0.02 mm."""

_SUFFIX = "_mirrored"
_PAIRS = {"left": "right", "clockwise": "counterclockwise", "l": "r"}
_OTHER = _PAIRS | {right: left for left, right in _PAIRS.items()} | {"anticlockwise": "clockwise"}
_WORDS = "|".join(
    form
    for word in sorted(_OTHER, key=len, reverse=True)
    if len(word) > 1
    for form in (word, word.capitalize(), word.upper())
)
_SIDE = re.compile(rf"(?<![A-Za-z])(?:{_WORDS})(?![a-z])|(?<=[a-z0-9])(?:Left|Right)(?![a-z])")
"""Whole words, and parts of names in camel case: `left_hip`, `LeftHip`, `turnLeft`, not `upright` or `leftover`."""
_LETTER = re.compile(r"(?<![A-Za-z])[lrLR](?![A-Za-z])|(?<![A-Za-z])[LR](?=[A-Z][a-z])|(?<=[a-z])[LR](?![A-Za-z])")
"""Sides as letters: `l_hip`, `hip_r`, `LHipYaw`, `hipR`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Symmetry:
    """How a robot maps onto its mirror image."""

    joint: np.ndarray
    """(J,) index of the joint on the other side, its own in the middle."""
    sign: np.ndarray
    """(J,) 1 or -1: mirrored[joint[j]] = sign[j] * original[j]."""
    body: np.ndarray
    """(B,) the same of the bodies; -1 for a body that has no partner and does not matter (a sensor)."""
    deviation: float
    """Greatest distance between a body's or joint's place and the mirror image of its partner's, m."""


def find_symmetry(embodiment: Embodiment) -> Symmetry:
    """Pair the joints and bodies of a robot.

    Raises:
        AthenaError: a robot that is not symmetric; the message names the joint and what differs.
    """
    joints = _partners(embodiment.joint_names)
    for joint, other in enumerate(joints):
        if other < 0:
            _refuse(embodiment, joint, "has no counterpart on the other side")
    origin = torch.zeros(3, dtype=torch.float64), torch.tensor((0.0, 0.0, 0.0, 1.0), dtype=torch.float64)
    zero = torch.zeros(embodiment.num_joints, dtype=torch.float64)
    pos, quat = Kinematics(embodiment, dtype=torch.float64).forward(*origin, zero)
    moved = torch.as_tensor(embodiment.joint_body)
    place = pos[moved] + quat_apply(quat[moved], torch.as_tensor(embodiment.joint_anchor))
    axis = quat_apply(quat[moved], torch.as_tensor(embodiment.joint_axis)).numpy()
    mirror = np.array((1.0, -1.0, 1.0))
    image = -mirror * axis
    along = (axis[joints] * image).sum(axis=1)
    # An anchor may lie anywhere on its axis.
    between = place.numpy()[joints] - mirror * place.numpy()
    apart = np.linalg.norm(np.cross(between, image), axis=1)
    for joint in np.flatnonzero((np.abs(along) < np.sqrt(1.0 - AXIS_TOLERANCE**2)) | (apart > POSITION_TOLERANCE)):
        other = embodiment.joint_names[joints[joint]]
        if apart[joint] > POSITION_TOLERANCE:
            _refuse(embodiment, joint, f"lies {1000.0 * apart[joint]:.1f} mm from the mirror image of '{other}'")
        degrees = np.degrees(np.arccos(min(abs(along[joint]), 1.0)))
        _refuse(embodiment, joint, f"turns about an axis {degrees:.1f} deg from the mirror image of that of '{other}'")
    bodies = _partners(embodiment.body_names)
    _check_tree(embodiment, joints, bodies)
    paired = np.flatnonzero(bodies >= 0)
    off = np.linalg.norm(pos.numpy()[bodies[paired]] - mirror * pos.numpy()[paired], axis=1)
    matters = np.isin(paired, np.concatenate((embodiment.joint_body, embodiment.key_body_index)))
    for body in paired[matters & (off > POSITION_TOLERANCE)]:
        raise AthenaError(
            f"robot '{embodiment.name}': body '{embodiment.body_names[body]}' lies "
            f"{1000.0 * off[paired == body][0]:.1f} mm from the mirror image of its counterpart; "
            "motions cannot be mirrored, leave --mirror out"
        )
    return Symmetry(joints, np.sign(along), bodies, float(max(apart.max(), off[matters].max(initial=0.0))))


def mirror_clip(clip: MotionClip, embodiment: Embodiment) -> MotionClip:
    """The mirror image of a clip, in the plane y = 0 of the world, with the sides in its name and text exchanged.

    Raises:
        AthenaError: a robot that is not symmetric.
    """
    clip = clip.for_embodiment(embodiment)
    symmetry = find_symmetry(embodiment)
    joint_pos = np.empty_like(clip.joint_pos)
    joint_pos[:, symmetry.joint] = symmetry.sign * clip.joint_pos
    note = f"mirrored left to right (model symmetric to {1000.0 * symmetry.deviation:.2f} mm)"
    return clip.replace(
        name=mirrored_name(clip.name),
        root_pos=clip.root_pos * (1.0, -1.0, 1.0),
        root_quat=clip.root_quat * (-1.0, 1.0, -1.0, 1.0),
        joint_pos=joint_pos,
        text=swap_sides(clip.text),
        history=(*clip.history, note),
    )


def mirrored_name(name: str) -> str:
    """The name of a mirrored clip: sides exchanged and `_mirrored` behind it, or taken away again.

    >>> mirrored_name("kick_left"), mirrored_name("kick_right_mirrored")
    ('kick_right_mirrored', 'kick_left')
    """
    swapped = swap_sides(name)
    return swapped.removesuffix(_SUFFIX) if swapped.endswith(_SUFFIX) else swapped + _SUFFIX


def swap_sides(text: str) -> str:
    """Exchange left and right, clockwise and counterclockwise, keeping their case.

    >>> swap_sides("Left hook, then turns right"), swap_sides("turnLeft_upright")
    ('Right hook, then turns left', 'turnRight_upright')
    """
    return _SIDE.sub(_other, text)


def _other(match: re.Match[str]) -> str:
    word = match[0]
    other = _OTHER[word.lower()]
    if word.isupper():  # single letters too
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _partners(names: tuple[str, ...]) -> np.ndarray:
    """(n,) index of the name with the sides exchanged; a name without a side is its own; -1 where there is none."""
    index = {name: number for number, name in enumerate(names)}
    found = []
    for number, name in enumerate(names):
        swapped = swap_sides(name)
        if swapped == name:
            swapped = _LETTER.sub(_other, name)
        found.append(number if swapped == name else index.get(swapped, -1))
    return np.array(found)


def _check_tree(embodiment: Embodiment, joints: np.ndarray, bodies: np.ndarray) -> None:
    """Counterparts must move counterparts, all the way up, for the symmetry of the zero pose to hold in every pose."""
    above = _joint_above(embodiment)
    for joint, other in enumerate(joints):
        mine = above[embodiment.body_parents[embodiment.joint_body[joint]]]
        its = above[embodiment.body_parents[embodiment.joint_body[other]]]
        if (joints[mine] if mine >= 0 else -1) != its:
            _refuse(embodiment, joint, f"and '{embodiment.joint_names[other]}' hang on joints that are no counterparts")
    for body in embodiment.key_body_index:
        if bodies[body] < 0:
            raise AthenaError(
                f"robot '{embodiment.name}': key body '{embodiment.body_names[body]}' has no counterpart on the other "
                "side; motions cannot be mirrored, leave --mirror out"
            )


def _joint_above(embodiment: Embodiment) -> np.ndarray:
    """(B,) the joint that moves each body, or the next one up the tree; -1 where none does."""
    above = np.full(len(embodiment.body_names), -1)
    own = {int(body): joint for joint, body in enumerate(embodiment.joint_body)}
    for body, parent in enumerate(embodiment.body_parents):
        above[body] = own.get(body, above[parent] if parent >= 0 else -1)
    return above


def _refuse(embodiment: Embodiment, joint: int, why: str) -> None:
    raise AthenaError(
        f"robot '{embodiment.name}': joint '{embodiment.joint_names[joint]}' {why}; motions cannot be mirrored, "
        "leave --mirror out"
    )
