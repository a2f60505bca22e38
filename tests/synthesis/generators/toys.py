"""Four kinds of toy motions with captions, for folders and for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.motion.formats.human import body
from athena_wbc.synthesis.motion import JOINT_NAMES

CAPTIONS = {
    "left_wave": "a person waves the left arm",
    "right_wave": "a person waves the right arm",
    "squat": "someone squats down and gets up",
    "step": "a walk forwards with small steps",
}
FRAMES = 30


def toy_motion(kind: str, number: int, frames: int = FRAMES) -> np.ndarray:
    """(frames, 22, 3) m, z up, 20 fps; motions of a kind differ by their number."""
    dice = np.random.default_rng(number)
    time = np.arange(frames) / 20.0
    rotvec = np.zeros((frames, 22, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        rotvec[:, JOINT_NAMES.index(f"{side}_shoulder"), 2] = -1.3 * sign  # the arms hang
    swing = np.sin(2.0 * np.pi * time * (0.8 + 0.1 * dice.random()) + 0.3 * dice.random())
    root = np.zeros((frames, 3))
    if kind.endswith("wave"):
        side = kind.split("_")[0]
        rotvec[:, JOINT_NAMES.index(f"{side}_shoulder"), 2] = (1.0 + 0.5 * swing) * (1.0 if side == "left" else -1.0)
    elif kind == "squat":
        depth = 0.5 * (1.0 - np.cos(2.0 * np.pi * time / time[-1])) * (0.9 + 0.2 * dice.random())
        for side in ("left", "right"):
            rotvec[:, JOINT_NAMES.index(f"{side}_hip"), 0] = -depth
            rotvec[:, JOINT_NAMES.index(f"{side}_knee"), 0] = 2.0 * depth
        root[:, 1] = 0.8 * (np.cos(depth) - 1.0)
    else:
        rotvec[:, JOINT_NAMES.index("left_hip"), 0] = 0.4 * swing
        rotvec[:, JOINT_NAMES.index("right_hip"), 0] = -0.4 * swing
        root[:, 2] = 0.8 * time
    quats = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_quat().reshape(frames, 22, 4)
    positions = body.forward(body.PARENTS[:22], body.OFFSETS, quats, root)[0]
    positions[..., 1] -= positions[0, :, 1].min()
    return positions[..., (2, 0, 1)]


def write_toys(folder: Path, repetitions: int) -> None:
    """Toy motions as HumanML3D joints (y up) with captions in text files."""
    for kind, caption in CAPTIONS.items():
        for number in range(repetitions):
            np.save(folder / f"{kind}_{number}.npy", toy_motion(kind, number)[..., (1, 2, 0)])
            (folder / f"{kind}_{number}.txt").write_text(f"{caption}#tags#0.0#0.0\nanother caption#tags#0.0#0.0\n")
