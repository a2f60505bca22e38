"""Write clips in the formats of other projects: columns without a header, and BeyondMimic's npz."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError, suggest
from athena_wbc.files import atomic_write
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import output_path
from athena_wbc.motion.evidence import breadth_first_bodies, breadth_first_joints
from athena_wbc.rotations import quat_conj, quat_log, quat_mul

TARGETS = ("athena", "csv", "beyondmimic", "beyondmimic:isaac")
"""What `export_clip` writes: this library's npz, the columns of LAFAN1 retargets and of Unitree, and the npz of
BeyondMimic in the order of the model (mjlab) or breadth first (Isaac Lab)."""

_CHUNK = 4096
_RATE = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)_?(?:hz|fps)(?![a-z])", re.IGNORECASE)


def export_clip(clip: MotionClip, embodiment: Embodiment, folder: str | Path, target: str) -> Path:
    """Write a clip into a folder and return the path; a CSV has its frame rate in its name, as it has no other place.

    Raises:
        AthenaError: an unknown target, a clip of another robot, a file that cannot be written.
    """
    path = export_path(clip, folder, target)
    if target == "athena":
        clip.save(path)
        return path
    clip = clip.for_embodiment(embodiment)
    if target == "csv":
        atomic_write(path, csv_columns(clip).encode("ascii"))
        return path
    buffer = io.BytesIO()
    np.savez(buffer, **beyondmimic_arrays(clip, embodiment, breadth_first=target.endswith(":isaac")))
    atomic_write(path, buffer.getvalue())
    return path


def export_path(clip: MotionClip, folder: str | Path, target: str) -> Path:
    """Where `export_clip` writes a clip."""
    if target not in TARGETS:
        raise AthenaError(f"--to: {suggest(target, TARGETS)}")
    path = output_path(folder, clip.name)
    if target != "csv":
        return path
    stem = path.name.removesuffix(".npz")
    if str(clip.fps) not in {str(float(rate)) for rate in _RATE.findall(stem)}:
        stem += f"_{clip.fps:.10g}hz"
    return path.with_name(f"{stem}.csv")


def csv_columns(clip: MotionClip) -> str:
    """Lines of root position 3, root quaternion 4 scalar last, and joints, to the nine digits of a float32."""
    table = np.concatenate((clip.root_pos, clip.root_quat, clip.joint_pos), axis=1)
    return "".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in table.tolist())


def beyondmimic_arrays(clip: MotionClip, embodiment: Embodiment, breadth_first: bool = False) -> dict[str, np.ndarray]:
    """Keys of BeyondMimic's npz in float32, quaternions w-first, velocities by central differences.

    Returns:
        fps (1,), joint_pos and joint_vel (T, J), body_pos_w, body_lin_vel_w and body_ang_vel_w (T, B, 3), and
        body_quat_w (T, B, 4); in the order of the model, or breadth first.
    """
    kinematics = Kinematics(embodiment, dtype=torch.float64)
    parts = []
    for start in range(0, clip.num_frames, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        arrays = (clip.root_pos[chunk], clip.root_quat[chunk], clip.joint_pos[chunk])
        parts.append(kinematics.forward(*(torch.from_numpy(array.copy()) for array in arrays)))
    pos, quat = (torch.cat(part) for part in zip(*parts, strict=True))
    joints, bodies = slice(None), slice(None)
    if breadth_first:
        joints = embodiment.joint_index(breadth_first_joints(embodiment))
        bodies = breadth_first_bodies(embodiment)
    arrays = {
        "joint_pos": clip.joint_pos[:, joints],
        "joint_vel": clip.joint_vel[:, joints],
        "body_pos_w": pos.numpy()[:, bodies],
        "body_quat_w": np.roll(quat.numpy()[:, bodies], 1, axis=2),
        "body_lin_vel_w": np.gradient(pos.numpy(), 1.0 / clip.fps, axis=0)[:, bodies],
        "body_ang_vel_w": _angular_velocity(quat, clip.fps)[:, bodies],
    }
    return {"fps": np.array([clip.fps])} | {key: array.astype(np.float32) for key, array in arrays.items()}


def _angular_velocity(quat: torch.Tensor, fps: float) -> np.ndarray:
    """(T, B, 3) rad/s in the world frame, from (T, B, 4): as `MotionClip.root_ang_vel`, for every body."""
    before, after = torch.cat((quat[:1], quat[:-1])), torch.cat((quat[1:], quat[-1:]))
    span = torch.full((len(quat), 1, 1), 2.0 / fps, dtype=quat.dtype)
    span[[0, -1]] = 1.0 / fps
    return (quat_log(quat_mul(after, quat_conj(before))) / span).numpy()
