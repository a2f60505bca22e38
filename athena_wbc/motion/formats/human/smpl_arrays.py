"""Poses of the SMPL family that come without names: PHUMA and Motion-X npy, GVHMR pt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.arrays import load_npy, looks_like_npy, same_length, table
from athena_wbc.motion.formats.human.raw import OPEN_FPS, OPEN_UP, HumanOptions, RawHuman
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.human.smpl import smpl_motion
from athena_wbc.motion.formats.raw import Choice
from athena_wbc.motion.formats.safe_torch import load_torch, looks_like_torch

_POSE = 66
PHUMA = 69
"""Columns: translation (3), root and body (66)."""

MOTION_X = 322
"""Columns: root and body (66), hands (90), jaw (3), face (50 + 100), translation (3), shape (10)."""

_MOTION_X_TRANS = slice(309, 312)


def _recognise(columns: int, what: str) -> Any:
    def recognise(path: Path) -> str | None:
        if not looks_like_npy(path):
            return None
        shape = load_npy(path).shape
        return f"an npy of {columns} columns, as {what} has them" if len(shape) == 2 and shape[1] == columns else None

    return recognise


def _read_phuma(path: Path, options: HumanOptions) -> list[RawHuman]:
    values = table(str(path), "array", load_npy(path), PHUMA)
    return [smpl_motion(str(path), path.stem, values[:, 3:], values[:, :3], OPEN_FPS, OPEN_UP, options)]


def _read_motion_x(path: Path, options: HumanOptions) -> list[RawHuman]:
    values = table(str(path), "array", load_npy(path), MOTION_X)
    poses, trans, betas = values[:, :_POSE], values[:, _MOTION_X_TRANS], values[:, _MOTION_X_TRANS.stop :]
    return [smpl_motion(str(path), path.stem, poses, trans, OPEN_FPS, OPEN_UP, options, betas)]


def _recognise_gvhmr(path: Path) -> str | None:
    if not looks_like_torch(path):
        return None
    content = load_torch(path)
    return "a torch file with smpl_params_global" if _has_global(content) else None


def _has_global(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("smpl_params_global"), dict)


def _read_gvhmr(path: Path, options: HumanOptions) -> list[RawHuman]:
    content = load_torch(path)
    if not _has_global(content):
        raise AthenaError(f"{path}: has no smpl_params_global; name its --format")
    fields = content["smpl_params_global"]
    missing = [key for key in ("global_orient", "body_pose", "transl") if key not in fields]
    if missing:
        raise AthenaError(f"{path}: smpl_params_global: lacks {', '.join(missing)}; run GVHMR again")
    root = table(str(path), "global_orient", fields["global_orient"], 3)
    limbs = table(str(path), "body_pose", fields["body_pose"], _POSE - 3)
    trans = table(str(path), "transl", fields["transl"], 3)
    same_length(str(path), global_orient=root, body_pose=limbs)
    up = Choice.of("y", "default of the format")
    poses = np.concatenate((root, limbs), axis=1)
    betas = fields.get("betas")
    return [smpl_motion(str(path), path.stem, poses, trans, OPEN_FPS, up, options, betas)]


PHUMA_FORMAT = register_human_format(
    HumanFormat("phuma", "PHUMA npy (T, 69): translation and SMPL-X body", (".npy",), _recognise(PHUMA, "PHUMA"),
                _read_phuma)
)  # fmt: skip
MOTION_X_FORMAT = register_human_format(
    HumanFormat("motion_x", "Motion-X npy (T, 322)", (".npy",), _recognise(MOTION_X, "Motion-X"), _read_motion_x)
)
GVHMR = register_human_format(
    HumanFormat("gvhmr", "GVHMR pt: smpl_params_global", (".pt", ".pth"), _recognise_gvhmr, _read_gvhmr)
)
