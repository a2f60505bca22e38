"""Joint positions without names: Kimodo npz of human skeletons, and npy of joints (T, J, 3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.arrays import load_npy, looks_like_npy
from athena_wbc.motion.formats.human.raw import OPEN_FPS, OPEN_UP, HumanOptions, RawHuman
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

KIMODO_FPS = 30.0
_SPACE = 3
Skeleton = tuple[tuple[str, str | None], ...]
"""Joint and its parent, in the order of the file."""


def _chain(parent: str, *names: str) -> Skeleton:
    return tuple(zip(names, (parent, *names), strict=False))


def _soma(full: bool) -> Skeleton:
    """SOMA's 77 joints, or the 30 of its compact form, as Kimodo's documentation lists them."""
    head = _chain("Head", "HeadEnd") if full else ()
    skeleton = (("Hips", None), *_chain("Hips", "Spine1", "Spine2", "Chest", "Neck1", "Neck2", "Head"), *head)
    skeleton += (("Jaw", "Head"), ("LeftEye", "Head"), ("RightEye", "Head"))
    for side in ("Left", "Right"):
        skeleton += _chain("Chest", *(f"{side}{part}" for part in ("Shoulder", "Arm", "ForeArm", "Hand")))
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky") if full else ("Thumb", "Middle"):
            count = (3 if finger == "Thumb" else 4) if full else 0
            parts = [*map(str, range(1, count + 1)), "End"]
            skeleton += _chain(f"{side}Hand", *(f"{side}Hand{finger}{part}" for part in parts))
    for side in ("Left", "Right"):
        parts = ("Leg", "Shin", "Foot", "ToeBase", *(("ToeEnd",) if full else ()))
        skeleton += _chain("Hips", *(f"{side}{part}" for part in parts))
    return skeleton


def _holosoma() -> Skeleton:
    """The 53 joints of holosoma's climbing clips; the last two stand once more for the ankles."""
    skeleton: Skeleton = (("Hips", None), *_chain("Hips", "Spine", "Spine1", "Neck", "Head"))
    for side in ("Left", "Right"):
        skeleton += _chain("Spine1", *(f"{side}{part}" for part in ("Shoulder", "Arm", "ForeArm", "Hand")))
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky"):
            skeleton += _chain(f"{side}Hand", *(f"{side}Hand{finger}{number}" for number in (1, 2, 3)))
    for side in ("Left", "Right"):
        skeleton += _chain("Hips", *(f"{side}{part}" for part in ("UpLeg", "Leg", "Foot", "ToeBase")))
    return (*skeleton, ("LeftFootMod", "LeftFoot"), ("RightFootMod", "RightFoot"))


def _smpl(count: int) -> Skeleton:
    parents = (None if parent < 0 else body.JOINT_NAMES[parent] for parent in body.PARENTS)
    return tuple(zip(body.JOINT_NAMES, parents, strict=True))[:count]


KIMODO: dict[int, Skeleton] = {22: _smpl(22), 30: _soma(full=False), 77: _soma(full=True)}
"""Skeletons of Kimodo by their number of joints; 34 is the Unitree G1, whose clips are robot motions."""

PLAIN: dict[int, Skeleton] = {24: _smpl(24), 53: _holosoma()}
"""Skeletons of npy files by their number of joints; 22 is HumanML3D's."""


def _recognise_kimodo(path: Path) -> str | None:
    if not looks_like_zip(path):
        return None
    content = Npz(path)
    if "posed_joints" not in content:
        return None
    shape = content.shape("posed_joints")
    if len(shape) == 3 and shape[1] in KIMODO:
        return f"an npz with posed_joints of {shape[1]} joints"
    return None


def _read_kimodo(path: Path, options: HumanOptions) -> list[RawHuman]:
    content = Npz(path)
    shape = content.shape("posed_joints") if "posed_joints" in content else ()
    if len(shape) != 3 or shape[1] not in KIMODO:
        robot = "; 34 are those of the Unitree G1, a robot motion" if shape[1:2] == (34,) else ""
        known = ", ".join(map(str, KIMODO))
        raise AthenaError(f"{path}: posed_joints: has the shape {shape}, {known} joints are known{robot}")
    positions = content.numbers("posed_joints", (None, shape[1], _SPACE))
    rotations = None
    if "global_rot_mats" in content:
        matrices = content.numbers("global_rot_mats", (len(positions), shape[1], _SPACE, _SPACE))
        rotations = _quaternions(path, matrices)
    skeleton = KIMODO[shape[1]]
    fps, up = Choice.of(KIMODO_FPS, "default of the format"), Choice.of("y", "default of the format")
    return [_raw(path, skeleton, positions, rotations, fps, up)]


def _quaternions(path: Path, matrices: np.ndarray) -> np.ndarray:
    flat = matrices.reshape(-1, _SPACE, _SPACE)
    error = np.abs(flat @ flat.transpose(0, 2, 1) - np.eye(_SPACE))
    if not (error < 1e-2).all() or (np.linalg.det(flat) < 0.0).any():
        raise AthenaError(f"{path}: global_rot_mats: are no rotations; correct or drop them")
    return Rotation.from_matrix(flat).as_quat().reshape(*matrices.shape[:2], 4)


def _recognise_plain(path: Path) -> str | None:
    if not looks_like_npy(path):
        return None
    shape = load_npy(path).shape
    if len(shape) == 3 and shape[2] == _SPACE and shape[1] in PLAIN:
        return f"an npy of {shape[1]} joints"
    return None


def _read_plain(path: Path, options: HumanOptions) -> list[RawHuman]:
    joints = load_npy(path)
    if joints.ndim != _SPACE or joints.shape[1] not in PLAIN or joints.shape[2] != _SPACE or joints.dtype.kind != "f":
        known = " or ".join(map(str, PLAIN))
        raise AthenaError(f"{path}: has the shape {joints.shape}, (frames, {known}, 3) is expected")
    with np.errstate(invalid="ignore", over="ignore"):
        positions = joints.astype(np.float64)
    return [_raw(path, PLAIN[joints.shape[1]], positions, None, OPEN_FPS, OPEN_UP)]


def _raw(
    path: Path,
    skeleton: Skeleton,
    positions: np.ndarray,
    rotations: np.ndarray | None,
    fps: Choice[float],
    up: Choice[str],
) -> RawHuman:
    names = tuple(name for name, _ in skeleton)
    return RawHuman(
        name=path.resolve().parent.name if path.stem == "motion" else path.stem,
        where=str(path),
        positions=positions,
        joint_names=names,
        parents=tuple(-1 if parent is None else names.index(parent) for _, parent in skeleton),
        fps=fps,
        up=up,
        units=Choice.of("m", "default of the format"),
        rotations=rotations,
        source=path.name,
    )


def _register(
    name: str,
    description: str,
    extension: str,
    recognise: Callable[[Path], str | None],
    read: Callable[[Path, HumanOptions], list[RawHuman]],
) -> HumanFormat:
    return register_human_format(HumanFormat(name, description, (extension,), recognise, read))


KIMODO_FORMAT = _register(
    "kimodo_human", "Kimodo npz of SMPL-X (22) or SOMA (30, 77)", ".npz", _recognise_kimodo, _read_kimodo
)
PLAIN_FORMAT = _register(
    "joints_npy", "npy of SMPL (24) or holosoma (53) joints", ".npy", _recognise_plain, _read_plain
)
