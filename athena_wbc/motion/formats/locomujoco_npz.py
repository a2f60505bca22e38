"""LocoMuJoCo npz of version 0.4: an array for every joint by name, the root as three slides and three hinges, 500 fps.

Keys: q_<joint> (T,), and dq_<joint>, which are not read. The root: q_pelvis_tx ahead, q_pelvis_tz to the left,
q_pelvis_ty up and counted from the model's height, then turns about -y (tilt), x (list) and z (rotation), each about
the axis that the ones before have turned. As the height is relative, the clip is put on the ground by its lowest foot.
Joint names are LocoMuJoCo's own, so the robot must be registered from its model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import named_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip
from athena_wbc.motion.grounding import ground_clip

DEFAULT_FPS = 500.0
_POSITION = ("q_pelvis_tx", "q_pelvis_tz", "q_pelvis_ty")
_ROTATION = ("q_pelvis_tilt", "q_pelvis_list", "q_pelvis_rotation")


def recognise(path: Path) -> str | None:
    """By the six keys of the root."""
    if not looks_like_zip(path) or not {*_POSITION, *_ROTATION} <= set(Npz(path)):
        return None
    return "npz with q_pelvis_tx and one array a joint"


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    archive = Npz(path)
    keys = [key for key in archive if key.startswith("q_") and key not in (*_POSITION, *_ROTATION)]
    names = tuple(key.removeprefix("q_") for key in keys)
    if not keys:
        raise AthenaError(f"{path}: has no joints besides the root; check its source")
    columns = named_columns(str(path), "keys q_*", names, options)
    if options.quaternion is not None:
        raise AthenaError(f"{path}: --quaternion: the file has angles about axes; leave the option out")
    frames = len(archive.numbers(_POSITION[0], (None,)))
    root = np.stack([archive.numbers(key, (frames,)) for key in (*_POSITION, *_ROTATION)], axis=1)
    angles = root[:, 3:] * (-1.0, 1.0, 1.0)
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=root[:, :3] + (0.0, 0.0, options.robot.default_root_height),
        root_quat=Rotation.from_euler("YXZ", np.nan_to_num(angles)).as_quat(),
        joint_pos=np.stack([archive.numbers(key, (frames,)) for key in keys], axis=1),
        fps=stated(options.fps, "--fps", Choice.of(DEFAULT_FPS, "default of the format")),
        quaternion=Choice.of("xyzw", "from angles"),
        source=path.name,
        **columns,
    )
    if not np.isfinite(angles).all():
        raise AthenaError(f"{path}: q_pelvis_tilt, list or rotation: holds a value that is not finite; repair the file")
    return [ground_clip(resolve(raw, options), options.robot)]


FORMAT = register_format(
    Format(
        name="locomujoco",
        description="LocoMuJoCo 0.4 npz: q_<joint> by name, the root as q_pelvis_tx ... q_pelvis_rotation",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
