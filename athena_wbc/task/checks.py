"""Refusal of values that a configuration's types allow but that the task cannot work with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from athena_wbc.errors import AthenaError


def check_positive(key: str, value: float) -> None:
    """A finite number above zero."""
    if not 0.0 < value < math.inf:
        raise AthenaError(f"{key}: is {value:g}; it must be positive")


def check_not_negative(key: str, value: float) -> None:
    """A finite number, zero or above."""
    if not 0.0 <= value < math.inf:
        raise AthenaError(f"{key}: is {value:g}; it must not be negative")


def check_share(key: str, value: float) -> None:
    """A number in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise AthenaError(f"{key}: is {value:g}; it must be between 0 and 1")


def check_half_widths(key: str, values: Sequence[float]) -> None:
    """One half-width of uniform noise for each of three axes."""
    if len(values) != 3 or not all(0.0 <= value < math.inf for value in values):
        raise AthenaError(f"{key}: is {list(values)}; give three half-widths, none of them negative")
