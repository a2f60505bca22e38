"""A package that knows nothing of this checkout brings a robot, as a third party's would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "third_party_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its dist-info, as `pip install` leaves them."""
    pytest.importorskip("hatchling", reason="the package is built with hatchling: pip install -e .[dev]")
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, source)  # the build must leave nothing in the checkout
    target = tmp_path_factory.mktemp("target")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(installed: Path, repository: Path, *command: str) -> str:
    paths = [str(repository / part) for part in ("", "robots", "tasks")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*paths, str(installed)])}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_robot_is_listed_with_its_origin(installed: Path, repository: Path) -> None:
    lines = run(installed, repository, "-m", "athena_wbc.cli", "robots", "list").splitlines()
    (scout,) = [line for line in lines if line.startswith("scout")]
    assert "package acme-robots" in scout
    assert "16" in scout
    (g1,) = [line for line in lines if line.startswith("g1")]
    assert "shipped" in g1


def test_it_has_task_ids_and_embodiment_by_name(installed: Path, repository: Path) -> None:
    code = (
        "from athena_tasks import find_task\n"
        "from athena_wbc.embodiment import get_embodiment\n"
        "scout = get_embodiment(find_task('Athena-Tracking-Scout-v0').robot)\n"
        "print(scout.name, scout.num_joints, scout.model_path)"
    )
    name, joints, model = run(installed, repository, "-c", code).split()
    assert (name, joints) == ("scout", "16")
    assert Path(model) == installed / "acme_robots" / "scout" / "scout.xml"


def test_without_the_package_it_is_unknown(repository: Path, tmp_path: Path) -> None:
    assert "scout" not in run(tmp_path, repository, "-m", "athena_wbc.cli", "robots", "list")
