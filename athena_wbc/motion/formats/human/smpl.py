"""Files of the SMPL family: AMASS and ASAP npz, pickles of poses, AIST++.

They hold angles and no lengths: the joints are those of the mean skeleton in :mod:`body`, scaled to ``--height``.
Where a file holds joints too they are taken instead (ASAP pkl with ``smpl_joints``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.arrays import finite, same_length, table
from athena_wbc.motion.formats.human.raw import OPEN_FPS, HumanOptions, RawHuman, as_fps, unit_in_metres
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip
from athena_wbc.motion.formats.safe_pickle import load_pickle, looks_like_pickle

WIDTHS = {66: "SMPL body", 69: "SMPL body without hands", 72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
"""Columns of `poses` -> the body model."""

FASTEST = 15.0
"""Root speed in m/s that no person reaches; a wrong unit of `trans` is beyond it at once."""

AIST_FPS = 60.0
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate")
_TRANS = ("trans", "transl", "root_trans", "root_trans_offset")
_ROOTS = ("root_orient", "global_orient")
_BODIES = ("pose_body", "body_pose")


def smpl_motion(
    where: str,
    name: str,
    poses: np.ndarray,
    trans: np.ndarray,
    fps: Choice[float],
    up: Choice[str],
    options: HumanOptions,
    betas: Any = None,
    history: tuple[str, ...] = (),
) -> RawHuman:
    """A motion from axis-angle poses (T, P >= 66) in rad and a translation (T, 3) in the file's unit."""
    same_length(where, poses=poses, trans=trans)
    finite(where, "poses", poses)
    finite(where, "trans", trans)
    metres = unit_in_metres(options.units or "m")
    rate = options.fps or fps.values[0]
    if len(trans) > 1:
        speed = float(np.percentile(np.linalg.norm(np.diff(trans, axis=0), axis=1), 99.0)) * metres * rate
        if speed > FASTEST:
            raise AthenaError(
                f"{where}: the root moves at {speed:.0f} m/s, read in {options.units or 'm'}; say the unit of its "
                "translation by --units, and its frame rate by --fps"
            )
    height = options.height or body.DEFAULT_HEIGHT
    positions, rotations = body.pose_body(poses, trans * metres, height)
    said = f"mean skeleton of {height:g} m ({'option --height' if options.height else 'assumed; --height says better'})"
    if betas is not None and np.asarray(betas).dtype.kind == "f" and np.any(np.asarray(betas)):
        said += "; the shape parameters (betas) need the body model and are left out"
    return RawHuman(
        name=name,
        where=where,
        positions=positions / metres,
        joint_names=body.JOINT_NAMES[: body.BODY_JOINTS],
        parents=body.PARENTS[: body.BODY_JOINTS],
        fps=fps,
        up=up,
        units=Choice.of("m", "as the format has it"),
        landmarks=body.LANDMARKS,
        rotations=rotations,
        ground=True,
        source=Path(where).name,
        history=(*history, said),
    )


def _poses(where: str, content: Mapping[str, Any]) -> tuple[np.ndarray, str] | None:
    """Axis-angle poses of a file and the name of its body model, or None where it has none."""
    for key in ("poses", "pose", "fullpose"):
        if key in content:
            poses = table(where, key, _flat(content[key]), least=63)
            if poses.shape[1] not in WIDTHS:
                known = ", ".join(map(str, WIDTHS))
                raise AthenaError(f"{where}: {key}: has {poses.shape[1]} columns; known are {known}; convert the file")
            return poses, WIDTHS[poses.shape[1]]
    root = next((key for key in _ROOTS if key in content), None)
    limbs = next((key for key in _BODIES if key in content), None)
    if root is None or limbs is None:
        return None
    parts = [table(where, root, _flat(content[root]), 3), table(where, limbs, _flat(content[limbs]), least=63)]
    same_length(where, **{root: parts[0], limbs: parts[1]})
    return np.concatenate(parts, axis=1), "SMPL body in parts"


def _flat(value: Any) -> Any:
    # (T, J, 3) is as frequent as (T, 3 J).
    if isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] == 3:
        return value.reshape(len(value), -1)
    return value


def _is_smpl(content: Any) -> bool:
    if not isinstance(content, Mapping) or not any(key in content for key in _TRANS):
        return False
    whole = any(key in content for key in ("poses", "pose", "fullpose"))
    return whole or (any(key in content for key in _ROOTS) and any(key in content for key in _BODIES))


def _from_fields(where: str, name: str, content: Mapping[str, Any], options: HumanOptions) -> RawHuman:
    found = _poses(where, content)
    trans = next((key for key in _TRANS if key in content), None)
    if found is None or trans is None:
        keys = ", ".join(map(str, list(content)[:12]))
        raise AthenaError(f"{where}: holds no poses with a translation (it has {keys}); name its --format")
    poses, model = found
    rate = next((key for key in _RATES if key in content), None)
    fps = OPEN_FPS if rate is None else as_fps(where, content[rate], f"{rate} in the file")
    up = Choice.of("z", "default of the format")
    note = f"{model}, {poses.shape[1]} pose columns"
    betas = next((content[key] for key in ("betas",) if key in content), None)
    return smpl_motion(where, name, poses, table(where, trans, content[trans], 3), fps, up, options, betas, (note,))


def _recognise_npz(path: Path) -> str | None:
    if not looks_like_zip(path):
        return None
    content = Npz(path)
    if "poses" in content and "trans" in content:
        return "an npz with poses and trans"
    return "an npz with root_orient, pose_body and trans" if _is_smpl(content) else None


def _read_npz(path: Path, options: HumanOptions) -> list[RawHuman]:
    return [_from_fields(str(path), path.stem, Npz(path), options)]


