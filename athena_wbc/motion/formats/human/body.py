"""A mean human skeleton in the joint order of SMPL, and forward kinematics over any skeleton.

SMPL's own skeleton comes with its body model, whose licence forbids shipping it. The table below is ours, measured on
public motions: directions of the bones in the rest pose by least squares from 39 ASAP clips that hold both the
rotations and the joints of SMPL; lengths, and the triangles of the hips and of the collars, from the joints of
HumanML3D clip 012314; left and right averaged. What that means for accuracy is told in docs/formats_human.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

JOINT_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""The 24 joints of SMPL; SMPL-H and SMPL-X share the first 22."""

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

BODY_JOINTS = 22
"""Joints that all members of the SMPL family share."""

LANDMARKS = {
    "pelvis": "pelvis", "chest": "spine3", "neck": "neck", "head": "head",
    **{
        f"{side}_{landmark}": f"{side}_{joint}"
        for side in ("left", "right")
        for landmark, joint in {
            "hip": "hip", "knee": "knee", "ankle": "ankle", "toe": "foot",
            "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist",
        }.items()
    },
}  # fmt: skip
"""Landmark -> joint of the SMPL family."""

REFERENCE_HEIGHT = 1.80
"""Stature in m of the table below, by `evidence.stature`."""

DEFAULT_HEIGHT = 1.70
"""Stature in m that is assumed where nothing is said: about the mean of adults."""

PELVIS_OFFSET = (0.0, -0.222, 0.0)
"""Pelvis minus `trans` in the axes of a SMPL file, m, measured on the ASAP clips; the model's origin is its navel."""

OFFSETS = np.array(
    (
        (0.0, 0.0, 0.0),
        (0.0599, -0.0860, -0.0185), (-0.0599, -0.0860, -0.0185), (0.0, 0.1311, -0.0106),
        (0.0639, -0.3866, 0.0092), (-0.0639, -0.3866, 0.0092), (0.0, 0.1369, 0.0418),
        (-0.0095, -0.4279, -0.0300), (0.0095, -0.4279, -0.0300), (0.0, 0.0561, -0.0121),
        (0.0505, -0.0698, 0.1184), (-0.0505, -0.0698, 0.1184), (0.0, 0.2190, -0.0123),
        (0.0719, 0.1186, -0.0219), (-0.0719, 0.1186, -0.0219), (0.0, 0.0982, 0.0313),
        (0.1150, 0.0546, -0.0010), (-0.1150, 0.0546, -0.0010),
        (0.2573, -0.0367, 0.0030), (-0.2573, -0.0367, 0.0030),
        (0.2678, 0.0073, 0.0020), (-0.2678, 0.0073, 0.0020),
    )
)  # fmt: skip
"""(22, 3) m: each joint from its parent in the T pose; x to the left, y up, z forwards."""


def forward(
    parents: Sequence[int], offsets: np.ndarray, rotations: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pose a skeleton.

    Args:
        parents: J indices, each smaller than the joint's own, -1 for the root.
        offsets: (J, 3) each joint from its parent at rest. rotations: (T, J, 4) xyzw, relative to the parent.
        root: (T, 3) position of the root.

    Returns:
        Positions (T, J, 3) and orientations (T, J, 4) xyzw in the frame of `root`.
    """
    frames, joints = rotations.shape[:2]
    positions = np.empty((frames, joints, 3))
    world: list[Rotation] = []
    for joint, parent in enumerate(parents):
        local = Rotation.from_quat(rotations[:, joint])
        if parent < 0:
            positions[:, joint] = root
            world.append(local)
        else:
            positions[:, joint] = positions[:, parent] + world[parent].apply(offsets[joint])
            world.append(world[parent] * local)
    return positions, np.stack([rotation.as_quat() for rotation in world], axis=1)


def pose_body(poses: np.ndarray, trans: np.ndarray, height: float = DEFAULT_HEIGHT) -> tuple[np.ndarray, np.ndarray]:
    """Joints of the mean skeleton for poses of the SMPL family.

    Args:
        poses: (T, P >= 66) axis-angle of the root and the joints, rad; what follows the 22 of the body is ignored.
        trans: (T, 3) translation as such files have it, m. height: stature in m to which the skeleton is scaled.

    Returns:
        Positions (T, 22, 3) in m and orientations (T, 22, 4) xyzw, in the file's own axes.
    """
    rotvec = poses[:, : 3 * BODY_JOINTS].reshape(-1, 3)
    rotations = Rotation.from_rotvec(rotvec).as_quat().reshape(len(poses), BODY_JOINTS, 4)
    offsets = OFFSETS * (height / REFERENCE_HEIGHT)
    return forward(PARENTS[:BODY_JOINTS], offsets, rotations, trans + PELVIS_OFFSET)
