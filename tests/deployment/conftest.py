"""A policy of one iteration that a robot could run, one that it could not, and an export of the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc.deployment.export import Exported, run_export
from athena_wbc.learning.train import run_training
from tests.learning.tiny import TINY, sway


@pytest.fixture(scope="package")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip of 2.4 s, 121 control steps: longer than the example."""
    path = tmp_path_factory.mktemp("motions") / "elbow.npz"
    sway("elbow", "left_elbow_joint", 0.4, seconds=2.4).save(path)
    return path


@pytest.fixture(scope="package")
def runs(motions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `student`."""
    folder = tmp_path_factory.mktemp("runs")
    train(folder / "student", "sonic_base", motions)
    return folder


@pytest.fixture
def teacher(motions: Path, tmp_path: Path) -> Path:
    """A run whose policy reads what only a simulation knows."""
    train(tmp_path / "teacher", "general", motions)
    return tmp_path / "teacher"


def train(out: Path, recipe: str, motions: Path) -> None:
    run_training(out, 1, recipe=recipe, num_envs=4, seed=3, motions=str(motions), overrides=TINY, quiet=True)


@pytest.fixture(scope="package")
def exported(runs: Path, motions: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The student, in all formats."""
    pytest.importorskip("onnxruntime", reason="exports are checked with onnxruntime: pip install -e '.[export]'")
    return run_export(runs / "student", tmp_path_factory.mktemp("exports") / "deploy", motions=[str(motions)])
