"""Read a .npy file that holds one pickled dictionary, without running what the pickle says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.safe_pickle import interpret

_MAGIC = b"\x93NUMPY"


def looks_like_object_npy(path: Path) -> bool:
    """Whether the file is a .npy whose array holds objects."""
    with open(path, "rb") as stream:
        head = stream.read(256)
    return head.startswith(_MAGIC) and b"'|O'" in head


def load_object_npy(path: Path) -> Any:
    """The object of a .npy file with a single one in it.

    Raises:
        AthenaError: no such file of numpy, several objects, anything but arrays and plain values in it (named).
    """
    with open(path, "rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read[version](stream)
        except Exception as error:  # the header is Python text, and its parser fails in many ways
            reason = (str(error) or type(error).__name__).splitlines()[0][:120]
            raise AthenaError(f"{path}: not a readable npy ({reason}); the file is damaged, copy it again") from error
        if not dtype.hasobject:
            raise AthenaError(f"{path}: holds an array of {dtype}, a dictionary is expected; name its --format")
        content = interpret(path, stream.read())
    if shape != () or isinstance(content, np.ndarray):
        raise AthenaError(f"{path}: holds an array of shape {shape}, one dictionary is expected; name its --format")
    return content
