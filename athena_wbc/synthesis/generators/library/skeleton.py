"""The mean person in the axes of the world, and the arithmetic of its limbs.

The skeleton is that of `motion/formats/human/body.py`, turned to x forwards, y left, z up. A limb that hangs straight
down with its hinge towards the front has the identity as its *canonical* frame; the constants here turn canonical
frames into the rotations of the rest pose's bones. All arrays run over frames.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.motion.formats.human import body
from athena_wbc.synthesis.motion import JOINT_NAMES, JOINTS, PARENTS

OFFSETS = np.ascontiguousarray(body.OFFSETS[:, [2, 0, 1]]) * (body.DEFAULT_HEIGHT / body.REFERENCE_HEIGHT)
"""(22, 3) m: each joint from its parent in the T pose; x forwards, y left, z up."""

INDEX = {name: number for number, name in enumerate(JOINT_NAMES)}
SIDES = ("left", "right")
SIGNS = (1.0, -1.0)
"""Of y on the left and on the right."""

_SHARES = (
    ("head", "head", 1.0, 0.0694), ("neck", "spine3", 0.7, 0.16), ("spine2", "spine1", 0.5, 0.1633),
    ("pelvis", "spine1", 0.8, 0.1117),
    *(
        (f"{side}_{above}", f"{side}_{below}", share, mass)
        for side in SIDES
        for above, below, share, mass in (
            ("shoulder", "elbow", 0.423, 0.0271), ("elbow", "wrist", 0.3, 0.0223), ("hip", "knee", 0.591, 0.1416),
            ("knee", "ankle", 0.561, 0.0433), ("ankle", "foot", 0.5, 0.0137),
        )
    ),
)  # fmt: skip
"""Upper joint, lower joint, share of the upper one in the segment's centre, share of the body's mass: de Leva 1996."""


def _joint_masses() -> np.ndarray:
    masses = np.zeros(JOINTS)
    for above, below, share, mass in _SHARES:
        masses[INDEX[above]] += share * mass
        masses[INDEX[below]] += (1.0 - share) * mass
    return masses / masses.sum()


JOINT_MASSES = _joint_masses()
"""(22,) shares: the centre of mass is their sum with the joints' positions."""


@dataclasses.dataclass(frozen=True)
class Limb:
    """An arm or a leg of two bones."""

    joints: tuple[int, int, int]
    """Its root, hinge and end."""
    rest: tuple[np.ndarray, np.ndarray]
    """(3, 3) transposed canonical frames of both bones in the T pose."""
    lengths: tuple[float, float]


def _limb(*names: str) -> Limb:
    joints = tuple(INDEX[name] for name in names)
    rest, lengths = [], []
    for joint in joints[1:]:
        up = -OFFSETS[joint] / np.linalg.norm(OFFSETS[joint])
        front = np.array([1.0, 0.0, 0.0]) - up[0] * up
        front /= np.linalg.norm(front)
        rest.append(np.stack((front, np.cross(up, front), up)))
        lengths.append(float(np.linalg.norm(OFFSETS[joint])))
    return Limb(joints, tuple(rest), tuple(lengths))


LEGS = tuple(_limb(f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in SIDES)
ARMS = tuple(_limb(f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist") for side in SIDES)
BALLS = tuple(INDEX[f"{side}_foot"] for side in SIDES)
"""Balls of the feet: with flat feet they are on the floor."""
LEG_LENGTH = sum(LEGS[0].lengths)
STANDING_HEIGHT = float(-sum(OFFSETS[INDEX[name], 2] for name in ("left_hip", "left_knee", "left_ankle", "left_foot")))
"""Height of the pelvis in the rest pose, m."""


@dataclasses.dataclass(frozen=True)
class Track:
    """A motion on the skeleton."""

    world: np.ndarray
    """(T, 22, 3, 3) orientations in the world."""
    root: np.ndarray
    """(T, 3) pelvis, m."""

    def __len__(self) -> int:
        return len(self.root)

    @property
    def positions(self) -> np.ndarray:
        """(T, 22, 3) joints, m."""
        return place(self.world, self.root)

    def cut(self, start: int, stop: int) -> Track:
        """Frames from `start` up to `stop`."""
        return Track(self.world[start:stop], self.root[start:stop])


def place(world: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) from orientations (T, 22, 3, 3) and the pelvis (T, 3): bone lengths are exact."""
    bones = np.einsum("tjab,jb->tja", world[:, list(PARENTS[1:])], OFFSETS[1:])
    positions = np.empty((len(root), JOINTS, 3))
    positions[:, 0] = root
    for joint in range(1, JOINTS):
        positions[:, joint] = positions[:, PARENTS[joint]] + bones[:, joint - 1]
    return positions


def local_rotations(world: np.ndarray) -> np.ndarray:
    """(T, 22, 3, 3) of each joint in its parent's frame; the root's own in the world."""
    local = world.copy()
    local[:, 1:] = np.swapaxes(world[:, list(PARENTS[1:])], -1, -2) @ world[:, 1:]
    return local


def world_rotations(local: np.ndarray) -> np.ndarray:
    """The way back from :func:`local_rotations`."""
    world = local.copy()
    for joint in range(1, JOINTS):
        world[:, joint] = world[:, PARENTS[joint]] @ local[:, joint]
    return world


def centre_of_mass(positions: np.ndarray) -> np.ndarray:
    """(T, 3) from joints (T, 22, 3)."""
    return np.einsum("j,tja->ta", JOINT_MASSES, positions)


def about(axis: str, angle: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations about an axis of the frame, angles (T,) in rad."""
    cosine, sine, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "x": (one, zero, zero, zero, cosine, -sine, zero, sine, cosine),
        "y": (cosine, zero, sine, zero, one, zero, -sine, zero, cosine),
        "z": (cosine, -sine, zero, sine, cosine, zero, zero, zero, one),
    }[axis]
    return np.stack(rows, axis=-1).reshape(*np.shape(angle), 3, 3)


def turned(rotvec: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations from rotation vectors (T, 3), rad."""
    return Rotation.from_rotvec(rotvec).as_matrix()


def between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rotations on the way from `first` to `second`, `share` (T,) from 0 to 1."""
    step = Rotation.from_matrix(np.swapaxes(first, -1, -2) @ second).as_rotvec()
    return first @ turned(share[:, None] * step)


def swing(raised: np.ndarray, out: np.ndarray, sign: float) -> np.ndarray:
    """(T, 3, 3) canonical frame of a limb that is raised from hanging, in a vertical plane `out` from the sagittal one.

    Args:
        raised: (T,) 0 hangs, pi/2 is level, pi overhead; negative is behind, rad.
        out: (T,) 0 is to the front, pi/2 to the limb's own side, rad.
        sign: of the limb's side.
    """
    angle = sign * out
    axis = np.stack((np.sin(angle), -np.cos(angle), np.zeros_like(angle)), axis=-1)
    return turned(raised[:, None] * axis)


def hinge(limb: Limb, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flexion of the hinge, and angle between first bone and the line to the end, (T,) rad each, for its distance."""
    first, second = limb.lengths
    cosine = (distance**2 - first**2 - second**2) / (2.0 * first * second)
    flexion = np.arccos(np.clip(cosine, -1.0, 1.0))
    return flexion, np.arctan2(second * np.sin(flexion), first + second * np.cos(flexion))
