"""The benchmark of the motion library, on half a minute of motion. What it measures is not judged here."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from athena_wbc.bench.library import FPS, bench_library, synthetic_corpus
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError


def test_figures_of_a_small_corpus() -> None:
    figures = bench_library(hours=0.01, num_envs=(8, 16), seconds=0.0)
    assert figures["frames"] == 0.01 * 3600 * FPS
    assert figures["hours"] == pytest.approx(0.01)
    assert figures["clips"] == 2
    assert figures["bytes_per_frame"] == 36 * 4
    assert figures["resident_GB"] == pytest.approx(1800 * 144e-9)
    assert figures["open_s"] > 0.0
    assert figures["cached"]["hours"] == pytest.approx(0.01)
    assert figures["cached"]["cache_GB"] > figures["resident_GB"]
    for mode in ("kinematics", "cached"):
        for kind in ("at", "generalised"):
            for count in (8, 16):
                rate = figures[mode][f"{kind}_{count}_per_s"]
                assert math.isfinite(rate)
                assert rate > 0.0
    json.dumps(figures, allow_nan=False)


def test_synthetic_motions_are_motions() -> None:
    """Of the length asked for, each its own, with unit quaternions, and the same for the same seed."""
    robot = get_embodiment("g1")
    packed = synthetic_corpus(0.2, robot, seed=3)
    assert packed.num_frames.sum() == len(packed.coordinates) == 0.2 * 3600 * FPS
    assert len(packed.num_frames) == len(packed.names) == len(set(packed.names)) == 24
    assert packed.num_frames.min() >= 100
    assert packed.coordinates.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(packed.coordinates[:, 3:7], axis=1), 1.0, atol=1e-6)
    first, second = np.split(packed.coordinates, np.cumsum(packed.num_frames)[:-1])[:2]
    assert np.abs(first[:100, 7:] - second[:100, 7:]).max() > 0.1
    np.testing.assert_array_equal(synthetic_corpus(0.2, robot, seed=3).coordinates, packed.coordinates)


@pytest.mark.parametrize("hours", [0.0, -1.0, math.nan, math.inf])
def test_hours_that_are_none(hours: float) -> None:
    with pytest.raises(AthenaError, match="--hours: must be at least a second"):
        bench_library(hours=hours)


def test_more_hours_than_memory() -> None:
    with pytest.raises(AthenaError, match=r"--hours: 1e\+09 hours take .* GB, this machine has .* ask for fewer hours"):
        bench_library(hours=1e9)
