"""Readers of motion files: one small module a format, behind one registry.

`read_motion` reads the clips of a file. A package outside this one adds a format by `register_format(Format(...))`.
"""

from athena_wbc.motion.formats import asap_pkl, athena_npz, beyondmimic_npz, csv_columns
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
    "asap_pkl",
    "athena_npz",
    "beyondmimic_npz",
    "csv_columns",
    "find_format",
    "formats",
    "motion_extensions",
    "read_motion",
    "recognise",
    "register_format",
    "resolve",
]
