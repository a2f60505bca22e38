"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Two test processes with spinning OpenMP teams are slower than one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.killing import Start, processes

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_motions() -> Path:
    """The folder with real motions: ``ATHENA_SHARED_MOTIONS``, or ``shared/motions`` beside the checkout."""
    folder = Path(os.environ.get("ATHENA_SHARED_MOTIONS") or ROOT.parent / "shared" / "motions")
    if not folder.is_dir():
        pytest.skip("no real motions: set ATHENA_SHARED_MOTIONS to a folder that holds them")
    return folder


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Keep torch on one thread, so that numbers do not depend on the machine and processes do not fight."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_robots_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests know the robots that ship; what is added goes into a folder of the tests."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture
def in_a_process() -> Iterator[Start]:
    """Starts processes, and leaves none behind."""
    with processes() as start:
        yield start
