"""Training curves: written as a training writes them, read back, smoothed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.pipeline.curves import last_step, read_curves, smooth
from tests.pipeline.made_folder import write_events


def test_what_was_logged_is_read(tmp_path: Path) -> None:
    write_events(tmp_path, {"reward/total": [1.0, float("nan"), 3.0], "loss/kl": [0.25]})
    curves = read_curves(tmp_path)
    assert sorted(curves) == ["loss/kl", "reward/total"]
    assert curves["reward/total"].steps.tolist() == [1, 3]
    assert curves["reward/total"].values.tolist() == [1.0, 3.0]
    assert last_step(curves) == 3


def test_no_folder_and_no_events(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == {}
    assert read_curves(tmp_path / "nowhere") == {}
    assert last_step({}) is None


def test_a_resumed_run_keeps_its_last_values(tmp_path: Path) -> None:
    write_events(tmp_path, {"reward/total": [1.0, 2.0, 3.0, 4.0]})
    # Killed after iteration 4, gone on from the checkpoint of iteration 2.
    first = next(tmp_path.glob("events.*"))
    first.rename(tmp_path / "events.out.tfevents.0000000001.a")
    write_events(tmp_path, {"reward/total": [30.0, 40.0]}, start=3, purge=True)
    curve = read_curves(tmp_path)["reward/total"]
    assert curve.steps.tolist() == [1, 2, 3, 4]
    assert curve.values.tolist() == [1.0, 2.0, 30.0, 40.0]


def test_a_damaged_file_is_told_or_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_events(tmp_path, {"reward/total": [1.0, 2.0, 3.0]})
    path = next(tmp_path.glob("events.*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert read_curves(tmp_path)["reward/total"].values.tolist() == [1.0, 2.0]
    path.write_bytes(b"no events at all, but long enough to look at")
    try:
        assert read_curves(tmp_path) == {}
    except ValueError as error:
        assert "cannot be read" in str(error)


def test_smoothing_by_hand() -> None:
    values = np.array([0.0, 3.0, 6.0, 3.0, 0.0])
    # A window of three, of two at the ends.
    assert smooth(values, share=0.4).tolist() == [1.5, 3.0, 4.0, 3.0, 1.5]
    assert smooth(values, share=0.1).tolist() == values.tolist()
    assert smooth(np.full(100, 7.0)) == pytest.approx(np.full(100, 7.0))
