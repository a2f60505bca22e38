"""Readers of motion files: one small module a format, behind one registry.

`read_motion` reads the clips of a file. A package outside this one adds a format by `register_format(Format(...))`.
"""

from athena_wbc.motion.formats import (
    amp_txt,
    asap_pkl,
    athena_npz,
    beyondmimic_npz,
    bones_csv,
    csv_columns,
    gmr,
    hdmi_npz,
    holosoma_npz,
    isaaclab_npz,
    kimodo_npz,
    locomujoco_npz,
    poselib_npy,
    protomotions,
    root_npz,
)
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.raw import ACCEPTABLE, Choice, RawMotion, ReadOptions
from athena_wbc.motion.formats.registry import (
    Format,
    find_format,
    formats,
    motion_extensions,
    read_motion,
    recognise,
    register_format,
)

__all__ = [
    "ACCEPTABLE",
    "Choice",
    "Format",
    "RawMotion",
    "ReadOptions",
    "amp_txt",
    "asap_pkl",
    "athena_npz",
    "beyondmimic_npz",
    "bones_csv",
    "csv_columns",
    "find_format",
    "formats",
    "gmr",
    "hdmi_npz",
    "holosoma_npz",
    "isaaclab_npz",
    "kimodo_npz",
    "locomujoco_npz",
    "motion_extensions",
    "poselib_npy",
    "protomotions",
    "read_motion",
    "recognise",
    "register_format",
    "resolve",
    "root_npz",
]
