"""Which simulator environments are made on."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from athena_wbc.cli import main
from athena_wbc.errors import AthenaError
from athena_wbc.sim import registry


def test_the_mujoco_shell_is_what_a_library_call_gets():
    from athena_wbc.sim.env import TrackingEnv

    assert registry._chosen == "mujoco"
    with pytest.raises(TypeError, match=TrackingEnv.__init__.__name__):
        registry.make_env(nonsense=True)


def test_auto_is_what_is_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert registry.resolve_simulator("auto") == "mujoco"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert registry.resolve_simulator("auto") == "isaaclab"


def test_an_unknown_simulator_names_the_nearest():
    with pytest.raises(AthenaError, match=r"^--sim: .*did you mean 'isaaclab'"):
        registry.resolve_simulator("isaclab")


def test_the_choice_ends_with_the_block():
    with registry.simulator("mujoco"):
        assert registry._chosen == "mujoco"
    with pytest.raises(RuntimeError), registry.simulator("mujoco"):
        raise RuntimeError
    assert registry._chosen == "mujoco"


def test_mujoco_takes_no_engine(capsys: pytest.CaptureFixture[str], tmp_path):
    command = ["train", "--sim", "mujoco", "--out", str(tmp_path / "run"), "physics=newton_mjwarp"]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "athena: error: physics=newton_mjwarp: mujoco has one engine; leave it out, or take --sim isaaclab\n"
    )


def test_nothing_of_isaac_lab_is_imported_unasked():
    assert not any(name.partition(".")[0] == "isaaclab" for name in sys.modules)
