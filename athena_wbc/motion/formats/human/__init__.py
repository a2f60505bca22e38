"""Readers of human motion files: one small module a format, behind a registry of their own.

`read_human` reads the motions of a file; retargeting turns them into clips of a robot.
"""

from athena_wbc.motion.formats.human import (
    acclaim,
    bvh,
    c3d,
    deepmimic,
    humanml3d,
    joint_arrays,
    smpl,
    smpl_arrays,
)
from athena_wbc.motion.formats.human.raw import UNITS, UP_AXES, HumanOptions, RawHuman
from athena_wbc.motion.formats.human.registry import (
    HumanFormat,
    human_extensions,
    human_formats,
    read_human,
    recognise_human,
    register_human_format,
)

__all__ = [
    "UNITS",
    "UP_AXES",
    "HumanFormat",
    "HumanOptions",
    "RawHuman",
    "acclaim",
    "bvh",
    "c3d",
    "deepmimic",
    "human_extensions",
    "human_formats",
    "humanml3d",
    "joint_arrays",
    "read_human",
    "recognise_human",
    "register_human_format",
    "smpl",
    "smpl_arrays",
]
