"""What Isaac Lab's side says where it cannot run; none of this needs Isaac Lab."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from athena_tasks.isaaclab import asset, launch, usd
from athena_tasks.isaaclab.backend import match_names
from athena_wbc.cli import main
from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError


def installed(monkeypatch: pytest.MonkeyPatch, version: str | None, python: tuple[int, int] = (3, 12)) -> None:
    def answer(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(launch.metadata, "version", answer)
    monkeypatch.setattr(launch.sys, "version_info", SimpleVersion(python))


class SimpleVersion(tuple):
    """Enough of `sys.version_info`."""

    major = property(lambda self: self[0])
    minor = property(lambda self: self[1])


def refusal(monkeypatch: pytest.MonkeyPatch, version: str | None, python: tuple[int, int] = (3, 12)) -> str:
    with monkeypatch.context() as patched, pytest.raises(AthenaError) as caught:
        installed(patched, version, python)
        launch.check_installation()
    assert "\n" not in str(caught.value)
    return str(caught.value)


INSTALL = "run on Python 3.12: pip install -e '.[isaaclab]' in the checkout"


def test_isaac_lab_absent(monkeypatch: pytest.MonkeyPatch):
    assert refusal(monkeypatch, None) == f"--sim isaaclab: Isaac Lab is not installed; {INSTALL}"


def test_python_without_isaac_lab(monkeypatch: pytest.MonkeyPatch):
    told = refusal(monkeypatch, None, (3, 11))
    assert told == f"--sim isaaclab: Isaac Lab 3 needs Python 3.12, this is 3.11; {INSTALL}"


@pytest.mark.parametrize("version", ["2.3.2.post1", "4.0.0", "30.1"])
def test_another_major_version(monkeypatch: pytest.MonkeyPatch, version: str):
    assert refusal(monkeypatch, version) == f"--sim isaaclab: needs Isaac Lab 3, here is {version}; {INSTALL}"


def test_the_right_version_passes(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        installed(patched, "3.0.0")
        launch.check_installation()


@pytest.mark.skipif(importlib.util.find_spec("isaaclab") is not None, reason="Isaac Lab is installed here")
def test_the_command_says_it_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["train", "--sim", "isaaclab", "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("athena: error: --sim isaaclab: ") and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AthenaError) as caught:
        launch.choose_engine("isaacsim_physx")
    assert str(caught.value) == (
        "physics=isaacsim_physx: the engine's package 'isaacsim' is not installed; install Isaac Sim, "
        "or take physics=newton_mjwarp"
    )


def test_an_unknown_engine_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^physics: .*did you mean 'newton_mjwarp'"):
        launch.choose_engine("newton_mjwrap")


def test_names_are_matched_and_the_differences_listed():
    assert match_names(("a", "b"), ["b", "a"], "robot 'x': joint") == [1, 0]
    with pytest.raises(AthenaError) as caught:
        match_names(("a", "b"), ["b", "c"], "robot 'x': joint")
    assert str(caught.value) == (
        "robot 'x': joint: the asset lacks a; the robot file lacks c; bring asset and robot.yaml together"
    )


# --- the cache of USD files


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and a writer that counts instead of one that needs USD."""
    monkeypatch.setenv("ATHENA_CACHE", str(tmp_path))
    made: list[int] = []

    def write(embodiment, path: Path) -> None:
        made.append(1)
        path.write_text(f"#usda 1.0\n# {embodiment.name}\n")

    monkeypatch.setattr(usd, "write_robot", write)
    monkeypatch.setattr(asset.usd, "write_robot", write)
    monkeypatch.setattr(asset, "made", made, raising=False)
    return tmp_path / "usd"


def test_an_asset_is_made_once(cache: Path):
    robot = get_embodiment("g1")
    first = asset.robot_usd(robot)
    assert asset.robot_usd(robot) == first and len(asset.made) == 1
    assert first.parent == cache and first.suffix == ".usda"
    assert not list(cache.glob(".*")), "no temporary file stays"


@pytest.mark.parametrize("damage", ["truncated", "no checksum", "gone"])
def test_a_damaged_asset_is_made_again(cache: Path, damage: str):
    robot = get_embodiment("g1")
    path = asset.robot_usd(robot)
    whole = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(whole[:5])
    elif damage == "no checksum":
        path.with_suffix(".sha256").unlink()
    else:
        path.unlink()
    assert asset.robot_usd(robot) == path and len(asset.made) == 2
    assert path.read_bytes() == whole


def test_a_robot_without_its_mjcf(cache: Path):
    robot = SimpleNamespace(name="mine", model_path=Path("gone/mine.xml"))
    with pytest.raises(AthenaError, match=r"^gone/mine\.xml: robot 'mine' has no MJCF there.*; bring the file back$"):
        asset.robot_usd(robot)


def test_the_cache_follows_the_usual_variables(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ATHENA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert asset.cache_folder() == Path("/caches/athena_wbc/usd")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert asset.cache_folder() == Path.home() / ".cache" / "athena_wbc" / "usd"
