"""Checked arrays out of files, for the readers of this package."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError


def table(where: str, key: str, value: Any, width: int | None = None, least: int = 1) -> np.ndarray:
    """A two-dimensional array of numbers as float64.

    Args:
        width: columns, where they are known. least: columns at least.

    Raises:
        AthenaError: something else.
    """
    array = np.asarray(value) if isinstance(value, np.ndarray) else None
    fits = array is not None and array.dtype.kind in "fiu" and array.ndim == 2
    if not fits or (width is not None and array.shape[1] != width) or array.shape[1] < least:
        shape = getattr(array, "shape", type(value).__name__)
        raise AthenaError(f"{where}: {key}: has the shape {shape}, (frames, {width or f'{least} or more'}) is expected")
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs of a damaged file are found by the check
        return array.astype(np.float64)


def same_length(where: str, **arrays: np.ndarray) -> None:
    """Refuse arrays with different numbers of frames."""
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise AthenaError(f"{where}: numbers of frames differ ({counts}); the file is damaged")


def finite(where: str, key: str, array: np.ndarray, largest: float = 1e6) -> np.ndarray:
    """The array, if all its values are finite and of a size that a motion can have."""
    bad = np.argwhere(~(np.abs(array) < largest))
    if len(bad):
        place = ", ".join(str(int(i)) for i in bad[0])
        raise AthenaError(f"{where}: {key}: is {array[tuple(bad[0])]:g} at [{place}]; repair or trim the motion")
    return array


def load_npy(path: Path) -> np.ndarray:
    """The array of numbers in an npy file, read without pickles and without believing the size that it claims.

    Raises:
        AthenaError: damaged, or holding objects.
    """
    status = path.stat()
    return _load_npy(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _load_npy(path: Path, modified: int, size: int) -> np.ndarray:
    # Recognising a format and reading it both need the content; the last one is kept.
    del modified
    try:
        with open(path, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read[version](stream)
            if dtype.hasobject:
                raise AthenaError(f"{path}: holds pickled objects; only arrays of numbers are read")
            needed = math.prod(shape) * dtype.itemsize
            if any(length < 0 for length in shape) or not 0 < needed <= size - stream.tell():
                raise AthenaError(f"{path}: its header claims {shape}, which its size does not hold; it is damaged")
            raw = stream.read(needed)
    except AthenaError:
        raise
    except Exception as error:  # the header is Python text, and its parser fails in many ways
        raise AthenaError(f"{path}: not a readable npy file; copy or write it again") from error
    array = np.frombuffer(raw, dtype=dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def looks_like_npy(path: Path) -> bool:
    """Whether the file starts as an npy file."""
    with open(path, "rb") as stream:
        return stream.read(6) == b"\x93NUMPY"