def _recognise_pkl(path: Path) -> str | None:
    if not looks_like_pickle(path):
        return None
    content = load_pickle(path)
    if _is_smpl(content):
        return "a pickled motion with poses and a translation"
    if isinstance(content, dict) and content and all(_is_smpl(motion) for motion in content.values()):
        # ASAP's robot motions hold root_trans_offset as well, but no poses.
        return f"a pickled dictionary of {len(content)} motion(s) with poses and a translation"
    return None


def _read_pkl(path: Path, options: HumanOptions) -> list[RawHuman]:
    return [_from_fields(where, name, motion, options) for where, name, motion in motions_of(path, _is_smpl)]


def motions_of(path: Path, is_motion: Any) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(where, name, fields) of the motions in a pickle, which is one or a dictionary of them."""
    content = load_pickle(path)
    if is_motion(content):
        return [(str(path), path.stem, content)]
    if not isinstance(content, dict) or not content or not all(isinstance(value, dict) for value in content.values()):
        raise AthenaError(f"{path}: holds no dictionary of motions; name its --format")
    if len(content) == 1:
        return [(str(path), path.stem, next(iter(content.values())))]
    names = {key: PurePosixPath(str(key).replace("\\", "/")).stem or str(key) for key in content}
    return [(f"{path}: {names[key]}", names[key], value) for key, value in content.items()]


def _is_aist(content: Any) -> bool:
    return isinstance(content, dict) and "smpl_poses" in content and "smpl_trans" in content


def _recognise_aist(path: Path) -> str | None:
    if looks_like_pickle(path) and _is_aist(load_pickle(path)):
        return "a pickle with smpl_poses and smpl_trans"
    return None


def _read_aist(path: Path, options: HumanOptions) -> list[RawHuman]:
    content = load_pickle(path)
    if not _is_aist(content):
        raise AthenaError(f"{path}: has no smpl_poses and smpl_trans; name its --format")
    poses = table(str(path), "smpl_poses", _flat(content["smpl_poses"]), 72)
    trans = table(str(path), "smpl_trans", content["smpl_trans"], 3)
    history = ()
    if "smpl_scaling" in content:
        scaling = np.asarray(content["smpl_scaling"])
        if scaling.size != 1 or scaling.dtype.kind not in "fiu" or not 1e-6 < float(scaling.reshape(-1)[0]) < 1e6:
            raise AthenaError(f"{path}: smpl_scaling: must be one positive number; correct the file")
        factor = float(scaling.reshape(-1)[0])
        trans = trans / factor
        history = (f"translation divided by smpl_scaling {factor:.4g}",)
    fps = Choice.of(AIST_FPS, "default of the format")
    up = Choice.of("y", "default of the format")
    return [smpl_motion(str(path), path.stem, poses, trans, fps, up, options, history=history)]


def _has_joints(content: Any) -> bool:
    return isinstance(content, dict) and "smpl_joints" in content


def _recognise_joints(path: Path) -> str | None:
    if not looks_like_pickle(path):
        return None
    content = load_pickle(path)
    clips = [content] if _has_joints(content) else list(content.values()) if isinstance(content, dict) else []
    if not clips or not all(_has_joints(clip) for clip in clips):
        return None
    return f"a pickle of {len(clips)} motion(s) with smpl_joints"


def _read_joints(path: Path, options: HumanOptions) -> list[RawHuman]:
    return [_from_joints(where, name, clip) for where, name, clip in motions_of(path, _has_joints)]


def _from_joints(where: str, name: str, clip: Mapping[str, Any]) -> RawHuman:
    joints = clip.get("smpl_joints")
    count = len(body.JOINT_NAMES)
    if not isinstance(joints, np.ndarray) or joints.dtype.kind != "f" or joints.shape[1:] != (count, 3):
        shape = getattr(joints, "shape", type(joints).__name__)
        raise AthenaError(f"{where}: smpl_joints: has the shape {shape}, (frames, {count}, 3) is expected")
    with np.errstate(invalid="ignore", over="ignore"):
        positions = joints.astype(np.float64)
    if not positions.any():
        raise AthenaError(f"{where}: smpl_joints: are all zero; the file holds the robot's motion only")
    return RawHuman(
        name=name,
        where=where,
        positions=positions,
        joint_names=body.JOINT_NAMES,
        parents=body.PARENTS,
        fps=as_fps(where, clip["fps"], "in the file") if "fps" in clip else Choice.of(30.0, "default of the format"),
        up=Choice.of("z", "default of the format"),
        units=Choice.of("m", "default of the format"),
        landmarks=body.LANDMARKS,
        source=Path(where).name,
        history=("the joints are those of a SMPL body in the size of the robot that the file is for",),
    )


SMPL_NPZ = register_human_format(
    HumanFormat("smpl_npz", "AMASS and ASAP npz: poses of SMPL, SMPL-H or SMPL-X", (".npz",), _recognise_npz, _read_npz)
)
SMPL_PKL = register_human_format(
    HumanFormat(
        "smpl_pkl", "pickled poses of the SMPL family", (".pkl", ".pickle", ".joblib"), _recognise_pkl, _read_pkl
    )
)
AIST = register_human_format(
    HumanFormat("aist", "AIST++ pkl: smpl_poses, smpl_trans", (".pkl",), _recognise_aist, _read_aist)
)
ASAP_JOINTS = register_human_format(
    HumanFormat(
        "asap_joints", "ASAP pkl: the SMPL joints beside the robot's motion", (".pkl", ".joblib"),
        _recognise_joints, _read_joints,
    )
)  # fmt: skip
