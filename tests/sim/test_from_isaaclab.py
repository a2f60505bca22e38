"""A run that was trained on Isaac Lab goes on here: `make test-isaaclab` brings one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.isaaclab.crossing import take_run


def test_what_isaac_lab_has_trained_goes_on_here(tmp_path: Path):
    left = Path(os.environ.get("ATHENA_PARITY") or tmp_path / "none").parent / "from_isaaclab"
    if not left.is_dir():
        pytest.skip("no run of Isaac Lab's: make test-isaaclab leaves one, and names the place in ATHENA_PARITY")
    take_run(left, tmp_path)
