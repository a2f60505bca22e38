"""Checked values out of dictionaries that pickles hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.raw import Choice


def table(where: str, content: Mapping[Any, Any], key: str, width: int | None = None) -> np.ndarray:
    """A (frames, width) array of numbers as float64; any width where None.

    Raises:
        AthenaError: a missing key, another shape, not numbers.
    """
    if key not in content:
        raise AthenaError(f"{where}: key '{key}' is missing (it has {', '.join(map(str, list(content)[:12]))})")
    value = content[key]
    array = np.asarray(value) if isinstance(value, (list, np.ndarray)) and _is_regular(value) else None
    if array is None or array.dtype.kind not in "fiu" or array.ndim != 2 or (width and array.shape[1] != width):
        shape = getattr(array, "shape", type(value).__name__)
        raise AthenaError(f"{where}: {key}: has the shape {shape}, (frames, {width or 'joints'}) is expected")
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs of a damaged file are found by the check
        return array.astype(np.float64)


def _is_regular(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return all(isinstance(row, (list, tuple, np.ndarray)) and len(row) == len(value[0]) for row in value)


def frame_rate(where: str, content: Mapping[Any, Any], default: float | None = None) -> Choice[float]:
    """The `fps` of the file, else the format's default.

    Raises:
        AthenaError: missing without a default, or no number.
    """
    if "fps" not in content:
        if default is None:
            raise AthenaError(f"{where}: key 'fps' is missing; give --fps")
        return Choice.of(default, "default of the format")
    try:
        return Choice.of(float(np.asarray(content["fps"]).reshape(())), "in the file")
    except (TypeError, ValueError):
        kind = type(content["fps"]).__name__
        raise AthenaError(f"{where}: fps: is {kind}, a number is expected; give --fps") from None


def same_length(where: str, arrays: Mapping[str, np.ndarray], leading: str) -> None:
    """Refuse arrays of another number of frames than `leading` has."""
    for key, array in arrays.items():
        if len(array) != len(arrays[leading]):
            raise AthenaError(
                f"{where}: {key}: has {len(array)} frames and {leading} {len(arrays[leading])}; the file is damaged"
            )
