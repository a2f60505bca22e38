"""Recordings of any skeleton as the 22 joints of a generator: what filters and judges are measured with."""

from __future__ import annotations

import numpy as np

from athena_wbc.motion.formats.human import body
from athena_wbc.motion.human import HumanMotion, unit_vectors
from athena_wbc.synthesis.human_features import at_rate, body_axes
from athena_wbc.synthesis.motion import FPS, JOINT_NAMES, PELVIS, SyntheticMotion


def from_human(motion: HumanMotion, prompt_id: str = "", fps: float = FPS) -> SyntheticMotion:
    """A recording of any skeleton as 22 joints: x forwards at the start, its first pelvis above the origin.

    Joints that it has no landmark for lie where the mean body has them: the spine between pelvis and neck, collars
    towards the shoulders, balls of the feet in front of the ankles.
    """
    at = {name: motion.landmark(name) for name in motion.landmarks}
    own = dict(zip(motion.joint_names, motion.positions.swapaxes(0, 1), strict=True))
    shoulders = 0.5 * (at["left_shoulder"] + at["right_shoulder"])
    neck = at.get("neck", shoulders)
    known = {
        joint: at[landmark] for landmark, joint in body.LANDMARKS.items() if landmark in at and landmark != "chest"
    }
    known |= {joint: own[joint] for joint in JOINT_NAMES if joint in own}
    known.setdefault("neck", neck)
    # A chest that is no joint of the mean body is the top of the spine's lower part: what hangs from it moves with it.
    chest = at.get("chest", at["pelvis"] + 0.6 * (neck - at["pelvis"]))
    known.setdefault("head", neck + 0.5 * (neck - chest))
    known.setdefault("spine1", 0.5 * (at["pelvis"] + chest))
    known.setdefault("spine2", chest)
    known.setdefault("spine3", 0.5 * (chest + neck))
    for side in ("left", "right"):
        known.setdefault(f"{side}_collar", 0.6 * neck + 0.4 * at[f"{side}_shoulder"])
    positions = np.stack([known.get(joint, np.full_like(neck, np.nan)) for joint in JOINT_NAMES], axis=1)
    for side in ("left", "right"):
        ball = JOINT_NAMES.index(f"{side}_foot")
        if np.isnan(positions[:, ball]).any():
            ankle, knee = (positions[:, JOINT_NAMES.index(f"{side}_{part}")] for part in ("ankle", "knee"))
            shank, front = unit_vectors(ankle - knee), body_axes(positions)[:, :, 0]
            across = unit_vectors(front - (front * shank).sum(axis=1, keepdims=True) * shank)
            reach = np.linalg.norm(ankle - knee, axis=1, keepdims=True)
            positions[:, ball] = ankle + reach * (0.28 * across + 0.16 * shank)
    made = SyntheticMotion(
        prompt_id=prompt_id or motion.name,
        positions=positions,
        generator="recording",
        is_learned=False,
        seed=0,
        fps=motion.fps,
        provenance={"source": motion.source, "history": list(motion.history)},
        licence=motion.licence,
    )
    return _facing_forward(at_rate(made, fps))


def _facing_forward(motion: SyntheticMotion) -> SyntheticMotion:
    front = body_axes(motion.positions[:1])[0, :2, 0]
    cosine, sine = front / max(float(np.hypot(*front)), 1e-9)
    turn = np.array(((cosine, sine, 0.0), (-sine, cosine, 0.0), (0.0, 0.0, 1.0)))
    start = motion.positions[0, PELVIS] * (1.0, 1.0, 0.0)
    return motion.replace(positions=(motion.positions - start) @ turn.T)
