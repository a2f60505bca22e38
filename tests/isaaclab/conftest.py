"""Tests on Isaac Lab itself: `make test-isaaclab` runs them in an environment of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

HAS_ISAACLAB = importlib.util.find_spec("isaaclab") is not None

collect_ignore = [] if HAS_ISAACLAB else [str(path) for path in Path(__file__).parent.glob("test_*.py")]


@pytest.fixture(scope="session")
def launched() -> Iterator[None]:
    """Newton on the CPU, without a window, for the whole session."""
    from athena_wbc.sim.registry import simulator

    with simulator("isaaclab"):
        yield


@contextlib.contextmanager
def environments() -> Iterator[Callable]:
    """A maker of Isaac Lab environments. A process holds one at a time: each closes the one before."""
    from athena_wbc.config import load_config
    from athena_wbc.embodiment import get_embodiment
    from athena_wbc.motion.opening import open_library
    from athena_wbc.sim.registry import make_env

    made = []

    def build(*overrides: str, num_envs: int = 4, motions=("builtin:wave",), **options):
        while made:
            made.pop().close()
        config = load_config("general", overrides)
        library = open_library(list(motions), get_embodiment(config.robot), config.sim.control_dt)
        made.append(make_env(config, library, num_envs, **options))
        return made[-1]

    try:
        yield build
    finally:
        while made:
            made.pop().close()


@pytest.fixture
def make(launched: None) -> Iterator[Callable]:
    """Make environments on Newton."""
    with environments() as build:
        yield build


@pytest.fixture(scope="session")
def left() -> Path:
    """Where `write_parity.py` has left what comes from the MuJoCo shell: ATHENA_PARITY names its file."""
    path = os.environ.get("ATHENA_PARITY")
    if not path or not Path(path).is_file():
        pytest.skip("nothing of the MuJoCo shell's: set ATHENA_PARITY, as make test-isaaclab does")
    return Path(path).parent


@pytest.fixture(scope="session")
def mujoco(left: Path) -> dict[str, np.ndarray]:
    """States of the MuJoCo shell, and what its task makes of them."""
    with np.load(os.environ["ATHENA_PARITY"]) as arrays:
        return dict(arrays)
