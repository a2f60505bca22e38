"""A finished run of the small loop, and copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.synthesis.loop.small_loop import run, use_fakes, write_config


@pytest.fixture(scope="session")
def loop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, a run of it in ``out``, and what it told in ``told.txt``."""
    folder = tmp_path_factory.mktemp("loop")
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_fakes(monkeypatch)
        config = write_config(folder)
        (folder / "told.txt").write_text(run(folder / "out", config))
    return folder


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generator and judge of the tests."""
    use_fakes(monkeypatch)


@pytest.fixture
def out(loop_home: Path, tmp_path: Path, fakes: None) -> Path:
    """A copy of the finished run, to do things to."""
    return Path(shutil.copytree(loop_home / "out", tmp_path / "out"))
