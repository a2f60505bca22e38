"""Checkpoints of one simulator on the other."""

from __future__ import annotations

import os
from pathlib import Path

from tests.isaaclab.crossing import leave_run, take_run


def test_what_mujoco_has_trained_goes_on_here(launched: None, left: Path, tmp_path: Path):
    take_run(left / "from_mujoco", tmp_path)


def test_a_run_is_left_for_mujoco(launched: None, tmp_path: Path):
    """`tests/sim/test_from_isaaclab.py` takes it, in the other environment."""
    folder = Path(os.environ.get("ATHENA_PARITY") or tmp_path / "parity.npz").parent / "from_isaaclab"
    leave_run(folder)
    assert (folder / "actions.npz").is_file()
