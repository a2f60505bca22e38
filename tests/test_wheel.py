"""The wheel holds all that the library needs: configurations, robots, task ids."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from athena_wbc import __version__


def run(*command: str | Path, cwd: Path) -> str:
    # Nothing of the checkout or of the surrounding environment may help the installed wheel.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling: pip install -e .[dev]")
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=repository)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a clean environment that has the wheel, and dependencies from the present one."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=home)
    # Dependencies by path and not as a site folder: .pth files in there may point at this checkout.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_the_wheel_holds_packages_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for expected in (
        "athena_wbc/cli.py",
        "athena_wbc/_configs/recipe/general.yaml",
        "athena_robots/g1/robot.yaml",
        "athena_robots/g1/g1.xml",
        "athena_robots/g1/NOTICE",
        *(f"athena_robots/{robot}/{file}" for robot in ("athena80", "junior35") for file in ("robot.yaml", "NOTICE")),
        "athena_robots/athena80/athena80.xml",
        "athena_robots/junior35/junior35.xml",
        "athena_tasks/__init__.py",
    ):
        assert expected in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"athena_wbc", "athena_robots", "athena_tasks", f"athena_wbc-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name]


def test_an_installed_wheel_answers_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "athena", "--version", cwd=tmp_path) == f"athena {__version__}\n"
    assert "Unitree G1" in run(installed / "athena", "robots", "list", cwd=tmp_path)
    assert "general" in run(installed / "athena", "recipes", "list", cwd=tmp_path)


def test_an_installed_wheel_uses_its_own_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "import athena_wbc, athena_tasks\n"
        "from athena_wbc.resources import config_path, robots_folder\n"
        "print(config_path('recipe', 'general'))\n"
        "print(robots_folder())\n"
        "print(athena_tasks.find_task('Athena-Tracking-G1-v0').robot)\n"
    )
    config, robots, robot = run(installed / "python", "-c", code, cwd=tmp_path).split()
    home = str(installed.parent)
    assert config.startswith(home) and robots.startswith(home)
    assert robot == "g1"
