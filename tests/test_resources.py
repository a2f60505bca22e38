from __future__ import annotations

from pathlib import Path

import pytest

from athena_wbc import resources
from athena_wbc.errors import AthenaError


def test_a_checkout_uses_its_own_folders(repository: Path) -> None:
    assert resources.configs_folder() == repository / "configs"
    assert resources.robots_folder() == repository / "robots" / "athena_robots"


def test_a_wheel_uses_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "athena_wbc"
    (package / "_configs" / "recipe").mkdir(parents=True)
    (package / "_configs" / "recipe" / "general.yaml").write_text("{}")
    (tmp_path / "site-packages" / "athena_robots" / "g1").mkdir(parents=True)
    (tmp_path / "site-packages" / "athena_robots" / "g1" / "robot.yaml").write_text("{}")
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.config_path("recipe", "general") == package / "_configs" / "recipe" / "general.yaml"
    assert list(resources.robot_files()) == ["g1"]


def test_an_incomplete_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "athena_wbc")
    with pytest.raises(AthenaError, match="install athena-wbc again"):
        resources.configs_folder()


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(AthenaError, match=r"recipe: unknown 'genral'; did you mean 'general'\?"):
        resources.config_path("recipe", "genral")


def test_an_unknown_group_has_no_names() -> None:
    assert resources.config_names("nothing") == []


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("{}")
    assert resources.config_path("recipe", str(own)) == own
    with pytest.raises(AthenaError, match=r"gone\.yml: no such file"):
        resources.config_path("recipe", str(tmp_path / "gone.yml"))
